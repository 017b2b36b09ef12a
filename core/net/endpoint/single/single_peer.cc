// See single_peer.h.
#include "net/endpoint/single/single_peer.h"

#include <string>
#include <utility>

#include "net/peer/peer.h"

namespace chat::net {

std::string_view SinglePeer::address() const {
  return peer_ == nullptr ? std::string_view() : peer_->client()->origin().address;
}

void SinglePeer::on_established() {
  if (opened_) {
    // Sends the welcome before any input that came together with the handshake is handled.
    loop_.drain_inbox();
    return;
  }
  established_ = true;
  // The link is read while the verdict is awaited, so that its end is noticed. What the client says waits in its peer.
  if (peer_ == nullptr) return;
  peer_->await_verdict(loop_.now_ms() + loop_.options().verdict_timeout_ms);
  on_verdict(*peer_);  // it may have come during the handshake
}

void SinglePeer::on_verdict(Peer& peer) {
  if (!established_ || opened_ || link_->closing()) return;
  if (peer.client()->state() == ClientState::connecting || peer.undecided()) return;
  peer.stop_awaiting_verdict();
  if (peer.client()->state() != ClientState::accepted) {
    const ClientPtr& client = peer.client();
    loop_.refusals().note(Refusal::application, client->origin().address, client->refusal_reason());
    link_->close(1008, client->refusal_reason());
    return;
  }
  const Status status = peer.open();
  if (!status.ok() || !peer.undecided()) on_first_room(peer, status);
}

void SinglePeer::on_first_room(Peer&, const Status& status) {
  if (!status.ok()) {
    link_->close(1008, status.detail);
    return;
  }
  opened_ = true;
}

void SinglePeer::on_message(bool binary, std::string_view bytes) {
  if (peer_ == nullptr) return;
  // Taken out, because a callback may lead to another call of this function.
  std::vector<wire::Decoded> said = std::move(loop_.decoded());
  decoder_->decode(binary, bytes, said);
  for (wire::Decoded& one : said) {
    if (peer_ != nullptr) peer_->receive(std::move(one));
  }
  said.clear();
  loop_.decoded() = std::move(said);
}

// After this, a later verdict is reported as too late. A verdict that came just before is in the inbox.
void SinglePeer::on_verdict_timeout(Peer& peer) { (void)loop_.hub().time_out(peer.client()); }

void SinglePeer::on_link_closed(std::uint16_t code, std::string_view reason) {
  if (Peer* const peer = std::exchange(peer_, nullptr)) loop_.peers().retire(peer->id(), {code, std::string(reason)});
}

void SinglePeer::close_client(Peer&, std::uint16_t code, std::string_view reason) { link_->close(code, reason); }

FramePtr SinglePeer::encode_gap(const GapReply& gap) {
  return peer_ == nullptr ? FramePtr() : make_frame(peer_->codec().encode(Reply(gap)), link_->carrier(), nullptr);
}

}  // namespace chat::net
