// See outgoing.h.
#include "outgoing.h"

#include "message.h"
#include "python_names.h"

namespace pychat {
namespace {

const char* keep(std::deque<std::string>& texts, const Text& text) { return texts.emplace_back(text.value).c_str(); }

void read_pairs(const py::object& mapping, std::deque<std::string>& texts, std::vector<chat_pair>& pairs) {
  if (mapping.is_none()) return;
  for (const auto& [name, value] : py::dict(mapping)) {
    const char* kept_name = keep(texts, name.cast<Text>());
    const std::string& kept_value = texts.emplace_back(to_utf8(value));
    pairs.push_back({kept_name, kept_value.data(), kept_value.size()});
  }
}

}  // namespace

HeldBytes::HeldBytes(py::handle object) {
  if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) throw py::error_already_set();
}

Outgoing::Outgoing(const py::tuple& args, bool always_args) : args_(args) {
  if (!always_args && args.size() == 1) {
    const py::handle only = args[0];
    if (PyUnicode_Check(only.ptr())) {
      Py_ssize_t size = 0;
      message.data = PyUnicode_AsUTF8AndSize(only.ptr(), &size);  // owned by the str
      if (message.data == nullptr) throw py::error_already_set();
      message.data_size = static_cast<std::size_t>(size);
      return;
    }
    if (PyObject_CheckBuffer(only.ptr())) {
      const chat_blob blob = held_.emplace_back(only).blob();
      message.payload = CHAT_PAYLOAD_BINARY;
      message.data = blob.data;
      message.data_size = blob.size_bytes;
      return;
    }
  }
  const py::tuple encoded = python_names().encode(args);
  args_ = encoded;
  Py_ssize_t size = 0;
  message.payload = CHAT_PAYLOAD_ARGS;
  message.data = PyUnicode_AsUTF8AndSize(py::handle(encoded[0]).ptr(), &size);
  if (message.data == nullptr) throw py::error_already_set();
  message.data_size = static_cast<std::size_t>(size);
  for (const py::handle attachment : encoded[1]) blobs_.push_back(held_.emplace_back(attachment).blob());
  message.attachments = blobs_.data();
  message.attachment_count = blobs_.size();
}

void Outgoing::set_event(const OptionalText& event) {
  if (event) message.event = keep(texts_, *event);
}

void Outgoing::set_room(const OptionalText& room) {
  if (room) message.room = keep(texts_, *room);
}

void Outgoing::set_from_name(const OptionalText& name) {
  if (name) message.from_name = keep(texts_, *name);
}

void Outgoing::set_from_user_id(const OptionalText& user_id) {
  if (user_id) message.from_user_id = keep(texts_, *user_id);
}

void Outgoing::set_id(const OptionalText& id) {
  if (id) message.id = keep(texts_, *id);
}

void Outgoing::set_kept_state(const OptionalText& state) {
  if (state) message.kept_state = keep(texts_, *state);
}

void Outgoing::set_attributes(const py::object& attributes) {
  read_pairs(attributes, texts_, pairs_);
  message.attributes = pairs_.data();
  message.attribute_count = pairs_.size();
}

OutgoingReplacement::OutgoingReplacement(py::handle replacement, const chat_message& original)
    : outgoing_(py::tuple(replacement.attr("args")), false) {
  const py::object event = replacement.attr("event");
  const py::object ephemeral = replacement.attr("ephemeral");
  const py::object attributes = replacement.attr("attributes");
  chat_message& message = outgoing_.message;
  message.event = original.event;
  if (!event.is_none()) outgoing_.set_event(event.cast<Text>());
  message.ephemeral = ephemeral.is_none() ? original.ephemeral : static_cast<int>(ephemeral.cast<bool>());
  message.attributes = original.attributes;
  message.attribute_count = original.attribute_count;
  if (!attributes.is_none()) outgoing_.set_attributes(attributes);
}

OutgoingHistory::OutgoingHistory(const py::list& messages) : held_(messages) {
  messages_.reserve(messages.size());
  for (const py::handle one : messages) {
    if (const Message* message = Message::find(one)) {
      messages_.push_back(message->view());
      continue;
    }
    Outgoing& made = made_.emplace_back(py::tuple(one.attr("args")), false);
    made.set_event(one.attr("event").cast<OptionalText>());
    made.set_from_name(one.attr("from_name").cast<OptionalText>());
    made.set_from_user_id(one.attr("from_user_id").cast<OptionalText>());
    made.set_id(one.attr("id").cast<OptionalText>());
    made.set_kept_state(one.attr("kept_state").cast<OptionalText>());
    made.set_attributes(one.attr("attributes"));
    made.message.from = one.attr("from_id").cast<chat_client_id>();
    made.message.seq = one.attr("seq").cast<std::uint64_t>();
    made.message.time_ms = one.attr("time_ms").cast<std::int64_t>();
    made.message.edited_ms = one.attr("edited_ms").cast<std::int64_t>();
    made.message.redacted = one.attr("redacted").cast<bool>() ? 1 : 0;
    made.message.reply_to = one.attr("reply_to").cast<std::uint64_t>();
    messages_.push_back(made.message);
  }
}

OutgoingIdentity::OutgoingIdentity(const py::object& identity) : none_(identity.is_none()) {
  if (none_) return;
  identity_.user_id = keep(texts_, identity.attr("user_id").cast<Text>());
  identity_.name = keep(texts_, identity.attr("name").cast<Text>());
  read_pairs(identity.attr("attributes"), texts_, pairs_);
  identity_.attributes = pairs_.data();
  identity_.attribute_count = pairs_.size();
}

}  // namespace pychat
