// One exception class per error of chat.h, generated from CHAT_ERROR_MAP, and functions that raise them.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "chat/chat.h"

namespace pychat {

namespace py = pybind11;

// Defines ChatError and its subclasses in the module.
void define_errors(py::module_& module);

// The result of a call of chat.h. It is captured on the calling thread directly after the call, because the thread's
// next call replaces the message.
struct Outcome {
  chat_error error = CHAT_OK;
  std::string message;

  static Outcome of(chat_error error) {
    if (error == CHAT_OK) return {};
    return {error, chat_error_message()};
  }
};

// Raises the exception unless the outcome is CHAT_OK. Call with the GIL.
void raise_unless_ok(const Outcome& outcome);
[[noreturn]] void raise_error(chat_error error, const std::string& message);

// The exception class of an error; ChatError for an unknown number. Borrowed.
py::handle error_class(int error);

}  // namespace pychat
