// pychat._pychat.EventIterator, the base of pychat.EventStream: iterates over the events of a batch. An `async for` that takes
// the next event of a batch suspends nothing, so it gets an awaitable that is ready, instead of a coroutine. Use it with the
// GIL.
#pragma once

#include <pybind11/pybind11.h>

namespace pychat {

namespace py = pybind11;

void define_event_iterator(py::module_& module);

}  // namespace pychat
