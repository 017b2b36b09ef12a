// Socket.IO protocol 5 packets: decodes a text packet into its parts, and encodes packets. Payloads stay raw JSON.
// Packets that the reference parser (socket.io-parser 4) rejects are rejected, which closes the connection. Packets
// that it accepts but that cannot be relayed carry a fault. https://socket.io/docs/v4/socket-io-protocol/
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/types.h"

namespace chat::wire {

inline constexpr std::size_t kMaxAckIdDigits = 64;
inline constexpr std::size_t kMaxNamespaceBytes = 512;

// BINARY_EVENT is an event with attachments, BINARY_ACK an ack with attachments.
enum class SocketIoType : std::uint8_t { connect, disconnect, event, ack, connect_error };

struct SocketIoPacket {
  SocketIoType type = SocketIoType::event;
  std::size_t attachment_count = 0;  // binary packets that follow
  std::string_view nsp = "/";        // as written
  // Decimal digits without leading zeros, so an id of any size is returned unchanged. Empty: no acknowledgement is
  // wanted, or the id has more than kMaxAckIdDigits digits.
  std::string_view ack_id;
  // Empty, or JSON without surrounding white space: an object (connect), an object or string (connect_error), an array
  // that begins with a valid event name (event), or an array (ack).
  std::string_view payload;
  // Set when the arguments are nested too deeply, when a non-binary packet contains a placeholder, or when an
  // attachment has no placeholder.
  Status fault;
};

// Decodes one text packet of valid UTF-8, without its attachments. Events without a payload, or with white space before
// it, are rejected, although the reference parser accepts some of them. The result's views point into `text`.
Result<SocketIoPacket> decode_socket_io(std::string_view text);

// An event's payload, split into name and arguments. The name of {12,...} is "12".
struct SocketIoEvent {
  std::optional<std::string> name;  // nullopt: it has an unpaired surrogate
  std::string args;                 // a JSON array of the remaining arguments
};
SocketIoEvent split_event(const SocketIoPacket& packet);

// The recovery data in a CONNECT payload.
struct SocketIoRecovery {
  std::string pid;
  std::optional<std::string> offset;  // nullopt: the client has not received a numbered event yet
};
// Returns nullopt unless pid is a string and offset, if present, is a string.
std::optional<SocketIoRecovery> read_recovery(std::string_view connect_payload);

// Appends everything before the payload of a packet. The caller appends the payload.
void append_socket_io(std::string& out, SocketIoType type, std::string_view nsp, std::size_t attachment_count = 0,
                      std::string_view ack_id = {});

// Complete packets. `data` is JSON; empty: none.
std::string encode_connect(std::string_view nsp, std::string_view sid, std::string_view pid);
std::string encode_connect_error(std::string_view nsp, std::string_view message, std::string_view data = {});
std::string encode_disconnect(std::string_view nsp);

}  // namespace chat::wire
