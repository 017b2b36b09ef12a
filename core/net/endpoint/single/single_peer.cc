// See single_peer.h.
#include "net/endpoint/single/single_peer.h"

#include "net/connection/websocket_link.h"
#include "net/peer/peer.h"
#include "server/loop.h"
#include "server/server.h"

namespace chat::net {

Peer* SinglePeer::peer() { return loop_.find_peer(client_); }

std::string_view SinglePeer::address() const {
  const Peer* const peer = loop_.find_peer(client_);
  return peer == nullptr ? std::string_view() : peer->client()->origin().address;
}

void SinglePeer::on_established() {
  if (opened_) {
    // The welcome goes first, before anything that came along with the handshake is looked at.
    loop_.drain_inbox();
    return;
  }
  established_ = true;
  // The link is read meanwhile, so that the client's end is noticed; what it says waits in its peer.
  if (Peer* peer = this->peer()) peer->await_verdict(loop_.now_ms() + loop_.options().verdict_timeout_ms);
  on_verdict(client_);  // which may have come during the handshake
}

void SinglePeer::on_verdict(ClientId) {
  if (!established_ || opened_ || link_->closing()) return;
  Peer* peer = this->peer();
  if (!peer || peer->client()->state() == ClientState::connecting || peer->undecided()) return;
  peer->stop_awaiting_verdict();
  if (peer->client()->state() != ClientState::accepted) {
    const ClientPtr& client = peer->client();
    loop_.server().refusals().note(Refusal::application, client->origin().address, client->refusal_reason());
    link_->close(1008, client->refusal_reason());
    return;
  }
  const Status status = peer->open();
  if (!status.ok() || !peer->undecided()) on_first_room(client_, status);
}

void SinglePeer::on_first_room(ClientId, const Status& status) {
  if (!status.ok()) {
    link_->close(1008, status.detail);
    return;
  }
  opened_ = true;
}

void SinglePeer::on_message(bool binary, std::string_view bytes) {
  if (Peer* peer = this->peer()) peer->receive(binary, bytes);
}

void SinglePeer::on_verdict_timeout(ClientId) {
  // So that a verdict which comes later is told that it is too late. One that came just before is in the inbox.
  if (Peer* peer = this->peer()) (void)loop_.server().hub().time_out(peer->client());
}

void SinglePeer::on_link_closed(std::uint16_t code, std::string_view reason) {
  loop_.retire(client_, {code, std::string(reason)});
}

void SinglePeer::close_client(ClientId, std::uint16_t code, std::string_view reason) { link_->close(code, reason); }

FramePtr SinglePeer::encode_gap(const GapReply& gap) {
  Peer* peer = this->peer();
  return peer ? make_frame(peer->codec().encode(Reply(gap)), link_->framing(), nullptr) : FramePtr();
}

}  // namespace chat::net
