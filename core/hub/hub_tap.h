// Someone beside the members who learns of all messages: the guest of another cluster (core/guest). It hears what this
// server publishes. What it has received itself has Receipt::from_guest, and is not told.
#pragma once

#include <string>

#include "hub/client.h"
#include "model/message.h"

namespace chat {

struct AckOutcome;

// Called from any thread. It must not block and must not call the hub.
class HubTap {
 public:
  HubTap() = default;
  HubTap(const HubTap&) = delete;
  HubTap& operator=(const HubTap&) = delete;
  virtual ~HubTap() = default;

  // A message to a room, or without a room to everyone. In the room's order, with its lock held.
  virtual void on_message(const MessagePtr& message) noexcept = 0;
  // A room has been created or removed. With the lock of the table of rooms held.
  virtual void on_room(const std::string& room, bool is_there) noexcept = 0;
  // The outcome of a message that its receiver was asked to acknowledge. False: somebody else has asked. Without a
  // lock.
  virtual bool on_ack(const AckOutcome& outcome) noexcept = 0;
};

}  // namespace chat
