// Makes a class of the extension visible to Python's garbage collector. The class needs traverse() and clear().
#pragma once

#include <pybind11/pybind11.h>

namespace pychat {

namespace py = pybind11;

// The C++ object in a Python object; null while that is being constructed or destroyed.
template <class Class>
Class* held(PyObject* self) {
  auto* instance = reinterpret_cast<py::detail::instance*>(self);
  const py::detail::value_and_holder value = instance->get_value_and_holder();
  if (!value.holder_constructed()) return nullptr;
  return static_cast<Class*>(value.value_ptr());
}

template <class Class>
py::custom_type_setup collected() {
  return py::custom_type_setup([](PyHeapTypeObject* heap_type) {
    PyTypeObject* type = &heap_type->ht_type;
    type->tp_flags |= Py_TPFLAGS_HAVE_GC;
    type->tp_traverse = [](PyObject* self, visitproc visit, void* arg) -> int {
#if PY_VERSION_HEX >= 0x03090000
      Py_VISIT(Py_TYPE(self));
#endif
      Class* object = held<Class>(self);
      return object == nullptr ? 0 : object->traverse(visit, arg);
    };
    type->tp_clear = [](PyObject* self) -> int {
      if (Class* object = held<Class>(self)) object->clear();
      return 0;
    };
  });
}

}  // namespace pychat
