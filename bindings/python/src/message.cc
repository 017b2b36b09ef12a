// See message.h.
#include "message.h"

#include <algorithm>

#include "argument.h"
#include "collected.h"
#include "errors.h"
#include "python_names.h"
#include "text.h"

namespace pychat {

Message::Message(OwnedMessagePtr owned, py::object client_object, std::uint64_t ack, std::uint64_t decision)
    : client(std::move(client_object)), ack_id(ack), decision_id(decision), owned_(std::move(owned)) {}

py::str Message::text() const {
  if (view().payload == CHAT_PAYLOAD_BINARY) return py::str();
  return to_str(static_cast<const char*>(view().data), view().data_size);
}

py::tuple Message::attachments() const { return to_blobs(view().attachments, view().attachment_count); }

py::object Message::decode_args() const {
  py::object only;
  switch (view().payload) {
    case CHAT_PAYLOAD_ARGS:
      return python_names().decode(to_bytes(view().data, view().data_size), attachments());
    case CHAT_PAYLOAD_BINARY:
      only = to_bytes(view().data, view().data_size);
      break;
    case CHAT_PAYLOAD_TEXT:
      only = text();
      break;
  }
  py::list list;
  list.append(only);
  return list;
}

py::object Message::args() {
  PyObject* present = args_.load();
  if (present == nullptr) {
    py::object made = decode_args();
    // Without a GIL (free-threaded Python) two threads may get here at once; the first one's list is used.
    if (args_.compare_exchange_strong(present, made.ptr())) present = made.inc_ref().ptr();
  }
  return py::reinterpret_borrow<py::object>(present);
}

py::str Message::repr() const {
  constexpr std::size_t kShownBytes = 60;
  const chat_message& message = view();
  py::str shown = py::repr(
      message.payload == CHAT_PAYLOAD_BINARY
          ? py::object(to_bytes(message.data, std::min(message.data_size, kShownBytes)))
          : py::object(to_str(static_cast<const char*>(message.data), std::min(message.data_size, kShownBytes))));
  const char* more = message.data_size > kShownBytes ? "..." : "";
  return py::str("<Message {!r} from {!r} in {!r} #{}: {}{}>")
      .format(message.event ? message.event : "", message.from_name ? message.from_name : "",
              message.room ? message.room : "", message.seq, shown, more);
}

int Message::traverse(visitproc visit, void* arg) const {
  Py_VISIT(client.ptr());
  Py_VISIT(args_.load());
  return 0;
}

void Message::clear() {
  client = py::none();
  clear_args();
}

namespace {

const char* text_or_empty(const char* text) { return text == nullptr ? "" : text; }

// The arguments of restore().
py::tuple reduce(const Message& message) {
  const chat_message& view = message.view();
  py::tuple attributes(view.attribute_count);
  for (std::size_t index = 0; index < view.attribute_count; ++index) {
    const chat_pair& pair = view.attributes[index];
    attributes[index] = py::make_tuple(py::str(pair.name), to_bytes(pair.value, pair.value_size));
  }
  return py::make_tuple(
      python_names().restore_message,
      py::make_tuple(message.client, message.ack_id, message.decision_id, static_cast<int>(view.payload),
                     to_bytes(view.data, view.data_size), message.attachments(), attributes, text_or_empty(view.room),
                     text_or_empty(view.event), view.from, text_or_empty(view.from_name), view.seq,
                     text_or_empty(view.epoch), view.time_ms, view.ephemeral != 0, text_or_empty(view.from_user_id)));
}

py::object restore(const py::object& client, std::uint64_t ack_id, std::uint64_t decision_id, int payload,
                   const std::string& data, const std::vector<std::string>& attachments,
                   const std::vector<std::pair<Text, std::string>>& attributes, const Text& room, const Text& event,
                   chat_client_id from, const Text& from_name, std::uint64_t seq, const Text& epoch,
                   std::int64_t time_ms, bool ephemeral, const Text& from_user_id) {
  if (payload < CHAT_PAYLOAD_TEXT || payload > CHAT_PAYLOAD_BINARY) throw py::value_error("payload is not a Payload");
  std::vector<chat_blob> blobs;
  blobs.reserve(attachments.size());
  for (const std::string& attachment : attachments) blobs.push_back({attachment.data(), attachment.size()});
  std::vector<chat_pair> pairs;
  pairs.reserve(attributes.size());
  for (const auto& [name, value] : attributes) pairs.push_back({name.c_str(), value.c_str(), value.size()});
  chat_message message = CHAT_MESSAGE_INIT;
  message.payload = static_cast<chat_payload>(payload);
  message.data = data.data();
  message.data_size = data.size();
  message.attachments = blobs.data();
  message.attachment_count = blobs.size();
  message.attributes = pairs.data();
  message.attribute_count = pairs.size();
  message.room = room.c_str();
  message.event = event.c_str();
  message.from = from;
  message.from_name = from_name.c_str();
  message.seq = seq;
  message.epoch = epoch.c_str();
  message.time_ms = time_ms;
  message.ephemeral = ephemeral ? 1 : 0;
  message.from_user_id = from_user_id.c_str();
  return py::cast(std::make_unique<Message>(std::make_shared<OwnedMessage>(message), client, ack_id, decision_id));
}

py::object sender(const Message& message) {
  if (message.client.is_none()) raise_error(CHAT_ERROR_NO_SUCH_CLIENT, "messages from a history have no client");
  return message.client;
}

}  // namespace

void define_message(py::module_& module) {
  const auto as_it_is = [](const py::object& self) { return self; };
  py::class_<Message> message(module, "Message", collected<Message>(),
                              "A message that a client sent or that a room's history keeps. It is immutable.");
  message.attr("__module__") = "pychat";
  // Disables the copy module and __new__, because only the library can provide the content of a Message.
  reinterpret_cast<PyTypeObject*>(message.ptr())->tp_new = [](PyTypeObject*, PyObject*, PyObject*) -> PyObject* {
    PyErr_SetString(PyExc_TypeError, "only the server creates Message objects");
    return nullptr;
  };
  message
      .def_property_readonly(
          "client", &sender,
          "The client that sent it. Messages from a history raise NoSuchClientError; use from_id and from_name.")
      .def_property_readonly(
          "room", [=](const Message& self) { return text_or_empty(self.view().room); }, "The room's name.")
      .def_property_readonly(
          "event", [=](const Message& self) { return text_or_empty(self.view().event); },
          "The event's name, \"chat message\" unless the sender chose one.")
      .def_property_readonly(
          "payload", [](const Message& self) { return python_names().payload(static_cast<int>(self.view().payload)); },
          "The type of `data`: a Payload.")
      .def_property_readonly("text", &Message::text, "The text. For arguments their JSON array, for bytes \"\".")
      .def_property_readonly(
          "data", [](const Message& self) { return to_bytes(self.view().data, self.view().data_size); },
          "The raw payload, as bytes.")
      .def_property_readonly("args", &Message::args,
                             "The event's arguments, decoded on first use, with attachments as bytes in their places.")
      .def_property_readonly("attachments", &Message::attachments, "The binary attachments, a tuple of bytes.")
      .def_property_readonly(
          "attributes",
          [](const Message& self) { return to_dict(self.view().attributes, self.view().attribute_count); },
          "Names and values that travel with the message.")
      .def_property_readonly(
          "ephemeral", [](const Message& self) { return self.view().ephemeral != 0; },
          "Whether the message is ephemeral: neither numbered nor kept.")
      .def_property_readonly(
          "from_id", [](const Message& self) { return self.view().from; },
          "The id of the sender, or 0 if there is none.")
      .def_property_readonly(
          "from_name", [=](const Message& self) { return text_or_empty(self.view().from_name); },
          "The display name of the sender.")
      .def_property_readonly(
          "from_user_id", [=](const Message& self) { return text_or_empty(self.view().from_user_id); },
          "The user id of the sender, \"\" for a guest.")
      .def_property_readonly(
          "seq", [](const Message& self) { return self.view().seq; },
          "Its number in the room; 0 before it is published, and if it is ephemeral.")
      .def_property_readonly(
          "epoch", [=](const Message& self) { return text_or_empty(self.view().epoch); },
          "Changes when the numbering of the room restarts.")
      .def_property_readonly(
          "time_ms", [](const Message& self) { return self.view().time_ms; },
          "The time of publication, in milliseconds since 1970 (UTC); 0 before.")
      .def_property_readonly(
          "ack_id", [](const Message& self) { return self.ack_id; },
          "The number of the answer that the sender waits for, or 0.")
      .def_property_readonly(
          "wants_reply", [](const Message& self) { return self.ack_id != 0; },
          "Whether the sender waits for an answer.")
      .def_property_readonly(
          "decision_id", [](const Message& self) { return self.decision_id; },
          "The id of a deferred verdict; see Server.decide().")
      .def(
          "reply",
          [](const Message& self, const py::args& args) {
            sender(self).attr("server").attr("reply")(*py::make_tuple(py::cast(self)), *args);
          },
          "Answers the sender, if `wants_reply` is true; see Server.reply().")
      .def("__reduce__", &reduce)
      .def("__copy__", as_it_is)
      .def(
          "__deepcopy__", [=](const py::object& self, const py::object&) { return as_it_is(self); }, py::arg("memo"))
      .def("__repr__", &Message::repr);

  module.def("restore_message", &restore, py::arg("client"), py::arg("ack_id"), py::arg("decision_id"),
             py::arg("payload"), py::arg("data"), py::arg("attachments"), py::arg("attributes"), py::arg("room"),
             py::arg("event"), py::arg("from_id"), py::arg("from_name"), py::arg("seq"), py::arg("epoch"),
             py::arg("time_ms"), py::arg("ephemeral"), py::arg("from_user_id") = "", "What pickle calls.");
}

}  // namespace pychat
