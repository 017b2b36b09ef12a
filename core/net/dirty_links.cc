// See dirty_links.h.
#include "net/dirty_links.h"

#include "net/link.h"
#include "net/loop.h"

namespace chat::net {

void DirtyLinks::open(uv_loop_t* uv) {
  uv_timer_init(uv, &timer_);
  timer_.data = this;
}

void DirtyLinks::close() { uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr); }

bool DirtyLinks::wait() {
  const std::int64_t now_ms = loop_.now_ms();
  const std::int64_t due_ms = last_flush_ms_ + loop_.options().flush_interval_ms;
  if (now_ms >= due_ms) {
    last_flush_ms_ = now_ms;
    return false;
  }
  if (!uv_is_active(reinterpret_cast<uv_handle_t*>(&timer_))) {
    // The round that follows flushes.
    uv_timer_start(
        &timer_, [](uv_timer_t* handle) { static_cast<DirtyLinks*>(handle->data)->loop_.note_activity(); },
        static_cast<std::uint64_t>(due_ms - now_ms), 0);
  }
  return true;
}

void DirtyLinks::flush(bool at_once) {
  if (links_.empty()) return;
  if (loop_.options().flush_interval_ms > 0 && !at_once && wait()) return;
  loop_.note_activity();
  // Writing marks nothing dirty but what must be written in the next round.
  std::vector<Link*> links;
  links.swap(links_);
  for (Link* link : links) link->dirty_ = false;
  for (Link* link : links) link->flush();
  // Now what is shared is held by those alone who could not write it.
  for (Link* link : links) link->charge_queue();
  if (links_.empty()) {
    links.clear();
    links_.swap(links);  // keeps the capacity
  }
}

}  // namespace chat::net
