// Conversion of Python strings to NUL-terminated strings of chat.h. A string that contains a NUL is rejected, because
// it would be cut and could name another room. All functions require the GIL.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "errors.h"

namespace pychat {

namespace py = pybind11;

// A string without NUL.
struct Text {
  std::string value;
  const char* c_str() const { return value.c_str(); }
};

using OptionalText = std::optional<Text>;

// Raises TypeError for an object that is not a str, UnicodeEncodeError for a lone surrogate.
inline std::string to_utf8(py::handle text) {
  if (!PyUnicode_Check(text.ptr())) throw py::type_error("not a str: " + py::repr(text).cast<std::string>());
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (data == nullptr) throw py::error_already_set();
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace pychat

namespace pybind11::detail {

template <>
struct type_caster<pychat::Text> {
  PYBIND11_TYPE_CASTER(pychat::Text, const_name("str"));

  // Raises here, because pybind11's "incompatible function arguments" with a list of signatures says less.
  bool load(handle source, bool) {
    value.value = pychat::to_utf8(source);
    if (value.value.find('\0') != std::string::npos) {
      pychat::raise_error(CHAT_ERROR_INVALID_ARGUMENT, "contains a NUL: " + repr(source).cast<std::string>());
    }
    return true;
  }
};

}  // namespace pybind11::detail
