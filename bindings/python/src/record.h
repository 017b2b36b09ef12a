// An event that was copied from a callback without the GIL. It becomes a Python object immediately for a callback
// function, or later when a queue is read.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "clients.h"
#include "owned_message.h"

namespace pychat {

// The kinds of callbacks, as bits.
enum Kind : unsigned {
  on_connect = 1U << 0,
  on_open = 1U << 1,
  on_join = 1U << 2,
  on_leave = 1U << 3,
  on_disconnect = 1U << 4,
  on_authorize = 1U << 5,
  on_message = 1U << 6,
  on_log = 1U << 7,
  on_ack = 1U << 8,
  on_abandon = 1U << 9,
  on_published = 1U << 10,
  on_presence = 1U << 11,
  on_audit = 1U << 12,
  on_report = 1U << 13,
};
constexpr unsigned kKindCount = 14;

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct ConnectRecord {
  std::string path, origin, address, room, token, user_name, password, auth, socket_id;
  Pairs query, headers, cookies;
  bool secure;
  int protocol, transport;
  chat_client_id recovered_from;
};

struct AuthorizeRecord {
  int action;
  std::string room, value;
  std::uint64_t decision_id;
};

// on_open, on_join, on_leave, on_disconnect, on_abandon.
struct ClientRecord {
  std::string name, user_id, room, reason, socket_id;
  int close_code;
  chat_client_id recovered_from;
};

struct MessageRecord {
  OwnedMessagePtr message;
  std::uint64_t ack_id, decision_id;
};

// The message has its number. It belongs to no client, because its sender may have disconnected.
struct PublishedRecord {
  OwnedMessagePtr message;
};

struct PersonRecord {
  std::string user_id, name, state;
  chat_client_id id;
};

struct PresenceRecord {
  std::string room, epoch;
  std::int64_t time_ms;
  std::size_t count;
  std::vector<PersonRecord> joined, left, changed;
};

struct AuditRecord {
  std::string room, actor_user_id, actor_name, user_id, name, address, reason;
  int action;
  chat_client_id actor, client;
  std::int64_t duration_ms, value, time_ms;
};

// Belongs to no client, because the reporter may have disconnected.
struct ReportRecord {
  OwnedMessagePtr message;
  std::string user_id, name, reason;
  chat_client_id client;
  std::int64_t time_ms;
};

struct AckRecord {
  std::uint64_t ack_id;
  int error;
  std::string args;
  std::vector<std::string> attachments;
};

// Queues hold mostly messages, so the large ones are elsewhere.
template <class What>
using Shared = std::shared_ptr<const What>;

struct Record {
  Kind kind;
  ClientSlotPtr client;  // null for on_published, on_presence, on_audit and on_report
  std::variant<Shared<ConnectRecord>, Shared<AuthorizeRecord>, Shared<ClientRecord>, MessageRecord, PublishedRecord,
               Shared<AckRecord>, Shared<PresenceRecord>, Shared<AuditRecord>, Shared<ReportRecord>>
      what;

  // The approximate size in a queue.
  std::size_t bytes() const;
  // Call with the GIL. `server` is the Python Server.
  py::object to_python(py::handle server) const;
};

Record copy_connect(ClientSlotPtr client, const chat_connect_event& event);
Record copy_authorize(ClientSlotPtr client, const chat_authorize_event& event);
Record copy_client_event(Kind kind, ClientSlotPtr client, const chat_client_event& event);
Record copy_message(ClientSlotPtr client, const chat_message_event& event);
Record copy_presence(const chat_presence_event& event);
Record copy_audit(const chat_audit_event& event);
Record copy_report(const chat_report_event& event);
PersonRecord copy_person(const chat_person& person);
// Call with the GIL.
py::object person_to_python(const PersonRecord& person);
Record copy_ack(ClientSlotPtr client, const chat_ack_event& event);

}  // namespace pychat
