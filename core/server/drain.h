// How a loop ends in good order: everybody is told goodbye, spread over drain_spread_ms, and whoever is still there after
// drain_timeout_ms has had its time. For the loop's thread.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "net/base/loop_context.h"

namespace chat::net {

class Drain : public TimerEntry {
 public:
  // finish: ends the loop, whoever is left.
  Drain(LoopContext& loop, Task finish) : loop_(loop), finish_(std::move(finish)) {}

  bool begun() const { return begun_; }
  // Each call says goodbye to one.
  void begin(std::vector<Task> goodbyes);
  // The loop's time was over before everybody who was due had been told.
  bool interrupted() const { return interrupted_; }
  void go_on() { say_goodbye_in_turn(); }

 private:
  void on_deadline(std::int64_t now_ms) override;
  void say_goodbye_in_turn();
  std::int64_t end_ms() const;

  LoopContext& loop_;
  const Task finish_;
  bool begun_ = false;
  bool interrupted_ = false;
  std::int64_t begun_ms_ = 0;
  std::vector<Task> left_;  // from the back
  std::size_t total_ = 0;
};

}  // namespace chat::net
