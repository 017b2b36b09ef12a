// A STOMP client on its link: executes the actions of its StompSession, and gives it the replies of the server. The link is a
// WebSocket, or another one that carries the client's bytes; this class does not know which. The peer begins with the CONNECT
// frame.
//
// Frames are taken one by one. While a verdict is awaited, or many messages wait to be committed, or the client has sent more than
// its rate allows, later frames wait here and nothing more is read. Each frame costs a token of the client's rate, and so does each
// message of the link without the end of a frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "hub/application.h"
#include "hub/client.h"
#include "model/command.h"
#include "net/base/timer_wheel.h"
#include "net/base/token_bucket.h"
#include "net/deliver/link.h"
#include "net/endpoint/endpoint_context.h"
#include "net/endpoint/stomp/stomp_places.h"
#include "net/peer/peer_owner.h"
#include "session/stomp_session.h"

namespace chat::net {

class Peer;
class StompClient;

// The clients of one loop, also those that have not sent CONNECT.
using StompClients = std::unordered_set<StompClient*>;

class StompClient final : public LinkUser, public PeerOwner, private TimerEntry {
 public:
  // What is known of a client before its CONNECT frame.
  struct Arrival {
    ConnectRequest request;
    ClientOrigin origin;
    bool text_only = false;  // the link carries text alone
  };

  // clients: has the client as long as it exists.
  StompClient(EndpointContext& loop, session::StompOptions options, Arrival arrival,
              std::shared_ptr<StompClients> clients);
  ~StompClient() override;

  // Call this first, once. The link calls on_established() when it can be written to.
  void set_link(Link& link) { link_ = &link; }
  // Sends ERROR and closes the link.
  void close(std::uint16_t code, std::string_view reason);

  std::string_view address() const override { return arrival_.origin.address; }
  void on_established() override;
  void on_message(bool binary, std::string_view bytes) override;
  void on_link_closed(std::uint16_t code, std::string_view reason) override;
  std::size_t held_input_bytes() const override { return session_.held_bytes(); }
  FramePtr encode_gap(const GapReply& gap) override;

  void on_verdict(Peer& peer) override;
  void on_verdict_timeout(Peer& peer) override;
  std::optional<std::size_t> send_reply(Peer& peer, const Reply& reply) override;
  bool tells_success(std::string_view ref) const override;
  std::optional<bool> can_refuse(const ErrorReply& error) const override;
  std::optional<Subscription> subscription_of(Peer& peer, std::string_view ref) override;
  std::vector<std::string> message_heads(Peer& peer, const Message& message, std::string_view subscription) override;
  void on_left(Peer& peer, std::string_view room, std::string_view reason) override;
  void close_client(Peer& peer, std::uint16_t code, std::string_view reason) override;

 private:
  void on_deadline(std::int64_t now_ms) override;
  void schedule();

  // Takes the frames that wait, as far as they may be acted on now.
  void take_frames();
  void take_frames_later();
  bool may_take_frame();
  // What was received costs a token. Before CONNECT the client has its own.
  void charge();
  void give(Command command);
  // Closes the client when memory fails.
  template <class Action>
  void or_fail(Action action);

  void act(session::StompActions actions);
  void act(session::stomp::Send& send);
  void act(session::stomp::Connect& connect);
  void act(session::stomp::Subscribe& subscribe);
  bool take_presence(session::stomp::Subscribe& subscribe);
  void act(session::stomp::Unsubscribe& unsubscribe);
  void act(session::stomp::Publish& publish);
  void act(session::stomp::Refuse& refuse);
  void act(session::stomp::Acknowledged&) {}  // a broadcast is not repeated
  void act(session::stomp::Disconnect& disconnect);
  void act(session::stomp::Close& close);

  ConnectRequest connect_request_of(const session::stomp::Connect& connect) const;
  void open();
  void refuse_connection();

  void answer(const Welcome& reply, session::StompActions& out);
  void answer(const AckReply& reply, session::StompActions& out);
  void answer(const JoinedReply& reply, session::StompActions& out);
  void answer(const DisconnectedReply& reply, session::StompActions& out);
  void answer(const ErrorReply& reply, session::StompActions& out);
  template <class Other>
  void answer(const Other&, session::StompActions&) {}  // STOMP has no word for it

  // Reports something about a room on the client's error queue.
  void tell(std::string_view error, std::string_view reason, std::string_view room);
  std::string room_notice(std::string_view error, std::string_view reason, std::string_view room) const;

  EndpointContext& loop_;
  const session::StompOptions options_;
  Arrival arrival_;
  const std::shared_ptr<StompClients> clients_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();  // for tasks, which may outlive the client
  session::StompSession session_;
  StompPlaces places_;
  Link* link_ = nullptr;
  Peer* peer_ = nullptr;  // from CONNECT until the link is closed
  std::uint16_t close_code_;
  bool failed_ = false;  // memory failed, and the client is being closed
  bool taking_frames_ = false;
  bool will_take_frames_ = false;
  bool holds_input_ = false;         // reading is paused because frames wait
  std::int64_t frames_from_ms_ = 0;  // frames wait for the rate until then
  TokenBucket early_rate_;           // before CONNECT
  std::uint64_t frames_ = 0;         // that were taken
  std::uint64_t charged_ = 0;        // commands that the peer has charged
  std::size_t sent_bytes_ = 0;       // for send_reply()
};

}  // namespace chat::net
