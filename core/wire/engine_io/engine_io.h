// The encoding of Engine.IO protocol 4: packets on a WebSocket, payloads of HTTP long polling, the open packet, and
// error responses. Sessions are in core/session. https://socket.io/docs/v4/engine-io-protocol/
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/types.h"

namespace chat::wire {

inline constexpr std::string_view kEngineIoVersion = "4";

enum class EngineIoType : std::uint8_t {
  open = 0,
  close = 1,
  ping = 2,
  pong = 3,
  message = 4,
  upgrade = 5,
  noop = 6,
};

// One packet. `data` points into the input or into the storage of the function that decoded it.
struct EngineIoPacket {
  EngineIoType type = EngineIoType::message;
  bool binary = false;  // a binary message
  std::string_view data;
};

// Decodes one WebSocket message; text must be valid UTF-8. A text that starts with "b" is a binary message in base64,
// sent by clients that cannot send binary frames. Base64 is decoded leniently, like the reference server, because
// clients wrap it, omit padding and use either alphabet. The packet's data points into `bytes` or `storage`. Returns
// nullopt when the packet is malformed.
std::optional<EngineIoPacket> decode_engine_io(bool binary, std::string_view bytes, std::string& storage);

// Reads the packets of a polling payload in order. It stops at the first malformed packet; the packets before it are
// valid, as with the reference server.
class EngineIoPayloadReader {
 public:
  // More than the number of smallest Socket.IO events that fit into the default maxPayload.
  static constexpr std::size_t kMaxPackets = 131'072;

  // Keeps a view only: `payload` must outlive the reader. A payload that is not valid UTF-8 is malformed from the
  // start.
  explicit EngineIoPayloadReader(std::string_view payload, std::size_t max_packets = kMaxPackets);

  // Returns false at the end and after an error. The packet's data is valid until the next call.
  bool next(EngineIoPacket& packet);
  // False after a malformed packet.
  bool ok() const { return ok_; }
  // True when the last packet has been read.
  bool at_end() const { return at_end_; }

 private:
  std::string_view rest_;
  std::string storage_;
  std::size_t packets_left_;
  bool at_end_ = false;
  bool ok_ = true;
};

// Encodes a packet as one WebSocket text message. Binary messages need no encoding: they are sent as binary frames.
std::string encode_engine_io(EngineIoType type, std::string_view data = {});

// Appends one packet, preceded by a separator unless the payload is empty. `data` must not contain the separator 0x1e;
// JSON never does.
void append_engine_io(std::string& payload, EngineIoType type, std::string_view data = {});

// Stands between the packets of a payload.
inline constexpr std::string_view kEngineIoSeparator = "\x1e";

// Appends one message, without a separator; bytes as base64.
void append_engine_io_message(std::string& out, bool binary, std::string_view bytes);

// Removes the first packet and its separator from a payload that append_engine_io() built, and returns it.
std::string_view cut_engine_io_packet(std::string_view& payload);

// The content of the open packet.
struct EngineIoHandshake {
  std::string_view sid;  // needs no JSON escapes
  bool may_upgrade = false;
  std::int64_t ping_interval_ms = 25'000;
  std::int64_t ping_timeout_ms = 20'000;
  std::uint64_t max_payload_bytes = 1'000'000;
};
// The JSON object of the open packet.
std::string handshake_json(const EngineIoHandshake& handshake);

// The error codes of the reference server for a rejected request.
enum class EngineIoError : std::uint8_t {
  unknown_transport = 0,
  unknown_sid = 1,
  bad_handshake_method = 2,
  bad_request = 3,
  forbidden = 4,
  unsupported_version = 5,
};

// The HTTP status, and the default message, of an error response.
int http_status(EngineIoError error);
std::string_view message_of(EngineIoError error);
// Returns {"code":...,"message":...}. `message` replaces the default text when it is not empty (UTF-8).
std::string error_json(EngineIoError error, std::string_view message = {});

}  // namespace chat::wire
