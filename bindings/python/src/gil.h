// Taking and releasing the GIL. Python does not know the library's threads, and calls of the library may wait for a
// lock or the end of a drain. The GIL is therefore released around every call of chat.h, and taken in every callback
// that needs Python.
#pragma once

#include <pybind11/pybind11.h>

namespace pychat {

namespace py = pybind11;

// Releases the GIL for its lifetime.
class ReleaseGil {
 public:
  ReleaseGil() : saved_(PyEval_SaveThread()) {}
  // Does not return on a daemon thread after the interpreter has ended; see gil.cc.
  ~ReleaseGil();
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;

 private:
  PyThreadState* saved_;
};

// Runs a call of chat.h without the GIL and returns its result. `call` must not touch Python objects.
template <class Call>
auto without_gil(Call call) {
  const ReleaseGil released;
  return call();
}

// Holds the GIL for its lifetime, on any thread. A thread of the library keeps its Python thread state from its first
// callback to its end, because creating one per callback would cost more than most callbacks.
class TakeGil {
 public:
  TakeGil();
  ~TakeGil();
  TakeGil(const TakeGil&) = delete;
  TakeGil& operator=(const TakeGil&) = delete;

 private:
  PyGILState_STATE state_;
};

}  // namespace pychat
