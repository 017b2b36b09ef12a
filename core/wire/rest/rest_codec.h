// The codecs of the HTTP interface. RestCodec is that of a client that makes single requests: it is sent answers and no messages.
// EventStreamCodec is that of a stream of Server-Sent Events (HTML standard, section 9.2): each packet is an event without its id,
// which depends on the stream and is added when the event is written.
#pragma once

#include <string>
#include <string_view>

#include "wire/codec.h"

namespace chat::wire {

class RestCodec final : public Codec {
 public:
  // The ref of the packet that says that the client is open.
  static constexpr std::string_view kOpen = "open";

  Packets encode(const Message&) const override { return {}; }
  Packets encode(const Reply& reply) const override;
  WireForm form() const override;
  bool has_first_room() const override { return false; }
};

class EventStreamCodec final : public Codec {
 public:
  Packets encode(const Message& message) const override;
  Packets encode(const Reply& reply) const override;
  WireForm form() const override;
};

// An event with this name (empty: `message`) whose data is JSON. Line ends in the JSON become spaces.
void append_event(std::string& out, std::string_view name, std::string_view json);

}  // namespace chat::wire
