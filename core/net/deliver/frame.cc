// See frame.h.
#include "net/deliver/frame.h"

#include <zlib.h>

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

// RFC 6455 section 5.2, from server to client: no mask, never fragmented.
void append_frame(std::string& out, unsigned char first_byte, std::string_view payload) {
  out += static_cast<char>(first_byte);
  const std::size_t size = payload.size();
  if (size < 126) {
    out += static_cast<char>(size);
  } else if (size < 65'536) {
    out += static_cast<char>(126);
    out += static_cast<char>(size >> 8);
    out += static_cast<char>(size);
  } else {
    out += static_cast<char>(127);
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(static_cast<std::uint64_t>(size) >> shift);
  }
  out += payload;
}

// Raw deflate without context from earlier messages, so that one result serves every receiver whatever it has seen. Empty
// when it does not pay.
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
  out.resize(out.size() - 4);  // the 00 00 ff ff that the receiver adds again, RFC 7692 section 7.2.1
  return out.size() < payload.size() ? out : std::string();
}

void append_message(std::string& out, bool binary, std::string_view bytes, int deflate_window_bits) {
  const unsigned char opcode = kFinal | (binary ? kBinary : kText);
  if (deflate_window_bits != 0 && bytes.size() >= kWorthCompressing) {
    std::string compressed = deflate_message(bytes, deflate_window_bits);
    if (!compressed.empty()) {
      append_frame(out, opcode | kCompressed, compressed);
      return;
    }
  }
  append_frame(out, opcode, bytes);
}

void append_engine_io_packet(std::string& payload, const wire::Packet& packet) {
  if (packet.binary) {
    wire::append_engine_io_binary(payload, packet.bytes);
  } else {
    wire::append_engine_io(payload, wire::EngineIoType::message, packet.bytes);
  }
}

void append_packet(std::string& out, const wire::Packet& packet, const Framing& framing) {
  if (framing.carrier == Framing::Carrier::polling) {
    append_engine_io_packet(out, packet);
  } else if (framing.engine_io && (framing.base64 || !packet.binary)) {
    std::string text;
    append_engine_io_packet(text, packet);
    append_message(out, false, text, framing.deflate_window_bits);
  } else {
    append_message(out, packet.binary, packet.bytes, framing.deflate_window_bits);
  }
}

}  // namespace

void FramePtr::destroy(Frame* frame) { const std::unique_ptr<Frame> last(frame); }

FramePtr make_frame(const wire::Packets& packets, const Framing& framing, MessagePtr message) {
  if (packets.empty()) return {};
  std::size_t size = 0;
  for (const wire::Packet& packet : packets) size += packet.bytes.size() + 10;
  std::string bytes;
  bytes.reserve(size);
  for (const wire::Packet& packet : packets) append_packet(bytes, packet, framing);
  return {std::move(bytes), std::move(message)};
}

FramePtr make_text_frame(std::string_view text, const Framing& framing) {
  std::string bytes;
  append_message(bytes, false, text, framing.deflate_window_bits);
  return {std::move(bytes), nullptr};
}

FramePtr make_upgraded_frame(std::string_view polling_payload) {
  std::string bytes;
  while (!polling_payload.empty()) {
    const std::string_view packet = wire::cut_engine_io_packet(polling_payload);
    append_message(bytes, false, packet, 0);
  }
  if (bytes.empty()) return {};
  return {std::move(bytes), nullptr};
}

FramePtr make_ping_frame(std::string_view payload) {
  std::string bytes;
  append_frame(bytes, kFinal | kPing, payload);
  return {std::move(bytes), nullptr};
}

FramePtr make_pong_frame(std::string_view payload) {
  std::string bytes;
  append_frame(bytes, kFinal | kPong, payload);
  return {std::move(bytes), nullptr};
}

FramePtr make_close_frame(std::uint16_t code, std::string_view reason) {
  std::string body;
  if (code != 0) {
    body += static_cast<char>(code >> 8);
    body += static_cast<char>(code);
    body += utf8_prefix(reason, 123);
  }
  std::string bytes;
  append_frame(bytes, kFinal | kClose, body);
  return {std::move(bytes), nullptr};
}

}  // namespace chat::net
