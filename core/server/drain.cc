// See drain.h.
#include "server/drain.h"

#include <algorithm>

namespace chat::net {

void Drain::begin(std::vector<Task> goodbyes) {
  begun_ = true;
  begun_ms_ = loop_.now_ms();
  left_ = std::move(goodbyes);
  total_ = left_.size();
  say_goodbye_in_turn();
}

std::int64_t Drain::end_ms() const { return begun_ms_ + loop_.options().drain_timeout_ms; }

void Drain::say_goodbye_in_turn() {
  const std::int64_t spread_ms = std::min(loop_.options().drain_spread_ms, loop_.options().drain_timeout_ms);
  const std::int64_t passed_ms = loop_.now_ms() - begun_ms_;
  std::size_t due = total_;
  if (passed_ms < spread_ms) {
    due = total_ * static_cast<std::size_t>(passed_ms) / static_cast<std::size_t>(spread_ms) + 1;
  }
  interrupted_ = false;
  while (!interrupted_ && !left_.empty() && total_ - left_.size() < due) {
    const Task goodbye = std::move(left_.back());
    left_.pop_back();
    goodbye();
    interrupted_ = loop_.budget().over();
  }
  loop_.set_timer(*this, left_.empty() ? end_ms() : loop_.now_ms() + TimerWheel::kTickMs);
}

void Drain::on_deadline(std::int64_t now_ms) {
  if (now_ms < end_ms()) {
    say_goodbye_in_turn();
  } else {
    finish_();
  }
}

}  // namespace chat::net
