// The signal masks of pychat's threads. The library blocks signals in its threads, and a program started in a callback
// would inherit that mask: SIGTERM could not end it. The loop threads therefore use the mask of the thread that started
// their server, like threads created by Python. The kernel delivers process signals preferably to the main thread.
#pragma once

#include <csignal>

namespace pychat {

// Blocks all signals except those of a thread's own faults on the calling thread, for its lifetime. Threads started
// meanwhile inherit the mask.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t kept_;
};

// The mask of the calling thread.
sigset_t signal_mask();
// Sets the mask of a library thread to that of the thread that started its server. SIGPIPE stays blocked, because
// OpenSSL writes without MSG_NOSIGNAL.
void take_signal_mask(sigset_t of_starter);

}  // namespace pychat
