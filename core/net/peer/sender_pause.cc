// See sender_pause.h.
#include "net/peer/sender_pause.h"

#include "net/peer/peer.h"
#include "net/peer/peer_context.h"

namespace chat::net {

void SenderPause::pause(ClientId sender, std::int64_t pause_ms) {
  const std::int64_t until_ms = loop_.now_ms() + pause_ms;
  if (sender == sender_ && until_ms < until_ms_ + TimerWheel::kTickMs) return;
  sender_ = sender;
  until_ms_ = until_ms;
  const auto pause_on = [sender, pause_ms](PeerContext& loop) {
    if (Peer* peer = loop.peers().find(sender)) peer->link().pause_reading_until(loop.now_ms() + pause_ms);
  };
  if (loop_.peers().find(sender) != nullptr) {
    pause_on(loop_);
  } else if (const ClientPtr client = loop_.hub().find_client(sender)) {
    PeerContext& there = loop_.at(client->loop());
    there.post_task([&there, pause_on] { pause_on(there); });
  }
}

}  // namespace chat::net
