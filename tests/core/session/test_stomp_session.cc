// STOMP sessions as their net layer drives them, with the actions written down as one line each. Every sentence of version 1.2
// that says MUST to a server, or to a client whose server must notice, has a test here or in core/wire/stomp.
#include "session/stomp_session.h"
#include "session/stomp_subscriptions.h"
#include "session/stomp_transactions.h"

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <variant>
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
using namespace std::string_literals;
using wire::StompVersion;

namespace {

std::string show(std::string_view bytes) {
  std::string shown;
  for (const char c : bytes) shown += c == '\0' ? "@" : c == '\n' ? "|" : std::string(1, c);
  return shown;
}

std::string show(const wire::StompDestination& destination) {
  constexpr const char* kKinds[] = {"room", "app", "queue"};
  return kKinds[static_cast<std::size_t>(destination.kind)] + ":"s + destination.name;
}

struct Describe {
  std::string operator()(const stomp::Send& a) const { return "send " + show(a.bytes); }
  std::string operator()(const stomp::Connect& a) const {
    std::string text = "connect " + std::string(name_of(a.version));
    if (!a.host.empty()) text += " host=" + a.host;
    if (a.login) text += " login=" + *a.login;
    if (a.passcode) text += " passcode=" + *a.passcode;
    return text;
  }
  std::string operator()(const stomp::Subscribe& a) const {
    std::string text =
        "subscribe #" + std::to_string(a.ref) + " " + std::to_string(a.subscription) + " " + show(a.destination);
    if (a.ack != StompAckMode::automatic) text += a.ack == StompAckMode::client ? " client" : " individual";
    if (a.since) text += " since " + a.since->epoch + ":" + std::to_string(a.since->seq);
    return text;
  }
  std::string operator()(const stomp::Unsubscribe& a) const { return "unsubscribe " + std::to_string(a.subscription); }
  std::string operator()(const stomp::Publish& a) const {
    std::string text = "publish #" + std::to_string(a.ref) + " " + show(a.destination);
    for (const Pair& header : a.headers) text += " " + header.name + "=" + header.value;
    if (a.content_type) text += " (" + *a.content_type + ")";
    if (a.committed) text += " committed";
    return text + " " + show(a.body);
  }
  std::string operator()(const stomp::Refuse& a) const { return "refuse #" + std::to_string(a.ref); }
  std::string operator()(const stomp::Acknowledged& a) const {
    std::string text = (a.negative ? "nack " : "ack ") + std::to_string(a.subscription);
    for (const std::string& id : a.message_ids) text += " " + id;
    return text;
  }
  std::string operator()(const stomp::Disconnect& a) const { return "disconnect #" + std::to_string(a.ref); }
  std::string operator()(const stomp::Close&) const { return "close"; }
};

void expect(const std::string& got, const std::string& wanted) { assert_string_equal(got.c_str(), wanted.c_str()); }

// Frames are written with | for a line's end and @ for NUL.
std::string unshow(std::string_view text) {
  std::string bytes;
  for (const char c : text) bytes += c == '|' ? '\n' : c == '@' ? '\0' : c;
  return bytes;
}

struct Harness {
  StompOptions options;
  std::int64_t now = 1'000;
  std::optional<StompSession> session;
  StompActions out;

  Harness() { session.emplace(options, now); }
  // Connected with a version, without heart-beats.
  explicit Harness(StompVersion version) : Harness() {
    connect("CONNECT|accept-version:" + std::string(name_of(version)) + "||@");
  }

  std::string take() {
    std::string all;
    for (const StompAction& action : out) {
      if (!all.empty()) all += "; ";
      all += std::visit(Describe(), action);
    }
    out.clear();
    return all;
  }
  std::string hear(std::string_view text) {
    session->receive(unshow(text), now, out);
    while (session->has_input()) session->take_frame(now, out);
    return take();
  }
  std::string connect(std::string_view frame) {
    hear(frame);
    session->accept("S1", now, out);
    return take();
  }
  std::string done(stomp::Ref ref) { return session->done(ref, now, out), take(); }
  std::string refused(stomp::Ref ref) { return session->refused(ref, "rate_limited", "too fast", now, out), take(); }
  std::string head(stomp::Subscription subscription, std::string_view message_id) {
    return show(session->message_head(subscription, message_id));
  }
  std::string pass(std::int64_t time_ms) { return session->tick(now += time_ms, out), take(); }
};

// What an error that ends the connection looks like.
std::string error(std::string_view message, std::string_view receipt = {}) {
  std::string text = "send ERROR|message:" + std::string(message) + "|";
  if (!receipt.empty()) text += "receipt-id:" + std::string(receipt) + "|";
  return text + "|@; close";
}

// Connecting.

void connects(void**) {
  Harness h;
  expect(h.hear("CONNECT|accept-version:1.0,1.1,1.2|host:example.org|login:bob|passcode:a\\cb:c|heart-beat:0,0||@"),
         "connect 1.2 host=example.org login=bob passcode=a\\cb:c");
  assert_false(h.session->is_connected());
  h.session->accept("S1", h.now, h.out);
  expect(h.take(), "send CONNECTED|version:1.2|session:S1|server:libchat|heart-beat:10000,10000||@");
  assert_true(h.session->is_connected());
}

// "STOMP servers MUST handle a STOMP frame in the same manner as a CONNECT frame."
void stomp_is_connect(void**) {
  Harness h;
  expect(h.hear("STOMP|accept-version:1.1|login:bob||@"), "connect 1.1 login=bob");
}

// "STOMP 1.2 servers MUST set the following headers: version". "The field MUST contain a server-name field."
void connected_names_version_and_server(void**) {
  for (const StompVersion version : {StompVersion::v1_0, StompVersion::v1_1, StompVersion::v1_2}) {
    Harness h;
    const std::string name(name_of(version));
    const std::string connected = h.connect("CONNECT|accept-version:" + name + "||@");
    assert_true(connected.starts_with("send CONNECTED|version:" + name + "|session:S1|server:libchat|"));
    assert_true(h.session->version() == version);
  }
}

// "If the accept-version header is missing, it means that the client only supports version 1.0 of the protocol."
void without_accept_version_it_is_1_0(void**) {
  Harness h;
  expect(h.hear("CONNECT|login: bob |passcode: secret||@"), "connect 1.0 login=bob passcode=secret");
  h.session->accept("S1", h.now, h.out);
  expect(h.take(), "send CONNECTED|version:1.0|session:S1|server:libchat||@");
}

// "If the client and server do not share any common protocol versions, then the server MUST respond with an ERROR frame [...] and
// then close the connection."
void without_a_common_version_it_ends(void**) {
  Harness h;
  expect(h.hear("CONNECT|accept-version:2.0||@SEND||@"),
         "send ERROR|version:1.0,1.1,1.2|message:no common version|content-type:text/plain;charset=utf-8|"
         "content-length:43||Supported protocol versions are 1.0,1.1,1.2@; close");
  assert_true(h.session->closed());
}

void the_layer_above_may_reject(void**) {
  Harness h;
  h.hear("CONNECT|accept-version:1.2||@");
  h.session->reject("forbidden", "no guests", h.out);
  expect(h.take(),
         "send ERROR|message:forbidden|content-type:text/plain;charset=utf-8|content-length:9||no guests@; close");
  h.session->accept("S1", h.now, h.out);
  expect(h.take(), "");
}

void connect_comes_first_and_once(void**) {
  Harness early;
  expect(early.hear("SEND|destination:/topic/a||x@"), error("the first frame must be CONNECT"));
  Harness twice(StompVersion::v1_2);
  expect(twice.hear("CONNECT|accept-version:1.2||@"), error("the client is connected already"));
  Harness silent;
  assert_int_equal(silent.session->deadline_ms(), 11'000);
  expect(silent.pass(9'999), "");
  expect(silent.pass(1), error("no CONNECT frame came in time"));
}

// Clients may send on before they are answered. What they send is read in the version that was agreed on.
void frames_behind_connect_wait(void**) {
  Harness h;
  expect(h.hear("CONNECT|accept-version:1.2||@SEND|destination:/topic/a|x:\\r||hi@"), "connect 1.2");
  assert_false(h.session->has_input());
  assert_int_equal(h.session->deadline_ms(), -1);
  h.session->accept("S1", h.now, h.out);
  h.out.clear();
  assert_true(h.session->has_input());
  expect(h.hear("|"), "publish #1 room:a x=\r hi");
}

void input_that_waits_is_bounded(void**) {
  Harness h;
  h.options.max_waiting_bytes = 60;
  h.hear("CONNECT|accept-version:1.2||@");
  expect(h.hear(std::string(60, 'x')), "");
  expect(h.hear("x"), error("too much input waits"));
  expect(h.hear("x"), "");
}

// Frames.

void a_frame_may_come_in_several_pieces(void**) {
  Harness h(StompVersion::v1_2);
  std::string all;
  for (const char c : "SEND|destination:/topic/a|receipt:1||hi@BEGIN|transaction:t|receipt:2||@"s)
    all += h.hear(std::string(1, c));
  expect(all, "publish #1 room:a hisend RECEIPT|receipt-id:2||@");
}

void one_frame_is_taken_at_a_time(void**) {
  Harness h(StompVersion::v1_2);
  h.session->receive(unshow("SEND|destination:/topic/a||1@SEND|destination:/topic/a||2@"), h.now, h.out);
  h.session->take_frame(h.now, h.out);
  expect(h.take(), "publish #1 room:a 1");
  assert_true(h.session->has_input());
  assert_int_equal(h.session->waiting_bytes(), 29);
  h.session->take_frame(h.now, h.out);
  expect(h.take(), "publish #2 room:a 2");
  assert_false(h.session->has_input());
}

// "The server MAY send ERROR frames if something goes wrong. In this case, it MUST then close the connection just after."
void malformed_frames_end_the_connection(void**) {
  for (const auto& [frame, message] :
       std::map<std::string, std::string>{{"NOSUCH||@", "unknown command"},
                                          {"SEND|x||@", "malformed header"},
                                          {"SEND|a:\\t||@", "undefined escape sequence in a header"},
                                          {"ACK|id:1||body@", "this frame must not have a body"},
                                          {"SEND|content-length:x||@", "malformed content-length"},
                                          {"SEND|content-length:1||xy@", "no NUL behind the body"},
                                          {"MESSAGE||@", "no client sends MESSAGE in this version"}}) {
    Harness h(StompVersion::v1_2);
    expect(h.hear(frame), error(message));
    expect(h.hear("SEND|destination:/topic/a||x@"), "");
    assert_int_equal(h.session->deadline_ms(), -1);
  }
}

// "If these limits are exceeded the server SHOULD send the client an ERROR frame and then close the connection."
void limits_end_the_connection(void**) {
  Harness h;
  h.options.limits.max_body_bytes = 3;
  h.session.emplace(h.options, h.now);
  h.connect("CONNECT|accept-version:1.2||@");
  expect(h.hear("SEND|destination:/topic/a|receipt:r1||1234@"), error("the body is too large", "r1"));
}

// "if the frame included a receipt header, the ERROR frame SHOULD set the receipt-id header"
void errors_name_the_receipt(void**) {
  Harness h(StompVersion::v1_2);
  expect(h.hear("SEND|receipt:r\\c1||x@"), error("SEND needs a header destination", "r\\c1"));
  Harness broken(StompVersion::v1_2);
  expect(broken.hear("SEND|receipt:r2|x||@"), error("malformed header", "r2"));
}

// SEND.

// "It has one REQUIRED header, destination."
void send_needs_a_destination(void**) {
  Harness h(StompVersion::v1_2);
  expect(h.hear("SEND||x@"), error("SEND needs a header destination"));
}

// "The user defined headers MUST be passed through in the MESSAGE frame." (What the server writes itself is not the user's.)
void user_headers_are_passed_through(void**) {
  Harness h(StompVersion::v1_2);
  expect(h.hear("SEND|destination:/topic/a|content-type:text/plain|content-length:2|receipt:1|color:red|color:blue|"
                "x\\c:\\n|message-id:mine|subscription:s|seq:9|sender:root||hi@"),
         "publish #1 room:a color=red x:=\n (text/plain) hi");
}

void send_has_destinations(void**) {
  Harness h(StompVersion::v1_2);
  expect(h.hear("SEND|destination:/topic/방 1||x@"), "publish #1 room:방 1 x");
  expect(h.hear("SEND|destination:/app/typing||@"), "publish #2 app:typing ");
  Harness other;
  other.options.prefixes = {"/r/", "/e/", "/me/"};
  other.session.emplace(other.options, other.now);
  other.connect("CONNECT|accept-version:1.2||@");
  expect(other.hear("SEND|destination:/r/a||x@"), "publish #1 room:a x");
}

// "A RECEIPT frame MUST include the header receipt-id". It is sent "once a server has successfully processed a client frame".
void receipts_come_when_it_is_done(void**) {
  Harness h(StompVersion::v1_2);
  expect(h.hear("SEND|destination:/topic/a|receipt:r\\c1||x@"), "publish #1 room:a x");
  expect(h.hear("SEND|destination:/topic/a||y@"), "publish #2 room:a y");
  assert_true(h.session->tells_success(1));
  assert_false(h.session->tells_success(2));
  expect(h.done(2), "");
  expect(h.done(1), "send RECEIPT|receipt-id:r\\c1||@");
  expect(h.done(1), "");
  expect(h.done(99), "");
  for (const stomp::Ref gone : {1, 2, 99}) assert_false(h.session->tells_success(gone));
  // Of a part of a commit, the last may.
  h.hear("BEGIN|transaction:t||@SEND|transaction:t|destination:/topic/a||x@COMMIT|transaction:t|receipt:r2||@");
  assert_true(h.session->tells_success(4));
  expect(h.done(4), "send RECEIPT|receipt-id:r2||@");
}

// Not by an ERROR frame: that would end the connection over one message. This is where the server does not follow the
// specification's "MUST send the client an ERROR frame".
void a_refused_message_is_told_on_the_error_queue(void**) {
  Harness h(StompVersion::v1_2);
  expect(h.hear("SUBSCRIBE|id:e|destination:/user/queue/errors||@"), "subscribe #1 1 queue:errors");
  h.done(1);
  expect(h.hear("SEND|destination:/topic/a|receipt:r1||x@"), "publish #2 room:a x");
  expect(h.refused(2),
         "send MESSAGE|subscription:e|destination:/user/queue/errors|message-id:error-1|"
         "content-type:application/json;charset=utf-8|receipt-id:r1|content-length:69||"
         R"({"error":"rate_limited","reason":"too fast","destination":"/topic/a"}@)");
  expect(h.done(2), "");
  assert_true(h.session->is_connected());
}

void a_destination_that_takes_nothing_refuses(void**) {
  for (const char* destination : {"/queue/a", "/user/queue/x", "/topic/a/b", "/topic/ a", "/app/connect"}) {
    Harness h(StompVersion::v1_2);
    h.hear("SUBSCRIBE|id:e|destination:/user/queue/errors||@");
    expect(h.hear("SEND|destination:" + std::string(destination) + "|receipt:r||x@"), "refuse #2");
    const std::string told = h.refused(2);
    assert_true(told.starts_with("send MESSAGE|subscription:e|") && told.find("receipt-id:r|") != std::string::npos);
  }
  Harness nobody(StompVersion::v1_2);
  expect(nobody.hear("SEND|destination:/queue/a|receipt:r||x@"), "refuse #1");
  expect(nobody.refused(1), "");
  assert_true(nobody.session->is_connected());
}

void requests_are_bounded(void**) {
  Harness h(StompVersion::v1_2);
  h.options.max_requests = 2;
  h.hear("SEND|destination:/topic/a||1@SEND|destination:/topic/a||2@");
  expect(h.hear("SEND|destination:/topic/a||3@"), error("too many requests wait"));
}

// SUBSCRIBE and UNSUBSCRIBE.

void subscribes(void**) {
  Harness h(StompVersion::v1_2);
  expect(h.hear("SUBSCRIBE|id:0|destination:/topic/a|receipt:r||@"), "subscribe #1 1 room:a");
  expect(h.done(1), "send RECEIPT|receipt-id:r||@");
  expect(h.hear("SUBSCRIBE|id:1|destination:/topic/a|ack:auto||@"),
         "subscribe #2 2 room:a");  // again, with an id of its own
  expect(h.hear("SUBSCRIBE|id:2|destination:/user/queue/news|ack:client||@"), "subscribe #3 3 queue:news client");
  expect(h.hear("SUBSCRIBE|id:3|destination:/topic/b|ack:client-individual||@"), "subscribe #4 4 room:b individual");
}

void subscribes_from_a_position(void**) {
  Harness h(StompVersion::v1_2);
  expect(h.hear("SUBSCRIBE|id:0|destination:/topic/a|last-seq:17|epoch:abc||@"), "subscribe #1 1 room:a since abc:17");
  for (const char* headers : {"last-seq:17", "last-seq:x|epoch:abc", "last-seq:1|epoch:a-b", "last-seq:-1|epoch:abc"}) {
    Harness wrong(StompVersion::v1_2);
    expect(wrong.hear("SUBSCRIBE|id:0|destination:/topic/a|" + std::string(headers) + "||@"),
           error("last-seq is a number, and needs an epoch"));
  }
}

// "If the server cannot successfully create the subscription, the server MUST send the client an ERROR frame and then close."
void a_subscription_that_cannot_be_ends_the_connection(void**) {
  for (const auto& [headers, message] : std::map<std::string, std::string>{
           {"id:0", "SUBSCRIBE needs a header destination"},
           {"id:0|destination:/queue/a", "nothing can be subscribed to at this destination"},
           {"id:0|destination:/app/a", "nothing can be subscribed to at this destination"},
           {"id:0|destination:/topic/a|ack:never", "unknown value of the ack header"}}) {
    Harness h(StompVersion::v1_2);
    expect(h.hear("SUBSCRIBE|" + headers + "||@"), error(message));
  }
  Harness invalid(StompVersion::v1_2);
  assert_true(invalid.hear("SUBSCRIBE|id:0|destination:/topic/a/b||@").ends_with("; close"));
  Harness forbidden(StompVersion::v1_2);
  forbidden.hear("SUBSCRIBE|id:0|destination:/topic/a|receipt:r||@");
  expect(forbidden.refused(1), error("too fast", "r"));
}

// "an id header MUST be included in the frame to uniquely identify the subscription"
void subscribe_needs_an_id(void**) {
  for (const StompVersion version : {StompVersion::v1_1, StompVersion::v1_2}) {
    Harness h(version);
    expect(h.hear("SUBSCRIBE|destination:/topic/a||@"), error("SUBSCRIBE needs a header id"));
  }
}

// "Within the same connection, different subscriptions MUST use different subscription identifiers."
void ids_of_subscriptions_differ(void**) {
  Harness h(StompVersion::v1_2);
  h.hear("SUBSCRIBE|id:0|destination:/topic/a||@");
  expect(h.hear("UNSUBSCRIBE|id:0|receipt:r||@"), "unsubscribe 1; send RECEIPT|receipt-id:r||@");
  expect(h.hear("SUBSCRIBE|id:0|destination:/topic/b||@"), "subscribe #2 2 room:b");  // the id is free again
  expect(h.hear("SUBSCRIBE|id:0|destination:/topic/c||@"), error("there is such a subscription already"));
}

void subscriptions_are_bounded(void**) {
  Harness h(StompVersion::v1_2);
  h.options.max_subscriptions = 2;
  h.hear("SUBSCRIBE|id:0|destination:/topic/a||@SUBSCRIBE|id:1|destination:/topic/b||@");
  expect(h.hear("SUBSCRIBE|id:2|destination:/topic/c||@"), error("too many subscriptions"));
}

void identifiers_are_bounded(void**) {
  const std::string longest(256, 'x');
  Harness h(StompVersion::v1_2);
  expect(h.hear("SUBSCRIBE|id:" + longest + "|destination:/topic/a||@"), "subscribe #1 1 room:a");
  expect(h.hear("BEGIN|transaction:" + longest + "||@"), "");
  Harness id(StompVersion::v1_2);
  expect(id.hear("SUBSCRIBE|id:x" + longest + "|destination:/topic/a||@"), error("the id is too long"));
  Harness transaction(StompVersion::v1_2);
  expect(transaction.hear("BEGIN|transaction:x" + longest + "||@"), error("the transaction's identifier is too long"));
  Harness queue(StompVersion::v1_2);
  expect(queue.hear("SUBSCRIBE|id:0|destination:/user/queue/" + std::string(129, 'x') + "||@"),
         error("the destination is too long"));
}

// What is held for a client is counted when it comes and when it goes.
void held_bytes_are_counted(void**) {
  Harness h(StompVersion::v1_2);
  const auto held = [&] { return h.session->held_bytes(); };
  assert_int_equal(held(), 0);
  h.session->receive("SEND\ndesti", h.now, h.out);
  assert_int_equal(held(), 10);  // waits
  h.session->take_frame(h.now, h.out);
  assert_int_equal(held(), 5);  // the line that is not complete
  h.hear("nation:/topic/a||0123456789");
  assert_in_range(held(), 10, 100);
  h.hear("@");
  const std::size_t request = held();
  assert_in_range(request, 1, 200);
  h.done(1);
  assert_int_equal(held(), 0);

  h.hear("BEGIN|transaction:t||@SEND|destination:/topic/a|transaction:t||" + std::string(5'000, 'x') + "@");
  assert_in_range(held(), 5'000, 6'000);
  h.hear("ABORT|transaction:t||@");
  assert_int_equal(held(), 0);

  h.hear("SUBSCRIBE|id:0|destination:/topic/a|ack:client||@");
  h.done(2);
  const std::size_t subscribed = held();
  for (int i = 0; i < 2'000; ++i) h.head(1, "message-" + std::to_string(i));
  assert_in_range(held() - subscribed, 8'000, 100'000);
  h.hear("ACK|id:1-2000||@");
  assert_int_equal(held(), subscribed);
  h.head(1, "m");
  h.hear("UNSUBSCRIBE|id:0||@");
  assert_int_equal(held(), 0);

  h.hear("SEND|destination:/topic/a|receipt:" + std::string(3'000, 'r') + "||x@");
  assert_in_range(held(), 3'000, 4'000);
  h.session->lost();
  assert_int_equal(held(), 0);
}

// "an id header MUST be included in the frame [...]. This header MUST match the subscription identifier of an existing
// subscription."
void unsubscribe_names_a_subscription(void**) {
  Harness without(StompVersion::v1_2);
  expect(without.hear("UNSUBSCRIBE|destination:/topic/a||@"), error("UNSUBSCRIBE needs a header id"));
  Harness unknown(StompVersion::v1_2);
  expect(unknown.hear("UNSUBSCRIBE|id:0||@"), error("there is no such subscription"));
}

// In version 1.0 a subscription needs no id, and its destination is what names it.
void version_1_0_subscribes_without_ids(void**) {
  Harness h(StompVersion::v1_0);
  expect(h.hear("SUBSCRIBE|destination: /topic/a|ack: client||@"), "subscribe #1 1 room:a client");
  expect(h.hear("SUBSCRIBE|destination:/topic/a|id: x ||@"), "subscribe #2 2 room:a");
  expect(h.head(1, "m1"), "MESSAGE|");
  expect(h.head(2, "m1"), "MESSAGE|subscription:x|");
  expect(h.hear("ACK|message-id:m1||@"), "ack 1 m1");
  expect(h.hear("UNSUBSCRIBE|destination:/topic/a||@"), "unsubscribe 1");
  expect(h.hear("UNSUBSCRIBE|id:x||@"), "unsubscribe 2");
  expect(h.hear("UNSUBSCRIBE||@"), error("UNSUBSCRIBE needs a header destination"));
  Harness nack(StompVersion::v1_0);
  expect(nack.hear("NACK|message-id:m1||@"), error("no client sends NACK in this version"));
}

// MESSAGE.

// "The MESSAGE frame MUST also contain a message-id header [...] and a subscription header matching the identifier of the
// subscription." "If the message is received from a subscription that requires explicit acknowledgment [...] then the MESSAGE frame
// MUST also contain an ack header."
void heads_name_subscription_and_ack(void**) {
  Harness h(StompVersion::v1_2);
  h.hear("SUBSCRIBE|id:s:0|destination:/topic/a||@SUBSCRIBE|id:1|destination:/topic/a|ack:client||@");
  expect(h.head(1, "m1"), "MESSAGE|subscription:s\\c0|");
  expect(h.head(2, "m1"), "MESSAGE|subscription:1|ack:2-1|");
  expect(h.head(2, "m2"), "MESSAGE|subscription:1|ack:2-2|");
  expect(h.head(3, "m1"), "");
  h.hear("UNSUBSCRIBE|id:1||@");
  expect(h.head(2, "m3"), "");
}

void the_head_of_a_subscription_is_given_once(void**) {
  Harness h(StompVersion::v1_1);
  h.session->receive(unshow("SUBSCRIBE|id:0|destination:/topic/a||@"), h.now, h.out);
  h.session->take_frame(h.now, h.out);
  expect(std::get<stomp::Subscribe>(h.out.at(0)).head, "MESSAGE\nsubscription:0\n");
  expect(std::get<stomp::Subscribe>(h.out.at(0)).head, h.session->message_head(1, "m1"));
}

// ACK and NACK.

Harness& subscribed(Harness& h, std::string_view mode) {
  h.hear("SUBSCRIBE|id:0|destination:/topic/a|ack:" + std::string(mode) + "||@");
  for (const char* id : {"m1", "m2", "m3", "m4"}) h.session->message_head(1, id);
  return h;
}

// "the acknowledgment operates on the message specified in the ACK frame and all messages sent to the subscription before"
void client_mode_is_cumulative(void**) {
  Harness h(StompVersion::v1_2);
  subscribed(h, "client");
  expect(h.hear("ACK|id:1-2|receipt:r||@"), "ack 1 m1 m2; send RECEIPT|receipt-id:r||@");
  expect(h.hear("ACK|id:1-1||@"), "");
  expect(h.hear("NACK|id:1-3||@"), "nack 1 m3");
  expect(h.hear("ACK|id:1-4||@"), "ack 1 m4");
}

// "an ACK or NACK frame for a subsequent message MUST NOT cause a previous message to get acknowledged"
void individual_mode_is_not(void**) {
  Harness h(StompVersion::v1_2);
  subscribed(h, "client-individual");
  expect(h.hear("ACK|id:1-3||@"), "ack 1 m3");
  expect(h.hear("NACK|id:1-4||@"), "nack 1 m4");
  expect(h.hear("ACK|id:1-3||@"), "");
  expect(h.hear("ACK|id:1-1||@"), "ack 1 m1");
}

// "The ACK frame MUST include an id header matching the ack header of the MESSAGE being acknowledged."
void ack_names_a_message(void**) {
  Harness without(StompVersion::v1_2);
  expect(subscribed(without, "client").hear("ACK|message-id:m1|subscription:0||@"), error("ACK needs a header id"));
  for (const char* id : {"", "1-5", "1-0", "2-1", "0-1", "1", "x", "1-1x", "1--1", "99999999999999999999-1"}) {
    Harness h(StompVersion::v1_2);
    expect(subscribed(h, "client").hear("ACK|id:" + std::string(id) + "||@"), error("no message has this id"));
    Harness nack(StompVersion::v1_2);
    expect(subscribed(nack, "client").hear("NACK|id:" + std::string(id) + "||@"), error("no message has this id"));
  }
}

// A client may acknowledge what it got before it unsubscribed.
void acks_for_a_subscription_that_ended_are_ignored(void**) {
  Harness h(StompVersion::v1_2);
  subscribed(h, "client").hear("UNSUBSCRIBE|id:0||@");
  expect(h.hear("ACK|id:1-2||@"), "");
}

void version_1_1_acknowledges_by_message_id(void**) {
  Harness h(StompVersion::v1_1);
  subscribed(h, "client");
  expect(h.head(1, "m5"), "MESSAGE|subscription:0|");
  expect(h.hear("ACK|message-id:m2|subscription:0||@"), "ack 1 m1 m2");
  expect(h.hear("NACK|message-id:m3|subscription:0||@"), "nack 1 m3");
  expect(h.hear("ACK|message-id:m3|subscription:0||@"), "");
  expect(h.hear("ACK|message-id:m4||@"), error("ACK needs a header subscription"));
  Harness unknown(StompVersion::v1_1);
  expect(unknown.hear("ACK|message-id:m1|subscription:9||@"), error("there is no such subscription"));
  Harness without(StompVersion::v1_1);
  expect(without.hear("ACK|id:1-1||@"), error("ACK needs a header message-id"));
}

void what_is_not_acknowledged_is_bounded(void**) {
  StompSubscriptions subscriptions(2);
  const stomp::Subscription number = subscriptions.add({.id = "0", .ack = StompAckMode::client}).number;
  for (const char* id : {"m1", "m2", "m3"}) subscriptions.add_message(number, id);
  assert_int_equal(subscriptions.find(number)->unacknowledged.size(), 2);
  StompSubscriptions::Mark mark;
  assert_true(subscriptions.find_message("1-1", mark));
  assert_int_equal(subscriptions.acknowledge(mark).size(), 0);
  assert_true(subscriptions.find_message("1-3", mark));
  assert_int_equal(subscriptions.acknowledge(mark).size(), 2);
}

// The bound is that of all subscriptions. One without messages takes from the one with the most.
void what_is_not_acknowledged_is_bounded_together(void**) {
  StompSubscriptions subscriptions(3);
  const auto add = [&](const char* id) {
    return subscriptions.add({.id = id, .ack = StompAckMode::client_individual}).number;
  };
  const stomp::Subscription one = add("1");
  const stomp::Subscription two = add("2");
  const stomp::Subscription three = add("3");
  for (const stomp::Subscription number : {one, one, two, three}) subscriptions.add_message(number, "m");
  const auto waiting = [&](stomp::Subscription number) { return subscriptions.find(number)->unacknowledged.size(); };
  assert_int_equal(waiting(one), 1);
  assert_int_equal(waiting(two), 1);
  assert_int_equal(waiting(three), 1);
  subscriptions.add_message(two, "m");
  assert_int_equal(waiting(two), 1);
  subscriptions.remove(two);
  subscriptions.add_message(three, "m");
  assert_int_equal(waiting(one) + waiting(three), 3);
}

// Transactions.

void a_commit_sends_all_in_order(void**) {
  Harness h(StompVersion::v1_2);
  subscribed(h, "client");
  h.done(1);
  expect(h.hear("BEGIN|transaction:t|receipt:b||@"), "send RECEIPT|receipt-id:b||@");
  expect(h.hear("SEND|destination:/topic/a|transaction:t|receipt:s||1@"), "send RECEIPT|receipt-id:s||@");
  expect(h.hear("ACK|id:1-1|transaction:t||@"), "");
  expect(h.hear("SEND|destination:/topic/b|transaction:t|k:v||2@"), "");
  expect(h.hear("SEND|destination:/topic/b||outside@"), "publish #2 room:b outside");
  expect(h.hear("COMMIT|transaction:t|receipt:c||@"),
         "publish #4 room:a committed 1; ack 1 m1; publish #5 room:b k=v committed 2");
  expect(h.done(5), "");
  expect(h.done(4), "send RECEIPT|receipt-id:c||@");
}

void an_abort_drops_all(void**) {
  Harness h(StompVersion::v1_2);
  subscribed(h, "client");
  h.hear("BEGIN|transaction:t||@SEND|destination:/topic/a|transaction:t||1@ACK|id:1-2|transaction:t||@");
  expect(h.hear("ABORT|transaction:t|receipt:a||@"), "send RECEIPT|receipt-id:a||@");
  expect(h.hear("ACK|id:1-2||@"), "ack 1 m1 m2");  // not acknowledged by what was aborted
  expect(h.hear("BEGIN|transaction:t||@COMMIT|transaction:t|receipt:c||@"), "send RECEIPT|receipt-id:c||@");
}

void a_commit_with_a_refused_message_gets_no_receipt(void**) {
  Harness h(StompVersion::v1_2);
  h.hear("SUBSCRIBE|id:e|destination:/user/queue/errors||@");
  h.hear(
      "BEGIN|transaction:t||@SEND|destination:/topic/a|transaction:t||1@SEND|destination:/topic/b|transaction:t||2@");
  expect(h.hear("COMMIT|transaction:t|receipt:c||@"), "publish #3 room:a committed 1; publish #4 room:b committed 2");
  const std::string told = h.refused(3);
  assert_true(told.find("\"destination\":\"/topic/a\"") != std::string::npos);
  expect(h.done(4), "");
}

// The destination of a SEND is checked when it comes. It is not among the messages of the commit.
void a_commit_without_a_refused_message_gets_no_receipt(void**) {
  for (const bool alone : {true, false}) {
    Harness h(StompVersion::v1_2);
    h.hear("BEGIN|transaction:t||@");
    expect(h.hear("SEND|destination:/nowhere|transaction:t||1@"), "refuse #1");
    if (!alone) h.hear("SEND|destination:/topic/a|transaction:t||2@");
    expect(h.hear("COMMIT|transaction:t|receipt:c||@"), alone ? "" : "publish #3 room:a committed 2");
    if (!alone) expect(h.done(3), "");
    assert_true(h.session->is_connected());
  }
}

// "The transaction header is REQUIRED." "Within the same connection, different transactions MUST use different transaction
// identifiers." COMMIT and ABORT "MUST specify the identifier of the transaction".
void transactions_have_identifiers(void**) {
  for (const std::string command : {"BEGIN", "COMMIT", "ABORT"}) {
    Harness h(StompVersion::v1_2);
    expect(h.hear(command + "|receipt:r||@"), error(command + " needs a header transaction", "r"));
  }
  Harness twice(StompVersion::v1_2);
  expect(twice.hear("BEGIN|transaction:t||@BEGIN|transaction:t||@"), error("there is such a transaction already"));
  for (const std::string frame :
       {"COMMIT|transaction:t||@", "ABORT|transaction:t||@", "SEND|destination:/topic/a|transaction:t||@"}) {
    Harness h(StompVersion::v1_2);
    expect(h.hear(frame), error("there is no such transaction"));
  }
  Harness ack(StompVersion::v1_2);
  expect(subscribed(ack, "client").hear("ACK|id:1-1|transaction:t||@"), error("there is no such transaction"));
}

void transactions_are_bounded(void**) {
  const auto limited = [](const std::string& frames, auto set) {
    Harness h;
    set(h.options.transactions);
    h.session.emplace(h.options, h.now);
    h.connect("CONNECT|accept-version:1.2||@");
    return h.hear(frames);
  };
  expect(limited("BEGIN|transaction:1||@BEGIN|transaction:2||@", [](auto& limits) { limits.max_transactions = 1; }),
         error("too many transactions"));
  const std::string frames =
      "BEGIN|transaction:1||@BEGIN|transaction:2||@SEND|destination:/topic/a|transaction:1||12345678@"
      "SEND|destination:/topic/a|transaction:2|receipt:r||1@";
  expect(limited(frames, [](auto& limits) { limits.max_frames = 1; }), error("the transactions are too large", "r"));
  // A byte for each identifier and room, nine for the bodies, and what a frame takes besides.
  const std::size_t bytes = 2 + 2 + 9 + 2 * sizeof(StompTransactions::Step);
  expect(limited(frames, [&](auto& limits) { limits.max_bytes = bytes - 1; }),
         error("the transactions are too large", "r"));
  expect(limited(frames, [&](auto& limits) { limits.max_bytes = bytes; }), "send RECEIPT|receipt-id:r||@");
  // What a transaction took is free when it ends.
  expect(limited("BEGIN|transaction:1||@SEND|destination:/topic/a|transaction:1||x@ABORT|transaction:1||@" + frames,
                 [](auto& limits) { limits.max_frames = 2; }),
         "send RECEIPT|receipt-id:r||@");
}

// DISCONNECT.

void disconnect_is_told_when_all_is_done(void**) {
  Harness h(StompVersion::v1_2);
  h.hear("SEND|destination:/topic/a|receipt:1||x@");
  expect(h.hear("DISCONNECT|receipt:77||@"), "disconnect #2");
  expect(h.done(1), "send RECEIPT|receipt-id:1||@");
  expect(h.done(2), "send RECEIPT|receipt-id:77||@; close");
  assert_true(h.session->closed());
  Harness without(StompVersion::v1_2);
  expect(without.hear("DISCONNECT||@"), "disconnect #1");
  expect(without.done(1), "close");
}

// "Clients MUST NOT send any more frames after the DISCONNECT frame is sent." They are not read.
void nothing_is_read_behind_disconnect(void**) {
  Harness h(StompVersion::v1_2);
  expect(h.hear("DISCONNECT|receipt:77||@SEND|destination:/topic/a||x@"), "disconnect #1");
  expect(h.hear("SEND|destination:/topic/a||x@"), "");
  expect(h.done(1), "send RECEIPT|receipt-id:77||@; close");
}

// "Any started transactions which have not been committed will be implicitly aborted if the client sends a DISCONNECT frame".
void disconnect_aborts_transactions(void**) {
  Harness h(StompVersion::v1_2);
  expect(h.hear("BEGIN|transaction:t||@SEND|destination:/topic/a|transaction:t||x@DISCONNECT||@"), "disconnect #1");
}

void ends_from_here(void**) {
  Harness h(StompVersion::v1_2);
  h.hear("SEND|destination:/topic/a|receipt:1||x@");
  h.session->close("kicked", {}, h.out);
  expect(h.take(), error("kicked"));
  expect(h.done(1), "");
  h.session->close("kicked", {}, h.out);
  expect(h.take(), "");
  Harness lost(StompVersion::v1_2);
  lost.session->lost();
  assert_true(lost.session->closed());
  expect(lost.hear("SEND|destination:/topic/a||x@"), "");
}

// Heart-beats.

// "the heart-beat header MUST contain two positive integers separated by a comma"
void malformed_heart_beats_end_the_connection(void**) {
  Harness h;
  expect(h.hear("CONNECT|accept-version:1.2|heart-beat:10||@"), error("malformed heart-beat"));
}

// "A missing heart-beat header MUST be treated the same way as a heart-beat:0,0 header."
void without_the_header_there_are_none(void**) {
  Harness h(StompVersion::v1_2);
  assert_int_equal(h.session->deadline_ms(), -1);
  expect(h.pass(1'000'000), "");
}

// "the sender MUST send new data over the network connection at least every <n> milliseconds"; "if the sender has no real STOMP
// frame to send, it MUST send an end-of-line (EOL)".
void heart_beats_leave_in_time(void**) {
  Harness h;
  h.connect("CONNECT|accept-version:1.2|heart-beat:0,20000||@");
  expect(h.pass(14'999), "");
  expect(h.pass(1), "send |");
  expect(h.pass(10'000), "");
  h.session->wrote(h.now);
  expect(h.pass(14'999), "");
  expect(h.pass(1), "send |");
  assert_int_equal(h.session->deadline_ms(), h.now + 15'000);
}

// "there will be heart-beats every MAX(<cx>,<sy>) milliseconds": a client cannot ask for more than the server can.
void heart_beats_have_a_floor(void**) {
  Harness h;
  h.connect("CONNECT|accept-version:1.2|heart-beat:1,1||@");
  assert_int_equal(h.session->deadline_ms(), h.now + 7'500);
}

// "if, inside a time window of at least <n> milliseconds, the receiver did not receive any new data, it MAY consider the connection
// as dead", with "an error margin".
void a_silent_client_is_closed(void**) {
  Harness h;
  h.connect("CONNECT|accept-version:1.2|heart-beat:10000,0||@");
  expect(h.pass(19'999), "");
  expect(h.hear("|"), "");
  expect(h.pass(19'999), "");
  expect(h.hear("SE"), "");  // any data
  expect(h.pass(19'999), "");
  expect(h.pass(1), error("no heart-beat came in time"));
}

void a_client_whose_frames_wait_is_not_silent(void**) {
  Harness h;
  h.connect("CONNECT|accept-version:1.2|heart-beat:10000,0||@");
  h.session->receive(unshow("SEND|destination:/topic/a||1@SEND|destination:/topic/a||2@"), h.now, h.out);
  h.session->take_frame(h.now, h.out);
  h.out.clear();
  expect(h.pass(1'000'000), "");
  h.session->take_frame(h.now, h.out);
  expect(h.take(), "publish #2 room:a 2");
  expect(h.pass(20'000), error("no heart-beat came in time"));
}

void a_client_that_disconnects_need_not_be_heard(void**) {
  Harness h;
  h.connect("CONNECT|accept-version:1.2|heart-beat:10000,10000||@");
  h.hear("DISCONNECT|receipt:1||@");
  expect(h.pass(30'000), "send |");
  expect(h.done(1), "send RECEIPT|receipt-id:1||@; close");
}

// Acknowledgements at random, against a list for each subscription.
void acknowledgements_do_what_their_model_does(void**) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned bound) { return std::uniform_int_distribution<unsigned>(0, bound - 1)(random); };
    Harness h(StompVersion::v1_2);
    struct Model {
      bool individual = false;
      unsigned sent = 0;
      std::deque<unsigned> waiting;
    };
    std::map<stomp::Subscription, Model> models;
    for (unsigned step = 0; step < 300; ++step) {
      const unsigned choice = below(20);
      if (choice == 0 && models.size() < 5) {
        const unsigned number = step;
        const bool individual = below(2) == 0;
        h.session->receive(unshow("SUBSCRIBE|id:" + std::to_string(number) +
                                  "|destination:/topic/a|ack:" + (individual ? "client-individual" : "client") + "||@"),
                           h.now, h.out);
        h.session->take_frame(h.now, h.out);
        models[std::get<stomp::Subscribe>(h.out.at(0)).subscription].individual = individual;
        h.done(std::get<stomp::Subscribe>(h.out.at(0)).ref);
        h.out.clear();
      }
      if (models.empty()) continue;
      auto model = models.begin();
      std::advance(model, below(static_cast<unsigned>(models.size())));
      const std::string number = std::to_string(model->first);
      if (choice < 12) {
        const unsigned message = ++model->second.sent;
        h.session->message_head(model->first, "m" + std::to_string(message));
        model->second.waiting.push_back(message);
      } else if (model->second.sent != 0) {
        const unsigned message = 1 + below(model->second.sent);
        std::string wanted;
        std::deque<unsigned> kept;
        for (const unsigned one : model->second.waiting) {
          const bool hit = model->second.individual ? one == message : one <= message;
          if (hit) {
            wanted += " m" + std::to_string(one);
          } else {
            kept.push_back(one);
          }
        }
        model->second.waiting = kept;
        const bool negative = below(2) == 0;
        expect(h.hear((negative ? "NACK|id:" : "ACK|id:") + number + "-" + std::to_string(message) + "||@"),
               wanted.empty() ? "" : (negative ? "nack " : "ack ") + number + wanted);
      }
    }
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(connects),
      cmocka_unit_test(stomp_is_connect),
      cmocka_unit_test(connected_names_version_and_server),
      cmocka_unit_test(without_accept_version_it_is_1_0),
      cmocka_unit_test(without_a_common_version_it_ends),
      cmocka_unit_test(the_layer_above_may_reject),
      cmocka_unit_test(connect_comes_first_and_once),
      cmocka_unit_test(frames_behind_connect_wait),
      cmocka_unit_test(input_that_waits_is_bounded),
      cmocka_unit_test(a_frame_may_come_in_several_pieces),
      cmocka_unit_test(one_frame_is_taken_at_a_time),
      cmocka_unit_test(malformed_frames_end_the_connection),
      cmocka_unit_test(limits_end_the_connection),
      cmocka_unit_test(errors_name_the_receipt),
      cmocka_unit_test(send_needs_a_destination),
      cmocka_unit_test(user_headers_are_passed_through),
      cmocka_unit_test(send_has_destinations),
      cmocka_unit_test(receipts_come_when_it_is_done),
      cmocka_unit_test(a_refused_message_is_told_on_the_error_queue),
      cmocka_unit_test(a_destination_that_takes_nothing_refuses),
      cmocka_unit_test(requests_are_bounded),
      cmocka_unit_test(subscribes),
      cmocka_unit_test(subscribes_from_a_position),
      cmocka_unit_test(a_subscription_that_cannot_be_ends_the_connection),
      cmocka_unit_test(subscribe_needs_an_id),
      cmocka_unit_test(ids_of_subscriptions_differ),
      cmocka_unit_test(subscriptions_are_bounded),
      cmocka_unit_test(identifiers_are_bounded),
      cmocka_unit_test(held_bytes_are_counted),
      cmocka_unit_test(unsubscribe_names_a_subscription),
      cmocka_unit_test(version_1_0_subscribes_without_ids),
      cmocka_unit_test(heads_name_subscription_and_ack),
      cmocka_unit_test(the_head_of_a_subscription_is_given_once),
      cmocka_unit_test(client_mode_is_cumulative),
      cmocka_unit_test(individual_mode_is_not),
      cmocka_unit_test(ack_names_a_message),
      cmocka_unit_test(acks_for_a_subscription_that_ended_are_ignored),
      cmocka_unit_test(version_1_1_acknowledges_by_message_id),
      cmocka_unit_test(what_is_not_acknowledged_is_bounded),
      cmocka_unit_test(what_is_not_acknowledged_is_bounded_together),
      cmocka_unit_test(a_commit_sends_all_in_order),
      cmocka_unit_test(an_abort_drops_all),
      cmocka_unit_test(a_commit_with_a_refused_message_gets_no_receipt),
      cmocka_unit_test(a_commit_without_a_refused_message_gets_no_receipt),
      cmocka_unit_test(transactions_have_identifiers),
      cmocka_unit_test(transactions_are_bounded),
      cmocka_unit_test(disconnect_is_told_when_all_is_done),
      cmocka_unit_test(nothing_is_read_behind_disconnect),
      cmocka_unit_test(disconnect_aborts_transactions),
      cmocka_unit_test(ends_from_here),
      cmocka_unit_test(malformed_heart_beats_end_the_connection),
      cmocka_unit_test(without_the_header_there_are_none),
      cmocka_unit_test(heart_beats_leave_in_time),
      cmocka_unit_test(heart_beats_have_a_floor),
      cmocka_unit_test(a_silent_client_is_closed),
      cmocka_unit_test(a_client_whose_frames_wait_is_not_silent),
      cmocka_unit_test(a_client_that_disconnects_need_not_be_heard),
      cmocka_unit_test(acknowledgements_do_what_their_model_does),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
