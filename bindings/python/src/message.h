// pychat.Message. Each part is converted to a Python object only when it is accessed. Use it with the GIL.
//
// It is a type of the C API of Python, because servers make one for each message: an instance of a pybind11 class and its
// attributes take several times as long.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>

#include "owned_message.h"

namespace pychat {

namespace py = pybind11;

class Message {
 public:
  Message(OwnedMessagePtr owned, py::object client, std::uint64_t ack_id, std::uint64_t decision_id);
  ~Message() { clear_args(); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  // Makes the Python object. `client` is None in a history.
  static py::object make(OwnedMessagePtr owned, py::object client, std::uint64_t ack_id, std::uint64_t decision_id);
  // The message in a Python object; nullptr for other types.
  static Message* find(py::handle object);
  // The same; raises TypeError for other types.
  static Message& get(py::handle object);

  const chat_message& view() const { return owned_->view(); }
  const OwnedMessagePtr& owned() const { return owned_; }

  py::str text() const;
  py::object args();
  py::tuple attachments() const;
  py::str repr() const;

  py::object client;  // None in a history
  std::uint64_t ack_id;
  std::uint64_t decision_id;

  // For the garbage collector.
  int traverse(visitproc visit, void* arg) const;
  void clear();

 private:
  py::object decode_args() const;
  void clear_args() { Py_XDECREF(args_.exchange(nullptr)); }

  const OwnedMessagePtr owned_;
  std::atomic<PyObject*> args_ = nullptr;  // owned; decoded on first use
};

void define_message(py::module_& module);

}  // namespace pychat
