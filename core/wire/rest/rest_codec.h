// The codecs of the HTTP interface. RestCodec is that of a client that makes single requests: it is sent answers and no messages.
// EventStreamCodec is that of a stream of Server-Sent Events (HTML standard, section 9.2): each packet is an event without its id,
// which depends on the stream and is added when the event is written.
#pragma once

#include <string>
#include <string_view>

#include <string>
#include <string_view>
#include <utility>

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

// Of a stream of Server-Sent Events.
class EventStreamCodec final : public Codec {
 public:
  // Events of this room have their position in it as their id. Empty: the ids are added to the events later.
  explicit EventStreamCodec(std::string room_with_ids = {}) : room_with_ids_(std::move(room_with_ids)) {}

  Packets encode(const Message& message) const override;
  Packets encode(const Reply& reply) const override;
  WireForm form() const override;
  WireForm form_in(std::string_view room) const override;
  Packets encode_in_form(const Message& message, WireForm form) const override;

 private:
  const std::string room_with_ids_;
};

// An event with this name (empty: `message`) whose data is JSON. Line ends in the JSON become spaces.
void append_event(std::string& out, std::string_view name, std::string_view json);

}  // namespace chat::wire
