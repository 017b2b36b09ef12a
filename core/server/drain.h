// The orderly end of a loop: goodbyes are sent to all clients, spread over drain_spread_ms, and the loop ends after drain_timeout_ms
// even if clients are left. For the loop's thread.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "net/base/loop_context.h"

namespace chat::net {

class Drain : public TimerEntry {
 public:
  // finish: ends the loop.
  Drain(LoopContext& loop, Task finish) : loop_(loop), finish_(std::move(finish)) {}

  bool begun() const { return begun_; }
  // Each task says goodbye to one client or session.
  void begin(std::vector<Task> goodbyes);
  // The time budget was over before all goodbyes that are due were sent.
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
  std::vector<Task> left_;  // the goodbyes that are not sent yet; taken from the back
  std::size_t total_ = 0;
};

}  // namespace chat::net
