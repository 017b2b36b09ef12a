// See refusal_log.h.
#include "net/base/refusal_log.h"

#include <chrono>
#include <string>

#include "model/utf8.h"

namespace chat::net {
namespace {

constexpr std::int64_t kLineIntervalMs = 10'000;

struct Text {
  const char* name;
  const char* sentence;
};

// Indexed by Refusal.
constexpr std::array<Text, kRefusalCount> kTexts = {{
    {"connections", "too many connections (max_connections)"},
    {"connections_per_address", "too many connections from this address (max_connections_per_address)"},
    {"descriptors", "too many open files (RLIMIT_NOFILE at the start)"},
    {"sessions", "too many Socket.IO sessions (max_connections)"},
    {"sessions_per_address", "too many Socket.IO sessions from this address (max_clients_per_address)"},
    {"clients", "too many clients (max_clients)"},
    {"clients_per_address", "too many clients from this address (max_clients_per_address)"},
    {"namespaces", "too many namespaces in one connection"},
    {"rooms", "too many rooms (max_rooms)"},
    {"rooms_per_address", "too many rooms were created from this address (max_rooms_per_address)"},
    {"rooms_per_client", "too many rooms for one client (max_rooms_per_client)"},
    {"memberships", "too many memberships of rooms (max_memberships)"},
    {"memberships_per_address", "too many memberships of rooms from this address (max_memberships_per_address)"},
    {"slow_reader", "the client reads too slowly (max_outbox_bytes, max_outbox_messages)"},
    {"queued_bytes", "too many bytes wait for clients that read slowly (max_queued_bytes)"},
    {"queued_bytes_per_address", "too many bytes wait for slow clients of this address (max_queued_bytes_per_address)"},
    {"message_rate", "too many messages in a short time (inbound_rate)"},
    {"connect_rate", "too many CONNECT packets in a short time"},
    {"reply_rate", "too many bytes of replies in a short time"},
    {"message_bytes", "the message is too large (max_message_bytes)"},
    {"header_bytes", "the request's head is too large (max_header_bytes)"},
    {"body_bytes", "the request's body is too large (max_http_body_bytes)"},
    {"request_timeout", "the request, its answer or the first namespace took too long"},
    {"ping_timeout", "no answer to a ping (ping_timeout_ms)"},
    {"undecided", "too many messages wait for a verdict"},
    {"origin", "the Origin is not allowed (allowed_origins)"},
    {"host", "the Host is not allowed (allowed_hosts)"},
    {"malformed", "the input breaks its protocol's rules"},
    {"application", "the application refused the connection"},
    {"flood", "a message broke a flood rule of its room"},
}};

// A detail may quote a client, so it must not start a new line, control a terminal or fill the log.
std::string printable(std::string_view detail) {
  constexpr std::size_t kMaxDetailBytes = 200;
  const bool whole = detail.size() <= kMaxDetailBytes;
  const bool text = is_utf8(detail);
  if (!whole) detail = text ? utf8_prefix(detail, kMaxDetailBytes) : detail.substr(0, kMaxDetailBytes);
  std::string result;
  for (std::size_t i = 0; i < detail.size(); ++i) {
    const auto byte = static_cast<unsigned char>(detail[i]);
    // U+0080 to U+009F are terminal control characters too.
    const bool high_control = byte == 0xc2 && i + 1 < detail.size() && static_cast<unsigned char>(detail[i + 1]) < 0xa0;
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !text) || high_control) {
      result += '?';
      if (high_control && text) ++i;
    } else {
      result += detail[i];
    }
  }
  return whole ? result : result + "...";
}

}  // namespace

const char* refusal_name(Refusal reason) { return kTexts[static_cast<std::size_t>(reason)].name; }

void RefusalLog::note(Refusal reason, std::string_view address, std::string_view detail) {
  using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::steady_clock;
  note_at(duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count(), reason, address, detail);
}

void RefusalLog::note_at(std::int64_t now_ms, Refusal reason, std::string_view address, std::string_view detail) {
  Kind& kind = kinds_[static_cast<std::size_t>(reason)];
  const std::uint64_t count = kind.count.fetch_add(1, std::memory_order_relaxed) + 1;
  std::int64_t next_line_ms = kind.next_line_ms.load(std::memory_order_relaxed);
  // When several threads get here, only one writes the line.
  if (now_ms < next_line_ms || !kind.next_line_ms.compare_exchange_strong(next_line_ms, now_ms + kLineIntervalMs))
    return;
  const std::uint64_t logged = kind.logged.exchange(count, std::memory_order_relaxed);
  std::string line = "refused ";
  line.append(address.empty() ? "a UNIX socket" : address).append(": ");
  line.append(kTexts[static_cast<std::size_t>(reason)].sentence);
  if (!detail.empty()) line.append(": ").append(printable(detail));
  if (count > logged + 1)
    line.append(" (and ").append(std::to_string(count - logged - 1)).append(" more since the last line)");
  application_.log(LogLevel::info, line);
}

std::array<std::uint64_t, kRefusalCount> RefusalLog::counts() const {
  std::array<std::uint64_t, kRefusalCount> counts{};
  for (std::size_t i = 0; i < kRefusalCount; ++i) counts[i] = kinds_[i].count.load(std::memory_order_relaxed);
  return counts;
}

}  // namespace chat::net
