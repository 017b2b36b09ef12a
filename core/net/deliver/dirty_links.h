// The links of a loop that have something to write. All are written together at the end of a round, but not more often
// than flush_interval_ms says. Used by the loop's thread.
#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "net/base/time_budget.h"

namespace chat::net {

class Link;
class LinkContext;

class DirtyLinks {
 public:
  explicit DirtyLinks(LinkContext& loop) : loop_(loop) {}

  void open(uv_loop_t* uv);
  // The handle is closed when libuv's loop runs the next time.
  void close();

  // Only once until the link is written: the link makes sure of that.
  void add(Link* link);
  // The link is destroyed. At any time, also in the middle of a flush.
  void forget(Link* link);
  void clear();
  void give_back_memory() { links_.shrink_to_fit(); }

  // At the end of a round. at_once: ignores the interval. False when the time was over before all were written: the
  // next call continues.
  bool flush(bool at_once, TimeBudget& budget);
  // There are links to write, and no timer starts the round that does it: some became dirty after the last flush, or in it.
  bool needs_round() const;

 private:
  // True when it is too early. The timer then starts the round that flushes.
  bool wait();

  LinkContext& loop_;
  uv_timer_t timer_{};
  std::int64_t last_flush_ms_ = 0;
  std::vector<Link*> links_;  // nullptr: forgotten
  // The rest of a flush that has begun. A link that becomes dirty again belongs to the next one.
  std::size_t next_ = 0;
  std::size_t end_ = 0;
};

}  // namespace chat::net
