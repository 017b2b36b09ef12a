// See hub.h.
#include "hub/hub.h"

#include <algorithm>
#include <array>

namespace chat {
namespace {

std::string guest_name(ClientId id) { return "guest-" + std::to_string(id); }

bool by_id(const ClientPtr& a, const ClientPtr& b) { return a->id() < b->id(); }

Status no_such_client() { return {Error::no_such_client, "no such client"}; }

// Checks it, and fills in the name that it does not give.
Status complete_identity(const Client& client, Identity& identity) {
  Status status = check_person_name(identity.user_id);
  if (status.ok()) status = check_person_name(identity.name);
  if (status.ok()) status = check_attributes(identity.attributes);
  if (status.ok() && identity.name.empty()) {
    identity.name = identity.user_id.empty() ? guest_name(client.id()) : identity.user_id;
  }
  return status;
}

}  // namespace

Hub::Hub(HubOptions options, std::vector<LoopInbox*> inboxes)
    : options_(std::move(options)),
      ephemeral_events_(options_.ephemeral_events.begin(), options_.ephemeral_events.end()),
      inboxes_(std::move(inboxes)) {}

// Clients -------------------------------------------------------------------------------------------------------------

Result<ClientPtr> Hub::add_client(const ClientOrigin& origin) {
  std::unique_lock lock(clients_mutex_);
  if (exceeds(static_cast<std::int64_t>(clients_.size()) + 1, options_.max_clients)) {
    return {Error::too_many, "the server is full"};
  }
  if (!origin.address.empty() && options_.max_clients_per_address >= 0) {
    std::int64_t& count = clients_by_address_[origin.address];
    if (count + 1 > options_.max_clients_per_address) return {Error::too_many, "too many clients from this address"};
    ++count;
  }
  const ClientId id = ++last_client_id_;
  auto identity = std::make_shared<const Identity>(Identity{{}, guest_name(id), {}});
  auto client = std::make_shared<Client>(id, origin, std::move(identity));
  clients_.emplace(id, client);
  return client;
}

Status Hub::accept(const ClientPtr& client, std::optional<Identity> identity) {
  if (identity) {
    Status status = complete_identity(*client, *identity);
    if (!status.ok()) return status;
  }
  const auto routing = hold_routing();
  {
    // Verdict and identity at once: of two callers one has its will, whole.
    std::unique_lock tables(clients_mutex_);
    std::lock_guard lock(client->mutex_);
    if (client->state_ != ClientState::connecting) return {Error::wrong_state, "the verdict was given already"};
    if (identity) replace_identity(*client, std::move(*identity));
    client->state_ = ClientState::accepted;
  }
  post(*client, VerdictGiven{client->id()});
  return {};
}

Status Hub::refuse(const ClientPtr& client, std::string reason, std::string data) {
  const auto routing = hold_routing();
  {
    std::lock_guard lock(client->mutex_);
    if (client->state_ != ClientState::connecting) return {Error::wrong_state, "the verdict was given already"};
    client->state_ = ClientState::refused;
    client->refusal_reason_ = std::move(reason);
    client->refusal_data_ = std::move(data);
  }
  post(*client, VerdictGiven{client->id()});
  return {};
}

Status Hub::decide(const ClientPtr& client, DecisionId id, Decision decision) {
  if (client->state() == ClientState::gone) return no_such_client();
  const auto routing = hold_routing();
  if (!client->end_decision(id)) return {Error::wrong_state, "nothing waits for this decision"};
  post(*client, DecisionGiven{client->id(), id, std::move(decision)});
  return {};
}

void Hub::open(const ClientPtr& client) {
  std::lock_guard lock(client->mutex_);
  if (client->state_ == ClientState::accepted) client->state_ = ClientState::open;
}

Status Hub::open(const ClientPtr& client, std::string_view room, const std::optional<Position>& since,
                 std::int64_t now_ms) {
  const auto routing = hold_routing();
  return enter(client, room, since, {}, ClientState::accepted, now_ms);
}

ClientState Hub::remove_client(const ClientPtr& client) {
  ClientState last = ClientState::gone;
  std::vector<std::string> rooms;
  std::string user_id;
  {
    std::unique_lock tables(clients_mutex_);
    if (clients_.erase(client->id()) == 0) return last;
    if (auto count = clients_by_address_.find(client->origin().address);
        count != clients_by_address_.end() && --count->second == 0) {
      clients_by_address_.erase(count);
    }
    std::lock_guard lock(client->mutex_);
    last = std::exchange(client->state_, ClientState::gone);  // from here on it joins nothing
    rooms.swap(client->rooms_);
    unindex_user(client->identity_->user_id, client->id());
  }
  for (const std::string& name : rooms) {
    RoomPtr room = find_room(name);
    if (!room) continue;
    bool idle = false;
    {
      std::lock_guard lock(room->mutex);
      remove_member(*room, client->id());
      idle = room->idle();
    }
    if (idle) remove_if_idle(room);
  }
  return last;
}

void Hub::unindex_user(const std::string& user_id, ClientId id) {
  auto entry = clients_by_user_.find(user_id);
  if (entry == clients_by_user_.end()) return;
  entry->second.erase(id);
  if (entry->second.empty()) clients_by_user_.erase(entry);
}

Status Hub::set_identity(const ClientPtr& client, Identity identity) {
  Status status = complete_identity(*client, identity);
  if (!status.ok()) return status;
  const auto routing = hold_routing();
  std::unique_lock tables(clients_mutex_);
  std::lock_guard lock(client->mutex_);
  if (client->state_ == ClientState::gone) return no_such_client();
  const bool renamed = client->state_ == ClientState::open && identity.name != client->identity_->name;
  replace_identity(*client, std::move(identity));
  if (renamed) post(*client, Renamed{client->id(), client->identity_->name});
  return {};
}

void Hub::replace_identity(Client& client, Identity identity) {
  if (identity.user_id != client.identity_->user_id) {
    unindex_user(client.identity_->user_id, client.id());
    if (!identity.user_id.empty()) clients_by_user_[identity.user_id].insert(client.id());
  }
  client.identity_ = std::make_shared<const Identity>(std::move(identity));
}

Status Hub::rename(const ClientPtr& client, std::string name) {
  std::lock_guard lock(client->mutex_);
  Identity identity = *client->identity_;
  identity.name = std::move(name);
  client->identity_ = std::make_shared<const Identity>(std::move(identity));
  return {};
}

ClientPtr Hub::find_client(ClientId id) const {
  std::shared_lock lock(clients_mutex_);
  auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : found->second;
}

std::vector<ClientPtr> Hub::clients() const {
  std::vector<ClientPtr> result;
  {
    std::shared_lock lock(clients_mutex_);
    result.reserve(clients_.size());
    for (const auto& [id, client] : clients_) {
      if (client->state() == ClientState::open) result.push_back(client);
    }
  }
  std::sort(result.begin(), result.end(), by_id);
  return result;
}

std::vector<ClientPtr> Hub::clients_of_user(std::string_view user_id) const {
  std::vector<ClientPtr> result;
  {
    std::shared_lock lock(clients_mutex_);
    auto found = clients_by_user_.find(user_id);
    if (found == clients_by_user_.end()) return result;
    for (ClientId id : found->second) result.push_back(clients_.at(id));
  }
  std::sort(result.begin(), result.end(), by_id);
  return result;
}

// Rooms ---------------------------------------------------------------------------------------------------------------

std::string Hub::next_epoch() {
  // SplitMix64 over a random seed: distinct within a run, and between runs as likely as the seed.
  std::uint64_t x = options_.epoch_seed + (next_epoch_.fetch_add(1) + 1) * 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  x ^= x >> 31;
  static constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string epoch;
  for (; epoch.size() < 12; x /= digits.size()) epoch += digits[x % digits.size()];
  return epoch;
}

RoomPtr Hub::find_room(std::string_view name) const {
  std::shared_lock lock(rooms_mutex_);
  auto found = rooms_.find(name);
  return found == rooms_.end() ? nullptr : found->second;
}

Result<RoomPtr> Hub::find_or_add_room(std::string_view name) {
  if (RoomPtr room = find_room(name)) return room;
  Status status = check_room_name(name);
  if (!status.ok()) return status;
  if (full_of_rooms()) forget_silent_rooms();
  std::unique_lock lock(rooms_mutex_);
  if (auto found = rooms_.find(name); found != rooms_.end()) return found->second;
  if (exceeds(static_cast<std::int64_t>(rooms_.size()) + 1, options_.max_rooms)) {
    return {Error::too_many, "the server has as many rooms as it may"};
  }
  auto room = std::make_shared<Room>(std::string(name), next_epoch(), options_.history, inboxes_.size());
  rooms_.emplace(room->name, room);
  return room;
}

template <class Action>
Status Hub::with_room(std::string_view name, Action action) {
  for (;;) {
    Result<RoomPtr> room = find_or_add_room(name);
    if (!room.ok()) return room.status();
    Status status;
    bool idle = false;
    {
      std::lock_guard lock((*room)->mutex);
      if ((*room)->removed) continue;
      status = action(**room);
      idle = (*room)->idle();
    }
    if (idle) remove_if_idle(*room);
    return status;
  }
}

void Hub::remove_if_idle(const RoomPtr& room) {
  std::unique_lock table(rooms_mutex_);
  std::lock_guard lock(room->mutex);
  if (!room->idle() || room->removed) return;
  room->removed = true;
  rooms_.erase(room->name);
}

std::optional<std::size_t> Hub::remove_member(Room& room, ClientId client) {
  auto member = room.members.find(client);
  if (member == room.members.end()) return std::nullopt;
  const std::size_t loop = member->second.loop;
  room.members.erase(member);
  --room.members_by_loop[loop];
  return loop;
}

Status Hub::join(const ClientPtr& client, std::string_view name, const std::optional<Position>& since, std::string ref,
                 std::int64_t now_ms) {
  const auto routing = hold_routing();
  return enter(client, name, since, std::move(ref), ClientState::open, now_ms);
}

Status Hub::enter(const ClientPtr& client, std::string_view name, const std::optional<Position>& since, std::string ref,
                  ClientState expected, std::int64_t now_ms, std::size_t* replay_bytes) {
  return with_room(name, [&](Room& room) -> Status {
    if (auto ban = room.banned_until_ms.find(client->ban_key()); ban != room.banned_until_ms.end()) {
      if (ban->second > now_ms) return {Error::banned, "banned from the room " + room.name};
      room.banned_until_ms.erase(ban);
    }
    Joined joined{client->id(), room.name, room.epoch, room.seq, false, true, false, {}, std::move(ref)};
    if (since) {  // a member too may ask again for what it has not got
      history_bytes_ += room.history.expire(now_ms);
      // Where nothing was said before and nothing since, it does not matter that the room was forgotten meanwhile.
      const bool same_epoch =
          (since->epoch == room.epoch && since->seq <= room.seq) || (since->seq == 0 && room.seq == 0);
      const std::uint64_t after = same_epoch ? since->seq : 0;
      joined.resumed = true;
      joined.missed = room.history.after(after, 0);
      joined.complete = same_epoch && joined.missed.size() == room.seq - after;
    }
    if (replay_bytes) {
      if (!joined.complete) return {Error::wrong_state, "not all after this position is kept in the room " + room.name};
      for (const MessagePtr& message : joined.missed) {
        const std::size_t bytes = message->size_bytes();
        if (bytes > *replay_bytes) return {Error::wrong_state, "too much was said since in the room " + room.name};
        *replay_bytes -= bytes;
      }
    }
    {
      std::lock_guard lock(client->mutex_);
      if (client->state_ == ClientState::gone) return no_such_client();
      if (client->state_ != expected) return {Error::wrong_state, "the client is not open yet"};
      joined.already = room.members.contains(client->id());
      // Else what it heard since it became one would be among what it missed.
      if (joined.already && replay_bytes) return {Error::wrong_state, "a member already of the room " + room.name};
      if (!joined.already) {
        if (exceeds(static_cast<std::int64_t>(client->rooms_.size()) + 1, options_.max_rooms_per_client)) {
          return {Error::too_many, "the client is in as many rooms as it may"};
        }
        client->rooms_.push_back(room.name);
        room.members.emplace(client->id(), Room::Member{client, room.seq, client->loop()});
        ++room.members_by_loop[client->loop()];
      }
      client->state_ = ClientState::open;
    }
    post(*client, std::move(joined));
    return {};
  });
}

Status Hub::leave(const ClientPtr& client, std::string_view name, std::string reason, std::string ref) {
  const Status not_joined{Error::not_joined, "not a member of the room " + std::string(name)};
  RoomPtr room = find_room(name);
  if (!room) return not_joined;
  const auto routing = hold_routing();
  bool idle = false;
  {
    std::lock_guard lock(room->mutex);
    const std::optional<std::size_t> loop = remove_member(*room, client->id());
    if (!loop) return not_joined;
    std::lock_guard client_lock(client->mutex_);
    std::erase(client->rooms_, room->name);
    post(*loop, Left{client->id(), room->name, std::move(reason), std::move(ref)});
    idle = room->idle();
  }
  if (idle) remove_if_idle(room);
  return {};
}

Status Hub::ban(std::string_view ban_key, std::string_view name, std::int64_t duration_ms, const std::string& reason,
                std::int64_t now_ms) {
  return with_room(name, [&](Room& room) -> Status {
    std::string key(ban_key);
    if (duration_ms <= 0) {
      room.banned_until_ms.erase(key);
      return {};
    }
    if (room.banned_until_ms.size() >= kMaxBansPerRoom && !room.banned_until_ms.contains(key)) {
      return {Error::too_many, "the room has as many bans as it may"};
    }
    room.banned_until_ms[key] = duration_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + duration_ms;
    std::vector<ClientPtr> banned;
    for (const auto& [id, member] : room.members) {
      if (member.client->ban_key() == key) banned.push_back(member.client);
    }
    for (const ClientPtr& client : banned) {
      const std::optional<std::size_t> loop = remove_member(room, client->id());
      std::lock_guard lock(client->mutex_);
      std::erase(client->rooms_, room.name);
      post(*loop, Left{client->id(), room.name, reason.empty() ? "banned" : reason, {}});
    }
    return {};
  });
}

Status Hub::close_room(std::string_view name, const std::string& reason) {
  RoomPtr room = find_room(name);
  if (!room) return {Error::no_such_room, "no room " + std::string(name)};
  {
    std::lock_guard lock(room->mutex);
    for (const auto& [id, member] : room->members) {
      std::lock_guard client_lock(member.client->mutex_);
      std::erase(member.client->rooms_, room->name);
      post(member.loop, Left{id, room->name, reason.empty() ? "the room was closed" : reason, {}});
    }
    room->members.clear();
    std::fill(room->members_by_loop.begin(), room->members_by_loop.end(), 0);
    room->banned_until_ms.clear();
    history_bytes_ += room->history.clear();
    room->seq = 0;
    room->epoch = next_epoch();
  }
  remove_if_idle(room);
  return {};
}

Status Hub::restore(const ClientPtr& client, const std::vector<RoomPosition>& rooms, std::size_t max_bytes,
                    std::int64_t now_ms) {
  if (rooms.empty()) return {Error::invalid_argument, "no room to restore"};
  const auto routing = hold_routing();
  ClientState expected = ClientState::accepted;
  for (const RoomPosition& one : rooms) {
    Status status = enter(client, one.room, one.position, {}, expected, now_ms, &max_bytes);
    if (!status.ok()) return status;
    expected = ClientState::open;
  }
  return {};
}

// A shared mutex lets who shares it go before who waits to have it alone, and busy senders would hold up a move for long.
std::shared_lock<std::shared_mutex> Hub::hold_routing() {
  if (move_waits_.load(std::memory_order_relaxed)) const std::lock_guard after_the_move(move_mutex_);
  return std::shared_lock(routing_mutex_);
}

void Hub::move_client(const ClientPtr& client, std::size_t loop) {
  const std::lock_guard turn(move_mutex_);
  move_waits_.store(true, std::memory_order_relaxed);
  const std::unique_lock routing(routing_mutex_);  // it joins nothing meanwhile, but may be taken out of rooms
  move_waits_.store(false, std::memory_order_relaxed);
  if (client->loop() == loop) return;
  for (const std::string& name : client->rooms()) {
    RoomPtr room = find_room(name);
    if (!room) continue;
    std::lock_guard lock(room->mutex);
    auto found = room->members.find(client->id());
    if (found == room->members.end()) continue;
    Room::Member& member = found->second;
    --room->members_by_loop[member.loop];
    ++room->members_by_loop[loop];
    post(member.loop, Departed{client->id(), room->name});
    post(loop, Arrived{client->id(), room->name});
    member.loop = loop;
  }
  if (client->state() == ClientState::open) {  // one that is not hears nothing that is said to everyone
    post(*client, Departed{client->id(), {}});
    post(loop, Arrived{client->id(), {}});
  }
  client->loop_.store(loop, std::memory_order_release);
}

Result<std::vector<ClientPtr>> Hub::members(std::string_view name) const {
  RoomPtr room = find_room(name);
  if (!room) return {Error::no_such_room, "no room " + std::string(name)};
  std::vector<ClientPtr> result;
  {
    std::lock_guard lock(room->mutex);
    result.reserve(room->members.size());
    for (const auto& [id, member] : room->members) result.push_back(member.client);
  }
  std::sort(result.begin(), result.end(), by_id);
  return result;
}

std::vector<RoomInfo> Hub::rooms() const {
  std::vector<RoomPtr> rooms;
  {
    std::shared_lock lock(rooms_mutex_);
    rooms.reserve(rooms_.size());
    for (const auto& [name, room] : rooms_) rooms.push_back(room);
  }
  std::vector<RoomInfo> result;
  result.reserve(rooms.size());
  for (const RoomPtr& room : rooms) {
    std::lock_guard lock(room->mutex);
    if (room->removed) continue;
    result.push_back({room->name, room->epoch, room->seq, room->members.size(), room->history.size()});
  }
  std::sort(result.begin(), result.end(), [](const RoomInfo& a, const RoomInfo& b) { return a.name < b.name; });
  return result;
}

bool Hub::has_room(std::string_view name) const { return find_room(name) != nullptr; }

Result<HistoryReply> Hub::history(std::string_view name, std::uint64_t after_seq, std::size_t limit,
                                  std::int64_t now_ms) const {
  Status status = check_room_name(name);
  if (!status.ok()) return status;
  HistoryReply reply;
  reply.room = name;
  RoomPtr room = find_room(name);
  if (!room) return reply;
  std::lock_guard lock(room->mutex);
  reply.epoch = room->epoch;
  reply.seq = room->seq;
  reply.messages = room->history.after(after_seq, limit);
  // expire() comes now and then; what is too old meanwhile is not shown either.
  const std::int64_t age_ms = options_.history.age_ms;
  std::erase_if(reply.messages, [&](const MessagePtr& m) { return exceeds(now_ms - m->time_ms, age_ms); });
  reply.complete = after_seq >= room->seq || reply.messages.size() == room->seq - after_seq;
  return reply;
}

// Messages ------------------------------------------------------------------------------------------------------------

Result<Published> Hub::publish(MessageDraft draft, std::int64_t now_ms) {
  Status status = check_event_name(draft.event);
  if (!status.ok()) return status;
  auto message = std::make_shared<Message>();
  static_cast<MessageDraft&>(*message) = std::move(draft);
  message->time_ms = now_ms;
  if (ephemeral_events_.contains(message->event)) message->ephemeral = true;

  if (message->room.empty()) {
    const auto routing = hold_routing();
    for (LoopInbox* inbox : inboxes_) inbox->post(EveryoneMessage{message});
    published_.fetch_add(1, std::memory_order_relaxed);
    return Published{};
  }

  Published published;
  std::int64_t grown = 0;
  status = with_room(message->room, [&](Room& room) -> Status {
    message->epoch = room.epoch;
    if (!message->ephemeral) {
      message->seq = room.seq + 1;
      grown = room.history.append(message);  // may throw: no number is lost then
      room.seq = message->seq;
      room.last_published_ms.store(now_ms, std::memory_order_relaxed);
    }
    published = {message->seq, room.epoch};
    for (std::size_t loop = 0; loop < inboxes_.size(); ++loop) {
      if (room.members_by_loop[loop] != 0) post(loop, RoomMessage{message});
    }
    return {};
  });
  if (!status.ok()) return status;
  published_.fetch_add(1, std::memory_order_relaxed);
  if (grown != 0 && history_bytes_.fetch_add(grown) + grown > options_.history_total_bytes) shrink_history();
  return published;
}

Status Hub::send(const ClientPtr& client, MessageDraft draft, std::int64_t now_ms, AckWish ack) {
  Status status = check_event_name(draft.event);
  if (!status.ok()) return status;
  auto message = std::make_shared<Message>();
  static_cast<MessageDraft&>(*message) = std::move(draft);
  message->time_ms = now_ms;
  if (message->room.empty()) {
    std::vector<std::string> rooms = client->rooms();
    if (!rooms.empty()) message->room = std::move(rooms.front());
  }
  const auto routing = hold_routing();
  if (client->state() == ClientState::gone) return no_such_client();
  post(*client, DirectMessage{client->id(), std::move(message), ack});
  return {};
}

Status Hub::answer(const ClientPtr& client, Answer answer) {
  if (client->state() == ClientState::gone) return no_such_client();
  answer.client = client->id();
  const auto routing = hold_routing();
  post(*client, std::move(answer));
  return {};
}

Status Hub::close_client(const ClientPtr& client, std::uint16_t code, std::string reason) {
  if (client->state() == ClientState::gone) return no_such_client();
  client->dismissed_.store(true, std::memory_order_relaxed);
  const auto routing = hold_routing();
  post(*client, CloseClient{client->id(), code, std::move(reason)});
  return {};
}

Status Hub::continue_elsewhere(const ClientPtr& client) {
  if (client->state() == ClientState::gone) return no_such_client();
  const auto routing = hold_routing();
  post(*client, Continued{client->id()});
  return {};
}

std::vector<std::pair<std::int64_t, RoomPtr>> Hub::rooms_by_silence() const {
  std::vector<std::pair<std::int64_t, RoomPtr>> rooms;
  {
    std::shared_lock lock(rooms_mutex_);
    rooms.reserve(rooms_.size());
    for (const auto& [name, room] : rooms_) rooms.emplace_back(room->last_published_ms.load(), room);
  }
  std::sort(rooms.begin(), rooms.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return rooms;
}

bool Hub::full_of_rooms() const {
  std::shared_lock lock(rooms_mutex_);
  return exceeds(static_cast<std::int64_t>(rooms_.size()) + 1, options_.max_rooms);
}

// Rooms that nobody is in live on for their history; they must not keep others from having a room. A hundredth goes at
// once, those that were silent longest, so that this is rare.
void Hub::forget_silent_rooms() {
  std::int64_t wanted = options_.max_rooms / 100 + 1;
  for (const auto& [time_ms, room] : rooms_by_silence()) {
    if (wanted == 0) return;
    {
      std::lock_guard lock(room->mutex);
      if (!room->members.empty() || !room->banned_until_ms.empty()) continue;
      history_bytes_ += room->history.clear();
    }
    remove_if_idle(room);
    --wanted;
  }
}

// History of the rooms that were silent longest goes first, until a tenth is free: then this is rare.
void Hub::shrink_history() {
  if (shrinking_.exchange(true)) return;
  const auto rooms = rooms_by_silence();
  const std::int64_t target = options_.history_total_bytes / 10 * 9;
  for (const auto& [time_ms, room] : rooms) {
    if (history_bytes_.load() <= target) break;
    bool idle = false;
    {
      std::lock_guard lock(room->mutex);
      history_bytes_ += room->history.shrink(static_cast<std::size_t>(history_bytes_.load() - target));
      idle = room->idle();
    }
    if (idle) remove_if_idle(room);
  }
  shrinking_.store(false);
}

void Hub::expire(std::int64_t now_ms) {
  std::vector<RoomPtr> rooms;
  {
    std::shared_lock lock(rooms_mutex_);
    rooms.reserve(rooms_.size());
    for (const auto& [name, room] : rooms_) rooms.push_back(room);
  }
  for (const RoomPtr& room : rooms) {
    bool idle = false;
    {
      std::lock_guard lock(room->mutex);
      history_bytes_ += room->history.expire(now_ms);
      std::erase_if(room->banned_until_ms, [&](const auto& ban) { return ban.second <= now_ms; });
      idle = room->idle();
    }
    if (idle) remove_if_idle(room);
  }
}

HubStats Hub::stats() const {
  HubStats stats;
  {
    std::shared_lock lock(clients_mutex_);
    stats.clients_now = clients_.size();
    stats.clients_total = last_client_id_;
  }
  {
    std::shared_lock lock(rooms_mutex_);
    stats.rooms_now = rooms_.size();
  }
  stats.published = published_.load();
  stats.history_bytes_now = static_cast<std::uint64_t>(std::max<std::int64_t>(0, history_bytes_.load()));
  return stats;
}

}  // namespace chat
