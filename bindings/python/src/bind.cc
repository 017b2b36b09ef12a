// The methods of Core for the Python half of the package: convert arguments, call chat.h, convert results.
#include "bind.h"

#include "argument.h"
#include "callbacks.h"
#include "introspection.h"
#include "message.h"
#include "outgoing.h"

namespace pychat {
namespace {

const char* pointer(const OptionalText& text) { return text ? text->c_str() : nullptr; }

std::uint64_t publish(Core& core, const OptionalText& room, const py::tuple& args, const OptionalText& event,
                      bool ephemeral, chat_client_id except, chat_client_id from, const OptionalText& from_name,
                      const py::object& attributes, const OptionalText& id, std::uint64_t reply_to) {
  Outgoing outgoing(args, false);
  outgoing.set_room(room);
  outgoing.set_id(id);
  outgoing.message.reply_to = reply_to;
  outgoing.set_event(event);
  outgoing.set_from_name(from_name);
  outgoing.set_attributes(attributes);
  outgoing.message.ephemeral = ephemeral ? 1 : 0;
  outgoing.message.except = except;
  outgoing.message.from = from;
  std::uint64_t seq = 0;
  core.call([&](chat_server* server) { return chat_publish(server, &outgoing.message, &seq); });
  return seq;
}

void edit(Core& core, const Text& room, std::uint64_t seq, const py::tuple& args, chat_client_id from,
          const OptionalText& user_id) {
  Outgoing outgoing(args, false);
  outgoing.message.from = from;
  outgoing.set_from_user_id(user_id);
  core.call([&](chat_server* server) { return chat_edit(server, room.c_str(), seq, &outgoing.message); });
}

void room_restore(Core& core, const Text& room, const Text& epoch, std::uint64_t seq, const py::list& messages) {
  const OutgoingHistory history(messages);
  core.call([&](chat_server* server) {
    return chat_room_restore(server, room.c_str(), epoch.c_str(), seq, history.messages().data(),
                             history.messages().size());
  });
}

// Sets the fields that all functions for direct messages share.
void set_direct(Outgoing& outgoing, const OptionalText& event, const OptionalText& room, const py::object& attributes) {
  outgoing.set_event(event);
  outgoing.set_room(room);
  outgoing.set_attributes(attributes);
}

void send(Core& core, chat_client_id client, const py::tuple& args, const OptionalText& event, const OptionalText& room,
          const py::object& attributes) {
  Outgoing outgoing(args, false);
  set_direct(outgoing, event, room, attributes);
  core.call([&](chat_server* server) { return chat_send(server, client, &outgoing.message); });
}

void send_user(Core& core, const Text& user_id, const py::tuple& args, const OptionalText& event,
               const OptionalText& room, const py::object& attributes) {
  Outgoing outgoing(args, false);
  set_direct(outgoing, event, room, attributes);
  core.call([&](chat_server* server) { return chat_send_user(server, user_id.c_str(), &outgoing.message); });
}

std::uint64_t send_with_ack(Core& core, chat_client_id client, const py::tuple& args, const OptionalText& event,
                            const OptionalText& room, std::int64_t timeout_ms, bool to_loop) {
  Outgoing outgoing(args, false);
  set_direct(outgoing, event, room, py::none());
  if (to_loop) return core.send_call(client, outgoing.message, timeout_ms);
  std::uint64_t ack_id = 0;
  core.call(
      [&](chat_server* server) { return chat_send_with_ack(server, client, &outgoing.message, timeout_ms, &ack_id); });
  return ack_id;
}

void reply(Core& core, chat_client_id client, std::uint64_t ack_id, const py::tuple& args) {
  const Outgoing outgoing(args, true);
  const chat_message& message = outgoing.message;
  core.call([&](chat_server* server) {
    return chat_reply(server, client, ack_id, static_cast<const char*>(message.data), message.data_size,
                      message.attachments, message.attachment_count);
  });
}

void accept(Core& core, chat_client_id client, const py::object& identity) {
  const OutgoingIdentity outgoing(identity);
  core.call([&](chat_server* server) { return chat_accept(server, client, outgoing.get()); });
}

void set_identity(Core& core, chat_client_id client, const py::object& identity) {
  const OutgoingIdentity outgoing(identity);
  core.call([&](chat_server* server) { return chat_set_identity(server, client, outgoing.get()); });
}

void refuse(Core& core, chat_client_id client, const OptionalText& reason, const OptionalText& data_json) {
  core.call([&](chat_server* server) { return chat_refuse(server, client, pointer(reason), pointer(data_json)); });
  core.clients().remove(client);
}

void decide(Core& core, chat_client_id client, std::uint64_t decision_id, int verdict, const OptionalText& reason) {
  core.call([&](chat_server* server) {
    return chat_decide(server, client, decision_id, static_cast<chat_verdict>(verdict), pointer(reason), nullptr);
  });
}

void decide_message(Core& core, const py::object& request, int verdict, const OptionalText& reason,
                    const py::object& replacement) {
  const Message& message = Message::get(request);
  std::optional<OutgoingReplacement> outgoing;
  if (!replacement.is_none()) outgoing.emplace(replacement, message.view());
  // Before the verdict: after it the client may disconnect.
  ClientSlotPtr client;
  if (verdict == CHAT_PASS && core.listeners().queues(Kind::on_message)) {
    client = core.clients().find(message.view().from);
  }
  core.call([&](chat_server* server) {
    return chat_decide(server, message.view().from, message.decision_id, static_cast<chat_verdict>(verdict),
                       pointer(reason), outgoing ? &outgoing->message() : nullptr);
  });
  if (!client) return;
  core.listeners().publish(
      {Kind::on_message, std::move(client),
       MessageRecord{outgoing ? with_replacement(message.view(), outgoing->message()) : message.owned(), message.ack_id,
                     0}});
}

// Passes several messages with one wake-up of their loops. The message of a client that has disconnected meanwhile, or whose
// time limit has passed, is skipped. Returns the messages that are still undecided because of another error.
py::list pass_messages(Core& core, const py::list& messages) {
  struct Passed {
    Record record;
    std::uint64_t decision_id;
    chat_error error;
  };
  std::vector<Passed> passed;
  passed.reserve(messages.size());
  const bool queued = core.listeners().queues(Kind::on_message);
  for (const py::handle item : messages) {
    const Message& message = Message::get(item);
    // The slot is looked up before the verdict: after it the client may disconnect.
    ClientSlotPtr client = queued ? core.clients().find(message.view().from) : nullptr;
    passed.push_back({{Kind::on_message, std::move(client), MessageRecord{message.owned(), message.ack_id, 0}},
                      message.decision_id,
                      CHAT_OK});
  }
  core.call([&](chat_server* server) {
    for (Passed& one : passed) {
      const chat_client_id client = std::get<MessageRecord>(one.record.what).message->view().from;
      one.error = chat_decide(server, client, one.decision_id, CHAT_PASS, nullptr, nullptr);
      if (one.error == CHAT_OK && one.record.client) core.listeners().publish(one.record);
    }
    return CHAT_OK;
  });
  py::list undecided;
  for (std::size_t index = 0; index < passed.size(); ++index) {
    const chat_error error = passed[index].error;
    const bool given = error == CHAT_OK || error == CHAT_ERROR_NO_SUCH_CLIENT || error == CHAT_ERROR_WRONG_STATE ||
                       error == CHAT_ERROR_STOPPED;
    if (!given) undecided.append(messages[index]);
  }
  return undecided;
}

template <class Function>
auto on_client(Function function) {
  return [function](Core& core, chat_client_id client, const Text& room) {
    core.call([&](chat_server* server) { return function(server, client, room.c_str()); });
  };
}

py::list take(Core& core, EventQueue& queue, std::size_t limit) {
  if (queue.forked()) {
    raise_error(CHAT_ERROR_WRONG_STATE, "these events belong to the process from which this one was forked");
  }
  EventQueue::Batch batch = queue.take(limit);
  py::list events;
  if (batch.lost > 0) events.append(events_lost(batch.lost));
  for (const Record& record : batch.records) events.append(core.to_python(record));
  return events;
}

void bind_living(py::class_<Core>& core) {
  core.def(py::init<py::object, const py::dict&>(), py::arg("server"), py::arg("options"))
      .def(
          "start", [](Core& self, int log_level) { self.start(log_level, fill_callbacks); }, py::arg("log_level"))
      .def("stop", &Core::stop)
      .def("close", &Core::close)
      .def("abandon", &Core::abandon)
      .def_property_readonly("running", &Core::running)
      .def_property_readonly("forked", &Core::forked)
      .def_property_readonly("host_driven", [](const Core& self) { return self.host_driven(); })
      .def_property_readonly("calls_lost", [](Core& self) { return self.listeners().calls_lost(); })
      .def_property_readonly("clients_known", [](Core& self) { return self.clients().size(); })
      .def("poll", &Core::poll, py::arg("timeout_ms"))
      .def("port",
           [](Core& self) {
             int port = 0;
             self.call([&](chat_server* server) { return port = chat_server_port(server), CHAT_OK; });
             return port;
           })
      .def("fileno",
           [](Core& self) {
             int fd = -1;
             self.call([&](chat_server* server) { return fd = chat_server_fd(server), CHAT_OK; });
             return fd;
           })
      .def(
          "check_loops",
          [](Core& self, int timeout_ms) {
            self.call([&](chat_server* server) { return chat_server_check_loops(server, timeout_ms); });
          },
          py::arg("timeout_ms"))
      .def("reload_tls", [](Core& self) { self.call(chat_server_reload_tls); });
}

void bind_listening(py::class_<Core>& core) {
  core.def("set_history_store", &Core::set_history_store, py::arg("calls"))
      .def("set_callback", &Core::set_callback, py::arg("kind"), py::arg("function"))
      .def(
          "set_async_kinds", [](Core& self, unsigned kinds) { self.listeners().set_async_kinds(kinds); },
          py::arg("kinds"))
      .def("set_calls", &Core::set_calls, py::arg("queue"))
      .def("add_events", &Core::add_events, py::arg("queue"), py::arg("refuse_when_full"))
      .def("remove_events", &Core::remove_events, py::arg("queue"))
      .def("take", &take, py::arg("queue"), py::arg("limit"));
}

void bind_messages(py::class_<Core>& core) {
  core.def("publish", &publish, py::arg("room"), py::arg("args"), py::arg("event"), py::arg("ephemeral"),
           py::arg("except_id"), py::arg("from_id"), py::arg("from_name"), py::arg("attributes"), py::arg("id"),
           py::arg("reply_to"))
      .def("edit", &edit, py::arg("room"), py::arg("seq"), py::arg("args"), py::arg("from_id"), py::arg("user_id"))
      .def(
          "redact",
          [](Core& self, const Text& room, std::uint64_t seq, const OptionalText& user_id) {
            self.call([&](chat_server* server) { return chat_redact(server, room.c_str(), seq, pointer(user_id)); });
          },
          py::arg("room"), py::arg("seq"), py::arg("user_id"))
      .def(
          "react",
          [](Core& self, const Text& room, std::uint64_t seq, const OptionalText& user_id, const Text& reaction,
             bool added) {
            self.call([&](chat_server* server) {
              return chat_react(server, room.c_str(), seq, pointer(user_id), reaction.c_str(), added ? 1 : 0);
            });
          },
          py::arg("room"), py::arg("seq"), py::arg("user_id"), py::arg("reaction"), py::arg("added"))
      .def("send", &send, py::arg("client"), py::arg("args"), py::arg("event"), py::arg("room"), py::arg("attributes"))
      .def("send_user", &send_user, py::arg("user_id"), py::arg("args"), py::arg("event"), py::arg("room"),
           py::arg("attributes"))
      .def("send_with_ack", &send_with_ack, py::arg("client"), py::arg("args"), py::arg("event"), py::arg("room"),
           py::arg("timeout_ms"), py::arg("to_loop"))
      .def("reply", &reply, py::arg("client"), py::arg("ack_id"), py::arg("args"))
      .def("decide", &decide, py::arg("client"), py::arg("decision_id"), py::arg("verdict"), py::arg("reason"))
      .def("decide_message", &decide_message, py::arg("message"), py::arg("verdict"), py::arg("reason"),
           py::arg("replacement"))
      .def("pass_messages", &pass_messages, py::arg("messages"));
}

void bind_clients(py::class_<Core>& core) {
  core.def("accept", &accept, py::arg("client"), py::arg("identity"))
      .def("refuse", &refuse, py::arg("client"), py::arg("reason"), py::arg("data_json"))
      .def("set_identity", &set_identity, py::arg("client"), py::arg("identity"))
      .def(
          "set_state",
          [](Core& self, chat_client_id client, const OptionalText& state_json) {
            self.call([&](chat_server* server) { return chat_set_state(server, client, pointer(state_json)); });
          },
          py::arg("client"), py::arg("state_json"))
      .def(
          "kick",
          [](Core& self, chat_client_id client, const OptionalText& reason) {
            self.call([&](chat_server* server) { return chat_kick(server, client, pointer(reason)); });
          },
          py::arg("client"), py::arg("reason"))
      .def(
          "close_connection",
          [](Core& self, chat_client_id client, const OptionalText& reason) {
            self.call([&](chat_server* server) { return chat_close_connection(server, client, pointer(reason)); });
          },
          py::arg("client"), py::arg("reason"))
      .def("join", on_client(chat_join), py::arg("client"), py::arg("room"))
      .def("leave", on_client(chat_leave), py::arg("client"), py::arg("room"))
      .def(
          "ban",
          [](Core& self, chat_client_id client, const Text& room, std::int64_t duration_ms,
             const OptionalText& reason) {
            self.call([&](chat_server* server) {
              return chat_ban(server, client, room.c_str(), duration_ms, pointer(reason));
            });
          },
          py::arg("client"), py::arg("room"), py::arg("duration_ms"), py::arg("reason"))
      .def(
          "ban_user",
          [](Core& self, const Text& user_id, const Text& room, std::int64_t duration_ms, const OptionalText& reason) {
            self.call([&](chat_server* server) {
              return chat_ban_user(server, user_id.c_str(), room.c_str(), duration_ms, pointer(reason));
            });
          },
          py::arg("user_id"), py::arg("room"), py::arg("duration_ms"), py::arg("reason"))
      .def(
          "close_room",
          [](Core& self, const Text& room, const OptionalText& reason) {
            self.call([&](chat_server* server) { return chat_close_room(server, room.c_str(), pointer(reason)); });
          },
          py::arg("room"), py::arg("reason"))
      .def(
          "moderate",
          [](Core& self, const Text& room, int action, chat_client_id client, const OptionalText& user_id,
             const OptionalText& address, std::int64_t duration_ms, std::int64_t value, const OptionalText& reason) {
            chat_moderation moderation = CHAT_MODERATION_INIT;
            moderation.room = room.c_str();
            moderation.action = static_cast<chat_moderation_action>(action);
            moderation.client = client;
            moderation.user_id = pointer(user_id);
            moderation.address = pointer(address);
            moderation.duration_ms = duration_ms;
            moderation.value = value;
            moderation.reason = pointer(reason);
            self.call([&](chat_server* server) { return chat_moderate(server, &moderation); });
          },
          py::arg("room"), py::arg("action"), py::arg("client"), py::arg("user_id"), py::arg("address"),
          py::arg("duration_ms"), py::arg("value"), py::arg("reason"))
      .def(
          "set_role",
          [](Core& self, const Text& room, const Text& user_id, int role) {
            self.call([&](chat_server* server) {
              return chat_set_role(server, room.c_str(), user_id.c_str(), static_cast<chat_role>(role));
            });
          },
          py::arg("room"), py::arg("user_id"), py::arg("role"))
      .def(
          "client_role",
          [](Core& self, chat_client_id client, const Text& room) {
            chat_role role = CHAT_ROLE_GUEST;
            self.call([&](chat_server* server) { return chat_client_role(server, client, room.c_str(), &role); });
            return static_cast<int>(role);
          },
          py::arg("client"), py::arg("room"))
      .def(
          "seen",
          [](Core& self, const Text& room, const Text& user_id) {
            std::uint64_t seq = 0;
            self.call([&](chat_server* server) { return chat_seen(server, room.c_str(), user_id.c_str(), &seq); });
            return seq;
          },
          py::arg("room"), py::arg("user_id"))
      .def(
          "set_seen",
          [](Core& self, const Text& room, const Text& user_id, std::uint64_t seq) {
            self.call([&](chat_server* server) { return chat_set_seen(server, room.c_str(), user_id.c_str(), seq); });
          },
          py::arg("room"), py::arg("user_id"), py::arg("seq"))
      .def(
          "set_presence",
          [](Core& self, const Text& room, int level) {
            self.call([&](chat_server* server) {
              return chat_room_set_presence(server, room.c_str(), static_cast<chat_presence_level>(level));
            });
          },
          py::arg("room"), py::arg("level"))
      .def("room_restore", &room_restore, py::arg("room"), py::arg("epoch"), py::arg("seq"), py::arg("messages"));
}

void bind_looking(py::class_<Core>& core) {
  core.def("client_info", &client_info, py::arg("client"))
      .def("find_client", &find_client, py::arg("socket_id"))
      .def("members", &members, py::arg("room"))
      .def("presence", &presence, py::arg("room"))
      .def("rooms", &rooms)
      .def("cluster_members", &cluster_members, py::arg("room"), py::arg("timeout_ms"))
      .def("cluster_rooms", &cluster_rooms, py::arg("timeout_ms"))
      .def("search", &search, py::arg("room"), py::arg("text"), py::arg("limit"), py::arg("before_seq"))
      .def("history", &history, py::arg("room"), py::arg("after_seq"), py::arg("limit"), py::arg("before_seq"),
           py::arg("around_seq"))
      .def("stats", &stats);
}

}  // namespace

void define_core(py::module_& module) {
  py::class_<EventQueue, EventQueuePtr>(module, "EventQueue",
                                        "A bounded queue of events, filled without the GIL. The package wraps it.")
      .def(py::init([](unsigned kinds, std::size_t records, std::size_t bytes) {
             return std::make_shared<EventQueue>(kinds, EventQueue::Limits{records, bytes});
           }),
           py::arg("kinds"), py::arg("records"), py::arg("bytes"))
      .def("fileno", &EventQueue::fd)
      .def("close", &EventQueue::close)
      .def_property_readonly("closed", &EventQueue::closed)
      .def_property_readonly("forked", &EventQueue::forked)
      .def_property_readonly("lost", &EventQueue::lost_total)
      .def("__len__", &EventQueue::size);

  py::class_<Core> core(module, "Core", collected<Core>(),
                        "One server, a thin layer over chat.h. The class Server wraps it.");
  bind_living(core);
  bind_listening(core);
  bind_messages(core);
  bind_clients(core);
  bind_looking(core);
}

}  // namespace pychat
