// Pauses the reading from a client whose messages fill the outboxes of others faster than they read. The sender may live on another
// loop. For its loop's thread.
#pragma once

#include <cstdint>

#include "model/types.h"

namespace chat::net {

class PeerContext;

class SenderPause {
 public:
  explicit SenderPause(PeerContext& loop) : loop_(loop) {}

  void pause(ClientId sender, std::int64_t pause_ms);

 private:
  PeerContext& loop_;
  // The last pause: one message often finds many outboxes full, and one pause is enough.
  ClientId sender_ = 0;
  std::int64_t until_ms_ = 0;
};

}  // namespace chat::net
