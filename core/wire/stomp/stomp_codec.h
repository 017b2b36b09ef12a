// Encodes messages for STOMP clients: what all subscriptions of one version share is the body here, a frame's rest is the head. A
// subscription's id in the fan-out is its head as bytes, or, for a subscription with acknowledgements, a name that is never shown.
// A client's frames are read by session/stomp_session.h, and replies are its to write.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "wire/codec.h"
#include "wire/stomp/stomp_destination.h"
#include "wire/stomp/stomp_frame.h"

namespace chat::wire {

class StompCodec final : public Codec {
 public:
  // prefixes: must outlive the codec, and are the same for all clients. text_only: the transport carries text alone.
  StompCodec(StompVersion version, const StompPrefixes& prefixes, bool text_only);

  // A room's member without a subscription receives nothing.
  Packets encode(const Message&) const override { return {}; }
  Packets encode(const Reply&) const override { return {}; }
  std::optional<Packet> encode_body(const Message& message, WireForm form) const override;
  std::string encode_head(const Message&, WireForm, std::string_view subscription) const override {
    return std::string(subscription);
  }
  WireForm form() const override { return form_; }
  WireForm direct_form() const override;
  bool has_first_room() const override { return false; }

  // The form of the subscriptions to a room's presence, of clients with this form().
  static WireForm presence_form(WireForm form);
  // The form of the subscriptions to a room that receive edits, redactions and reactions too.
  static WireForm changes_form(WireForm form);

  // The queue of the user to which a message belongs that is sent to the client or to everyone.
  static std::string_view queue_of(const Message& message);

 private:
  const StompPrefixes& prefixes_;
  const WireForm form_;
};

}  // namespace chat::wire
