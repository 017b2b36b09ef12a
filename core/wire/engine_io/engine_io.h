// Engine.IO protocol 4 as bytes: packets on a WebSocket and in the payloads of HTTP long polling,
// the open packet, and what a refused HTTP request is told. Knows nothing of sessions: those are in
// core/session. https://socket.io/docs/v4/engine-io-protocol/
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

struct EngineIoPacket {
  EngineIoType type = EngineIoType::message;
  bool binary = false;  // a message of bytes
  std::string_view data;
};

// One WebSocket message; text must be valid UTF-8. A text that begins with b is a message in
// base64, from clients that cannot send bytes; it is decoded as leniently as the reference server
// does, since clients send it wrapped, without padding and in either alphabet. The packet's data
// is in `bytes` or in `storage`. nullopt: malformed.
std::optional<EngineIoPacket> decode_engine_io(bool binary, std::string_view bytes, std::string& storage);

// The packets of one polling payload in their order. Stops at the first that is malformed; what
// came before it counts, as with the reference server.
class EngineIoPayloadReader {
 public:
  // More than what the smallest Socket.IO events could fill the default maxPayload with.
  static constexpr std::size_t kMaxPackets = 131'072;

  // Keeps no copy of `payload`. One that is not UTF-8 is malformed from the start.
  explicit EngineIoPayloadReader(std::string_view payload, std::size_t max_packets = kMaxPackets);

  // False: no more, or a fault. The packet's data is valid until the next call.
  bool next(EngineIoPacket& packet);
  bool ok() const { return ok_; }
  // The packet before was the last.
  bool at_end() const { return at_end_; }

 private:
  std::string_view rest_;
  std::string storage_;
  std::size_t packets_left_;
  bool at_end_ = false;
  bool ok_ = true;
};

// A packet as one WebSocket text. Messages of bytes go as binary frames, as they are.
std::string encode_engine_io(EngineIoType type, std::string_view data = {});

// Appends one packet, with the separator before it unless the payload is empty. `data` of a text
// message must not hold the separator, 0x1e: JSON never does.
void append_engine_io(std::string& payload, EngineIoType type, std::string_view data = {});

// Stands between the packets of a payload.
inline constexpr std::string_view kEngineIoSeparator = "\x1e";

// Appends one message, without a separator; bytes as base64.
void append_engine_io_message(std::string& out, bool binary, std::string_view bytes);

// The first packet of a payload that was made here, cut off with its separator.
std::string_view cut_engine_io_packet(std::string_view& payload);

// What the open packet tells the client.
struct EngineIoHandshake {
  std::string_view sid;  // no character that JSON escapes
  bool may_upgrade = false;
  std::int64_t ping_interval_ms = 25'000;
  std::int64_t ping_timeout_ms = 20'000;
  std::uint64_t max_payload_bytes = 1'000'000;
};
std::string handshake_json(const EngineIoHandshake& handshake);

// What is wrong with a request; the numbers are the reference server's.
enum class EngineIoError : std::uint8_t {
  unknown_transport = 0,
  unknown_sid = 1,
  bad_handshake_method = 2,
  bad_request = 3,
  forbidden = 4,
  unsupported_version = 5,
};

int http_status(EngineIoError error);
std::string_view message_of(EngineIoError error);
// {"code":...,"message":...}, with a message of the application's own when there is one (UTF-8).
std::string error_json(EngineIoError error, std::string_view message = {});

}  // namespace chat::wire
