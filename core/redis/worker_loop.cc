// See worker_loop.h.
#include "redis/worker_loop.h"

#include <utility>

#include "model/surely.h"

namespace chat::redis {

WorkerLoop::WorkerLoop(User user) : user_(std::move(user)) {}

WorkerLoop::~WorkerLoop() {
  if (!prepared_) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
  close();
}

// Once more after a stop() that no run() has seen.
void WorkerLoop::close() {
  while (uv_run(&loop_, UV_RUN_DEFAULT) != 0) {
  }
  uv_loop_close(&loop_);
}

Status WorkerLoop::prepare() {
  int code = uv_loop_init(&loop_);
  if (code != 0) return {Error::system, uv_strerror(code)};
  loop_.data = this;
  code = uv_async_init(&loop_, &async_, [](uv_async_t* async) {
    const User& user = of(async->loop).user_;
    surely([&] { user.on_wake(); });
  });
  if (code == 0) {
    code = uv_timer_init(&loop_, &timer_);
    if (code != 0) uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
  }
  prepared_ = code == 0;
  if (prepared_) return {};
  close();
  return {Error::system, uv_strerror(code)};
}

void WorkerLoop::run(int tick_ms) {
  const auto interval_ms = static_cast<std::uint64_t>(tick_ms);
  uv_timer_start(
      &timer_,
      [](uv_timer_t* timer) {
        const User& user = of(timer->loop).user_;
        surely([&] { user.on_tick(); });
      },
      interval_ms, interval_ms);
  uv_run(&loop_, UV_RUN_DEFAULT);
}

void WorkerLoop::stop() { uv_stop(&loop_); }

void WorkerLoop::wake() { uv_async_send(&async_); }

}  // namespace chat::redis
