// The entry points that read: clients, rooms, history and counters. Visitors are called with a snapshot, and with no lock held.
#include <algorithm>
#include <cstring>
#include <iterator>

#include "handle.h"
#include "message.h"
#include "model/search_words.h"
#include "person.h"
#include "sized.h"

using chat::Client;
using chat::ClientPtr;
using chat::Error;
using chat::Result;
using chat::Status;
using chat::capi::find_server;
using chat::capi::guarded;
using chat::net::Server;

namespace {

// A chat_client with everything that it points to.
class ClientView {
 public:
  explicit ClientView(const Client &client)
      : identity_(client.identity()),
        socket_id_(client.socket_id()),
        rooms_(client.rooms()),
        attributes_(chat::capi::view_pairs(identity_->attributes)) {
    room_names_.reserve(rooms_.size());
    for (const std::string &room : rooms_) room_names_.push_back(room.c_str());
    client_.struct_size = sizeof client_;
    client_.id = client.id();
    shown_identity_ = {sizeof(chat_identity), identity_->user_id.c_str(), identity_->name.c_str(),
                       attributes_.empty() ? nullptr : attributes_.data(), attributes_.size()};
    client_.identity = &shown_identity_;
    client_.address = client.origin().address.c_str();
    client_.protocol = static_cast<chat_protocol>(client.origin().protocol);
    client_.transport = static_cast<chat_transport>(1U << static_cast<unsigned>(client.transport()));
    client_.connected_at_ms = client.origin().connected_at_ms;
    client_.rooms = room_names_.empty() ? nullptr : room_names_.data();
    client_.room_count = room_names_.size();
    client_.user = client.user();
    client_.socket_id = socket_id_.c_str();
  }
  ClientView(const ClientView &) = delete;
  ClientView &operator=(const ClientView &) = delete;

  const chat_client *get() const { return &client_; }

 private:
  const chat::IdentityPtr identity_;
  const std::string socket_id_;
  chat_identity shown_identity_{};
  const std::vector<std::string> rooms_;
  const std::vector<chat_pair> attributes_;
  std::vector<const char *> room_names_;
  chat_client client_ = {};
};

// A chat_room that lives as long as the info.
class RoomView {
 public:
  explicit RoomView(const chat::RoomInfo &info)
      : room_{sizeof(chat_room), info.name.c_str(),  info.epoch.c_str(), info.seq,
              info.member_count, info.history_count, info.people_count} {}
  const chat_room *get() const { return &room_; }

 private:
  chat_room room_;
};

// A chat_cluster_member that lives as long as the info.
class MemberView {
 public:
  explicit MemberView(const chat::MemberInfo &info)
      : member_{sizeof(chat_cluster_member),
                info.id,
                info.name.c_str(),
                info.user_id.c_str(),
                static_cast<chat_role>(info.role),
                static_cast<chat_protocol>(info.protocol),
                chat::node_of(info.id)} {}
  const chat_cluster_member *get() const { return &member_; }

 private:
  chat_cluster_member member_;
};

Result<std::vector<ClientPtr>> clients_in(Server &server, const char *room) {
  if (room == nullptr) return server.hub().clients();
  Result<std::string> name = chat::capi::read_room(room);
  if (!name.ok()) return name.status();
  return server.hub().members(*name);
}

// Shows each element of a list to the visitor until it returns something else than 0. list(server) returns a Result with the list,
// view(element) an object whose get() is what the visitor is given.
template <class Visitor, class List, class View>
chat_error visit_all(chat_server *server, Visitor visitor, void *user, List list, View view) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    if (visitor == nullptr) return {Error::invalid_argument, "visitor is NULL"};
    auto elements = list(**running);
    if (!elements.ok()) return elements.status();
    for (const auto &element : *elements) {
      if (visitor(view(element).get(), user) != 0) break;
    }
    return {};
  });
}

constexpr std::int64_t kMaxTimeoutMs = 60'000;

// Shows each element of a list of all servers to the visitor. Then returns why the list is not complete. read(server, within_ms)
// returns a Result with the FarList, list(it) the list in it.
template <class Visitor, class Read, class List, class View>
chat_error visit_everywhere(chat_server *server, std::int64_t timeout_ms, Visitor visitor, void *user, Read read,
                            List list, View view) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = chat::capi::find_live_server(server);
    if (!running.ok()) return running.status();
    if (timeout_ms < 1 || timeout_ms > kMaxTimeoutMs) {
      return {Error::invalid_argument, "timeout_ms is not within 1 to 60000"};
    }
    if (visitor == nullptr) return {Error::invalid_argument, "visitor is NULL"};
    if ((*running)->hub().is_shared() && (*running)->on_own_thread()) {
      return {Error::wrong_thread, "other servers are asked, and a callback must not wait for them"};
    }
    const Result<chat::FarListPtr> found = read(**running, timeout_ms);
    if (!found.ok()) return found.status();
    if (const auto elements = list(**found)) {
      for (const auto &element : elements->items) {
        if (visitor(view(element).get(), user) != 0) break;
      }
    }
    return (*found)->status;
  });
}

Status no_such_room(const std::string &room) { return {Error::no_such_room, "no room " + room}; }

template <std::size_t ours, std::size_t theirs>
void copy_counters(const std::array<std::uint64_t, theirs> &from, std::uint64_t (&to)[ours]) {
  static_assert(theirs <= ours, "chat_stats has too few slots");
  std::copy(from.begin(), from.end(), to);
}

}  // namespace

chat_error chat_client_info(chat_server *server, chat_client_id client, chat_client_visitor visitor,
                            void *user) noexcept {
  const auto the_client = [client](Server &running) -> Result<std::vector<ClientPtr>> {
    Result<ClientPtr> found = chat::capi::find_client(running, client);
    if (!found.ok()) return found.status();
    return std::vector{std::move(*found)};
  };
  return visit_all(server, visitor, user, the_client, [](const ClientPtr &one) { return ClientView(*one); });
}

chat_error chat_members(chat_server *server, const char *room, chat_client_visitor visitor, void *user) noexcept {
  return visit_all(
      server, visitor, user, [room](Server &running) { return clients_in(running, room); },
      [](const ClientPtr &one) { return ClientView(*one); });
}

chat_error chat_rooms(chat_server *server, chat_room_visitor visitor, void *user) noexcept {
  return visit_all(
      server, visitor, user, [](Server &running) { return Result(running.hub().rooms()); },
      [](const chat::RoomInfo &info) { return RoomView(info); });
}

chat_error chat_cluster_members(chat_server *server, const char *room, int64_t timeout_ms,
                                chat_cluster_member_visitor visitor, void *user) noexcept {
  return visit_everywhere(
      server, timeout_ms, visitor, user,
      [room](Server &running, std::int64_t within_ms) -> Result<chat::FarListPtr> {
        Result<std::string> name = chat::capi::read_room(room);
        if (!name.ok()) return name.status();
        chat::Hub &hub = running.hub();
        chat::FarListPtr list;
        if (hub.is_shared()) {
          list = hub.list_all_now(*name, within_ms);
        } else {
          Result<chat::MemberListPtr> own = hub.describe_members(*name);
          if (!own.ok()) return own.status();
          auto made = std::make_shared<chat::FarList>();
          if (!(*own)->complete) made->status = {Error::too_many, "members were left out"};
          made->members = std::move(*own);
          list = std::move(made);
        }
        if (!list->members && list->status.ok()) return no_such_room(*name);
        return list;
      },
      [](const chat::FarList &list) { return list.members; },
      [](const chat::MemberInfo &info) { return MemberView(info); });
}

chat_error chat_cluster_rooms(chat_server *server, int64_t timeout_ms, chat_room_visitor visitor, void *user) noexcept {
  return visit_everywhere(
      server, timeout_ms, visitor, user,
      [](Server &running, std::int64_t within_ms) -> Result<chat::FarListPtr> {
        chat::Hub &hub = running.hub();
        if (hub.is_shared()) return hub.list_all_now({}, within_ms);
        auto made = std::make_shared<chat::FarList>();
        made->rooms = hub.list_rooms(chat::net::current_moment());
        if (!made->rooms->complete) made->status = {Error::too_many, "rooms were left out"};
        return chat::FarListPtr(std::move(made));
      },
      [](const chat::FarList &list) { return list.rooms; }, [](const chat::RoomInfo &info) { return RoomView(info); });
}

chat_error chat_history(chat_server *server, const char *room, uint64_t after_seq, size_t limit,
                        chat_message_visitor visitor, void *user) noexcept {
  return chat_history_between(server, room, after_seq, 0, limit, visitor, user);
}

chat_error chat_history_between(chat_server *server, const char *room, uint64_t after_seq, uint64_t before_seq,
                                size_t limit, chat_message_visitor visitor, void *user) noexcept {
  const auto messages = [&](Server &running) -> Result<std::vector<chat::MessagePtr>> {
    Result<std::string> name = chat::capi::read_room(room);
    if (!name.ok()) return name.status();
    if (!running.hub().has_room(*name)) return no_such_room(*name);
    chat::Hub &hub = running.hub();
    chat::KeptRangePtr earlier;
    if (const auto query = hub.unread(*name, after_seq, limit, before_seq)) {
      if (running.on_own_thread()) {
        return {Error::wrong_thread, "the history is read from the file, which a callback must not wait for"};
      }
      earlier = hub.read_now(*query);
      if (!earlier->status.ok()) return earlier->status;
    }
    Result<chat::HistoryReply> history =
        hub.history(*name, after_seq, limit, chat::net::current_moment(), before_seq, earlier.get());
    if (!history.ok()) return history.status();
    return std::move(history->messages);
  };
  return visit_all(server, visitor, user, messages,
                   [](const chat::MessagePtr &message) { return chat::capi::MessageView(*message); });
}

chat_error chat_history_around(chat_server *server, const char *room, uint64_t seq, size_t limit,
                               chat_message_visitor visitor, void *user) noexcept {
  return chat_history_between(server, room, 0, chat::before_of_page_around(seq, limit), limit, visitor, user);
}

chat_error chat_search(chat_server *server, const char *room, const char *text, size_t limit, uint64_t before_seq,
                       chat_message_visitor visitor, void *user) noexcept {
  constexpr std::size_t kBytes = 4 << 20;
  const auto messages = [&](Server &running) -> Result<std::vector<chat::MessagePtr>> {
    Result<std::string> name = chat::capi::read_room(room);
    if (!name.ok()) return name.status();
    if (text == nullptr) return {Error::invalid_argument, "text is NULL"};
    chat::Hub &hub = running.hub();
    std::vector<chat::MessagePtr> all;
    std::size_t left = limit == 0 || limit > chat::kMaxFound ? chat::kMaxFound : limit;
    std::size_t bytes = 0;
    for (;;) {
      Result<std::optional<chat::KeptQuery>> query = hub.search(*name, text, left, before_seq);
      if (!query.ok()) return query.status();
      if (!hub.has_room(*name)) return no_such_room(*name);
      if (running.on_own_thread()) {
        return {Error::wrong_thread, "the history is searched in the file, which a callback must not wait for"};
      }
      if (!*query) break;
      const chat::KeptRangePtr range = hub.read_now(**query);
      if (!range->status.ok()) return range->status;
      chat::HistoryReply reply = hub.found(*name, range.get(), chat::net::current_moment());
      for (const chat::MessagePtr &one : reply.messages) bytes += one->memory_bytes();
      left -= reply.messages.size();
      all.insert(all.begin(), std::make_move_iterator(reply.messages.begin()),
                 std::make_move_iterator(reply.messages.end()));
      if (reply.complete || left == 0 || bytes >= kBytes) break;
      before_seq = reply.before_seq;
    }
    return all;
  };
  return visit_all(server, visitor, user, messages,
                   [](const chat::MessagePtr &message) { return chat::capi::MessageView(*message); });
}

chat_error chat_presence(chat_server *server, const char *room, chat_person_visitor visitor, void *user) noexcept {
  const auto people = [room](Server &running) -> Result<std::vector<chat::Person>> {
    Result<std::string> name = chat::capi::read_room(room);
    if (!name.ok()) return name.status();
    chat::KeptRangePtr opened;
    if (running.hub().presence_level(*name) != chat::PresenceLevel::off) {
      Result<chat::KeptRangePtr> range = chat::capi::open_room(running, *name);
      if (!range.ok()) return range.status();
      opened = std::move(*range);
    }
    Result<chat::PresenceNotice> notice = running.hub().presence(*name, true);
    if (!notice.ok()) return notice.status();
    return std::move(notice->people);
  };
  return visit_all(server, visitor, user, people,
                   [](const chat::Person &person) { return chat::capi::PersonView(person); });
}

const char *chat_refusal_name(chat_refusal reason) noexcept {
  const auto number = static_cast<std::size_t>(reason);
  return number < chat::kRefusalCount ? chat::net::refusal_name(static_cast<chat::Refusal>(number)) : nullptr;
}

chat_error chat_server_stats(chat_server *server, chat_stats *stats) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    if (stats == nullptr) return {Error::invalid_argument, "stats is NULL"};
    const std::size_t their_size = stats->struct_size;
    Status status = chat::capi::check_struct_size(their_size, chat::capi::kRequiredBytes<chat_stats>, "stats");
    if (!status.ok()) return {status.code, "stats.struct_size is not set"};

    const chat::net::ServerStats net = (*running)->stats();
    const chat::HubStats hub = (*running)->hub().stats();
    chat_stats ours = {};
    ours.struct_size = their_size;
    ours.connections_now = net.connections_now;
    ours.connections_total = net.connections_total;
    ours.clients_now = hub.clients_now;
    ours.clients_total = hub.clients_total;
    ours.rooms_now = hub.rooms_now;
    ours.messages_in = net.messages_in;
    ours.messages_refused = net.messages_refused;
    ours.messages_published = hub.published;
    ours.deliveries = net.deliveries;
    ours.drops = net.drops;
    ours.slow_disconnects = net.slow_disconnects;
    ours.bytes_in = net.bytes_in;
    ours.bytes_out = net.bytes_out;
    ours.http_requests = net.http_requests;
    ours.history_bytes_now = hub.history_bytes_now;
    copy_counters(net.clients_now_by_protocol, ours.clients_now_by_protocol);
    copy_counters(net.clients_now_by_transport, ours.clients_now_by_transport);
    copy_counters(net.messages_in_by_protocol, ours.messages_in_by_protocol);
    copy_counters(net.deliveries_by_protocol, ours.deliveries_by_protocol);
    copy_counters(net.messages_in_by_transport, ours.messages_in_by_transport);
    copy_counters(net.deliveries_by_transport, ours.deliveries_by_transport);
    copy_counters(net.refusals, ours.refusals);
    const chat::net::HistoryStats history = (*running)->history_stats();
    ours.history_stored = history.stored;
    ours.history_failed = history.failed;
    ours.history_forgotten = history.forgotten;
    ours.history_file_bytes_now = history.file_bytes_now;
    const chat::net::ClusterStats cluster = (*running)->cluster_stats();
    ours.cluster_up_now = cluster.up_now ? 1 : 0;
    ours.cluster_servers_now = cluster.servers_now;
    ours.cluster_rooms_now = cluster.rooms_now;
    ours.cluster_waiting_now = cluster.waiting_now;
    ours.cluster_published = cluster.published;
    ours.cluster_batches = cluster.batches;
    ours.cluster_received = cluster.received;
    ours.cluster_failed = cluster.failed;
    ours.cluster_dropped = cluster.dropped;
    ours.cluster_holes = cluster.holes;
    ours.cluster_losses = cluster.losses;
    ours.cluster_islands_now = cluster.islands_now;
    ours.cluster_merged = cluster.merged;
    const chat::net::FarStats far = (*running)->far_stats();
    ours.cluster_forwarded_now = far.forwarded_now;
    ours.cluster_foreign_now = far.foreign_now;

    // Counters of a newer version that this library does not have stay 0.
    std::memset(stats, 0, their_size);
    std::memcpy(stats, &ours, std::min(their_size, sizeof ours));
    return {};
  });
}
