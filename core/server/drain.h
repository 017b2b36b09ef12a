// How a loop ends in good order: everybody is told goodbye, spread over drain_spread_ms, and whoever is still there after
// drain_timeout_ms has had its time. For the loop's thread.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/types.h"
#include "net/base/timer_wheel.h"

namespace chat::net {

class Loop;

class Drain : public TimerEntry {
 public:
  // A client with a link of its own, or an Engine.IO session.
  using Whom = std::variant<ClientId, std::string>;

  explicit Drain(Loop& loop) : loop_(loop) {}

  bool begun() const { return begun_; }
  void begin(std::vector<Whom> everyone);
  // The loop's time was over before everybody who was due had been told.
  bool interrupted() const { return interrupted_; }
  void go_on() { say_goodbye_in_turn(); }

 private:
  void on_deadline(std::int64_t now_ms) override;
  void say_goodbye_in_turn();
  void say_goodbye(const Whom& whom);
  std::int64_t end_ms() const;

  Loop& loop_;
  bool begun_ = false;
  bool interrupted_ = false;
  std::int64_t begun_ms_ = 0;
  std::vector<Whom> left_;  // from the back
  std::size_t total_ = 0;
};

}  // namespace chat::net
