// Taking and releasing the GIL. The library's threads come and go without Python knowing them; its calls may wait for a
// lock or for the end of a drain. So: released around every call of chat.h, taken in every callback that needs Python.
#pragma once

#include <pybind11/pybind11.h>

namespace pychat {

namespace py = pybind11;

// No GIL for as long as this lives.
class ReleaseGil {
 public:
  ReleaseGil() : saved_(PyEval_SaveThread()) {}
  // On a daemon thread that comes back when the interpreter has ended this does not return: see gil.cc.
  ~ReleaseGil();
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;

 private:
  PyThreadState* saved_;
};

// Runs a call of chat.h without the GIL and gives what it returns. Nothing in `call` may touch a Python object.
template <class Call>
auto without_gil(Call call) {
  const ReleaseGil released;
  return call();
}

// The GIL for as long as this lives, on any thread. A thread of the library keeps its Python thread state from its first
// callback to its end: making one for every callback would cost more than most callbacks do.
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
