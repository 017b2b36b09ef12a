// Marks that the current thread runs a deciding callback (on_authorize, on_message). Actions of the application inside
// it take effect after the command that it decides about (chat.h, convention 8).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace chat {

class Hub;

class CallbackScope {
 public:
  // The hub must outlive the scope.
  explicit CallbackScope(const Hub& hub);
  ~CallbackScope();  // runs the deferred actions
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;

  // The innermost scope of this hub on this thread, or nullptr.
  static CallbackScope* current(const Hub& hub);

  // Runs the action when the scope ends.
  void defer(std::function<void()> action) { deferred_.push_back(std::move(action)); }

  // Records that the application answered this acknowledgement inside the callback.
  void note_answer(std::uint64_t ack_id) { answered_ = ack_id; }
  bool answered(std::uint64_t ack_id) const { return ack_id != 0 && answered_ == ack_id; }

 private:
  const Hub& hub_;
  CallbackScope* const outer_;
  std::vector<std::function<void()>> deferred_;
  std::uint64_t answered_ = 0;
};

}  // namespace chat
