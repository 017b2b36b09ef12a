// See signal_mask.h.
#include "signal_mask.h"

#include <pthread.h>

#include <initializer_list>

namespace pychat {

SignalsBlocked::SignalsBlocked() {
  sigset_t all;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, &kept_);
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &kept_, nullptr); }

sigset_t signal_mask() {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return mask;
}

void take_signal_mask(sigset_t of_starter) {
  sigaddset(&of_starter, SIGPIPE);
  pthread_sigmask(SIG_SETMASK, &of_starter, nullptr);
}

}  // namespace pychat
