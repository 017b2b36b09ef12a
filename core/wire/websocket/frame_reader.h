// WebSocket frames from a client (RFC 6455 section 5.2): takes heads and payloads from what was received, unmasks in place,
// and applies the rules that concern one frame alone. What frames mean together is message_reader.h's part. No I/O, no copy
// of a payload.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace chat::wire {

enum class Opcode : std::uint8_t { continuation = 0x0, text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xA };

constexpr bool is_control(Opcode opcode) { return static_cast<std::uint8_t>(opcode) >= 0x8; }

inline constexpr std::size_t kMaxControlBytes = 125;

class FrameReader {
 public:
  enum class Outcome : std::uint8_t { more, head, failure };

  // Takes a frame's head from the front of `input`; only when payload_left() is 0. Takes all of `input` for `more`. Every
  // failure is a protocol error (1002), of which `reason` then tells, and the last thing that may be read.
  Outcome read_head(std::span<char>& input, const char*& reason);

  // Of the frame whose head was read last.
  Opcode opcode() const { return opcode_; }
  bool final() const { return final_; }
  bool compressed() const { return compressed_; }  // RSV1, RFC 7692 section 6
  // What is still to come of its payload.
  std::uint64_t payload_left() const { return payload_left_; }

  // Takes from the front of `input` what it has of the payload, unmasked.
  std::span<char> take_payload(std::span<char>& input);

 private:
  void parse_head(const char* head);

  std::uint64_t payload_left_ = 0;
  std::array<char, 4> mask_{};   // turned so that it begins with the next byte's
  std::array<char, 14> head_{};  // of a head that comes in pieces
  std::uint8_t head_bytes_ = 0;
  Opcode opcode_ = Opcode::continuation;
  bool final_ = false;
  bool compressed_ = false;
};

// XORs the bytes with the mask, which begins at the first of them.
void unmask(std::span<char> bytes, const std::array<char, 4>& mask);

}  // namespace chat::wire
