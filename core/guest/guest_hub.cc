// See guest_hub.h.
#include "guest/guest_hub.h"

#include <algorithm>
#include <ctime>
#include <memory>
#include <utility>
#include <variant>

#include "hub/room.h"
#include "wire/json/json.h"
#include "wire/payload.h"

namespace chat::guest {
namespace {

using namespace wire;

constexpr std::uint16_t kNormalClosure = 1000;  // RFC 6455 section 7.4
constexpr std::uint64_t kAckTimeoutMs = 5'000;  // when the cluster does not say it
constexpr std::uint64_t kMaxAckTimeoutMs = 600'000;
constexpr std::int64_t kAckGraceMs = 60'000;  // a loop may be late
constexpr std::size_t kMaxSockets = 100'000;
constexpr std::size_t kSocketBytes = 64;  // of a socket in an answer, without its values

std::string iso_time(std::int64_t time_ms) {
  const std::time_t seconds = static_cast<std::time_t>(time_ms / 1'000);
  std::tm parts{};
  char text[32];
  if (gmtime_r(&seconds, &parts) == nullptr) return {};
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, size};
}

std::shared_ptr<Message> message_of(ClusterBroadcast& event) {
  MessageDraft draft;
  draft.event = std::move(event.event.name);
  draft.attachments = std::move(event.event.args.attachments);
  draft.ephemeral = event.target.is_volatile;
  set_checked_args(draft, event.event.args.json);
  return make_message(std::move(draft));
}

}  // namespace

bool GuestHub::is_socket(std::string_view nsp, const Client& client) const {
  if (client.origin().protocol != Protocol::socket_io || client.state() != ClientState::open) return false;
  const std::shared_ptr<Room> first = client.joined({});
  return first != nullptr && first->name == rooms_.own_room(nsp);
}

ClientPtr GuestHub::find_socket(std::string_view nsp, std::string_view id) const {
  if (!GuestRooms::looks_like_socket(id)) return nullptr;
  const ClientPtr client = hub_.find_client(id);
  return client && client->socket_id() == id && is_socket(nsp, *client) ? client : nullptr;
}

bool GuestHub::knows(std::string_view nsp, std::string_view room) const {
  if (find_socket(nsp, room)) return true;
  const std::optional<std::string> name = rooms_.room_of(nsp, room);
  return name && is_open(*name);
}

// Each client is in one group only.
std::vector<GuestHub::Group> GuestHub::groups(std::string_view nsp, const std::vector<std::string>& rooms) const {
  std::vector<Group> result;
  Ids seen;
  const auto add = [&](std::string room, std::vector<ClientPtr> clients) {
    std::erase_if(clients, [&](const ClientPtr& client) { return !seen.insert(client->id()).second; });
    result.push_back({std::move(room), std::move(clients)});
  };
  const auto add_room = [&](const std::string& room) {
    if (Result<std::vector<ClientPtr>> members = hub_.members(room); members.ok()) add(room, std::move(*members));
  };
  if (rooms.empty()) add_room(rooms_.own_room(nsp));
  std::unordered_set<std::string_view> names;
  for (const std::string& room : rooms) {
    if (!names.insert(room).second) continue;
    if (ClientPtr socket = find_socket(nsp, room)) {
      add(rooms_.own_room(nsp), {std::move(socket)});
    } else if (const std::optional<std::string> name = rooms_.room_of(nsp, room)) {
      add_room(*name);
    }
  }
  return result;
}

GuestHub::Ids GuestHub::excluded(std::string_view nsp, const ClusterTarget& target) const {
  Ids ids;
  if (target.except.empty()) return ids;
  for (const Group& group : groups(nsp, target.except)) {
    for (const ClientPtr& client : group.clients) ids.insert(client->id());
  }
  return ids;
}

std::vector<ClientPtr> GuestHub::sockets(std::string_view nsp, const ClusterTarget& target) const {
  const Ids without = excluded(nsp, target);
  std::vector<ClientPtr> result;
  for (Group& group : groups(nsp, target.rooms)) {
    for (ClientPtr& client : group.clients) {
      if (!without.contains(client->id()) && is_socket(nsp, *client)) result.push_back(std::move(client));
    }
  }
  return result;
}

Result<bool> GuestHub::take(Incoming&& incoming, const Answer& answer) {
  ClusterMessage& message = incoming.message;
  const std::string& nsp = message.nsp;
  if (auto* event = std::get_if<ClusterBroadcast>(&message.body)) return broadcast(incoming, *event, answer);
  const auto done = [&](const std::string& request_id) {
    if (!request_id.empty()) answer(ClusterDone{request_id});
  };
  if (const auto* one = std::get_if<ClusterJoin>(&message.body)) {
    Result<bool> joined = join(nsp, *one);
    if (joined.ok() && *joined) done(one->request_id);
    return joined;
  }
  if (const auto* one = std::get_if<ClusterLeave>(&message.body)) {
    Result<bool> left = leave(nsp, *one);
    if (left.ok() && *left) done(one->request_id);
    return left;
  }
  if (const auto* one = std::get_if<ClusterDisconnect>(&message.body)) {
    Result<bool> ended = disconnect(nsp, *one);
    if (ended.ok() && *ended) done(one->request_id);
    return ended;
  }
  if (const auto* one = std::get_if<ClusterFetch>(&message.body)) {
    answer(fetch(nsp, *one));
    return true;
  }
  if (const auto* one = std::get_if<ClusterListIds>(&message.body)) {
    answer(list_ids(nsp, *one));
    return true;
  }
  if (const auto* one = std::get_if<ClusterListRooms>(&message.body)) {
    answer(list_rooms(nsp, *one));
    return true;
  }
  if (const auto* one = std::get_if<ClusterServerEvent>(&message.body)) {
    // Nobody here listens to it. Who waits for an answer gets one without a value.
    if (!one->request_id.empty()) answer(ClusterServerAnswer{{"[]", {}}, one->request_id});
    return !one->request_id.empty();
  }
  return false;  // answers, and what only concerns the nodes
}

void GuestHub::refuse(const ClusterBody& request, const Answer& answer) {
  if (const auto* event = std::get_if<ClusterBroadcast>(&request)) answer(ClusterClientCount{0, event->request_id});
  if (const auto* fetch = std::get_if<ClusterFetch>(&request)) answer(ClusterSockets{{}, {}, fetch->request_id});
  if (const auto* list = std::get_if<ClusterListIds>(&request)) answer(ClusterIds{{}, list->request_id});
  if (const auto* list = std::get_if<ClusterListRooms>(&request)) answer(ClusterRooms{{}, list->request_id});
}

// Events
// -----------------------------------------------------------------------------------------------------------------

Result<bool> GuestHub::broadcast(const Incoming& from, ClusterBroadcast& event, const Answer& answer) {
  const std::string& nsp = from.message.nsp;
  const bool wants_acks = !event.request_id.empty() && from.way != Way::python;
  std::size_t bytes = event.event.args.json.size();
  for (const std::string& attachment : event.event.args.attachments) bytes += attachment.size();
  if (bytes > max_event_bytes_) {
    if (wants_acks) answer(ClusterClientCount{0, event.request_id});
    return {Error::too_large, "an event has " + std::to_string(bytes) + " bytes"};
  }
  const Ids without = excluded(nsp, event.target);
  if (!wants_acks && without.size() <= 1) {
    const ClientId except = without.empty() ? 0 : *without.begin();
    std::vector<std::string> here;
    bool is_whole = true;  // rooms and no single sockets
    for (const std::string& room : event.target.rooms) {
      if (find_socket(nsp, room)) {
        is_whole = false;
      } else if (std::optional<std::string> name = rooms_.room_of(nsp, room); name && is_open(*name)) {
        if (std::ranges::find(here, *name) == here.end()) here.push_back(*std::move(name));
      }
    }
    if (event.target.rooms.empty()) here.push_back(rooms_.own_room(nsp));
    if (is_whole && here.empty()) return false;
    if (is_whole && here.size() == 1) return publish(event, std::move(here.front()), except);
  }
  std::vector<Group> to = groups(nsp, event.target.rooms);
  for (Group& group : to) {
    std::erase_if(group.clients, [&](const ClientPtr& client) { return without.contains(client->id()); });
  }
  std::uint64_t count = 0;
  if (!wants_acks) event.request_id.clear();
  Result<bool> sent = send(from, event, to, count);
  if (wants_acks) answer(ClusterClientCount{count, event.request_id});
  return sent;
}

Result<bool> GuestHub::publish(ClusterBroadcast& event, std::string room, ClientId except) {
  std::shared_ptr<Message> message = message_of(event);
  message->room = std::move(room);
  message->except = except;
  Receipt receipt;
  receipt.from_guest = true;
  const Result<Published> published = hub_.publish(std::move(message), clock_(), std::move(receipt));
  if (!published.ok()) return published.status();
  return true;
}

Result<bool> GuestHub::send(const Incoming& from, ClusterBroadcast& event, const std::vector<Group>& groups,
                            std::uint64_t& count) {
  const std::string& nsp = from.message.nsp;
  AckRequestPtr request;
  AckWish wish;
  if (!event.request_id.empty()) {
    request = std::make_shared<const AckRequest>(AckRequest{from.message.uid, nsp, event.request_id, from.way});
    const std::uint64_t timeout_ms = event.target.timeout_ms == 0 ? kAckTimeoutMs : event.target.timeout_ms;
    wish.timeout_ms = static_cast<std::int64_t>(std::min(timeout_ms, kMaxAckTimeoutMs));
  }
  const std::shared_ptr<Message> original = message_of(event);
  bool was_sent = false;
  for (const Group& group : groups) {
    if (group.clients.empty()) continue;
    auto copy = std::make_shared<Message>(*original);
    copy->room = group.room;
    copy->ephemeral = true;
    const Result<MessagePtr> message = hub_.ready_to_send(std::move(copy), clock_());
    if (!message.ok()) return message.status();
    for (const ClientPtr& client : group.clients) {
      wish.id = 0;
      if (request && is_socket(nsp, *client)) {
        const std::uint64_t ack_id = hub_.next_ack_id();
        if (acks_.add(ack_id, request, clock_().age_ms + wish.timeout_ms + kAckGraceMs)) wish.id = ack_id;
      }
      if (hub_.send_ready(client, *message, wish).ok()) {
        was_sent = true;
        if (wish.id != 0) ++count;
      } else if (wish.id != 0) {
        (void)acks_.take(wish.id);
      }
    }
  }
  return was_sent;
}

// Clients
// ----------------------------------------------------------------------------------------------------------------

Result<bool> GuestHub::join(std::string_view nsp, const ClusterJoin& join) {
  bool joined = false;
  Status problem;
  for (const ClientPtr& client : sockets(nsp, join.target)) {
    for (const std::string& room : join.rooms) {
      const std::optional<std::string> name = rooms_.room_of(nsp, room);
      Status status = name ? hub_.join(client, *name, std::nullopt, std::nullopt, clock_())
                           : Status{Error::invalid_room, "no room here can have this name"};
      joined |= status.ok();
      if (status.ok()) continue;
      problem = std::move(status);
      if (problem.code == Error::too_many) break;
    }
  }
  if (!joined && !problem.ok()) return problem;
  return joined;
}

Result<bool> GuestHub::leave(std::string_view nsp, const ClusterLeave& leave) {
  const std::unordered_set<std::string> names(leave.rooms.begin(), leave.rooms.end());
  bool left = false;
  for (const ClientPtr& client : sockets(nsp, leave.target)) {
    for (const std::string& room : client->rooms()) {
      const GuestRooms::Place place = rooms_.place_of(room);
      if (place.room.empty() || place.nsp != nsp || !names.contains(place.room)) continue;
      left |= hub_.leave(client, room, "removed by the cluster").ok();
    }
  }
  return left;
}

Result<bool> GuestHub::disconnect(std::string_view nsp, const ClusterDisconnect& disconnect) {
  bool ended = false;
  for (const ClientPtr& client : sockets(nsp, disconnect.target)) {
    ended |= hub_.close_client(client, kNormalClosure, "disconnected by the cluster", disconnect.close, clock_()).ok();
  }
  return ended;
}

// Answers
// ----------------------------------------------------------------------------------------------------------------

std::vector<std::string> GuestHub::rooms_of(std::string_view nsp, const Client& client) const {
  std::vector<std::string> names = {client.socket_id()};
  for (const std::string& room : client.rooms()) {
    GuestRooms::Place place = rooms_.place_of(room);
    if (place.nsp == nsp && !place.room.empty()) names.push_back(std::move(place.room));
  }
  return names;
}

ClusterSocket GuestHub::describe(std::string_view nsp, const Client& client) const {
  ClusterSocket socket;
  socket.id = client.socket_id();
  socket.rooms = rooms_of(nsp, client);
  const ClientOrigin& origin = client.origin();
  std::string& handshake = socket.handshake;
  handshake = R"({"headers":{},"time":)";
  json::append_quoted(handshake, iso_time(origin.connected_at_ms));
  handshake += R"(,"address":)";
  json::append_quoted(handshake, origin.address);
  handshake += R"(,"issued":)";
  json::append_number(handshake, origin.connected_at_ms);
  handshake += R"(,"query":{},"auth":{}})";
  const IdentityPtr identity = client.identity();
  socket.data = R"({"name":)";
  json::append_quoted(socket.data, identity->name);
  if (!identity->user_id.empty()) {
    socket.data += R"(,"user_id":)";
    json::append_quoted(socket.data, identity->user_id);
  }
  socket.data += '}';
  return socket;
}

ClusterSockets GuestHub::fetch(std::string_view nsp, const ClusterFetch& fetch) {
  ClusterSockets answer;
  answer.request_id = fetch.request_id;
  std::size_t bytes = 0;
  for (const ClientPtr& client : sockets(nsp, fetch.target)) {
    if (bytes < kMaxAnswerBytes && answer.sockets.size() < kMaxSockets) {
      ClusterSocket socket = describe(nsp, *client);
      bytes += kSocketBytes + socket.id.size() + socket.handshake.size() + socket.data.size();
      for (const std::string& room : socket.rooms) bytes += 2 * room.size() + 3;  // quotes are escaped
      if (bytes < kMaxAnswerBytes) {
        answer.sockets.push_back(std::move(socket));
        continue;
      }
    }
    ++left_out_;
  }
  return answer;
}

ClusterIds GuestHub::list_ids(std::string_view nsp, const ClusterListIds& list) {
  ClusterIds answer;
  answer.request_id = list.request_id;
  ClusterTarget target;
  target.rooms = list.rooms;
  for (const ClientPtr& client : sockets(nsp, target)) {
    if (answer.ids.size() < kMaxSockets) {
      answer.ids.push_back(client->socket_id());
    } else {
      ++left_out_;
    }
  }
  return answer;
}

ClusterRooms GuestHub::list_rooms(std::string_view nsp, const ClusterListRooms& list) {
  ClusterRooms answer;
  answer.request_id = list.request_id;
  std::unordered_set<std::string> names;
  std::size_t bytes = 0;
  for (const ClientPtr& client : sockets(nsp, {})) {
    for (std::string& room : rooms_of(nsp, *client)) {
      if (names.contains(room)) continue;
      bytes += 2 * room.size() + 3;
      if (bytes > kMaxAnswerBytes) {
        ++left_out_;
        break;
      }
      names.insert(std::move(room));
    }
  }
  answer.rooms.assign(names.begin(), names.end());
  return answer;
}

}  // namespace chat::guest
