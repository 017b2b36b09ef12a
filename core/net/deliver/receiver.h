// A client as the fan-out sees it. What it receives depends only on its form, its carrier and its subscription:
// receivers that have these in common share frames.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "model/message.h"
#include "model/types.h"
#include "net/deliver/carrier.h"
#include "net/deliver/frame.h"
#include "net/deliver/subscription_ids.h"
#include "wire/codec.h"

namespace chat::net {

struct LocalRoom;

// One place of a receiver in a room of its loop. A receiver with several subscriptions to the room has several.
struct Membership {
  LocalRoom* room = nullptr;
  std::size_t index = 0;    // in LocalRoom::members
  wire::WireForm form = 0;  // of the subscription
  SubscriptionIds::Number subscription = SubscriptionIds::kNone;
  bool own_heads = false;  // see Subscription
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

  // A frame with a message of a room or to everyone; an empty pointer when the receiver's format cannot express it.
  virtual void deliver(const FramePtr& frame) = 0;
  // A message whose heads the receiver makes itself, by its state: for a subscription with own heads, or to everyone when
  // the receiver has a direct_form(). subscription: its id; empty for a message to everyone.
  virtual void deliver_body(const MessagePtr& message, std::string_view subscription, const SharedBody& body) {
    (void)message, (void)subscription, (void)body;
  }
  // A message of a room that the receiver sent and does not receive. Once, however many subscriptions it has.
  virtual void note_own(const MessagePtr& message) = 0;

 private:
  friend class Fanout;

  const ClientId id_;
  const wire::WireForm form_;
  const wire::WireForm direct_form_;
  std::vector<std::unique_ptr<Membership>> memberships_;
};

}  // namespace chat::net
