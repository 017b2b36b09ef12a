// What waits for a deferred verdict: one command of a client or the entry into its first room, and what the client has said since,
// in order. Bounded. Reads no clock; deadlines are arguments.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "hub/dispatcher.h"
#include "model/vector_queue.h"
#include "wire/codec.h"

namespace chat::net {

class Undecided {
 public:
  // With so many waiting, no more is read from the client.
  static constexpr std::size_t kMaxFrames = 32;

  bool waiting() const { return decision_ != 0; }
  bool waiting_for(DecisionId decision) const { return decision != 0 && decision_ == decision; }
  DecisionId decision() const { return decision_; }
  std::int64_t deadline_ms() const { return deadline_ms_; }  // -1: nothing waits, or the deadline has passed

  // Throws std::bad_alloc; nothing waits then.
  void wait_for_command(Suspended suspended, std::int64_t deadline_ms) {
    command_ = std::make_unique<Suspended>(std::move(suspended));
    decision_ = command_->decision;
    deadline_ms_ = deadline_ms;
  }
  void wait_for_room(DecisionId decision, std::int64_t deadline_ms) {
    decision_ = decision;
    deadline_ms_ = deadline_ms;
  }
  // The deadline has passed, and the verdict is in the inbox.
  void stop_clock() { deadline_ms_ = -1; }
  // The verdict has come. Returns the command that waited for it; nullopt: the entry into the first room did.
  std::optional<Suspended> take() {
    decision_ = 0;
    deadline_ms_ = -1;
    if (!command_) return std::nullopt;
    std::optional<Suspended> command = std::move(*command_);
    command_.reset();
    return command;
  }

  bool has_more() const { return !behind_.empty(); }
  bool full(std::size_t max_bytes) const { return behind_.size() >= kMaxFrames || bytes_ >= max_bytes; }
  // False when max_bytes would be exceeded, which can happen because one read may bring several commands.
  bool push(wire::Decoded& decoded, std::size_t max_bytes) {
    const std::size_t size = size_of(decoded);
    if (bytes_ + size > max_bytes && !behind_.empty()) return false;
    behind_.push_back(std::move(decoded));
    bytes_ += size;
    return true;
  }
  // The client is closed because of what it said last.
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
    return sizeof(wire::Decoded) + (send == nullptr ? 0 : sizeof(Message) + send->draft().size_bytes());
  }

  DecisionId decision_ = 0;
  std::int64_t deadline_ms_ = -1;
  std::unique_ptr<Suspended> command_;  // few clients have one at a time, and it is large
  VectorQueue<wire::Decoded> behind_;
  std::size_t bytes_ = 0;
};

}  // namespace chat::net
