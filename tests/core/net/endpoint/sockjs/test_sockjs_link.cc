// The link of a SockJS session over HTTP: its frames wait until the session takes some, and messages that were dropped meanwhile
// are reported where they are missing.
#include "net/endpoint/sockjs/sockjs_link.h"

#include <memory>
#include <string>

#include "core/net/fake_loop.h"
#include "net/endpoint/sockjs/sockjs_carrier.h"

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

namespace {

class User final : public LinkUser {
 public:
  explicit User(std::string& closes) : closes_(closes) {}
  void on_message(bool, std::string_view) override { fail(); }
  void on_link_closed(std::uint16_t code, std::string_view reason) override {
    closes_ += "user " + std::to_string(code) + " " + std::string(reason) + ";";
  }
  FramePtr encode_gap(const GapReply& gap) override {
    if (gap.room == "quiet") return {};
    return make_frame({{false, gap.room + " -" + std::to_string(gap.dropped)}}, sockjs_http_carrier(), nullptr);
  }

 private:
  std::string& closes_;
};

struct Fixture final : SockJsLinkOwner {
  explicit Fixture(OutboxPolicy policy = OutboxPolicy::disconnect) {
    ServerOptions options;
    options.max_outbox_messages = 3;
    options.outbox_policy = policy;
    server = std::make_unique<test::FakeServer>(std::move(options));
    link = std::make_unique<SockJsLink>(server->loop(), *this, std::make_unique<User>(told));
  }

  void on_output() override { ++outputs; }
  void on_close(std::uint16_t code, std::string_view reason) override {
    told += "owner " + std::to_string(code) + " " + std::string(reason) + ";";
  }
  void on_pause(std::int64_t until_ms) override { paused_until_ms = until_ms; }
  void on_resume() override { paused_until_ms = -1; }
  bool holds_input() const override { return paused_until_ms >= 0; }
  std::size_t waiting_bytes() const override { return 0; }

  // A reply.
  void push(std::string text) { link->push(make_frame({{false, std::move(text)}}, link->carrier(), nullptr)); }
  void say(std::uint64_t seq, std::string room = "a") {
    const auto message = std::make_shared<Message>();
    message->room = room;
    message->seq = seq;
    link->push(make_frame({{false, room + std::to_string(seq)}}, link->carrier(), message));
  }
  std::string take(std::size_t max_bytes = 1'000) {
    std::string elements;
    link->take(elements, max_bytes);
    return elements;
  }

  std::string told;
  int outputs = 0;
  std::int64_t paused_until_ms = -1;
  std::unique_ptr<test::FakeServer> server;
  std::unique_ptr<SockJsLink> link;
};

void frames_are_taken_in_portions(void**) {
  Fixture f;
  assert_true(f.link->empty());
  f.push("one");
  f.push("two");
  f.push("three");
  f.server->run();
  assert_int_equal(f.outputs, 1);
  assert_int_equal(f.link->written_ms(), -1);
  ASSERT_TEXT(f.take(6), R"("one","two")");
  assert_int_equal(f.link->written_ms(), f.server->loop().now_ms());
  assert_int_equal(f.link->queued_frames(), 1);
  ASSERT_TEXT(f.take(1), R"("three")");
  assert_true(f.link->empty());
  assert_int_equal(f.link->queued_bytes(), 0);
}

// Before the first message that is left.
void the_oldest_that_were_dropped_are_reported_first(void**) {
  Fixture f(OutboxPolicy::drop_oldest);
  f.say(1);
  f.say(1, "b");
  for (std::uint64_t seq = 2; seq < 5; ++seq) f.say(seq);
  ASSERT_TEXT(f.take(), R"("a -1","b -1","a2","a3","a4")");
  ASSERT_TEXT(f.take(), "");
}

void a_notice_is_kept_for_the_next_portion(void**) {
  Fixture f(OutboxPolicy::drop_oldest);
  for (std::uint64_t seq = 1; seq < 6; ++seq) f.say(seq);
  ASSERT_TEXT(f.take(1), R"("a -2")");
  ASSERT_TEXT(f.take(1), R"("a3")");
  f.say(6);
  f.say(7);
  ASSERT_TEXT(f.take(1), R"("a -1")");
  ASSERT_TEXT(f.take(), R"("a5","a6","a7")");
}

// Behind the messages that came before them.
void the_newest_that_were_dropped_are_reported_last(void**) {
  Fixture f(OutboxPolicy::drop_newest);
  for (std::uint64_t seq = 1; seq < 6; ++seq) f.say(seq);
  ASSERT_TEXT(f.take(1), R"("a1")");
  ASSERT_TEXT(f.take(), R"("a2","a3")");
  ASSERT_TEXT(f.take(), R"("a -2")");
  f.say(6);
  ASSERT_TEXT(f.take(), R"("a6")");
}

void a_notice_precedes_the_message_that_fits_again(void**) {
  Fixture f(OutboxPolicy::drop_newest);
  for (std::uint64_t seq = 1; seq < 5; ++seq) f.say(seq);
  ASSERT_TEXT(f.take(6), R"("a1","a2")");
  f.say(5);
  ASSERT_TEXT(f.take(), R"("a3","a -1","a5")");
}

void a_protocol_may_have_no_notice(void**) {
  for (const OutboxPolicy policy : {OutboxPolicy::drop_oldest, OutboxPolicy::drop_newest}) {
    Fixture f(policy);
    for (std::uint64_t seq = 1; seq < 5; ++seq) f.say(seq, "quiet");
    ASSERT_TEXT(f.take(), policy == OutboxPolicy::drop_oldest ? R"("quiet2","quiet3","quiet4")"
                                                              : R"("quiet1","quiet2","quiet3")");
    ASSERT_TEXT(f.take(), "");
  }
}

void a_full_one_closes_without_a_gap_in_the_middle(void**) {
  Fixture f;
  for (std::uint64_t seq = 1; seq < 7; ++seq) f.say(seq);  // twice the limit in one turn
  ASSERT_TEXT(f.told, "");
  f.say(7);
  ASSERT_TEXT(f.told, "owner 1013 reading too slowly;user 1013 reading too slowly;");
  ASSERT_TEXT(f.take(), "");
}

void a_close_keeps_what_is_queued(void**) {
  Fixture f;
  f.push("last");
  f.link->close(4000, "out");
  f.link->close(4001, "again");
  f.link->lose(1006, "gone");
  ASSERT_TEXT(f.told, "owner 4000 out;user 4000 out;");
  f.push("late");
  ASSERT_TEXT(f.take(), "\"last\"");
}

void a_loss_is_told_to_the_user_alone(void**) {
  Fixture f;
  f.link->lose(1006, "gone");
  f.link->close(1000, "");
  ASSERT_TEXT(f.told, "user 1006 gone;");
}

void pauses_are_the_sessions(void**) {
  Fixture f;
  assert_false(f.link->is_paused());
  f.link->pause_reading_until(42);
  assert_int_equal(f.paused_until_ms, 42);
  assert_true(f.link->is_paused());
  f.link->resume_reading();
  assert_false(f.link->is_paused());
  f.link->pause_reading_for_output();
  assert_int_equal(f.paused_until_ms, f.server->loop().now_ms() + 100);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(frames_are_taken_in_portions),
      cmocka_unit_test(the_oldest_that_were_dropped_are_reported_first),
      cmocka_unit_test(a_notice_is_kept_for_the_next_portion),
      cmocka_unit_test(the_newest_that_were_dropped_are_reported_last),
      cmocka_unit_test(a_notice_precedes_the_message_that_fits_again),
      cmocka_unit_test(a_protocol_may_have_no_notice),
      cmocka_unit_test(a_full_one_closes_without_a_gap_in_the_middle),
      cmocka_unit_test(a_close_keeps_what_is_queued),
      cmocka_unit_test(a_loss_is_told_to_the_user_alone),
      cmocka_unit_test(pauses_are_the_sessions),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
