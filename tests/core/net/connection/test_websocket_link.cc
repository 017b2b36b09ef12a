// One WebSocket without a socket: the bytes and the number of writes, the calls to its user, and when reading stops,
// for every order of events that matters.
#include "net/connection/websocket_link.h"

#include <zlib.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/net/connection/connection_fixture.h"
#include "core/wire/websocket/client_frames.h"

// After all others.
#include "core/net/connection/expect.h"

using namespace chat;
using namespace chat::net;
using chat::test::close_body;
using chat::test::expect;
using chat::test::server_frame;
using chat::testing::client_frame;

namespace {

constexpr int kText = testing::kFin | testing::kText;
constexpr int kBinary = testing::kFin | testing::kBinary;
constexpr int kClose = testing::kFin | testing::kClose;
constexpr int kPing = testing::kFin | testing::kPing;
constexpr int kPong = testing::kFin | testing::kPong;

const std::string kRequest =
    "GET /chat HTTP/1.1\r\nHost: chat.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string kAnswer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
constexpr std::int64_t kFinishTimeoutMs = 2'000;

std::string text(std::string_view payload) { return client_frame(kText, payload); }
std::string ping(std::string_view payload) { return client_frame(kPing, payload); }
std::string client_close(int code, std::string_view reason) { return client_frame(kClose, close_body(code, reason)); }
std::string server_text(std::string_view payload) { return server_frame(kText, payload); }
std::string server_close(int code, std::string_view reason) { return server_frame(kClose, close_body(code, reason)); }

ServerOptions with_policy(OutboxPolicy policy) {
  ServerOptions options;
  options.max_outbox_messages = 4;
  options.outbox_policy = policy;
  return options;
}

struct Fixture : test::ConnectionFixture {
  explicit Fixture(ServerOptions options = {}) : ConnectionFixture(std::move(options)) {
    router.opens = [this](Connection& from, const HttpRequest&) -> std::optional<HttpResponse> {
      link = &from.make_websocket(std::make_unique<test::RecordingUser>(user), *user.carrier,
                                  server.options.max_message_bytes);
      if (while_opened) while_opened();
      if (refusal) return refusal;
      link->accept_handshake(kAnswer, deflate);
      return std::nullopt;
    };
  }
  ~Fixture() { connections.destroy_all(); }  // their users use the members below

  // The handshake, and the input that comes with it.
  void handshake(const std::string& behind = {}) {
    accept();
    input(kRequest + behind);
  }
  // A WebSocket without any messages yet.
  void start() {
    handshake();
    turn();
    expect(wire.sent(), kAnswer);
    expect(wire.called(), "");
    expect(user.seen(), "established; ");
  }
  // The same with a text that waits: one byte of its frame is written, and the socket takes no more.
  void start_blocked(std::string_view payload = "blocked") {
    start();
    wire.takes = 1;
    push(payload);
    turn();
    expect(wire.sent(), server_text(payload).substr(0, 1));
    expect(wire.called(), "want");
  }

  void push(std::string_view payload) { link->push(make_text_frame(payload, link->carrier())); }
  // A message of a room, which may be dropped.
  void publish(std::uint64_t seq, const std::string& room = "dev") {
    auto message = std::make_shared<Message>();
    message->room = room;
    message->seq = seq;
    link->push(make_frame({{false, std::to_string(seq)}}, link->carrier(), message));
  }
  void publish(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t seq = first; seq <= last; ++seq) publish(seq);
  }

  test::UserLog user;
  std::optional<wire::DeflateAgreement> deflate;
  std::optional<HttpResponse> refusal;
  std::function<void()> while_opened;
  WebSocketLink* link = nullptr;
};

// The frame of a message from publish().
std::string messages(std::uint64_t first, std::uint64_t last) {
  std::string bytes;
  for (std::uint64_t seq = first; seq <= last; ++seq) bytes += server_text(std::to_string(seq));
  return bytes;
}

// Opening -------------------------------------------------------------------------------------------------------------

void the_answer_goes_first_in_one_write_with_what_its_user_sends_at_once(void**) {
  Fixture f;
  f.user.on_established = [&] { f.push("welcome"); };
  f.while_opened = [&] { f.push("earlier"); };
  f.handshake();
  expect(f.wire.sent(), "");
  f.turn();
  assert_int_equal(f.wire.writes.size(), 1);
  expect(f.wire.sent(), kAnswer + server_text("earlier") + server_text("welcome"));
  expect(f.user.seen(), "established; ");
  expect(f.router.asked, "websocket /chat; ");
  assert_int_equal(f.loop().stats().http_requests.get(), 1);
}

void nothing_is_written_before_the_handshake_is_through(void**) {
  Fixture f;
  f.while_opened = [&] {
    f.push("earlier");
    f.link->flush();
    f.link->writable();
    expect(f.wire.sent(), "");
  };
  f.handshake();
  f.turn();
  expect(f.wire.sent(), kAnswer + server_text("earlier"));
}

void a_full_outbox_is_not_written_before_the_handshake_is_through(void**) {
  Fixture f(with_policy(OutboxPolicy::disconnect));
  f.while_opened = [&] {
    f.publish(1, 5);
    expect(f.wire.sent(), "");
  };
  f.handshake();
  f.turn();
  expect(f.wire.sent(), kAnswer + messages(1, 5));
}

void input_behind_the_request_is_for_the_link(void**) {
  Fixture f;
  f.handshake(text("one") + text("two").substr(0, 4));
  expect(f.user.seen(), "established; text one; ");
  f.input(text("two").substr(4));
  expect(f.user.seen(), "text two; ");
  f.turn();
  expect(f.wire.sent(), kAnswer);
}

void a_refused_handshake_has_an_answer_and_no_link(void**) {
  Fixture f;
  f.refusal = HttpResponse::text(403, "no\n");
  f.while_opened = [&] {
    f.push("never written");
    f.link->close(1008, "no");
    f.link->close(1000, "again");
  };
  f.handshake(text("never read"));
  f.turn();
  expect(f.wire.sent(),
         "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n"
         "Connection: close\r\n\r\nno\n");
  expect(f.wire.called(), "finish on");
  f.lose();
  expect(f.user.seen(), "closed 1008 no; ");
  f.turn();
  assert_false(f.user.alive);
}

void its_user_can_close_at_once(void**) {
  Fixture f;
  f.user.on_established = [&] {
    f.push("sorry");
    f.link->close(1013, "later");
  };
  f.handshake(text("never read"));
  f.turn();
  assert_int_equal(f.wire.writes.size(), 1);
  expect(f.wire.sent(), kAnswer + server_text("sorry") + server_close(1013, "later"));
  expect(f.user.seen(), "established; closed 1013 later; ");
}

void another_user_can_take_over(void**) {
  Fixture f;
  f.start();
  test::UserLog second_log;
  test::RecordingUser second(second_log);
  f.link->set_user(second);
  assert_false(f.user.alive);
  f.input(text("for the second"));
  f.lose();
  expect(second_log.seen(), "text for the second; closed 1006 the connection was lost; ");
  expect(f.user.seen(), "");
}

// Messages ------------------------------------------------------------------------------------------------------------

void messages_arrive_whole_however_they_are_cut(void**) {
  const std::string message = text("one") + client_frame(kBinary, std::string("\0\xff", 2)) +
                              client_frame(testing::kText, "in ") + ping("between") +
                              client_frame(testing::kFin, "pieces") + client_frame(kPong, "unasked") + text("");
  const std::string events = "text one; binary " + std::string("\0\xff", 2) + "; text in pieces; text ; ";
  const std::string answers = server_frame(kPong, "between");
  Fixture whole;
  whole.start();
  whole.input(message);
  expect(whole.user.seen(), events);
  whole.turn();
  expect(whole.wire.sent(), answers);
  Fixture cut;
  cut.start();
  cut.input_bytewise(message);
  expect(cut.user.seen(), events);
  cut.turn();
  expect(cut.wire.sent(), answers);
  assert_int_equal(cut.loop().stats().bytes_in.get(), 3 + 2 + 9);
  assert_int_equal(cut.loop().stats().bytes_out.get(), kAnswer.size() + answers.size());
}

void frames_of_one_round_are_one_write(void**) {
  Fixture f;
  f.start();
  f.push("one");
  f.link->push(make_frame({{true, "\x01\x02"}, {false, std::string(126, 'x')}}, f.link->carrier(), nullptr));
  f.push(std::string(65'536, 'y'));
  f.push("last");
  f.turn();
  assert_int_equal(f.wire.writes.size(), 3);
  expect(f.wire.writes[0], server_text("one") + server_frame(kBinary, "\x01\x02") + server_text(std::string(126, 'x')));
  const std::string large = server_text(std::string(65'536, 'y'));
  assert_true(f.wire.writes[1] == large.substr(0, kMaxWriteBytes));
  expect(f.wire.writes[2], large.substr(kMaxWriteBytes) + server_text("last"));
  f.turn();
  assert_int_equal(f.wire.writes.size(), 3);
  assert_true(f.wire.called().empty());
}

std::string inflated(std::string_view compressed) {
  std::string in(compressed);
  in += std::string("\0\0\xff\xff", 4);  // RFC 7692 section 7.2.2
  z_stream stream{};
  inflateInit2(&stream, -15);
  std::string out(4'096, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  assert_int_equal(inflate(&stream, Z_SYNC_FLUSH), Z_OK);
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

void compresses_when_it_was_agreed_on(void**) {
  Fixture f;
  f.deflate = wire::DeflateAgreement{15, false, "permessage-deflate"};
  f.start();
  assert_ptr_equal(&f.link->carrier(), &websocket_carrier(WebSocketCarrier::Packets::plain, 15));
  testing::ClientDeflater client;
  for (const char* const word : {"hello hello hello", "hello hello hello"}) {  // the second refers to the first
    f.input(client_frame(kText | testing::kRsv1, client.message(word)));
  }
  f.input(text("plain"));
  expect(f.user.seen(), "text hello hello hello; text hello hello hello; text plain; ");
  const std::string long_text(300, 'a');
  f.push(long_text);
  f.push("short");
  f.turn();
  const std::string sent = f.wire.sent();
  const std::string behind = server_text("short");
  assert_int_equal(static_cast<unsigned char>(sent[0]), kText | testing::kRsv1);
  assert_int_equal(static_cast<std::size_t>(sent[1]), sent.size() - 2 - behind.size());
  expect(inflated(sent.substr(2, static_cast<std::size_t>(sent[1]))), long_text);
  expect(sent.substr(sent.size() - behind.size()), behind);
}

// One text with an array of all packets: a["1","2"].
class ArrayCarrier final : public Carrier {
 public:
  ArrayCarrier() : Carrier(",", "]") {}
  void append(std::string& out, const wire::PacketView& packet) const override { append_text(out, packet.bytes); }
  void append_text(std::string& out, std::string_view text) const override {
    out.append("\"").append(text).append("\"");
  }
  void append_prefix(std::string& out, std::size_t bytes) const override {
    out += server_text(std::string(bytes + 3, ' ')).substr(0, bytes + 3 < 126 ? 2 : 4);
    out += "a[";
  }
};
const ArrayCarrier kArray;

void one_write_is_one_envelope(void**) {
  Fixture f;
  f.user.carrier = &kArray;
  f.deflate = wire::DeflateAgreement{15, false, "permessage-deflate"};
  f.start();
  assert_ptr_equal(&f.link->carrier(), &kArray);  // it does not compress
  f.publish(1, 3);
  f.turn();
  assert_int_equal(f.wire.writes.size(), 1);
  expect(f.wire.sent(), server_text("a[\"1\",\"2\",\"3\"]"));
  // A pong is a control frame and stands between two envelopes.
  f.publish(4);
  f.input(ping("p"));
  f.publish(5);
  f.turn();
  expect(f.wire.sent(), server_text("a[\"4\"]") + server_frame(kPong, "p") + server_text("a[\"5\"]"));
}

void an_envelope_that_is_partly_written_is_completed(void**) {
  Fixture f(with_policy(OutboxPolicy::drop_oldest));
  f.user.carrier = &kArray;
  f.start();
  f.wire.takes = 5;
  f.publish(1, 2);
  f.turn();
  std::string sent = f.wire.sent();
  f.publish(3, 6);  // 3 and 4 are dropped: 1 and 2 are being written
  f.writable();
  sent += f.wire.sent();
  expect(sent, server_text("a[\"1\",\"2\"]") + server_text("a[\"dev:3-4\",\"5\",\"6\"]"));
}

void does_not_compress_unasked(void**) {
  Fixture f;
  f.start();
  assert_ptr_equal(&f.link->carrier(), &websocket_carrier());
  f.push(std::string(300, 'a'));
  f.turn();
  expect(f.wire.sent(), server_text(std::string(300, 'a')));
  f.input(client_frame(kText | testing::kRsv1, testing::ClientDeflater().message("hello")));
  f.turn();
  expect(f.wire.sent(), server_close(1002, "RSV1 must be clear"));
  expect(f.user.seen(), "closed 1002 RSV1 must be clear; ");
}

// Pings ---------------------------------------------------------------------------------------------------------------

// Each message is answered twice, by tasks in the loop's inbox.
void answer_by_inbox(Fixture& f) {
  f.user.on_message = [&](std::string_view message) {
    for (const char* const which : {" first", " second"}) {
      f.loop().post_task([&f, answer = std::string(message) + which] { f.push(answer); });
    }
  };
}

void a_pong_goes_behind_what_was_caused_before(void**) {
  Fixture f;
  f.start();
  answer_by_inbox(f);
  f.input(text("a") + ping("p") + text("b"));
  f.turn();
  assert_int_equal(f.wire.writes.size(), 1);
  expect(f.wire.sent(), server_text("a first") + server_text("a second") + server_frame(kPong, "p") +
                            server_text("b first") + server_text("b second"));
}

void a_pong_goes_behind_what_is_left_in_the_inbox(void**) {
  Fixture f;
  f.start();
  answer_by_inbox(f);
  f.loop().budget().begin(0);
  f.input(text("a") + ping("p"));
  expect(f.user.seen(), "text a; ");
  assert_int_equal(f.connection->kept_bytes(), ping("p").size());  // the time was over after the text
  f.connections.take_waiting_input();
  assert_int_equal(f.connection->kept_bytes(), 0);
  f.loop().budget().lift();
  f.turn();
  expect(f.wire.sent(), server_text("a first") + server_text("a second") + server_frame(kPong, "p"));
}

void a_pong_that_waits_is_dropped_with_its_link(void**) {
  Fixture f;
  f.start();
  f.loop().post_task([] {});
  f.loop().post_task([] {});
  f.loop().budget().begin(0);
  f.input(ping("p"));
  f.loop().budget().lift();
  f.lose();
  f.connections.destroy_buried();
  assert_true(f.wire.destroyed);
  f.turn();
  expect(f.wire.sent(), "");
}

std::string pongs(int first, int last) {
  std::string bytes;
  for (int i = first; i <= last; ++i) bytes += server_frame(kPong, std::to_string(i));
  return bytes;
}

void sixteen_pings_are_answered_and_then_the_latest(void**) {
  Fixture f;
  f.start();
  for (int i = 1; i <= 20; ++i) f.input(ping(std::to_string(i)));
  f.turn();
  expect(f.wire.sent(), pongs(1, 16));
  f.turn();
  expect(f.wire.sent(), pongs(20, 20));
  f.turn();
  expect(f.wire.sent(), "");
  // An empty outbox restarts the count.
  for (int i = 1; i <= 16; ++i) f.input(ping(std::to_string(i)));
  f.turn();
  expect(f.wire.sent(), pongs(1, 16));
}

void no_pong_comes_inside_a_frame_that_is_partly_written(void**) {
  Fixture f;
  f.start();
  f.wire.takes = 3;
  f.push("a frame");
  f.turn();
  for (int i = 1; i <= 17; ++i) f.input(ping(std::to_string(i)));
  f.turn();
  f.writable(2);
  f.turn();
  f.writable();
  expect(f.wire.sent(), server_text("a frame") + pongs(1, 16));
  f.turn();
  expect(f.wire.sent(), pongs(17, 17));
}

void pings_have_at_most_125_bytes(void**) {
  Fixture f;
  f.start();
  f.input(ping("") + ping(std::string(125, 'p')));
  f.turn();
  expect(f.wire.sent(), server_frame(kPong, "") + server_frame(kPong, std::string(125, 'p')));
}

// Keeping alive -------------------------------------------------------------------------------------------------------

void a_silent_peer_is_pinged_and_lost(void**) {
  Fixture f;
  f.start();
  f.advance(24'980);
  expect(f.wire.sent(), "");
  f.advance(20);
  expect(f.wire.sent(), server_frame(kPing, "chat"));
  f.advance(19'980);
  expect(f.wire.called(), "");
  expect(f.user.seen(), "");
  f.advance(20);
  expect(f.user.seen(), "closed 1006 no answer to a ping; ");
  expect(f.wire.called(), "reset close");  // otherwise the system would keep the data for minutes
  expect(f.wire.sent(), "");
  assert_int_equal(f.server.refused(Refusal::ping_timeout), 1);
  assert_true(f.connections.empty());
}

void any_input_counts_as_alive(void**) {
  Fixture f;
  f.start();
  f.advance(20'000);
  f.input(text("x").substr(0, 1));  // an incomplete frame
  f.advance(24'980);
  expect(f.wire.sent(), "");
  f.advance(20);
  expect(f.wire.sent(), server_frame(kPing, "chat"));
  f.advance(1'000);
  f.input(text("x").substr(1));
  f.advance(24'980);
  expect(f.wire.sent(), "");
  f.advance(20);
  expect(f.wire.sent(), server_frame(kPing, "chat"));
  f.advance(19'980);
  f.input(client_frame(kPong, "chat"));
  f.advance(24'980);
  expect(f.wire.sent(), "");
  expect(f.user.seen(), "text x; ");
}

void a_backlog_that_moves_counts_as_alive(void**) {
  Fixture f;
  f.start_blocked();
  for (int i = 0; i < 6; ++i) {
    f.advance(44'980);
    f.writable(1);
    expect(f.user.seen(), "progress; ");
  }
  expect(f.wire.sent(), server_text("blocked").substr(1, 6));  // and no ping after it
  f.advance(25'000);
  f.advance(20'000);
  expect(f.user.seen(), "closed 1006 no answer to a ping; ");
}

void keep_alive_can_be_off(void**) {
  ServerOptions never;
  never.ping_interval_ms = kUnlimited;
  Fixture f(never);
  f.start();
  assert_false(f.connection->pending());
  f.advance(1'000'000);
  Fixture g;
  g.start();
  g.link->set_keep_alive(false);
  assert_false(g.connection->pending());
  g.advance(1'000'000);
  g.link->set_keep_alive(true);
  g.advance(20);
  expect(g.wire.sent(), server_frame(kPing, "chat"));
  expect(f.wire.sent() + f.user.seen() + g.user.seen(), "");

  Fixture paused;  // the timer runs for another reason
  paused.start();
  paused.link->set_keep_alive(false);
  paused.link->pause_reading_until(paused.loop().now_ms() + 30'000);
  paused.advance(30'000);
  paused.turn();
  expect(paused.wire.sent() + paused.user.seen(), "");
}

// Reading -------------------------------------------------------------------------------------------------------------

void reading_pauses_until_a_time(void**) {
  Fixture f;
  f.start();
  f.user.on_message = [&](std::string_view) { f.link->pause_reading_until(f.loop().now_ms() + 1'000); };
  f.input(text("one") + text("two") + text("three"));
  expect(f.user.seen(), "text one; ");
  expect(f.wire.called(), "off");
  f.input(text("four"));  // was read before
  f.turn();
  f.advance(980);
  expect(f.user.seen() + f.wire.called(), "");
  f.advance(20);
  expect(f.wire.called(), "on");
  f.turn();
  expect(f.user.seen(), "text two; ");
  expect(f.wire.called(), "off");
  f.user.on_message = nullptr;
  f.advance(1'000);
  f.turn();
  expect(f.user.seen(), "text three; text four; ");
  assert_int_equal(f.connection->kept_bytes(), 0);
}

void the_longer_of_two_pauses_holds(void**) {
  Fixture f;
  f.start();
  const std::int64_t now_ms = f.loop().now_ms();
  f.link->pause_reading_until(now_ms);  // is over already
  expect(f.wire.called(), "");
  f.link->pause_reading_until(now_ms + 2'000);
  f.link->pause_reading_until(now_ms + 1'000);
  f.advance(1'980);
  expect(f.wire.called(), "off");
  f.advance(20);
  expect(f.wire.called(), "on");
}

void a_pause_can_end_early(void**) {
  Fixture f;
  f.start();
  f.link->resume_reading();  // there is none
  expect(f.wire.called(), "");
  f.link->pause_reading_until(f.loop().now_ms() + 60'000);
  f.input(text("kept"));
  f.advance(40'000);
  expect(f.wire.sent(), "");  // nothing can be heard, so no ping is sent
  f.link->resume_reading();
  expect(f.wire.called(), "off on");
  f.turn();
  expect(f.user.seen(), "text kept; ");
  f.advance(24'980);
  expect(f.wire.sent(), "");
  f.advance(20);
  expect(f.wire.sent(), server_frame(kPing, "chat"));
}

void reading_pauses_until_most_of_the_output_is_taken(void**) {
  Fixture f(with_policy(OutboxPolicy::disconnect));
  f.start_blocked();
  f.link->pause_reading_for_output();
  expect(f.wire.called(), "off");
  f.input(text("kept"));
  f.turn();
  f.writable(3);
  expect(f.wire.called(), "want");
  f.turn();
  expect(f.user.seen(), "progress; ");
  f.writable();
  expect(f.wire.called(), "on");
  f.turn();
  expect(f.user.seen(), "progress; text kept; ");
}

void a_pause_for_output_without_output_ends_with_the_round(void**) {
  Fixture f;
  f.start();
  f.link->pause_reading_for_output();
  expect(f.wire.called(), "off");
  f.turn();
  expect(f.wire.called(), "on");
}

// It is not read either, so only the ping time-out notices.
void a_peer_that_takes_nothing_is_lost_during_a_pause_for_output(void**) {
  Fixture f(with_policy(OutboxPolicy::disconnect));
  f.start_blocked();
  f.link->pause_reading_for_output();
  f.advance(25'000);
  f.advance(20'000);
  expect(f.user.seen(), "closed 1006 no answer to a ping; ");
  expect(f.wire.called(), "off reset close");
}

void pauses_of_both_kinds_end_with_the_later(void**) {
  Fixture f(with_policy(OutboxPolicy::disconnect));
  f.start_blocked();
  f.link->pause_reading_until(f.loop().now_ms() + 1'000);
  f.link->pause_reading_for_output();
  f.writable();
  f.turn();
  expect(f.wire.called(), "off");
  f.advance(1'000);
  expect(f.wire.called(), "on");

  Fixture g(with_policy(OutboxPolicy::disconnect));
  g.start_blocked();
  g.link->pause_reading_for_output();
  g.link->pause_reading_until(g.loop().now_ms() + 1'000);
  g.advance(1'000);
  expect(g.wire.called(), "off");
  g.writable();
  expect(g.wire.called(), "on");
}

void kept_input_is_bounded(void**) {
  Fixture f;
  f.start();
  f.link->pause_reading_until(f.loop().now_ms() + 1'000);
  f.input(std::string(65'535, 'x'));
  expect(f.wire.called(), "off");
  f.input("x");
  expect(f.wire.called(), "off");  // for a second reason
  f.advance(1'000);
  expect(f.wire.called(), "off");
  f.turn();  // not the beginning of a frame
  expect(f.wire.called(), "on finish on");
  expect(f.wire.sent(), server_close(1002, "RSV2 and RSV3 must be clear"));
}

// Closing -------------------------------------------------------------------------------------------------------------

void closes_from_here(void**) {
  Fixture f;
  f.start();
  f.push("last");
  f.link->close(1000, "bye");
  expect(f.user.seen(), "closed 1000 bye; ");
  f.link->close(1001, "again");
  f.push("late");
  f.turn();
  assert_int_equal(f.wire.writes.size(), 1);
  expect(f.wire.sent(), server_text("last") + server_close(1000, "bye"));
  // Until the answer comes, pings are not answered and messages are discarded.
  f.input(text("late") + ping("late"));
  f.turn();
  expect(f.wire.sent() + f.wire.called() + f.user.seen(), "");
  f.input(client_close(1000, "bye") + text("later"));
  f.turn();
  expect(f.wire.sent(), "");
  expect(f.wire.called(), "finish on");
  f.lose();
  f.turn();
  expect(f.user.seen(), "");
  assert_true(f.wire.destroyed);
}

void closes_from_there(void**) {
  Fixture f;
  f.start();
  answer_by_inbox(f);
  f.input(text("a") + client_close(3'000, "bye") + text("nobody reads this"));
  assert_int_equal(f.connection->kept_bytes(), 0);
  expect(f.user.seen(), "text a; closed 3000 bye; ");
  f.push("late");
  f.link->close(1001, "late");
  f.input(text("nor this"));
  f.turn();
  assert_int_equal(f.wire.writes.size(), 1);
  expect(f.wire.sent(), server_text("a first") + server_text("a second") + server_close(3'000, "bye"));
  expect(f.wire.called(), "finish on");
  expect(f.user.seen(), "");
}

void the_answer_to_a_close_depends_on_its_code(void**) {
  struct Case {
    std::string body;
    std::string answer;
    const char* told;
  };
  const std::array<Case, 5> cases = {{
      {"", "", "closed 1005 ; "},
      {close_body(1001, ""), close_body(1001, ""), "closed 1001 ; "},
      {close_body(1006, "not to be sent"), close_body(1002, ""), "closed 1006 not to be sent; "},
      {close_body(1000, "\xff"), close_body(1007, ""), "closed 1000 ; "},
      {"\x03", close_body(1002, "a close frame's body begins with a code of two bytes"),
       "closed 1002 a close frame's body begins with a code of two bytes; "},
  }};
  for (const Case& given : cases) {
    Fixture f;
    f.start();
    f.input(client_frame(kClose, given.body));
    f.turn();
    expect(f.wire.sent(), server_frame(kClose, given.answer));
    expect(f.user.seen(), given.told);
    expect(f.wire.called(), "finish on");
  }
}

void both_close_at_once(void**) {
  Fixture f;
  f.start();
  f.link->close(1000, "from here");
  f.input(client_close(1001, "from there"));  // before the frame is written
  f.turn();
  expect(f.wire.sent(), server_close(1000, "from here"));
  expect(f.user.seen(), "closed 1000 from here; ");
  expect(f.wire.called(), "finish on");
}

// The answer to the peer waits in the inbox, after a task that closes the link.
void a_close_from_here_overtakes_the_answer(void**) {
  Fixture f;
  f.start();
  f.loop().post_task([] {});
  f.loop().post_task([&] { f.link->close(1000, "from here"); });
  f.loop().budget().begin(0);
  f.input(client_close(1001, "from there"));
  f.loop().budget().lift();
  expect(f.user.seen(), "");
  f.turn();
  expect(f.user.seen(), "closed 1000 from here; ");
  expect(f.wire.sent(), server_close(1000, "from here"));
  expect(f.wire.called(), "finish on");
}

void a_close_from_here_goes_behind_unsent_output(void**) {
  Fixture f;
  f.start_blocked();
  f.push("queued");
  f.link->close(1000, "bye");
  f.turn();
  f.writable(10);
  expect(f.wire.called(), "want");
  f.writable();
  expect(f.wire.sent(), server_text("blocked").substr(1) + server_text("queued") + server_close(1000, "bye"));
  f.input(client_close(1000, "bye"));
  f.turn();
  expect(f.wire.called(), "finish on");
}

// A peer that closes and does not read is not sent its backlog first.
void a_close_from_there_goes_before_unsent_output(void**) {
  Fixture f;
  f.start_blocked();
  f.push("never sent");
  f.input(client_close(1000, ""));
  f.turn();
  expect(f.wire.sent() + f.wire.called(), "");
  f.writable(3);
  expect(f.wire.called(), "want");
  f.writable();
  expect(f.wire.sent(), server_text("blocked").substr(1) + server_close(1000, ""));
  expect(f.wire.called(), "finish on");
}

void finishes_after_the_last_byte(void**) {
  Fixture f;
  f.start();
  f.wire.takes = 3;
  f.input(client_close(1000, ""));
  f.turn();
  expect(f.wire.sent(), server_close(1000, "").substr(0, 3));
  expect(f.wire.called(), "want");
  f.wire.holds_back = true;  // TLS took everything but has not sent it
  f.writable();
  expect(f.wire.sent(), server_close(1000, "").substr(3));
  expect(f.wire.called(), "want");
  f.writable();
  expect(f.wire.called(), "want");
  f.wire.holds_back = false;
  f.writable();
  expect(f.wire.sent(), "");
  expect(f.wire.called(), "finish on");
}

void a_protocol_error_closes(void**) {
  Fixture f;
  f.start();
  answer_by_inbox(f);
  f.input(text("a") + "\x81\x01x" + text("nobody reads this"));
  f.turn();
  constexpr std::string_view kReason = "frames from a client must be masked";
  expect(f.user.seen(), "text a; closed 1002 " + std::string(kReason) + "; ");
  expect(f.wire.sent(), server_text("a first") + server_text("a second") + server_close(1002, kReason));
  expect(f.wire.called(), "finish on");  // without an answer
  assert_int_equal(f.loop().stats().messages_refused.get(), 1);
  assert_int_equal(f.server.refused(Refusal::malformed), 1);
}

void a_message_that_is_too_large_closes(void**) {
  ServerOptions options;
  options.max_message_bytes = 5;
  Fixture f(options);
  f.start();
  f.input(text("12345") + client_frame(testing::kText, "123") + client_frame(testing::kFin, "456").substr(0, 6));
  f.turn();
  constexpr std::string_view kReason = "a message may have at most 5 bytes";
  expect(f.user.seen(), "text 12345; closed 1009 " + std::string(kReason) + "; ");
  expect(f.wire.sent(), server_close(1009, kReason));
  assert_int_equal(f.server.refused(Refusal::message_bytes), 1);
}

void an_error_after_the_close_ends_it(void**) {
  Fixture f;
  f.start();
  f.link->close(1000, "bye");
  f.turn();
  f.input("\x81\x01x");
  f.turn();
  expect(f.wire.sent(), server_close(1000, "bye"));
  expect(f.wire.called(), "finish on");
  expect(f.user.seen(), "closed 1000 bye; ");
}

void waits_five_seconds_for_the_answer_to_a_close(void**) {
  Fixture f;
  f.start();
  f.link->close(1000, "bye");
  f.turn();
  f.advance(2'000);
  f.input(text("does not help"));
  f.advance(2'980);
  expect(f.wire.called(), "");
  f.advance(20);
  expect(f.wire.called(), "close");
  expect(f.user.seen(), "closed 1000 bye; ");
  expect(f.wire.sent(), server_close(1000, "bye"));
}

void waits_five_seconds_for_the_last_byte_to_be_taken(void**) {
  Fixture f;
  f.start_blocked();
  f.input(client_close(1000, "bye"));
  f.turn();
  f.advance(4'980);
  expect(f.wire.called(), "");
  f.advance(20);
  expect(f.wire.called(), "close");
  expect(f.user.seen(), "closed 1000 bye; ");
}

void a_slow_reader_is_reset(void**) {
  Fixture f;
  f.start_blocked();
  f.push("dropped");
  f.link->close(1013, "reading too slowly");
  f.advance(5'000);
  expect(f.wire.called(), "reset close");
}

void a_close_ends_a_pause(void**) {
  Fixture f;
  f.start();
  f.link->pause_reading_until(f.loop().now_ms() + 60'000);
  f.input(text("kept") + client_close(1000, ""));
  f.link->close(1000, "bye");
  expect(f.wire.called(), "off on");
  f.link->pause_reading_until(f.loop().now_ms() + 60'000);
  f.link->pause_reading_for_output();
  f.link->resume_reading();
  expect(f.wire.called(), "");
  f.turn();  // takes the kept input
  expect(f.wire.sent(), server_close(1000, "bye"));
  expect(f.wire.called(), "finish on");
  expect(f.user.seen(), "closed 1000 bye; ");
}

void nothing_is_taken_once_its_user_has_closed(void**) {
  Fixture f;
  f.start();
  f.user.on_message = [&](std::string_view) { f.link->close(1008, "enough"); };
  f.input(text("one") + text("two") + ping("p"));
  f.turn();
  expect(f.user.seen(), "text one; closed 1008 enough; ");
  expect(f.wire.sent(), server_close(1008, "enough"));
  assert_int_equal(f.connection->kept_bytes(), 0);
}

// The connection ends while a message is passed on.
void nothing_is_taken_once_it_is_doomed(void**) {
  Fixture f;
  f.start();
  f.user.on_message = [&](std::string_view) { f.connection->doom(); };
  f.input(text("one") + text("two"));
  expect(f.user.seen(), "text one; closed 1006 the connection was lost; ");
  f.input(text("three"));
  f.turn();
  expect(f.user.seen() + f.wire.sent(), "");
  expect(f.wire.called(), "close");
}

// Lost ----------------------------------------------------------------------------------------------------------------

void can_be_lost_in_every_state(void**) {
  const std::string told = "closed 1006 the connection was lost; ";
  Fixture handshake;  // refused; the client does not read the response
  handshake.refusal = HttpResponse::text(403, "no\n");
  handshake.wire.takes = 0;
  handshake.handshake();
  handshake.lose();
  expect(handshake.user.seen(), told);

  Fixture open;
  open.start_blocked();
  open.lose();
  expect(open.user.seen(), told);
  open.push("late");
  open.link->close(1000, "late");
  open.loop().run();  // while the link still exists
  expect(open.user.seen() + open.wire.sent(), "");

  Fixture paused;
  paused.start();
  paused.link->pause_reading_until(paused.loop().now_ms() + 1'000);
  paused.input(text("never read"));
  paused.lose();
  paused.advance(1'000);
  expect(paused.user.seen(), told);

  Fixture closing;
  closing.start();
  closing.link->close(1000, "bye");
  closing.lose();
  closing.loop().run();
  expect(closing.user.seen(), "closed 1000 bye; ");
  expect(closing.wire.sent(), "");

  Fixture closed;
  closed.start();
  closed.input(client_close(1000, ""));
  closed.turn();
  expect(closed.wire.called(), "finish on");
  closed.lose();
  expect(closed.user.seen(), "closed 1000 ; ");
  closed.advance(kFinishTimeoutMs);
  expect(closed.wire.called(), "");
}

void a_failed_write_ends_the_connection_with_the_round(void**) {
  Fixture f;
  f.start();
  f.wire.broken = true;
  f.push("one");
  f.connections.take_waiting_input();
  f.link->flush();
  expect(f.user.seen(), "closed 1006 the connection was lost; ");
  expect(f.wire.called(), "");
  f.push("two");
  f.turn();
  expect(f.wire.called(), "close");
  expect(f.user.seen(), "");
  assert_true(f.wire.destroyed);

  Fixture closing;
  closing.start_blocked();
  closing.link->close(1000, "bye");
  closing.wire.broken = true;
  closing.writable();
  closing.turn();
  expect(closing.wire.called(), "close");
  expect(closing.user.seen(), "closed 1000 bye; ");
}

// Full ----------------------------------------------------------------------------------------------------------------

void a_full_outbox_closes(void**) {
  Fixture f(with_policy(OutboxPolicy::disconnect));
  f.start_blocked();
  f.publish(1, 7);  // twice the limits, in one round
  expect(f.user.seen(), "");
  f.publish(8);
  expect(f.user.seen(), "closed 1013 reading too slowly; ");
  assert_int_equal(f.loop().stats().slow_disconnects.get(), 1);
  assert_int_equal(f.loop().stats().drops.get(), 8);
  assert_int_equal(f.server.refused(Refusal::slow_reader), 1);
  f.writable();
  expect(f.wire.sent(), server_text("blocked").substr(1) + server_close(1013, "reading too slowly"));
  f.input(client_close(1013, ""));
  f.turn();
  f.advance(kFinishTimeoutMs);
  expect(f.wire.called(), "finish on reset close");
}

void the_newest_are_dropped_and_told_of_where_they_are_missing(void**) {
  Fixture f(with_policy(OutboxPolicy::drop_newest));
  f.start_blocked();
  f.publish(1, 5);  // three fit
  expect(f.wire.called(), "");
  f.writable();
  expect(f.wire.sent(), server_text("blocked").substr(1) + messages(1, 3));
  f.turn();
  expect(f.wire.sent(), server_text("dev:4-5"));
  assert_int_equal(f.loop().stats().drops.get(), 2);

  // A message that fits again follows the notice.
  f.wire.takes = 0;
  f.publish(6, 10);
  f.publish(1, "other");
  f.wire.takes = SIZE_MAX;
  f.writable(server_text("6").size());
  f.turn();
  expect(f.wire.sent(), messages(6, 6));
  f.publish(11);
  f.writable();
  f.turn();
  expect(f.wire.sent(), messages(7, 9) + server_text("dev:10-11") + server_text("other:1-1"));
}

void the_oldest_are_dropped_and_told_of_before_the_rest(void**) {
  Fixture f(with_policy(OutboxPolicy::drop_oldest));
  f.start();
  f.wire.takes = 0;
  f.publish(1, 6);
  f.turn();
  expect(f.wire.sent(), "");
  f.publish(7);
  f.writable();
  expect(f.wire.sent(), server_text("dev:1-3") + messages(4, 7));
  assert_int_equal(f.loop().stats().drops.get(), 3);
  f.turn();
  expect(f.wire.sent(), "");
}

void a_gap_is_told_behind_a_partly_written_frame(void**) {
  Fixture f(with_policy(OutboxPolicy::drop_oldest));
  f.start_blocked();
  f.publish(1, 4);
  f.publish(1, "other");
  f.turn();
  f.writable(2);
  f.writable();
  expect(f.wire.sent(), server_text("blocked").substr(1) + server_text("dev:1-2") + messages(3, 4) + messages(1, 1));
}

void a_gap_that_the_protocol_cannot_express_is_not_told(void**) {
  for (const OutboxPolicy policy : {OutboxPolicy::drop_oldest, OutboxPolicy::drop_newest}) {
    Fixture f(with_policy(policy));
    f.user.tells_gaps = false;
    f.start();
    f.wire.takes = 0;
    f.publish(1, 5);
    f.writable();
    f.turn();
    expect(f.wire.sent(), policy == OutboxPolicy::drop_oldest ? messages(2, 5) : messages(1, 4));
  }
}

void no_gap_is_told_after_the_close(void**) {
  for (const OutboxPolicy policy : {OutboxPolicy::drop_oldest, OutboxPolicy::drop_newest}) {
    Fixture f(with_policy(policy));
    f.start();
    f.wire.takes = 0;
    f.publish(1, 5);
    f.link->close(1000, "bye");
    f.writable();
    f.turn();
    expect(f.wire.sent(),
           (policy == OutboxPolicy::drop_oldest ? messages(2, 5) : messages(1, 4)) + server_close(1000, "bye"));
  }
}

void what_waits_is_charged_to_its_source(void**) {
  ServerOptions options;
  options.hub.max_queued_bytes_per_address = 12'288;
  Fixture f(options);
  f.start();
  f.link->charge_to(f.loop().sources().find("198.51.100.7"));
  f.wire.takes = 0;
  f.push(std::string(10'000, 'x'));
  f.turn();
  assert_int_equal(f.loop().sources().total(Resource::queued_bytes), 8'192);
  f.writable();
  assert_int_equal(f.loop().sources().total(Resource::queued_bytes), 0);
  // Input that waits too.
  f.wire.sent();
  f.user.seen();
  f.input(client_frame(kBinary, std::string(20'000, 'x')).substr(0, 10'000));
  assert_true(f.loop().sources().total(Resource::queued_bytes) >= 8'192);
  f.wire.takes = 0;
  f.push(std::string(10'000, 'x'));
  f.turn();
  expect(f.user.seen(), "closed 1013 too much waits for clients of this address, or for all clients; ");
  assert_int_equal(f.server.refused(Refusal::queued_bytes_per_address), 1);
  f.writable();
  expect(f.wire.sent(), server_close(1013, "too much waits for clients of this address, or for all clients"));
}

// Time that is over ---------------------------------------------------------------------------------------------------

void writing_goes_on_in_the_next_round_when_the_time_is_over(void**) {
  Fixture f;
  f.start();
  std::string all;
  for (int i = 0; i < 5; ++i) {
    f.push(std::string(40'000, static_cast<char>('a' + i)));
    all += server_text(std::string(40'000, static_cast<char>('a' + i)));
  }
  std::string sent;
  for (int write = 0; write < 5; ++write) {
    f.loop().budget().begin(0);
    f.turn();
    assert_int_equal(f.wire.writes.size(), 1);
    sent += f.wire.sent();
    assert_int_equal(sent.size(), std::min<std::size_t>(all.size(), (write + 1) * (40'004)));
  }
  assert_true(sent == all);
  expect(f.wire.called(), "");  // it does not wait for the socket
  f.turn();
  assert_true(f.wire.writes.empty());
}

void reading_goes_on_in_the_next_round_when_the_time_is_over(void**) {
  Fixture f;
  f.start();
  f.loop().budget().begin(0);
  f.input(text("one") + text("two") + text("three"));
  expect(f.user.seen(), "text one; ");
  f.input(text("four"));
  expect(f.user.seen(), "");  // had its turn
  for (const char* const seen : {"text two; ", "text three; ", "text four; "}) {
    assert_true(f.connections.has_waiting_input());
    f.connections.take_waiting_input();
    expect(f.user.seen(), seen);
  }
  assert_false(f.connections.has_waiting_input());
}

void a_flood_is_taken_in_portions(void**) {
  Fixture f;
  f.start();
  std::size_t taken = 0;
  f.user.on_message = [&](std::string_view) { ++taken; };
  std::string flood;
  for (int i = 0; i < 300; ++i) flood += text("x");
  f.input(flood);
  assert_int_equal(taken, 128);
  f.turn();
  assert_int_equal(taken, 256);
  f.turn();
  assert_int_equal(taken, 300);
  assert_false(f.connections.has_waiting_input());
  expect(f.wire.called(), "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_answer_goes_first_in_one_write_with_what_its_user_sends_at_once),
      cmocka_unit_test(nothing_is_written_before_the_handshake_is_through),
      cmocka_unit_test(a_full_outbox_is_not_written_before_the_handshake_is_through),
      cmocka_unit_test(input_behind_the_request_is_for_the_link),
      cmocka_unit_test(a_refused_handshake_has_an_answer_and_no_link),
      cmocka_unit_test(its_user_can_close_at_once),
      cmocka_unit_test(another_user_can_take_over),
      cmocka_unit_test(messages_arrive_whole_however_they_are_cut),
      cmocka_unit_test(frames_of_one_round_are_one_write),
      cmocka_unit_test(compresses_when_it_was_agreed_on),
      cmocka_unit_test(one_write_is_one_envelope),
      cmocka_unit_test(an_envelope_that_is_partly_written_is_completed),
      cmocka_unit_test(does_not_compress_unasked),
      cmocka_unit_test(a_pong_goes_behind_what_was_caused_before),
      cmocka_unit_test(a_pong_goes_behind_what_is_left_in_the_inbox),
      cmocka_unit_test(a_pong_that_waits_is_dropped_with_its_link),
      cmocka_unit_test(sixteen_pings_are_answered_and_then_the_latest),
      cmocka_unit_test(no_pong_comes_inside_a_frame_that_is_partly_written),
      cmocka_unit_test(pings_have_at_most_125_bytes),
      cmocka_unit_test(a_silent_peer_is_pinged_and_lost),
      cmocka_unit_test(any_input_counts_as_alive),
      cmocka_unit_test(a_backlog_that_moves_counts_as_alive),
      cmocka_unit_test(keep_alive_can_be_off),
      cmocka_unit_test(reading_pauses_until_a_time),
      cmocka_unit_test(the_longer_of_two_pauses_holds),
      cmocka_unit_test(a_pause_can_end_early),
      cmocka_unit_test(reading_pauses_until_most_of_the_output_is_taken),
      cmocka_unit_test(a_pause_for_output_without_output_ends_with_the_round),
      cmocka_unit_test(a_peer_that_takes_nothing_is_lost_during_a_pause_for_output),
      cmocka_unit_test(pauses_of_both_kinds_end_with_the_later),
      cmocka_unit_test(kept_input_is_bounded),
      cmocka_unit_test(closes_from_here),
      cmocka_unit_test(closes_from_there),
      cmocka_unit_test(the_answer_to_a_close_depends_on_its_code),
      cmocka_unit_test(both_close_at_once),
      cmocka_unit_test(a_close_from_here_overtakes_the_answer),
      cmocka_unit_test(a_close_from_here_goes_behind_unsent_output),
      cmocka_unit_test(a_close_from_there_goes_before_unsent_output),
      cmocka_unit_test(finishes_after_the_last_byte),
      cmocka_unit_test(a_protocol_error_closes),
      cmocka_unit_test(a_message_that_is_too_large_closes),
      cmocka_unit_test(an_error_after_the_close_ends_it),
      cmocka_unit_test(waits_five_seconds_for_the_answer_to_a_close),
      cmocka_unit_test(waits_five_seconds_for_the_last_byte_to_be_taken),
      cmocka_unit_test(a_slow_reader_is_reset),
      cmocka_unit_test(a_close_ends_a_pause),
      cmocka_unit_test(nothing_is_taken_once_its_user_has_closed),
      cmocka_unit_test(nothing_is_taken_once_it_is_doomed),
      cmocka_unit_test(can_be_lost_in_every_state),
      cmocka_unit_test(a_failed_write_ends_the_connection_with_the_round),
      cmocka_unit_test(a_full_outbox_closes),
      cmocka_unit_test(the_newest_are_dropped_and_told_of_where_they_are_missing),
      cmocka_unit_test(the_oldest_are_dropped_and_told_of_before_the_rest),
      cmocka_unit_test(a_gap_is_told_behind_a_partly_written_frame),
      cmocka_unit_test(a_gap_that_the_protocol_cannot_express_is_not_told),
      cmocka_unit_test(no_gap_is_told_after_the_close),
      cmocka_unit_test(what_waits_is_charged_to_its_source),
      cmocka_unit_test(writing_goes_on_in_the_next_round_when_the_time_is_over),
      cmocka_unit_test(reading_goes_on_in_the_next_round_when_the_time_is_over),
      cmocka_unit_test(a_flood_is_taken_in_portions),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
