// See record.h.
#include "record.h"

#include "errors.h"
#include "message.h"
#include "python_names.h"
#include "text.h"

namespace pychat {
namespace {

Pairs copy_pairs(const chat_pair* pairs, std::size_t count) {
  Pairs copies;
  copies.reserve(count);
  for (std::size_t index = 0; index < count; ++index) {
    copies.emplace_back(pairs[index].name, std::string(pairs[index].value, pairs[index].value_size));
  }
  return copies;
}

template <class What>
Shared<What> share(What what) {
  return std::make_shared<const What>(std::move(what));
}

py::dict to_dict(const Pairs& pairs) {
  py::dict result;
  for (const auto& [name, value] : pairs) {
    // The first of several values with one name is used, as by a C program that searches from the start.
    const py::str key = to_str(name);
    if (!result.contains(key)) result[key] = to_str(value);
  }
  return result;
}

py::object to_python(const ConnectRecord& record, const py::object& client) {
  const PythonNames& names = python_names();
  return names.connect_request(
      client, to_str(record.path), to_dict(record.query), to_dict(record.headers), to_dict(record.cookies),
      to_str(record.origin), to_str(record.address), record.secure, to_str(record.room), to_str(record.token),
      to_str(record.user_name), to_str(record.password), names.protocol(record.protocol),
      names.transport(record.transport), to_str(record.auth), to_str(record.socket_id), record.recovered_from);
}

py::object to_python(const AuthorizeRecord& record, const py::object& client) {
  const PythonNames& names = python_names();
  return names.authorize_request(client, names.action(record.action), to_str(record.room), to_str(record.value),
                                 record.decision_id);
}

py::object to_python(Kind kind, const ClientRecord& record, const py::object& client) {
  const PythonNames& names = python_names();
  const py::str name = to_str(record.name);
  const py::str user_id = to_str(record.user_id);
  switch (kind) {
    case Kind::on_open:
      return names.opened(client, name, user_id, to_str(record.room), record.recovered_from, to_str(record.socket_id));
    case Kind::on_join:
      return names.joined(client, name, user_id, to_str(record.room));
    case Kind::on_leave:
      return names.left(client, name, user_id, to_str(record.room), to_str(record.reason));
    case Kind::on_abandon:
      return names.abandoned(client, record.close_code, to_str(record.reason));
    default:
      return names.disconnected(client, name, user_id, record.close_code, to_str(record.reason),
                                to_str(record.socket_id));
  }
}

py::object to_python(const MessageRecord& record, py::object client) {
  return Message::make(record.message, std::move(client), record.ack_id, record.decision_id);
}

py::object to_python(const PublishedRecord& record, const py::object& client) {
  return python_names().published(Message::make(record.message, client, 0, 0));
}

py::tuple to_tuple(const std::vector<PersonRecord>& people) {
  py::tuple result(people.size());
  for (std::size_t index = 0; index < people.size(); ++index) result[index] = person_to_python(people[index]);
  return result;
}

py::object to_python(const PresenceRecord& record, const py::object&) {
  return python_names().presence(to_str(record.room), to_str(record.epoch), record.time_ms, record.count,
                                 to_tuple(record.joined), to_tuple(record.left), to_tuple(record.changed));
}

py::object to_python(const AuditRecord& record, const py::object&) {
  const PythonNames& names = python_names();
  return names.audit(to_str(record.room), names.moderation_action(record.action), record.actor,
                     to_str(record.actor_user_id), to_str(record.actor_name), record.client, to_str(record.user_id),
                     to_str(record.name), to_str(record.address), record.duration_ms, record.value,
                     to_str(record.reason), record.time_ms);
}

py::object to_python(const ReportRecord& record, const py::object& client) {
  return python_names().reported(Message::make(record.message, client, 0, 0), record.client, to_str(record.user_id),
                                 to_str(record.name), to_str(record.reason), record.time_ms);
}

std::vector<PersonRecord> copy_people(const chat_person* const* people, std::size_t count) {
  std::vector<PersonRecord> copies;
  copies.reserve(count);
  for (std::size_t index = 0; index < count; ++index) copies.push_back(copy_person(*people[index]));
  return copies;
}

py::object to_python(const AckRecord& record, const py::object& client) {
  py::tuple attachments(record.attachments.size());
  for (std::size_t index = 0; index < record.attachments.size(); ++index) {
    attachments[index] = py::bytes(record.attachments[index]);
  }
  py::object args = py::none();
  py::object error = py::none();
  if (record.error == CHAT_OK) {
    args = python_names().decode(py::bytes(record.args), attachments);
  } else {
    error = error_class(record.error)(chat_strerror(static_cast<chat_error>(record.error)));
  }
  return python_names().ack(client, record.ack_id, args, error);
}

}  // namespace

PersonRecord copy_person(const chat_person& person) { return {person.user_id, person.name, person.state, person.id}; }

py::object person_to_python(const PersonRecord& person) {
  const PythonNames& names = python_names();
  // A list of one argument, so that any JSON value is decoded.
  const py::object state =
      person.state.empty() ? py::object(py::none())
                           : py::object(names.decode(py::bytes('[' + person.state + ']'), py::tuple())[py::int_(0)]);
  return names.person(to_str(person.user_id), person.id, to_str(person.name), state);
}

py::object Record::to_python(py::handle server) const {
  py::object object = client ? client->object(server) : py::none();
  return std::visit(
      [&](const auto& record) -> py::object {
        using What = std::decay_t<decltype(record)>;
        if constexpr (std::is_same_v<What, Shared<ClientRecord>>) {
          return pychat::to_python(kind, *record, object);
        } else if constexpr (std::is_same_v<What, MessageRecord> || std::is_same_v<What, PublishedRecord>) {
          return pychat::to_python(record, std::move(object));
        } else {
          return pychat::to_python(*record, object);
        }
      },
      what);
}

std::size_t Record::bytes() const {
  std::size_t size = sizeof(Record);
  if (const auto* message = std::get_if<MessageRecord>(&what)) size += sizeof(OwnedMessage) + message->message->bytes();
  if (const auto* event = std::get_if<PublishedRecord>(&what)) size += sizeof(OwnedMessage) + event->message->bytes();
  if (const auto* shared = std::get_if<Shared<ClientRecord>>(&what)) {
    const ClientRecord* event = shared->get();
    size += sizeof(*event) + event->name.size() + event->user_id.size() + event->room.size() + event->reason.size() +
            event->socket_id.size();
  }
  if (const auto* shared = std::get_if<Shared<AuthorizeRecord>>(&what)) {
    size += sizeof(AuthorizeRecord) + (*shared)->room.size() + (*shared)->value.size();
  }
  if (const auto* shared = std::get_if<Shared<AckRecord>>(&what)) {
    const AckRecord* ack = shared->get();
    size += sizeof(*ack) + ack->args.size();
    for (const std::string& attachment : ack->attachments) size += attachment.size();
  }
  if (const auto* shared = std::get_if<Shared<PresenceRecord>>(&what)) {
    const PresenceRecord* event = shared->get();
    size += sizeof(*event) + event->room.size() + event->epoch.size();
    for (const auto* people : {&event->joined, &event->left, &event->changed}) {
      for (const PersonRecord& person : *people) {
        size += sizeof(person) + person.user_id.size() + person.name.size() + person.state.size();
      }
    }
  }
  if (const auto* shared = std::get_if<Shared<AuditRecord>>(&what)) {
    const AuditRecord* event = shared->get();
    size += sizeof(*event);
    for (const std::string* text : {&event->room, &event->actor_user_id, &event->actor_name, &event->user_id,
                                    &event->name, &event->address, &event->reason}) {
      size += text->size();
    }
  }
  if (const auto* shared = std::get_if<Shared<ReportRecord>>(&what)) {
    const ReportRecord* event = shared->get();
    size += sizeof(*event) + sizeof(OwnedMessage) + event->message->bytes() + event->user_id.size() +
            event->name.size() + event->reason.size();
  }
  if (const auto* shared = std::get_if<Shared<ConnectRecord>>(&what)) {
    const ConnectRecord* request = shared->get();
    size += sizeof(*request);
    for (const Pairs* pairs : {&request->query, &request->headers, &request->cookies}) {
      for (const auto& [name, value] : *pairs) size += name.size() + value.size();
    }
    size += request->auth.size();
  }
  return size;
}

Record copy_connect(ClientSlotPtr client, const chat_connect_event& event) {
  return {
      Kind::on_connect, std::move(client),
      share(ConnectRecord{event.path, event.origin, event.address, event.room, event.token, event.user_name,
                          event.password, event.auth, event.socket_id, copy_pairs(event.query, event.query_count),
                          copy_pairs(event.headers, event.header_count), copy_pairs(event.cookies, event.cookie_count),
                          event.secure != 0, static_cast<int>(event.protocol), static_cast<int>(event.transport),
                          event.recovered_from})};
}

Record copy_authorize(ClientSlotPtr client, const chat_authorize_event& event) {
  return {Kind::on_authorize, std::move(client),
          share(AuthorizeRecord{static_cast<int>(event.action), event.room, event.value, event.decision_id})};
}

Record copy_client_event(Kind kind, ClientSlotPtr client, const chat_client_event& event) {
  return {kind, std::move(client),
          share(ClientRecord{event.name, event.user_id, event.room, event.reason, event.socket_id, event.close_code,
                             event.recovered_from})};
}

Record copy_message(ClientSlotPtr client, const chat_message_event& event) {
  return {Kind::on_message, std::move(client),
          MessageRecord{std::make_shared<OwnedMessage>(*event.message), event.ack_id, event.decision_id}};
}

Record copy_presence(const chat_presence_event& event) {
  return {Kind::on_presence, nullptr,
          share(PresenceRecord{event.room, event.epoch, event.time_ms, event.count,
                               copy_people(event.joined, event.joined_count), copy_people(event.left, event.left_count),
                               copy_people(event.changed, event.changed_count)})};
}

Record copy_audit(const chat_audit_event& event) {
  return {Kind::on_audit, nullptr,
          share(AuditRecord{event.room, event.actor_user_id, event.actor_name, event.user_id, event.name, event.address,
                            event.reason, static_cast<int>(event.action), event.actor, event.client, event.duration_ms,
                            event.value, event.time_ms})};
}

Record copy_report(const chat_report_event& event) {
  return {Kind::on_report, nullptr,
          share(ReportRecord{std::make_shared<OwnedMessage>(*event.message), event.user_id, event.name, event.reason,
                             event.client, event.time_ms})};
}

Record copy_ack(ClientSlotPtr client, const chat_ack_event& event) {
  AckRecord ack{event.ack_id, static_cast<int>(event.error), std::string(event.args, event.args_size), {}};
  for (std::size_t index = 0; index < event.attachment_count; ++index) {
    const chat_blob& blob = event.attachments[index];
    ack.attachments.emplace_back(static_cast<const char*>(blob.data), blob.size_bytes);
  }
  return {Kind::on_ack, std::move(client), share(std::move(ack))};
}

}  // namespace pychat
