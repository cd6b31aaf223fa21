// What is said of a database whose commits may be gone after a crash (postgres_guard.h). Other
// messages of a database may name hosts and users and are for the log; one with these words is for
// anybody, so that GET /readyz can say it. Tested in tests/postgres/store_test.cpp and
// tests/runtime/engine_test.cpp.
#pragma once

namespace belay::runtime {

inline constexpr const char* kLosesCommits = "would lose what it answered for";

}  // namespace belay::runtime
