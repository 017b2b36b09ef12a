// The carrier of Engine.IO's HTTP long polling: one write is the payload that answers a poll, with a separator between
// its packets. Bytes go as base64.
#pragma once

#include <string_view>

#include "net/deliver/carrier.h"

namespace chat::net {

class PollingCarrier final : public Carrier {
 public:
  PollingCarrier();

  void append(std::string& out, const wire::PacketView& packet) const override;
  void append_text(std::string& out, std::string_view text) const override;
};

// The only one.
const PollingCarrier& polling_carrier();

// A payload that was made for a poll, for the WebSocket that took its place: each packet is a text, and bytes stay in
// base64. An empty pointer when there is none.
FramePtr make_upgraded_frame(std::string_view polling_payload);

}  // namespace chat::net
