// See dirty_links.h.
#include "net/deliver/dirty_links.h"

#include "net/deliver/link.h"
#include "net/deliver/link_context.h"

namespace chat::net {

void DirtyLinks::open(uv_loop_t* uv) {
  uv_timer_init(uv, &timer_);
  timer_.data = this;
}

void DirtyLinks::close() { uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr); }

bool DirtyLinks::needs_round() const {
  return !links_.empty() && !uv_is_active(reinterpret_cast<const uv_handle_t*>(&timer_));
}

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

void DirtyLinks::add(Link* link) {
  link->dirty_index_ = static_cast<std::uint32_t>(links_.size());
  links_.push_back(link);
}

void DirtyLinks::forget(Link* link) {
  // Both, because a flushed link may be dirty again before the flush is charged.
  for (const std::uint32_t index : {link->dirty_index_, link->flushed_index_}) {
    if (index < links_.size() && links_[index] == link) links_[index] = nullptr;
  }
}

void DirtyLinks::clear() {
  links_.clear();
  next_ = end_ = 0;
}

bool DirtyLinks::flush(bool at_once, TimeBudget& budget) {
  if (links_.empty()) return true;
  if (end_ == 0) {
    if (loop_.options().flush_interval_ms > 0 && !at_once && wait()) return true;
    end_ = links_.size();
  }
  loop_.note_activity();
  const std::size_t first = next_;
  // Now only the links that could not write a shared frame hold it. Links may be destroyed before the next call, so
  // this cannot wait.
  const auto charge = [&] {
    for (std::size_t at = first; at < next_; ++at) {
      if (links_[at]) links_[at]->charge_queue();
    }
  };
  while (next_ < end_) {
    Link* const link = links_[next_++];
    if (!link) continue;
    link->flushed_index_ = static_cast<std::uint32_t>(next_ - 1);
    link->dirty_ = false;
    link->flush();
    if (next_ < end_ && budget.over()) {
      charge();
      return false;
    }
  }
  charge();
  links_.erase(links_.begin(), links_.begin() + static_cast<std::ptrdiff_t>(end_));
  for (std::size_t at = 0; at < links_.size(); ++at) {
    if (links_[at]) links_[at]->dirty_index_ = static_cast<std::uint32_t>(at);
  }
  next_ = end_ = 0;
  return true;
}

}  // namespace chat::net
