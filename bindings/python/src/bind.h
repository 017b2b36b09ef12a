// Defines the classes Core and EventQueue of the extension.
#pragma once

#include <pybind11/pybind11.h>

#include "collected.h"
#include "core.h"

namespace pychat {

void define_core(py::module_& module);

}  // namespace pychat
