// The entry points that look: at clients, rooms, history and counters. Visitors run over snapshots, with no lock held.
#include <algorithm>
#include <cstring>

#include "handle.h"
#include "message.h"
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

// A chat_client and what it points to.
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

Status no_visitor() { return {Error::invalid_argument, "visitor is NULL"}; }

Status no_such_room(const std::string &room) { return {Error::no_such_room, "no room " + room}; }

template <std::size_t ours, std::size_t theirs>
void copy_counters(const std::array<std::uint64_t, theirs> &from, std::uint64_t (&to)[ours]) {
  static_assert(theirs <= ours, "chat_stats has too few slots");
  std::copy(from.begin(), from.end(), to);
}

}  // namespace

chat_error chat_client_info(chat_server *server, chat_client_id client, chat_client_visitor visitor,
                            void *user) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    if (visitor == nullptr) return no_visitor();
    Result<ClientPtr> found = chat::capi::find_client(**running, client);
    if (!found.ok()) return found.status();
    visitor(ClientView(**found).get(), user);
    return {};
  });
}

chat_error chat_members(chat_server *server, const char *room, chat_client_visitor visitor, void *user) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    if (visitor == nullptr) return no_visitor();
    std::vector<ClientPtr> clients;
    if (room == nullptr) {
      clients = (*running)->hub().clients();
    } else {
      Result<std::string> name = chat::capi::read_room(room);
      if (!name.ok()) return name.status();
      Result<std::vector<ClientPtr>> members = (*running)->hub().members(*name);
      if (!members.ok()) return members.status();
      clients = std::move(*members);
    }
    for (const ClientPtr &client : clients) {
      if (visitor(ClientView(*client).get(), user) != 0) break;
    }
    return {};
  });
}

chat_error chat_rooms(chat_server *server, chat_room_visitor visitor, void *user) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    if (visitor == nullptr) return no_visitor();
    for (const chat::RoomInfo &info : (*running)->hub().rooms()) {
      const chat_room room = {sizeof(chat_room), info.name.c_str(), info.epoch.c_str(),
                              info.seq,          info.member_count, info.history_count};
      if (visitor(&room, user) != 0) break;
    }
    return {};
  });
}

chat_error chat_history(chat_server *server, const char *room, uint64_t after_seq, size_t limit,
                        chat_message_visitor visitor, void *user) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    if (visitor == nullptr) return no_visitor();
    Result<std::string> name = chat::capi::read_room(room);
    if (!name.ok()) return name.status();
    if (!(*running)->hub().has_room(*name)) return no_such_room(*name);
    Result<chat::HistoryReply> history =
        (*running)->hub().history(*name, after_seq, limit, chat::net::current_moment());
    if (!history.ok()) return history.status();
    for (const chat::MessagePtr &message : history->messages) {
      if (visitor(chat::capi::MessageView(*message).get(), user) != 0) break;
    }
    return {};
  });
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

    // A newer program's counters that this library does not have stay 0.
    std::memset(stats, 0, their_size);
    std::memcpy(stats, &ours, std::min(their_size, sizeof ours));
    return {};
  });
}
