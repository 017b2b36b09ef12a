// A WebSocket that is one client, plain or chat.v1: how it is chosen, let in or refused at each step of its opening, and how it ends.
#include "net/endpoint/single/single_endpoint.h"

#include <cstring>
#include <optional>
#include <string>
#include <string_view>

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

#define ASSERT_TEXT(got, wanted) assert_string_equal(std::string(got).c_str(), wanted)

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

constexpr const char* kIn = "connect 1 lobby; open 1 lobby; join 1 lobby";

Decision defer_connect(const ConnectRequest&) { return {Verdict::defer, {}, {}}; }

struct Fixture {
  explicit Fixture(const ServerOptions& options = {}) : site(app, options), client(site) {}
  ~Fixture() {
    client.hang_up();
    site.run();
  }

  Hub& hub() { return *site.server.hub; }
  void run() { site.run(); }
  std::uint64_t refused(Refusal reason) const { return site.server.refused(reason); }
  void upgrade(std::string_view target = "/chat", std::string_view headers = {}) { client.upgrade(target, headers); }
  // With turns until nothing is left to do: the answer to the handshake.
  std::string open(std::string_view target = "/chat", std::string_view headers = {}) {
    upgrade(target, headers);
    run();
    return client.answer();
  }
  std::string heard() {
    std::string all;
    for (std::string& frame : client.frames()) {
      const std::size_t epoch = frame.find("\"epoch\":\"");
      if (epoch != std::string::npos) frame.replace(epoch + 9, frame.find('"', epoch + 9) - epoch - 9, "*");
      all += (all.empty() ? "" : "|") + frame;
    }
    return all;
  }
  std::string subprotocol() const { return client.answer_header("Sec-WebSocket-Protocol"); }
  // The application is asked about every join, and answers later.
  void defer_joins() {
    app.authorize = [this](const AuthorizeRequest& request) -> std::optional<Decision> {
      if (request.action != Action::join) return std::nullopt;
      decision = request.decision;
      return Decision{Verdict::defer, {}, {}};
    };
  }
  bool decide(Verdict verdict, std::string reason = {}) {
    const ClientPtr found = site.client(1);
    return found && hub().decide(found, decision, {verdict, std::move(reason), {}}).ok();
  }
  // Nobody is left.
  bool empty() {
    const LoopStats& stats = site.loop().stats();
    for (const Counter& counter : stats.clients_now_by_protocol) {
      if (counter.get() != 0) return false;
    }
    return site.loop().peers().empty() && hub().stats().clients_now == 0 &&
           hub().sources().total(Resource::clients) == 0;
  }

  Recorder app;
  FakeSite site;
  FakeClient client;
  DecisionId decision = 0;
};

// What it speaks ------------------------------------------------------------------------------------------------------

void a_request_without_upgrade_is_told_of_it(void**) {
  ServerOptions options;
  options.endpoints = {{"/chat", Protocol::plain}};
  Fixture f(options);
  f.client.request("GET", "/chat");
  f.run();
  ASSERT_TEXT(f.client.answer(), "426 this is a WebSocket endpoint\n");
  ASSERT_TEXT(f.client.answer_header("Upgrade"), "websocket");
  ASSERT_TEXT(f.client.answer_header("Connection"), "upgrade, keep-alive");
}

void plain_has_no_subprotocol(void**) {
  Fixture f;
  ASSERT_TEXT(f.open(), "101 ");
  ASSERT_TEXT(f.subprotocol(), "");
  f.client.say("hello");
  f.client.say_bytes("\x01\x02");
  f.run();
  ASSERT_TEXT(f.heard(), "hello|bytes \x01\x02");
  ASSERT_TEXT(
      f.app.take(),
      (std::string(kIn) + R"(; message 1 lobby hello; message 1 lobby [{"_placeholder":true,"num":0}])").c_str());
}

void the_subprotocol_chooses(void**) {
  struct Case {
    const char* path;
    const char* offered;
    const char* answered;
    bool chat_v1;
  };
  for (const Case& one :
       {Case{"/chat", "chat.v1", "chat.v1", true}, Case{"/chat", "soap, chat.v1", "chat.v1", true},
        Case{"/chat", "soap", "", false}, Case{"/chat.v1", "", "", true}, Case{"/chat.v1", "soap, wamp", "soap", true},
        Case{"/chat.v1", "soap, chat.v1", "chat.v1", true}, Case{"/chat.v1", "b@d, soap", "soap", true}}) {
    Fixture f;
    const std::string header = "Sec-WebSocket-Protocol: " + std::string(one.offered) + "\r\n";
    ASSERT_TEXT(f.open(one.path, one.offered[0] == '\0' ? "" : header), "101 ");
    ASSERT_TEXT(f.subprotocol(), one.answered);
    ASSERT_TEXT(f.heard(), one.chat_v1 ? R"({"type":"welcome","id":"1","name":"guest-1","room":"lobby","epoch":"*",)"
                                         R"("seq":0,"resumed":false,"complete":true})"
                                       : "");
  }
}

void the_room_is_in_the_query(void**) {
  Fixture f;
  ASSERT_TEXT(f.open("/chat?room=dev"), "101 ");
  ASSERT_TEXT(f.app.take(), "connect 1 dev; open 1 dev; join 1 dev");
  f.site.publish("lobby", "not for it");
  f.site.publish("dev", "for it");
  f.run();
  ASSERT_TEXT(f.heard(), "for it");
}

void a_bad_room_is_refused(void**) {
  Fixture f;
  const std::string answer = f.open("/chat?room=a%2Fb");
  assert_true(answer.starts_with("400 "));
  ASSERT_TEXT(f.app.take(), "");
  assert_true(f.empty());
}

void what_was_missed_comes_first(void**) {
  Fixture f;
  MessageDraft draft;
  draft.room = "lobby";
  draft.payload = "one";
  const std::string epoch = f.hub().publish(draft, current_moment())->epoch;
  f.site.publish("lobby", "two");
  ASSERT_TEXT(f.open("/chat.v1?seq=1&epoch=" + epoch), "101 ");
  const std::string heard = f.heard();
  assert_non_null(strstr(heard.c_str(), R"("seq":2,"resumed":true,"complete":true}|)"));
  assert_non_null(strstr(heard.c_str(), R"("two")"));
  assert_null(strstr(heard.c_str(), R"("one")"));
  // An ill-formed position is none.
  Fixture g;
  ASSERT_TEXT(g.open("/chat.v1?seq=1x&epoch=" + epoch), "101 ");
  assert_non_null(strstr(g.heard().c_str(), R"("resumed":false)"));
}

// Who is let in -------------------------------------------------------------------------------------------------------

void a_foreign_page_is_refused(void**) {
  Fixture f;
  ASSERT_TEXT(f.open("/chat", "Origin: http://evil.test\r\n"), "403 origin not allowed\n");
  assert_int_equal(f.refused(Refusal::origin), 1);
  ASSERT_TEXT(f.app.take(), "");
  assert_true(f.client.ended());
  Fixture own;
  ASSERT_TEXT(own.open("/chat", "Origin: http://chat.test\r\n"), "101 ");
  ServerOptions options;
  options.allowed_origins = {"https://other.test"};
  Fixture allowed(options);
  ASSERT_TEXT(allowed.open("/chat", "Origin: https://other.test\r\n"), "101 ");
}

void a_refusal_at_once_is_a_403(void**) {
  for (const char* reason : {"not you", ""}) {
    Fixture f;
    f.app.connect = [&](const ConnectRequest&) { return Decision{Verdict::refuse, reason, {}}; };
    ASSERT_TEXT(f.open(), (std::string("403 ") + (reason[0] == '\0' ? "refused" : reason) + "\n").c_str());
    ASSERT_TEXT(f.app.take(), "connect 1 lobby");
    assert_int_equal(f.refused(Refusal::application), 1);
    assert_true(f.client.ended());
    assert_true(f.empty());
  }
}

void so_is_one_of_the_first_room(void**) {
  Fixture f;
  f.app.authorize = [](const AuthorizeRequest&) { return Decision{Verdict::refuse, "members only", {}}; };
  ASSERT_TEXT(f.open(), "403 members only\n");
  ASSERT_TEXT(f.app.take(), "connect 1 lobby; disconnect 1 1008 members only");
  assert_true(f.client.ended());
  assert_true(f.empty());
}

void a_full_server_is_a_503(void**) {
  ServerOptions options;
  options.hub.max_clients = 1;
  Fixture f(options);
  ASSERT_TEXT(f.open(), "101 ");
  FakeClient second(f.site);
  second.upgrade("/chat");
  f.run();
  assert_true(second.answer().starts_with("503 "));
  assert_int_equal(f.refused(Refusal::clients), 1);
  ASSERT_TEXT(f.app.take(), kIn);
}

// It is a member before the handshake's answer has left: who knows that it is connected can speak to it.
void it_is_in_its_room_at_once(void**) {
  Fixture f;
  f.upgrade();
  f.site.sockets().take_input();
  f.site.publish("lobby", "one");
  f.run();
  ASSERT_TEXT(f.client.answer(), "101 ");
  ASSERT_TEXT(f.heard(), "one");
  ASSERT_TEXT(f.app.take(), kIn);
}

void what_comes_with_the_handshake_comes_after_the_welcome(void**) {
  Fixture f;
  f.upgrade("/chat.v1");
  f.client.say(R"({"type":"ping","ref":"r"})");
  f.run();
  ASSERT_TEXT(f.client.answer(), "101 ");
  ASSERT_TEXT(f.heard(),
              R"({"type":"welcome","id":"1","name":"guest-1","room":"lobby","epoch":"*","seq":0,"resumed":false,)"
              R"("complete":true}|{"type":"pong","ref":"r"})");
}

// Verdicts that come later --------------------------------------------------------------------------------------------

void a_verdict_may_come_later(void**) {
  for (const bool accept : {true, false}) {
    Fixture f;
    f.app.connect = defer_connect;
    ASSERT_TEXT(f.open(), "101 ");
    f.client.say("early");
    f.run();
    ASSERT_TEXT(f.app.take(), "connect 1 lobby");
    if (accept) {
      assert_true(f.hub().accept(f.site.client(1), Identity{"u", "Ann", {}}).ok());
    } else {
      assert_true(f.hub().refuse(f.site.client(1), "not you", {}).ok());
    }
    f.run();
    ASSERT_TEXT(f.heard(), accept ? "early" : "close 1008 not you");
    ASSERT_TEXT(f.app.take(), accept ? "open 1 lobby; join 1 lobby; message 1 lobby early" : "");
    assert_int_equal(f.refused(Refusal::application), accept ? 0 : 1);
    if (!accept) assert_true(f.empty());
  }
}

// on_connect has deferred, and another thread is so quick that the handshake is not through yet.
void a_verdict_may_come_during_the_handshake(void**) {
  for (const bool accept : {true, false}) {
    Fixture f;
    f.app.connect = [&](const ConnectRequest& request) {
      const ClientPtr client = f.site.client(request.client);
      (void)(accept ? f.hub().accept(client, {}) : f.hub().refuse(client, "not you", {}));
      return Decision{Verdict::defer, {}, {}};
    };
    ASSERT_TEXT(f.open("/chat.v1"), accept ? "101 " : "403 not you\n");
    assert_int_equal(f.heard().empty(), !accept);
    ASSERT_TEXT(f.app.take(), accept ? kIn : "connect 1 lobby");
    if (!accept) assert_true(f.empty());
  }
}

void no_verdict_is_a_refusal(void**) {
  Fixture f;
  f.app.connect = defer_connect;
  ASSERT_TEXT(f.open(), "101 ");
  const ClientPtr client = f.site.client(1);
  f.site.advance(9'900);
  ASSERT_TEXT(f.heard(), "");
  f.site.advance(200);
  ASSERT_TEXT(f.heard(), "close 1008 no verdict in time");
  ASSERT_TEXT(f.app.take(), "connect 1 lobby; abandon 1 1008 no verdict in time");
  assert_int_equal(f.hub().accept(client, {}).code, Error::wrong_state);
  assert_true(f.empty());
}

void the_first_room_may_be_decided_later(void**) {
  for (const bool allow : {true, false}) {
    Fixture f;
    f.defer_joins();
    ASSERT_TEXT(f.open(), "101 ");
    f.client.say("early");
    f.run();
    ASSERT_TEXT(f.app.take(), "connect 1 lobby");
    assert_true(f.decide(allow ? Verdict::pass : Verdict::refuse, "members only"));
    f.run();
    ASSERT_TEXT(f.heard(), allow ? "early" : "close 1008 members only");
    ASSERT_TEXT(f.app.take(),
                allow ? "open 1 lobby; join 1 lobby; message 1 lobby early" : "disconnect 1 1008 members only");
    if (!allow) assert_true(f.empty());
  }
}

// The verdict is in the inbox when the handshake is through: the welcome goes first.
void or_just_before_the_handshake_is_through(void**) {
  for (const bool allow : {true, false}) {
    Fixture f;
    f.app.authorize = [&](const AuthorizeRequest& request) -> std::optional<Decision> {
      if (request.action != Action::join) return std::nullopt;
      f.decision = request.decision;
      f.site.loop().post_task([&f, allow] { f.decide(allow ? Verdict::pass : Verdict::refuse, "members only"); });
      return Decision{Verdict::defer, {}, {}};
    };
    f.upgrade("/chat");
    f.client.say("early");
    f.run();
    ASSERT_TEXT(f.client.answer(), "101 ");
    ASSERT_TEXT(f.heard(), allow ? "early" : "close 1008 members only");
    ASSERT_TEXT(f.app.take(), allow ? "connect 1 lobby; open 1 lobby; join 1 lobby; message 1 lobby early"
                                    : "connect 1 lobby; disconnect 1 1008 members only");
  }
}

void no_verdict_on_the_first_room_is_a_refusal(void**) {
  Fixture f;
  f.defer_joins();
  ASSERT_TEXT(f.open(), "101 ");
  f.site.advance(10'100);
  ASSERT_TEXT(f.heard(), "close 1008 no verdict in time");
  ASSERT_TEXT(f.app.take(), "connect 1 lobby; disconnect 1 1008 no verdict in time");
  assert_true(f.empty());
}

void both_may_be_decided_later(void**) {
  Fixture f;
  f.app.connect = defer_connect;
  f.defer_joins();
  ASSERT_TEXT(f.open(), "101 ");
  f.site.advance(6'000);
  assert_true(f.hub().accept(f.site.client(1), {}).ok());
  f.run();
  ASSERT_TEXT(f.app.take(), "connect 1 lobby");
  f.site.advance(6'000);  // each has its own time
  assert_true(f.decide(Verdict::pass));
  f.run();
  ASSERT_TEXT(f.app.take(), "open 1 lobby; join 1 lobby");
  f.site.publish("lobby", "one");
  f.run();
  ASSERT_TEXT(f.heard(), "one");
}

void a_room_may_be_full_by_then(void**) {
  ServerOptions options;
  options.hub.max_rooms = 1;
  Fixture f(options);
  FakeClient other(f.site);
  other.upgrade("/chat?room=other");
  f.run();
  f.app.take();
  f.app.connect = defer_connect;
  ASSERT_TEXT(f.open("/chat?room=dev"), "101 ");
  assert_true(f.hub().accept(f.site.client(2), {}).ok());
  f.run();
  const std::string heard = f.heard();
  assert_true(heard.starts_with("close 1008 "));
  assert_int_equal(f.refused(Refusal::rooms), 1);
  ASSERT_TEXT(f.app.take(), ("connect 2 dev; disconnect 2 1008 " + heard.substr(11)).c_str());
}

void too_much_may_not_be_said_early(void**) {
  ServerOptions options;
  options.max_outbox_bytes = 4'096;
  Fixture f(options);
  f.app.connect = defer_connect;
  ASSERT_TEXT(f.open(), "101 ");
  for (int i = 0; i < 3; ++i) f.client.say(std::string(40'000, 'x'));
  f.run();
  // It is read no further.
  assert_false(f.client.wire().reading);
  ASSERT_TEXT(f.heard(), "");
  assert_true(f.hub().accept(f.site.client(1), {}).ok());
  f.run();
  f.site.advance(2'000);                    // it has filled an outbox, and waits for that
  assert_int_equal(f.app.lines.size(), 6);  // all three
}

// Ends ----------------------------------------------------------------------------------------------------------------

// At each step of the opening: the application hears of the end of what it has heard of.
void it_may_hang_up_at_any_time(void**) {
  {  // before the handshake has come whole
    Fixture f;
    f.client.send("GET /chat HTTP/1.1\r\nHost: chat.test\r\nUpgr");
    f.client.hang_up();
    f.run();
    ASSERT_TEXT(f.app.take(), "");
    assert_true(f.empty());
  }
  {  // behind it
    Fixture f;
    f.upgrade();
    f.client.hang_up();
    f.run();
    ASSERT_TEXT(f.app.take(), (std::string(kIn) + "; leave 1 lobby (the connection was lost); "
                                                  "disconnect 1 1006 the connection was lost")
                                  .c_str());
    assert_true(f.empty());
  }
  {  // while the application thinks
    Fixture f;
    f.app.connect = defer_connect;
    f.open();
    f.client.hang_up();
    f.run();
    ASSERT_TEXT(f.app.take(), "connect 1 lobby; abandon 1 1006 the connection was lost");
    assert_true(f.empty());
  }
  {  // while it thinks about the room
    Fixture f;
    f.defer_joins();
    f.open();
    f.client.hang_up();
    f.run();
    ASSERT_TEXT(f.app.take(), "connect 1 lobby; disconnect 1 1006 the connection was lost");
    assert_false(f.decide(Verdict::pass));
    assert_true(f.empty());
  }
  {  // with the verdict in the inbox: what is in there comes first
    Fixture f;
    f.app.connect = defer_connect;
    f.open();
    assert_true(f.hub().accept(f.site.client(1), {}).ok());
    f.client.hang_up();
    f.run();
    assert_true(f.empty());
    ASSERT_TEXT(f.app.take(), "connect 1 lobby; disconnect 1 1006 the connection was lost");
  }
  {  // later
    Fixture f;
    f.open();
    f.client.close(4001, "mine");
    f.run();
    ASSERT_TEXT(f.heard(), "close 4001 mine");
    ASSERT_TEXT(f.app.take(), (std::string(kIn) + "; leave 1 lobby (mine); disconnect 1 4001 mine").c_str());
    assert_true(f.client.ended());
    assert_true(f.empty());
  }
}

void the_application_closes_it(void**) {
  Fixture f;
  f.open();
  f.site.publish("lobby", "last");
  assert_true(f.hub().close_client(f.site.client(1), 4002, "enough").ok());
  f.site.publish("lobby", "too late");
  f.run();
  ASSERT_TEXT(f.heard(), "last|close 4002 enough");
  ASSERT_TEXT(f.app.take(), (std::string(kIn) + "; leave 1 lobby (enough); disconnect 1 4002 enough").c_str());
  assert_true(f.empty());
}

void it_closes_one_that_it_has_not_let_in(void**) {
  Fixture f;
  f.app.connect = defer_connect;
  f.open();
  assert_true(f.hub().close_client(f.site.client(1), 4002, "enough").ok());
  f.run();
  ASSERT_TEXT(f.heard(), "close 4002 enough");
  ASSERT_TEXT(f.app.take(), "connect 1 lobby; abandon 1 4002 enough");
  assert_true(f.empty());
}

void a_message_that_is_too_large_ends_it(void**) {
  ServerOptions options;
  options.max_message_bytes = 10;
  options.endpoints[1].max_message_bytes = 20;
  Fixture f(options);
  f.open();
  f.client.say("0123456789");
  f.client.say("0123456789x");
  f.run();
  ASSERT_TEXT(f.heard(), "0123456789|close 1009 a message may have at most 10 bytes");
  assert_int_equal(f.refused(Refusal::message_bytes), 1);
  // An endpoint may have a limit of its own.
  FakeClient other(f.site);
  other.upgrade("/chat.v1");
  other.say(std::string(21, ' '));
  f.run();
  other.answer();
  const std::vector<std::string> frames = other.frames();
  assert_int_equal(frames.size(), 2);
  ASSERT_TEXT(frames[1], "close 1009 a message may have at most 20 bytes");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_request_without_upgrade_is_told_of_it),
      cmocka_unit_test(plain_has_no_subprotocol),
      cmocka_unit_test(the_subprotocol_chooses),
      cmocka_unit_test(the_room_is_in_the_query),
      cmocka_unit_test(a_bad_room_is_refused),
      cmocka_unit_test(what_was_missed_comes_first),
      cmocka_unit_test(a_foreign_page_is_refused),
      cmocka_unit_test(a_refusal_at_once_is_a_403),
      cmocka_unit_test(so_is_one_of_the_first_room),
      cmocka_unit_test(a_full_server_is_a_503),
      cmocka_unit_test(it_is_in_its_room_at_once),
      cmocka_unit_test(what_comes_with_the_handshake_comes_after_the_welcome),
      cmocka_unit_test(a_verdict_may_come_later),
      cmocka_unit_test(a_verdict_may_come_during_the_handshake),
      cmocka_unit_test(no_verdict_is_a_refusal),
      cmocka_unit_test(the_first_room_may_be_decided_later),
      cmocka_unit_test(or_just_before_the_handshake_is_through),
      cmocka_unit_test(no_verdict_on_the_first_room_is_a_refusal),
      cmocka_unit_test(both_may_be_decided_later),
      cmocka_unit_test(a_room_may_be_full_by_then),
      cmocka_unit_test(too_much_may_not_be_said_early),
      cmocka_unit_test(it_may_hang_up_at_any_time),
      cmocka_unit_test(the_application_closes_it),
      cmocka_unit_test(it_closes_one_that_it_has_not_let_in),
      cmocka_unit_test(a_message_that_is_too_large_ends_it),
  };
  return cmocka_run_group_tests_name("core/net/endpoint/single/single_endpoint", tests, nullptr, nullptr);
}
