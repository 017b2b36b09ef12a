// Builds frames as a WebSocket client sends them, valid or not, for tests.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace chat::testing {

inline constexpr int kFin = 0x80;
inline constexpr int kRsv1 = 0x40;
inline constexpr int kText = 1;
inline constexpr int kBinary = 2;
inline constexpr int kClose = 8;
inline constexpr int kPing = 9;
inline constexpr int kPong = 10;

// `length_bytes`: 0 for the shortest form of the length; 2 or 8 for that form.
inline std::string client_frame(int first_byte, std::string_view payload, std::uint32_t mask = 0x12A4F683,
                                int length_bytes = 0) {
  const std::size_t size = payload.size();
  if (length_bytes == 0 && size > 125) length_bytes = size > 65'535 ? 8 : 2;
  std::string frame = {static_cast<char>(first_byte),
                       static_cast<char>(0x80 | (length_bytes == 0   ? static_cast<int>(size)
                                                 : length_bytes == 2 ? 126
                                                                     : 127))};
  for (int shift = (length_bytes - 1) * 8; shift >= 0; shift -= 8)
    frame += static_cast<char>(static_cast<std::uint64_t>(size) >> shift);
  const char key[] = {static_cast<char>(mask >> 24), static_cast<char>(mask >> 16), static_cast<char>(mask >> 8),
                      static_cast<char>(mask)};
  frame.append(key, sizeof key);
  for (std::size_t i = 0; i < size; ++i) frame += static_cast<char>(payload[i] ^ key[i % 4]);
  return frame;
}

// A client's compressor, which keeps its context between messages.
class ClientDeflater {
 public:
  explicit ClientDeflater(int window_bits = 15) {
    deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -window_bits, 8, Z_DEFAULT_STRATEGY);
  }
  ~ClientDeflater() { deflateEnd(&stream_); }
  ClientDeflater(const ClientDeflater&) = delete;
  ClientDeflater& operator=(const ClientDeflater&) = delete;

  std::string message(std::string_view content) {
    std::string out(deflateBound(&stream_, content.size()) + 32, '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    stream_.avail_in = static_cast<uInt>(content.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    deflate(&stream_, Z_SYNC_FLUSH);
    out.resize(out.size() - stream_.avail_out - 4);  // without the 00 00 ff ff, RFC 7692 section 7.2.1
    return out;
  }

 private:
  z_stream stream_{};
};

}  // namespace chat::testing
