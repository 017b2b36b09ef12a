// The loop of a worker: ticks, other threads that wake it, its end, and memory that fails.
#include "redis/worker_loop.h"

#include <atomic>
#include <functional>
#include <new>
#include <thread>

#include "redis/uv_handle.h"

// Last, because it has macros with common names.
#include "redis_fixture.h"

using namespace chat;
using namespace chat::redis;
using namespace chat::test;

namespace {

void other_threads_wake_it_until_it_is_stopped(void**) {
  std::atomic<int> wanted = 0;
  std::atomic<int> seen = 0;
  std::thread::id there;
  WorkerLoop* running = nullptr;
  WorkerLoop loop({[&] {
                     there = std::this_thread::get_id();
                     seen = wanted.load();
                     if (seen == 3) running->stop();
                   },
                   [] {}});
  running = &loop;
  assert_ok(loop.prepare());
  loop.wake();  // before it runs
  std::thread worker([&] { loop.run(1'000'000); });
  const std::thread::id its_id = worker.get_id();
  for (int i = 1; i <= 3; ++i) {
    wanted = i;
    loop.wake();
    while (seen != i) std::this_thread::yield();
  }
  worker.join();
  assert_true(there == its_id);
}

void it_ticks(void**) {
  int ticks = 0;
  WorkerLoop* running = nullptr;
  WorkerLoop loop({[] {},
                   [&] {
                     if (++ticks == 3) running->stop();
                   }});
  running = &loop;
  assert_ok(loop.prepare());
  const std::int64_t before_ms = loop.now_ms();
  loop.run(5);
  assert_int_equal(ticks, 3);
  assert_true(loop.now_ms() - before_ms >= 15);
}

void what_fails_for_lack_of_memory_is_repeated(void**) {
  int wakes = 0, ticks = 0;
  WorkerLoop* running = nullptr;
  WorkerLoop loop({[&] {
                     if (++wakes < 3) throw std::bad_alloc();
                   },
                   [&] {
                     if (++ticks < 3) throw std::bad_alloc();
                     running->stop();
                   }});
  running = &loop;
  assert_ok(loop.prepare());
  loop.wake();
  loop.run(1);
  assert_int_equal(wakes, 3);
  assert_int_equal(ticks, 3);
}

void it_ends_in_any_state(void**) {
  WorkerLoop never_prepared({nullptr, nullptr});
  WorkerLoop never_run({[] {}, [] {}});
  assert_ok(never_run.prepare());
  // Stopped again after its end, with a handle that libuv has still to close.
  WorkerLoop* running = nullptr;
  WorkerLoop loop({[] {}, [&] { running->stop(); }});
  running = &loop;
  assert_ok(loop.prepare());
  UvHandle<uv_timer_t> timer = make_timer(loop.get(), nullptr);
  loop.run(1);
  timer.reset();
  loop.stop();
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(other_threads_wake_it_until_it_is_stopped),
      cmocka_unit_test(it_ticks),
      cmocka_unit_test(what_fails_for_lack_of_memory_is_repeated),
      cmocka_unit_test(it_ends_in_any_state),
  };
  return cmocka_run_group_tests_name("redis/worker_loop", tests, nullptr, nullptr);
}
