// Tracks which server's callback the current thread runs, and whether it runs inside Core::poll().
#pragma once

#include <exception>

namespace pychat {

class CallbackScope {
 public:
  explicit CallbackScope(const void* core) : core_(core), outer_(innermost) { innermost = this; }
  ~CallbackScope() { innermost = outer_; }
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;

  // True when this thread runs a callback of the server, at any depth.
  static bool inside(const void* core) {
    for (const CallbackScope* scope = innermost; scope != nullptr; scope = scope->outer_) {
      if (scope->core_ == core) return true;
    }
    return false;
  }

 private:
  static inline thread_local const CallbackScope* innermost = nullptr;
  const void* core_;  // only compared, never dereferenced
  const CallbackScope* outer_;
};

// Exists while the thread is in Core::poll(). Keeps the exception of a callback that only the caller of poll() can
// handle.
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
