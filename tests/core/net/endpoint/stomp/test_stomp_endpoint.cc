// STOMP over WebSocket: how a client comes, what it receives of rooms and of the application, how it is refused, and how it ends.
// See stomp_frames.h for how frames are shown.
#include "net/endpoint/stomp/stomp_endpoint.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/endpoint/stomp/stomp_frames.h"
#include "core/net/fake_sockets.h"
#include "core/net/recorder.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

#define ASSERT_TEXT(got, wanted) assert_string_equal(std::string(got).c_str(), std::string(wanted).c_str())

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

Decision deferred() { return {Verdict::defer, {}, {}}; }
Decision refused(std::string reason) { return {Verdict::refuse, std::move(reason), {}}; }

class Client {
 public:
  explicit Client(FakeSite& site, std::string_view headers = {}, std::string_view target = "/stomp")
      : site_(site), client_(site) {
    client_.upgrade(target, headers);
    site_.run();
    answer = client_.answer();
  }
  ~Client() {
    client_.hang_up();
    site_.run();
  }

  void say(std::string_view text) {
    client_.say(text);
    site_.run();
  }
  std::string heard() {
    std::string all;
    for (const std::string& one : client_.frames()) all += (all.empty() ? "" : " + ") + readable(one);
    return all;
  }
  std::string ask(std::string_view text) {
    say(text);
    return heard();
  }
  void connect(std::string_view version = "1.2") {
    say(frame("CONNECT", {"accept-version:" + std::string(version), "host:chat.test"}));
    assert_true(heard().starts_with("CONNECTED|version:" + std::string(version) + "|"));
  }
  void subscribe(std::string_view id, std::string_view destination, std::string_view ack = "auto") {
    const std::string text = ask(frame("SUBSCRIBE", {"id:" + std::string(id), "destination:" + std::string(destination),
                                                     "ack:" + std::string(ack), "receipt:s"}));
    ASSERT_TEXT(text, "RECEIPT|receipt-id:s||^");
  }
  FakeClient& bytes() { return client_; }

  std::string answer;

 private:
  FakeSite& site_;
  FakeClient client_;
};

struct Fixture {
  explicit Fixture(const ServerOptions& options = {}) : site(app, options) {}
  std::uint64_t refusals(Refusal reason) const { return site.server.refused(reason); }

  Recorder app;
  FakeSite site;
};

// Opening -------------------------------------------------------------------------------------------------------------

void the_highest_version_that_is_offered_is_the_subprotocol(void**) {
  Fixture f;
  Client client(f.site, "Sec-WebSocket-Protocol: v10.stomp, v12.stomp, v11.stomp\r\n");
  ASSERT_TEXT(client.answer, "101 ");
  ASSERT_TEXT(client.bytes().answer_header("Sec-WebSocket-Protocol"), "v12.stomp");
  Client none(f.site);
  ASSERT_TEXT(none.answer, "101 ");
  ASSERT_TEXT(none.bytes().answer_header("Sec-WebSocket-Protocol"), "");
  Client other(f.site, "Sec-WebSocket-Protocol: mqtt\r\n");
  ASSERT_TEXT(other.bytes().answer_header("Sec-WebSocket-Protocol"), "");
}

void another_origin_is_refused(void**) {
  Fixture f;
  Client client(f.site, "Origin: https://evil.test\r\n");
  assert_true(client.answer.starts_with("403 "));
  assert_int_equal(f.refusals(Refusal::origin), 1);
  ASSERT_TEXT(f.app.take(), "");
}

void connect_reaches_the_application(void**) {
  Fixture f;
  ConnectRequest seen;
  f.app.connect = [&](const ConnectRequest& request) {
    seen = request;
    return Decision();
  };
  Client client(f.site, {}, "/stomp?token=query");
  ASSERT_TEXT(client.ask(frame("CONNECT", {"accept-version:1.0,1.1,1.2", "host:chat.test", "login:ann", "passcode:s\"3",
                                           "heart-beat:0,0", "login:bob"})),
              "CONNECTED|version:1.2|session:1|server:libchat|heart-beat:10000,10000||^");
  ASSERT_TEXT(
      seen.auth,
      R"({"accept-version":"1.0,1.1,1.2","host":"chat.test","login":"ann","passcode":"s\"3","heart-beat":"0,0"})");
  ASSERT_TEXT(seen.user_name, "ann");
  ASSERT_TEXT(seen.password, "s\"3");
  ASSERT_TEXT(seen.token, "query");
  ASSERT_TEXT(seen.room, "");
  ASSERT_TEXT(seen.path, "/stomp");
  assert_true(seen.protocol == Protocol::stomp && seen.transport == Transport::websocket);
  ASSERT_TEXT(f.app.take(), "connect 1 ; open 1 ");
  Client bearer(f.site);
  bearer.say(frame("CONNECT", {"accept-version:1.2", "host:h", "Authorization:Bearer abc"}));
  ASSERT_TEXT(seen.token, "abc");
}

void a_refused_connection_gets_the_reason(void**) {
  Fixture f;
  f.app.connect = [](const ConnectRequest&) { return refused("no such user"); };
  Client client(f.site);
  ASSERT_TEXT(client.ask(frame("CONNECT", {"accept-version:1.2", "host:h"})),
              "ERROR|message:no such user||^ + close 1008 no such user");
  assert_int_equal(f.refusals(Refusal::application), 1);
  assert_int_equal(f.site.server.hub->stats().clients_now, 0);
}

void a_deferred_connection_waits_and_so_do_its_frames(void**) {
  Fixture f;
  f.app.connect = [](const ConnectRequest&) { return deferred(); };
  Client client(f.site);
  client.say(frame("CONNECT", {"accept-version:1.2", "host:h"}) +
             frame("SUBSCRIBE", {"id:0", "destination:/topic/a", "receipt:r"}));
  ASSERT_TEXT(client.heard(), "");
  assert_true(f.site.server.hub->accept(f.site.client(1), std::nullopt).ok());
  f.site.run();
  assert_true(client.heard().ends_with(" + RECEIPT|receipt-id:r||^"));
  ASSERT_TEXT(f.app.take(), "connect 1 ; open 1 ; join 1 a");

  Client late(f.site);
  late.say(frame("CONNECT", {"accept-version:1.2", "host:h"}));
  f.site.advance(11'000);
  assert_true(late.heard().find("ERROR|message:no verdict in time||^") != std::string::npos);
}

void connect_must_come_and_come_first(void**) {
  Fixture f;
  Client silent(f.site);
  f.site.advance(10'100);
  ASSERT_TEXT(silent.heard(),
              "ERROR|message:no CONNECT frame came in time||^ + close 1002 no CONNECT frame came in time");
  assert_int_equal(f.refusals(Refusal::request_timeout), 1);
  Client hasty(f.site);
  assert_true(hasty.ask(frame("SEND", {"destination:/topic/a"})).starts_with("ERROR|message:the first frame"));
  assert_int_equal(f.refusals(Refusal::malformed), 1);
  ASSERT_TEXT(f.app.take(), "");
}

// Rooms ---------------------------------------------------------------------------------------------------------------

void a_subscriber_receives_what_is_published(void**) {
  Fixture f;
  Client client(f.site);
  client.connect();
  client.subscribe("0", "/topic/a");
  ASSERT_TEXT(client.ask(frame("SEND", {"destination:/topic/a", "receipt:r", "k:v"}, "hi")),
              "MESSAGE|subscription:0|destination:/topic/a|message-id:*|seq:1|epoch:*|sender:guest-1|sender-id:1|k:v|"
              "content-length:2||hi^ + RECEIPT|receipt-id:r||^");
  f.site.publish("a", "from the application");
  f.site.run();
  assert_true(client.heard().find("|seq:2|") != std::string::npos);
  ASSERT_TEXT(f.app.take(), "connect 1 ; open 1 ; join 1 a; message 1 a hi");
}

void each_subscription_gets_its_own_copy(void**) {
  Fixture f;
  Client client(f.site);
  client.connect();
  client.subscribe("x", "/topic/a");
  client.subscribe("y", "/topic/a");
  f.site.publish("a", "hi");
  f.site.run();
  const std::string both = client.heard();
  assert_true(both.find("MESSAGE|subscription:x|") != std::string::npos);
  assert_true(both.find("MESSAGE|subscription:y|") != std::string::npos);
  ASSERT_TEXT(client.ask(frame("UNSUBSCRIBE", {"id:x", "receipt:u"})), "RECEIPT|receipt-id:u||^");
  f.site.publish("a", "again");
  f.site.run();
  const std::string one = client.heard();
  assert_true(one.starts_with("MESSAGE|subscription:y|") && one.find(" + ") == std::string::npos);
  client.say(frame("UNSUBSCRIBE", {"id:y"}));
  f.site.publish("a", "unheard");
  f.site.run();
  ASSERT_TEXT(client.heard(), "");
  ASSERT_TEXT(f.app.take(), "connect 1 ; open 1 ; join 1 a; leave 1 a ()");
  client.subscribe("x", "/topic/a");
  f.site.publish("a", "back");
  f.site.run();
  assert_true(client.heard().starts_with("MESSAGE|subscription:x|"));
}

void a_sender_need_not_subscribe(void**) {
  Fixture f;
  Client listener(f.site);
  listener.connect();
  listener.subscribe("0", "/topic/a");
  Client sender(f.site);
  sender.connect("1.1");
  ASSERT_TEXT(sender.ask(frame("SEND", {"destination:/topic/a", "receipt:r"}, "hi")), "RECEIPT|receipt-id:r||^");
  assert_true(listener.heard().find("|sender-id:2|") != std::string::npos);
  assert_true(f.site.client(2)->rooms().empty());
  // Not if it is banned.
  assert_true(f.site.server.hub->ban(f.site.client(2)->ban_key(), "a", 60'000, "spam", current_moment()).ok());
  f.site.run();
  sender.subscribe("e", "/user/queue/errors");
  assert_true(sender.ask(frame("SEND", {"destination:/topic/a"}, "hi")).find("{\"error\":\"banned\"") !=
              std::string::npos);
}

void rooms_that_senders_create_are_charged(void**) {
  ServerOptions options;
  options.hub.max_rooms_per_address = 1;
  Fixture f(options);
  Client client(f.site);
  client.connect();
  client.subscribe("e", "/user/queue/errors");
  client.subscribe("0", "/topic/a");
  assert_true(client.ask(frame("SEND", {"destination:/topic/b"}, "hi")).find("\"too_many\"") != std::string::npos);
  assert_int_equal(f.refusals(Refusal::rooms_per_address), 1);
}

void messages_with_acknowledgements_have_ids_of_their_own(void**) {
  Fixture f;
  Client client(f.site);
  client.connect();
  client.subscribe("c", "/topic/a", "client");
  client.subscribe("i", "/topic/a", "client-individual");
  f.site.publish("a", "one");
  f.site.publish("a", "two");
  f.site.run();
  const std::string text = client.heard();
  std::vector<std::string> ids;
  static const std::regex kAck("\\|ack:([^|]+)\\|");
  for (std::sregex_iterator it(text.begin(), text.end(), kAck); it != std::sregex_iterator(); ++it) {
    ids.push_back((*it)[1]);
  }
  assert_int_equal(ids.size(), 4);
  for (const std::string& id : ids) assert_int_equal(std::count(ids.begin(), ids.end(), id), 1);
  ASSERT_TEXT(client.ask(frame("ACK", {"id:" + ids[0], "receipt:a"})), "RECEIPT|receipt-id:a||^");
  ASSERT_TEXT(client.ask(frame("NACK", {"id:" + ids[1], "receipt:n"})), "RECEIPT|receipt-id:n||^");
  assert_true(client.ask(frame("ACK", {"id:never"})).starts_with("ERROR|"));
}

void a_subscription_may_continue_where_it_was(void**) {
  Fixture f;
  {
    Client other(f.site);
    other.connect();
    other.subscribe("0", "/topic/a");
  }
  for (const char* text : {"one", "two", "three"}) f.site.publish("a", text);
  const std::string epoch = f.site.server.hub->history("a", 0, 0, current_moment())->epoch;
  for (const std::string_view ack : {"auto", "client"}) {
    Client client(f.site);
    client.connect();
    const std::string text = client.ask(frame("SUBSCRIBE", {"id:0", "destination:/topic/a", "ack:" + std::string(ack),
                                                            "last-seq:1", "epoch:" + epoch, "receipt:r"}));
    assert_true(text.starts_with("RECEIPT|receipt-id:r||^ + MESSAGE|subscription:0|"));
    assert_true(text.find("|seq:1|") == std::string::npos);
    assert_true(text.find("|seq:2|") < text.find("|seq:3|"));
    assert_int_equal(text.find("|ack:") != std::string::npos, ack == "client");
  }
}

void a_subscriber_learns_that_missed_messages_are_gone(void**) {
  ServerOptions options;
  options.hub.history.messages = 1;
  Fixture f(options);
  for (const char* text : {"one", "two", "three"}) f.site.publish("a", text);
  const std::string epoch = f.site.server.hub->history("a", 0, 0, current_moment())->epoch;
  Client client(f.site);
  client.connect();
  client.subscribe("e", "/user/queue/errors");
  const std::string text =
      client.ask(frame("SUBSCRIBE", {"id:0", "destination:/topic/a", "last-seq:1", "epoch:" + epoch, "receipt:r"}));
  assert_true(text.starts_with("RECEIPT|receipt-id:r||^ + MESSAGE|subscription:e|"));
  assert_true(text.find("{\"error\":\"incomplete\"") < text.find("|seq:3|"));
}

void a_refused_message_is_reported_and_has_no_receipt(void**) {
  Fixture f;
  f.app.message = [](MessageRequest&) { return refused("too rude"); };
  Client client(f.site);
  client.connect();
  client.subscribe("e", "/user/queue/errors");
  ASSERT_TEXT(client.ask(frame("SEND", {"destination:/topic/a", "receipt:r"}, "hi")),
              "MESSAGE|subscription:e|destination:/user/queue/errors|message-id:*-1|content-type:application/"
              "json;charset=utf-8|receipt-id:r|content-length:66||{\"error\":\"forbidden\",\"reason\":\"too "
              "rude\",\"destination\":\"/topic/a\"}^");
  assert_true(client.ask(frame("SEND", {"destination:/topic/a", "content-type:application/json"}, "{"))
                  .find("\"invalid_json\"") != std::string::npos);
  assert_int_equal(f.site.loop().stats().messages_refused.get(), 2);
}

void a_refused_subscription_ends_the_connection(void**) {
  Fixture f;
  f.app.authorize = [](const AuthorizeRequest&) -> std::optional<Decision> { return refused("members only"); };
  Client client(f.site);
  client.connect();
  ASSERT_TEXT(client.ask(frame("SUBSCRIBE", {"id:0", "destination:/topic/a", "receipt:r"})),
              "ERROR|message:members only|receipt-id:r||^ + close 1008 members only");
}

void a_receipt_comes_when_a_deferred_verdict_has_come(void**) {
  Fixture f;
  DecisionId decision = 0;
  f.app.message = [&](MessageRequest& request) {
    decision = request.decision;
    return request.draft.payload == "wait" ? deferred() : Decision();
  };
  Client client(f.site);
  client.connect();
  ASSERT_TEXT(client.ask(frame("SEND", {"destination:/topic/a", "receipt:1"}, "wait") +
                         frame("SEND", {"destination:/topic/a", "receipt:2"}, "next") +
                         frame("BEGIN", {"transaction:t", "receipt:3"})),
              "");
  assert_true(f.site.server.hub->decide(f.site.client(1), decision, {}).ok());
  f.site.run();
  ASSERT_TEXT(client.heard(), "RECEIPT|receipt-id:1||^ + RECEIPT|receipt-id:3||^ + RECEIPT|receipt-id:2||^");
}

void transactions_publish_when_they_commit(void**) {
  Fixture f;
  Client client(f.site);
  client.connect();
  ASSERT_TEXT(
      client.ask(frame("BEGIN", {"transaction:t"}) + frame("SEND", {"destination:/topic/a", "transaction:t"}, "1") +
                 frame("SEND", {"destination:/topic/a", "transaction:t"}, "2")),
      "");
  f.app.take();
  ASSERT_TEXT(client.ask(frame("COMMIT", {"transaction:t", "receipt:c"})), "RECEIPT|receipt-id:c||^");
  ASSERT_TEXT(f.app.take(), "message 1 a 1; message 1 a 2");
}

// The application -----------------------------------------------------------------------------------------------------

void events_for_the_application_are_not_published(void**) {
  Fixture f;
  std::string event;
  std::uint64_t ack_id = 1;
  f.app.message = [&](MessageRequest& request) {
    event = request.draft.event;
    ack_id = request.ack_id;
    if (request.draft.payload == "no") return refused("not you");
    return Decision{request.draft.payload == "consume" ? Verdict::consume : Verdict::pass, {}, {}};
  };
  Client client(f.site);
  client.connect();
  client.subscribe("e", "/user/queue/errors");
  for (const std::string_view body : {"pass", "consume"}) {
    ASSERT_TEXT(client.ask(frame("SEND", {"destination:/app/add", "receipt:r"}, body)), "RECEIPT|receipt-id:r||^");
    ASSERT_TEXT(event, "add");
    assert_int_equal(ack_id, 0);
  }
  assert_true(client.ask(frame("SEND", {"destination:/app/add"}, "no")).find("\"destination\":\"/app/add\"") !=
              std::string::npos);
  assert_int_equal(f.site.server.hub->stats().rooms_now, 0);
  assert_int_equal(f.site.server.hub->stats().published, 0);
  assert_true(client.ask(frame("SUBSCRIBE", {"id:0", "destination:/app/add"})).starts_with("ERROR|"));
}

void what_is_sent_to_the_client_goes_to_its_queues(void**) {
  Fixture f;
  Client client(f.site);
  client.connect();
  client.subscribe("m", "/user/queue/messages");
  client.subscribe("p", "/user/queue/prices", "client");
  f.site.send(1, "hello");
  f.site.run();
  ASSERT_TEXT(client.heard(),
              "MESSAGE|subscription:m|destination:/user/queue/messages|message-id:*|"
              "ephemeral:true|content-length:5||hello^");
  MessageDraft draft;
  draft.event = "prices";
  draft.payload = "12";
  assert_true(f.site.server.hub->send(f.site.client(1), draft, current_moment()).ok());
  f.site.run();
  assert_true(client.heard().starts_with("MESSAGE|subscription:p|ack:"));
  f.site.publish({}, "to everyone");
  f.site.run();
  assert_true(client.heard().find("|subscription:m|destination:/user/queue/messages|") != std::string::npos);
  draft.event = "elsewhere";
  assert_true(f.site.server.hub->send(f.site.client(1), draft, current_moment()).ok());
  f.site.run();
  ASSERT_TEXT(client.heard(), "");
}

void a_client_that_is_removed_from_a_room_is_told(void**) {
  Fixture f;
  Client client(f.site);
  client.connect();
  client.subscribe("e", "/user/queue/errors");
  client.subscribe("0", "/topic/a");
  assert_true(f.site.server.hub->leave(f.site.client(1), "a", "enough").ok());
  f.site.run();
  assert_true(client.heard().find("{\"error\":\"left\",\"reason\":\"enough\",\"destination\":\"/topic/a\"}") !=
              std::string::npos);
  f.site.publish("a", "unheard");
  f.site.run();
  ASSERT_TEXT(client.ask(frame("UNSUBSCRIBE", {"id:0", "receipt:u"})), "RECEIPT|receipt-id:u||^");
  client.subscribe("1", "/topic/a");
}

void a_member_without_a_subscription_receives_nothing(void**) {
  Fixture f;
  Client client(f.site);
  client.connect();
  assert_true(f.site.server.hub->join(f.site.client(1), "a", std::nullopt, std::nullopt, current_moment()).ok());
  f.site.run();
  f.site.publish("a", "unheard");
  f.site.run();
  ASSERT_TEXT(client.heard(), "");
  client.subscribe("0", "/topic/a");
  f.site.publish("a", "heard");
  f.site.run();
  assert_true(client.heard().find("||heard^") != std::string::npos);
  ASSERT_TEXT(f.app.take(), "connect 1 ; open 1 ; join 1 a");
}

// Frames, limits and time ---------------------------------------------------------------------------------------------

void frames_may_be_cut_anywhere(void**) {
  Fixture f;
  Client client(f.site);
  const std::string all = frame("CONNECT", {"accept-version:1.2", "host:h"}) + "\n\r\n" +
                          frame("SUBSCRIBE", {"id:0", "destination:/topic/a"}) +
                          frame("SEND", {"destination:/topic/a", "content-length:3"}, std::string_view("a\0b", 3)) +
                          frame("DISCONNECT", {"receipt:bye"});
  for (std::size_t at = 0; at < all.size(); at += 5) {
    client.bytes().say_bytes(std::string_view(all).substr(at, 5));
    f.site.run();
  }
  const std::string text = client.heard();
  assert_true(text.find("content-length:3||a^b^ + RECEIPT|receipt-id:bye||^ + close 1000") != std::string::npos);
}

void a_body_above_the_limit_is_an_error(void**) {
  ServerOptions options;
  options.max_message_bytes = 100;
  Fixture f(options);
  Client client(f.site);
  client.connect();
  ASSERT_TEXT(client.ask(frame("SEND", {"destination:/topic/a"}, std::string(100, 'x'))), "");
  assert_true(client.ask(frame("SEND", {"destination:/topic/a"}, std::string(101, 'x'))).starts_with("ERROR|"));
  assert_int_equal(f.refusals(Refusal::message_bytes), 1);
}

void above_the_rate_messages_are_refused_or_read_slowly(void**) {
  ServerOptions options;
  options.inbound_rate = 1;
  options.inbound_burst = 3;
  Fixture f(options);
  Client told(f.site);
  told.connect();
  told.subscribe("e", "/user/queue/errors");
  std::string many;
  for (int i = 0; i < 5; ++i) many += frame("SEND", {"destination:/topic/a"}, "x");
  told.say(many);
  assert_true(told.heard().find("\"rate_limited\"") != std::string::npos);
  assert_true(f.refusals(Refusal::message_rate) != 0);

  // CONNECT took a token. The third message is on credit, and the others wait until that is repaid.
  const std::uint64_t before = f.site.server.hub->stats().published;
  const auto published = [&] { return f.site.server.hub->stats().published - before; };
  Client untold(f.site);
  untold.connect();
  untold.say(many);
  assert_int_equal(published(), 3);
  assert_false(untold.bytes().wire().reading);
  f.site.advance(1'900);
  assert_int_equal(published(), 3);
  f.site.advance(200);
  assert_int_equal(published(), 5);
  f.site.advance(5'000);
  assert_true(untold.bytes().wire().reading);
}

// No frame is free: those that are no command for the hub, refused ones, heart-beats and pieces of frames included.
void each_frame_costs_a_token(void**) {
  ServerOptions options;
  options.inbound_rate = 1;
  options.inbound_burst = 10;
  const std::string_view to_a = "destination:/topic/a";
  const std::string cases[] = {
      frame("BEGIN", {"transaction:t"}) + frame("ABORT", {"transaction:t"}),
      frame("BEGIN", {"transaction:t"}) + frame("COMMIT", {"transaction:t"}),
      frame("ACK", {"id:1-1"}) + frame("NACK", {"id:1-2"}),
      frame("SUBSCRIBE", {"id:q", "destination:/user/queue/a"}) + frame("UNSUBSCRIBE", {"id:q"}),
      frame("SUBSCRIBE", {"id:x", to_a}) + frame("UNSUBSCRIBE", {"id:x"}),
      frame("SEND", {"destination:/nowhere"}) + frame("SEND", {to_a, "content-type:application/json"}, "{"),
      frame("SEND", {to_a}, "x") + frame("SEND", {"destination:/app/a"}, "x"),
  };
  for (const std::string& two : cases) {
    Fixture f(options);
    Client client(f.site);
    client.connect();                             // 1
    client.subscribe("s", "/topic/a", "client");  // 2
    for (int i = 0; i < 2; ++i) f.site.publish("a", "to acknowledge");
    f.site.run();
    for (int i = 0; i < 4; ++i) client.say(two);  // 10
    assert_int_equal(f.refusals(Refusal::message_rate), 0);
    client.heard();
    client.say(two + two);
    assert_int_equal(f.refusals(Refusal::message_rate), 1);
    assert_false(client.bytes().wire().reading);
    // A token each second: the frames that wait come before DISCONNECT.
    client.say(frame("DISCONNECT", {"receipt:bye"}));
    f.site.advance(1'500);
    assert_true(client.heard().find("receipt-id:bye") == std::string::npos);
    f.site.advance(10'000);
    assert_true(client.heard().find("receipt-id:bye") != std::string::npos);
  }
}

void messages_without_a_frame_cost_a_token(void**) {
  ServerOptions options;
  options.inbound_rate = 1;
  options.inbound_burst = 5;
  for (const bool connected : {false, true}) {
    for (const std::string_view text : {"\n\n\n\n\n\n", "STOMP\n", "SEND\nk"}) {
      Fixture f(options);
      Client client(f.site);
      if (connected) client.connect();
      const std::size_t free = connected ? 4 : 5;
      for (std::size_t at = 0; at < free; ++at) client.say(text.substr(at, 1));
      assert_true(client.bytes().wire().reading);
      assert_int_equal(f.refusals(Refusal::message_rate), 0);
      client.say(text.substr(free, 1));
      assert_int_equal(f.refusals(Refusal::message_rate), 1);
      assert_false(client.bytes().wire().reading);
      f.site.advance(3'000);
      assert_true(client.bytes().wire().reading);
    }
  }
}

// The messages of a transaction are charged when they come, so a commit is never refused because of the rate.
void a_commit_is_within_the_rate(void**) {
  ServerOptions options;
  options.inbound_rate = 1;
  options.inbound_burst = 5;
  Fixture f(options);
  Client client(f.site);
  client.connect();
  std::string all = frame("SUBSCRIBE", {"id:e", "destination:/user/queue/errors"}) + frame("BEGIN", {"transaction:t"});
  for (int i = 0; i < 10; ++i) all += frame("SEND", {"destination:/topic/a", "transaction:t"}, "x");
  client.say(all + frame("COMMIT", {"transaction:t", "receipt:c"}));
  assert_int_equal(f.site.server.hub->stats().published, 0);
  // Five of the fourteen frames are within the burst, one is on credit, and then there are two every two seconds.
  f.site.advance(7'000);
  assert_int_equal(f.site.server.hub->stats().published, 0);
  f.site.advance(1'500);
  assert_int_equal(f.site.server.hub->stats().published, 10);
  ASSERT_TEXT(client.heard(), "RECEIPT|receipt-id:c||^");
}

// What clients leave open here counts for their address like everything else that waits.
void what_clients_of_an_address_hold_is_bounded(void**) {
  ServerOptions options;
  options.hub.max_queued_bytes_per_address = 100'000;
  Fixture f(options);
  const std::string body(30'000, 'x');
  const std::string open =
      frame("BEGIN", {"transaction:t"}) + frame("SEND", {"destination:/topic/a", "transaction:t"}, body);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>(f.site));
    clients.back()->connect();
    clients.back()->say(open);
    if (i < 3) ASSERT_TEXT(clients.back()->heard(), "");
  }
  assert_true(clients[3]->heard().find("close 1013") != std::string::npos);
  assert_int_equal(f.refusals(Refusal::queued_bytes_per_address), 1);
  ASSERT_TEXT(clients[0]->ask(frame("ABORT", {"transaction:t", "receipt:a"})), "RECEIPT|receipt-id:a||^");
  Client again(f.site);
  again.connect();
  ASSERT_TEXT(again.ask(open), "");
  // Part of a frame, which ends never.
  Client part(f.site);
  part.connect();
  part.say(std::string_view("SEND\ndestination:/topic/a\n\n" + body).substr(0, 30'000));
  assert_true(part.heard().find("close 1013") != std::string::npos);
}

// Messages that a client does not acknowledge are remembered, up to 1,000 of all its subscriptions.
void unacknowledged_messages_are_bounded(void**) {
  Fixture f;
  Client client(f.site);
  client.connect();
  for (int i = 0; i < 4; ++i) client.subscribe(std::to_string(i), "/topic/a", "client");
  for (int i = 0; i < 600; ++i) {
    f.site.publish("a", "x");
    if (i % 50 == 49) {
      f.site.run();
      client.heard();
    }
  }
  ASSERT_TEXT(client.ask(frame("ACK", {"id:1-1", "receipt:old"}) + frame("ACK", {"id:4-600", "receipt:new"})),
              "RECEIPT|receipt-id:old||^ + RECEIPT|receipt-id:new||^");
  assert_true(client.ask(frame("ACK", {"id:4-601"})).starts_with("ERROR|"));
}

void heart_beats_go_both_ways(void**) {
  Fixture f;
  Client client(f.site);
  client.say(frame("CONNECT", {"accept-version:1.2", "host:h", "heart-beat:1000,1000"}));
  client.heard();
  f.site.advance(7'600);
  ASSERT_TEXT(client.heard(), "|");
  client.say("\n");
  f.site.publish("a", "x");
  f.site.advance(7'600);
  ASSERT_TEXT(client.heard(), "|");
  f.site.advance(13'000);
  assert_true(client.heard().find("ERROR|message:no heart-beat came in time||^") != std::string::npos);
  assert_int_equal(f.refusals(Refusal::ping_timeout), 1);

  Client quiet(f.site);
  quiet.say(frame("CONNECT", {"accept-version:1.2", "host:h", "heart-beat:0,0"}));
  quiet.heard();
  f.site.advance(24'000);
  ASSERT_TEXT(quiet.heard(), "");
}

void messages_take_the_place_of_heart_beats(void**) {
  Fixture f;
  Client client(f.site);
  client.say(frame("CONNECT", {"accept-version:1.2", "host:h", "heart-beat:0,1000"}));
  client.heard();
  client.subscribe("0", "/topic/a");
  for (int i = 0; i < 4; ++i) {
    f.site.advance(5'000);
    f.site.publish("a", "x");
    f.site.run();
    assert_true(client.heard().starts_with("MESSAGE|"));
  }
}

// The end -------------------------------------------------------------------------------------------------------------

void a_kicked_client_gets_an_error_first(void**) {
  Fixture f;
  Client client(f.site);
  client.connect();
  assert_true(f.site.server.hub->close_client(f.site.client(1), 1008, "rude").ok());
  f.site.run();
  ASSERT_TEXT(client.heard(), "ERROR|message:rude||^ + close 1008 rude");
  f.app.take();
}

void a_drain_says_goodbye_to_all(void**) {
  Fixture f;
  Client client(f.site);
  client.connect();
  Client silent(f.site);
  for (const Task& goodbye : f.site.sockets().endpoints().goodbyes()) goodbye();
  f.site.run();
  assert_true(client.heard().starts_with("ERROR|message:the server is stopping||^ + close 1001"));
  assert_true(silent.heard().starts_with("ERROR|message:the server is stopping||^ + close 1001"));
}

void a_lost_client_leaves_its_rooms(void**) {
  Fixture f;
  {
    Client client(f.site);
    client.connect();
    client.subscribe("0", "/topic/a");
  }
  f.site.run();
  ASSERT_TEXT(
      f.app.take(),
      "connect 1 ; open 1 ; join 1 a; leave 1 a (the connection was lost); disconnect 1 1006 the connection was lost");
  assert_int_equal(f.site.server.hub->stats().clients_now, 0);
}

void prefixes_are_options(void**) {
  ServerOptions options;
  options.stomp_prefixes = {"room:", "event:", "own:"};
  Fixture f(options);
  Client client(f.site);
  client.connect();
  client.subscribe("0", "room:a");
  assert_true(client.ask(frame("SEND", {"destination:room:a"}, "hi")).find("|destination:room\\ca|") !=
              std::string::npos);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_highest_version_that_is_offered_is_the_subprotocol),
      cmocka_unit_test(another_origin_is_refused),
      cmocka_unit_test(connect_reaches_the_application),
      cmocka_unit_test(a_refused_connection_gets_the_reason),
      cmocka_unit_test(a_deferred_connection_waits_and_so_do_its_frames),
      cmocka_unit_test(connect_must_come_and_come_first),
      cmocka_unit_test(a_subscriber_receives_what_is_published),
      cmocka_unit_test(each_subscription_gets_its_own_copy),
      cmocka_unit_test(a_sender_need_not_subscribe),
      cmocka_unit_test(rooms_that_senders_create_are_charged),
      cmocka_unit_test(messages_with_acknowledgements_have_ids_of_their_own),
      cmocka_unit_test(a_subscription_may_continue_where_it_was),
      cmocka_unit_test(a_subscriber_learns_that_missed_messages_are_gone),
      cmocka_unit_test(a_refused_message_is_reported_and_has_no_receipt),
      cmocka_unit_test(a_refused_subscription_ends_the_connection),
      cmocka_unit_test(a_receipt_comes_when_a_deferred_verdict_has_come),
      cmocka_unit_test(transactions_publish_when_they_commit),
      cmocka_unit_test(events_for_the_application_are_not_published),
      cmocka_unit_test(what_is_sent_to_the_client_goes_to_its_queues),
      cmocka_unit_test(a_client_that_is_removed_from_a_room_is_told),
      cmocka_unit_test(a_member_without_a_subscription_receives_nothing),
      cmocka_unit_test(frames_may_be_cut_anywhere),
      cmocka_unit_test(a_body_above_the_limit_is_an_error),
      cmocka_unit_test(above_the_rate_messages_are_refused_or_read_slowly),
      cmocka_unit_test(each_frame_costs_a_token),
      cmocka_unit_test(messages_without_a_frame_cost_a_token),
      cmocka_unit_test(a_commit_is_within_the_rate),
      cmocka_unit_test(what_clients_of_an_address_hold_is_bounded),
      cmocka_unit_test(unacknowledged_messages_are_bounded),
      cmocka_unit_test(heart_beats_go_both_ways),
      cmocka_unit_test(messages_take_the_place_of_heart_beats),
      cmocka_unit_test(a_kicked_client_gets_an_error_first),
      cmocka_unit_test(a_drain_says_goodbye_to_all),
      cmocka_unit_test(a_lost_client_leaves_its_rooms),
      cmocka_unit_test(prefixes_are_options),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
