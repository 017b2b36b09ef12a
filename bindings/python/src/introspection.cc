// See introspection.h.
#include "introspection.h"

#include "errors.h"
#include "gil.h"
#include "message.h"
#include "python_names.h"
#include "record.h"
#include "text.h"

namespace pychat {
namespace {

struct ClientCopy {
  chat_client_id id;
  ClientSlotPtr slot;  // looked up after the visit
  std::string name, user_id, address, socket_id;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<std::string> rooms;
  int protocol, transport;
  std::int64_t connected_at_ms;
};

struct RoomCopy {
  std::string name, epoch;
  std::uint64_t seq;
  std::size_t member_count, history_count, people_count;
};

// A visitor is a C callback: an exception of an allocation ends the visit and is rethrown afterwards.
template <class Seen, class Copy>
struct Visit {
  Copy copy;
  std::vector<std::decay_t<std::invoke_result_t<Copy, const Seen&>>> copies;
  std::exception_ptr thrown;

  static int see(const Seen* seen, void* user) {
    auto& visit = *static_cast<Visit*>(user);
    try {
      visit.copies.push_back(visit.copy(*seen));
      return 0;
    } catch (...) {
      visit.thrown = std::current_exception();
      return 1;
    }
  }
};

// outcome: what the function returned; nullptr: an error is raised.
template <class Seen, class Copy, class Function>
auto visit(Core& core, Copy copy, Function function, Outcome* outcome = nullptr) {
  Visit<Seen, Copy> visiting{std::move(copy), {}, {}};
  const auto look = [&](chat_server* server) { return function(server, Visit<Seen, Copy>::see, &visiting); };
  Outcome came = core.outcome_of(look);
  if (outcome == nullptr) raise_unless_ok(came);
  if (outcome != nullptr) *outcome = std::move(came);
  if (visiting.thrown) std::rethrow_exception(visiting.thrown);
  return std::move(visiting.copies);
}

ClientCopy copy_client(const chat_client& client) {
  ClientCopy copy{client.id,
                  nullptr,
                  client.identity->name,
                  client.identity->user_id,
                  client.address,
                  client.socket_id,
                  {},
                  {},
                  static_cast<int>(client.protocol),
                  static_cast<int>(client.transport),
                  client.connected_at_ms};
  for (std::size_t index = 0; index < client.identity->attribute_count; ++index) {
    const chat_pair& pair = client.identity->attributes[index];
    copy.attributes.emplace_back(pair.name, std::string(pair.value, pair.value_size));
  }
  for (std::size_t index = 0; index < client.room_count; ++index) copy.rooms.emplace_back(client.rooms[index]);
  return copy;
}

py::object to_python(Core& core, const ClientCopy& copy) {
  const PythonNames& names = python_names();
  py::dict attributes;
  for (const auto& [name, value] : copy.attributes) attributes[to_str(name)] = to_str(value);
  py::tuple rooms(copy.rooms.size());
  for (std::size_t index = 0; index < copy.rooms.size(); ++index) rooms[index] = to_str(copy.rooms[index]);
  return names.client_info(copy.slot->object(core.server_object()), to_str(copy.name), to_str(copy.user_id), attributes,
                           to_str(copy.address), names.protocol(copy.protocol), names.transport(copy.transport),
                           copy.connected_at_ms, rooms, to_str(copy.socket_id));
}

// Fills in the slots of clients that still exist, so that their objects are those that callbacks see.
void find_slots(Core& core, std::vector<ClientCopy>& copies) {
  core.call([&](chat_server* server) {
    for (ClientCopy& copy : copies) copy.slot = core.clients().get_if_there(server, copy.id);
    return CHAT_OK;
  });
}

template <std::size_t count>
py::tuple to_tuple(const std::uint64_t (&numbers)[count]) {
  py::tuple result(count);
  for (std::size_t index = 0; index < count; ++index) result[index] = py::int_(numbers[index]);
  return result;
}

}  // namespace

py::object client_info(Core& core, chat_client_id client) {
  std::vector<ClientCopy> copies = visit<chat_client>(core, copy_client, [&](auto* server, auto see, void* user) {
    return chat_client_info(server, client, see, user);
  });
  find_slots(core, copies);
  return to_python(core, copies.at(0));
}

py::object find_client(Core& core, const Text& socket_id) {
  ClientSlotPtr slot;
  core.call([&](chat_server* server) {
    chat_client_id client = 0;
    const chat_error error = chat_find_client(server, socket_id.c_str(), &client);
    if (error == CHAT_OK) slot = core.clients().get_if_there(server, client);
    return error;
  });
  return slot->object(core.server_object());
}

py::list members(Core& core, const OptionalText& room) {
  std::vector<ClientCopy> copies = visit<chat_client>(core, copy_client, [&](auto* server, auto see, void* user) {
    return chat_members(server, room ? room->c_str() : nullptr, see, user);
  });
  find_slots(core, copies);
  py::list result;
  for (const ClientCopy& copy : copies) result.append(to_python(core, copy));
  return result;
}

namespace {

RoomCopy copy_room(const chat_room& room) {
  return {room.name, room.epoch, room.seq, room.member_count, room.history_count, room.people_count};
}

py::object to_python(const RoomCopy& room) {
  return python_names().room(to_str(room.name), to_str(room.epoch), room.seq, room.member_count, room.history_count,
                             room.people_count);
}

struct MemberCopy {
  std::string name, user_id;
  chat_client_id id;
  int role, protocol;
  std::uint32_t server;
};

MemberCopy copy_member(const chat_cluster_member& member) {
  return {member.name,  member.user_id, member.id, static_cast<int>(member.role), static_cast<int>(member.protocol),
          member.server};
}

py::object to_python(const MemberCopy& copy) {
  const PythonNames& names = python_names();
  return names.cluster_member(copy.id, to_str(copy.name), to_str(copy.user_id), names.role(copy.role),
                              names.protocol(copy.protocol), copy.server);
}

// A list of all servers. make(entries, complete, reason).
template <class Copy>
py::object whole_list(const py::object& make, const std::vector<Copy>& copies, const Outcome& outcome) {
  const bool lacks = outcome.error == CHAT_ERROR_TIMED_OUT || outcome.error == CHAT_ERROR_UNAVAILABLE ||
                     outcome.error == CHAT_ERROR_TOO_MANY;
  if (!lacks) raise_unless_ok(outcome);
  py::tuple entries(copies.size());
  for (std::size_t index = 0; index < copies.size(); ++index) entries[index] = to_python(copies[index]);
  return make(entries, !lacks, to_str(outcome.message));
}

}  // namespace

py::list rooms(Core& core) {
  py::list result;
  for (const RoomCopy& room : visit<chat_room>(core, copy_room, chat_rooms)) result.append(to_python(room));
  return result;
}

py::object cluster_members(Core& core, const Text& room, std::int64_t timeout_ms) {
  Outcome outcome;
  const auto look = [&](auto* server, auto see, void* user) {
    return chat_cluster_members(server, room.c_str(), timeout_ms, see, user);
  };
  const std::vector<MemberCopy> copies = visit<chat_cluster_member>(core, copy_member, look, &outcome);
  return whole_list(python_names().cluster_members, copies, outcome);
}

py::object cluster_rooms(Core& core, std::int64_t timeout_ms) {
  Outcome outcome;
  const auto look = [&](auto* server, auto see, void* user) {
    return chat_cluster_rooms(server, timeout_ms, see, user);
  };
  const std::vector<RoomCopy> copies = visit<chat_room>(core, copy_room, look, &outcome);
  return whole_list(python_names().cluster_rooms, copies, outcome);
}

py::list presence(Core& core, const Text& room) {
  py::list result;
  for (const PersonRecord& person : visit<chat_person>(core, copy_person, [&](auto*server, auto see, void*user) {
         return chat_presence(server, room.c_str(), see, user);
       })) {
    result.append(person_to_python(person));
  }
  return result;
}

namespace {

template <class Call>
py::list messages(Core& core, Call call) {
  const auto copy = [](const chat_message& message) -> OwnedMessagePtr {
    return std::make_shared<OwnedMessage>(message);
  };
  py::list result;
  for (const OwnedMessagePtr& message : visit<chat_message>(core, copy, call)) {
    result.append(Message::make(message, py::none(), 0, 0));
  }
  return result;
}

}  // namespace

py::list history(Core& core, const Text& room, std::uint64_t after_seq, std::size_t limit, std::uint64_t before_seq,
                 std::uint64_t around_seq) {
  return messages(core, [&](auto* server, auto see, void* user) {
    if (around_seq != 0) return chat_history_around(server, room.c_str(), around_seq, limit, see, user);
    return chat_history_between(server, room.c_str(), after_seq, before_seq, limit, see, user);
  });
}

py::list search(Core& core, const Text& room, const Text& text, std::size_t limit, std::uint64_t before_seq) {
  return messages(core, [&](auto* server, auto see, void* user) {
    return chat_search(server, room.c_str(), text.c_str(), limit, before_seq, see, user);
  });
}

py::object stats(Core& core) {
  chat_stats stats = {};
  stats.struct_size = CHAT_STATS_SIZE;
  core.call([&](chat_server* server) { return chat_server_stats(server, &stats); });
  // Keyed by name: the numbers are useful only in C.
  py::dict refusals;
  for (int reason = 0; reason < CHAT_REFUSAL_COUNT; ++reason) {
    refusals[chat_refusal_name(static_cast<chat_refusal>(reason))] = stats.refusals[reason];
  }
  return python_names().stats(
      stats.connections_now, stats.connections_total, stats.clients_now, stats.clients_total, stats.rooms_now,
      stats.messages_in, stats.messages_refused, stats.messages_published, stats.deliveries, stats.drops,
      stats.slow_disconnects, stats.bytes_in, stats.bytes_out, stats.http_requests, stats.history_bytes_now,
      to_tuple(stats.clients_now_by_protocol), to_tuple(stats.clients_now_by_transport),
      to_tuple(stats.messages_in_by_protocol), to_tuple(stats.deliveries_by_protocol),
      to_tuple(stats.messages_in_by_transport), to_tuple(stats.deliveries_by_transport), refusals, stats.history_stored,
      stats.history_failed, stats.history_forgotten, stats.history_file_bytes_now, stats.cluster_up_now,
      stats.cluster_servers_now, stats.cluster_rooms_now, stats.cluster_waiting_now, stats.cluster_published,
      stats.cluster_batches, stats.cluster_received, stats.cluster_failed, stats.cluster_dropped, stats.cluster_holes,
      stats.cluster_losses, stats.cluster_islands_now, stats.cluster_merged, stats.cluster_forwarded_now,
      stats.cluster_foreign_now);
}

namespace {

// A chat_cluster_status with everything that it points to.
struct ClusterCopy {
  struct Server {
    chat_cluster_server numbers;
    std::string id, host, version;
  };
  std::vector<Server> servers;
  chat_cluster_status numbers;
  std::string redis_version, eviction_policy;

  static void see(const chat_cluster_status* status, void* user) {
    auto& copy = *static_cast<ClusterCopy*>(user);
    try {
      copy.numbers = *status;
      copy.redis_version = status->redis_version;
      copy.eviction_policy = status->eviction_policy;
      for (std::size_t i = 0; i < status->server_count; ++i) {
        const chat_cluster_server& one = *status->servers[i];
        copy.servers.push_back({one, one.id, one.host, one.version});
      }
    } catch (...) {
      copy.thrown = std::current_exception();
    }
  }
  std::exception_ptr thrown;
};

}  // namespace

py::object read_cluster(const Text& url, const OptionalText& prefix, std::int64_t timeout_ms) {
  ClusterCopy copy{};
  raise_unless_ok(without_gil([&] {
    return Outcome::of(
        chat_read_cluster(url.c_str(), prefix ? prefix->c_str() : nullptr, timeout_ms, ClusterCopy::see, &copy));
  }));
  if (copy.thrown) std::rethrow_exception(copy.thrown);
  py::tuple servers(copy.servers.size());
  for (std::size_t i = 0; i < copy.servers.size(); ++i) {
    const ClusterCopy::Server& one = copy.servers[i];
    servers[i] = python_names().cluster_server(
        one.numbers.number, to_str(one.id), to_str(one.host), to_str(one.version), one.numbers.pid,
        one.numbers.started_at_ms, one.numbers.lease_ms, one.numbers.clients, one.numbers.rooms, one.numbers.waiting);
  }
  return python_names().cluster_status(servers, to_str(copy.redis_version), copy.numbers.round_trip_us,
                                       copy.numbers.used_bytes, copy.numbers.max_bytes, to_str(copy.eviction_policy),
                                       copy.numbers.keeps_file != 0, copy.numbers.replicas);
}

py::object events_lost(std::uint64_t count) { return python_names().events_lost(count); }

}  // namespace pychat
