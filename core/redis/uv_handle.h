// Owns a handle of libuv. Its memory lives until libuv has closed it, which happens in a later round of the loop; the owner may
// be gone by then, so handle->data, which is the owner's, is nullptr from the destruction on.
#pragma once

#include <uv.h>

#include <memory>

namespace chat::redis {

struct UvCloser {
  template <class Handle>
  void operator()(Handle* handle) const noexcept {
    handle->data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(handle),
             [](uv_handle_t* closed) { const std::unique_ptr<Handle> last(reinterpret_cast<Handle*>(closed)); });
  }
};

template <class Handle>
using UvHandle = std::unique_ptr<Handle, UvCloser>;

// Throw std::bad_alloc. A prepare handle does not keep the loop alive.
inline UvHandle<uv_timer_t> make_timer(uv_loop_t* loop, void* data) {
  auto timer = std::make_unique<uv_timer_t>();
  uv_timer_init(loop, timer.get());
  timer->data = data;
  return UvHandle<uv_timer_t>(timer.release());
}
inline UvHandle<uv_prepare_t> make_prepare(uv_loop_t* loop, void* data) {
  auto prepare = std::make_unique<uv_prepare_t>();
  uv_prepare_init(loop, prepare.get());
  prepare->data = data;
  uv_unref(reinterpret_cast<uv_handle_t*>(prepare.get()));
  return UvHandle<uv_prepare_t>(prepare.release());
}

}  // namespace chat::redis
