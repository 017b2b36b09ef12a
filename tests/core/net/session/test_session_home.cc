// The sessions of a protocol that is not Engine.IO, on two loops: claims of ids that the client chooses, requests that find
// their session from any loop, requests held in slots, time-outs, evictions, goodbyes, and sessions that are not at their
// home.
#include "net/session/session_home.h"

#include <string>
#include <vector>

#include "core/net/recorder.h"
#include "core/net/session/echo_protocol.h"

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

ServerOptions echo_options() {
  ServerOptions options;
  options.endpoints = {{"/echo", Protocol::plain}, {"/other", Protocol::plain}};
  options.handshake_timeout_ms = options.http_idle_timeout_ms = 3'600'000;
  return options;
}

struct Fixture {
  explicit Fixture(const ServerOptions& options = echo_options()) : site(app, options, 2) {
    for (std::size_t i = 0; i < 2; ++i) site.sockets(i).endpoints().add(Protocol::plain, handlers[i]);
  }

  SessionHome& home(std::size_t loop) { return site.sockets(loop).sessions(); }
  const Endpoint& endpoint() const { return site.server.options.endpoints.front(); }
  SessionNumber number_of(const std::string& id) const {
    const auto place = site.sessions.find(endpoint(), id);
    return place ? place->number : 0;
  }
  std::size_t home_of(const std::string& id) const { return site.sessions.find(endpoint(), id)->home; }
  bool is_empty() { return site.sessions.size() == 0 && home(0).empty() && home(1).empty(); }

  Recorder app;
  FakeSite site;
  EchoEndpoint handlers[2] = {EchoEndpoint(home(0)), EchoEndpoint(home(1))};
};

std::string said(Fixture& f, FakeClient& client, const std::string& id, const std::string& text) {
  client.request("POST", "/echo?id=" + id, {}, text);
  f.site.run();
  return client.answer();
}

void a_client_hears_what_it_says_on_any_loop(void**) {
  Fixture f;
  FakeClient hears(f.site, 0);
  FakeClient speaks(f.site, 1);
  hears.request("GET", "/echo?id=mine");
  f.site.run();
  ASSERT_TEXT(hears.answer(), "");
  ASSERT_TEXT(said(f, speaks, "mine", "one"), "200 ok");
  ASSERT_TEXT(hears.answer(), "200 one");
  assert_int_equal(f.home_of("mine"), 0);
  // What comes while nothing is held waits.
  ASSERT_TEXT(said(f, speaks, "mine", "two"), "200 ok");
  ASSERT_TEXT(said(f, speaks, "mine", "three"), "200 ok");
  FakeClient elsewhere(f.site, 1);
  elsewhere.request("GET", "/echo?id=mine");
  f.site.run();
  ASSERT_TEXT(elsewhere.answer(), "200 twothree");
  assert_int_equal(f.site.sessions.size(), 1);
}

void requests_on_two_loops_begin_one_session(void**) {
  for (const std::size_t first : {0U, 1U}) {
    Fixture f;
    FakeClient hears(f.site, 0);
    FakeClient speaks(f.site, 1);
    hears.request("GET", "/echo?id=mine");
    speaks.request("POST", "/echo?id=mine", {}, "hello");
    // Both loops have read their request before either takes what the other has posted.
    f.site.sockets(first).take_input();
    f.site.sockets(1 - first).take_input();
    assert_int_equal(f.site.sessions.size(), 1);
    assert_int_equal(f.home_of("mine"), first);
    assert_true(f.home(1 - first).empty());
    f.site.run();
    ASSERT_TEXT(speaks.answer(), "200 ok");
    ASSERT_TEXT(hears.answer(), "200 hello");
  }
}

void each_endpoint_has_its_own_sessions(void**) {
  Fixture f;
  FakeClient here(f.site, 0);
  FakeClient there(f.site, 1);
  here.request("GET", "/echo?id=mine");
  there.request("GET", "/other?id=mine");
  f.site.run();
  assert_int_equal(f.site.sessions.size(), 2);
  FakeClient speaks(f.site, 0);
  ASSERT_TEXT(said(f, speaks, "mine", "hello"), "200 ok");
  ASSERT_TEXT(here.answer(), "200 hello");
  ASSERT_TEXT(there.answer(), "");
}

void a_second_request_for_a_slot_is_refused(void**) {
  Fixture f;
  FakeClient first(f.site, 0);
  FakeClient second(f.site, 1);
  first.request("GET", "/echo?id=mine");
  f.site.run();
  second.request("GET", "/echo?id=mine");
  f.site.run();
  ASSERT_TEXT(second.answer(), "409 two at once");
  ASSERT_TEXT(first.answer(), "");
  FakeClient speaks(f.site, 1);
  ASSERT_TEXT(said(f, speaks, "mine", "hello"), "200 ok");
  ASSERT_TEXT(first.answer(), "200 hello");
}

void a_lost_request_leaves_its_slot(void**) {
  Fixture f;
  FakeClient lost(f.site, 1);
  FakeClient hears(f.site, 1);
  FakeClient speaks(f.site, 0);
  ASSERT_TEXT(said(f, speaks, "mine", ""), "200 ok");  // at home on loop 0
  lost.request("GET", "/echo?id=mine");
  f.site.run();
  lost.hang_up();
  f.site.run();
  ASSERT_TEXT(said(f, speaks, "mine", "hello"), "200 ok");
  hears.request("GET", "/echo?id=mine");
  f.site.run();
  ASSERT_TEXT(hears.answer(), "200 hello");
}

void a_session_ends_after_a_time_without_requests(void**) {
  Fixture f;
  FakeClient hears(f.site, 1);
  FakeClient speaks(f.site, 0);
  ASSERT_TEXT(said(f, speaks, "mine", ""), "200 ok");
  f.site.advance(EchoSession::kTimeoutMs - 1'000);
  hears.request("GET", "/echo?id=mine");
  f.site.run();
  f.site.advance(EchoSession::kTimeoutMs - 1'000);
  ASSERT_TEXT(hears.answer(), "");
  f.site.advance(2'000);
  ASSERT_TEXT(hears.answer(), "410 timed out");
  assert_true(f.is_empty());
  // The id is free, and the new session may have another home.
  FakeClient next(f.site, 1);
  ASSERT_TEXT(said(f, next, "mine", "again"), "200 ok");
  assert_int_equal(f.home_of("mine"), 1);
}

// A request that began with one session does not end in a later one with the same id.
void the_rest_of_a_request_does_not_reach_a_later_session(void**) {
  Fixture f;
  FakeClient slow(f.site, 0);
  slow.send("POST /echo?id=mine HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 3\r\n\r\no");
  f.site.run();
  const SessionNumber old = f.number_of("mine");
  assert_int_not_equal(old, 0);
  // The session ends while its answer to the POST is on the way, and the next one begins on the other loop.
  f.home(0).find(old)->evict();
  FakeClient hears(f.site, 1);
  hears.request("GET", "/echo?id=mine");
  f.site.sockets(1).take_input();
  assert_int_equal(f.home_of("mine"), 1);
  slow.send("ld");
  f.site.run();
  ASSERT_TEXT(slow.answer(), "410 evicted");
  ASSERT_TEXT(hears.answer(), "");
  assert_int_equal(f.site.sessions.size(), 1);
}

void the_oldest_session_makes_way(void**) {
  ServerOptions options = echo_options();
  options.max_sessions = 1;
  Fixture f(options);
  FakeClient first(f.site, 0);
  FakeClient second(f.site, 1);
  first.request("GET", "/echo?id=first");
  f.site.run();
  second.request("GET", "/echo?id=second");
  f.site.run();
  ASSERT_TEXT(second.answer(), "503 full");
  f.site.advance(SessionTable::kGraceMs);
  second.request("GET", "/echo?id=second");
  f.site.sockets(1).take_input();
  assert_int_equal(f.number_of("first"), 0);
  assert_false(f.home(0).empty());
  f.site.run();
  ASSERT_TEXT(first.answer(), "410 evicted");
  ASSERT_TEXT(second.answer(), "");
  assert_true(f.home(0).empty());
  assert_int_equal(f.site.server.refused(Refusal::sessions), 2);
}

// The client takes its id again before the evicted session has heard of its end.
void an_evicted_session_does_not_touch_the_next_one(void**) {
  ServerOptions options = echo_options();
  options.max_sessions = 1;
  Fixture f(options);
  FakeClient old(f.site, 0);
  FakeClient other(f.site, 1);
  FakeClient next(f.site, 0);
  old.request("GET", "/echo?id=mine");
  f.site.run();
  f.site.advance(SessionTable::kGraceMs);
  other.request("GET", "/echo?id=other");
  f.site.sockets(1).take_input();
  // Time passes on loop 1 only: loop 0 still has its task.
  f.site.server.now_ms += SessionTable::kGraceMs;
  next.request("GET", "/echo?id=mine");
  f.site.sockets(0).take_input();
  const SessionNumber present = f.number_of("mine");
  assert_int_not_equal(present, 0);
  f.site.run();
  ASSERT_TEXT(old.answer(), "410 evicted");
  ASSERT_TEXT(other.answer(), "410 evicted");
  ASSERT_TEXT(next.answer(), "");
  assert_int_equal(f.number_of("mine"), present);
  FakeClient speaks(f.site, 1);
  ASSERT_TEXT(said(f, speaks, "mine", "hello"), "200 ok");
  ASSERT_TEXT(next.answer(), "200 hello");
}

void each_address_has_its_share(void**) {
  ServerOptions options = echo_options();
  options.max_sessions_per_address = 1;
  Fixture f(options);
  FakeClient first(f.site, 0);
  FakeClient second(f.site, 1);
  FakeClient stranger(f.site, 1, "192.0.2.2");
  ASSERT_TEXT(said(f, first, "first", "hello"), "200 ok");
  ASSERT_TEXT(said(f, second, "second", "hello"), "503 full");
  ASSERT_TEXT(said(f, stranger, "third", "hello"), "200 ok");
  assert_int_equal(f.site.server.refused(Refusal::sessions_per_address), 1);
}

// The protocol decides that a session moves. Requests that come meanwhile are told so.
void a_session_may_move_to_another_home(void**) {
  Fixture f;
  FakeClient hears(f.site, 0);
  FakeClient speaks(f.site, 1);
  hears.request("GET", "/echo?id=mine");
  f.site.run();
  const SessionNumber number = f.number_of("mine");
  f.home(0).find_as<EchoSession>(number)->leave();
  std::shared_ptr<Session> session = f.home(0).release(*f.home(0).find(number));
  ASSERT_TEXT(said(f, speaks, "mine", "early"), "404 moving");
  f.site.sessions.set_home(number, 1);
  ASSERT_TEXT(said(f, speaks, "mine", "early"), "404 moving");
  f.home(1).add(std::move(session));
  f.home(1).find_as<EchoSession>(number)->settle(f.home(1));
  ASSERT_TEXT(said(f, speaks, "mine", "hello"), "200 ok");
  ASSERT_TEXT(hears.answer(), "200 hello");
  f.site.advance(EchoSession::kTimeoutMs + 100);
  assert_true(f.is_empty());
}

struct Calls {
  int found = 0;
  std::vector<std::pair<std::size_t, SessionAbsence>> absent;  // on which loop

  void look(Fixture& f, std::size_t loop, SessionNumber number, SessionHome::Turn turn) {
    f.home(loop).at_home<EchoSession>(
        number, turn, [this](EchoSession&) { ++found; },
        [this](SessionHome& home, SessionAbsence why) { absent.emplace_back(home.loop().index(), why); });
  }
};

void an_action_runs_once_or_is_told_why_not(void**) {
  using Turn = SessionHome::Turn;
  Fixture f;
  FakeClient client(f.site, 0);
  client.request("GET", "/echo?id=mine");
  f.site.run();
  const SessionNumber number = f.number_of("mine");
  Calls calls;
  calls.look(f, 0, number, Turn::now);
  assert_int_equal(calls.found, 1);
  calls.look(f, 0, number, Turn::later);
  assert_int_equal(calls.found, 1);
  f.site.run();
  assert_int_equal(calls.found, 2);
  calls.look(f, 1, number, Turn::now);  // on the other loop, so in its turn
  assert_int_equal(calls.found, 2);
  f.site.run();
  assert_int_equal(calls.found, 3);
  assert_true(calls.absent.empty());

  // It ends while the action is on its way: its home notices.
  calls.look(f, 1, number, Turn::now);
  f.home(0).find(number)->evict();
  f.site.run();
  assert_int_equal(calls.absent.size(), 1);
  assert_int_equal(calls.absent[0].first, 0);
  assert_true(calls.absent[0].second == SessionAbsence::gone);
  // The loop of the caller knows that it has ended.
  calls.look(f, 1, number, Turn::later);
  assert_int_equal(calls.absent.size(), 2);
  assert_int_equal(calls.absent[1].first, 1);
  assert_true(calls.absent[1].second == SessionAbsence::gone);
  assert_int_equal(calls.found, 3);
}

void a_session_goes_with_its_loop(void**) {
  Fixture f;
  FakeClient hears(f.site, 0);
  hears.request("GET", "/echo?id=mine");
  f.site.run();
  f.site.loop(0).end();
  Calls calls;
  calls.look(f, 1, f.number_of("mine"), SessionHome::Turn::now);
  assert_int_equal(calls.absent.size(), 1);
  assert_int_equal(calls.absent[0].first, 1);
  assert_true(calls.absent[0].second == SessionAbsence::gone);
  f.home(0).end_all();
  assert_true(f.is_empty());
}

void the_server_says_goodbye_to_each_session(void**) {
  Fixture f;
  FakeClient here(f.site, 0);
  FakeClient gone(f.site, 0);
  here.request("GET", "/echo?id=here");
  gone.request("GET", "/echo?id=gone");
  f.site.run();
  const std::vector<Task> goodbyes = f.home(0).goodbyes();
  assert_int_equal(goodbyes.size(), 2);
  f.home(0).find(f.number_of("gone"))->evict();
  for (const Task& goodbye : goodbyes) goodbye();
  f.site.run();
  ASSERT_TEXT(here.answer(), "410 goodbye");
  ASSERT_TEXT(gone.answer(), "410 evicted");
  assert_true(f.is_empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_client_hears_what_it_says_on_any_loop),
      cmocka_unit_test(requests_on_two_loops_begin_one_session),
      cmocka_unit_test(each_endpoint_has_its_own_sessions),
      cmocka_unit_test(a_second_request_for_a_slot_is_refused),
      cmocka_unit_test(a_lost_request_leaves_its_slot),
      cmocka_unit_test(a_session_ends_after_a_time_without_requests),
      cmocka_unit_test(the_rest_of_a_request_does_not_reach_a_later_session),
      cmocka_unit_test(the_oldest_session_makes_way),
      cmocka_unit_test(an_evicted_session_does_not_touch_the_next_one),
      cmocka_unit_test(each_address_has_its_share),
      cmocka_unit_test(a_session_may_move_to_another_home),
      cmocka_unit_test(an_action_runs_once_or_is_told_why_not),
      cmocka_unit_test(a_session_goes_with_its_loop),
      cmocka_unit_test(the_server_says_goodbye_to_each_session),
  };
  return cmocka_run_group_tests_name("core/net/session/session_home", tests, nullptr, nullptr);
}
