// See sender_pause.h.
#include "net/peer/sender_pause.h"

#include "net/peer/peer.h"
#include "server/loop.h"
#include "server/server.h"

namespace chat::net {

void SenderPause::pause(ClientId sender, std::int64_t pause_ms) {
  const std::int64_t until_ms = loop_.now_ms() + pause_ms;
  if (sender == sender_ && until_ms < until_ms_ + TimerWheel::kTickMs) return;
  sender_ = sender;
  until_ms_ = until_ms;
  const auto pause_on = [sender, pause_ms](Loop& loop) {
    if (Peer* peer = loop.find_peer(sender)) peer->link().pause_reading_until(loop.now_ms() + pause_ms);
  };
  if (loop_.find_peer(sender) != nullptr) {
    pause_on(loop_);
  } else if (const ClientPtr client = loop_.server().hub().find_client(sender)) {
    Loop& there = loop_.server().loop(client->loop());
    there.post_task([&there, pause_on] { pause_on(there); });
  }
}

}  // namespace chat::net
