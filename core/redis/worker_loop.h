// A loop of libuv for a thread of its own: other threads wake it, and it has one timer. The thread runs the loop until it is
// stopped.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>

#include "model/types.h"

namespace chat::redis {

class WorkerLoop {
 public:
  // From run(). A call that throws std::bad_alloc is repeated until it does not, so what it has done before must remain.
  struct User {
    std::function<void()> on_wake;  // wake() was called, perhaps several times
    std::function<void()> on_tick;
  };

  explicit WorkerLoop(User user);
  // Waits until libuv has closed all handles, so destroy those that use the loop before.
  ~WorkerLoop();
  WorkerLoop(const WorkerLoop&) = delete;
  WorkerLoop& operator=(const WorkerLoop&) = delete;

  // Before everything else; once. Errors: system, with the reason.
  Status prepare();
  // The thread's function: returns after stop().
  void run(int tick_ms);
  // The loop's thread only.
  void stop();
  // Any thread, after prepare().
  void wake();

  // Valid before prepare(), but not to be used then.
  uv_loop_t* get() { return &loop_; }
  // Steady; of this round of the loop.
  std::int64_t now_ms() const { return static_cast<std::int64_t>(uv_now(&loop_)); }

 private:
  static WorkerLoop& of(const uv_loop_t* loop) { return *static_cast<WorkerLoop*>(loop->data); }
  void close();

  const User user_;
  uv_loop_t loop_{};
  uv_async_t async_{};
  uv_timer_t timer_{};
  bool prepared_ = false;
};

}  // namespace chat::redis
