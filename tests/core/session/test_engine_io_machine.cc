// A session as its net layer would drive it: every request, message and deadline in an order of the
// test's choosing, and the actions written down as one line each.
#include "session/engine_io_machine.h"
#include "support/engine_io_buffer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::session;

namespace {

std::string show(std::string text) {
  std::replace(text.begin(), text.end(), '\x1e', '|');
  return text;
}

struct Describe {
  std::string operator()(const AnswerPoll& a) const { return "poll " + show(a.body); }
  std::string operator()(const AnswerPost& a) const { return "post " + std::to_string(a.status); }
  std::string operator()(const RefuseRequest& action) const {
    return action.error ? "refuse " + std::string(chat::wire::message_of(*action.error)) : "refuse";
  }
  std::string operator()(const SendWebSocket& a) const { return "send " + a.text; }
  std::string operator()(const CloseWebSocket&) const { return "drop"; }
  std::string operator()(const Deliver& a) const { return (a.binary ? "bytes " : "message ") + a.bytes; }
  std::string operator()(const PingSent&) const { return "ping"; }
  std::string operator()(const PingAnswered&) const { return "pong"; }
  std::string operator()(const Upgraded&) const { return "upgraded"; }
  std::string operator()(const Closed& a) const { return "closed " + std::string(text_of(a.reason)); }
};

struct Harness {
  EngineIoOptions options;
  EngineIoBuffer queue;
  std::optional<EngineIoMachine> session;
  std::int64_t now = 1000;
  EngineIoActions out;

  explicit Harness(Transport transport = Transport::polling) {
    session.emplace(options, queue, "SID", transport);
    session->open(now, out);
    out.clear();
  }

  // What has happened since the last call; the actions with "; " between them.
  std::string take() {
    std::string all;
    for (const EngineIoAction& action : out) {
      if (!all.empty()) all += "; ";
      all += std::visit(Describe(), action);
    }
    out.clear();
    return all;
  }
  std::string poll() { return session->poll(now, out), take(); }
  std::string post(std::string_view body) {
    if (session->begin_post("text/plain;charset=UTF-8", out)) session->end_post(std::string(body), out);
    while (session->has_packets()) session->take_packet(now, out);
    return take();
  }
  // Only its body; the packets wait.
  void bring(std::string body) {
    assert_true(session->begin_post("", out));
    session->end_post(std::move(body), out);
  }
  std::string take_packet() { return session->take_packet(now, out), take(); }
  std::string hear(std::string_view text) { return session->websocket_received(false, text, now, out), take(); }
  std::string say(const std::string& text) {
    queue.push({{false, text}});
    return session->flush(out), take();
  }
  // To the session's next deadline, however far.
  std::string wait() {
    assert_true(session->deadline_ms() >= now);
    now = session->deadline_ms();
    return session->tick(now, out), take();
  }
};

void expect(const std::string& got, const char* wanted) { assert_string_equal(got.c_str(), wanted); }

// It has ended in an orderly way, and waits for the GET that can say so.
void expect_closing(Harness& h, const std::string& end) {
  assert_false(h.session->is_open());
  assert_false(h.session->closed());
  expect(h.post("4ignored"), "post 200");
  expect(h.poll(), ("poll 1; " + end).c_str());
  assert_true(h.session->closed());
}

void opens(void**) {
  EngineIoOptions options;
  EngineIoBuffer queue;
  EngineIoActions out;
  EngineIoMachine polling(options, queue, "SID", Transport::polling);
  polling.open(0, out);
  expect(std::get<AnswerPoll>(out.at(0)).body,
         R"(0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,)"
         R"("maxPayload":1000000})");
  EngineIoMachine websocket(options, queue, "SID", Transport::websocket);
  websocket.open(0, out);
  expect(std::get<SendWebSocket>(out.at(1)).text,
         R"(0{"sid":"SID","upgrades":[],"pingInterval":25000,"pingTimeout":20000,)"
         R"("maxPayload":1000000})");
  options.may_upgrade = false;
  EngineIoMachine alone(options, queue, "SID", Transport::polling);
  alone.open(0, out);
  assert_true(std::get<AnswerPoll>(out.at(2)).body.find(R"("upgrades":[])") != std::string::npos);
  assert_false(alone.attach_websocket(0));
}

void a_poll_is_held_until_there_is_something(void**) {
  Harness h;
  expect(h.poll(), "");
  expect(h.say("one"), "poll 4one");
  expect(h.say("two"), "");
  h.queue.push({{false, "three"}, {true, std::string("\x01\x02\x03\x04")}});
  expect(h.poll(), "poll 4two|4three|bAQIDBA==");
  expect(h.poll(), "");
}

void a_post_brings_packets_in_order(void**) {
  Harness h;
  expect(h.post("4a\x1e"
                "4b\x1e"
                "bAQID\x1e"
                "4"),
         "message a; message b; bytes \x01\x02\x03; message ; post 200");
  expect(h.post("3"), "post 200");
  expect(h.post("6\x1e"
                "5\x1e"
                "0"),
         "post 200");  // of no meaning here
}

void a_second_poll_closes(void**) {
  Harness h;
  h.poll();
  expect(h.poll(), "refuse; poll 1; closed transport error");
  expect(h.poll(), "refuse Session ID unknown");
  expect(h.post("4a"), "refuse Session ID unknown");
  assert_int_equal(h.session->deadline_ms(), -1);
}

void a_second_post_closes(void**) {
  Harness h;
  h.poll();
  assert_true(h.session->begin_post("", h.out));
  assert_false(h.session->begin_post("", h.out));
  expect(h.take(), "refuse; poll 1; post 400; closed transport error");
  h.session->end_post("4late", h.out);
  expect(h.take(), "");
}

// The layer above takes what a POST brings one by one; the answer comes with the last.
void packets_wait_until_they_are_taken(void**) {
  Harness h;
  h.bring(
      "4a\x1e"
      "4b\x1e"
      "4c");
  expect(h.take(), "");
  assert_true(h.session->has_packets());
  assert_int_equal(h.session->waiting_bytes(), 8);
  expect(h.take_packet(), "message a");
  expect(h.take_packet(), "message b");
  assert_true(h.session->has_packets());
  expect(h.take_packet(), "message c; post 200");
  assert_false(h.session->has_packets());
  assert_int_equal(h.session->waiting_bytes(), 0);
  expect(h.take_packet(), "");
}

void a_fault_behind_what_waits_comes_in_its_turn(void**) {
  Harness h;
  h.bring(
      "4a\x1e"
      "9");
  expect(h.take_packet(), "message a");
  expect(h.take_packet(), "closed parse error; post 200");
  assert_false(h.session->has_packets());
}

void a_second_post_beside_one_that_waits_closes(void**) {
  Harness h;
  h.bring(
      "4a\x1e"
      "4b");
  expect(h.take_packet(), "message a");
  assert_false(h.session->begin_post("", h.out));
  expect(h.take(), "refuse; closed transport error; post 200");
  expect(h.take_packet(), "");
}

void a_post_that_waits_may_be_lost(void**) {
  Harness h;
  h.bring(
      "4a\x1e"
      "4b");
  expect(h.take_packet(), "message a");
  h.session->post_lost(h.out);
  expect(h.take(), "closed transport error");
  assert_false(h.session->has_packets());
}

void a_close_before_other_packets_drops_them(void**) {
  Harness h;
  h.bring(
      "4a\x1e"
      "1\x1e"
      "4b");
  expect(h.take_packet(), "message a");
  expect(h.take_packet(), "closed transport close; post 200");
  expect(h.take_packet(), "");
}

void a_client_whose_packets_wait_does_not_time_out(void**) {
  Harness h;
  h.poll();
  h.wait();  // the ping leaves
  h.out.clear();
  h.bring(
      "4a\x1e"
      "3");
  for (int i = 0; i < 5; ++i) expect(h.wait(), "");
  expect(h.take_packet(), "message a");
  expect(h.take_packet(), "pong; post 200");
}

void a_post_of_bytes_closes(void**) {
  Harness h;
  assert_false(h.session->begin_post("application/octet-stream", h.out));
  expect(h.take(), "refuse; closed transport error");
}

// The POST itself is answered as any other. A held GET hears of the end; without one the session is unknown from then on, as
// at the reference server.
void malformed_packets_close(void**) {
  for (const char* body : {"abc", "", "4a\x1e", "7", "\x1e", "4\xFF"}) {
    Harness h;
    h.poll();
    const std::string before = body == std::string_view("4a\x1e") ? "message a; " : "";
    expect(h.post(body), (before + "poll 1; closed parse error; post 200").c_str());
    expect(h.poll(), "refuse Session ID unknown");
  }
  Harness h;
  expect(h.post("4before\x1exx\x1e"
                "4after"),
         "message before; closed parse error; post 200");
  expect(h.poll(), "refuse Session ID unknown");
}

void packets_in_a_payload_are_counted(void**) {
  Harness h;
  h.options.max_payload_packets = 2;
  expect(h.post("4a\x1e"
                "4b"),
         "message a; message b; post 200");
  expect(h.post("4a\x1e"
                "4b\x1e"
                "4c"),
         "message a; message b; closed parse error; post 200");
}

void an_end_over_what_was_posted_is_immediate(void**) {
  const struct {
    const char* body;
    const char* end;
  } cases[] = {{"xx", "closed parse error"}, {"2", "closed transport error"}};
  for (const auto& c : cases) {
    const std::string end = c.end;
    Harness queued;
    queued.say("last");
    expect(queued.post(c.body), (end + "; post 200").c_str());
    expect(queued.poll(), "refuse Session ID unknown");
    expect(queued.post("4late"), "refuse Session ID unknown");
    assert_int_equal(queued.session->deadline_ms(), -1);

    Harness closing;  // the layer above has ended it already: nothing more is read
    closing.session->close(closing.now, closing.out);
    expect(closing.post(c.body), "post 200");
    expect_closing(closing, "closed forced close");

    Harness upgrading;
    upgrading.session->attach_websocket(upgrading.now);
    upgrading.hear("2probe");
    expect(upgrading.post(c.body), ("drop; " + end + "; post 200").c_str());

    Harness held;  // with a candidate, which goes too
    held.poll();
    held.session->attach_websocket(held.now);
    expect(held.post(c.body), ("poll 1; drop; " + end + "; post 200").c_str());
  }
}

void what_is_posted_behind_an_end_is_not_heard(void**) {
  for (const auto& [first, end] : {std::pair("xx", "closed parse error"), std::pair("2", "closed transport error")}) {
    Harness h;
    expect(h.post(std::string("4before\x1e") + first + "\x1e" + "4after\x1e" + "1"),
           (std::string("message before; ") + end + "; post 200").c_str());
    expect(h.post("4later"), "refuse Session ID unknown");
  }
}

void too_large_a_post_is_refused_alone(void**) {
  Harness h;
  h.options.max_payload_bytes = 4;
  expect(h.post("4abcd"), "post 413");
  expect(h.post("4abc"), "message abc; post 200");
  assert_true(h.session->begin_post("", h.out));
  h.session->post_too_large(h.out);
  expect(h.take(), "post 413");
  expect(h.post("4a"), "message a; post 200");
}

void lost_requests_close(void**) {
  Harness one;
  one.poll();
  one.session->poll_lost(one.out);
  expect(one.take(), "closed transport error");

  Harness two;
  two.poll();
  two.session->begin_post("", two.out);
  two.session->post_lost(two.out);
  expect(two.take(), "poll 1; closed transport error");

  Harness three;  // an answer that could not be written
  three.poll();
  three.say("lost");
  three.session->poll_lost(three.out);
  expect(three.take(), "closed transport error");
}

void the_client_closes_by_post(void**) {
  Harness h;
  h.poll();
  expect(h.post("4bye\x1e"
                "1\x1e"
                "4late"),
         "message bye; poll 6; closed transport close; post 200");
  expect(h.poll(), "refuse Session ID unknown");
  Harness alone;
  expect(alone.post("1"), "closed transport close; post 200");
}

void the_client_closes_its_websocket(void**) {
  Harness lost(Transport::websocket);
  lost.session->websocket_lost(lost.out);
  expect(lost.take(), "closed transport close");
}

// It has a closing of its own, and the reference server does not know another.
void a_close_packet_over_a_websocket_is_nothing(void**) {
  Harness h(Transport::websocket);
  expect(h.hear("1"), "");
  assert_true(h.session->is_open());
  expect(h.hear("4on"), "message on");
  h.session->websocket_lost(h.out);
  expect(h.take(), "closed transport close");
}

void pings_over_polling(void**) {
  Harness h;
  h.poll();
  expect(h.wait(), "ping; poll 2");
  assert_int_equal(h.now, 26'000);
  h.now += 5'000;
  expect(h.post("3"), "pong; post 200");
  expect(h.wait(), "");  // no poll is held: it waits for one
  assert_int_equal(h.now, 56'000);
  expect(h.poll(), "ping; poll 2");
  expect(h.poll(), "");
  expect(h.wait(), "poll 1; closed ping timeout");
  assert_int_equal(h.now, 76'000);
}

// The ping may come one tick of the timers late; the time-out is counted from when it was due. One that comes much later (the
// machine slept) leaves the client all of its time but that tick.
void a_late_ping_does_not_make_its_time_out_late(void**) {
  const struct {
    std::int64_t late_ms;
    std::int64_t timeout_ms;
  } cases[] = {{0, 46'000}, {7, 46'000}, {20, 46'000}, {500, 46'480}};
  for (const auto& c : cases) {
    Harness h;
    h.poll();
    h.now = h.session->deadline_ms() + c.late_ms;
    h.session->tick(h.now, h.out);
    expect(h.take(), "ping; poll 2");
    assert_int_equal(h.session->deadline_ms(), c.timeout_ms);
  }
}

void pings_over_websocket(void**) {
  Harness h(Transport::websocket);
  expect(h.wait(), "ping; send 2");
  expect(h.hear("3"), "pong");
  expect(h.wait(), "ping; send 2");
  assert_int_equal(h.now, 51'000);
  expect(h.wait(), "drop; closed ping timeout");
}

void who_is_heard_is_alive(void**) {
  Harness h(Transport::websocket);
  h.wait();
  h.now += 15'000;
  expect(h.hear("4busy"), "message busy");
  expect(h.wait(), "");
  expect(h.wait(), "drop; closed ping timeout");
  assert_int_equal(h.now, 61'000);
}

void a_ping_from_the_client_closes(void**) {
  Harness polling;
  expect(polling.post("2"), "closed transport error; post 200");
  Harness held;
  held.poll();
  expect(held.post("4a\x1e"
                   "2\x1e"
                   "4b"),
         "message a; poll 1; closed transport error; post 200");
  Harness websocket(Transport::websocket);
  expect(websocket.hear("2probe"), "drop; closed transport error");
}

void websocket_messages(void**) {
  Harness h(Transport::websocket);
  expect(h.hear("4hello"), "message hello");
  h.session->websocket_received(true, "\x01\x02", h.now, h.out);
  expect(h.take(), "bytes \x01\x02");
  expect(h.hear("bAQI="), "bytes \x01\x02");
  expect(h.say("written by the net layer"), "");
  expect(h.poll(), "refuse Bad request");
  expect(h.post("4a"), "refuse Bad request");
  assert_false(h.session->attach_websocket(h.now));
  expect(h.hear("abc"), "drop; closed parse error");
  expect(h.hear("4late"), "");

  Harness large(Transport::websocket);
  large.options.max_payload_bytes = 4;
  expect(large.hear("4abcd"), "drop; closed transport error");
}

void upgrades(void**) {
  Harness h;
  h.poll();
  assert_true(h.session->attach_websocket(h.now));
  assert_false(h.session->attach_websocket(h.now));
  expect(h.hear("2probe"), "send 3probe; poll 6");
  // The client polled once more before the probe's answer reached it.
  expect(h.poll(), "");
  assert_int_equal(h.session->deadline_ms(), h.now + 100);
  expect(h.wait(), "poll 6");
  expect(h.post("4still"), "message still; post 200");
  expect(h.say("queued"), "");
  assert_true(h.session->transport() == Transport::polling);
  expect(h.hear("5"), "upgraded");
  assert_true(h.session->transport() == Transport::websocket);
  assert_string_equal(h.queue.take_frames().at(0).bytes.c_str(), "4queued");
  expect(h.hear("4over"), "message over");
  expect(h.poll(), "refuse Bad request");
  expect(h.post("4a"), "refuse Bad request");
  assert_false(h.session->attach_websocket(h.now));
  assert_true(h.session->is_open());
  expect(h.wait(), "ping; send 2");
}

void messages_go_by_polling_until_the_upgrade(void**) {
  Harness h;
  h.session->attach_websocket(h.now);
  h.hear("2probe");
  h.poll();
  expect(h.say("one"), "poll 4one");
  h.say("two");
  expect(h.poll(), "poll 4two");
}

void a_probe_that_is_not_one(void**) {
  for (const char* text : {"2", "2other", "3probe", "4hello", "abc", "1", "6"}) {
    Harness h;
    h.poll();
    h.session->attach_websocket(h.now);
    expect(h.hear(text), "drop");
    expect(h.say("still polling"), "poll 4still polling");
    assert_true(h.session->attach_websocket(h.now));  // it may try again
  }
  Harness h;
  h.session->attach_websocket(h.now);
  h.session->websocket_received(true, "2probe", h.now, h.out);
  expect(h.take(), "drop");
}

void an_upgrade_without_a_probe(void**) {
  Harness h;
  h.session->attach_websocket(h.now);
  expect(h.hear("5"), "upgraded");
}

void an_upgrade_in_the_middle_of_requests(void**) {
  Harness h;
  h.session->attach_websocket(h.now);
  h.hear("2probe");
  h.poll();
  h.session->begin_post("", h.out);
  expect(h.hear("5"), "poll 6; post 400; upgraded");
  h.session->end_post("4late", h.out);
  expect(h.take(), "");
}

void an_upgrade_that_takes_too_long(void**) {
  Harness h;
  h.session->attach_websocket(h.now);
  h.hear("2probe");
  expect(h.wait(), "drop");
  assert_int_equal(h.now, 11'000);
  expect(h.hear("5"), "");  // from a socket that is not the session's any more
  expect(h.poll(), "");
  expect(h.say("on"), "poll 4on");
}

void a_candidate_that_goes_away(void**) {
  Harness h;
  h.session->attach_websocket(h.now);
  h.hear("2probe");
  h.session->websocket_lost(h.out);
  expect(h.take(), "");
  assert_int_equal(h.session->deadline_ms(), 26'000);
  assert_true(h.session->attach_websocket(h.now));
}

void a_ping_that_waits_goes_over_the_websocket(void**) {
  Harness h;
  h.now = 25'500;
  h.session->attach_websocket(h.now);
  h.hear("2probe");
  expect(h.wait(), "");  // the ping, with no poll to carry it
  h.now += 1'000;
  expect(h.hear("5"), "upgraded; ping; send 2");
  assert_int_equal(h.session->deadline_ms(), h.now + 20'000);
  expect(h.hear("3"), "pong");
}

void closes_after_what_is_queued(void**) {
  Harness held;
  held.poll();
  held.queue.push({{false, "last"}});
  held.session->close(held.now, held.out);
  expect(held.take(), "poll 4last");
  expect(held.poll(), "poll 1; closed forced close");

  Harness later;
  later.say("last");
  later.session->close(later.now, later.out);
  expect(later.take(), "");
  assert_false(later.session->is_open());
  assert_false(later.session->closed());
  expect(later.post("4ignored"), "post 200");
  expect(later.poll(), "poll 4last");
  expect(later.poll(), "poll 1; closed forced close");

  Harness nothing;
  nothing.poll();
  nothing.session->close(nothing.now, nothing.out);
  expect(nothing.take(), "poll 1; closed forced close");

  Harness websocket(Transport::websocket);
  websocket.session->close(websocket.now, websocket.out);
  expect(websocket.take(), "drop; closed forced close");
}

void a_close_does_not_wait_for_ever(void**) {
  Harness h;
  h.session->close(h.now, h.out);
  h.session->close(h.now, h.out);
  expect(h.wait(), "closed forced close");
  assert_int_equal(h.now, 31'000);
}

void a_close_goes_through_an_upgrade(void**) {
  Harness h;
  h.session->attach_websocket(h.now);
  h.hear("2probe");
  h.say("last");
  h.session->close(h.now, h.out);
  expect(h.hear("5"), "upgraded; drop; closed forced close");
  assert_int_equal(h.queue.take_frames().size(), 1);  // for the net layer, before the drop
}

void an_abort_lets_everything_go(void**) {
  Harness h;
  h.poll();
  h.session->begin_post("", h.out);
  h.session->attach_websocket(h.now);
  h.queue.push({{false, "lost"}});
  h.session->abort(EngineIoClose::parse_error, h.out);
  expect(h.take(), "poll 1; post 400; drop; closed parse error");
  h.session->abort(EngineIoClose::parse_error, h.out);
  expect(h.take(), "");
}

using wire::EngineIoError;

int refused(const EngineIoRequest& request, std::optional<Transport> session = {}, EngineIoTransports enabled = {}) {
  const std::optional<EngineIoError> error = check_request(request, session, enabled);
  return error ? static_cast<int>(*error) : -1;
}

void requests_are_checked_in_the_reference_order(void**) {
  constexpr auto kPolling = Transport::polling;
  constexpr auto kWebSocket = Transport::websocket;
  assert_int_equal(refused({"GET", false, "polling", "", "4"}), -1);
  assert_int_equal(refused({"GET", true, "websocket", "", "4"}), -1);
  assert_int_equal(refused({"GET", false, "", "", "4"}), 0);
  assert_int_equal(refused({"POST", false, "abc", "x", "3"}), 0);
  assert_int_equal(refused({"GET", false, "polling", "", "4"}, {}, {false, true}), 0);
  assert_int_equal(refused({"GET", true, "websocket", "", "4"}, {}, {true, false}), 0);
  assert_int_equal(refused({"PUT", false, "polling", "x", ""}), 1);
  assert_int_equal(refused({"GET", false, "polling", "x", "4"}, kPolling), -1);
  assert_int_equal(refused({"POST", false, "polling", "x", "4"}, kPolling), -1);
  assert_int_equal(refused({"PUT", false, "polling", "x", "4"}, kPolling), 3);
  assert_int_equal(refused({"GET", false, "polling", "x", "4"}, kWebSocket), 3);
  assert_int_equal(refused({"GET", false, "websocket", "x", "4"}, kPolling), 3);
  assert_int_equal(refused({"GET", false, "websocket", "x", "4"}, kWebSocket), 3);
  assert_int_equal(refused({"GET", true, "websocket", "x", "4"}, kPolling), -1);
  assert_int_equal(refused({"GET", true, "websocket", "x", "4"}, kWebSocket), -1);  // attach refuses
  assert_int_equal(refused({"GET", true, "polling", "x", "4"}, kPolling), 3);
  // The protocol of a session that is known must be said again, and is a bad request when it is not; of one that is not
  // known, and with a transport that is not known, that counts first.
  for (const char* version : {"", "3", "5", "abc", "04"}) {
    assert_int_equal(refused({"GET", false, "polling", "x", version}, kPolling), 3);
    assert_int_equal(refused({"POST", false, "polling", "x", version}, kPolling), 3);
    assert_int_equal(refused({"GET", true, "websocket", "x", version}, kPolling), 3);
    assert_int_equal(refused({"GET", false, "polling", "x", version}), 1);
    assert_int_equal(refused({"GET", false, "abc", "x", version}, kPolling), 0);
  }
  assert_int_equal(refused({"POST", false, "polling", "", "3"}), 2);
  assert_int_equal(refused({"GET", false, "websocket", "", "3"}), 3);
  assert_int_equal(refused({"GET", true, "polling", "", "4"}), 3);
  for (const char* version : {"", "3", "abc", "04"})
    assert_int_equal(refused({"GET", false, "polling", "", version}), 5);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(opens),
      cmocka_unit_test(a_poll_is_held_until_there_is_something),
      cmocka_unit_test(a_post_brings_packets_in_order),
      cmocka_unit_test(a_second_poll_closes),
      cmocka_unit_test(a_second_post_closes),
      cmocka_unit_test(packets_wait_until_they_are_taken),
      cmocka_unit_test(a_fault_behind_what_waits_comes_in_its_turn),
      cmocka_unit_test(a_second_post_beside_one_that_waits_closes),
      cmocka_unit_test(a_post_that_waits_may_be_lost),
      cmocka_unit_test(a_close_before_other_packets_drops_them),
      cmocka_unit_test(a_client_whose_packets_wait_does_not_time_out),
      cmocka_unit_test(a_post_of_bytes_closes),
      cmocka_unit_test(malformed_packets_close),
      cmocka_unit_test(packets_in_a_payload_are_counted),
      cmocka_unit_test(an_end_over_what_was_posted_is_immediate),
      cmocka_unit_test(what_is_posted_behind_an_end_is_not_heard),
      cmocka_unit_test(too_large_a_post_is_refused_alone),
      cmocka_unit_test(lost_requests_close),
      cmocka_unit_test(the_client_closes_by_post),
      cmocka_unit_test(the_client_closes_its_websocket),
      cmocka_unit_test(a_close_packet_over_a_websocket_is_nothing),
      cmocka_unit_test(pings_over_polling),
      cmocka_unit_test(a_late_ping_does_not_make_its_time_out_late),
      cmocka_unit_test(pings_over_websocket),
      cmocka_unit_test(who_is_heard_is_alive),
      cmocka_unit_test(a_ping_from_the_client_closes),
      cmocka_unit_test(websocket_messages),
      cmocka_unit_test(upgrades),
      cmocka_unit_test(messages_go_by_polling_until_the_upgrade),
      cmocka_unit_test(a_probe_that_is_not_one),
      cmocka_unit_test(an_upgrade_without_a_probe),
      cmocka_unit_test(an_upgrade_in_the_middle_of_requests),
      cmocka_unit_test(an_upgrade_that_takes_too_long),
      cmocka_unit_test(a_candidate_that_goes_away),
      cmocka_unit_test(a_ping_that_waits_goes_over_the_websocket),
      cmocka_unit_test(closes_after_what_is_queued),
      cmocka_unit_test(a_close_does_not_wait_for_ever),
      cmocka_unit_test(a_close_goes_through_an_upgrade),
      cmocka_unit_test(an_abort_lets_everything_go),
      cmocka_unit_test(requests_are_checked_in_the_reference_order),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
