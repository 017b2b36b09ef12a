// What a client's loop-side object may ask of its loop.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "hub/dispatcher.h"
#include "hub/hub.h"
#include "net/deliver/fanout.h"
#include "net/deliver/link_context.h"
#include "net/deliver/no_link.h"
#include "net/peer/peer_owner.h"
#include "net/peer/peers.h"
#include "net/peer/sender_pause.h"
#include "wire/codec.h"

namespace chat::net {

class PeerContext : public LinkContext {
 public:
  using LinkContext::LinkContext;

  virtual Hub& hub() = 0;
  virtual Dispatcher& dispatcher() = 0;
  // No further client of this address is admitted. Clients that nobody needs may make way.
  virtual void on_clients_full(const std::string&) {}
  // Another loop of the server, to post a task to it. Any thread.
  virtual PeerContext& at(std::size_t loop) = 0;
  // Runs the task at once if `loop` is this loop, and otherwise as a posted task.
  void run_on(std::size_t loop, Task task) {
    if (loop == index()) {
      task();
    } else {
      at(loop).post_task(std::move(task));
    }
  }

  Fanout& fanout() { return fanout_; }
  Peers& peers() { return peers_; }
  const Peers& peers() const { return peers_; }
  // For a peer that waits for a verdict after its link was closed.
  Link& no_link() { return no_link_; }
  PeerOwner& no_owner() { return no_owner_; }
  // For what is decoded from one message. Empty between two uses.
  std::vector<wire::Decoded>& decoded() { return decoded_; }

  SourceTable& sources() override { return hub().sources(); }
  void pause_sender(ClientId sender, std::int64_t pause_ms) override { sender_pause_.pause(sender, pause_ms); }

 private:
  Fanout fanout_{*this};
  NoLink no_link_{*this};
  NoOwner no_owner_;
  Peers peers_{*this};
  SenderPause sender_pause_{*this};
  std::vector<wire::Decoded> decoded_;
};

}  // namespace chat::net
