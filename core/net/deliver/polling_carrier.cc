// See polling_carrier.h.
#include "net/deliver/polling_carrier.h"

#include <string>

#include "net/deliver/websocket_carrier.h"
#include "wire/engine_io/engine_io.h"

namespace chat::net {

PollingCarrier::PollingCarrier() : Carrier(wire::kEngineIoSeparator, {}) {}

void PollingCarrier::append(std::string& out, const wire::PacketView& packet) const {
  wire::append_engine_io_message(out, packet.binary, packet.bytes);
}

void PollingCarrier::append_text(std::string& out, std::string_view text) const { out += text; }

const PollingCarrier& polling_carrier() {
  static const PollingCarrier carrier;
  return carrier;
}

FramePtr make_upgraded_frame(std::string_view polling_payload) {
  const Carrier& websocket = websocket_carrier();
  std::string bytes;
  while (!polling_payload.empty()) {
    websocket.append_text(bytes, wire::cut_engine_io_packet(polling_payload));
  }
  return bytes.empty() ? FramePtr() : FramePtr::make(std::move(bytes));
}

}  // namespace chat::net
