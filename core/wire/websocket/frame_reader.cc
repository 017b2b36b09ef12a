// See frame_reader.h.
#include "wire/websocket/frame_reader.h"

#include <algorithm>
#include <cstring>

namespace chat::wire {
namespace {

constexpr unsigned char kFinal = 0x80;
constexpr unsigned char kCompressed = 0x40;
constexpr unsigned char kReserved = 0x30;
constexpr unsigned char kOpcode = 0x0F;
constexpr unsigned char kMasked = 0x80;
constexpr unsigned char kLength = 0x7F;
constexpr unsigned char kLength16 = 126;
constexpr unsigned char kLength64 = 127;
constexpr std::size_t kMaskBytes = 4;

unsigned char byte_at(const char* head, std::size_t at) { return static_cast<unsigned char>(head[at]); }

// Returns the total size of the head, given its second byte.
std::size_t head_size(unsigned char second) {
  const unsigned char length = second & kLength;
  return 2 + (length == kLength64 ? 8 : length == kLength16 ? 2 : 0) + kMaskBytes;
}

// Checks the first two bytes of a head. Returns the fault, or nullptr.
const char* find_fault(unsigned char first, unsigned char second) {
  if ((first & kReserved) != 0) return "RSV2 and RSV3 must be clear";
  if ((second & kMasked) == 0) return "frames from a client must be masked";
  const auto opcode = static_cast<Opcode>(first & kOpcode);
  switch (opcode) {
    case Opcode::continuation:
      return (first & kCompressed) != 0 ? "RSV1 must be clear on a continuation frame" : nullptr;
    case Opcode::text:
    case Opcode::binary:
      return nullptr;
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong:
      if ((first & kCompressed) != 0) return "RSV1 must be clear on a control frame";
      if ((first & kFinal) == 0) return "a control frame must not be fragmented";
      if ((second & kLength) > kMaxControlBytes) return "a control frame has at most 125 bytes";
      return nullptr;
  }
  return "unknown opcode";
}

}  // namespace

FrameReader::Outcome FrameReader::read_head(std::span<char>& input, const char*& reason) {
  if (input.empty()) return Outcome::more;
  // Fast path: the head is complete in `input` and is parsed in place.
  const char* head = input.data();
  std::size_t have = input.size();
  if (head_bytes_ != 0) {
    const std::size_t taken = std::min(head_.size() - head_bytes_, input.size());
    std::memcpy(head_.data() + head_bytes_, input.data(), taken);
    head = head_.data();
    have = head_bytes_ + taken;
  }
  std::size_t whole = 2;
  if (have >= 2) {
    reason = find_fault(byte_at(head, 0), byte_at(head, 1));
    if (reason != nullptr) return Outcome::failure;
    whole = head_size(byte_at(head, 1));
  }
  if (have < whole) {
    if (head_bytes_ == 0) std::memcpy(head_.data(), head, have);
    head_bytes_ = static_cast<std::uint8_t>(have);
    input = {};
    return Outcome::more;
  }
  parse_head(head);
  input = input.subspan(whole - head_bytes_);
  head_bytes_ = 0;
  if (payload_left_ >> 63 != 0) {
    reason = "the highest bit of a 64-bit length must be clear";
    return Outcome::failure;
  }
  return Outcome::head;
}

void FrameReader::parse_head(const char* head) {
  final_ = (byte_at(head, 0) & kFinal) != 0;
  compressed_ = (byte_at(head, 0) & kCompressed) != 0;
  opcode_ = static_cast<Opcode>(byte_at(head, 0) & kOpcode);
  const std::size_t mask_at = head_size(byte_at(head, 1)) - kMaskBytes;
  // A length in a longer form than necessary is accepted, as by other servers.
  payload_left_ = byte_at(head, 1) & kLength;
  if (mask_at != 2) {
    payload_left_ = 0;
    for (std::size_t at = 2; at < mask_at; ++at) payload_left_ = payload_left_ << 8 | byte_at(head, at);
  }
  std::memcpy(mask_.data(), head + mask_at, kMaskBytes);
}

std::span<char> FrameReader::take_payload(std::span<char>& input) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, input.size()));
  const std::span<char> payload = input.first(size);
  input = input.subspan(size);
  unmask(payload, mask_);
  payload_left_ -= size;
  if (payload_left_ != 0) {
    const std::array<char, kMaskBytes> mask = mask_;
    for (std::size_t i = 0; i < kMaskBytes; ++i) mask_[i] = mask[(size + i) % kMaskBytes];
  }
  return payload;
}

void unmask(std::span<char> bytes, const std::array<char, 4>& mask) {
  std::uint64_t wide_mask = 0;
  std::memcpy(&wide_mask, mask.data(), 4);
  std::memcpy(reinterpret_cast<char*>(&wide_mask) + 4, mask.data(), 4);
  char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= sizeof wide_mask; left -= sizeof wide_mask, at += sizeof wide_mask) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    word ^= wide_mask;
    std::memcpy(at, &word, sizeof word);
  }
  for (std::size_t i = 0; i < left; ++i) at[i] = static_cast<char>(at[i] ^ mask[i % mask.size()]);
}

}  // namespace chat::wire
