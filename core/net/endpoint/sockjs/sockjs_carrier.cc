// See sockjs_carrier.h.
#include "net/endpoint/sockjs/sockjs_carrier.h"

#include <algorithm>
#include <array>
#include <utility>

#include "net/deliver/websocket_carrier.h"
#include "wire/base64.h"
#include "wire/sockjs/sockjs_frame.h"

namespace chat::net {
namespace {

constexpr std::uint16_t kGoingAway = 1001;

constexpr int kMinWindowBits = 9;
constexpr int kMaxWindowBits = 15;
constexpr std::size_t kWindows = 1 + kMaxWindowBits - kMinWindowBits + 1;  // the first: no compression

std::string as_text(std::string_view bytes) {
  std::string text;
  wire::append_base64(text, bytes);
  return text;
}

// A JSON string in two parts. Each part is whole characters, which are escaped one by one.
std::string string_begin(std::string_view text) {
  std::string quoted;
  wire::append_sockjs_quoted(quoted, text);
  quoted.pop_back();
  return quoted;
}
std::string string_end(std::string_view text) {
  std::string quoted;
  wire::append_sockjs_quoted(quoted, text);
  quoted.erase(0, 1);
  return quoted;
}

template <std::size_t... kIndex>
std::array<SockJsWebSocketCarrier, kWindows> make_carriers(std::index_sequence<kIndex...>) {
  const auto bits = [](std::size_t index) { return index == 0 ? 0 : kMinWindowBits + static_cast<int>(index) - 1; };
  return {SockJsWebSocketCarrier(websocket_carrier(WebSocketCarrier::Packets::plain, bits(kIndex)))...};
}

}  // namespace

SockJsClosing sockjs_closing(std::uint16_t code, std::string_view reason) {
  constexpr std::uint16_t kGoAway = 3000;
  if (code == kGoingAway) return {kGoAway, "Go away!"};
  return {code, reason};
}

void SockJsHttpCarrier::append(std::string& out, const wire::PacketView& packet) const {
  wire::append_sockjs_quoted(out, packet.binary ? as_text(packet.bytes) : packet.bytes);
}

SharedBody SockJsHttpCarrier::share(wire::Packet body) const {
  if (body.binary) return Carrier::share(std::move(body));
  return {{}, BufferPtr::make(string_end(body.bytes)), false};
}

void SockJsHttpCarrier::append_head(std::string& out, std::string_view head, const SharedBody& body) const {
  if (body.bytes) {
    out += string_begin(head);
  } else {
    Carrier::append_head(out, head, body);
  }
}

void SockJsWebSocketCarrier::append(std::string& out, const wire::PacketView& packet) const {
  websocket_.append_text(out, wire::sockjs_message_frame(packet.binary ? as_text(packet.bytes) : packet.bytes));
}

SharedBody SockJsWebSocketCarrier::share(wire::Packet body) const {
  if (body.binary) return Carrier::share(std::move(body));
  return websocket_.share({false, string_end(body.bytes) + ']'});
}

void SockJsWebSocketCarrier::append_head(std::string& out, std::string_view head, const SharedBody& body) const {
  if (body.bytes) {
    websocket_.append_head(out, "a[" + string_begin(head), body);
  } else {
    Carrier::append_head(out, head, body);
  }
}

Carrier::Closing SockJsWebSocketCarrier::closing(std::uint16_t code, std::string_view reason) const {
  constexpr std::uint16_t kNormal = 1000;
  const SockJsClosing closing = sockjs_closing(code, reason);
  return {wire::sockjs_close_frame(closing.code, closing.reason), kNormal, {}};
}

const Carrier& SockJsWebSocketCarrier::with_deflate(int window_bits) const {
  return sockjs_websocket_carrier(window_bits);
}

const SockJsHttpCarrier& sockjs_http_carrier() {
  static const SockJsHttpCarrier carrier;
  return carrier;
}

const SockJsWebSocketCarrier& sockjs_websocket_carrier(int deflate_window_bits) {
  static const auto carriers = make_carriers(std::make_index_sequence<kWindows>());
  const int window =
      deflate_window_bits < kMinWindowBits ? 0 : std::min(deflate_window_bits, kMaxWindowBits) - kMinWindowBits + 1;
  return carriers[static_cast<std::size_t>(window)];
}

}  // namespace chat::net
