// Socket.IO protocol 5 as text: one packet in, its parts out, and the head of a packet to send. The
// payload stays raw JSON. What the reference parser (socket.io-parser 4) refuses is refused, and
// the connection ends; what it takes but we would not relay is marked as a fault.
// https://socket.io/docs/v4/socket-io-protocol/
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/types.h"

namespace chat::wire {

inline constexpr std::size_t kMaxAckIdDigits = 64;
inline constexpr std::size_t kMaxNamespaceBytes = 512;

// A BINARY_EVENT is an event with attachments, a BINARY_ACK an ack with attachments.
enum class SocketIoType : std::uint8_t { connect, disconnect, event, ack, connect_error };

struct SocketIoPacket {
  SocketIoType type = SocketIoType::event;
  std::size_t attachment_count = 0;  // binary packets that follow
  std::string_view nsp = "/";        // as it was written
  // Decimal digits without zeros in front: a client's number of any size comes back as it was. Empty: no acknowledgement is
  // wanted, or none can be told apart (more than kMaxAckIdDigits).
  std::string_view ack_id;
  // Empty: none. Otherwise JSON without white space around it: an object (connect), an object or
  // string (connect_error), an array that begins with a permitted event name (event), an array
  // (ack).
  std::string_view payload;
  // Not ok: arguments that are nested too deeply, that hold a placeholder without being binary, or that have no place for
  // one of their attachments.
  Status fault;
};

// One text packet, valid UTF-8. Checks everything but the bytes of the attachments. An event
// without payload, or with white space before it, is refused although the reference does something
// with it.
Result<SocketIoPacket> decode_socket_io(std::string_view text);

// An event's payload, cut in two. The name of {12,...} is "12".
struct SocketIoEvent {
  std::optional<std::string> name;  // nullopt: it has an unpaired surrogate, which UTF-8 cannot hold
  std::string args;                 // a JSON array of the rest
};
SocketIoEvent split_event(const SocketIoPacket& packet);

// What CONNECT carries for connection state recovery, beside what it has for the application.
struct SocketIoRecovery {
  std::string pid;
  std::optional<std::string> offset;  // without: it has not seen a numbered event yet
};
// nullopt unless the pid is a string, and the offset too if there is one.
std::optional<SocketIoRecovery> read_recovery(std::string_view connect_payload);

// Everything of a packet but its payload, which the caller appends.
void append_socket_io(std::string& out, SocketIoType type, std::string_view nsp, std::size_t attachment_count = 0,
                      std::string_view ack_id = {});

// Whole packets. `data` is JSON, or empty for none.
std::string encode_connect(std::string_view nsp, std::string_view sid, std::string_view pid);
std::string encode_connect_error(std::string_view nsp, std::string_view message, std::string_view data = {});
std::string encode_disconnect(std::string_view nsp);

}  // namespace chat::wire
