// The links of a loop that have something to write: all are written together at the end of a round, or with
// flush_interval_ms not more often than that. For the loop's thread.
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
  // The handle is closed when libuv's loop has run once more.
  void close();

  // Once, until it is written: the link sees to that.
  void add(Link* link);
  // The link goes, at any time: also in the middle of a flush.
  void forget(Link* link);
  void clear();
  void give_back_memory() { links_.shrink_to_fit(); }

  // At the end of a round. at_once: whatever the interval. False when the time was over before all were written: the next call
  // goes on.
  bool flush(bool at_once, TimeBudget& budget);

 private:
  // True when it is too early, and the timer will tell.
  bool wait();

  LinkContext& loop_;
  uv_timer_t timer_{};
  std::int64_t last_flush_ms_ = 0;
  std::vector<Link*> links_;  // nullptr: forgotten
  // Of a flush that has begun. What is written may be dirty again, and comes in the next one.
  std::size_t next_ = 0;
  std::size_t end_ = 0;
};

}  // namespace chat::net
