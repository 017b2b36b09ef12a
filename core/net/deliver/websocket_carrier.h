// The carrier of a WebSocket (RFC 6455): each packet is a frame, compressed by permessage-deflate (RFC 7692) where that
// pays. Engine.IO packets get their type in front. Also makes the control frames.
#pragma once

#include <cstdint>
#include <string_view>

#include "net/deliver/carrier.h"

namespace chat::net {

class WebSocketCarrier final : public Carrier {
 public:
  enum class Packets : std::uint8_t {
    plain,
    engine_io,         // Engine.IO messages
    engine_io_base64,  // for an Engine.IO client that cannot receive bytes
  };

  // deflate_window_bits: 0: no compression was agreed on.
  explicit WebSocketCarrier(Packets packets, int deflate_window_bits = 0)
      : packets_(packets), deflate_window_bits_(deflate_window_bits) {}

  void append(std::string& out, const wire::PacketView& packet) const override;
  void append_text(std::string& out, std::string_view text) const override;
  SharedBody share(wire::Packet body) const override;
  void append_head(std::string& out, std::string_view head, const SharedBody& body) const override;
  const Carrier& with_deflate(int window_bits) const override;

 private:
  const Packets packets_;
  const int deflate_window_bits_;
};

// The one carrier of its kind.
const WebSocketCarrier& websocket_carrier(WebSocketCarrier::Packets packets = WebSocketCarrier::Packets::plain,
                                          int deflate_window_bits = 0);

// RFC 6455 section 5.5: a control frame with at most 125 bytes.
FramePtr make_ping_frame(std::string_view payload);
FramePtr make_pong_frame(std::string_view payload);
// Code 0: a close frame without a body. The reason is cut at the end of a character to what fits.
FramePtr make_close_frame(std::uint16_t code, std::string_view reason);

}  // namespace chat::net
