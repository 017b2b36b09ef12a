// Clients on loops without sockets: real peers with a readable codec. Application, owners and links write what happens into one
// Story, in order.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/net/fake_loop.h"
#include "core/net/stream_link.h"
#include "net/base/clock.h"
#include "net/peer/admission.h"
#include "net/peer/peer.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

namespace chat::test {

using wire::Decoded;

inline std::string error_name(Error error) {
  static const std::map<Error, std::string> kNames = {
      {Error::ok, "ok"},
      {Error::no_such_client, "no_such_client"},
      {Error::no_such_room, "no_such_room"},
      {Error::invalid_room, "invalid_room"},
      {Error::invalid_json, "invalid_json"},
      {Error::too_large, "too_large"},
      {Error::too_many, "too_many"},
      {Error::forbidden, "forbidden"},
      {Error::not_joined, "not_joined"},
      {Error::rate_limited, "rate_limited"},
      {Error::wrong_state, "wrong_state"},
      {Error::timed_out, "timed_out"},
      {Error::no_memory, "no_memory"},
      {Error::unsupported, "unsupported"},
  };
  const auto found = kNames.find(error);
  return found == kNames.end() ? std::to_string(static_cast<int>(error)) : found->second;
}

#define assert_status(status, expected) \
  assert_string_equal(::chat::test::error_name((status).code).c_str(), ::chat::test::error_name(expected).c_str())
#define assert_ok(status) assert_status(status, ::chat::Error::ok)

// Commands of a client, as its codec decodes them.
inline Decoded say(std::string text, std::string ref = {}, std::string room = {}, bool except_self = false) {
  SendCommand command;
  command.draft().room = std::move(room);
  command.draft().payload = std::move(text);
  command.except_self = except_self;
  command.ref = std::move(ref);
  return Command(std::move(command));
}
// The acknowledgement follows the sender's own copy.
inline Decoded say_with_ack_last(std::string text, std::string ref) {
  SendCommand command;
  command.draft().payload = std::move(text);
  command.acknowledge_last = true;
  command.ref = std::move(ref);
  return Command(std::move(command));
}
inline Decoded enter(std::string room, std::string ref = "j", std::optional<Position> since = std::nullopt) {
  return Command(JoinCommand{std::move(room), std::move(since), std::move(ref)});
}
inline Decoded leave(std::string room, std::string ref = "l") {
  return Command(LeaveCommand{std::move(room), std::move(ref)});
}
inline Decoded history(std::uint64_t after_seq, std::string ref = "h") {
  return Command(HistoryCommand{{}, after_seq, 0, std::move(ref)});
}
inline Decoded ping(std::string ref = "p") { return Command(PingCommand{std::move(ref)}); }
inline Decoded fault(Error error, std::uint16_t close_code = 0) {
  return wire::DecodeError{{"f", error, "a fault", false}, close_code};
}

// A codec with readable packets: "lobby#3 hello" is message 3 of the room lobby.
class TextCodec final : public wire::Codec {
 public:
  struct Form {
    bool replies = true;  // the format has words for replies
    bool asks_for_acks = true;
    bool first_room = true;
  };

  explicit TextCodec(Form form) : form_(form) {}

  wire::Packets encode(const Message& message) const override { return {{false, text_of(message)}}; }
  wire::Packets encode_with_ack(const Message& message, std::uint64_t ack_id) const override {
    if (!form_.asks_for_acks) return {};
    return {{false, text_of(message) + " ?" + std::to_string(ack_id)}};
  }
  wire::Packets encode(const Reply& reply) const override {
    if (!form_.replies) return {};
    return {{false, std::visit([](const auto& specific) { return text(specific); }, reply)}};
  }
  wire::WireForm form() const override { return 100 + (form_.replies ? 1 : 0); }
  bool has_first_room() const override { return form_.first_room; }

 private:
  static std::string place(const std::string& room, std::uint64_t seq) { return room + "#" + std::to_string(seq); }
  static std::string text_of(const Message& message) {
    return place(message.room, message.seq) + " " + message.payload;
  }
  static std::string how(bool resumed, bool complete) {
    return std::string(resumed ? " resumed" : "") + (complete ? "" : " incomplete");
  }

  static std::string text(const Welcome& r) {
    return "welcome " + r.name + " " + place(r.room, r.seq) + how(r.resumed, r.complete);
  }
  static std::string text(const AckReply& r) { return "ack " + r.ref + " #" + std::to_string(r.seq); }
  static std::string text(const AnswerReply& r) { return "answer " + r.ref + " " + r.args; }
  static std::string text(const JoinedReply& r) {
    return "joined " + r.ref + " " + place(r.room, r.seq) + how(r.resumed, r.complete);
  }
  static std::string text(const LeftReply& r) { return "left " + r.ref + " " + r.room + " " + r.reason; }
  static std::string text(const RenamedReply& r) { return "renamed " + r.ref + " " + r.name; }
  static std::string text(const HistoryReply& r) {
    std::string line = "history " + r.ref + " " + place(r.room, r.seq) + how(false, r.complete) + ":";
    for (const MessagePtr& message : r.messages) line += " #" + std::to_string(message->seq);
    return line;
  }
  static std::string text(const MembersReply& r) {
    std::string line = "members " + r.ref + " " + r.room + ":";
    for (const MemberInfo& member : r.list->items) line += " " + member.name;
    return line;
  }
  static std::string text(const PresenceReply&) { return "presence"; }
  static std::string text(const ModeratedReply& r) { return "moderated " + r.ref + " " + r.room; }
  static std::string text(const RoomsReply& r) {
    std::string line = "rooms " + r.ref + ":";
    for (const RoomInfo& room : r.list->items) line += " " + room.name;
    return line;
  }
  static std::string text(const GapReply& r) {
    return "gap " + r.room + " #" + std::to_string(r.first_seq) + "-" + std::to_string(r.last_seq) + " of " +
           std::to_string(r.dropped);
  }
  static std::string text(const PongReply& r) { return "pong " + r.ref; }
  static std::string text(const DisconnectedReply& r) { return "disconnected " + r.ref; }
  static std::string text(const ErrorReply& r) {
    return "error " + r.ref + " " + error_name(r.code) + (r.of_send ? " send: " : ": ") + r.reason;
  }

  const Form form_;
};

inline std::string name_of(const ClientPtr& client) { return client->identity()->name; }

// Writes its callbacks into the story; questions only when the test has set an answer.
class TellingApplication final : public Application {
 public:
  explicit TellingApplication(Story& story) : story_(story) {}

  std::function<Decision(const ConnectRequest&)> connecting;
  std::function<std::optional<Decision>(const AuthorizeRequest&)> authorizing;
  std::function<Decision(MessageRequest&)> hearing;
  std::function<void(const std::string& line)> then;  // within each callback
  DecisionId asked = 0;                               // the last question
  std::uint64_t asked_ack = 0;                        // the acknowledgement of the last message

  Decision on_connect(const ConnectRequest& request) override { return connecting ? connecting(request) : Decision{}; }
  void on_open(const ClientPtr& client, std::string_view room, ClientId recovered_from) override {
    tell("on_open " + name_of(client) + " " + std::string(room) + (recovered_from == 0 ? "" : " again"));
  }
  void on_disconnect(const ClientPtr& client, int close_code, std::string_view reason) override {
    tell("on_disconnect " + name_of(client) + " " + std::to_string(close_code) + " " + std::string(reason));
  }
  void on_abandon(const ClientPtr& client, int close_code, std::string_view reason) override {
    tell("on_abandon " + name_of(client) + " " + std::to_string(close_code) + " " + std::string(reason));
  }
  std::optional<Decision> on_authorize(const AuthorizeRequest& request) override {
    if (!authorizing) return std::nullopt;
    static const std::map<Action, std::string> kActions = {{Action::join, "join"},       {Action::publish, "publish"},
                                                           {Action::history, "history"}, {Action::members, "members"},
                                                           {Action::rooms, "rooms"},     {Action::rename, "rename"}};
    asked = request.decision;
    tell("on_authorize " + name_of(request.client) + " " + kActions.at(request.action) + " " +
         std::string(request.room));
    return authorizing(request);
  }
  void on_join(const ClientPtr& client, std::string_view room) override {
    tell("on_join " + name_of(client) + " " + std::string(room));
  }
  void on_leave(const ClientPtr& client, std::string_view room, std::string_view reason) override {
    tell("on_leave " + name_of(client) + " " + std::string(room) + " " + std::string(reason));
  }
  Decision on_message(MessageRequest& request) override {
    if (!hearing) return {};
    asked = request.decision;
    asked_ack = request.ack_id;
    tell("on_message " + name_of(request.client) + " " + request.draft.payload);
    return hearing(request);
  }
  void on_ack(const ClientPtr& client, const AckOutcome& outcome) override {
    tell("on_ack " + name_of(client) + " " + std::to_string(outcome.ack_id) + " " + error_name(outcome.error) + " " +
         outcome.args);
  }

 private:
  void tell(const std::string& line) {
    story_.tell(line);
    if (then) then(line);
  }

  Story& story_;
};

// The owner of one client and the user of its link. Behaves like SinglePeer.
class Seat final : public net::LinkUser, public net::PeerOwner {
 public:
  Seat(FakeLoop& loop, Story& story, std::string given, ClientPtr its)
      : name(std::move(given)), client(std::move(its)), link(loop, *this, name, story), loop_(&loop), story_(story) {}

  const std::string name;
  const ClientPtr client;
  StreamLink link;
  bool tells_all = false;  // writes all calls of its peer into the story
  bool keeps = false;      // its peer is not retired with the link

  FakeLoop& loop() { return *loop_; }
  // nullptr after the retirement of the peer.
  net::Peer* find() { return loop_->peers().find(client->id()); }
  net::Peer& peer() {
    net::Peer* const found = find();
    assert_non_null(found);
    return *found;
  }
  void says(Decoded decoded) { peer().receive(std::move(decoded)); }
  void set_opened() { opened_ = true; }

  void on_message(bool, std::string_view) override {}
  void on_link_closed(std::uint16_t code, std::string_view reason) override {
    if (!keeps) loop_->peers().retire(client->id(), {code, std::string(reason)});
  }
  net::FramePtr encode_gap(const GapReply& gap) override {
    net::Peer* const found = find();
    return found == nullptr ? net::FramePtr() : make_frame(found->codec().encode(Reply(gap)), link.carrier(), nullptr);
  }

  void on_verdict(net::Peer& peer) override {
    if (tells_all) tell("on_verdict");
    if (opened_ || link.closing() || client->state() == ClientState::connecting || peer.undecided()) return;
    peer.stop_awaiting_verdict();
    if (client->state() != ClientState::accepted) {
      link.close(1008, client->refusal_reason());
      return;
    }
    const Status status = peer.open();
    if (!status.ok() || !peer.undecided()) settle(status);
  }
  void on_verdict_timeout(net::Peer&) override {
    tell("on_verdict_timeout");
    (void)loop_->hub().time_out(client);
  }
  void on_first_room(net::Peer&, const Status& status) override {
    tell("on_first_room " + error_name(status.code));
    settle(status);
  }
  void on_left(net::Peer&, std::string_view room, std::string_view reason) override {
    if (tells_all) tell("on_left " + std::string(room) + " " + std::string(reason));
  }
  void close_client(net::Peer&, std::uint16_t code, std::string_view reason) override {
    if (tells_all) tell("close_client " + std::to_string(code) + " " + std::string(reason));
    link.close(code, reason);
  }
  void close_connection(net::Peer& peer, std::uint16_t code, std::string_view reason) override {
    if (tells_all) tell("close_connection " + std::to_string(code) + " " + std::string(reason));
    PeerOwner::close_connection(peer, code, reason);
  }
  void on_continued(net::Peer&) override {
    if (tells_all) tell("on_continued");
  }

 private:
  void tell(const std::string& line) { story_.tell("owner of " + name + ": " + line); }
  void settle(const Status& status) {
    if (status.ok()) {
      opened_ = true;
    } else {
      link.close(1008, status.detail);
    }
  }

  FakeLoop* loop_;
  Story& story_;
  bool opened_ = false;
};

// How a client connects.
struct Coming {
  std::string room = "lobby";
  std::optional<Position> since = std::nullopt;
  TextCodec::Form form = {};
  std::size_t loop = 0;
  std::string address = "192.0.2.1";
  ConnectRequest request = {};
};

struct PeerFixture {
  explicit PeerFixture(net::ServerOptions options = {}, std::size_t loops = 1)
      : application(story), server(application, std::move(options), loops) {}

  FakeLoop& loop(std::size_t index = 0) { return server.loop(index); }
  Hub& hub() { return *server.hub; }
  void run() { server.run(); }
  // At least so long that every timer within it has fired; timers are up to a tick late.
  void pass(std::int64_t ms) { loop().advance(ms + net::TimerWheel::kTickMs); }

  // Connects a client, up to the application's verdict.
  Seat& come(const std::string& name, Coming how = {}) {
    const ClientOrigin origin{how.loop, how.address, Protocol::chat_v1, Transport::websocket, 0};
    Result<ClientPtr> admitted = net::admit(loop(how.loop), origin, std::move(how.request), Identity{{}, name, {}});
    assert_true(admitted.ok());
    seats.push_back(std::make_unique<Seat>(loop(how.loop), story, name, *admitted));
    Seat& seat = *seats.back();
    auto owned =
        std::make_unique<net::Peer>(seat.loop(), seat, seat.link, *admitted, std::make_unique<TextCodec>(how.form));
    net::Peer& peer = *owned;
    if (how.form.first_room) peer.set_first_room(how.room, std::move(how.since));
    seat.loop().peers().add(std::move(owned));
    if (seat.client->state() == ClientState::accepted) {
      const Status status = peer.open();
      if (!status.ok()) seat.link.close(1008, status.detail);
      if (status.ok() && !peer.undecided()) seat.set_opened();
    } else if (seat.client->state() == ClientState::connecting) {
      peer.await_verdict(seat.loop().now_ms() + server.options.verdict_timeout_ms);
    }
    return seat;
  }
  // The same up to its welcome, without those lines in the story.
  Seat& open(const std::string& name, Coming how = {}) {
    Seat& seat = come(name, std::move(how));
    run();
    assert_true(seat.peer().welcomed());
    story.take();
    return seat;
  }

  // As the application; an empty room is everyone.
  void publish(std::string room, std::string text, ClientId except = 0) {
    MessageDraft draft;
    draft.room = std::move(room);
    draft.payload = std::move(text);
    draft.except = except;
    assert_true(hub().publish(std::move(draft), net::current_moment()).ok());
  }
  void send(const Seat& to, std::string text, AckWish ack = {}) {
    MessageDraft draft;
    draft.payload = std::move(text);
    assert_ok(hub().send(to.client, std::move(draft), net::current_moment(), ack));
  }
  // A position in the room's current epoch.
  Position position(const std::string& room, std::uint64_t seq) {
    Result<HistoryReply> reply = hub().history(room, 0, 0, net::current_moment());
    assert_true(reply.ok());
    return {reply->epoch, seq};
  }

  static Decision deferred() { return {Verdict::defer, {}, std::nullopt}; }
  static Decision refused(std::string reason) { return {Verdict::refuse, std::move(reason), std::nullopt}; }
  // The verdict on the last question to the application.
  void decide(const Seat& about, Decision decision = {}) {
    assert_ok(hub().decide(about.client, application.asked, std::move(decision)));
  }

  Story story;
  TellingApplication application;
  FakeServer server;
  std::vector<std::unique_ptr<Seat>> seats;
};

}  // namespace chat::test
