// Deadlines: never early and hardly late, whatever callbacks do to other entries, and after a long sleep.
#include "net/base/timer_wheel.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat::net;

namespace {

constexpr std::int64_t kTick = TimerWheel::kTickMs;
constexpr std::int64_t kLapMs = 1024 * kTick;

TimeBudget unlimited;

struct Entry : TimerEntry {
  std::vector<std::int64_t> calls;
  std::function<void(std::int64_t)> then;

 private:
  void on_deadline(std::int64_t now_ms) override {
    calls.push_back(now_ms);
    if (then) then(now_ms);
  }
};

// Works like the loop: sleeps until next_ms() and calls advance(), until no entry is left or the time is reached.
std::int64_t run(TimerWheel& wheel, std::int64_t now_ms, std::int64_t until_ms) {
  for (std::int64_t next = wheel.next_ms(); next != -1 && next <= until_ms; next = wheel.next_ms()) {
    assert_true(next > now_ms || now_ms == 0);
    now_ms = std::max(now_ms, next);
    wheel.advance(now_ms, unlimited);
  }
  return now_ms;
}

void an_empty_wheel_sleeps(void**) {
  TimerWheel wheel(123'456);
  assert_int_equal(wheel.next_ms(), -1);
  wheel.advance(123'456, unlimited);
  wheel.advance(10'000'000, unlimited);
  assert_int_equal(wheel.next_ms(), -1);
}

void never_early_and_at_most_a_tick_late(void**) {
  for (const std::int64_t start : {0, 7, 20, 12'345}) {
    for (std::int64_t wait = 0; wait < 4 * kTick; ++wait) {
      TimerWheel wheel(start);
      Entry entry;
      wheel.set(entry, start + wait);
      assert_true(entry.pending());
      assert_int_equal(entry.deadline_ms(), start + wait);
      std::int64_t now = start;
      while (entry.calls.empty()) wheel.advance(++now, unlimited);
      assert_false(entry.pending());
      assert_in_range(now, start + wait, start + std::max<std::int64_t>(wait, 1) + kTick);
      // Only once.
      wheel.advance(now + 10 * kLapMs, unlimited);
      assert_int_equal(entry.calls.size(), 1);
      assert_int_equal(entry.calls[0], now);
    }
  }
}

void next_tells_when_to_wake(void**) {
  TimerWheel wheel(1000);
  Entry near;
  Entry far;
  wheel.set(far, 9000);
  wheel.set(near, 1234);
  assert_in_range(wheel.next_ms(), 1234, 1234 + kTick);
  wheel.advance(wheel.next_ms(), unlimited);
  assert_int_equal(near.calls.size(), 1);
  assert_in_range(wheel.next_ms(), 9000, 9000 + kTick);
  wheel.advance(wheel.next_ms(), unlimited);
  assert_int_equal(far.calls.size(), 1);
  assert_int_equal(wheel.next_ms(), -1);
}

void a_deadline_in_the_past_comes_with_the_next_tick(void**) {
  TimerWheel wheel(1000);
  Entry entry;
  wheel.set(entry, 3);
  assert_in_range(wheel.next_ms(), 1000, 1000 + kTick);
  wheel.advance(wheel.next_ms(), unlimited);
  assert_int_equal(entry.calls.size(), 1);
}

void the_clock_may_stand_still_or_go_back(void**) {
  TimerWheel wheel(1000);
  Entry entry;
  wheel.set(entry, 1100);
  wheel.advance(1000, unlimited);
  wheel.advance(1000, unlimited);
  wheel.advance(500, unlimited);
  assert_true(entry.calls.empty());
  wheel.advance(1100, unlimited);
  assert_int_equal(entry.calls.size(), 1);
}

void cancelled_and_set_again(void**) {
  TimerWheel wheel(0);
  Entry entry;
  TimerWheel::cancel(entry);  // not set
  wheel.set(entry, 100);
  TimerWheel::cancel(entry);
  assert_false(entry.pending());
  assert_int_equal(wheel.next_ms(), -1);
  wheel.advance(1000, unlimited);
  assert_true(entry.calls.empty());

  // Moved later and earlier, the entry is in the wheel once.
  wheel.set(entry, 2000);
  wheel.set(entry, 3000);
  wheel.advance(2500, unlimited);
  assert_true(entry.calls.empty());
  wheel.set(entry, 2600);
  wheel.advance(2600, unlimited);
  assert_int_equal(entry.calls.size(), 1);
  wheel.advance(4000, unlimited);
  assert_int_equal(entry.calls.size(), 1);
}

void an_entry_takes_itself_out_when_it_goes(void**) {
  TimerWheel wheel(0);
  Entry stays;
  wheel.set(stays, 100);
  {
    Entry goes;
    wheel.set(goes, 100);
  }
  wheel.advance(200, unlimited);
  assert_int_equal(stays.calls.size(), 1);
}

void entries_may_outlive_the_wheel(void**) {
  Entry one;
  Entry other;
  {
    TimerWheel wheel(0);
    wheel.set(one, 100);
    wheel.set(other, 100);
  }
  assert_false(one.pending());
  assert_false(other.pending());
  TimerWheel next(0);
  next.set(one, 100);
  next.advance(100, unlimited);
  assert_int_equal(one.calls.size(), 1);
}

void deadlines_of_many_laps(void**) {
  TimerWheel wheel(0);
  std::vector<std::unique_ptr<Entry>> entries;
  // All entries are in one slot.
  for (std::int64_t lap = 0; lap < 20; ++lap) {
    entries.push_back(std::make_unique<Entry>());
    wheel.set(*entries.back(), 500 + lap * kLapMs);
  }
  run(wheel, 0, 30 * kLapMs);
  for (std::int64_t lap = 0; lap < 20; ++lap) {
    const std::vector<std::int64_t>& calls = entries[static_cast<std::size_t>(lap)]->calls;
    assert_int_equal(calls.size(), 1);
    assert_in_range(calls[0], 500 + lap * kLapMs, 500 + lap * kLapMs + kTick);
  }
}

void a_long_sleep_misses_nothing(void**) {
  for (const std::int64_t sleep_ms : {kLapMs - 1, kLapMs, kLapMs + 1, 3 * kLapMs + 777, std::int64_t{1} << 45}) {
    TimerWheel wheel(0);
    std::vector<std::unique_ptr<Entry>> entries;
    for (std::int64_t deadline = 0; deadline < 2 * kLapMs; deadline += 333) {
      entries.push_back(std::make_unique<Entry>());
      wheel.set(*entries.back(), deadline);
    }
    Entry beyond;
    wheel.set(beyond, sleep_ms + 50);
    wheel.advance(sleep_ms, unlimited);
    for (const auto& entry : entries) {
      // Entries near the end may wait for the current tick to end.
      if (entry->deadline_ms() + kTick <= sleep_ms) assert_int_equal(entry->calls.size(), 1);
      if (entry->deadline_ms() > sleep_ms) assert_int_equal(entry->calls.size(), 0);
    }
    assert_true(beyond.calls.empty());
    wheel.advance(sleep_ms + 50 + kTick, unlimited);
    assert_int_equal(beyond.calls.size(), 1);
  }
}

void set_after_a_long_sleep(void**) {
  // Without entries, advance() was not called.
  TimerWheel wheel(0);
  Entry entry;
  const std::int64_t now = 50 * kLapMs + 5;
  wheel.set(entry, now + 100);
  run(wheel, 0, now - 1);
  assert_true(entry.calls.empty());
  wheel.advance(now + 99, unlimited);
  assert_true(entry.calls.empty());
  run(wheel, now + 99, now + kLapMs);
  assert_int_equal(entry.calls.size(), 1);
  assert_in_range(entry.calls[0], now + 100, now + 100 + kTick);
}

// Callbacks

void a_callback_sets_its_own_entry_again(void**) {
  TimerWheel wheel(0);
  Entry entry;
  entry.then = [&](std::int64_t now) {
    assert_false(entry.pending());
    wheel.set(entry, now + 100);
  };
  wheel.set(entry, 100);
  run(wheel, 0, 10'000);
  assert_int_equal(entry.calls.size(), 100);
  for (std::size_t i = 1; i < entry.calls.size(); ++i)
    assert_in_range(entry.calls[i] - entry.calls[i - 1], 100, 100 + kTick);
}

void a_deadline_that_is_always_due_does_not_hold_the_loop(void**) {
  TimerWheel wheel(0);
  Entry entry;
  entry.then = [&](std::int64_t now) { wheel.set(entry, now); };
  wheel.set(entry, 0);
  wheel.advance(100 * kLapMs, unlimited);
  assert_true(entry.calls.size() >= 1);
  assert_true(entry.pending());
}

void a_callback_cancels_its_neighbours(void**) {
  TimerWheel wheel(0);
  Entry first;
  Entry second;
  Entry third;
  Entry later;
  for (Entry* entry : {&first, &second, &third}) wheel.set(*entry, 100);
  wheel.set(later, 200);
  first.then = [&](std::int64_t) {
    TimerWheel::cancel(second);
    TimerWheel::cancel(later);
  };
  wheel.advance(1000, unlimited);
  assert_int_equal(first.calls.size(), 1);
  assert_int_equal(second.calls.size(), 0);
  assert_int_equal(third.calls.size(), 1);
  assert_int_equal(later.calls.size(), 0);
  assert_int_equal(wheel.next_ms(), -1);
}

void a_callback_puts_its_neighbours_off(void**) {
  TimerWheel wheel(0);
  Entry first;
  Entry second;
  wheel.set(first, 100);
  wheel.set(second, 100);
  first.then = [&](std::int64_t now) { wheel.set(second, now + kLapMs); };
  wheel.advance(100, unlimited);
  assert_int_equal(second.calls.size(), 0);
  run(wheel, 100, 2 * kLapMs);
  assert_int_equal(second.calls.size(), 1);
  assert_in_range(second.calls[0], 100 + kLapMs, 100 + kLapMs + kTick);
}

void a_callback_destroys_entries(void**) {
  TimerWheel wheel(0);
  auto itself = std::make_unique<Entry>();
  auto neighbour = std::make_unique<Entry>();
  auto in_another_slot = std::make_unique<Entry>();
  Entry last;
  wheel.set(*itself, 100);
  wheel.set(*neighbour, 100);
  wheel.set(last, 100);
  wheel.set(*in_another_slot, 300);
  Entry* raw = itself.get();
  raw->then = [&](std::int64_t) {
    neighbour.reset();
    in_another_slot.reset();
    // The running function is stored in the destroyed object.
    const std::function<void(std::int64_t)> kept = std::move(raw->then);
    itself.reset();
  };
  wheel.advance(1000, unlimited);
  assert_null(itself.get());
  assert_int_equal(last.calls.size(), 1);
  assert_int_equal(wheel.next_ms(), -1);
}

void a_callback_sets_others_while_a_long_sleep_is_caught_up(void**) {
  TimerWheel wheel(0);
  Entry first;
  Entry due;
  Entry later;
  const std::int64_t now = 5 * kLapMs;
  first.then = [&](std::int64_t) {
    wheel.set(due, 50);
    wheel.set(later, now + 1);
  };
  wheel.set(first, 20);
  wheel.advance(now, unlimited);
  wheel.advance(now + kTick, unlimited);
  assert_int_equal(first.calls.size(), 1);
  assert_int_equal(due.calls.size(), 1);
  assert_int_equal(later.calls.size(), 1);
  assert_true(later.calls[0] >= now + 1);
}

// Random operations, compared with a simple implementation

// A clock that advances by a second per call, so the budget ends at the first check.
std::int64_t slow_clock_ns() {
  static std::int64_t now_ns = 0;
  return now_ns += 1'000'000'000;
}

void what_is_due_is_called_in_portions(void**) {
  TimerWheel wheel(0);
  TimeBudget budget(slow_clock_ns);
  std::vector<std::unique_ptr<Entry>> entries;
  for (int i = 0; i < 10; ++i) {
    entries.push_back(std::make_unique<Entry>());
    wheel.set(*entries.back(), i < 6 ? 100 : 200);
  }
  // Waiting entries may still be cancelled, postponed or destroyed.
  entries[0]->then = [&](std::int64_t) {
    TimerWheel::cancel(*entries[1]);
    wheel.set(*entries[2], 200);
    entries[3].reset();
  };
  const auto called = [&] {
    std::size_t sum = 0;
    for (const auto& entry : entries) sum += entry ? entry->calls.size() : 0;
    return sum;
  };
  std::size_t calls = 0;
  for (bool done = false; !done;) {
    assert_true(calls == 0 || wheel.next_ms() <= 1000);
    budget.begin(0);
    done = wheel.advance(1000, budget);
    if (!done) ++calls;
    assert_int_equal(called(), calls);
  }
  assert_int_equal(calls, 8);
  assert_int_equal(wheel.next_ms(), -1);
  assert_true(entries[1]->calls.empty());
}

void does_what_a_sorted_map_does(void**) {
  std::mt19937_64 random(20'240'502);
  auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound));
  };
  for (int run = 0; run < 5; ++run) {
    std::int64_t now = below(1'000'000);
    TimerWheel wheel(now);
    std::vector<std::unique_ptr<Entry>> entries(2000);
    std::multimap<std::int64_t, Entry*> model;
    auto forget = [&](Entry* entry) {
      auto [at, end] = model.equal_range(entry->deadline_ms());
      while (at != end && at->second != entry) ++at;
      if (at != end) model.erase(at);
    };
    std::int64_t called = 0;
    for (auto& entry : entries) {
      entry = std::make_unique<Entry>();
      entry->then = [&, raw = entry.get()](std::int64_t time) {
        assert_int_equal(time, now);
        assert_true(raw->deadline_ms() <= now);
        forget(raw);
        ++called;
        if (below(3) != 0) return;
        Entry& other = *entries[static_cast<std::size_t>(below(2000))];
        if (other.pending()) forget(&other);
        if (below(2) == 0) {
          TimerWheel::cancel(other);
        } else {
          const std::int64_t deadline = now + 1 + below(2 * kLapMs);
          wheel.set(other, deadline);
          model.emplace(deadline, &other);
        }
      };
    }
    for (int step = 0; step < 3000; ++step) {
      for (std::int64_t changes = below(10); changes > 0; --changes) {
        Entry& entry = *entries[static_cast<std::size_t>(below(2000))];
        if (entry.pending()) forget(&entry);
        if (below(5) == 0) {
          TimerWheel::cancel(entry);
          continue;
        }
        const std::int64_t deadline = now + below(below(4) == 0 ? 5 * kLapMs : 3000);
        wheel.set(entry, deadline);
        model.emplace(deadline, &entry);
      }
      const std::int64_t next = wheel.next_ms();
      assert_int_equal(next == -1, model.empty());
      // Waking early only costs a lap without effect. Waking late would be an error.
      if (next != -1) assert_true(next <= std::max(now, model.begin()->first) + kTick);
      if (below(100) == 0) {
        now += below(3 * kLapMs);
      } else if (next != -1 && below(2) == 0) {
        now = std::max(now, next);
      } else {
        now += below(200);
      }
      wheel.advance(now, unlimited);
      // No entry was due more than a tick ago.
      if (!model.empty()) assert_true(model.begin()->first > now - kTick);
    }
    assert_true(called > 1000);
    std::size_t pending = 0;
    for (const auto& entry : entries) pending += entry->pending() ? 1 : 0;
    assert_int_equal(pending, model.size());
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_wheel_sleeps),
      cmocka_unit_test(never_early_and_at_most_a_tick_late),
      cmocka_unit_test(next_tells_when_to_wake),
      cmocka_unit_test(a_deadline_in_the_past_comes_with_the_next_tick),
      cmocka_unit_test(the_clock_may_stand_still_or_go_back),
      cmocka_unit_test(cancelled_and_set_again),
      cmocka_unit_test(an_entry_takes_itself_out_when_it_goes),
      cmocka_unit_test(entries_may_outlive_the_wheel),
      cmocka_unit_test(deadlines_of_many_laps),
      cmocka_unit_test(a_long_sleep_misses_nothing),
      cmocka_unit_test(set_after_a_long_sleep),
      cmocka_unit_test(a_callback_sets_its_own_entry_again),
      cmocka_unit_test(a_deadline_that_is_always_due_does_not_hold_the_loop),
      cmocka_unit_test(a_callback_cancels_its_neighbours),
      cmocka_unit_test(a_callback_puts_its_neighbours_off),
      cmocka_unit_test(a_callback_destroys_entries),
      cmocka_unit_test(a_callback_sets_others_while_a_long_sleep_is_caught_up),
      cmocka_unit_test(what_is_due_is_called_in_portions),
      cmocka_unit_test(does_what_a_sorted_map_does),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
