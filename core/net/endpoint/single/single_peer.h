// A client of plain or chat.v1, which has a link of its own: a WebSocket, or a session of SockJS. This object ends with the link. The peer is
// retired when the link reports that it is closed.
#pragma once

#include <string_view>
#include <vector>

#include "net/deliver/link.h"
#include "net/endpoint/endpoint_context.h"
#include "net/peer/peer_owner.h"
#include "wire/codec.h"

namespace chat::net {

class Peer;

class SinglePeer final : public LinkUser, public PeerOwner {
 public:
  explicit SinglePeer(EndpointContext& loop) : loop_(loop) {}

  // Call this first, once. The peer must live until the link is closed. The decoder belongs to the peer.
  void set_up(Link& link, Peer& peer, wire::Decoder& decoder) {
    link_ = &link;
    peer_ = &peer;
    decoder_ = &decoder;
  }
  // The client was accepted and is in its first room already.
  void set_opened() { opened_ = true; }

  std::string_view address() const override;
  void on_established() override;
  void on_message(bool binary, std::string_view bytes) override;
  void on_link_closed(std::uint16_t code, std::string_view reason) override;
  FramePtr encode_gap(const GapReply& gap) override;

  void on_verdict(Peer& peer) override;
  void on_verdict_timeout(Peer& peer) override;
  void on_first_room(Peer& peer, const Status& status) override;
  void close_client(Peer& peer, std::uint16_t code, std::string_view reason) override;

 private:
  EndpointContext& loop_;
  Link* link_ = nullptr;
  Peer* peer_ = nullptr;  // until the link is closed
  wire::Decoder* decoder_ = nullptr;
  bool established_ = false;  // the handshake is complete
  bool opened_ = false;
};

}  // namespace chat::net
