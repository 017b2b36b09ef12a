// The hub: clients, rooms, who is in them, what was said. It gives every message its place in its room and tells the loops
// (LoopInbox) what to deliver; it does no I/O, reads no clock (now_ms is the time of day, Unix milliseconds) and calls no
// application. Every member function may be called from any thread.
//
// Locks, outermost first: move_mutex_, routing_mutex_, rooms_mutex_ or clients_mutex_, one room's mutex, one client's mutex, an
// inbox's own. routing_mutex_ is held by whatever posts something for one client by its loop, or makes it a member: shared, but
// by move_client() alone. While it is held, the loop of each membership is the client's. What goes to the members of a room is
// ordered by the room's lock and each membership's own loop instead, so publish() need not know of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "hub/client.h"
#include "hub/command.h"
#include "hub/loop_inbox.h"
#include "hub/room.h"
#include "hub/string_map.h"

namespace chat {

struct HubOptions {
  HistoryLimits history;
  std::int64_t history_total_bytes = 256 << 20;
  std::int64_t max_rooms = 100'000;
  std::int64_t max_rooms_per_client = 100;
  std::int64_t max_clients = kUnlimited;
  std::int64_t max_clients_per_address = kUnlimited;
  std::vector<std::string> ephemeral_events;
  std::uint64_t epoch_seed = 0;  // random, so that epochs differ between runs
};

struct Published {
  std::uint64_t seq = 0;  // 0 when ephemeral
  std::string epoch;
};

struct HubStats {
  std::uint64_t clients_now = 0;
  std::uint64_t clients_total = 0;
  std::uint64_t rooms_now = 0;
  std::uint64_t published = 0;
  std::uint64_t history_bytes_now = 0;
};

class Hub {
 public:
  // One inbox for each loop; they must outlive the hub.
  Hub(HubOptions options, std::vector<LoopInbox*> inboxes);
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Clients ---------------------------------------------------------------------------------------------------------

  // A new client in state connecting, with a guest's name. too_many above a limit.
  Result<ClientPtr> add_client(const ClientOrigin& origin);
  // connecting -> accepted or refused; wrong_state when a verdict was there already. The client's loop is told.
  Status accept(const ClientPtr& client, std::optional<Identity> identity);
  Status refuse(const ClientPtr& client, std::string reason, std::string data);
  // What on_authorize or on_message has deferred. The client's loop is told. wrong_state when nothing waits for it.
  Status decide(const ClientPtr& client, DecisionId id, Decision decision);
  // accepted -> open: it may join and is counted among everyone.
  void open(const ClientPtr& client);
  // accepted -> open, and into its first room, as join() does: before anything else can make it join another.
  Status open(const ClientPtr& client, std::string_view room, const std::optional<Position>& since,
              std::int64_t now_ms);
  // Takes the client out of its rooms and out of the tables. The state that it was in; gone the second time.
  ClientState remove_client(const ClientPtr& client);

  Status set_identity(const ClientPtr& client, Identity identity);
  Status rename(const ClientPtr& client, std::string name);

  ClientPtr find_client(ClientId id) const;
  std::vector<ClientPtr> clients() const;  // the open ones, by id
  std::vector<ClientPtr> clients_of_user(std::string_view user_id) const;

  // Rooms -----------------------------------------------------------------------------------------------------------

  // Joined goes to the client's loop. wrong_state unless open, invalid_room, banned, too_many.
  Status join(const ClientPtr& client, std::string_view room, const std::optional<Position>& since, std::string ref,
              std::int64_t now_ms);
  // Left goes to the client's loop. not_joined.
  Status leave(const ClientPtr& client, std::string_view room, std::string reason, std::string ref = {});
  // The ban holds for clients with this ban_key(); the members among them leave. duration_ms 0 lifts it.
  Status ban(std::string_view ban_key, std::string_view room, std::int64_t duration_ms, const std::string& reason,
             std::int64_t now_ms);
  // Everybody leaves, history and bans go, the epoch changes. no_such_room.
  Status close_room(std::string_view room, const std::string& reason);

  // Opens a client that continues an earlier one: a member of all these rooms, with everything after these positions; the
  // first of them is told first. All or nothing: Error::wrong_state when something of it is missing or together it is above
  // max_bytes (size_bytes()), invalid_argument without a room, and the errors of join(). After an error the client may have
  // been a member of some; it must be removed.
  Status restore(const ClientPtr& client, const std::vector<RoomPosition>& rooms, std::size_t max_bytes,
                 std::int64_t now_ms);
  // The client lives on another loop from now on. Called on the thread of the loop that it leaves. The old loop is told
  // Departed, the new one Arrived, for each of its rooms in that room's order; whatever else concerns the client goes to the
  // old loop before the call and to the new one after it, so what the old loop's inbox holds when this returns is the last.
  void move_client(const ClientPtr& client, std::size_t loop);

  Result<std::vector<ClientPtr>> members(std::string_view room) const;  // by id
  std::vector<RoomInfo> rooms() const;                                  // by name
  // Never fails for a valid name: an unknown room has an empty history.
  Result<HistoryReply> history(std::string_view room, std::uint64_t after_seq, std::size_t limit,
                               std::int64_t now_ms) const;
  bool has_room(std::string_view room) const;

  // Messages --------------------------------------------------------------------------------------------------------

  // To a room, which appears if need be, or with an empty room to everyone. invalid_room, invalid_event, too_many.
  Result<Published> publish(MessageDraft draft, std::int64_t now_ms);
  // To one client, after all that was published before.
  // With an ack id the client is asked to acknowledge it, which its protocol must be able to (Socket.IO).
  Status send(const ClientPtr& client, MessageDraft draft, std::int64_t now_ms, AckWish ack = {});
  // A number that no other message of this hub has or had.
  std::uint64_t next_ack_id() { return last_ack_id_.fetch_add(1, std::memory_order_relaxed) + 1; }
  Status answer(const ClientPtr& client, Answer answer);
  Status close_client(const ClientPtr& client, std::uint16_t code, std::string reason);

  // Its connection is lost, as whoever has its secret is here again.
  Status continue_elsewhere(const ClientPtr& client);

  // Drops old history and rooms that are empty and out of history. To be called every few seconds.
  void expire(std::int64_t now_ms);

  HubStats stats() const;

 private:
  // Shared, and after a move that waits for it.
  std::shared_lock<std::shared_mutex> hold_routing();
  // With routing_mutex_ held. With replay_bytes (restore) all after `since` must be there and within so many bytes, which
  // become fewer by it, and the client no member yet; else wrong_state.
  Status enter(const ClientPtr& client, std::string_view room, const std::optional<Position>& since, std::string ref,
               ClientState expected, std::int64_t now_ms, std::size_t* replay_bytes = nullptr);
  RoomPtr find_room(std::string_view name) const;
  std::vector<std::pair<std::int64_t, RoomPtr>> rooms_by_silence() const;
  bool full_of_rooms() const;
  void forget_silent_rooms();
  Result<RoomPtr> find_or_add_room(std::string_view name);
  // Calls action(room) with the room's lock held, adding the room if need be.
  template <class Action>
  Status with_room(std::string_view name, Action action);
  void remove_if_idle(const RoomPtr& room);
  // With the room's lock held. The loop on which it was a member; nullopt when it was none.
  std::optional<std::size_t> remove_member(Room& room, ClientId client);
  void shrink_history();
  std::string next_epoch();
  void post(std::size_t loop, LoopEvent event) { inboxes_[loop]->post(std::move(event)); }
  // With routing_mutex_ held.
  void post(const Client& client, LoopEvent event) { post(client.loop(), std::move(event)); }
  void replace_identity(Client& client, Identity identity);
  void unindex_user(const std::string& user_id, ClientId id);

  const HubOptions options_;
  const std::unordered_set<std::string> ephemeral_events_;
  const std::vector<LoopInbox*> inboxes_;
  std::atomic<std::uint64_t> next_epoch_ = 0;
  std::atomic<std::uint64_t> last_ack_id_ = 0;
  std::atomic<std::int64_t> history_bytes_ = 0;
  std::atomic<std::uint64_t> published_ = 0;
  std::atomic<bool> shrinking_ = false;

  std::shared_mutex routing_mutex_;
  std::mutex move_mutex_;  // of move_client(), and for a moment of those that let it go first
  std::atomic<bool> move_waits_ = false;

  mutable std::shared_mutex clients_mutex_;
  ClientId last_client_id_ = 0;
  std::unordered_map<ClientId, ClientPtr> clients_;
  StringMap<std::unordered_set<ClientId>> clients_by_user_;
  StringMap<std::int64_t> clients_by_address_;

  mutable std::shared_mutex rooms_mutex_;
  StringMap<RoomPtr> rooms_;
};

}  // namespace chat
