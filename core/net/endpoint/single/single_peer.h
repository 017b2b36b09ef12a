// The user of a WebSocket that is one client and nothing else: plain and chat.v1. It ends with the link, the peer when that
// says goodbye.
#pragma once

#include <string_view>

#include "net/deliver/link.h"

namespace chat::net {

class Peer;
class WebSocketLink;

class SinglePeer final : public LinkUser {
 public:
  SinglePeer(Loop& loop, ClientId client) : loop_(loop), client_(client) {}

  // Before the handshake is through.
  void set_link(WebSocketLink& link) { link_ = &link; }
  // The client was accepted and is in its first room already: nothing is waited for.
  void set_opened() { opened_ = true; }

  std::string_view address() const override;
  void on_established() override;
  void on_message(bool binary, std::string_view bytes) override;
  void on_link_closed(std::uint16_t code, std::string_view reason) override;
  void on_verdict(ClientId client) override;
  void on_verdict_timeout(ClientId client) override;
  void on_first_room(ClientId client, const Status& status) override;
  void close_client(ClientId client, std::uint16_t code, std::string_view reason) override;
  FramePtr encode_gap(const GapReply& gap) override;

 private:
  Peer* peer();

  Loop& loop_;
  const ClientId client_;
  WebSocketLink* link_ = nullptr;
  bool established_ = false;  // the handshake is through
  bool opened_ = false;
};

}  // namespace chat::net
