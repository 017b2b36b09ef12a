// The links of a loop that have something to write: all are written together at the end of a round, or with
// flush_interval_ms not more often than that. For the loop's thread.
#pragma once

#include <uv.h>

#include <cstdint>
#include <vector>

namespace chat::net {

class Link;
class Loop;

class DirtyLinks {
 public:
  explicit DirtyLinks(Loop& loop) : loop_(loop) {}

  void open(uv_loop_t* uv);
  // The handle is closed when libuv's loop has run once more.
  void close();

  // Once, until it is written: the link sees to that.
  void add(Link* link) { links_.push_back(link); }
  void forget(Link* link) { std::erase(links_, link); }
  void clear() { links_.clear(); }
  void give_back_memory() { links_.shrink_to_fit(); }

  // At the end of a round. at_once: whatever the interval.
  void flush(bool at_once);

 private:
  // True when it is too early, and the timer will tell.
  bool wait();

  Loop& loop_;
  uv_timer_t timer_{};
  std::int64_t last_flush_ms_ = 0;
  std::vector<Link*> links_;
};

}  // namespace chat::net
