// A link that keeps its frames until its user takes them.
#include "net/deliver/queue_link.h"

#include <memory>
#include <string>

#include "core/net/fake_loop.h"
#include "net/deliver/polling_carrier.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::net;

namespace {

class User final : public LinkUser {
 public:
  void on_message(bool, std::string_view) override { fail(); }
  void on_output() override {
    ++outputs;
    if (link) link->take(taken);
  }
  void on_link_closed(std::uint16_t code, std::string_view reason) override {
    ++closes;
    close = std::to_string(code) + " " + std::string(reason);
  }
  void on_pause(std::int64_t until_ms) override { paused_until_ms = until_ms; }
  FramePtr encode_gap(const GapReply& gap) override { return FramePtr::make("4gap of " + std::to_string(gap.dropped)); }

  QueueLink* link = nullptr;  // on_output() takes from it
  std::string taken;
  int outputs = 0;
  int closes = 0;
  std::string close;
  std::int64_t paused_until_ms = -1;
};

struct Fixture {
  explicit Fixture(OutboxPolicy policy = OutboxPolicy::disconnect) {
    ServerOptions options;
    options.max_outbox_messages = 4;
    options.outbox_policy = policy;
    server = std::make_unique<test::FakeServer>(std::move(options));
    link = std::make_unique<QueueLink>(loop(), user, polling_carrier());
  }

  test::FakeLoop& loop() { return server->loop(); }
  void run() { loop().run(); }
  void push(std::string text, MessagePtr message = nullptr) {
    link->push(make_frame({{false, std::move(text)}}, polling_carrier(), std::move(message)));
  }
  std::string take() {
    std::string payload;
    link->take(payload);
    for (char& c : payload) c = c == '\x1e' ? '|' : c;
    return payload;
  }

  std::unique_ptr<test::FakeServer> server;
  User user;
  std::unique_ptr<QueueLink> link;
};

void expect(const std::string& got, const char* wanted) { assert_string_equal(got.c_str(), wanted); }

void what_is_pushed_is_taken_as_one_payload(void**) {
  Fixture f;
  assert_true(f.link->empty());
  assert_true(&f.link->carrier() == &polling_carrier());
  expect(f.take(), "");
  f.push("one");
  f.link->push(make_frame({{false, "two"}, {true, "\x01\x02"}}, polling_carrier(), nullptr));
  f.link->push_replay(make_frame({{false, "three"}}, polling_carrier(), nullptr));
  f.link->push(FramePtr());  // nothing
  assert_false(f.link->empty());
  assert_int_equal(f.link->queued_frames(), 3);
  expect(f.take(), "4one|4two|bAQI=|4three");
  assert_true(f.link->empty());
  assert_int_equal(f.link->queued_bytes(), 0);

  std::string behind = "2";
  f.push("one");
  f.link->take(behind);
  expect(behind,
         "2\x1e"
         "4one");
}

void its_user_hears_once_in_a_round_that_there_is_something(void**) {
  Fixture f;
  f.user.link = f.link.get();
  f.push("one");
  f.push("two");
  assert_int_equal(f.user.outputs, 0);
  f.run();
  assert_int_equal(f.user.outputs, 1);
  expect(f.user.taken,
         "4one\x1e"
         "4two");
  f.run();
  assert_int_equal(f.user.outputs, 1);
  f.push("three");
  f.run();
  assert_int_equal(f.user.outputs, 2);
}

void another_user_may_take_over(void**) {
  Fixture f;
  User second;
  f.push("for the second");
  f.link->set_user(second);
  f.run();
  assert_int_equal(f.user.outputs, 0);
  assert_int_equal(second.outputs, 1);
  assert_ptr_equal(&f.link->user(), &second);
  f.link->pause_reading_until(42);
  assert_int_equal(second.paused_until_ms, 42);
  f.link->close(1000, "");
  assert_int_equal(f.user.closes, 0);
  assert_int_equal(second.closes, 1);
}

void frames_go_to_another_link_as_they_are(void**) {
  Fixture f;
  const FramePtr frame = make_frame({{false, "one"}}, polling_carrier(), nullptr);
  f.link->push(frame);
  f.push("two");
  const std::vector<FramePtr> frames = f.link->take_frames();
  assert_int_equal(frames.size(), 2);
  assert_ptr_equal(frames[0].get(), frame.get());
  assert_true(f.link->empty());
}

void it_closes_once_and_keeps_what_it_has(void**) {
  Fixture f;
  f.push("last");
  f.link->close(1001, "the end");
  f.link->close(1002, "again");
  assert_true(f.link->closing());
  assert_int_equal(f.user.closes, 1);
  expect(f.user.close, "1001 the end");
  f.push("late");
  f.link->push_replay(make_frame({{false, "late"}}, polling_carrier(), nullptr));
  expect(f.take(), "4last");
}

// Everything came in one round: the client had no turn yet.
void a_burst_of_twice_the_limits_waits(void**) {
  Fixture f;
  for (int i = 0; i < 8; ++i) f.push(std::to_string(i));
  assert_int_equal(f.user.closes, 0);
  expect(f.take(), "40|41|42|43|44|45|46|47");
}

void a_client_that_takes_is_never_full(void**) {
  Fixture f;
  f.user.link = f.link.get();
  for (int i = 0; i < 100; ++i) f.push("x");
  assert_int_equal(f.user.closes, 0);
  assert_int_equal(f.user.outputs, 24);  // before the limits were exceeded
  f.run();
  assert_int_equal(f.user.taken.size(), 100 * 2 + 99);
}

void a_full_one_closes(void**) {
  Fixture f;
  for (int i = 0; i < 8; ++i) f.push(std::to_string(i));
  assert_int_equal(f.user.closes, 0);
  f.push("one too many");
  expect(f.user.close, "1013 reading too slowly");
  assert_true(f.link->empty());  // a gap in the middle would be worse
  assert_int_equal(f.loop().stats().slow_disconnects.get(), 1);
  assert_int_equal(f.server->refused(Refusal::slow_reader), 1);
}

void or_drops_by_its_policy(void**) {
  Fixture f(OutboxPolicy::drop_newest);
  const auto message = std::make_shared<Message>();
  for (int i = 0; i < 6; ++i) f.push(std::to_string(i), message);
  assert_int_equal(f.user.closes, 0);
  expect(f.take(), "40|41|42|43");
  f.push("6", message);
  expect(f.take(), "4gap of 2|46");
}

// Its loop must not use it afterwards.
void one_that_ends_with_output_is_forgotten(void**) {
  Fixture f;
  f.push("never taken");
  f.link.reset();
  f.run();
  assert_int_equal(f.user.outputs, 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_is_pushed_is_taken_as_one_payload),
      cmocka_unit_test(its_user_hears_once_in_a_round_that_there_is_something),
      cmocka_unit_test(another_user_may_take_over),
      cmocka_unit_test(frames_go_to_another_link_as_they_are),
      cmocka_unit_test(it_closes_once_and_keeps_what_it_has),
      cmocka_unit_test(a_burst_of_twice_the_limits_waits),
      cmocka_unit_test(a_client_that_takes_is_never_full),
      cmocka_unit_test(a_full_one_closes),
      cmocka_unit_test(or_drops_by_its_policy),
      cmocka_unit_test(one_that_ends_with_output_is_forgotten),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
