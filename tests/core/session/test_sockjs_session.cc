// SockJS sessions as their net layer drives them: every request, message and deadline in an order of the test's choosing, and
// the actions written down as one line each. A second part compares a session with a model of it, at random.
#include "session/sockjs_session.h"
#include "session/sockjs_websocket.h"
#include "support/sockjs_buffer.h"

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <utility>
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
using wire::SockJsTransport;

namespace {

std::string show(std::string text) {
  if (text.size() > 1'000) {
    const std::size_t begin = text.find_first_not_of('h');
    if (begin >= 1'000 && begin != std::string::npos) text = "PRELUDE" + text.substr(begin);
  }
  std::string shown;
  for (const char c : text) shown += c == '\n' ? "|" : c == '\r' ? "" : std::string(1, c);
  return shown;
}

struct Describe {
  std::string operator()(const sockjs::StartReceiver& a) const { return "start " + show(a.prelude); }
  std::string operator()(const sockjs::Write& a) const { return (a.last ? "end " : "write ") + show(a.bytes); }
  std::string operator()(const sockjs::DropReceiver&) const { return "drop"; }
  std::string operator()(const sockjs::AnswerReceiver& a) const { return "answer " + show(a.body); }
  std::string operator()(const sockjs::RefuseReceiver&) const { return "refuse"; }
  std::string operator()(const sockjs::AnswerSend& a) const {
    std::string text = "sent " + std::to_string(a.request) + " " + std::to_string(a.status);
    if (!a.text.empty()) text += " " + std::string(a.text);
    return text;
  }
  std::string operator()(const sockjs::SendWebSocket& a) const { return "frame " + a.text; }
  std::string operator()(const sockjs::CloseWebSocket& a) const {
    return "close " + std::to_string(a.code) + (a.reason.empty() ? "" : " " + a.reason);
  }
  std::string operator()(const sockjs::Deliver& a) const { return "message " + a.text; }
  std::string operator()(const sockjs::Closed& a) const { return "closed " + std::string(text_of(a.reason)); }
  std::string operator()(const sockjs::Forgotten&) const { return "forgotten"; }
};

std::string describe(SockJsActions& out) {
  std::string all;
  for (const SockJsAction& action : out) {
    if (!all.empty()) all += "; ";
    all += std::visit(Describe(), action);
  }
  out.clear();
  return all;
}

void expect(const std::string& got, const std::string& wanted) { assert_string_equal(got.c_str(), wanted.c_str()); }

struct Harness {
  SockJsOptions options;
  SockJsBuffer queue;
  std::optional<SockJsSession> session;
  SockJsTransport transport;
  std::int64_t now = 1'000;
  SockJsActions out;

  explicit Harness(SockJsTransport of = SockJsTransport::xhr) : transport(of) { session.emplace(options, queue, of); }

  std::string take() { return describe(out); }
  std::string receive() { return session->receive(transport, "cb", now, out), take(); }
  std::string drained() { return session->drained(now, out), take(); }
  std::string lost() { return session->receiver_lost(now, out), take(); }
  std::string say(std::string_view text) { return queue.push(text), session->flush(now, out), take(); }
  std::string send(std::string body, std::uint64_t request = 1) {
    session->send(request, std::move(body), out);
    while (session->has_messages()) session->take_message(out);
    return take();
  }
  std::string close() { return session->close(3000, "Go away!", now, out), take(); }
  std::string pass(std::int64_t time_ms) { return session->tick(now += time_ms, out), take(); }
  // To the session's next deadline, however far.
  std::string wait() { return pass(session->deadline_ms() - now); }
};

void begins_with_the_open_frame(void**) {
  Harness h;
  expect(h.receive(), "start ");
  h.session->open(h.now, h.out);
  expect(h.take(), "end o|");
  assert_true(h.session->is_open());
  assert_false(h.session->has_receiver());
  expect(h.receive(), "start ");
  expect(h.say("x"), "end a[\"x\"]|");
}

// The layer above may have decided before the request is there, or may decide later.
void the_open_frame_waits_for_a_receiver(void**) {
  Harness h;
  h.session->open(h.now, h.out);
  expect(h.take(), "");
  assert_false(h.session->is_open());
  expect(h.receive(), "start ; end o|");
  h.session->open(h.now, h.out);
  expect(h.take(), "");
}

void begins_each_transport(void**) {
  Harness streaming(SockJsTransport::xhr_streaming);
  expect(streaming.receive(), "start PRELUDE|");
  streaming.session->open(0, streaming.out);
  expect(streaming.take(), "write o|");
  Harness events(SockJsTransport::eventsource);
  expect(events.receive(), "start |");
  events.session->open(0, events.out);
  expect(events.take(), "write data: o||");
  Harness page(SockJsTransport::htmlfile);
  assert_true(page.receive().find("var c = parent.cb;") != std::string::npos);
  page.session->open(0, page.out);
  expect(page.take(), "write <script>|p(\"o\");|</script>|");
  Harness script(SockJsTransport::jsonp);
  expect(script.receive(), "start ");
  script.session->open(0, script.out);
  expect(script.take(), "end /**/cb(\"o\");|");
}

// A session that has written its open frame. A streaming one has a receiver.
template <class Test>
void with_opened(SockJsTransport transport, Test test) {
  Harness h(transport);
  h.receive();
  h.session->open(h.now, h.out);
  h.drained();
  h.out.clear();
  test(h);
}

void messages_wait_for_a_request(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    expect(h.say("a"), "");
    expect(h.say("b"), "");
    expect(h.receive(), "start ; end a[\"a\",\"b\"]|");
    expect(h.receive(), "start ");
    expect(h.say("c"), "end a[\"c\"]|");
  });
}

void a_streaming_response_carries_several_frames(void**) {
  with_opened(SockJsTransport::xhr_streaming, [](Harness& h) {
    expect(h.say("a"), "write a[\"a\"]|");
    expect(h.drained(), "");
    expect(h.say("b"), "write a[\"b\"]|");
  });
}

void nothing_is_written_to_a_connection_that_is_full(void**) {
  with_opened(SockJsTransport::xhr_streaming, [](Harness& h) {
    expect(h.say("a"), "write a[\"a\"]|");
    expect(h.say("b"), "");
    expect(h.say("c"), "");
    expect(h.drained(), "write a[\"b\",\"c\"]|");
    expect(h.pass(25'000), "");  // no heartbeat behind what is not taken
    expect(h.drained(), "");
    expect(h.pass(25'000), "write h|");
    expect(h.pass(25'000), "");
  });
}

// The numbers of the protocol's test: 31 messages of 128 characters fill a response of 4 KiB.
void a_streaming_response_ends_at_its_limit(void**) {
  with_opened(SockJsTransport::xhr_streaming, [](Harness& h) {
    h.options.response_bytes = 4'096;
    const std::string text(128, 'x');
    for (int i = 0; i < 30; ++i) {
      expect(h.say(text), "write a[\"" + text + "\"]|");
      h.drained();
    }
    expect(h.say(text), "end a[\"" + text + "\"]|");
    expect(h.say("next"), "");
    expect(h.receive(), "start PRELUDE|; write a[\"next\"]|");
  });
  with_opened(SockJsTransport::eventsource, [](Harness& h) {
    h.options.response_bytes = 4'096;
    const std::string text(4'096, 'x');
    expect(h.say(text), "end data: a[\"" + text + "\"]||");
  });
}

void what_waits_is_cut_to_the_limit(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    h.options.response_bytes = 10;
    for (const char* text : {"aaaa", "bbbb", "cccc", "dddd"}) h.say(text);
    expect(h.receive(), "start ; end a[\"aaaa\",\"bbbb\"]|");
    expect(h.receive(), "start ; end a[\"cccc\",\"dddd\"]|");
  });
}

void a_second_receiver_is_turned_away(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    h.receive();
    expect(h.receive(), "answer c[2010,\"Another connection still open\"]|");
    expect(h.say("a"), "end a[\"a\"]|");  // the first is still served
  });
  with_opened(SockJsTransport::xhr_streaming, [](Harness& h) {
    expect(h.receive(), "answer PRELUDE|c[2010,\"Another connection still open\"]|");
    expect(h.say("a"), "write a[\"a\"]|");
  });
}

void transports_are_kept_apart(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    h.session->receive(SockJsTransport::jsonp, "cb", h.now, h.out);
    expect(h.take(), "refuse");
    assert_true(h.session->accepts_sends(false));
    assert_false(h.session->accepts_sends(true));
  });
  with_opened(SockJsTransport::jsonp, [](Harness& h) {
    h.session->receive(SockJsTransport::xhr_streaming, {}, h.now, h.out);
    expect(h.take(), "refuse");
    assert_true(h.session->accepts_sends(true));
  });
}

void heartbeats_fill_silence(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    h.receive();
    expect(h.pass(24'999), "");
    expect(h.pass(1), "end h|");
  });
  with_opened(SockJsTransport::xhr_streaming, [](Harness& h) {
    expect(h.pass(25'000), "write h|");
    h.drained();
    h.pass(20'000);
    h.say("a");
    h.drained();
    expect(h.pass(20'000), "");
    expect(h.wait(), "write h|");
  });
}

void a_session_without_a_receiver_times_out(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    expect(h.pass(4'999), "");
    h.receive();
    expect(h.pass(24'000), "");
    expect(h.say("a"), "end a[\"a\"]|");
    expect(h.pass(4'999), "");
    expect(h.pass(1), "closed timed out; forgotten");
    assert_true(h.session->forgotten());
    assert_int_equal(h.session->deadline_ms(), -1);
    expect(h.receive(), "refuse");
  });
}

void a_client_that_is_refused_gets_the_close_frame_alone(void**) {
  Harness h;
  h.receive();
  expect(h.close(), "closed closed here; end c[3000,\"Go away!\"]|");
  expect(h.receive(), "answer c[3000,\"Go away!\"]|");
}

// As the protocol's tests expect it.
void the_close_frame_is_repeated_until_the_time_out(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    expect(h.close(), "closed closed here");
    expect(h.receive(), "answer c[3000,\"Go away!\"]|");
    h.pass(4'000);
    expect(h.receive(), "answer c[3000,\"Go away!\"]|");
    expect(h.pass(4'999), "");
    expect(h.pass(1), "forgotten");
  });
  with_opened(SockJsTransport::xhr_streaming, [](Harness& h) {
    expect(h.close(), "closed closed here; end c[3000,\"Go away!\"]|");
    expect(h.receive(), "answer PRELUDE|c[3000,\"Go away!\"]|");
    expect(h.close(), "");
  });
}

void what_is_queued_goes_before_the_close_frame(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    h.say("a");
    h.close();
    expect(h.receive(), "start ; end a[\"a\"]|");
    expect(h.receive(), "answer c[3000,\"Go away!\"]|");
  });
  with_opened(SockJsTransport::xhr_streaming, [](Harness& h) {
    h.say("a");
    h.say("b");
    expect(h.close(), "closed closed here");
    expect(h.receive(), "answer PRELUDE|c[3000,\"Go away!\"]|");
    expect(h.drained(), "write a[\"b\"]|; end c[3000,\"Go away!\"]|");
  });
}

void a_receiver_that_takes_nothing_does_not_hold_up_the_end(void**) {
  with_opened(SockJsTransport::xhr_streaming, [](Harness& h) {
    h.say("a");
    h.say("b");
    h.close();
    expect(h.pass(29'999), "");
    expect(h.pass(1), "drop; forgotten");
  });
}

void an_interrupted_receiver_ends_the_session(void**) {
  with_opened(SockJsTransport::xhr_streaming, [](Harness& h) {
    h.say("a");
    h.say("b");
    expect(h.lost(), "closed connection interrupted");
    expect(h.lost(), "");
    expect(h.receive(), "answer PRELUDE|c[1002,\"Connection interrupted\"]|");
    h.pass(4'999);
    expect(h.receive(), "answer PRELUDE|c[1002,\"Connection interrupted\"]|");
    expect(h.pass(5'000), "forgotten");
  });
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    h.receive();
    expect(h.lost(), "closed connection interrupted");
    expect(h.receive(), "answer c[1002,\"Connection interrupted\"]|");
  });
}

void a_response_that_is_lost_after_its_end_interrupts_too(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    h.receive();
    h.say("a");
    h.receive();
    h.session->response_lost(h.now, h.out);
    expect(h.take(), "closed connection interrupted; end c[1002,\"Connection interrupted\"]|");
  });
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    h.say("a");
    h.close();
    h.session->response_lost(h.now, h.out);
    expect(h.receive(), "answer c[3000,\"Go away!\"]|");
  });
}

void sends_bring_messages(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    expect(h.send(R"(["a","b"])", 7), "message a; message b; sent 7 204");
    expect(h.send("[]"), "sent 1 204");
    expect(h.send(""), "sent 1 500 Payload expected.");
    expect(h.send("[\"x"), "sent 1 500 Broken JSON encoding.");
    expect(h.send(R"(["c"])"), "message c; sent 1 204");  // the session goes on
  });
}

void messages_are_taken_one_by_one(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    h.session->send(1, R"(["a","b"])", h.out);
    h.session->send(2, R"(["c"])", h.out);
    h.session->send(3, "[]", h.out);
    expect(h.take(), "sent 3 204");
    assert_int_equal(h.session->waiting_bytes(), 14);
    h.session->take_message(h.out);
    expect(h.take(), "message a");
    h.session->take_message(h.out);
    expect(h.take(), "message b; sent 1 204");
    h.session->take_message(h.out);
    expect(h.take(), "message c; sent 2 204");
    assert_false(h.session->has_messages());
    assert_int_equal(h.session->waiting_bytes(), 0);
    h.session->take_message(h.out);
    expect(h.take(), "");
  });
}

void sends_that_wait_are_bounded(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    h.options.max_waiting_sends = 2;
    for (std::uint64_t request : {1, 2, 3}) h.session->send(request, R"(["a"])", h.out);
    expect(h.take(), "sent 3 503 Too many requests.");
  });
}

void what_comes_after_the_end_is_ignored(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    h.session->send(1, R"(["a"])", h.out);
    expect(h.close(), "sent 1 204; closed closed here");
    expect(h.send(R"(["a"])"), "sent 1 204");
    expect(h.send("x"), "sent 1 500 Broken JSON encoding.");
    h.say("late");
  });
}

void aborts_at_once(void**) {
  with_opened(SockJsTransport::xhr, [](Harness& h) {
    h.receive();
    h.session->abort(h.out);
    expect(h.take(), "drop; closed closed here; forgotten");
    h.session->abort(h.out);
    expect(h.take(), "");
  });
}

// WebSockets.

struct SocketHarness {
  SockJsOptions options;
  SockJsWebSocket session{options};
  SockJsActions out;

  SocketHarness() {
    session.open(1'000, out);
    expect(describe(out), "frame o");
  }
  std::string hear(std::string text) {
    session.receive(std::move(text), out);
    while (session.has_messages()) session.take_message(out);
    return describe(out);
  }
};

void a_websocket_brings_messages(void**) {
  SocketHarness h;
  expect(h.hear(R"(["a","b"])"), "message a; message b");
  expect(h.hear(R"("c")"), "message c");
  expect(h.hear(""), "");
  expect(h.hear("[]"), "");
  h.session.receive(R"(["d","e"])", h.out);
  h.session.take_message(h.out);
  expect(describe(h.out), "message d");
  assert_int_equal(h.session.waiting_bytes(), 9);
  h.session.take_message(h.out);
  expect(describe(h.out), "message e");
  assert_false(h.session.has_messages());
}

void a_websocket_with_broken_json_is_closed(void**) {
  SocketHarness h;
  expect(h.hear("[\"a"), "close 3000 Broken framing.; closed broken framing; forgotten");
  expect(h.hear("[\"a\"]"), "");
}

void a_websocket_is_sent_heartbeats(void**) {
  SocketHarness h;
  assert_int_equal(h.session.deadline_ms(), 26'000);
  h.session.wrote(20'000);
  h.session.tick(26'000, h.out);
  expect(describe(h.out), "");
  h.session.tick(45'000, h.out);
  expect(describe(h.out), "frame h");
  assert_int_equal(h.session.deadline_ms(), 70'000);
}

void a_websocket_ends(void**) {
  SocketHarness closed;
  closed.session.close(3000, "Go away!", closed.out);
  expect(describe(closed.out), "frame c[3000,\"Go away!\"]; close 1000; closed closed here; forgotten");
  closed.session.lost(closed.out);
  expect(describe(closed.out), "");
  assert_int_equal(closed.session.deadline_ms(), -1);
  SocketHarness lost;
  lost.session.lost(lost.out);
  expect(describe(lost.out), "closed transport close; forgotten");
}

// A client and its server at random, against what a session promises.
class Model {
 public:
  Model(unsigned seed, SockJsTransport transport)
      : random_(seed), transport_(transport), session_(options_, queue_, transport) {
    options_.response_bytes = 60;
  }

  void run(int steps) {
    receive();
    session_.open(now_, out_);
    carry_out();
    for (int i = 0; i < steps && !forgotten_; ++i) step();
    finish();
  }

  void operator()(const sockjs::StartReceiver& action) {
    assert_false(receiver_);
    assert_true(std::exchange(arriving_, false));
    receiver_ = true;
    written_ = 0;
    can_write_ = true;
    assert_string_equal(action.prelude.c_str(), wire::sockjs_prelude(transport_).c_str());
  }
  void operator()(const sockjs::Write& action) {
    assert_true(receiver_);
    written_ += action.bytes.size();
    hear(action.bytes);
    wrote_ = true;
    const bool full = written_ >= options_.response_bytes;
    if (!wire::is_streaming(transport_) || full) assert_true(action.last);
    if (action.last) end_receiver();
  }
  void operator()(const sockjs::DropReceiver&) {
    assert_true(receiver_);
    receiver_ = false;
  }
  void operator()(const sockjs::AnswerReceiver& action) {
    assert_true(std::exchange(arriving_, false));
    const std::string prelude = wire::sockjs_prelude(transport_);
    assert_true(action.body.starts_with(prelude));
    const std::string frame = action.body.substr(prelude.size());
    if (close_frame_.empty()) {
      assert_true(receiver_);
      assert_string_equal(frame.c_str(), "c[2010,\"Another connection still open\"]\n");
      return;
    }
    assert_string_equal(frame.c_str(), close_frame_.c_str());
    // All that was said comes before the close frame, unless it is lost or another request is about to receive it.
    if (!interrupted_ && !receiver_) assert_int_equal(heard_, said_);
    if (!receiver_) idle_since_ = now_;
  }
  void operator()(const sockjs::RefuseReceiver&) { assert_true(false); }
  void operator()(const sockjs::AnswerSend& action) {
    assert_int_equal(action.status, 204);
    assert_true(sends_ > 0);
    --sends_;
  }
  void operator()(const sockjs::SendWebSocket&) { assert_true(false); }
  void operator()(const sockjs::CloseWebSocket&) { assert_true(false); }
  void operator()(const sockjs::Deliver& action) {
    assert_string_equal(action.text.c_str(), std::to_string(delivered_++).c_str());
  }
  void operator()(const sockjs::Closed&) {
    assert_false(closed_);
    closed_ = true;
  }
  void operator()(const sockjs::Forgotten&) {
    assert_true(closed_ && !forgotten_ && !receiver_ && sends_ == 0);
    forgotten_ = true;
  }

 private:
  unsigned below(unsigned bound) { return std::uniform_int_distribution<unsigned>(0, bound - 1)(random_); }

  void step() {
    const unsigned choice = below(100);
    if (choice < 30) {
      if (!closed_) say();
    } else if (choice < 55) {
      receive();
    } else if (choice < 75) {
      drain();
    } else if (choice < 85) {
      send();
    } else if (choice < 92) {
      if (session_.has_messages()) session_.take_message(out_);
      carry_out();
    } else if (choice < 94) {
      wait();
    } else if (choice < 97) {
      now_ += below(4'000);
      tick();
    } else if (choice == 97 && below(10) == 0) {
      close();
    } else if (choice == 98 && below(10) == 0) {
      lose();
    }
  }

  void say() {
    queue_.push(std::to_string(said_++));
    session_.flush(now_, out_);
    carry_out();
  }
  void receive() {
    arriving_ = true;
    session_.receive(transport_, {}, now_, out_);
    carry_out();
    assert_false(arriving_);
  }
  void drain() {
    if (!receiver_) return;
    can_write_ = true;
    session_.drained(now_, out_);
    carry_out();
  }
  void send() {
    if (session_.has_messages()) return;  // one at a time, so that the messages can be numbered
    ++sends_;
    std::string body = "[";
    const bool counts = !closed_;
    for (unsigned i = 0, count = below(3); i < count; ++i) {
      body += (i == 0 ? "\"" : ",\"") + std::to_string(counts ? sent_++ : 0) + "\"";
    }
    session_.send(1, body + "]", out_);
    carry_out();
  }
  void wait() {
    assert_true(session_.deadline_ms() >= now_);
    now_ = session_.deadline_ms();
    tick();
  }
  void tick() {
    session_.tick(now_, out_);
    carry_out();
    if (!receiver_ && !forgotten_) assert_true(now_ < idle_since_ + options_.timeout_ms);
  }
  void close() {
    if (closed_) return;
    close_frame_ = "c[3000,\"Go away!\"]\n";
    session_.close(3000, "Go away!", now_, out_);
    carry_out();
  }
  void lose() {
    if (!receiver_) return;
    receiver_ = false;
    idle_since_ = now_;
    interrupted_ = true;
    if (close_frame_.empty()) close_frame_ = "c[1002,\"Connection interrupted\"]\n";
    session_.receiver_lost(now_, out_);
    carry_out();
  }

  // An orderly end: every message is there in the end, once.
  void finish() {
    while (session_.has_messages()) session_.take_message(out_);
    carry_out();
    if (!closed_) assert_int_equal(sent_, delivered_);
    assert_true(delivered_ <= sent_);
    close();
    for (int i = 0; i < 10'000 && !forgotten_ && (receiver_ || (!interrupted_ && heard_ < said_)); ++i) {
      if (receiver_) {
        drain();
      } else {
        receive();
      }
    }
    if (!forgotten_) {
      if (!interrupted_) assert_int_equal(heard_, said_);
      receive();
      wait();
    }
    assert_true(forgotten_);
    assert_int_equal(session_.deadline_ms(), -1);
  }

  void end_receiver() {
    receiver_ = false;
    idle_since_ = now_;
  }

  // What the client reads of a response.
  void hear(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      assert_true(end != std::string_view::npos);
      const std::string_view frame = bytes.substr(0, end);
      bytes.remove_prefix(end + 1);
      if (frame == "o") {
        assert_false(std::exchange(opened_, true));
      } else if (frame.starts_with('a')) {
        assert_true(opened_ && !interrupted_);
        wire::SockJsMessageReader reader(std::string(frame.substr(1)), wire::SockJsBodyForm::array);
        assert_false(reader.error().has_value() || reader.at_end());
        for (std::string message; reader.next(message);) {
          assert_string_equal(message.c_str(), std::to_string(heard_++).c_str());
        }
        assert_true(heard_ <= said_);
      } else if (frame.starts_with('c')) {
        assert_string_equal((std::string(frame) + "\n").c_str(), close_frame_.c_str());
        assert_true(bytes.empty());
        if (!interrupted_) assert_int_equal(heard_, said_);
      } else {
        assert_true(frame == "h" && opened_);
      }
    }
  }

  void carry_out() {
    wrote_ = false;
    SockJsActions actions;
    actions.swap(out_);
    const bool could_write = can_write_ || arriving_;
    for (const SockJsAction& action : actions) {
      assert_false(forgotten_);
      std::visit(*this, action);
    }
    if (wrote_) {
      assert_true(could_write);
      can_write_ = false;
    }
    assert_true(receiver_ == session_.has_receiver() && forgotten_ == session_.forgotten());
    if (receiver_ && can_write_ && opened_ && !interrupted_) assert_true(queue_.empty());
  }

  std::mt19937 random_;
  SockJsTransport transport_;
  SockJsOptions options_;
  SockJsBuffer queue_;
  SockJsSession session_;
  SockJsActions out_;
  std::int64_t now_ = 1'000;
  std::int64_t idle_since_ = 1'000;

  bool arriving_ = false;
  bool receiver_ = false;
  bool can_write_ = false;
  bool wrote_ = false;
  bool opened_ = false;
  bool closed_ = false;
  bool interrupted_ = false;
  bool forgotten_ = false;
  std::string close_frame_;
  std::size_t written_ = 0;
  int said_ = 0;
  int heard_ = 0;
  int sends_ = 0;
  int sent_ = 0;
  int delivered_ = 0;
};

void a_session_does_what_its_model_does(void**) {
  constexpr unsigned kSeeds = 300;
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    Model model(seed, seed % 2 == 0 ? SockJsTransport::xhr : SockJsTransport::xhr_streaming);
    model.run(400);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(begins_with_the_open_frame),
      cmocka_unit_test(the_open_frame_waits_for_a_receiver),
      cmocka_unit_test(begins_each_transport),
      cmocka_unit_test(messages_wait_for_a_request),
      cmocka_unit_test(a_streaming_response_carries_several_frames),
      cmocka_unit_test(nothing_is_written_to_a_connection_that_is_full),
      cmocka_unit_test(a_streaming_response_ends_at_its_limit),
      cmocka_unit_test(what_waits_is_cut_to_the_limit),
      cmocka_unit_test(a_second_receiver_is_turned_away),
      cmocka_unit_test(transports_are_kept_apart),
      cmocka_unit_test(heartbeats_fill_silence),
      cmocka_unit_test(a_session_without_a_receiver_times_out),
      cmocka_unit_test(a_client_that_is_refused_gets_the_close_frame_alone),
      cmocka_unit_test(the_close_frame_is_repeated_until_the_time_out),
      cmocka_unit_test(what_is_queued_goes_before_the_close_frame),
      cmocka_unit_test(a_receiver_that_takes_nothing_does_not_hold_up_the_end),
      cmocka_unit_test(an_interrupted_receiver_ends_the_session),
      cmocka_unit_test(a_response_that_is_lost_after_its_end_interrupts_too),
      cmocka_unit_test(sends_bring_messages),
      cmocka_unit_test(messages_are_taken_one_by_one),
      cmocka_unit_test(sends_that_wait_are_bounded),
      cmocka_unit_test(what_comes_after_the_end_is_ignored),
      cmocka_unit_test(aborts_at_once),
      cmocka_unit_test(a_websocket_brings_messages),
      cmocka_unit_test(a_websocket_with_broken_json_is_closed),
      cmocka_unit_test(a_websocket_is_sent_heartbeats),
      cmocka_unit_test(a_websocket_ends),
      cmocka_unit_test(a_session_does_what_its_model_does),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
