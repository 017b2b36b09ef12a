// A client as the fan-out sees it. What it receives depends only on its form, its carrier and its subscription:
// receivers that have these in common share frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/message.h"
#include "model/types.h"
#include "net/deliver/carrier.h"
#include "net/deliver/direct_links.h"
#include "net/deliver/frame.h"
#include "net/deliver/member_forms.h"
#include "wire/codec.h"

namespace chat::net {

struct LocalRoom;

// One place of a receiver in a room of its loop. A receiver with several subscriptions to the room has several.
struct Membership {
  // The receiver is in the room and receives nothing there by this membership.
  static constexpr std::size_t kSilent = SIZE_MAX;

  LocalRoom* room = nullptr;
  std::size_t index = 0;  // in LocalRoom::members

  bool silent() const { return index == kSilent; }
};

class Receiver {
 public:
  Receiver(ClientId id, const wire::Codec& codec) : id_(id), form_(codec.form()), direct_form_(codec.direct_form()) {}
  virtual ~Receiver() = default;
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  ClientId id() const { return id_; }
  wire::WireForm form() const { return form_; }
  // See Codec::direct_form().
  wire::WireForm direct_form() const { return direct_form_; }
  virtual const Carrier& carrier() const = 0;
  virtual const wire::Codec& codec() const = 0;
  // Of messages of this room; see Codec::form_in().
  wire::WireForm form_in(std::string_view room) const { return codec().form_in(room); }
  // Where the deliveries that the fan-out writes by itself are counted.
  virtual DeliveryCounters counters() const { return {}; }

  // The fan-out may write to this link by itself when the link is open in DirectLinks. kNone: it must call deliver().
  // Fanout::refresh() follows each change of this and of everything above.
  virtual DirectLinks::Number direct_link() const { return DirectLinks::kNone; }
  // note_delivered() is called for each frame that the fan-out has written by itself. It may be called again when it
  // throws.
  virtual bool notes_deliveries() const { return false; }
  virtual void note_delivered(const Frame& frame) { (void)frame; }
  // The fan-out has written the first bytes of the frame to direct_link(), as one write of the carrier. The rest follows.
  virtual void deliver_rest(const FramePtr& frame, std::size_t written) { (void)frame, (void)written; }

  // A frame with several messages may be delivered. Otherwise each message comes in a frame of its own.
  virtual bool takes_whole(const Frame& frame) {
    (void)frame;
    return true;
  }
  // A frame with messages of a room or to everyone; an empty pointer when the receiver's format cannot express them.
  virtual void deliver(const FramePtr& frame) = 0;
  // For a message whose heads the receiver makes itself, by its state: for a subscription with own heads, or to everyone
  // when the receiver has a direct_form(). subscription: its id; empty for a message to everyone. One head for each copy
  // that the receiver gets: the copies are written in this order.
  virtual std::vector<std::string> make_heads(const Message& message, std::string_view subscription) {
    (void)message, (void)subscription;
    return {};
  }
  // Makes the heads, and delivers the copies.
  virtual void deliver_body(const MessagePtr& message, std::string_view subscription, const SharedBody& body) {
    (void)message, (void)subscription, (void)body;
  }
  // A message of a room that the receiver sent and does not receive. Once, however many subscriptions it has.
  virtual void note_own(const MessagePtr& message) = 0;

  // It is in a room.
  bool has_rooms() const { return rooms_ != 0; }

 private:
  friend class Fanout;

  const ClientId id_;
  const wire::WireForm form_;
  const wire::WireForm direct_form_;
  std::uint32_t rooms_ = 0;  // different ones among the memberships
  std::vector<std::unique_ptr<Membership>> memberships_;
  Membership everyone_;  // among all clients of the loop; without a room: it is not
};

}  // namespace chat::net
