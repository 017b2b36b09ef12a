// The members of a room and the messages that they receive, even when the time is over in the middle: each member
// receives each message once, whichever other members join or leave.
#include "net/deliver/fanout.h"

#include <memory>
#include <string>
#include <vector>

#include "core/net/fake_loop.h"
#include "net/deliver/websocket_carrier.h"
#include "wire/plain/plain_codec.h"

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

// Each look at this clock costs a second: a limited time is over at the first.
std::int64_t clock_ns() {
  static std::int64_t now_ns = 0;
  return now_ns += 1'000'000'000;
}

// Counts the messages that it receives.
class Listener final : public Receiver {
 public:
  explicit Listener(ClientId id) : Receiver(id, kCodec) {}
  const Carrier& carrier() const override { return websocket_carrier(); }
  const wire::Codec& codec() const override { return kCodec; }
  void deliver(const FramePtr& frame) override {
    ++heard;
    latest = frame;
  }
  void note_own(const MessagePtr&) override { ++skipped; }

  std::size_t heard = 0;
  std::size_t skipped = 0;
  FramePtr latest;

 private:
  static const wire::PlainCodec kCodec;
};

const wire::PlainCodec Listener::kCodec;

struct Fixture {
  explicit Fixture(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      listeners.push_back(std::make_unique<Listener>(i + 1));
      assert_true(fanout.add(receiver(i), "room"));
      fanout.add_to_everyone(receiver(i));
    }
  }

  Receiver& receiver(std::size_t i) { return *listeners[i]; }
  Receiver* excepted_by(const Message& message) {
    return message.except == 0 ? nullptr : listeners[message.except - 1].get();
  }
  bool deliver(const MessagePtr& message, TimeBudget& limit) {
    assert_true(fanout.take(MessagePtr(message), excepted_by(*message), limit));
    return fanout.finish(limit);
  }
  bool deliver_to_everyone(const MessagePtr& message, TimeBudget& limit) {
    assert_true(fanout.take_for_everyone(MessagePtr(message), excepted_by(*message), limit));
    return fanout.finish(limit);
  }
  std::size_t heard(std::size_t i) const { return listeners[i]->heard; }
  std::size_t heard_by_all() const {
    std::size_t sum = 0;
    for (const auto& listener : listeners) sum += listener->heard;
    return sum;
  }
  static MessagePtr message(ClientId except = 0) {
    auto message = std::make_shared<Message>();
    message->except = except;
    message->room = "room";
    message->payload = "hello";
    return message;
  }
  // Is over at the first look.
  TimeBudget& short_time() {
    budget.begin(0);
    return budget;
  }

  std::vector<std::unique_ptr<Listener>> listeners;
  test::FakeServer server;
  Fanout fanout{server.loop()};
  TimeBudget budget{clock_ns};
  TimeBudget unlimited;
};

void all_at_once_without_a_limit(void**) {
  Fixture f(100);
  assert_true(f.deliver(f.message(), f.unlimited));
  assert_false(f.fanout.interrupted());
  for (std::size_t i = 0; i < 100; ++i) assert_int_equal(f.heard(i), 1);
  assert_true(f.deliver_to_everyone(f.message(), f.unlimited));
  for (std::size_t i = 0; i < 100; ++i) assert_int_equal(f.heard(i), 2);
}

void an_interrupted_delivery_goes_on(void**) {
  for (const bool to_everyone : {false, true}) {
    Fixture f(100);
    bool done =
        to_everyone ? f.deliver_to_everyone(f.message(), f.short_time()) : f.deliver(f.message(), f.short_time());
    assert_false(done);
    std::size_t before = f.heard_by_all();
    assert_true(before > 0 && before < 100);
    while (!done) {
      assert_true(f.fanout.interrupted());
      done = f.fanout.finish(f.short_time());
      assert_true(f.heard_by_all() > before);
      before = f.heard_by_all();
    }
    assert_false(f.fanout.interrupted());
    for (std::size_t i = 0; i < 100; ++i) assert_int_equal(f.heard(i), 1);
  }
}

// Whichever member leaves in the middle, the others receive the message once.
void leaving_in_between_neither_repeats_nor_skips(void**) {
  for (const bool to_everyone : {false, true}) {
    for (std::size_t leaver = 0; leaver < 50; ++leaver) {
      Fixture f(50);
      const MessagePtr message = f.message();
      assert_false(to_everyone ? f.deliver_to_everyone(message, f.short_time()) : f.deliver(message, f.short_time()));
      // The first and the last leave too, so that places move more than once.
      for (const std::size_t one : {leaver, std::size_t{0}, std::size_t{49}}) {
        f.fanout.remove_from_everyone(f.receiver(one));
        f.fanout.remove(f.receiver(one), "room");
      }
      assert_true(f.fanout.finish(f.unlimited));
      for (std::size_t i = 0; i < 50; ++i) {
        if (i == leaver || i == 0 || i == 49) {
          assert_true(f.heard(i) <= 1);
        } else {
          assert_int_equal(f.heard(i), 1);
        }
      }
    }
  }
}

void a_room_that_empties_ends_the_delivery(void**) {
  Fixture f(50);
  assert_false(f.deliver(f.message(), f.short_time()));
  for (std::size_t i = 0; i < 50; ++i) assert_true(f.fanout.remove(f.receiver(i), "room"));
  assert_false(f.fanout.interrupted());
  assert_true(f.fanout.finish(f.unlimited));
  // A new room with the same name.
  assert_true(f.fanout.add(f.receiver(0), "room"));
  const std::size_t before = f.heard(0);
  assert_true(f.deliver(f.message(), f.unlimited));
  assert_int_equal(f.heard(0), before + 1);
}

void members_of_other_rooms_leave_without_an_effect(void**) {
  Fixture f(50);
  for (std::size_t i = 0; i < 50; ++i) assert_true(f.fanout.add(f.receiver(i), "other"));
  assert_false(f.deliver(f.message(), f.short_time()));
  for (std::size_t i = 0; i < 50; ++i) assert_true(f.fanout.remove(f.receiver(i), "other"));
  assert_true(f.fanout.finish(f.unlimited));
  for (std::size_t i = 0; i < 50; ++i) assert_int_equal(f.heard(i), 1);
}

void it_is_encoded_once_for_each_form(void**) {
  Fixture f(3);
  assert_true(f.deliver(f.message(), f.unlimited));
  assert_ptr_equal(f.listeners[0]->latest.get(), f.listeners[1]->latest.get());
  assert_ptr_equal(f.listeners[0]->latest.get(), f.listeners[2]->latest.get());
}

void the_sender_is_left_out(void**) {
  Fixture f(3);
  assert_true(f.deliver(f.message(2), f.unlimited));
  assert_int_equal(f.heard(0) + f.heard(2), 2);
  assert_int_equal(f.heard(1), 0);
  assert_int_equal(f.listeners[1]->skipped, 1);
  // A message to everyone belongs to no room and is not noted.
  assert_true(f.deliver_to_everyone(f.message(2), f.unlimited));
  assert_int_equal(f.heard(1), 0);
  assert_int_equal(f.listeners[1]->skipped, 1);
}

void one_is_a_member_once(void**) {
  Fixture f(2);
  assert_false(f.fanout.add(f.receiver(0), "room"));
  assert_true(f.fanout.remove(f.receiver(0), "room"));
  assert_false(f.fanout.remove(f.receiver(0), "room"));
  assert_true(f.deliver(f.message(), f.unlimited));
  assert_int_equal(f.heard(0), 0);
  assert_int_equal(f.heard(1), 1);
  assert_true(f.fanout.add(f.receiver(1), "other"));
  assert_string_equal(f.fanout.remove_any(f.receiver(1)).c_str(), "other");
  assert_string_equal(f.fanout.remove_any(f.receiver(1)).c_str(), "room");
  assert_string_equal(f.fanout.remove_any(f.receiver(1)).c_str(), "");
}

void the_time_is_over_once_and_stays_so(void**) {
  TimeBudget budget(clock_ns);
  assert_false(budget.over());
  budget.begin(1'500);
  assert_true(budget.limited());
  assert_false(budget.over());
  assert_true(budget.over());
  assert_true(budget.over());
  budget.begin(1'500);
  assert_false(budget.over());
  budget.lift();
  for (int i = 0; i < 5; ++i) assert_false(budget.over());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(all_at_once_without_a_limit),
      cmocka_unit_test(an_interrupted_delivery_goes_on),
      cmocka_unit_test(leaving_in_between_neither_repeats_nor_skips),
      cmocka_unit_test(a_room_that_empties_ends_the_delivery),
      cmocka_unit_test(members_of_other_rooms_leave_without_an_effect),
      cmocka_unit_test(it_is_encoded_once_for_each_form),
      cmocka_unit_test(the_sender_is_left_out),
      cmocka_unit_test(one_is_a_member_once),
      cmocka_unit_test(the_time_is_over_once_and_stays_so),
  };
  return cmocka_run_group_tests_name("core/net/deliver/fanout", tests, nullptr, nullptr);
}
