// Which signals the threads of pychat take. The library blocks them in its threads, and a program that a callback starts
// would inherit that: it could not be ended by SIGTERM. So the loop threads have the mask of the thread that started
// their server, as threads made by Python would. The kernel prefers the main thread for a signal to the process.
#pragma once

#include <csignal>

namespace pychat {

// All signals but a thread's own faults, for the calling thread while this lives: for threads that start meanwhile.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t kept_;
};

// Of the calling thread.
sigset_t signal_mask();
// For a thread of the library: the mask of the thread that started its server. SIGPIPE stays blocked, because OpenSSL writes
// without MSG_NOSIGNAL.
void take_signal_mask(sigset_t of_starter);

}  // namespace pychat
