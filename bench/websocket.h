// The parts of RFC 6455 that the benchmark programs need: the handshake response, and encoding and decoding frames. It
// has no state and knows no socket. It trusts its peer: control frames are not checked, and messages are never
// fragmented.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bench {

inline constexpr unsigned char kFinal = 0x80;
inline constexpr unsigned char kText = 0x1;
inline constexpr unsigned char kClose = 0x8;
inline constexpr unsigned char kPing = 0x9;
inline constexpr unsigned char kPong = 0xa;
inline constexpr unsigned char kMasked = 0x80;

// The response to a complete request (section 4.2.2); empty when it is not a handshake.
inline std::string handshake_answer(std::string_view request) {
  static constexpr std::string_view kName = "Sec-WebSocket-Key: ";
  const std::size_t at = request.find(kName);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = request.substr(at + kName.size());
  const std::string key = std::string(rest.substr(0, rest.find("\r\n"))) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int digest_size = 0;
  EVP_Digest(key.data(), key.size(), digest, &digest_size, EVP_sha1(), nullptr);
  unsigned char accept[EVP_MAX_MD_SIZE * 2];
  const int size = EVP_EncodeBlock(accept, digest, static_cast<int>(digest_size));
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: " +
         std::string(reinterpret_cast<char*>(accept), static_cast<std::size_t>(size)) + "\r\n\r\n";
}

// Section 5.2. `mask_bit` is kMasked for a client, whose masking key the caller appends.
inline void append_frame_head(std::string& out, unsigned char first_byte, std::size_t size,
                              unsigned char mask_bit = 0) {
  out += static_cast<char>(first_byte);
  if (size < 126) {
    out += static_cast<char>(mask_bit | size);
  } else if (size < 65'536) {
    out += static_cast<char>(mask_bit | 126);
    out += static_cast<char>(size >> 8);
    out += static_cast<char>(size);
  } else {
    out += static_cast<char>(mask_bit | 127);
    for (int shift = 56; shift >= 0; shift -= 8) {
      out += static_cast<char>(static_cast<std::uint64_t>(size) >> shift);
    }
  }
}

struct FrameView {
  unsigned char opcode;
  std::string_view payload;       // as received: masked when there is a key
  const unsigned char* mask_key;  // nullptr when there is none
  std::size_t frame_bytes;        // including the head
};

// Returns the first frame in `bytes`; nothing while it is incomplete.
inline std::optional<FrameView> first_frame(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  std::uint64_t size = data[1] & 0x7f;
  std::size_t head = 2;
  if (size >= 126) {
    const std::size_t length_bytes = size == 126 ? 2 : 8;
    head += length_bytes;
    if (bytes.size() < head) return std::nullopt;
    size = 0;
    for (std::size_t i = 2; i < head; ++i) size = size << 8 | data[i];
  }
  const unsigned char* mask_key = nullptr;
  if (data[1] & kMasked) {
    mask_key = data + head;
    head += 4;
  }
  if (bytes.size() < head || bytes.size() - head < size) return std::nullopt;
  const auto payload_bytes = static_cast<std::size_t>(size);
  return FrameView{static_cast<unsigned char>(data[0] & 0x0f), bytes.substr(head, payload_bytes), mask_key,
                   head + payload_bytes};
}

}  // namespace bench
