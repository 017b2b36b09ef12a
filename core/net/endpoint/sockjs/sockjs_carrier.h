// The carriers of SockJS: each packet is a message, one JSON string. Over HTTP a frame in the outbox is such a string, and the
// session puts several into an array. Over a WebSocket it is a whole array with one string. Bytes become base64, because
// SockJS carries text only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/deliver/carrier.h"

namespace chat::net {

// What a client of SockJS receives when the server closes with this code of RFC 6455: the same code, except that the
// protocol has a code of its own for a server that stops.
struct SockJsClosing {
  std::uint16_t code;
  std::string_view reason;
};
SockJsClosing sockjs_closing(std::uint16_t code, std::string_view reason);

class SockJsHttpCarrier final : public Carrier {
 public:
  SockJsHttpCarrier() : Carrier(",", {}) {}

  void append(std::string& out, const wire::PacketView& packet) const override;
  // Not used: the session writes its own frames itself.
  void append_text(std::string& out, std::string_view text) const override { out += text; }
  SharedBody share(wire::Packet body) const override;
  void append_head(std::string& out, std::string_view head, const SharedBody& body) const override;
};

class SockJsWebSocketCarrier final : public Carrier {
 public:
  // websocket: carries texts as they are.
  explicit SockJsWebSocketCarrier(const Carrier& websocket) : websocket_(websocket) {}

  void append(std::string& out, const wire::PacketView& packet) const override;
  void append_text(std::string& out, std::string_view text) const override { websocket_.append_text(out, text); }
  SharedBody share(wire::Packet body) const override;
  void append_head(std::string& out, std::string_view head, const SharedBody& body) const override;
  Closing closing(std::uint16_t code, std::string_view reason) const override;
  const Carrier& with_deflate(int window_bits) const override;

 private:
  const Carrier& websocket_;
};

// The only ones.
const SockJsHttpCarrier& sockjs_http_carrier();
const SockJsWebSocketCarrier& sockjs_websocket_carrier(int deflate_window_bits = 0);

}  // namespace chat::net
