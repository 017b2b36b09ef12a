// An Engine.IO session and its Socket.IO clients, on one loop: what its client sends in requests and by WebSocket, and what it
// hears, packet by packet; what the application is told; and how all of it ends.
#include "net/endpoint/engine_io/engine_io_session.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/net/endpoint/engine_io/engine_io_player.h"
#include "core/net/recorder.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

#define ASSERT_TEXT(got, wanted) assert_string_equal(std::string(got).c_str(), wanted)

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

constexpr const char* kPollingHandshake =
    R"(0{"sid":"*","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})";
constexpr const char* kWebSocketHandshake =
    R"(0{"sid":"*","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})";
constexpr const char* kUnknownSid = R"(400 {"code":1,"message":"Session ID unknown"})";
constexpr const char* kBadRequest = R"(400 {"code":3,"message":"Bad request"})";

struct Fixture {
  explicit Fixture(const ServerOptions& options = engine_io_options()) : site(app, options) {}

  Hub& hub() { return *site.server.hub; }
  void run() { site.run(); }
  std::uint64_t refused(Refusal reason) const { return site.server.refused(reason); }
  SessionHome& sessions() { return site.sockets().sessions(); }
  void say_goodbye() {
    for (const Task& goodbye : sessions().goodbyes()) goodbye();
  }

  Recorder app;
  FakeSite site;
};

// A client that is connected to the default namespace, by one transport or the other.
struct Polling : Fixture {
  explicit Polling(const ServerOptions& options = engine_io_options()) : Fixture(options), player(site) {
    ASSERT_TEXT(player.open(), (std::string("200 ") + kPollingHandshake).c_str());
    ASSERT_TEXT(player.enter(), R"(200 40{"sid":"*"})");
    ASSERT_TEXT(app.take(), "connect 1 lobby; open 1 lobby; join 1 lobby");
  }
  EngineIoPlayer player;
};

struct WebSocket : Fixture {
  explicit WebSocket(const ServerOptions& options = engine_io_options()) : Fixture(options), player(site) {
    ASSERT_TEXT(player.open_websocket(), kWebSocketHandshake);
    ASSERT_TEXT(player.enter(), R"(40{"sid":"*"})");
    ASSERT_TEXT(app.take(), "connect 1 lobby; open 1 lobby; join 1 lobby");
  }
  EngineIoPlayer player;
};

// Messages ------------------------------------------------------------------------------------------------------------

void it_opens_by_polling(void**) {
  Polling f;
  ASSERT_TEXT(f.player.polls().answer_header("Content-Type"), "text/plain; charset=UTF-8");
  ASSERT_TEXT(f.player.polls().answer_header("Cache-Control"), "no-store");
  ASSERT_TEXT(f.player.post(R"(42["chat message","one"]|42["other",2])"), "200 ok");
  ASSERT_TEXT(f.player.posts().answer_header("Content-Type"), "text/html");
  ASSERT_TEXT(f.player.poll(), R"(200 42["chat message","one"]|42["other",2])");
  ASSERT_TEXT(f.app.take(), "message 1 lobby one; message 1 lobby [2]");
}

void it_opens_by_websocket(void**) {
  WebSocket f;
  f.player.say(R"(42["chat message","one"])");
  f.player.say(R"(427["other",2])");
  ASSERT_TEXT(f.player.heard(), R"(42["chat message","one"]|42["other",2]|437[{"seq":2,"epoch":"*"}])");
}

void an_endpoint_may_have_one_transport_alone(void**) {
  ServerOptions options = engine_io_options();
  socket_io_endpoint(options).transports = 1U << static_cast<unsigned>(Transport::polling);
  Fixture f(options);
  EngineIoPlayer player(f.site);
  ASSERT_TEXT(player.open(), (std::string("200 ") + kWebSocketHandshake).c_str());
  EngineIoPlayer other(f.site);
  ASSERT_TEXT(other.open_websocket(), "400 Transport unknown");
  ASSERT_TEXT(other.socket().answer_header("Content-Type"), "text/html");
}

void attachments_follow_their_packet(void**) {
  WebSocket f;
  f.player.say(R"(451-["chat message",{"_placeholder":true,"num":0}])");
  ASSERT_TEXT(f.player.heard(), "");
  f.player.socket().say_bytes("\x01\x02");
  f.run();
  ASSERT_TEXT(f.player.heard(), "451-[\"chat message\",{\"_placeholder\":true,\"num\":0}]|bytes \x01\x02");
}

void acknowledgements_go_both_ways(void**) {
  WebSocket f;
  f.site.send(1, "question", {7, 1'000});
  f.run();
  ASSERT_TEXT(f.player.heard(), R"(427["chat message","question"])");
  f.player.say(R"(437["yes"])");
  f.player.say(R"(437["again"])");
  ASSERT_TEXT(f.app.take(), R"(ack 1 ["yes"])");
  f.site.send(1, "question", {8, 1'000});
  f.site.advance(1'100);
  ASSERT_TEXT(f.app.take(), "ack 1 timed out");
  ASSERT_TEXT(f.player.heard(), R"(428["chat message","question"])");
}

// Requests ------------------------------------------------------------------------------------------------------------

void a_poll_is_held_until_there_is_something(void**) {
  Polling f;
  ASSERT_TEXT(f.player.poll(), "");
  f.site.publish("lobby", "one");
  f.site.publish("lobby", "two");
  f.run();
  ASSERT_TEXT(f.player.polled(), R"(200 42["chat message","one"]|42["chat message","two"])");
  // What comes without a poll waits for the next.
  f.site.publish("lobby", "three");
  f.run();
  ASSERT_TEXT(f.player.polled(), "");
  ASSERT_TEXT(f.player.poll(), R"(200 42["chat message","three"])");
}

void a_second_poll_at_once_ends_the_session(void**) {
  Polling f;
  ASSERT_TEXT(f.player.poll(), "");
  FakeClient second(f.site);
  second.request("GET", f.player.target());
  f.run();
  ASSERT_TEXT(second.answer(), "400 ");
  ASSERT_TEXT(f.player.polled(), "200 1");
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (transport error); disconnect 1 1006 transport error");
  assert_int_equal(f.refused(Refusal::malformed), 1);
  assert_true(is_empty(f.site));
  ASSERT_TEXT(f.player.poll(), kUnknownSid);
}

void a_second_post_at_once_ends_the_session(void**) {
  Polling f;
  f.player.posts().send("POST " + f.player.target() + " HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 9\r\n\r\n42");
  f.run();
  FakeClient second(f.site);
  second.request("POST", f.player.target(), {}, "3");
  f.run();
  ASSERT_TEXT(second.answer(), "400 ");
  f.player.posts().send(R"(["late"])");
  f.run();
  ASSERT_TEXT(f.player.posted(), kBadRequest);
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (transport error); disconnect 1 1006 transport error");
  assert_int_equal(f.refused(Refusal::malformed), 1);
  assert_true(is_empty(f.site));
}

void a_poll_that_is_lost_ends_the_session(void**) {
  Polling f;
  ASSERT_TEXT(f.player.poll(), "");
  f.player.polls().hang_up();
  f.run();
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (transport error); disconnect 1 1006 transport error");
  assert_true(is_empty(f.site));
}

// Its packets are lost with it.
void as_does_one_whose_answer_is_not_taken(void**) {
  Polling f;
  ASSERT_TEXT(f.player.poll(), "");
  f.player.polls().wire().free_bytes = 10;
  f.site.publish("lobby", "one");
  f.run();
  ASSERT_TEXT(f.app.take(), "");
  f.player.polls().hang_up();
  f.run();
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (transport error); disconnect 1 1006 transport error");
  assert_true(is_empty(f.site));
}

void one_whose_answer_was_taken_may_go(void**) {
  Polling f;
  f.player.polls().hang_up();
  f.run();
  ASSERT_TEXT(f.app.take(), "");
  f.player.polls() = FakeClient(f.site);
  f.site.publish("lobby", "one");
  ASSERT_TEXT(f.player.poll(), R"(200 42["chat message","one"])");
}

void a_post_that_is_lost_ends_the_session(void**) {
  Polling f;
  f.player.posts().send("POST " + f.player.target() + " HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 9\r\n\r\n42");
  f.player.posts().hang_up();
  f.run();
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (transport error); disconnect 1 1006 transport error");
  assert_true(is_empty(f.site));
}

void a_post_that_is_too_large_is_refused_alone(void**) {
  ServerOptions options = engine_io_options();
  options.max_http_body_bytes = 100;
  Fixture f(options);
  EngineIoPlayer player(f.site);
  player.open();
  ASSERT_TEXT(player.enter(), R"(200 40{"sid":"*"})");
  FakeClient announced(f.site);
  announced.request("POST", player.target(), {}, std::string(101, 'x'));
  FakeClient chunked(f.site);
  chunked.send("POST " + player.target() + " HTTP/1.1\r\nHost: chat.test\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
               std::string(101, 'x'));
  f.run();
  ASSERT_TEXT(announced.answer(), "413 ");
  ASSERT_TEXT(announced.answer_header("Connection"), "close");
  ASSERT_TEXT(chunked.answer(), "413 ");
  ASSERT_TEXT(chunked.answer_header("Connection"), "close");
  assert_int_equal(f.refused(Refusal::body_bytes), 2);
  ASSERT_TEXT(player.post(R"(42["chat message","one"])"), "200 ok");
  ASSERT_TEXT(player.poll(), R"(200 42["chat message","one"])");
}

void a_post_of_bytes_ends_the_session(void**) {
  Polling f;
  f.player.send_post("3", "Content-Type: application/octet-stream\r\n");
  f.run();
  ASSERT_TEXT(f.player.posted(), "400 ");
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (transport error); disconnect 1 1006 transport error");
  assert_true(is_empty(f.site));
}

void a_payload_that_is_none_ends_the_session(void**) {
  Polling f;
  ASSERT_TEXT(f.player.poll(), "");
  ASSERT_TEXT(f.player.post(R"(42["chat message","one"]|x)"), "200 ok");
  // What was said before counts, but its own copy comes too late.
  ASSERT_TEXT(f.player.polled(), "200 1");
  ASSERT_TEXT(f.app.take(), "message 1 lobby one; leave 1 lobby (parse error); disconnect 1 1006 parse error");
  assert_int_equal(f.refused(Refusal::malformed), 1);
  assert_true(is_empty(f.site));
}

// Two a second, and two at once.
ServerOptions slow_options() {
  ServerOptions options = engine_io_options();
  options.inbound_rate = 2;
  options.inbound_burst = 2;
  return options;
}

constexpr const char* kFourMessages = R"(42["a",1]|42["a",2]|42["a",3]|42["a",4])";

void a_quick_sender_waits_for_its_answer(void**) {
  Polling f(slow_options());
  ASSERT_TEXT(f.player.post(kFourMessages), "");
  // The third goes on credit, the fourth waits with the answer.
  ASSERT_TEXT(f.app.take(), "message 1 lobby [1]; message 1 lobby [2]; message 1 lobby [3]");
  assert_int_equal(f.refused(Refusal::message_rate), 1);
  f.site.advance(900);
  ASSERT_TEXT(f.app.take(), "");
  ASSERT_TEXT(f.player.posted(), "");
  f.site.advance(200);
  ASSERT_TEXT(f.app.take(), "message 1 lobby [4]");
  ASSERT_TEXT(f.player.posted(), "200 ok");
  ASSERT_TEXT(f.player.poll(), (std::string("200 ") + kFourMessages).c_str());
}

void a_quick_sender_that_does_not_wait_is_ended(void**) {
  Polling f(slow_options());
  ASSERT_TEXT(f.player.post(kFourMessages), "");
  FakeClient second(f.site);
  second.request("POST", f.player.target(), {}, "3");
  f.run();
  ASSERT_TEXT(second.answer(), "400 ");
  ASSERT_TEXT(f.player.posted(), "200 ok");
  ASSERT_TEXT(f.app.take(),
              "message 1 lobby [1]; message 1 lobby [2]; message 1 lobby [3]; leave 1 lobby (transport error); "
              "disconnect 1 1006 transport error");
  assert_true(is_empty(f.site));
}

void a_quick_sender_that_hangs_up_is_ended(void**) {
  Polling f(slow_options());
  ASSERT_TEXT(f.player.post(kFourMessages), "");
  f.player.posts().hang_up();
  f.run();
  ASSERT_TEXT(f.app.take(),
              "message 1 lobby [1]; message 1 lobby [2]; message 1 lobby [3]; leave 1 lobby (transport error); "
              "disconnect 1 1006 transport error");
  assert_true(is_empty(f.site));
}

// So many messages wait behind one that is not decided on, and the rest in the POST.
void a_verdict_lets_a_paused_sender_go_on(void**) {
  Polling f;
  DecisionId decision = 0;
  f.app.message = [&](const MessageRequest& request) {
    if (decision != 0) return Decision();
    decision = request.decision;
    return Decision{Verdict::defer, {}, {}};
  };
  std::string packets = R"(42["a",0])";
  for (int i = 1; i < 40; ++i) packets += "|42[\"a\"," + std::to_string(i) + "]";
  ASSERT_TEXT(f.player.post(packets), "");
  ASSERT_TEXT(f.app.take(), "message 1 lobby [0]");
  f.site.advance(5'000);
  ASSERT_TEXT(f.player.posted(), "");
  assert_true(f.hub().decide(f.site.client(1), decision, {}).ok());
  f.run();
  ASSERT_TEXT(f.player.posted(), "200 ok");
  assert_int_equal(f.app.lines.size(), 39);
  ASSERT_TEXT(f.player.poll(), ("200 " + packets).c_str());
}

void many_packets_are_taken_in_portions(void**) {
  Polling f;
  std::string packets = R"(42["a",0])";
  for (int i = 1; i < 300; ++i) packets += "|42[\"a\"," + std::to_string(i) + "]";
  f.player.send_post(packets);
  f.site.loop().run();
  assert_int_equal(f.app.lines.size(), 128);
  ASSERT_TEXT(f.player.posted(), "");
  f.run();
  assert_int_equal(f.app.lines.size(), 300);
  ASSERT_TEXT(f.player.posted(), "200 ok");
  ASSERT_TEXT(f.player.poll(), ("200 " + packets).c_str());
}

// Namespaces ----------------------------------------------------------------------------------------------------------

void each_namespace_is_a_client_and_a_room(void**) {
  WebSocket f;
  ASSERT_TEXT(f.player.enter("/a"), R"(40/a,{"sid":"*"})");
  ASSERT_TEXT(f.app.take(), "connect 2 a; open 2 a; join 2 a");
  f.site.publish("a", "one");
  f.site.publish("lobby", "two");
  f.run();
  ASSERT_TEXT(f.player.heard(), R"(42/a,["chat message","one"]|42["chat message","two"])");
  f.player.say("41/a,");
  ASSERT_TEXT(f.player.heard(), "");
  ASSERT_TEXT(f.app.take(), "leave 2 a (client namespace disconnect); disconnect 2 1000 client namespace disconnect");
  f.player.say(R"(42["chat message","still here"])");
  ASSERT_TEXT(f.player.heard(), R"(42["chat message","still here"])");
  // It may come again, as another.
  ASSERT_TEXT(f.player.enter("/a"), R"(40/a,{"sid":"*"})");
  ASSERT_TEXT(f.app.take(), "message 1 lobby still here; connect 3 a; open 3 a; join 3 a");
}

void a_name_that_is_no_room_is_no_namespace(void**) {
  WebSocket f;
  ASSERT_TEXT(f.player.enter("/a/b"), R"(44/a/b,{"message":"Invalid namespace"})");
  ASSERT_TEXT(f.app.take(), "");
}

void a_connect_is_refused_at_once(void**) {
  Fixture f;
  f.app.connect = [](const ConnectRequest&) { return Decision{Verdict::refuse, "not you", {}}; };
  EngineIoPlayer player(f.site);
  player.open_websocket();
  ASSERT_TEXT(player.enter("/", R"({"token":"x"})"), R"(44{"message":"not you"})");
  ASSERT_TEXT(f.app.take(), "connect 1 lobby");
  assert_int_equal(f.refused(Refusal::application), 1);
  // The session goes on without.
  f.app.connect = nullptr;
  ASSERT_TEXT(player.enter(), R"(40{"sid":"*"})");
  ASSERT_TEXT(f.app.take(), "connect 2 lobby; open 2 lobby; join 2 lobby");
}

void what_connect_carries_is_seen(void**) {
  Fixture f;
  ConnectRequest seen;
  f.app.connect = [&](const ConnectRequest& request) {
    seen = request;
    return Decision();
  };
  EngineIoPlayer player(f.site);
  player.open();
  player.enter("/a", R"({"token":"t","x":1})");
  ASSERT_TEXT(seen.auth, R"({"token":"t","x":1})");
  ASSERT_TEXT(seen.token, "t");
  ASSERT_TEXT(seen.room, "a");
  ASSERT_TEXT(seen.path, "/socket.io/");
  ASSERT_TEXT(seen.address, "192.0.2.1");
  assert_true(seen.protocol == Protocol::socket_io && seen.transport == Transport::polling);
  assert_false(seen.socket_id.empty());
  ASSERT_TEXT(id_in(player.latest(), "sid"), seen.socket_id.c_str());
}

Decision defer(const ConnectRequest&) { return {Verdict::defer, {}, {}}; }

void a_verdict_may_come_later(void**) {
  for (const bool accept : {true, false}) {
    Fixture f;
    f.app.connect = defer;
    EngineIoPlayer player(f.site);
    player.open_websocket();
    ASSERT_TEXT(player.enter(), "");
    if (accept) {
      assert_true(f.hub().accept(f.site.client(1), Identity{"u", "Ann", {}}).ok());
      f.site.publish("lobby", "before it is in");
    } else {
      assert_true(f.hub().refuse(f.site.client(1), "no", R"({"code":7})").ok());
    }
    f.run();
    ASSERT_TEXT(player.heard(), accept ? R"(40{"sid":"*"})" : R"(44{"message":"no","data":{"code":7}})");
    ASSERT_TEXT(f.app.take(), accept ? "connect 1 lobby; open 1 lobby; join 1 lobby" : "connect 1 lobby");
    assert_int_equal(f.refused(Refusal::application), accept ? 0 : 1);
    f.site.advance(20'000);  // its time-out is none of it any more
    ASSERT_TEXT(player.heard(), "");
    ASSERT_TEXT(f.app.take(), "");
  }
}

void a_verdict_may_come_too_late(void**) {
  Fixture f;
  f.app.connect = defer;
  EngineIoPlayer player(f.site);
  player.open_websocket();
  ASSERT_TEXT(player.enter(), "");
  const ClientPtr client = f.site.client(1);
  f.site.advance(9'900);
  ASSERT_TEXT(player.heard(), "");
  f.site.advance(200);
  ASSERT_TEXT(player.heard(), R"(44{"message":"no verdict in time"})");
  ASSERT_TEXT(f.app.take(), "connect 1 lobby; abandon 1 1008 no verdict in time");
  assert_int_equal(f.hub().accept(client, {}).code, Error::wrong_state);
  assert_int_equal(f.hub().stats().clients_now, 0);
}

void a_client_may_go_before_its_verdict(void**) {
  Fixture f;
  f.app.connect = defer;
  EngineIoPlayer player(f.site);
  player.open_websocket();
  ASSERT_TEXT(player.enter(), "");
  const ClientPtr client = f.site.client(1);
  player.socket().close(1001, "off");
  assert_true(f.hub().accept(client, {}).ok());
  f.run();
  // The verdict was first in the inbox, and what is in there comes before the end.
  ASSERT_TEXT(player.heard(), R"(40{"sid":"*"}|close 1001 off)");
  ASSERT_TEXT(f.app.take(), "connect 1 lobby; open 1 lobby; join 1 lobby; leave 1 lobby (off); disconnect 1 1001 off");

  EngineIoPlayer second(f.site);
  second.open_websocket();
  ASSERT_TEXT(second.enter(), "");
  second.socket().hang_up();
  f.run();
  ASSERT_TEXT(f.app.take(), "connect 2 lobby; abandon 2 1006 transport close");
  assert_true(is_empty(f.site));
}

void the_first_room_may_be_refused(void**) {
  Fixture f;
  f.app.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::refuse, "members only", {}}; };
  EngineIoPlayer player(f.site);
  player.open_websocket();
  ASSERT_TEXT(player.enter("/a"), R"(44/a,{"message":"Invalid namespace"})");
  ASSERT_TEXT(f.app.take(), "connect 1 a; disconnect 1 1008 members only");
}

void the_first_room_may_be_decided_later(void**) {
  for (const bool allow : {true, false}) {
    Fixture f;
    DecisionId decision = 0;
    f.app.authorize = [&](const AuthorizeRequest& request) {
      decision = request.decision;
      return Decision{Verdict::defer, {}, {}};
    };
    EngineIoPlayer player(f.site);
    player.open_websocket();
    ASSERT_TEXT(player.enter("/a"), "");
    assert_true(f.hub().decide(f.site.client(1), decision, {allow ? Verdict::pass : Verdict::refuse, "no", {}}).ok());
    f.run();
    ASSERT_TEXT(player.heard(), allow ? R"(40/a,{"sid":"*"})" : R"(44/a,{"message":"Invalid namespace"})");
    ASSERT_TEXT(f.app.take(), allow ? "connect 1 a; open 1 a; join 1 a" : "connect 1 a; disconnect 1 1008 no");
  }
}

void there_are_so_many_namespaces(void**) {
  ServerOptions options = engine_io_options();
  options.hub.max_rooms_per_client = 2;
  WebSocket f(options);
  ASSERT_TEXT(f.player.enter("/a"), R"(40/a,{"sid":"*"})");
  ASSERT_TEXT(f.player.enter("/b"), R"(44/b,{"message":"too many namespaces"})");
  assert_int_equal(f.refused(Refusal::namespaces), 1);
  f.player.say("41/a,");
  ASSERT_TEXT(f.player.enter("/b"), R"(40/b,{"sid":"*"})");
}

void connects_have_a_rate(void**) {
  WebSocket f(slow_options());
  ASSERT_TEXT(f.player.enter("/a"), R"(40/a,{"sid":"*"})");
  ASSERT_TEXT(f.player.enter("/b"), "close");
  assert_int_equal(f.refused(Refusal::connect_rate), 1);
  ASSERT_TEXT(f.app.take(),
              "connect 2 a; open 2 a; join 2 a; leave 1 lobby (forced close); disconnect 1 1006 forced close; "
              "leave 2 a (forced close); disconnect 2 1006 forced close");
  assert_true(is_empty(f.site));
}

// Each is what a client that keeps to the protocol never sends.
void what_may_not_come_ends_the_connection(void**) {
  for (const char* packet : {"40", "44", R"(42/a,["x"])", R"(43/a,1[])", "41/a,", "4x", "42", "45"}) {
    WebSocket f;
    f.player.say(packet);
    ASSERT_TEXT(f.player.heard(), "close");
    ASSERT_TEXT(f.app.take(), "leave 1 lobby (forced close); disconnect 1 1006 forced close");
    assert_int_equal(f.refused(Refusal::malformed), 1);
    assert_true(is_empty(f.site));
  }
}

void nothing_may_be_said_before_the_welcome(void**) {
  Fixture f;
  f.app.connect = defer;
  EngineIoPlayer player(f.site);
  player.open();
  ASSERT_TEXT(player.post(R"(40|42["early"]|42["behind"])"), "200 ok");
  ASSERT_TEXT(player.poll(), "200 1");
  ASSERT_TEXT(f.app.take(), "connect 1 lobby; abandon 1 1006 forced close");
  ASSERT_TEXT(player.poll(), kUnknownSid);
  assert_true(is_empty(f.site));
}

// Out -----------------------------------------------------------------------------------------------------------------

void one_client_is_disconnected(void**) {
  WebSocket f;
  f.player.enter("/a");
  f.app.take();
  assert_true(f.hub().close_client(f.site.client(2), 1008, "enough").ok());
  f.run();
  ASSERT_TEXT(f.player.heard(), "41/a,");
  ASSERT_TEXT(f.app.take(), "leave 2 a (enough); disconnect 2 1008 enough");
  // It may have said that before it heard.
  f.player.say(R"(42/a,["chat message","late"])");
  f.player.say("41/a,");
  f.player.say(R"(42["chat message","one"])");
  ASSERT_TEXT(f.player.heard(), R"(42["chat message","one"])");
  ASSERT_TEXT(f.app.take(), "message 1 lobby one");
}

void one_that_is_not_let_in_yet_is_refused(void**) {
  Fixture f;
  f.app.connect = defer;
  EngineIoPlayer player(f.site);
  player.open_websocket();
  ASSERT_TEXT(player.enter(), "");
  assert_true(f.hub().close_client(f.site.client(1), 1008, "enough").ok());
  f.run();
  ASSERT_TEXT(player.heard(), R"(44{"message":"enough"})");
  ASSERT_TEXT(f.app.take(), "connect 1 lobby; abandon 1 1008 enough");
}

void who_leaves_the_room_leaves_the_namespace(void**) {
  WebSocket f;
  f.player.enter("/a");
  assert_true(f.hub().join(f.site.client(2), "further", {}, {}, current_moment()).ok());
  f.run();
  f.app.take();
  assert_true(f.hub().leave(f.site.client(2), "further", "not there").ok());
  f.run();
  ASSERT_TEXT(f.player.heard(), "");
  ASSERT_TEXT(f.app.take(), "leave 2 further (not there)");
  assert_true(f.hub().leave(f.site.client(2), "a", "thrown out").ok());
  f.run();
  ASSERT_TEXT(f.player.heard(), "41/a,");
  ASSERT_TEXT(f.app.take(), "leave 2 a (thrown out); disconnect 2 1008 thrown out");
}

void the_whole_connection_is_closed(void**) {
  WebSocket f;
  f.player.enter("/a");
  f.app.take();
  assert_true(f.hub().close_client(f.site.client(2), 1008, "enough", true).ok());
  f.run();
  ASSERT_TEXT(f.player.heard(), "41|41/a,|close");
  ASSERT_TEXT(f.app.take(),
              "leave 1 lobby (enough); disconnect 1 1008 enough; leave 2 a (enough); disconnect 2 1008 enough");
  assert_true(is_empty(f.site));
}

void on_polling_the_goodbye_comes_in_an_answer_of_its_own(void**) {
  Polling f;
  f.site.publish("lobby", "last");
  assert_true(f.hub().close_client(f.site.client(1), 1008, "enough", true).ok());
  f.run();
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (enough); disconnect 1 1008 enough");
  ASSERT_TEXT(f.player.poll(), R"(200 42["chat message","last"]|41)");
  ASSERT_TEXT(f.player.poll(), "200 1");
  ASSERT_TEXT(f.player.poll(), kUnknownSid);
  assert_true(is_empty(f.site));
}

void the_client_closes(void**) {
  Polling f;
  ASSERT_TEXT(f.player.poll(), "");
  ASSERT_TEXT(f.player.post("1"), "200 ok");
  ASSERT_TEXT(f.player.polled(), "200 6");
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (transport close); disconnect 1 1005 transport close");
  assert_true(is_empty(f.site));

  WebSocket g;
  g.player.socket().close(4000, "mine");
  g.run();
  ASSERT_TEXT(g.player.heard(), "close 4000 mine");
  ASSERT_TEXT(g.app.take(), "leave 1 lobby (mine); disconnect 1 4000 mine");
  assert_true(is_empty(g.site));

  WebSocket h;
  h.player.socket().hang_up();
  h.run();
  ASSERT_TEXT(h.app.take(), "leave 1 lobby (transport close); disconnect 1 1006 transport close");
  assert_true(is_empty(h.site));
}

// Time ----------------------------------------------------------------------------------------------------------------

void a_ping_is_answered(void**) {
  WebSocket f;
  for (int i = 0; i < 3; ++i) {
    f.site.advance(24'900);
    ASSERT_TEXT(f.player.heard(), "");
    f.site.advance(200);
    ASSERT_TEXT(f.player.heard(), "2");
    f.site.advance(10'000);
    f.player.say("3");
  }
  ASSERT_TEXT(f.app.take(), "");
}

void or_it_is_the_end(void**) {
  WebSocket f;
  f.site.advance(25'100);
  ASSERT_TEXT(f.player.heard(), "2");
  f.site.advance(20'100);
  ASSERT_TEXT(f.player.heard(), "close");
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (ping timeout); disconnect 1 1006 ping timeout");
  assert_int_equal(f.refused(Refusal::ping_timeout), 1);
  assert_true(is_empty(f.site));
  // Nobody answers the goodbye either.
  f.site.advance(5'100);
  assert_true(f.player.socket().wire().reset);
  assert_null(f.player.socket().wire().connection);
}

void on_polling_too(void**) {
  Polling f;
  ASSERT_TEXT(f.player.poll(), "");
  f.site.advance(25'100);
  ASSERT_TEXT(f.player.polled(), "200 2");
  ASSERT_TEXT(f.player.post("3"), "200 ok");
  f.site.advance(25'100);
  ASSERT_TEXT(f.player.poll(), "200 2");
  ASSERT_TEXT(f.player.poll(), "");
  f.site.advance(20'100);
  ASSERT_TEXT(f.player.polled(), "200 1");
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (ping timeout); disconnect 1 1006 ping timeout");
  assert_true(is_empty(f.site));
}

void a_session_must_enter_a_namespace(void**) {
  ServerOptions options = engine_io_options();
  options.connect_timeout_ms = 5'000;
  options.verdict_timeout_ms = 60'000;
  Fixture f(options);
  EngineIoPlayer polling(f.site);
  polling.open();
  EngineIoPlayer websocket(f.site);
  websocket.open_websocket();
  EngineIoPlayer asking(f.site);
  asking.open_websocket();
  f.app.connect = defer;
  ASSERT_TEXT(asking.enter(), "");
  f.app.connect = nullptr;
  EngineIoPlayer inside(f.site);
  inside.open_websocket();
  inside.enter();
  inside.say("41");
  f.site.advance(5'100);
  ASSERT_TEXT(websocket.heard(), "close");
  ASSERT_TEXT(asking.heard(), "close");
  ASSERT_TEXT(inside.heard(), "");  // it has been in one
  ASSERT_TEXT(polling.poll(), "200 1");
  ASSERT_TEXT(polling.poll(), kUnknownSid);
  assert_int_equal(f.refused(Refusal::request_timeout), 3);
  assert_int_equal(f.site.sessions.size(), 1);
  ASSERT_TEXT(
      f.app.take(),
      "connect 1 lobby; connect 2 lobby; open 2 lobby; join 2 lobby; leave 2 lobby (client namespace disconnect); "
      "disconnect 2 1000 client namespace disconnect; abandon 1 1006 forced close");
}

// Other ends ----------------------------------------------------------------------------------------------------------

void the_oldest_without_a_namespace_makes_way(void**) {
  ServerOptions options = engine_io_options();
  options.max_sessions = 2;
  Fixture f(options);
  EngineIoPlayer first(f.site);
  first.open_websocket();
  EngineIoPlayer second(f.site);
  second.open();
  ASSERT_TEXT(second.poll(), "");
  EngineIoPlayer hasty(f.site);
  ASSERT_TEXT(hasty.open(), "503 the server is full\n");
  f.site.advance(320);
  EngineIoPlayer third(f.site);
  ASSERT_TEXT(third.open_websocket(), kWebSocketHandshake);
  ASSERT_TEXT(first.heard(), "close 1013 too many sessions");
  ASSERT_TEXT(second.polled(), "");
  ASSERT_TEXT(third.enter(), R"(40{"sid":"*"})");
  EngineIoPlayer fourth(f.site);
  ASSERT_TEXT(fourth.open(), (std::string("200 ") + kPollingHandshake).c_str());
  ASSERT_TEXT(second.polled(), "200 1");
  ASSERT_TEXT(fourth.enter(), R"(200 40{"sid":"*"})");
  f.site.advance(320);
  ASSERT_TEXT(EngineIoPlayer(f.site).open(), "503 the server is full\n");
  ASSERT_TEXT(EngineIoPlayer(f.site).open_websocket(), "503 the server is full\n");
  assert_int_equal(f.refused(Refusal::sessions), 5);
  ASSERT_TEXT(f.app.take(), "connect 1 lobby; open 1 lobby; join 1 lobby; connect 2 lobby; open 2 lobby; join 2 lobby");
}

void each_address_has_its_share_of_sessions(void**) {
  ServerOptions options = engine_io_options();
  options.max_sessions_per_address = 1;
  Fixture f(options);
  EngineIoPlayer first(f.site);
  first.open();
  ASSERT_TEXT(EngineIoPlayer(f.site).open(), "503 too many sessions from this address\n");
  assert_int_equal(f.refused(Refusal::sessions_per_address), 1);
  ASSERT_TEXT(EngineIoPlayer(f.site, 0, "192.0.2.2").open(), (std::string("200 ") + kPollingHandshake).c_str());
}

void the_server_says_goodbye(void**) {
  WebSocket f;
  f.say_goodbye();
  f.run();
  ASSERT_TEXT(f.player.heard(), "close 1001 the server is stopping");
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (the server is stopping); disconnect 1 1001 the server is stopping");
  assert_true(is_empty(f.site));

  Polling g;
  ASSERT_TEXT(g.player.poll(), "");
  g.say_goodbye();
  g.run();
  ASSERT_TEXT(g.player.polled(), "200 1");
  ASSERT_TEXT(g.app.take(), "leave 1 lobby (the server is stopping); disconnect 1 1001 the server is stopping");
  assert_true(is_empty(g.site));

  Polling without_poll;
  without_poll.say_goodbye();
  without_poll.run();
  assert_true(is_empty(without_poll.site));
}

void nobody_is_let_in_while_it_stops(void**) {
  Polling f;
  f.site.loop().drains = true;
  ASSERT_TEXT(EngineIoPlayer(f.site).open(), "503 the server is stopping\n");
  ASSERT_TEXT(EngineIoPlayer(f.site).open_websocket(), "503 the server is stopping\n");
  ASSERT_TEXT(f.player.poll(), "503 the server is stopping\n");
}

void the_loop_ends(void**) {
  Polling f;
  EngineIoPlayer other(f.site);
  other.open_websocket();
  other.enter("/a");
  f.app.take();
  ASSERT_TEXT(f.player.poll(), "");
  f.sessions().end_all();
  f.run();
  ASSERT_TEXT(f.player.polled(), "200 1");
  ASSERT_TEXT(other.heard(), "close");
  std::vector<std::string> lines = f.app.lines;
  std::sort(lines.begin(), lines.end());
  assert_int_equal(lines.size(), 4);
  ASSERT_TEXT(lines[0], "disconnect 1 1006 forced close");
  ASSERT_TEXT(lines[1], "disconnect 2 1006 forced close");
  assert_true(is_empty(f.site));
}

// Upgrade on the same loop --------------------------------------------------------------------------------------------

void a_websocket_takes_over(void**) {
  Polling f;
  f.player.attach(0);
  ASSERT_TEXT(f.player.attached(), "101 ");
  f.player.say("2probe");
  ASSERT_TEXT(f.player.heard(), "3probe");
  f.site.publish("lobby", "one");
  f.player.say("5");
  ASSERT_TEXT(f.player.heard(), R"(42["chat message","one"])");
  f.player.say(R"(42["chat message","two"])");
  ASSERT_TEXT(f.player.heard(), R"(42["chat message","two"])");
  ASSERT_TEXT(f.player.poll(), kBadRequest);
  assert_true(f.site.client(1)->transport() == Transport::websocket);
  ASSERT_TEXT(f.app.take(), "message 1 lobby two");
  f.player.socket().hang_up();
  f.run();
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (transport close); disconnect 1 1006 transport close");
  assert_true(is_empty(f.site));
}

void the_probe_lets_a_held_poll_go(void**) {
  Polling f;
  ASSERT_TEXT(f.player.poll(), "");
  f.player.attach(0);
  f.player.attached();
  f.player.say("2probe");
  ASSERT_TEXT(f.player.polled(), "200 6");
  // One that comes then is held shortly.
  ASSERT_TEXT(f.player.poll(), "");
  f.site.advance(140);
  ASSERT_TEXT(f.player.polled(), "200 6");
  ASSERT_TEXT(f.player.poll(), "");
  f.player.say("5");
  ASSERT_TEXT(f.player.polled(), "200 6");
}

void it_may_be_lost_before(void**) {
  Polling f;
  f.player.attach(0);
  f.player.attached();
  f.player.say("2probe");
  f.player.socket().hang_up();
  f.run();
  f.site.publish("lobby", "one");
  ASSERT_TEXT(f.player.poll(), R"(200 42["chat message","one"])");
  // Another may try.
  f.player.attach(0);
  f.player.attached();
  f.player.say("2probe");
  ASSERT_TEXT(f.player.heard(), "3probe");
  f.player.say("5");
  f.site.publish("lobby", "two");
  f.run();
  ASSERT_TEXT(f.player.heard(), R"(42["chat message","two"])");
  ASSERT_TEXT(f.app.take(), "");
}

void one_that_says_something_else_is_closed(void**) {
  Polling f;
  f.player.attach(0);
  f.player.attached();
  f.player.say("4hello");
  ASSERT_TEXT(f.player.heard(), "close");
  ASSERT_TEXT(f.player.poll(), "");
  ASSERT_TEXT(f.app.take(), "");
}

void one_that_says_nothing_is_closed(void**) {
  Polling f;
  f.player.attach(0);
  f.player.attached();
  f.player.say("2probe");
  f.site.advance(10'100);
  ASSERT_TEXT(f.player.heard(), "3probe|close");
  ASSERT_TEXT(f.player.poll(), "");
}

void a_second_one_is_closed(void**) {
  Polling f;
  f.player.attach(0);
  f.player.attached();
  EngineIoPlayer second(f.site);
  FakeClient other(f.site);
  other.upgrade("/socket.io/?EIO=4&transport=websocket&sid=" + f.player.sid());
  f.run();
  ASSERT_TEXT(other.answer(), "101 ");
  const std::vector<std::string> frames = other.frames();
  assert_int_equal(frames.size(), 1);
  ASSERT_TEXT(frames[0], "close");
  f.player.say("2probe");
  ASSERT_TEXT(f.player.heard(), "3probe");
  f.player.say("5");
  f.player.say("42[\"chat message\",\"one\"]");
  ASSERT_TEXT(f.player.heard(), R"(42["chat message","one"])");
}

// What is said behind the upgrade, in the same segment, is heard in order.
void nothing_is_lost_behind_the_upgrade(void**) {
  Polling f;
  f.player.attach(0);
  f.player.attached();
  for (const char* text : {"2probe", "5", R"(42["a",1])", R"(42["a",2])", R"(42["a",3])"}) f.player.socket().say(text);
  f.run();
  ASSERT_TEXT(f.player.heard(), R"(3probe|42["a",1]|42["a",2]|42["a",3])");
  ASSERT_TEXT(f.app.take(), "message 1 lobby [1]; message 1 lobby [2]; message 1 lobby [3]");
}

void not_even_when_the_client_has_gone_since(void**) {
  Polling f;
  f.player.attach(0);
  f.player.attached();
  for (const char* text : {"2probe", "5", R"(42["a",1])"}) f.player.socket().say(text);
  f.player.socket().close(1001, "off");
  f.player.socket().hang_up();
  f.run();
  ASSERT_TEXT(f.app.take(), "message 1 lobby [1]; leave 1 lobby (off); disconnect 1 1001 off");
  assert_true(is_empty(f.site));
}

// Recovery ------------------------------------------------------------------------------------------------------------

struct Recovery : Fixture {
  explicit Recovery(bool asks = false) : Fixture(options_that(asks)), first(site), second(site) {
    first.open_websocket();
    ASSERT_TEXT(first.enter(), R"(40{"sid":"*","pid":"*"})");
    pid = id_in(first.latest(), "pid");
    sid = id_in(first.latest(), "sid");
    site.publish("lobby", "one");
    run();
    const std::string heard = first.heard();
    assert_true(heard.starts_with(R"(42["chat message","one",")"));
    offset = heard.substr(25, heard.size() - 27);
    ASSERT_TEXT(app.take(), "connect 1 lobby; open 1 lobby; join 1 lobby");
    second.open_websocket();
  }

  static ServerOptions options_that(bool asks) {
    ServerOptions options = engine_io_options();
    options.recovery_window_ms = 60'000;
    options.recovery_asks_on_connect = asks;
    options.connect_timeout_ms = 3'600'000;
    return options;
  }
  std::string come_back() { return second.enter("/", R"({"pid":")" + pid + R"(","offset":")" + offset + R"("})"); }
  // An event without its offset.
  static std::string plain(const std::string& event) { return event.substr(0, event.rfind(',')) + "]"; }
  void lose_first() {
    first.socket().hang_up();
    run();
    ASSERT_TEXT(app.take(), "leave 1 lobby (transport close); disconnect 1 1006 transport close");
  }

  EngineIoPlayer first;
  EngineIoPlayer second;
  std::string pid;
  std::string sid;
  std::string offset;
};

void a_client_comes_back(void**) {
  Recovery f;
  f.lose_first();
  f.site.publish("lobby", "two");
  const std::string heard = f.come_back();
  const std::size_t cut = heard.find('|');
  ASSERT_TEXT(heard.substr(0, cut), R"(40{"sid":"*","pid":"*"})");
  ASSERT_TEXT(Recovery::plain(heard.substr(cut + 1)), R"(42["chat message","two"])");
  ASSERT_TEXT(id_in(f.second.latest(), "sid"), f.sid.c_str());
  ASSERT_TEXT(id_in(f.second.latest(), "pid"), f.pid.c_str());
  ASSERT_TEXT(f.app.take(), "open 2 lobby for 1; join 2 lobby");
  f.second.socket().hang_up();
  f.run();
  ASSERT_TEXT(f.app.take(), "leave 2 lobby (transport close); disconnect 2 1006 transport close");
  assert_int_equal(f.site.engine_io.recovery.size(), 1);
}

void its_own_messages_do_not_come_back(void**) {
  Recovery f;
  f.lose_first();
  f.site.publish("lobby", "mine", 1);
  ASSERT_TEXT(f.come_back(), R"(40{"sid":"*","pid":"*"})");
}

void a_stranger_is_new(void**) {
  Recovery f;
  f.lose_first();
  f.pid = "guessed";
  ASSERT_TEXT(f.come_back(), R"(40{"sid":"*","pid":"*"})");
  ASSERT_TEXT(f.app.take(), "connect 2 lobby; open 2 lobby; join 2 lobby");
  assert_string_not_equal(id_in(f.second.latest(), "sid").c_str(), f.sid.c_str());
}

void whoever_is_too_late_is_new(void**) {
  Recovery f;
  f.lose_first();
  f.site.advance(30'000);
  ASSERT_TEXT(f.second.heard(), "2");
  f.second.say("3");
  f.site.advance(30'100);
  ASSERT_TEXT(f.second.heard(), "2");
  ASSERT_TEXT(f.come_back(), R"(40{"sid":"*","pid":"*"})");
  ASSERT_TEXT(f.app.take(), "connect 2 lobby; open 2 lobby; join 2 lobby");
}

void whoever_was_thrown_out_is_new(void**) {
  Recovery f;
  assert_true(f.hub().close_client(f.site.client(1), 1008, "enough").ok());
  f.run();
  f.app.take();
  ASSERT_TEXT(f.come_back(), R"(40{"sid":"*","pid":"*"})");
  ASSERT_TEXT(f.app.take(), "connect 2 lobby; open 2 lobby; join 2 lobby");
}

void its_loss_need_not_be_noticed_yet(void**) {
  Recovery f;
  ASSERT_TEXT(f.come_back(), "");
  f.site.publish("lobby", "two");
  f.site.advance(40);
  ASSERT_TEXT(f.first.heard(), "41");
  const std::string heard = f.second.heard();
  const std::size_t cut = heard.find('|');
  ASSERT_TEXT(heard.substr(0, cut), R"(40{"sid":"*","pid":"*"})");
  ASSERT_TEXT(Recovery::plain(heard.substr(cut + 1)), R"(42["chat message","two"])");
  ASSERT_TEXT(f.app.take(),
              "leave 1 lobby (continued by another connection); disconnect 1 1006 continued by another connection; "
              "open 2 lobby for 1; join 2 lobby");
}

void the_application_may_be_asked_again(void**) {
  Recovery f(true);
  f.lose_first();
  f.site.publish("lobby", "two");
  f.app.connect = defer;
  ASSERT_TEXT(f.come_back(), "");
  ASSERT_TEXT(f.app.take(), "connect 2 lobby for 1");
  f.site.publish("lobby", "three");
  assert_true(f.hub().accept(f.site.client(2), std::nullopt).ok());
  f.run();
  const std::string heard = f.second.heard();
  assert_true(heard.find(R"(40{"sid":"*","pid":"*"}|42["chat message","two",)") == 0);
  assert_true(heard.find(R"(|42["chat message","three",)") != std::string::npos);
  ASSERT_TEXT(f.app.take(), "open 2 lobby for 1; join 2 lobby");
}

void and_may_say_no(void**) {
  Recovery f(true);
  f.lose_first();
  f.app.connect = [](const ConnectRequest&) { return Decision{Verdict::refuse, "not again", {}}; };
  ASSERT_TEXT(f.come_back(), R"(44{"message":"not again"})");
  ASSERT_TEXT(f.app.take(), "connect 2 lobby for 1");
  f.app.connect = nullptr;
  ASSERT_TEXT(f.come_back(), R"(40{"sid":"*","pid":"*"})");
  ASSERT_TEXT(f.app.take(), "connect 3 lobby; open 3 lobby; join 3 lobby");
}

// One that is lost again while the application thinks may ask once more.
void what_is_remembered_survives_a_loss(void**) {
  Recovery f(true);
  f.lose_first();
  f.app.connect = defer;
  ASSERT_TEXT(f.come_back(), "");
  f.second.socket().hang_up();
  f.run();
  ASSERT_TEXT(f.app.take(), "connect 2 lobby for 1; abandon 2 1006 transport close");
  f.app.connect = nullptr;
  EngineIoPlayer third(f.site);
  third.open_websocket();
  ASSERT_TEXT(third.enter("/", R"({"pid":")" + f.pid + R"(","offset":")" + f.offset + R"("})"),
              R"(40{"sid":"*","pid":"*"})");
  ASSERT_TEXT(f.app.take(), "connect 3 lobby for 1; open 3 lobby for 1; join 3 lobby");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_opens_by_polling),
      cmocka_unit_test(it_opens_by_websocket),
      cmocka_unit_test(an_endpoint_may_have_one_transport_alone),
      cmocka_unit_test(attachments_follow_their_packet),
      cmocka_unit_test(acknowledgements_go_both_ways),
      cmocka_unit_test(a_poll_is_held_until_there_is_something),
      cmocka_unit_test(a_second_poll_at_once_ends_the_session),
      cmocka_unit_test(a_second_post_at_once_ends_the_session),
      cmocka_unit_test(a_poll_that_is_lost_ends_the_session),
      cmocka_unit_test(as_does_one_whose_answer_is_not_taken),
      cmocka_unit_test(one_whose_answer_was_taken_may_go),
      cmocka_unit_test(a_post_that_is_lost_ends_the_session),
      cmocka_unit_test(a_post_that_is_too_large_is_refused_alone),
      cmocka_unit_test(a_post_of_bytes_ends_the_session),
      cmocka_unit_test(a_payload_that_is_none_ends_the_session),
      cmocka_unit_test(a_quick_sender_waits_for_its_answer),
      cmocka_unit_test(a_quick_sender_that_does_not_wait_is_ended),
      cmocka_unit_test(a_quick_sender_that_hangs_up_is_ended),
      cmocka_unit_test(a_verdict_lets_a_paused_sender_go_on),
      cmocka_unit_test(many_packets_are_taken_in_portions),
      cmocka_unit_test(each_namespace_is_a_client_and_a_room),
      cmocka_unit_test(a_name_that_is_no_room_is_no_namespace),
      cmocka_unit_test(a_connect_is_refused_at_once),
      cmocka_unit_test(what_connect_carries_is_seen),
      cmocka_unit_test(a_verdict_may_come_later),
      cmocka_unit_test(a_verdict_may_come_too_late),
      cmocka_unit_test(a_client_may_go_before_its_verdict),
      cmocka_unit_test(the_first_room_may_be_refused),
      cmocka_unit_test(the_first_room_may_be_decided_later),
      cmocka_unit_test(there_are_so_many_namespaces),
      cmocka_unit_test(connects_have_a_rate),
      cmocka_unit_test(what_may_not_come_ends_the_connection),
      cmocka_unit_test(nothing_may_be_said_before_the_welcome),
      cmocka_unit_test(one_client_is_disconnected),
      cmocka_unit_test(one_that_is_not_let_in_yet_is_refused),
      cmocka_unit_test(who_leaves_the_room_leaves_the_namespace),
      cmocka_unit_test(the_whole_connection_is_closed),
      cmocka_unit_test(on_polling_the_goodbye_comes_in_an_answer_of_its_own),
      cmocka_unit_test(the_client_closes),
      cmocka_unit_test(a_ping_is_answered),
      cmocka_unit_test(or_it_is_the_end),
      cmocka_unit_test(on_polling_too),
      cmocka_unit_test(a_session_must_enter_a_namespace),
      cmocka_unit_test(the_oldest_without_a_namespace_makes_way),
      cmocka_unit_test(each_address_has_its_share_of_sessions),
      cmocka_unit_test(the_server_says_goodbye),
      cmocka_unit_test(nobody_is_let_in_while_it_stops),
      cmocka_unit_test(the_loop_ends),
      cmocka_unit_test(a_websocket_takes_over),
      cmocka_unit_test(the_probe_lets_a_held_poll_go),
      cmocka_unit_test(it_may_be_lost_before),
      cmocka_unit_test(one_that_says_something_else_is_closed),
      cmocka_unit_test(one_that_says_nothing_is_closed),
      cmocka_unit_test(a_second_one_is_closed),
      cmocka_unit_test(nothing_is_lost_behind_the_upgrade),
      cmocka_unit_test(not_even_when_the_client_has_gone_since),
      cmocka_unit_test(a_client_comes_back),
      cmocka_unit_test(its_own_messages_do_not_come_back),
      cmocka_unit_test(a_stranger_is_new),
      cmocka_unit_test(whoever_is_too_late_is_new),
      cmocka_unit_test(whoever_was_thrown_out_is_new),
      cmocka_unit_test(its_loss_need_not_be_noticed_yet),
      cmocka_unit_test(the_application_may_be_asked_again),
      cmocka_unit_test(and_may_say_no),
      cmocka_unit_test(what_is_remembered_survives_a_loss),
  };
  return cmocka_run_group_tests_name("core/net/endpoint/engine_io/engine_io_session", tests, nullptr, nullptr);
}
