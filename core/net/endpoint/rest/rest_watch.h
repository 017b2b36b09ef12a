// Wakes a request for history that waits for the next message of a room. It is in the fan-out like a client, but it is no member
// and receives nothing. For its loop's thread.
#pragma once

#include <functional>
#include <string>

#include "net/deliver/receiver.h"
#include "net/peer/peer_context.h"

namespace chat::net {

class RestWatch final : public Receiver {
 public:
  // client: who waits. wake: called in the middle of a fan-out, once for each message of the room.
  RestWatch(PeerContext& loop, const ClientPtr& client, std::string room, std::function<void()> wake);
  // Not in the middle of a fan-out.
  ~RestWatch() override;

  // Call this first, once. Errors: invalid_room, too_many.
  Status begin();

  const Carrier& carrier() const override;
  const wire::Codec& codec() const override;
  void deliver(const FramePtr&) override { wake_(); }
  void note_own(const MessagePtr&) override { wake_(); }

 private:
  PeerContext& loop_;
  const ClientPtr client_;
  const std::string room_;
  const std::function<void()> wake_;
  bool watching_ = false;
};

}  // namespace chat::net
