// One exception class for each error of chat.h, made from CHAT_ERROR_MAP, and the step from a chat_error to a raise.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "chat/chat.h"

namespace pychat {

namespace py = pybind11;

// Defines ChatError and its subclasses in the module.
void define_errors(py::module_& module);

// What a call of chat.h came to. Taken on the thread and in the moment of the failure, since the next call on the
// thread replaces the message.
struct Outcome {
  chat_error error = CHAT_OK;
  std::string message;

  static Outcome of(chat_error error) {
    if (error == CHAT_OK) return {};
    return {error, chat_error_message()};
  }
};

// Raises unless CHAT_OK. With the GIL.
void raise_unless_ok(const Outcome& outcome);
[[noreturn]] void raise_error(chat_error error, const std::string& message);

// The class of an error, ChatError for a number that is none. Borrowed.
py::handle error_class(int error);

}  // namespace pychat
