// The carrier of what the HTTP endpoints send: a packet is written as it is, an event or an answer.
#pragma once

#include <string>
#include <string_view>

#include "net/deliver/carrier.h"

namespace chat::net {

class EventStreamCarrier final : public Carrier {
 public:
  void append(std::string& out, const wire::PacketView& packet) const override { out += packet.bytes; }
  void append_text(std::string& out, std::string_view text) const override { out += text; }
};

// The only one.
inline const EventStreamCarrier& event_stream_carrier() {
  static const EventStreamCarrier carrier;
  return carrier;
}

}  // namespace chat::net
