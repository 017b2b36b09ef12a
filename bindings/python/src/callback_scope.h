// Which server's callback this thread is in, and whether that runs inside of Core::poll.
#pragma once

#include <exception>

namespace pychat {

class CallbackScope {
 public:
  explicit CallbackScope(const void* core) : core_(core), outer_(innermost) { innermost = this; }
  ~CallbackScope() { innermost = outer_; }
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;

  static bool inside(const void* core) {
    for (const CallbackScope* scope = innermost; scope != nullptr; scope = scope->outer_) {
      if (scope->core_ == core) return true;
    }
    return false;
  }

 private:
  static inline thread_local const CallbackScope* innermost = nullptr;
  const void* core_;  // never followed
  const CallbackScope* outer_;
};

// While a thread is in Core::poll: what a callback raised that only the caller of poll can handle.
class PollScope {
 public:
  PollScope() : outer_(innermost) { innermost = this; }
  ~PollScope() { innermost = outer_; }
  PollScope(const PollScope&) = delete;
  PollScope& operator=(const PollScope&) = delete;

  static PollScope* current() { return innermost; }

  std::exception_ptr raised;

 private:
  static inline thread_local PollScope* innermost = nullptr;
  PollScope* outer_;
};

}  // namespace pychat
