// See websocket_carrier.h.
#include "net/deliver/websocket_carrier.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <utility>

#include "model/utf8.h"
#include "wire/engine_io/engine_io.h"

namespace chat::net {
namespace {

constexpr unsigned char kFinal = 0x80;
constexpr unsigned char kCompressed = 0x40;  // RSV1, RFC 7692 section 6
constexpr unsigned char kText = 0x1;
constexpr unsigned char kBinary = 0x2;
constexpr unsigned char kClose = 0x8;
constexpr unsigned char kPing = 0x9;
constexpr unsigned char kPong = 0xA;

constexpr std::size_t kWorthCompressing = 256;

// RFC 6455 section 5.2, from server to client: no mask, never fragmented. The payload follows.
void append_frame_head(std::string& out, unsigned char first_byte, std::size_t size) {
  std::array<char, 10> head{static_cast<char>(first_byte)};
  std::size_t length_bytes = 0;  // of the length in its longer forms
  if (size < 126) {
    head[1] = static_cast<char>(size);
  } else {
    length_bytes = size < 65'536 ? 2 : 8;
    head[1] = static_cast<char>(length_bytes == 2 ? 126 : 127);
    for (std::size_t at = 0; at < length_bytes; ++at) {
      head[2 + at] = static_cast<char>(static_cast<std::uint64_t>(size) >> (8 * (length_bytes - 1 - at)));
    }
  }
  out.append(head.data(), 2 + length_bytes);
}

void append_frame(std::string& out, unsigned char first_byte, std::string_view payload) {
  append_frame_head(out, first_byte, payload.size());
  out += payload;
}

// Raw deflate without context from earlier messages, so that one result serves every receiver. Empty when the result is
// not smaller.
std::string deflate_message(std::string_view payload, int window_bits) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, -window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(deflateBound(&stream, payload.size()) + 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(payload.data()));
  stream.avail_in = static_cast<uInt>(payload.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool done = deflate(&stream, Z_SYNC_FLUSH) == Z_OK && stream.avail_in == 0 && stream.avail_out != 0;
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  if (!done || out.size() < 4) return {};
  out.resize(out.size() - 4);  // 00 00 ff ff, which the receiver adds: RFC 7692 section 7.2.1
  return out.size() < payload.size() ? out : std::string();
}

// Worth it: smaller. Otherwise empty.
std::string deflate_if_smaller(std::string_view payload, int window_bits) {
  return window_bits != 0 && payload.size() >= kWorthCompressing ? deflate_message(payload, window_bits)
                                                                 : std::string();
}

constexpr std::size_t kMaxStored = 65'535;
constexpr std::size_t kStoredHead = 5;

std::size_t stored_size(std::size_t bytes) { return bytes + (bytes + kMaxStored - 1) / kMaxStored * kStoredHead; }

// Uncompressed blocks, RFC 1951 section 3.2.4. They begin and end at a byte, so compressed blocks may follow.
void append_stored(std::string& out, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view block = bytes.substr(0, kMaxStored);
    bytes.remove_prefix(block.size());
    out += '\0';
    for (const std::size_t size : {block.size(), ~block.size()}) {
      out += static_cast<char>(size);
      out += static_cast<char>(size >> 8);
    }
    out += block;
  }
}

constexpr unsigned char opcode_of(bool binary) { return kFinal | (binary ? kBinary : kText); }

void append_message(std::string& out, bool binary, std::string_view bytes, int window_bits) {
  if (const std::string compressed = deflate_if_smaller(bytes, window_bits); !compressed.empty()) {
    append_frame(out, opcode_of(binary) | kCompressed, compressed);
  } else {
    append_frame(out, opcode_of(binary), bytes);
  }
}

// Every carrier that there is. Made without allocating.
class Carriers {
 public:
  Carriers() : Carriers(std::make_index_sequence<kKinds * kWindows>()) {}

  const WebSocketCarrier& find(WebSocketCarrier::Packets packets, int window_bits) const {
    const int window = window_bits < kMinWindowBits ? 0 : std::min(window_bits, kMaxWindowBits) - kMinWindowBits + 1;
    return carriers_[static_cast<std::size_t>(packets) * kWindows + static_cast<std::size_t>(window)];
  }

 private:
  static constexpr int kMinWindowBits = 9;
  static constexpr int kMaxWindowBits = 15;
  static constexpr std::size_t kKinds = 3;
  static constexpr std::size_t kWindows = 1 + kMaxWindowBits - kMinWindowBits + 1;  // the first: no compression

  static constexpr int window_bits_at(std::size_t index) {
    const int window = static_cast<int>(index % kWindows);
    return window == 0 ? 0 : kMinWindowBits + window - 1;
  }
  template <std::size_t... kIndex>
  explicit Carriers(std::index_sequence<kIndex...>)
      : carriers_{
            WebSocketCarrier(static_cast<WebSocketCarrier::Packets>(kIndex / kWindows), window_bits_at(kIndex))...} {}

  const WebSocketCarrier carriers_[kKinds * kWindows];
};

FramePtr make_control_frame(unsigned char opcode, std::string_view payload) {
  std::string bytes;
  append_frame(bytes, kFinal | opcode, payload);
  return FramePtr::make(std::move(bytes), nullptr, Frame::Place::outside);
}

}  // namespace

void WebSocketCarrier::append(std::string& out, const wire::PacketView& packet) const {
  if (packets_ == Packets::plain || (packets_ == Packets::engine_io && packet.binary)) {
    append_message(out, packet.binary, packet.bytes, deflate_window_bits_);
    return;
  }
  std::string text;
  wire::append_engine_io_message(text, packet.binary, packet.bytes);
  append_message(out, false, text, deflate_window_bits_);
}

void WebSocketCarrier::append_text(std::string& out, std::string_view text) const {
  append_message(out, false, text, deflate_window_bits_);
}

SharedBody WebSocketCarrier::share(wire::Packet body) const {
  if (packets_ != Packets::plain) return Carrier::share(std::move(body));
  SharedBody shared;
  shared.packet.binary = body.binary;
  std::string compressed = deflate_if_smaller(body.bytes, deflate_window_bits_);
  shared.compressed = !compressed.empty();
  shared.bytes = BufferPtr::make(shared.compressed ? std::move(compressed) : std::move(body.bytes));
  return shared;
}

void WebSocketCarrier::append_head(std::string& out, std::string_view head, const SharedBody& body) const {
  if (!body.bytes) {
    Carrier::append_head(out, head, body);
    return;
  }
  const unsigned char opcode = opcode_of(body.packet.binary);
  const std::size_t body_size = body.bytes->bytes().size();
  if (body.compressed) {
    append_frame_head(out, opcode | kCompressed, stored_size(head.size()) + body_size);
    append_stored(out, head);
  } else {
    append_frame_head(out, opcode, head.size() + body_size);
    out += head;
  }
}

const Carrier& WebSocketCarrier::with_deflate(int window_bits) const {
  return websocket_carrier(packets_, window_bits);
}

const WebSocketCarrier& websocket_carrier(WebSocketCarrier::Packets packets, int deflate_window_bits) {
  static const Carriers carriers;
  return carriers.find(packets, deflate_window_bits);
}

FramePtr make_ping_frame(std::string_view payload) { return make_control_frame(kPing, payload); }

FramePtr make_pong_frame(std::string_view payload) { return make_control_frame(kPong, payload); }

FramePtr make_close_frame(std::uint16_t code, std::string_view reason) {
  std::string body;
  if (code != 0) {
    body += static_cast<char>(code >> 8);
    body += static_cast<char>(code);
    body += utf8_prefix(reason, 123);
  }
  return make_control_frame(kClose, body);
}

}  // namespace chat::net
