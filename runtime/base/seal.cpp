// AES-256-GCM through OpenSSL. See seal.h.
#include "runtime/base/seal.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <sstream>

#include "runtime/base/check.h"
#include "runtime/base/json_value.h"

namespace belay::runtime {
namespace {

constexpr std::size_t kNonce = 12, kTag = 16;
constexpr std::string_view kMark = "\"$sealed\":\"";

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string hmac(std::string_view key, std::string_view text) {
  std::string out(32, '\0');
  unsigned int length = 0;
  const auto* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes(text),
                          text.size(), bytes(out), &length);
  BELAY_CHECK(done != nullptr && length == 32, "HMAC gives 32 bytes");
  return out;
}

tl::unexpected<Failure> unreadable() {
  return fail(ErrorCode::kCorrupt,
              "a sealed value does not open: it is damaged, or sealed under another key");
}

std::optional<std::string> key_bytes(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  std::string out;
  if (text.size() == 2 * DataKey::kBytes) {
    for (std::size_t i = 0; i < text.size(); i += 2) {
      unsigned value = 0;
      const auto read = std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
      if (read.ec != std::errc() || read.ptr != text.data() + i + 2) return std::nullopt;
      out += static_cast<char>(value);
    }
    return out;
  }
  if (!from_base64(text, out) || out.size() != DataKey::kBytes) return std::nullopt;
  return out;
}

// What stands between the mark and the next quote.
std::optional<std::string_view> blob_of(std::string_view json) {
  const std::size_t at = json.rfind(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = json.substr(at + kMark.size());
  const std::size_t end = rest.find('"');
  if (end == std::string_view::npos) return std::nullopt;
  return rest.substr(0, end);
}

}  // namespace

// ---- Keys

DataKey::DataKey(Secret key) : bytes_(std::move(key)) {
  BELAY_CHECK(bytes_.reveal().size() == kBytes, "a key has 32 bytes");
}

DataKey DataKey::random() {
  std::string key(kBytes, '\0');
  BELAY_CHECK(RAND_bytes(bytes(key), static_cast<int>(key.size())) == 1,
              "the system gives random bytes");
  return DataKey(Secret(std::move(key)));
}

std::string DataKey::seal(std::string_view plain, std::string_view bound_to) const {
  std::string out(kNonce + plain.size() + kTag, '\0');
  BELAY_CHECK(RAND_bytes(bytes(out), kNonce) == 1, "the system gives random bytes");
  const Context context(EVP_CIPHER_CTX_new());
  int length = 0;
  bool fine = EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(bytes_.reveal()),
                                 bytes(out)) == 1;
  fine = fine && EVP_EncryptUpdate(context.get(), nullptr, &length, bytes(bound_to),
                                   static_cast<int>(bound_to.size())) == 1;
  fine = fine && EVP_EncryptUpdate(context.get(), bytes(out) + kNonce, &length, bytes(plain),
                                   static_cast<int>(plain.size())) == 1;
  fine = fine && EVP_EncryptFinal_ex(context.get(), bytes(out) + kNonce + length, &length) == 1;
  fine = fine && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTag,
                                     bytes(out) + kNonce + plain.size()) == 1;
  BELAY_CHECK(fine, "sealing works");
  return to_base64(out);
}

Result<std::string> DataKey::open(std::string_view sealed, std::string_view bound_to) const {
  std::string in;
  if (!from_base64(sealed, in) || in.size() < kNonce + kTag) return unreadable();
  const std::size_t size = in.size() - kNonce - kTag;
  std::string plain(size, '\0');
  const Context context(EVP_CIPHER_CTX_new());
  int length = 0;
  bool fine = EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(bytes_.reveal()),
                                 bytes(in)) == 1;
  fine = fine && EVP_DecryptUpdate(context.get(), nullptr, &length, bytes(bound_to),
                                   static_cast<int>(bound_to.size())) == 1;
  fine = fine && EVP_DecryptUpdate(context.get(), bytes(plain), &length, bytes(in) + kNonce,
                                   static_cast<int>(size)) == 1;
  fine = fine && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTag,
                                     bytes(in) + kNonce + size) == 1;
  fine = fine && EVP_DecryptFinal_ex(context.get(), bytes(plain) + length, &length) == 1;
  if (!fine) return unreadable();
  return plain;
}

Sealer::Sealer(Secret master)
    : wrap_(Secret(hmac(master.reveal(), "belay wrap"))),
      own_(Secret(hmac(master.reveal(), "belay own"))),
      mac_(Secret(hmac(master.reveal(), "belay mac"))) {}

Result<SealerPtr> Sealer::from_text(std::string_view text) {
  std::optional<std::string> key = key_bytes(text);
  if (!key) {
    return fail(ErrorCode::kMisconfigured, "the seal key is not 32 bytes in hex or base64",
                "make one with `openssl rand -base64 32`");
  }
  return SealerPtr(new Sealer(Secret(std::move(*key))));
}

Result<SealerPtr> Sealer::from_file(const std::string& path, bool make) {
  if (make && access(path.c_str(), F_OK) != 0) {
    // Whole or not at all: a key that was lost half-way would lock everything that was sealed under
    // it meanwhile.
    const std::string fresh = path + ".new";
    const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    std::string text = to_base64(DataKey::random().bytes_.reveal()) + "\n";
    const bool written =
        file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        fsync(file) == 0;
    if (file >= 0) ::close(file);
    wipe(text);
    if (!written || rename(fresh.c_str(), path.c_str()) != 0) {
      return fail(ErrorCode::kMisconfigured, "the seal key file `" + path + "` cannot be written",
                  "set BELAY_SEAL_KEY, or name a file with --seal-key-file");
    }
  }
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) {
    return fail(ErrorCode::kMisconfigured, "the seal key file `" + path + "` cannot be read",
                "make one with `openssl rand -base64 32`, readable only by this user");
  }
  std::string bytes = text.str();
  Result<SealerPtr> sealer = from_text(bytes);
  wipe(bytes);
  if (!sealer)
    return fail(ErrorCode::kMisconfigured, sealer.error().message + " (`" + path + "`)",
                sealer.error().hint);
  return sealer;
}

std::string Sealer::wrap(const DataKey& key, std::string_view saga) const {
  return wrap_.seal(key.bytes_.reveal(), saga);
}

Result<SealPtr> Sealer::unwrap(std::string_view wrapped, std::string_view saga) const {
  Result<std::string> key = wrap_.open(wrapped, saga);
  if (!key || key->size() != DataKey::kBytes) {
    return fail(ErrorCode::kCorrupt, "its private values are sealed under another master key",
                "start with the BELAY_SEAL_KEY (or --seal-key-file) that it was started under");
  }
  return std::make_shared<const DataKey>(Secret(std::move(*key)));
}

std::string Sealer::mac(std::string_view text) const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : hmac(mac_.reveal(), text)) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

// ---- Forms

std::string sealed_value(const DataKey& key, std::string_view plain, std::string_view bound_to) {
  return "{" + std::string(kMark) + key.seal(plain, bound_to) + "\"}";
}

bool is_sealed_value(std::string_view json) {
  return json.starts_with('{') && json.substr(1).starts_with(kMark);
}

Result<std::string> open_value(const DataKey& key, std::string_view json,
                               std::string_view bound_to) {
  const auto blob = blob_of(json);
  if (!blob || !is_sealed_value(json)) return unreadable();
  return key.open(*blob, bound_to);
}

std::string sealed_payload(const DataKey& key, const SealedBy& by, std::string_view plain,
                           std::string_view bound_to) {
  return "{" + std::string(kMark) + key.seal(plain, bound_to) + "\",\"saga\":\"" + by.saga +
         "\",\"lane\":" + std::to_string(by.lane) + "}";
}

std::optional<SealedBy> sealed_by(std::string_view json) {
  if (!is_sealed_value(json)) return std::nullopt;
  const Result<interpreter::Value> read = parse_json(json, {.bytes_max = json.size() + 1});
  if (!read) return std::nullopt;
  const interpreter::Value* saga = read->find("saga");
  const interpreter::Value* lane = read->find("lane");
  if (saga == nullptr || saga->kind() != interpreter::Value::Kind::kString || lane == nullptr ||
      lane->kind() != interpreter::Value::Kind::kInt) {
    return std::nullopt;
  }
  return SealedBy{saga->as_string(), static_cast<std::int32_t>(lane->as_int())};
}

std::string sealed_body(const DataKey& key, std::string readable, std::string_view plain,
                        std::string_view bound_to) {
  BELAY_CHECK(readable.ends_with('}'), "a body is an object");
  readable.pop_back();
  if (readable.size() > 1) readable += ',';
  return readable + std::string(kMark) + key.seal(plain, bound_to) + "\"}";
}

// Inside a text the quotes of the mark would be escaped.
bool is_sealed_body(std::string_view body) { return body.find(kMark) != std::string_view::npos; }

Result<std::string> open_body(const DataKey& key, std::string_view body,
                              std::string_view bound_to) {
  const auto blob = blob_of(body);
  if (!blob) return unreadable();
  return key.open(*blob, bound_to);
}

std::string bound_to_entry(std::string_view saga, std::uint64_t seq) {
  return std::string(saga) + ":" + std::to_string(seq);
}

}  // namespace belay::runtime
