// See errors.h.
#include "errors.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <string_view>

namespace pychat {
namespace {

constexpr int kErrorCount = [] {
  int highest = 0;
#define CHAT_COUNT(name, number, text) highest = std::max(highest, number);
  CHAT_ERROR_MAP(CHAT_COUNT)
#undef CHAT_COUNT
  return highest + 1;
}();

// Live as long as the process, like the module, which can be created only once.
PyObject* base_class = nullptr;
std::array<PyObject*, kErrorCount> classes = {};

// The builtin exception that a Python program would also expect to catch.
PyObject* builtin_of(chat_error error) {
  switch (error) {
    case CHAT_ERROR_INVALID_ARGUMENT:
    case CHAT_ERROR_INVALID_ROOM:
    case CHAT_ERROR_INVALID_EVENT:
    case CHAT_ERROR_INVALID_JSON:
    case CHAT_ERROR_INVALID_UTF8:
    case CHAT_ERROR_TOO_LARGE:
    case CHAT_ERROR_ENCODING:
      return PyExc_ValueError;
    case CHAT_ERROR_NO_MEMORY:
      return PyExc_MemoryError;
    case CHAT_ERROR_NO_SUCH_CLIENT:
    case CHAT_ERROR_NO_SUCH_ROOM:
      return PyExc_LookupError;
    case CHAT_ERROR_INTERNAL:
    case CHAT_ERROR_STOPPED:
    case CHAT_ERROR_WRONG_THREAD:
    case CHAT_ERROR_WRONG_STATE:
    case CHAT_ERROR_EVENT_LOOP:
      return PyExc_RuntimeError;
    case CHAT_ERROR_ADDRESS_IN_USE:
    case CHAT_ERROR_ADDRESS_INVALID:
    case CHAT_ERROR_CERTIFICATE:
    case CHAT_ERROR_SYSTEM:
      return PyExc_OSError;
    case CHAT_ERROR_PERMISSION:
      return PyExc_PermissionError;
    case CHAT_ERROR_TIMED_OUT:
      return PyExc_TimeoutError;
    default:
      return nullptr;
  }
}

int errno_of(chat_error error) {
  switch (error) {
    case CHAT_ERROR_ADDRESS_IN_USE:
      return EADDRINUSE;
    case CHAT_ERROR_ADDRESS_INVALID:
      return EADDRNOTAVAIL;
    case CHAT_ERROR_PERMISSION:
      return EACCES;
    default:
      return 0;
  }
}

// ERROR_NO_SUCH_CLIENT becomes NoSuchClientError. A name that Python already uses gets a prefix (ChatPermissionError),
// so that `import *` does not hide the builtin.
std::string class_name(std::string_view name) {
  name.remove_prefix(std::string_view("ERROR_").size());
  std::string result;
  bool capital = true;
  for (const char letter : name) {
    if (letter == '_') {
      capital = true;
      continue;
    }
    result += capital ? letter : static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    capital = false;
  }
  result += "Error";
  return py::hasattr(py::module_::import("builtins"), result.c_str()) ? "Chat" + result : result;
}

void define(py::module_& module, chat_error error, std::string_view name, const char* text) {
  if (error == CHAT_OK) return;
  const std::string short_name = class_name(name);
  const std::string full_name = "pychat." + short_name;
  py::dict members;
  members["code"] = py::int_(static_cast<int>(error));
  PyObject* builtin = builtin_of(error);
  py::tuple bases = py::make_tuple(py::handle(base_class));
  if (builtin != nullptr) bases = py::make_tuple(py::handle(base_class), py::handle(builtin));
  const std::string document = "CHAT_" + std::string(name) + ": " + text + ".";
  PyObject* created = PyErr_NewExceptionWithDoc(full_name.c_str(), document.c_str(), bases.ptr(), members.ptr());
  if (created == nullptr) throw py::error_already_set();
  classes.at(static_cast<std::size_t>(error)) = created;
  module.add_object(short_name.c_str(), py::reinterpret_borrow<py::object>(created));
}

}  // namespace

void define_errors(py::module_& module) {
  py::dict members;
  members["code"] = py::int_(static_cast<int>(CHAT_ERROR_INTERNAL));
  base_class = PyErr_NewExceptionWithDoc("pychat.ChatError",
                                         "The base class of all errors of the library; `code` is the chat_error.",
                                         PyExc_Exception, members.ptr());
  if (base_class == nullptr) throw py::error_already_set();
  module.add_object("ChatError", py::reinterpret_borrow<py::object>(base_class));
#define CHAT_DEFINE(name, number, text) define(module, CHAT_##name, #name, text);
  CHAT_ERROR_MAP(CHAT_DEFINE)
#undef CHAT_DEFINE
}

py::handle error_class(int error) {
  if (error <= 0 || error >= kErrorCount || classes[static_cast<std::size_t>(error)] == nullptr) return base_class;
  return classes[static_cast<std::size_t>(error)];
}

void raise_error(chat_error error, const std::string& message) {
  const py::handle type = error_class(error);
  const py::object exception = type(py::str(message));
  if (const int number = errno_of(error)) exception.attr("errno") = number;
  PyErr_SetObject(type.ptr(), exception.ptr());
  throw py::error_already_set();
}

void raise_unless_ok(const Outcome& outcome) {
  if (outcome.error != CHAT_OK) raise_error(outcome.error, outcome.message);
}

}  // namespace pychat
