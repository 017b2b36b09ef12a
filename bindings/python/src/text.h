// Converts strings of chat.h to Python objects. The library provides valid UTF-8, so decoding cannot fail for its data.
// Call with the GIL.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <string>

#include "chat/chat.h"

namespace pychat {

namespace py = pybind11;

inline py::str to_str(const char* data, std::size_t size) {
  PyObject* made = PyUnicode_DecodeUTF8(data, static_cast<Py_ssize_t>(size), "replace");
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(made);
}

inline py::str to_str(const std::string& text) { return to_str(text.data(), text.size()); }

inline py::bytes to_bytes(const void* data, std::size_t size) {
  return py::bytes(static_cast<const char*>(data), size);
}

inline py::tuple to_blobs(const chat_blob* blobs, std::size_t count) {
  py::tuple result(count);
  for (std::size_t index = 0; index < count; ++index) {
    result[index] = to_bytes(blobs[index].data, blobs[index].size_bytes);
  }
  return result;
}

inline py::dict to_dict(const chat_pair* pairs, std::size_t count) {
  py::dict result;
  for (std::size_t index = 0; index < count; ++index) {
    result[py::str(pairs[index].name)] = to_str(pairs[index].value, pairs[index].value_size);
  }
  return result;
}

}  // namespace pychat
