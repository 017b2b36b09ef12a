// What of a client waits for a verdict that the application has put off: one command or the entry into its first room, and in
// order what the client has said since. Bounded. Belongs to its peer and moves with it; knows no clock.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "hub/dispatcher.h"
#include "wire/codec.h"

namespace chat::net {

class Undecided {
 public:
  // From so many on the client is read no further.
  static constexpr std::size_t kMaxFrames = 32;

  bool waiting() const { return decision_ != 0; }
  bool waiting_for(DecisionId decision) const { return decision != 0 && decision_ == decision; }
  DecisionId decision() const { return decision_; }
  std::int64_t deadline_ms() const { return deadline_ms_; }  // -1: nothing waits, or its time is over already

  void wait_for_command(Suspended suspended, std::int64_t deadline_ms) {
    decision_ = suspended.decision;
    deadline_ms_ = deadline_ms;
    command_ = std::move(suspended);
  }
  void wait_for_room(DecisionId decision, std::int64_t deadline_ms) {
    decision_ = decision;
    deadline_ms_ = deadline_ms;
  }
  // The verdict is on its way.
  void stop_clock() { deadline_ms_ = -1; }
  // The verdict is there. nullopt: it is about the first room.
  std::optional<Suspended> take() {
    decision_ = 0;
    deadline_ms_ = -1;
    return std::exchange(command_, std::nullopt);
  }

  bool has_more() const { return !behind_.empty(); }
  bool full(std::size_t max_bytes) const { return behind_.size() >= kMaxFrames || bytes_ >= max_bytes; }
  // False when it would be above max_bytes: what was read together may be more than was wanted.
  bool push(wire::Decoded& decoded, std::size_t max_bytes) {
    const std::size_t size = size_of(decoded);
    if (bytes_ + size > max_bytes && !behind_.empty()) return false;
    bytes_ += size;
    behind_.push_back(std::move(decoded));
    return true;
  }
  // The client is closed for what it has said last.
  void forget_more() {
    behind_.clear();
    bytes_ = 0;
  }
  wire::Decoded pop() {
    wire::Decoded first = std::move(behind_.front());
    behind_.pop_front();
    bytes_ -= size_of(first);
    return first;
  }

 private:
  static std::size_t size_of(const wire::Decoded& decoded) {
    const auto* const command = std::get_if<Command>(&decoded);
    const auto* const send = command == nullptr ? nullptr : std::get_if<SendCommand>(command);
    return sizeof(wire::Decoded) + (send == nullptr ? 0 : send->draft.size_bytes());
  }

  DecisionId decision_ = 0;
  std::int64_t deadline_ms_ = -1;
  std::optional<Suspended> command_;
  std::deque<wire::Decoded> behind_;
  std::size_t bytes_ = 0;
};

}  // namespace chat::net
