// The small types that all layers share: ids, errors, results, protocols, transports.
// Knows nothing of sockets, wire formats or the C API. The C API checks at compile time that its numbers are the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chat {

// Identifies a client. Ids are not reused; 0 is no client. The high bits hold the node that accepted the client, so the
// servers of a cluster never assign the same id; with node 0 the id is the plain number. Ids stay below 2^53, which
// JavaScript numbers represent exactly.
using ClientId = std::uint64_t;
inline constexpr unsigned kClientNumberBits = 43;
inline constexpr std::uint32_t kMaxNode = 1'023;
constexpr ClientId make_client_id(std::uint32_t node, std::uint64_t number) {
  return std::uint64_t{node} << kClientNumberBits | number;
}
constexpr std::uint32_t node_of(ClientId id) { return static_cast<std::uint32_t>(id >> kClientNumberBits); }

// The values are those of chat_error.
enum class Error : int {
  ok = 0,
  invalid_argument = 1,
  no_memory = 2,
  internal = 3,
  no_such_client = 4,
  no_such_room = 5,
  invalid_room = 6,
  invalid_event = 7,
  invalid_json = 8,
  invalid_utf8 = 9,
  too_large = 10,
  too_many = 11,
  forbidden = 12,
  banned = 13,
  not_joined = 14,
  rate_limited = 15,
  stopped = 16,
  wrong_thread = 17,
  wrong_state = 18,
  address_in_use = 19,
  address_invalid = 20,
  permission = 21,
  certificate = 22,
  event_loop = 23,
  system = 24,
  unsupported = 25,
  encoding = 26,
  timed_out = 27,
  unavailable = 28,
  muted = 29,
  slow_mode = 30,
  read_only = 31,
  no_such_message = 32,
  name_taken = 33,
  repeated = 34,
  no_links = 35,
};

// The values are those of chat_protocol and the bits of chat_transport.
enum class Protocol : std::uint8_t { plain = 1, chat_v1 = 2, socket_io = 3, stomp = 4, http = 5 };
enum class Transport : std::uint8_t { websocket = 0, polling = 1, streaming = 2 };
inline constexpr std::size_t kProtocolCount = 6;
inline constexpr std::size_t kTransportCount = 3;

enum class LogLevel : std::uint8_t { error = 1, warning = 2, info = 3, debug = 4 };

// Success, or an error code with a sentence for people that names the object concerned.
struct [[nodiscard]] Status {
  Error code = Error::ok;
  std::string detail;
  std::int64_t retry_after_ms = 0;  // after this time the same may be allowed; 0: unknown

  bool ok() const { return code == Error::ok; }
};

// A value, or a Status that explains why there is none. operator* requires ok().
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT(google-explicit-constructor): reads as a return of T
  Result(Status status) : status_(std::move(status)) {}  // NOLINT(google-explicit-constructor)
  Result(Error code, std::string detail) : status_{code, std::move(detail)} {}

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

// A header, a query argument, a cookie, an attribute.
struct Pair {
  std::string name;
  std::string value;

  bool operator==(const Pair&) const = default;
};
using Pairs = std::vector<Pair>;

// A negative limit means no limit.
inline constexpr std::int64_t kUnlimited = -1;
// True when the amount is above a limit that is not kUnlimited.
inline bool exceeds(std::int64_t amount, std::int64_t limit) { return limit >= 0 && amount > limit; }

}  // namespace chat
