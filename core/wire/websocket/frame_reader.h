// Reads WebSocket frames of a client (RFC 6455 section 5.2): parses heads, unmasks payloads in place, and checks the
// rules for single frames. message_reader.h combines frames into messages. No I/O; payloads are not copied.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace chat::wire {

enum class Opcode : std::uint8_t { continuation = 0x0, text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xA };

// Control frames: close, ping and pong (RFC 6455 section 5.5).
constexpr bool is_control(Opcode opcode) { return static_cast<std::uint8_t>(opcode) >= 0x8; }

inline constexpr std::size_t kMaxControlBytes = 125;

class FrameReader {
 public:
  enum class Outcome : std::uint8_t { more, head, failure };

  // Consumes a frame's head from the front of `input`. Call it only when payload_left() is 0. For `more` it consumes
  // all of `input`. Every failure is a protocol error (1002) with its `reason`; do not call the reader afterwards.
  Outcome read_head(std::span<char>& input, const char*& reason);

  // These describe the frame whose head was read last.
  Opcode opcode() const { return opcode_; }
  bool final() const { return final_; }
  bool compressed() const { return compressed_; }  // RSV1, RFC 7692 section 6
  // Payload bytes that have not been taken yet.
  std::uint64_t payload_left() const { return payload_left_; }

  // Consumes the payload bytes at the front of `input` and returns them unmasked.
  std::span<char> take_payload(std::span<char>& input);

 private:
  void parse_head(const char* head);

  std::uint64_t payload_left_ = 0;
  std::array<char, 4> mask_{};   // rotated to start with the mask of the next byte
  std::array<char, 14> head_{};  // buffer for a head that arrives in pieces
  std::uint8_t head_bytes_ = 0;
  Opcode opcode_ = Opcode::continuation;
  bool final_ = false;
  bool compressed_ = false;
};

// XORs the bytes with the mask, starting with mask[0].
void unmask(std::span<char> bytes, const std::array<char, 4>& mask);

}  // namespace chat::wire
