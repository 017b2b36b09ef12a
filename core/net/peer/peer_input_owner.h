// What the input of a client needs of the client: Peer implements it.
#pragma once

#include <cstddef>
#include <vector>

#include "hub/client.h"
#include "hub/decision.h"
#include "model/command.h"
#include "net/deliver/frame.h"
#include "net/deliver/link.h"
#include "net/peer/peer_context.h"

namespace chat::net {

class PeerInputOwner {
 public:
  virtual PeerContext& context() = 0;
  virtual const ClientPtr& client() const = 0;
  virtual Link& link() = 0;
  virtual Transport transport() const = 0;
  // The client has been sent its welcome.
  virtual bool welcomed() const = 0;
  // Nothing more is sent to the client.
  virtual bool silent() const = 0;

  // Whether the client's protocol has a word for the refusal of a command.
  virtual bool can_refuse(const ErrorReply& error) const = 0;
  // Sends the reply. The bytes of its frame; 0: the client's format has no word for it.
  virtual std::size_t reply(const Reply& reply) = 0;
  // Removes the oldest messages until the rest fits so many outboxes. False when it removed any.
  virtual bool fit_replay(std::vector<MessagePtr>& messages, std::size_t outboxes) const = 0;

  // PeerInput::deadline_ms() may have changed.
  virtual void on_input_deadline() = 0;
  // The deferred verdict on the entry into the first room.
  virtual void on_room_verdict(Decision decision) = 0;
  // No verdict is awaited any more.
  virtual void on_all_decided() = 0;
  // The client has ended its connection: PeerInput::State::goodbye is to be sent.
  virtual void post_goodbye() = 0;
  // Memory failed, and the client cannot be told so in its protocol.
  virtual void fail() noexcept = 0;

 protected:
  ~PeerInputOwner() = default;
};

}  // namespace chat::net
