// See gil.h.
#include "gil.h"

#include <cxxabi.h>
#include <unistd.h>

namespace pychat {
namespace {

// Holds one reference to this thread's Python state. The library joins its threads inside chat_server_free(), which is
// called without the GIL and before the interpreter ends, so an ending thread can still take the GIL.
class KeptThreadState {
 public:
  ~KeptThreadState() {
    if (saved_ == nullptr) return;
    PyEval_RestoreThread(saved_);
    PyGILState_Release(state_);
  }

  void keep() {
    if (saved_ != nullptr || PyGILState_GetThisThreadState() != nullptr) return;
    state_ = PyGILState_Ensure();
    saved_ = PyEval_SaveThread();
  }

 private:
  PyGILState_STATE state_ = PyGILState_UNLOCKED;
  PyThreadState* saved_ = nullptr;
};

thread_local KeptThreadState kept;

}  // namespace

// Before 3.14, Python ends such a thread with pthread_exit(). Its unwinding cannot pass a destructor, so the process
// would abort. The thread therefore waits for the end of the process, as it does in 3.14.
ReleaseGil::~ReleaseGil() {
#ifdef __GLIBCXX__
  try {
    PyEval_RestoreThread(saved_);
  } catch (abi::__forced_unwind&) {
    for (;;) pause();
  }
#else
  PyEval_RestoreThread(saved_);
#endif
}

TakeGil::TakeGil() {
  kept.keep();
  state_ = PyGILState_Ensure();
}

TakeGil::~TakeGil() { PyGILState_Release(state_); }

}  // namespace pychat
