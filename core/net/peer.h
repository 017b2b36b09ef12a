// A client as the loop that it lives on sees it: its codec, its link, the rooms that it hears, and how it comes and goes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/ack_table.h"
#include "hub/client.h"
#include "hub/command.h"
#include "hub/loop_inbox.h"
#include "net/fanout.h"
#include "net/link.h"
#include "net/token_bucket.h"
#include "wire/codec.h"

namespace chat::net {

class Peer {
 public:
  Peer(Loop& loop, Link& link, ClientPtr client, std::unique_ptr<wire::Codec> codec);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const ClientPtr& client() const { return client_; }
  ClientId id() const { return id_; }
  Link& link() { return link_; }
  const wire::Codec& codec() const { return *codec_; }
  wire::WireForm form() const { return form_; }

  // The room that it asked for, and what it has of that already.
  void set_first_room(std::string room, std::optional<Position> since);

  // The verdict is pass: joins the first room, if the application allows it. The welcome follows with the Joined event.
  Status open();

  // One packet from the client.
  void receive(bool binary, std::string_view bytes);

  void handle(Joined& joined);
  void handle(Left& left);
  void handle(Departed& departed);
  void handle(Arrived& arrived);
  void handle(Renamed& renamed);
  void handle(Answer& answer);
  void handle(DirectMessage& direct);
  // The link is gone or going: leaves everything and tells the application. Once, at the end of a loop round.
  void retire(int close_code, std::string_view reason);

  // A frame with a message of a room or to everyone; counted.
  void deliver(const FramePtr& frame);
  void reply(const Reply& reply);

 private:
  friend class Fanout;

  void count_delivery();
  void welcome(Joined& joined);
  // Takes the oldest away until a replay fits the link; false when it took any.
  bool fit_replay(std::vector<MessagePtr>& messages) const;
  void replay(const std::vector<MessagePtr>& messages);
  FramePtr encode(const MessagePtr& message) const;
  // Stops reading for a while, and answers what came too quickly.
  bool refuse_for_rate(const ErrorReply& error, std::int64_t now_ms);

  Loop& loop_;
  Link& link_;
  const ClientPtr client_;
  const ClientId id_;
  const std::unique_ptr<wire::Codec> codec_;
  const wire::WireForm form_;
  bool welcomed_ = false;
  TokenBucket inbound_;
  AckTable acks_;
  std::string first_room_;
  std::optional<Position> first_since_;
  std::vector<MessagePtr> waiting_;  // sent to it before the welcome; bounded like an outbox
  std::size_t waiting_bytes_ = 0;
  Memberships memberships_;
};

}  // namespace chat::net
