// The heart-beats of one STOMP connection, in both directions: when one must be sent, and when the client has been silent for too
// long. Knows neither bytes nor sockets.
#pragma once

#include <algorithm>
#include <cstdint>

#include "wire/stomp/stomp_negotiation.h"

namespace chat::session {

class StompHeartBeatTimer {
 public:
  explicit StompHeartBeatTimer(std::int64_t now_ms) : heard_ms_(now_ms), wrote_ms_(now_ms) {}

  void agree(const wire::StompHeartBeats& intervals) { intervals_ = intervals; }
  // The client has nothing more to say.
  void stop_hearing() { intervals_.from_client_ms = 0; }
  void heard(std::int64_t now_ms) { heard_ms_ = now_ms; }
  void wrote(std::int64_t now_ms) { wrote_ms_ = std::max(wrote_ms_, now_ms); }

  bool must_write(std::int64_t now_ms) const { return intervals_.to_client_ms != 0 && now_ms >= write_due_ms(); }
  bool is_silent(std::int64_t now_ms) const { return intervals_.from_client_ms != 0 && now_ms >= silent_due_ms(); }

  // -1: there are no heart-beats.
  std::int64_t deadline_ms() const {
    if (intervals_.from_client_ms == 0) return intervals_.to_client_ms == 0 ? -1 : write_due_ms();
    return intervals_.to_client_ms == 0 ? silent_due_ms() : std::min(write_due_ms(), silent_due_ms());
  }

 private:
  // Early, so that it is not late when it arrives.
  std::int64_t write_due_ms() const { return wrote_ms_ + intervals_.to_client_ms - intervals_.to_client_ms / 4; }
  // Twice the interval: the client's may be late.
  std::int64_t silent_due_ms() const { return heard_ms_ + 2 * intervals_.from_client_ms; }

  wire::StompHeartBeats intervals_;
  std::int64_t heard_ms_;
  std::int64_t wrote_ms_;
};

}  // namespace chat::session
