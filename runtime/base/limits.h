// Every bound of the runtime in one place, with its unit in the name (the compiler's are in
// dsl/limits.h). What passes one earns a clear refusal, never a crash and never unbounded memory
// (promise 14).
#pragma once
#include <cstddef>
#include <cstdint>

namespace belay::runtime::limits {

// Sagas.
inline constexpr std::size_t input_bytes_max = 256 * 1024;   // of one start, canonical
inline constexpr std::size_t result_bytes_max = 256 * 1024;  // of one step
inline constexpr std::size_t state_bytes_max = 1024 * 1024;  // of one saga
inline constexpr std::size_t entries_per_saga_max = 10'000;  // then it is held
inline constexpr std::size_t snapshot_every_entries = 100;
inline constexpr std::size_t event_bytes_max = 256 * 1024;
inline constexpr std::size_t json_depth_max = 64;
inline constexpr std::size_t key_bytes_max =
    255;  // idempotency keys, `once per` values, event keys
inline constexpr std::size_t reason_bytes_max = 2'000;  // of an operator's act
inline constexpr std::size_t page_rows_max = 500;       // of a list
inline constexpr std::size_t page_rows_default = 50;

// The engine.
inline constexpr std::size_t lanes_default = 32;
inline constexpr std::size_t flush_entries_max = 2'000;
inline constexpr std::size_t flush_bytes_max = 4 * 1024 * 1024;

// Incoming HTTP.
inline constexpr std::size_t request_body_bytes_max = 1024 * 1024;
inline constexpr std::size_t webhook_body_bytes_max = 256 * 1024;
inline constexpr std::size_t request_path_max =
    1'024;  // characters of the request target, query included
inline constexpr std::size_t header_bytes_max = 16 * 1024;  // all names and values of a request
inline constexpr std::size_t headers_max = 64;              // lines
inline constexpr std::size_t connections_max =
    900;  // descriptors from 1,024 up are refused (select)
inline constexpr std::size_t task_queue_max = 256;  // connections that wait for a thread
inline constexpr std::size_t http_threads = 32;     // one serves one connection at a time
inline constexpr int http_read_timeout_ms = 5'000;  // between two reads
inline constexpr int http_write_timeout_ms = 10'000;
inline constexpr int http_body_timeout_ms = 20'000;  // a whole body, however it trickles
inline constexpr int keep_alive_timeout_s = 2;
inline constexpr std::size_t keep_alive_requests_max = 1'000;

// Outgoing HTTP.
inline constexpr std::size_t http_response_bytes_max = 256 * 1024;
inline constexpr std::size_t http_response_header_bytes_max = 32 * 1024;
inline constexpr std::size_t outgoing_queue_max = 10'000;     // submitted and not yet answered
inline constexpr std::size_t outgoing_in_flight_max = 4'000;  // handed to libcurl at once
inline constexpr std::size_t outgoing_url_bytes_max = 8'192;
inline constexpr long http_timeout_ms_default = 30'000;
inline constexpr long http_connect_timeout_ms_default = 5'000;
inline constexpr std::int64_t retry_after_s_max = 86'400;  // a longer Retry-After counts as this
inline constexpr std::size_t connector_waiting_max =
    5'000;  // calls that wait for a connector's limiter

// Between nodes.
inline constexpr std::size_t forwards_max =
    64;  // requests of this node that others are asked at once
inline constexpr std::size_t mailed_requests_max = 16;  // the same through the database
inline constexpr long forward_connect_timeout_ms = 1'000;
inline constexpr long forward_timeout_ms = 16'000;  // more than an engine lets its callers wait
inline constexpr long forward_settle_ms = 1'500;    // for a lane that was lost to be somebody's
inline constexpr long mailed_timeout_ms = 16'000;

// Webhooks.
inline constexpr std::size_t signature_header_bytes_max = 4'096;
inline constexpr std::size_t signatures_per_header_max = 16;
inline constexpr std::int64_t webhook_tolerance_s_default = 300;

}  // namespace belay::runtime::limits
