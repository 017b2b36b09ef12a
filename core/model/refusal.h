// The reasons for refusing input from the network. The code that refuses reports the reason and the address to a
// RefusalReport, which counts refusals and logs some of them (net/base/refusal_log.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace chat {

// The values are those of chat_refusal in chat.h.
enum class Refusal : std::uint8_t {
  connections,
  connections_per_address,
  descriptors,
  sessions,
  sessions_per_address,
  clients,
  clients_per_address,
  namespaces,
  rooms,
  rooms_per_address,
  rooms_per_client,
  memberships,
  memberships_per_address,
  slow_reader,
  queued_bytes,
  queued_bytes_per_address,
  message_rate,
  connect_rate,
  reply_rate,
  message_bytes,
  header_bytes,
  body_bytes,
  request_timeout,
  ping_timeout,
  undecided,
  origin,
  host,
  malformed,
  application,
  flood,
};
inline constexpr std::size_t kRefusalCount = 30;

class RefusalReport {
 public:
  virtual ~RefusalReport() = default;
  // Callable from any thread, with or without locks of the hub held. address: as in ClientOrigin; empty on a UNIX
  // socket. detail: may be empty or quote the client; control characters are replaced before it is logged.
  virtual void note(Refusal reason, std::string_view address, std::string_view detail = {}) = 0;
};

}  // namespace chat
