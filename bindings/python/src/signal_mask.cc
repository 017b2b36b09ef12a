// See signal_mask.h.
#include "signal_mask.h"

#include <pthread.h>

#include <mutex>

namespace pychat {
namespace {

std::mutex mutex;
sigset_t remembered;
bool is_remembered = false;

}  // namespace

SignalsBlocked::SignalsBlocked() {
  sigset_t all;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, &kept_);
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &kept_, nullptr); }

void remember_signal_mask() {
  const std::lock_guard lock(mutex);
  pthread_sigmask(SIG_BLOCK, nullptr, &remembered);
  is_remembered = true;
}

void take_signal_mask() {
  const std::lock_guard lock(mutex);
  if (!is_remembered) return;
  sigset_t mask = remembered;
  sigaddset(&mask, SIGPIPE);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

}  // namespace pychat
