// See carrier.h.
#include "net/deliver/carrier.h"

#include <utility>

namespace chat::net {

void Carrier::append_head(std::string& out, std::string_view head, const SharedBody& body) const {
  wire::Packet whole{body.packet.binary, {}};
  whole.bytes.reserve(head.size() + body.packet.bytes.size());
  whole.bytes += head;
  whole.bytes += body.packet.bytes;
  append(out, whole);
}

void Carrier::append_prefix(std::string& out, std::size_t bytes) const {
  (void)out;
  (void)bytes;
}

const Carrier& Carrier::with_deflate(int window_bits) const {
  (void)window_bits;
  return *this;
}

void FrameBuilder::separate() {
  if (packets_++ != 0) bytes_ += carrier_.separator();
}

void FrameBuilder::add(const wire::PacketView& packet) {
  separate();
  carrier_.append(bytes_, packet);
}

void FrameBuilder::add(std::string_view head, const SharedBody& body) {
  separate();
  carrier_.append_head(bytes_, head, body);
  if (!body.bytes) return;
  if (made_.shared.empty()) {
    made_.own = std::exchange(bytes_, {});
  } else if (!bytes_.empty()) {
    made_.shared.push_back(BufferPtr::make(std::exchange(bytes_, {})));
  }
  made_.shared.push_back(body.bytes);
}

Segments FrameBuilder::take() {
  if (made_.shared.empty()) {
    made_.own = std::move(bytes_);
  } else if (!bytes_.empty()) {
    made_.shared.push_back(BufferPtr::make(std::move(bytes_)));
  }
  return std::move(made_);
}

FramePtr FrameBuilder::finish(MessagePtr message) {
  if (packets_ == 0) return {};
  Segments made = take();
  if (made.shared.empty()) return FramePtr::make(std::move(made.own), std::move(message));
  std::vector<MessagePtr> messages;
  if (message) messages.push_back(std::move(message));
  return make_frame(std::move(made), std::move(messages));
}

FramePtr FrameBuilder::finish(std::vector<MessagePtr> messages) {
  return packets_ == 0 ? FramePtr() : make_frame(take(), std::move(messages));
}

FramePtr make_frame(Segments bytes, std::vector<MessagePtr> messages) {
  if (bytes.shared.empty() && messages.size() == 1) {
    return FramePtr::make(std::move(bytes.own), std::move(messages.front()));
  }
  return FramePtr::make(std::move(bytes.own), std::move(bytes.shared), std::move(messages));
}

FramePtr make_frame(const wire::Packets& packets, const Carrier& carrier, MessagePtr message) {
  std::size_t size = 0;
  for (const wire::Packet& packet : packets) size += packet.bytes.size() + 10;
  FrameBuilder builder(carrier);
  builder.reserve(size);
  for (const wire::Packet& packet : packets) builder.add(packet);
  return builder.finish(std::move(message));
}

FramePtr make_frame(std::string_view head, const SharedBody& body, const Carrier& carrier, MessagePtr message) {
  FrameBuilder builder(carrier);
  builder.add(head, body);
  return builder.finish(std::move(message));
}

FramePtr make_text_frame(std::string_view text, const Carrier& carrier) {
  std::string bytes;
  carrier.append_text(bytes, text);
  return FramePtr::make(std::move(bytes));
}

}  // namespace chat::net
