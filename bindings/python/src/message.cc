// See message.h.
#include "message.h"

#include <structmember.h>

#include <algorithm>
#include <cstddef>
#include <new>

#include "argument.h"
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

py::tuple reactions(const Message& message) {
  const chat_message& view = message.view();
  py::tuple result(view.reaction_count);
  for (std::size_t index = 0; index < view.reaction_count; ++index) {
    result[index] = py::make_tuple(py::str(view.reactions[index].reaction), view.reactions[index].users);
  }
  return result;
}

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
                     text_or_empty(view.epoch), view.time_ms, view.ephemeral != 0, text_or_empty(view.from_user_id),
                     text_or_empty(view.id), static_cast<int>(view.event_kind), view.target_seq, view.reply_to,
                     view.edited_ms, view.redacted != 0, view.added != 0, reactions(message),
                     text_or_empty(view.kept_state)));
}

py::object restore(const py::object& client, std::uint64_t ack_id, std::uint64_t decision_id, int payload,
                   const std::string& data, const std::vector<std::string>& attachments,
                   const std::vector<std::pair<Text, std::string>>& attributes, const Text& room, const Text& event,
                   chat_client_id from, const Text& from_name, std::uint64_t seq, const Text& epoch,
                   std::int64_t time_ms, bool ephemeral, const Text& from_user_id, const Text& id, int event_kind,
                   std::uint64_t target_seq, std::uint64_t reply_to, std::int64_t edited_ms, bool redacted, bool added,
                   const std::vector<std::pair<Text, std::uint64_t>>& reactions, const Text& kept_state) {
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
  message.id = id.c_str();
  std::vector<chat_reaction> given;
  given.reserve(reactions.size());
  for (const auto& [text, users] : reactions) given.push_back({text.c_str(), users});
  message.event_kind = static_cast<chat_event_kind>(event_kind);
  message.target_seq = target_seq;
  message.reply_to = reply_to;
  message.edited_ms = edited_ms;
  message.redacted = redacted ? 1 : 0;
  message.added = added ? 1 : 0;
  message.reactions = given.data();
  message.reaction_count = given.size();
  message.kept_state = kept_state.c_str();
  return Message::make(std::make_shared<OwnedMessage>(message), client, ack_id, decision_id);
}

py::object sender(const Message& message) {
  if (message.client.is_none()) raise_error(CHAT_ERROR_NO_SUCH_CLIENT, "messages from a history have no client");
  return message.client;
}

// The Python object.
struct MessageObject {
  PyObject_HEAD PyObject* weak_references;
  alignas(Message) std::byte message[sizeof(Message)];
};

PyTypeObject* message_type = nullptr;  // there is one interpreter; never freed, like the module

Message& message_in(PyObject* self) {
  return *reinterpret_cast<Message*>(reinterpret_cast<MessageObject*>(self)->message);
}

// Runs C++ code for Python: an exception becomes Python's, with this result.
template <class Result, class Function>
Result guarded(Result failed, Function function) noexcept {
  try {
    return function();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return failed;
}

template <class Value>
PyObject* to_object(Value&& value) {
  if constexpr (std::is_base_of_v<py::object, std::decay_t<Value>>) {
    return value.release().ptr();
  } else {
    return py::cast(std::forward<Value>(value)).release().ptr();
  }
}

// An attribute: its name, its documentation, and a function of Message& that gives its value.
template <class Value>
PyGetSetDef attribute(const char* name, const char* documentation, Value) {
  const getter get = [](PyObject* self, void*) -> PyObject* {
    return guarded<PyObject*>(nullptr, [self] { return to_object(Value()(message_in(self))); });
  };
  return {name, get, nullptr, documentation, nullptr};
}

PyObject* reply(PyObject* self, PyObject* args) {
  return guarded<PyObject*>(nullptr, [&] {
    const py::object server = sender(message_in(self)).attr("server");
    return server.attr("reply")(py::handle(self), *py::reinterpret_borrow<py::args>(args)).release().ptr();
  });
}

void destroy(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (reinterpret_cast<MessageObject*>(self)->weak_references != nullptr) PyObject_ClearWeakRefs(self);
  message_in(self).~Message();
  type->tp_free(self);
  Py_DECREF(type);
}

template <class Function>
void* slot(Function* function) {
  return reinterpret_cast<void*>(function);
}

PyTypeObject* make_type() {
  static PyGetSetDef attributes[] = {
      attribute("client",
                "The client that sent it. Messages from a history raise NoSuchClientError; use from_id and from_name.",
                [](const Message& self) { return sender(self); }),
      attribute("room", "The room's name.", [](const Message& self) { return text_or_empty(self.view().room); }),
      attribute("event", "The event's name, \"chat message\" unless the sender chose one.",
                [](const Message& self) { return text_or_empty(self.view().event); }),
      attribute("payload", "The type of `data`: a Payload.",
                [](const Message& self) { return python_names().payload(static_cast<int>(self.view().payload)); }),
      attribute("text", "The text. For arguments their JSON array, for bytes \"\".",
                [](const Message& self) { return self.text(); }),
      attribute("data", "The raw payload, as bytes.",
                [](const Message& self) { return to_bytes(self.view().data, self.view().data_size); }),
      attribute("args", "The event's arguments, decoded on first use, with attachments as bytes in their places.",
                [](Message& self) { return self.args(); }),
      attribute("attachments", "The binary attachments, a tuple of bytes.",
                [](const Message& self) { return self.attachments(); }),
      attribute("attributes", "Names and values that travel with the message.",
                [](const Message& self) { return to_dict(self.view().attributes, self.view().attribute_count); }),
      attribute("ephemeral", "Whether the message is ephemeral: neither numbered nor kept.",
                [](const Message& self) { return self.view().ephemeral != 0; }),
      attribute("from_id", "The id of the sender, or 0 if there is none.",
                [](const Message& self) { return self.view().from; }),
      attribute("from_name", "The display name of the sender.",
                [](const Message& self) { return text_or_empty(self.view().from_name); }),
      attribute("from_user_id", "The user id of the sender, \"\" for a guest.",
                [](const Message& self) { return text_or_empty(self.view().from_user_id); }),
      attribute("seq", "Its number in the room; 0 before it is published, and if it is ephemeral.",
                [](const Message& self) { return self.view().seq; }),
      attribute("epoch", "Changes when the numbering of the room restarts.",
                [](const Message& self) { return text_or_empty(self.view().epoch); }),
      attribute("time_ms", "The time of publication, in milliseconds since 1970 (UTC); 0 before.",
                [](const Message& self) { return self.view().time_ms; }),
      attribute("id", "The sender's own id of the message, \"\" without one.",
                [](const Message& self) { return text_or_empty(self.view().id); }),
      attribute("event_kind", "What it is: an EventKind. Events that change a message refer to target_seq.",
                [](const Message& self) { return static_cast<int>(self.view().event_kind); }),
      attribute("target_seq", "The number of the message that a change refers to, or 0.",
                [](const Message& self) { return self.view().target_seq; }),
      attribute("reply_to", "The number of the message that this one answers, or 0.",
                [](const Message& self) { return self.view().reply_to; }),
      attribute("edited_ms", "The time of the last edit, in milliseconds since 1970 (UTC), or 0.",
                [](const Message& self) { return self.view().edited_ms; }),
      attribute("redacted", "Whether the message was deleted. It has no payload then.",
                [](const Message& self) { return self.view().redacted != 0; }),
      attribute("added", "Whether a reaction was given; False: taken back.",
                [](const Message& self) { return self.view().added != 0; }),
      attribute("reactions", "Pairs of a reaction and the number of users that have given it.",
                [](const Message& self) { return reactions(self); }),
      attribute("kept_state", "What a HistoryStore with keeps_changes keeps with the row, \"\" without it.",
                [](const Message& self) { return text_or_empty(self.view().kept_state); }),
      attribute("ack_id", "The number of the answer that the sender waits for, or 0.",
                [](const Message& self) { return self.ack_id; }),
      attribute("wants_reply", "Whether the sender waits for an answer.",
                [](const Message& self) { return self.ack_id != 0; }),
      attribute("decision_id", "The id of a deferred verdict; see Server.decide().",
                [](const Message& self) { return self.decision_id; }),
      {nullptr, nullptr, nullptr, nullptr, nullptr},
  };
  static constexpr PyCFunction kItself = [](PyObject* self, PyObject*) -> PyObject* {
    Py_INCREF(self);
    return self;
  };
  static constexpr PyCFunction kReduce = [](PyObject* self, PyObject*) -> PyObject* {
    return guarded<PyObject*>(nullptr, [self] { return reduce(message_in(self)).release().ptr(); });
  };
  static PyMethodDef methods[] = {
      {"reply", reply, METH_VARARGS, "Answers the sender, if `wants_reply` is true; see Server.reply()."},
      {"__reduce__", kReduce, METH_NOARGS, nullptr},
      {"__copy__", kItself, METH_NOARGS, nullptr},
      {"__deepcopy__", kItself, METH_O, nullptr},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyMemberDef members[] = {
      {"__weaklistoffset__", T_PYSSIZET, offsetof(MessageObject, weak_references), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  };
  // Disables the copy module and __new__, because only the library can provide the content of a Message.
  static constexpr newfunc kNew = [](PyTypeObject*, PyObject*, PyObject*) -> PyObject* {
    PyErr_SetString(PyExc_TypeError, "only the server creates Message objects");
    return nullptr;
  };
  static constexpr traverseproc kTraverse = [](PyObject* self, visitproc visit, void* arg) -> int {
    Py_VISIT(Py_TYPE(self));
    return message_in(self).traverse(visit, arg);
  };
  static constexpr inquiry kClear = [](PyObject* self) -> int {
    message_in(self).clear();
    return 0;
  };
  static constexpr reprfunc kRepr = [](PyObject* self) -> PyObject* {
    return guarded<PyObject*>(nullptr, [self] { return message_in(self).repr().release().ptr(); });
  };
  static char documentation[] = "A message that a client sent or that a room's history keeps. It is immutable.";
  PyType_Slot slots[] = {
      {Py_tp_doc, documentation},     {Py_tp_new, slot(kNew)},
      {Py_tp_dealloc, slot(destroy)}, {Py_tp_traverse, slot(kTraverse)},
      {Py_tp_clear, slot(kClear)},    {Py_tp_repr, slot(kRepr)},
      {Py_tp_getset, attributes},     {Py_tp_methods, methods},
      {Py_tp_members, members},       {0, nullptr},
  };
  PyType_Spec spec = {"pychat.Message", sizeof(MessageObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
  auto* type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (type == nullptr) throw py::error_already_set();
  return type;
}

}  // namespace

py::object Message::make(OwnedMessagePtr owned, py::object client, std::uint64_t ack_id, std::uint64_t decision_id) {
  PyObject* made = message_type->tp_alloc(message_type, 0);
  if (made == nullptr) throw py::error_already_set();
  // The collector may visit the object from here on, and knows it as None and null.
  new (&message_in(made)) Message(std::move(owned), std::move(client), ack_id, decision_id);
  return py::reinterpret_steal<py::object>(made);
}

Message* Message::find(py::handle object) {
  return Py_TYPE(object.ptr()) == message_type ? &message_in(object.ptr()) : nullptr;
}

Message& Message::get(py::handle object) {
  if (Message* message = find(object)) return *message;
  throw py::type_error("not a Message: " + py::repr(object).cast<std::string>());
}

void define_message(py::module_& module) {
  message_type = make_type();
  module.attr("Message") = py::handle(reinterpret_cast<PyObject*>(message_type));
  module.def("restore_message", &restore, py::arg("client"), py::arg("ack_id"), py::arg("decision_id"),
             py::arg("payload"), py::arg("data"), py::arg("attachments"), py::arg("attributes"), py::arg("room"),
             py::arg("event"), py::arg("from_id"), py::arg("from_name"), py::arg("seq"), py::arg("epoch"),
             py::arg("time_ms"), py::arg("ephemeral"), py::arg("from_user_id") = "", py::arg("id") = "",
             py::arg("event_kind") = 0, py::arg("target_seq") = 0, py::arg("reply_to") = 0, py::arg("edited_ms") = 0,
             py::arg("redacted") = false, py::arg("added") = false, py::arg("reactions") = py::tuple(),
             py::arg("kept_state") = "", "What pickle calls.");
}

}  // namespace pychat
