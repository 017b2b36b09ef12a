// Python data to publish, send or answer, in the form of chat.h. Text and bytes are not copied: these classes keep
// references to the Python objects, so the library can read them while the GIL is released.
#pragma once

#include <pybind11/pybind11.h>

#include <deque>
#include <string>
#include <vector>

#include "argument.h"
#include "chat/chat.h"

namespace pychat {

namespace py = pybind11;

// The buffer of a bytes-like object. It is held, so a bytearray cannot be resized meanwhile.
class HeldBytes {
 public:
  explicit HeldBytes(py::handle object);
  ~HeldBytes() { PyBuffer_Release(&view_); }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;

  chat_blob blob() const { return {view_.buf, static_cast<std::size_t>(view_.len)}; }

 private:
  Py_buffer view_ = {};
};

// One message. Create and destroy it with the GIL.
class Outgoing {
 public:
  // A single str is text and a single bytes-like object is binary, unless `always_args` (answers are always lists).
  // Anything else is a list of arguments.
  Outgoing(const py::tuple& args, bool always_args);
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  void set_event(const OptionalText& event);
  void set_room(const OptionalText& room);
  void set_from_name(const OptionalText& name);
  void set_from_user_id(const OptionalText& user_id);
  void set_id(const OptionalText& id);
  void set_kept_state(const OptionalText& state);
  void set_attributes(const py::object& attributes);  // None or a mapping of str to str

  chat_message message = CHAT_MESSAGE_INIT;

 private:
  py::object args_;
  std::deque<HeldBytes> held_;
  std::vector<chat_blob> blobs_;
  std::deque<std::string> texts_;
  std::vector<chat_pair> pairs_;
};

// A replacement for a message: an object with args, event, ephemeral and attributes. A field that is None keeps the
// original's value. It must not outlive the original.
class OutgoingReplacement {
 public:
  OutgoingReplacement(py::handle replacement, const chat_message& original);

  const chat_message& message() const { return outgoing_.message; }

 private:
  Outgoing outgoing_;
};

// Messages for chat_room_restore(): messages of the library unchanged, other objects (pychat.KeptMessage) by their
// fields.
class OutgoingHistory {
 public:
  explicit OutgoingHistory(const py::list& messages);
  OutgoingHistory(const OutgoingHistory&) = delete;
  OutgoingHistory& operator=(const OutgoingHistory&) = delete;

  const std::vector<chat_message>& messages() const { return messages_; }

 private:
  py::list held_;
  std::deque<Outgoing> made_;
  std::vector<chat_message> messages_;
};

// An identity and the data that it points to.
class OutgoingIdentity {
 public:
  // Takes an object with user_id, name and attributes, or None.
  explicit OutgoingIdentity(const py::object& identity);
  OutgoingIdentity(const OutgoingIdentity&) = delete;
  OutgoingIdentity& operator=(const OutgoingIdentity&) = delete;

  const chat_identity* get() const { return none_ ? nullptr : &identity_; }

 private:
  bool none_;
  chat_identity identity_ = CHAT_IDENTITY_INIT;
  std::deque<std::string> texts_;
  std::vector<chat_pair> pairs_;
};

}  // namespace pychat
