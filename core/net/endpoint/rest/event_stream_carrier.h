// The carriers of what the HTTP endpoints send: a packet is written as it is, an event or an answer.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

#include "net/deliver/carrier.h"

namespace chat::net {

// For frames that their link frames further.
class EventStreamCarrier final : public Carrier {
 public:
  void append(std::string& out, const wire::PacketView& packet) const override { out += packet.bytes; }
  void append_text(std::string& out, std::string_view text) const override { out += text; }
};

// One write is a chunk of the body (RFC 9112 section 7.1).
class ChunkedEventCarrier final : public Carrier {
 public:
  ChunkedEventCarrier() : Carrier("", "\r\n") {}

  void append(std::string& out, const wire::PacketView& packet) const override { out += packet.bytes; }
  void append_text(std::string& out, std::string_view text) const override { out += text; }
  void append_prefix(std::string& out, std::size_t bytes) const override {
    std::array<char, 16> digits;
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), bytes, 16).ptr);
    out += "\r\n";
  }
};

// The only ones.
inline const EventStreamCarrier& event_stream_carrier() {
  static const EventStreamCarrier carrier;
  return carrier;
}
inline const ChunkedEventCarrier& chunked_event_carrier() {
  static const ChunkedEventCarrier carrier;
  return carrier;
}

}  // namespace chat::net
