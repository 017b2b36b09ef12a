// The queue of a loop: the order of items, when the loop is woken, reserved places, and closing.
#include "server/inbox.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <thread>
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
using namespace chat::net;

namespace {

LoopEvent event(ClientId client) { return CloseClient{client, 1008, "x"}; }

ClientId client_of(const InboxItem& item) { return std::get<CloseClient>(std::get<LoopEvent>(item)).client; }

void wakes_exactly_when_it_was_empty(void**) {
  Inbox inbox;
  int wakes = 0;
  auto wake = [&] { ++wakes; };
  std::vector<InboxItem> taken;
  for (int round = 1; round <= 3; ++round) {
    assert_true(inbox.empty());
    inbox.push(event(1), wake);
    assert_int_equal(wakes, round);
    inbox.push(event(2), wake);
    inbox.push(Task([] {}), wake);
    assert_int_equal(wakes, round);
    assert_false(inbox.empty());
    inbox.take(taken);
    assert_int_equal(taken.size(), 3);
    taken.clear();
  }
  inbox.take(taken);
  assert_true(taken.empty());
}

void events_and_tasks_keep_one_order(void**) {
  Inbox inbox;
  std::vector<ClientId> ran;
  for (ClientId i = 0; i < 100; ++i) {
    if (i % 3 == 0) {
      inbox.push(Task([&ran, i] { ran.push_back(i); }), [] {});
    } else {
      inbox.push(event(i), [] {});
    }
  }
  std::vector<InboxItem> taken;
  inbox.take(taken);
  for (InboxItem& item : taken) {
    if (Task* task = std::get_if<Task>(&item)) {
      (*task)();
    } else {
      ran.push_back(client_of(item));
    }
  }
  assert_int_equal(ran.size(), 100);
  for (ClientId i = 0; i < 100; ++i) assert_int_equal(ran[i], i);
}

void gives_capacity_back_and_forth(void**) {
  Inbox inbox;
  std::vector<InboxItem> taken;
  taken.reserve(1000);
  const InboxItem* const memory = taken.data();
  inbox.push(event(1), [] {});
  inbox.take(taken);
  taken.clear();
  for (ClientId i = 0; i < 1000; ++i) inbox.push(event(i), [] {});
  inbox.take(taken);
  assert_ptr_equal(taken.data(), memory);
}

void after_the_close_nothing_comes_and_nobody_is_woken(void**) {
  Inbox inbox;
  int wakes = 0;
  inbox.push(event(1), [&] { ++wakes; });
  inbox.close();
  inbox.push(event(2), [&] { ++wakes; });
  std::vector<InboxItem> taken;
  inbox.take(taken);
  // Items from before the close are still there.
  assert_int_equal(taken.size(), 1);
  assert_int_equal(client_of(taken[0]), 1);
  taken.clear();
  inbox.push(event(3), [&] { ++wakes; });
  inbox.close();
  assert_true(inbox.empty());
  assert_int_equal(wakes, 1);
}

void what_comes_too_late_is_destroyed(void**) {
  Inbox inbox;
  inbox.close();
  const auto owned = std::make_shared<int>(0);
  inbox.push(Task([owned] {}), [] {});
  assert_int_equal(owned.use_count(), 1);
}

void what_was_never_taken_is_destroyed(void**) {
  const auto owned = std::make_shared<int>(0);
  {
    Inbox inbox;
    inbox.push(Task([owned] {}), [] {});
    inbox.close();
    assert_int_equal(owned.use_count(), 2);
  }
  assert_int_equal(owned.use_count(), 1);
}

// The consumer sleeps until it is woken, as a loop does. It hangs if one wake is missing.
class Sleeper {
 public:
  void wake() {
    const std::lock_guard lock(mutex_);
    awake_ = true;
    ++wakes_;
    changed_.notify_one();
  }
  void sleep() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return awake_; });
    awake_ = false;
  }
  int wakes() const { return wakes_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool awake_ = false;
  int wakes_ = 0;
};

void many_threads_push_while_one_takes(void**) {
  constexpr ClientId kThreads = 8;
  constexpr ClientId kEach = 5000;
  Inbox inbox;
  Sleeper sleeper;
  std::vector<std::thread> threads;
  for (ClientId thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (ClientId i = 0; i < kEach; ++i) inbox.push(event(thread * kEach + i), [&] { sleeper.wake(); });
    });
  }
  std::vector<ClientId> next(kThreads, 0);
  std::vector<InboxItem> taken;
  ClientId total = 0;
  int rounds = 0;
  bool in_order = true;
  while (total < kThreads * kEach) {
    sleeper.sleep();
    inbox.take(taken);
    rounds += taken.empty() ? 0 : 1;
    for (const InboxItem& item : taken) {
      const ClientId client = client_of(item);
      in_order = in_order && client % kEach == next[client / kEach]++;
    }
    total += taken.size();
    taken.clear();
  }
  for (std::thread& thread : threads) thread.join();
  assert_true(in_order);
  assert_int_equal(total, kThreads * kEach);
  assert_int_equal(sleeper.wakes(), rounds);
  assert_true(inbox.empty());
}

void a_close_among_many_threads_is_the_last_wake(void**) {
  for (int run = 0; run < 10; ++run) {
    Inbox inbox;
    std::atomic<bool> closed{false};
    std::atomic<bool> woken_after{false};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        while (!stop) {
          inbox.push(event(1), [&] {
            if (closed) woken_after = true;
          });
        }
      });
    }
    std::vector<InboxItem> taken;
    for (int round = 0; round < 20; ++round) {
      inbox.take(taken);
      taken.clear();
      std::this_thread::yield();
    }
    inbox.close();
    closed = true;
    for (int round = 0; round < 20; ++round) {
      inbox.take(taken);
      taken.clear();
      std::this_thread::yield();
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    assert_false(woken_after);
    assert_true(inbox.empty());
  }
}

// Also after other items, a turn of the loop, and memory that was given back.
void a_reserved_place_needs_no_memory(void**) {
  Inbox inbox;
  int wakes = 0;
  const auto wake = [&] { ++wakes; };
  std::vector<InboxItem> taken;
  inbox.reserve(3);
  inbox.push(event(1), wake);
  inbox.take(taken);  // with an empty vector in exchange
  inbox.give_back_memory();
  const auto capacity_is_kept = [&] {
    std::vector<InboxItem> mine;
    inbox.take(mine);
    const bool kept = mine.capacity() >= 2;
    inbox.take(mine);
    return kept;
  };
  assert_true(capacity_is_kept());
  inbox.push_reserved(event(2), wake);
  assert_int_equal(wakes, 2);
  inbox.release(1);
  inbox.push_reserved(event(3), wake);
  assert_int_equal(wakes, 2);
  taken.clear();
  inbox.take(taken);
  assert_int_equal(taken.size(), 2);
  assert_int_equal(client_of(taken[0]), 2);
  assert_int_equal(client_of(taken[1]), 3);
  inbox.give_back_memory();

  inbox.reserve(1);
  inbox.close();
  inbox.push_reserved(event(4), wake);
  assert_true(inbox.empty());
  assert_int_equal(wakes, 2);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(wakes_exactly_when_it_was_empty),
      cmocka_unit_test(events_and_tasks_keep_one_order),
      cmocka_unit_test(gives_capacity_back_and_forth),
      cmocka_unit_test(after_the_close_nothing_comes_and_nobody_is_woken),
      cmocka_unit_test(what_comes_too_late_is_destroyed),
      cmocka_unit_test(what_was_never_taken_is_destroyed),
      cmocka_unit_test(a_reserved_place_needs_no_memory),
      cmocka_unit_test(many_threads_push_while_one_takes),
      cmocka_unit_test(a_close_among_many_threads_is_the_last_wake),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
