// The hub: clients, rooms, who is in them, what was said. It gives every message its place in its room and tells the loops
// (LoopInbox) what to deliver; it does no I/O, reads no clock and calls no
// application. Every member function may be called from any thread.
//
// A function that throws std::bad_alloc has changed nothing: it makes its events and reserves their places in the inboxes before
// the first change (ReservedPosts). The exceptions are ban() and close_room(), which take out one member after the other, and can
// be called again.
//
// Locks, outermost first: routing_, the table of rooms' or that of clients, one room's mutex, one client's mutex, an inbox's own.
// routing_ is held by whatever posts something for one client by its loop, or makes it a member: shared, but by move_client()
// alone. While it is held, the loop of each membership is the client's. What goes to the members of a room is ordered by the
// room's lock and each membership's own loop instead, so publish() need not know of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "hub/client.h"
#include "hub/client_table.h"
#include "hub/hub_options.h"
#include "hub/loop_inbox.h"
#include "hub/moment.h"
#include "hub/room_table.h"
#include "hub/routing_lock.h"
#include "hub/source_table.h"
#include "model/command.h"
#include "model/refusal.h"

namespace chat {

struct Published {
  std::uint64_t seq = 0;  // 0 when ephemeral, or when the room's log commits it later
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
  // One inbox for each loop; they and the report must outlive the hub. Without a report nobody hears of refusals.
  Hub(HubOptions options, std::vector<LoopInbox*> inboxes, RefusalReport* refusals = nullptr);
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Clients ---------------------------------------------------------------------------------------------------------

  // A new client in state connecting, with a guest's name. too_many above a limit.
  Result<ClientPtr> add_client(const ClientOrigin& origin);
  // connecting -> accepted or refused; wrong_state when a verdict was there already. The client's loop is told.
  Status accept(const ClientPtr& client, std::optional<Identity> identity);
  Status refuse(const ClientPtr& client, std::string reason, std::string data);
  // The same for a client whose verdict did not come in time: Client::timed_out().
  Status time_out(const ClientPtr& client);
  // What on_authorize or on_message has deferred. The client's loop is told. wrong_state when nothing waits for it.
  Status decide(const ClientPtr& client, DecisionId id, Decision decision);
  // accepted -> open, in no room: the client may join rooms and receives messages to everyone. Posts Opened to its loop.
  // wrong_state, no_such_client.
  Status open(const ClientPtr& client);
  // accepted -> open, and joins its first room as join() does, before anything else can make the client join another.
  Status open(const ClientPtr& client, std::string_view room, const std::optional<Position>& since, Moment now);
  // Takes the client out of its rooms and out of the tables. The state that it was in; gone the second time.
  ClientState remove_client(const ClientPtr& client);

  Status set_identity(const ClientPtr& client, Identity identity);
  Status rename(const ClientPtr& client, std::string name);

  ClientPtr find_client(ClientId id) const { return clients_.find(id); }
  ClientPtr find_client(std::string_view socket_id) const { return clients_.find(socket_id); }
  std::vector<ClientPtr> clients() const { return clients_.open(); }  // by id
  std::vector<ClientPtr> clients_of_user(std::string_view user_id) const { return clients_.of_user(user_id); }

  // Rooms -----------------------------------------------------------------------------------------------------------

  // Joined goes to the client's loop. `ref` is that of the client's command, which may be empty; nullopt when no command of the
  // client asked. wrong_state unless open, invalid_room, banned, too_many.
  Status join(const ClientPtr& client, std::string_view room, const std::optional<Position>& since,
              std::optional<std::string> ref, Moment now);
  // Left goes to the client's loop. not_joined.
  Status leave(const ClientPtr& client, std::string_view room, std::string reason, std::string ref = {});
  // The ban holds for clients with this ban_key(); the members among them leave. duration_ms 0 lifts it.
  Status ban(std::string_view ban_key, std::string_view room, std::int64_t duration_ms, const std::string& reason,
             Moment now);
  // Everybody leaves, history and bans go, the epoch changes. no_such_room.
  Status close_room(std::string_view room, const std::string& reason);

  // Puts messages that were kept elsewhere into a room that has had none, oldest first, each with its seq and time_ms. seq: of
  // the newest message of this epoch; 0: that of the last one given. What is above the limits of history is dropped; a room of
  // which nothing stays does not appear. invalid_room, invalid_argument, wrong_state, too_many: then nothing has changed.
  static constexpr std::uint64_t kMaxRestoredSeq = std::uint64_t{1} << 52;
  Status restore_room(std::string_view room, const std::string& epoch, std::uint64_t seq,
                      std::vector<std::shared_ptr<Message>> messages, Moment now);

  // Opens a client that continues an earlier one: a member of all these rooms, with everything after these positions; the
  // first of them is told first. All or nothing: Error::wrong_state when something of it is missing or together it is above
  // max_bytes (size_bytes()), invalid_argument without a room, and the errors of join(). After an error the client may have
  // been a member of some; it must be removed. A room that was closed since, or forgotten, has another epoch.
  Status restore(const ClientPtr& client, const std::vector<RoomPosition>& rooms, std::size_t max_bytes, Moment now);
  // Of the rooms that it is in now. Without a hold an empty room goes, and one of its name that appears later numbers anew.
  std::vector<RoomHold> hold_rooms(const Client& client) const;
  // Moves the client to another loop. Throws std::bad_alloc: then nothing has changed. Called on the thread of the loop that it leaves. The old loop is told
  // Departed, the new one Arrived, for each of its rooms in that room's order; whatever else concerns the client goes to the
  // old loop before the call and to the new one after it, so what the old loop's inbox holds when this returns is the last.
  void move_client(const ClientPtr& client, std::size_t loop);

  Result<std::vector<ClientPtr>> members(std::string_view room) const;  // by id
  std::vector<RoomInfo> rooms() const;                                  // by name
  // The same for replies: at most kMaxListed, the members who came first and the rooms with the most members. A list above
  // kAlwaysFresh is made once a second at most and shared.
  static constexpr std::size_t kMaxListed = 5'000;
  static constexpr std::size_t kAlwaysFresh = 100;
  static constexpr std::int64_t kListAgeMs = 1'000;
  Result<MemberListPtr> list_members(std::string_view room, Moment now) const;
  RoomListPtr list_rooms(Moment now) const;
  // Never fails for a valid name: an unknown room has an empty history.
  Result<HistoryReply> history(std::string_view room, std::uint64_t after_seq, std::size_t limit, Moment now) const;
  bool has_room(std::string_view room) const { return rooms_.find(room) != nullptr; }

  // Messages --------------------------------------------------------------------------------------------------------

  // To a room, which appears if need be, or with an empty room to everyone. Other kinds than messages take their place in the
  // room's order and in its log, and are sent to nobody yet. invalid_room, invalid_event, too_many, invalid_argument.
  // The receipt's sender is told by its loop when it is committed, or that it failed after all. An error that is returned here is
  // told to nobody else.
  Result<Published> publish(MessageDraft draft, Moment now, Receipt receipt = {});
  // For a log that has kept a submission. place: its position, whose seq is above those of all messages committed before, or why
  // it has none. Takes the room's lock, so the caller holds no lock that submit() takes. Throws std::bad_alloc: then nothing has
  // changed, and the log must call it again with the same submission.
  void commit(const Submission& submission, const Result<Position>& place);
  // To one client, after all that was published before.
  // With an ack id the client is asked to acknowledge it, which its protocol must be able to (Socket.IO).
  Status send(const ClientPtr& client, MessageDraft draft, Moment now, AckWish ack = {});
  // A number that no other message of this hub has or had.
  std::uint64_t next_ack_id() { return last_ack_id_.fetch_add(1, std::memory_order_relaxed) + 1; }
  Status answer(const ClientPtr& client, Answer answer);
  Status close_client(const ClientPtr& client, std::uint16_t code, std::string reason, bool whole_connection = false);

  // Its connection is lost, as whoever has its secret is here again.
  Status continue_elsewhere(const ClientPtr& client);

  // Drops old history and rooms that are empty and out of history. To be called every few seconds.
  void expire(Moment now) { rooms_.expire(now); }

  HubStats stats() const;
  SourceTable& sources() { return sources_; }

 private:
  // With routing_ held. With replay_bytes (restore) all after `since` must be there and within so many bytes, which become fewer
  // by it, and the client no member yet; else wrong_state.
  Status enter(const ClientPtr& client, std::string_view room, const std::optional<Position>& since,
               std::optional<std::string> ref, ClientState expected, Moment now, std::optional<Refusal>& refusal,
               std::size_t* replay_bytes = nullptr);
  // No lock is held: this may call the application's log.
  void note(const std::optional<Refusal>& refusal, std::string_view address);
  // With the room's lock held: its loop is told, and it is a member no more. The member behind it.
  Room::Members::iterator expel(Room& room, Room::Members::iterator member, std::string reason, std::string ref = {});
  // These two with the room's lock held, and with routing_ held if the sender waits for an acknowledgement. They throw
  // std::bad_alloc, and then nothing has changed.
  void commit(Room& room, const Submission& submission, const Position& place);
  void deliver(const Room& room, const Submission& submission);
  // The lock that posting an acknowledgement needs.
  RoutingLock::Shared route(const Receipt& receipt, bool failed = false) {
    const bool told = receipt.sender && (failed || !receipt.ref.empty());
    return told ? routing_.share() : RoutingLock::Shared();
  }
  void post(std::size_t loop, LoopEvent event) { inboxes_[loop]->post(std::move(event)); }
  // These two with routing_ held.
  LoopInbox& inbox_of(const Client& client) { return *inboxes_[client.loop()]; }
  void post(const Client& client, LoopEvent event) { inbox_of(client).post(std::move(event)); }

  const HubOptions options_;
  const std::unordered_set<std::string> ephemeral_events_;
  const std::vector<LoopInbox*> inboxes_;
  std::atomic<std::uint64_t> last_ack_id_ = 0;
  std::atomic<std::uint64_t> published_ = 0;

  RefusalReport* const refusals_;

  SourceTable sources_;
  RoutingLock routing_;
  ClientTable clients_;
  RoomTable rooms_;

  mutable std::mutex making_list_;  // one at a time
  mutable std::mutex list_mutex_;   // of the two below
  mutable RoomListPtr list_;
  mutable std::int64_t list_made_ms_ = 0;
};

}  // namespace chat
