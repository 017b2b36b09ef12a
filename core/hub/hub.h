// The hub: clients, rooms, memberships and messages. It gives each message its position in its room and posts events to
// the loops (LoopInbox). It does no I/O, reads no clock and calls no application code. Every member function may be
// called from any thread unless its comment names one. hub.cc has the clients, rooms and messages; names, moderation, presence and
// read markers have a file each (hub_names.cc ...).
//
// A function that throws std::bad_alloc has changed nothing: it makes its events and reserves their places in the inboxes
// before the first change (ReservedPosts). The exceptions are ban() and close_room(), which remove one member after the
// other, and functions that join a room, which may have given a guest another name. They can be called again.
//
// Lock order, outermost first: naming_, routing_, the lock of the room table, one room's mutex, the lock of the client table, one
// client's mutex, an inbox's own lock.
// routing_ guards the mapping from clients to loops. A function that posts an event for one client, or adds a
// membership, holds it shared; move_client() alone holds it exclusively. While it is held, the loop of each membership
// equals the client's loop. publish() does not need it for room messages: the room's lock and the loop of each
// membership order them.
// naming_ is only used with HubOptions::unique_names. A function that gives a client a name, or adds a membership, holds it, so
// that names are checked in one room after the other while no other room or client takes them. A name is given back without it.
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
#include "hub/hub_tap.h"
#include "hub/loop_inbox.h"
#include "hub/message_ids.h"
#include "hub/moment.h"
#include "hub/report_log.h"
#include "hub/room_table.h"
#include "hub/routing_lock.h"
#include "hub/source_table.h"
#include "model/command.h"
#include "model/refusal.h"

namespace chat {

// The position of a published message.
struct Published {
  std::uint64_t seq = 0;  // 0 when the message is ephemeral or its room's log commits it later
  std::string epoch;
  bool repeated = false;  // an earlier message with the same id was published there, and this one was not
};

// Counters since the start; fields with _now in their names are current values.
struct HubStats {
  std::uint64_t clients_now = 0;
  std::uint64_t clients_total = 0;
  std::uint64_t rooms_now = 0;
  std::uint64_t published = 0;
  std::uint64_t history_bytes_now = 0;
};

class Hub {
 public:
  // inboxes: one per loop. The inboxes and `refusals` must outlive the hub. With refusals == nullptr, refusals are not
  // reported.
  Hub(HubOptions options, std::vector<LoopInbox*> inboxes, RefusalReport* refusals = nullptr);
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;
  ~Hub();

  // Adds a client in state connecting, with a guest name. Errors: too_many.
  Result<ClientPtr> add_client(const ClientOrigin& origin);
  // connecting -> accepted or refused. Notifies the client's loop. Errors: wrong_state when there was a verdict
  // already.
  Status accept(const ClientPtr& client, std::optional<Identity> identity);
  Status refuse(const ClientPtr& client, std::string reason, std::string data);
  // Refuses a client whose verdict did not arrive in time; see Client::timed_out().
  Status time_out(const ClientPtr& client);
  // Answers a question that on_authorize or on_message deferred. Notifies the client's loop. Errors: wrong_state when
  // the question is not open.
  Status decide(const ClientPtr& client, DecisionId id, Decision decision);
  // accepted -> open, in no room: the client may join rooms and receives messages to everyone. Posts Opened to its loop.
  // wrong_state, no_such_client.
  Status open(const ClientPtr& client);
  // accepted -> open, and joins the first room as join() does. Both happen in one step, so the client cannot join
  // another room first.
  Status open(const ClientPtr& client, std::string_view room, const std::optional<Position>& since, Moment now,
              const KeptRange* earlier = nullptr);
  // Removes the client from its rooms and from the tables. Returns the state before; gone when it was already removed.
  ClientState remove_client(const ClientPtr& client);

  // Sets the identity and posts Renamed to the client's loop when the name changes. With HubOptions::unique_names, guests that
  // have the name of a user in one of its rooms get their guest names. Errors: invalid_argument, invalid_utf8, too_many,
  // no_such_client, name_taken.
  Status set_identity(const ClientPtr& client, Identity identity);
  // Sets the display name for the client's own rename command, whose reply confirms it. Errors: name_taken in one of its rooms;
  // forbidden when the name is reserved, and for a guest the guest name of another client.
  Status rename(const ClientPtr& client, std::string name);

  // Return nullptr when there is no such client.
  ClientPtr find_client(ClientId id) const { return clients_.find(id); }
  ClientPtr find_client(std::string_view socket_id) const { return clients_.find(socket_id); }
  std::vector<ClientPtr> clients() const { return clients_.open(); }  // by id
  std::vector<ClientPtr> clients_of_user(std::string_view user_id) const { return clients_.of_user(user_id); }

  // Adds the client to the room and posts Joined to its loop. `since` asks for the messages after that position. `ref`
  // belongs to the client's command and may be empty; nullopt: no command of the client caused the join. Errors:
  // wrong_state unless the client is open, invalid_room, banned, too_many, name_taken. earlier: what was read for unread();
  // messages that a store keeps and that were not read count as missing.
  // With HubOptions::unique_names a guest that has the name of a user who joins gets its guest name, and so does a guest whose
  // name is taken in the first room that it joins. Names of people at other servers are taken as far as presence knows them.
  Status join(const ClientPtr& client, std::string_view room, const std::optional<Position>& since,
              std::optional<std::string> ref, Moment now, const KeptRange* earlier = nullptr);
  // Removes the client from the room and posts Left to its loop. Errors: not_joined.
  Status leave(const ClientPtr& client, std::string_view room, std::string reason, std::string ref = {});
  // Whom a Moderation concerns. Resolved before the work, so that a client that leaves meanwhile is still banned.
  struct Target {
    ClientPtr client;          // of a Moderation with a client
    std::string key = {};      // Client::ban_key()
    std::string user_id = {};  // empty: a guest, or nobody
    std::string name = {};     // as far as it is known
    std::optional<IpBlock> block = std::nullopt;
  };
  // Errors: those of check_moderation(); no_such_client; unsupported when a guest on a UNIX socket cannot be banned or muted.
  Result<Target> find_target(const Moderation& what) const;
  // Does what a moderator wants. actor: the client that asks; nullptr: the application, which may do everything. Errors:
  // forbidden when the actor has too low a role, or one that is not above the target's; not_joined when there is nobody to
  // kick; no_such_room (close, clear), unsupported when kept messages cannot be changed (clear), too_many; no_such_message when no
  // message of the target waits (approve, reject). When memory fails while members are removed, the rule is set already; when it
  // fails while an approved message is published, the message is lost. clear only begins here, and its ClearWork does the rest.
  Status moderate(Moderation what, const Target& target, const ClientPtr& actor, Moment now);
  // The same for the application.
  Status ban(std::string_view ban_key, std::string_view room, std::int64_t duration_ms, const std::string& reason,
             Moment now);
  // Removes all members, the history and the rules except roles, and starts a new epoch. Errors: no_such_room.
  Status close_room(std::string_view room, const std::string& reason, Moment now = {});
  // Deletes the next messages, at most Clearing::kSlice, and posts what is left. An error ends the clearing. Throws
  // std::bad_alloc: the caller calls it again.
  Status clear_some(const ClearingPtr& clearing, Moment now);
  // Whether reports are heard; see HubOptions::tells_reports.
  bool tells_reports() const { return options_.tells_reports; }
  // Tells the application of a report by a member, unless this person has reported the message already. Errors: rate_limited.
  Status report(const Client& client, MessagePtr target, std::string reason, Moment now);
  // Whether moderation is an event for members; see HubOptions::moderation_events.
  bool tells_moderation() const {
    return options_.moderation_events || holds_messages_.load(std::memory_order_relaxed);
  }
  // The role of the client, also in a room that it has not joined or that does not exist.
  Role role_in_room(const Client& client, std::string_view room) const;
  // Whether the rules of the room allow the client's message. known: the room, if the caller has it. take_turn: it will be
  // published now, which counts for the slow mode and the rules against floods. Errors: muted, read_only, slow_mode, forbidden,
  // repeated, no_links. must_wait: set with take_turn when it must not be published, but be given to hold().
  Status check_message(const Client& client, const MessageDraft& message, const RoomPtr& known, Moment now,
                       bool take_turn, bool* must_wait = nullptr);
  // Keeps the first message of a client until a moderator approves it, and tells the moderators in the room. The receipt's
  // sender is notified of the end as by publish(). The client must not leave the room meanwhile. Errors: no_such_room;
  // forbidden while another one of this person waits; too_many.
  Status hold(const ClientPtr& client, std::shared_ptr<Message> message, Moment now, Receipt receipt);

  // Loads messages that were stored elsewhere into a room that has had none yet: oldest first, each with seq and
  // time_ms. seq: the highest seq of this epoch; 0: the seq of the last message given. Messages above the history
  // limits are dropped; if none remain, the room is not created. Errors: invalid_room, invalid_argument, wrong_state,
  // too_many; after an error nothing has changed.
  static constexpr std::uint64_t kMaxRestoredSeq = std::uint64_t{1} << 52;
  Status restore_room(std::string_view room, const std::string& epoch, std::uint64_t seq,
                      std::vector<std::shared_ptr<Message>> messages, Moment now);

  // Opens a client that continues an earlier one: it joins all these rooms and receives all messages after these
  // positions. The first room is reported first. Errors: wrong_state when messages are missing, when the room was
  // closed or forgotten since (its epoch differs), or when they exceed max_bytes in total (size_bytes());
  // invalid_argument without a room; the errors of join(). After an error the client may already be a member of some
  // rooms, so the caller must remove it.
  Status restore(const ClientPtr& client, const std::vector<RoomPosition>& rooms, std::size_t max_bytes, Moment now);
  // Returns a hold on each room that the client is in. Without a hold an empty room is removed, and a later room of
  // that name starts a new numbering.
  std::vector<RoomHold> hold_rooms(const Client& client);
  // Moves the client to another loop. Call on the thread of the loop that the client leaves. For each room the old loop
  // receives Departed and the new one Arrived, in the room's order. Other events for the client go to the old loop
  // before this call and to the new loop after it, so when it returns the old inbox holds the last of them. Throws
  // std::bad_alloc; then nothing has changed.
  void move_client(const ClientPtr& client, std::size_t loop);

  // Errors: no_such_room.
  Result<std::vector<ClientPtr>> members(std::string_view room) const;  // by id
  std::vector<RoomInfo> rooms() const;                                  // by name
  // The lists for replies: at most kMaxListed entries, namely the earliest members and the largest rooms. A list with
  // more than kAlwaysFresh entries is rebuilt at most once in kListAgeMs and is shared.
  static constexpr std::size_t kMaxListed = 5'000;
  static constexpr std::size_t kAlwaysFresh = 100;
  static constexpr std::int64_t kListAgeMs = 1'000;
  Result<MemberListPtr> list_members(std::string_view room, Moment now) const;
  RoomListPtr list_rooms(Moment now) const;
  // The members of the room with all that MemberInfo has, as far as list_members() has them. Errors: no_such_room.
  Result<MemberListPtr> describe_members(std::string_view room) const;
  // Lists the members of the room, or with an empty name the rooms, of all servers, for a command of the client that waits for
  // this decision; see Decision::list. The rooms must span several servers.
  void list_all(const ClientPtr& client, DecisionId id, const std::string& room);
  // The same on the calling thread, which waits for within_ms at most; see RoomStore::list_now().
  FarListPtr list_all_now(const std::string& room, std::int64_t within_ms) {
    return options_.store->list_now(room, within_ms);
  }
  // Succeeds for every valid name: an unknown room has an empty history. Errors: invalid_room.
  // earlier: as for join().
  Result<HistoryReply> history(std::string_view room, std::uint64_t after_seq, std::size_t limit, Moment now,
                               std::uint64_t before_seq = 0, const KeptRange* earlier = nullptr);
  // What must be read for found(): the newest `limit` (0 or above kMaxFound: kMaxFound) kept messages below before_seq (0: all)
  // with all words of a text. nullopt in it: nothing is kept of the room. Errors: unsupported when the store cannot search,
  // invalid_room, those of check_search().
  Result<std::optional<KeptQuery>> search(std::string_view room, std::string_view text, std::size_t limit,
                                          std::uint64_t before_seq);
  // The messages of the room that were read, as they are now. nullptr: nothing was.
  HistoryReply found(std::string_view room, const KeptRange* range, Moment now);
  // Whether the rooms span several servers.
  bool is_shared() const { return options_.store != nullptr && options_.store->is_shared(); }
  bool has_room(std::string_view room) const {
    return rooms_.find(room) != nullptr || (options_.store != nullptr && options_.store->has(room));
  }

  // What must be read from the store before join() with this position, or history() with these arguments, has all messages
  // that are kept. nullopt: nothing.
  // since: nullopt: none of its messages are wanted.
  std::optional<KeptQuery> unread(std::string_view room, const std::optional<Position>& since);
  std::optional<KeptQuery> unread(std::string_view room, std::uint64_t after_seq, std::size_t limit,
                                  std::uint64_t before_seq);
  // The message of a room, as it is now. When it must be read from the store first, `unread` is set and the result is nullptr.
  // earlier: what was read for that. Errors: no_such_message.
  Result<MessagePtr> find_message(std::string_view room, std::uint64_t seq, const KeptRange* earlier,
                                  std::optional<KeptQuery>& unread);
  std::int64_t edit_window_ms() const { return options_.edit_window_ms; }
  // Reads it for a command or an entry of the client that waits for this decision; see Decision::earlier.
  void read(const ClientPtr& client, DecisionId id, KeptQuery query);
  // Reads it on the calling thread, which waits for the disk.
  KeptRangePtr read_now(const KeptQuery& query) { return options_.store->read_now(query); }

  // Until unwatch() the loop receives the messages of the room also without a member there. The room is created if
  // necessary and charged to `creator`; it is not removed meanwhile. Errors: invalid_room, too_many.
  Status watch(std::string_view room, std::size_t loop, const SourcePtr& creator);
  // Once for each watch() that succeeded.
  void unwatch(std::string_view room, std::size_t loop);

  // The level of the room, or of a new room of that name.
  PresenceLevel presence_level(std::string_view room) const;
  // Sets the level of a room, creating the room if necessary, which then remains; nullopt: the server's level again. Members
  // that joined at a lower level than `full` are not named people until they join again. Takes time for each member when
  // the presence begins or ends. Errors: invalid_room, too_many.
  Status set_presence(std::string_view room, std::optional<PresenceLevel> level);
  // Who is in the room, as of now: at most Presence::kMaxListed people, or all of them. Errors: invalid_room; forbidden when
  // the level is off.
  Result<PresenceNotice> presence(std::string_view room, bool all) const;
  // Sets what presence tells about the client's person, in the rooms of the client and in those that it joins: a checked JSON
  // value, empty: nothing. A client that joins a room with another client of its user, or soon after one has left, takes over
  // the user's state there if it has none. Errors: those of check_state(), no_such_client.
  Status set_state(const ClientPtr& client, std::string state);
  // Errors: forbidden when no room has presence, too_large.
  Status check_state(std::string_view state) const;
  // Keeps the users that are present, in the rooms that the store keeps. Call it before clients are closed because the server
  // stops. Without memory, or above the store's limits, some are left out.
  void keep_presence(Moment now) noexcept;
  // Takes over the users of an earlier keep_presence(), if it is not longer than kMaxDownMs ago: they are present, and have a
  // grace time from now on. Call it before clients come, when the store has started. When it throws, it can be called again.
  static constexpr std::int64_t kMaxDownMs = 600'000;
  void load_presence(Moment now);
  // Read markers ---------------------------------------------------------------------------------------------------------
  // A user has read the messages of a room up to this one. A marker only rises, at most to the newest message. Other clients
  // of the user that are in the room receive a seen_event(). from: the client that said it; 0: the application. Errors:
  // invalid_room, no_such_room, too_many.
  Status set_seen(std::string_view room, std::string_view user_id, std::uint64_t seq, ClientId from, Moment now);
  // 0: the user has no marker there, or there is no such room. Errors: invalid_room.
  Result<std::uint64_t> seen(std::string_view room, std::string_view user_id);
  // Gives all markers to the store that it does not have yet. Call it before the store stops.
  void keep_seen() noexcept;

  // Presence notices of the room name people to the client, a member, from now on: notes that for move_client().
  void set_sees_people(const Client& client, std::string_view room, bool sees_people);
  // Sends the presence notices that are due, and ends grace times. Call it on one thread, when presence_due_ms() is over.
  // Takes at most kPresenceSlice rooms. When memory fails for a room, its notice is made later.
  static constexpr int kPresenceSlice = 100;
  void tell_presence(Moment now);
  // When to call tell_presence(), by Moment::age_ms; PresenceQueue::kNow and kNever.
  std::int64_t presence_due_ms() const { return rooms_.presence_queue()->due_ms(); }

  // Publishes to message->room, creating it if necessary; an empty room name means every open client. An edit, a redaction or
  // a reaction changes the kept message target_seq when the log commits it. A reaction that changes nothing is
  // acknowledged without a number and counts as repeated. The receipt's sender is notified through its loop when the log
  // commits the message or fails to. Errors: invalid_room, invalid_event, too_many (also when all outboxes together are
  // full), invalid_argument, no_such_message; a returned error is not reported to the sender otherwise.
  // A message with an id is published once: without a claim in its receipt this function claims the id, and returns the
  // position of the first message with it (seq 0 while that one is not yet published). Further errors then: wrong_state
  // when the id was used for another message.
  // message: has the fields of its draft, and no other owner; the hub fills in the rest. creator: charged if the room is
  // created; nullptr: nobody. known: the room, if the caller has it, which saves a look-up.
  Result<Published> publish(std::shared_ptr<Message> message, Moment now, Receipt receipt = {},
                            const SourcePtr& creator = nullptr, const RoomPtr& known = nullptr);
  Result<Published> publish(MessageDraft draft, Moment now, Receipt receipt = {}, const SourcePtr& creator = nullptr) {
    return publish(make_message(std::move(draft)), now, std::move(receipt), creator);
  }
  // Claims the id of a message of the client, before it is published. waiting: a decision of the client that is given when
  // a pending id is known or free; nullopt: it does not wait.
  MessageIds::Answer claim_id(const Client& client, const MessageDraft& message, Moment now,
                              std::optional<DecisionId> waiting = std::nullopt);
  // Tells the sender of a repeated message where the first one is. In the order of the loop's events.
  Status acknowledge_again(const ClientPtr& client, std::string ref, Position first);
  // Takes the ids of kept messages and the rules of rooms from the store, if there is one. Call it once, before clients come.
  Status load(Moment now);

  // Whether the client may publish or read in a room that it has not joined. Errors: invalid_room, banned, forbidden.
  Status check_entry(const Client& client, std::string_view room, Moment now) const;
  // Called by a log that kept a submission. `place` is its position, with a seq above all committed ones, or the reason
  // for the failure. This function takes the room's lock, so the caller must not hold a lock that submit() takes. Throws
  // std::bad_alloc: then nothing has changed, and the log must call it again with the same submission.
  void commit(const Submission& submission, const Result<Position>& place);
  // Only acknowledges a submission that is in the log already. repeated: a message with its id has been there before.
  void acknowledge(const Submission& submission, const Position& place, bool repeated);

  // What a shared store tells of the rooms here (RoomStore::is_shared()). It calls these on one thread, with no lock held.
  // They throw std::bad_alloc: then nothing has changed, and the store calls again.
  // A numbered message of the room: it is appended if its epoch is the room's and its seq is above all others. The application
  // here is not told of it.
  void receive(std::shared_ptr<Message> message);
  // The notice of another server. A message has no other owner.
  void take_notice(const FarNotice& notice, std::shared_ptr<Message> message, Moment now);
  // The numbering of the room is this one, with the newest messages of it that are kept, and these values are new; see
  // take_values(). Creates the room if necessary. Members are told as after a join with their last position. The room remains as
  // long as the result does. Errors: those of a join.
  Result<RoomHold> adopt(std::string_view room, const Position& top, const std::vector<MessagePtr>& messages,
                         const std::vector<RoomValue>& values, Moment now);
  // The room goes on at this position of another numbering, with the messages that it has, under their numbers. Members are told,
  // and have missed nothing. The rest as adopt().
  Result<RoomHold> renumber(std::string_view room, const Position& top, Moment now);
  // The messages and events of the room in memory, oldest first.
  std::vector<MessagePtr> kept(std::string_view room);
  // Values of the room were set elsewhere (RoomStore::keep_value()), an empty one was removed. Removes members that may not be
  // in the room any more. A rule above the limits is left out. No effect for a room that is not here.
  void take_values(std::string_view room, const std::vector<RoomValue>& values, Moment now);
  // The room was closed elsewhere, and continues in this epoch.
  void close_shared(std::string_view room, const std::string& epoch, const std::string& reason);
  // Whether some room may have presence: then the store tells the other servers who is where.
  bool uses_presence() const { return uses_presence_.load(std::memory_order_relaxed); }
  // What the others have to be told of the people in the room; see Presence::take_own(). nullopt: there is no such room, or its
  // presence is off, so nobody is present.
  std::optional<OwnPeople> own_people(std::string_view room, bool whole);
  // All people of the other servers are given by take_people() from now on. No effect without the room.
  void begin_people(std::string_view room);
  // The people of another server in the room; see Presence::take_far(). server: a number that the store has for it. When it
  // throws, the store calls again. With HubOptions::unique_names, guests here whose name a person there has too get their
  // guest names: if that is a user, or a guest with a lower client id. Users keep theirs.
  void take_people(std::string_view room, std::uint32_t server, const std::vector<FarPerson>& people, std::size_t more,
                   bool whole);
  // The other server has ended: its users have a grace time in each room.
  void lose_people(std::uint32_t server);

  // Sends a message to one client, after everything published before it. The message is as for publish(). With an ack id, the client is asked to
  // acknowledge it, which requires protocol support (Socket.IO). Errors: invalid_event, no_such_client, too_many when all
  // outboxes together are full.
  Status send(const ClientPtr& client, std::shared_ptr<Message> message, Moment now, AckWish ack = {});
  Status send(const ClientPtr& client, MessageDraft draft, Moment now, AckWish ack = {}) {
    return send(client, make_message(std::move(draft)), now, ack);
  }
  // The two steps of send(), for one message to several clients. ready_to_send() checks and completes a message that has a room;
  // send_ready() posts it. Errors: invalid_event, too_many; no_such_client.
  Result<MessagePtr> ready_to_send(std::shared_ptr<Message> message, Moment now);
  Status send_ready(const ClientPtr& client, MessagePtr message, AckWish ack = {});
  // The same to all clients of a user; with a shared store also those of other servers. Errors: those of send(); no_such_client only
  // without a shared store.
  Status send_to_user(const std::string& user_id, const MessageDraft& draft, Moment now);
  // Whether the id can be of a client of another server. Errors: no_such_client; unavailable.
  Status check_far(ClientId client) const;
  // Sends a message to a client of another server, or closes it as close_client() does. Nobody knows here whether the client is
  // there. Errors: those of check_far(); invalid_event.
  Status send_far(ClientId client, const MessageDraft& draft);
  Status close_far(ClientId client, std::string reason, bool whole_connection);
  // Returns a new ack id, unique within this hub.
  std::uint64_t next_ack_id() { return last_ack_id_.fetch_add(1, std::memory_order_relaxed) + 1; }
  // Posts the application's answer to a message of the client that asked for an acknowledgement.
  Status answer(const ClientPtr& client, Answer answer);
  // Closes the client after its queued messages are sent, because the application wants it: a kick without a room in the audit.
  // code: RFC 6455 section 7.4.
  Status close_client(const ClientPtr& client, std::uint16_t code, std::string reason, bool whole_connection = false,
                      Moment now = {});

  // Ends the client's connection because another connection continues the client with its secret.
  Status continue_elsewhere(const ClientPtr& client);

  // Drops expired history and rooms that are empty and have no history, in slices. Call it every few seconds, and soon
  // again when it returns true: there is more to do.
  bool expire(Moment now) {
    const bool more_ids = message_ids_.expire(now.age_ms);
    expire_held(now);
    return rooms_.expire(now) || more_ids;
  }

  HubTap* tap() const { return options_.tap; }
  HubStats stats() const;
  // Lives as long as the hub.
  SourceTable& sources() { return sources_; }

 private:
  // Gives the room a position and these messages, and tells its members. continues: they have had all of the messages. When it
  // throws, nothing has changed. Call with routing_ held.
  void move(Room& room, const Position& top, const std::vector<MessagePtr>& messages, bool continues, Moment now);
  // Call with routing_ held. With replay_bytes (restore()), all messages after `since` must be available and fit into
  // *replay_bytes, which is reduced by their size, and the client must not be a member yet; otherwise wrong_state.
  Status enter(const ClientPtr& client, std::string_view room, const std::optional<Position>& since,
               std::optional<std::string> ref, ClientState expected, Moment now, std::optional<Refusal>& refusal,
               std::size_t* replay_bytes = nullptr, const KeptRange* earlier = nullptr);
  // Names: naming() is held by the callers of the other ones. It locks nothing without unique_names.
  std::unique_lock<std::mutex> naming();
  // Before a client joins a room: gives guests other names, so that the names there stay unique if that can be.
  Status make_way(const ClientPtr& client, std::string_view room, Moment now);
  // Before a user has a name in one of its rooms: the same for the guests there.
  Status make_way(const ClientPtr& client, const IdentityPtr& identity, const RoomPtr& room);
  Status take_guest_name(const ClientPtr& client);
  // Whether a person of another server has the name, and does not give way. Call with the room's lock held.
  static bool taken_far(const Room& room, const Identity& identity, ClientId client);
  Status put_identity(const ClientPtr& client, Identity identity);
  // Calls change(), which gives the client this identity, when the name is free in all its rooms.
  template <class Change>
  Status change_name(const ClientPtr& client, const IdentityPtr& next, Change change);
  Status check_guest_name(const Client& client, const std::string& name, const Boxed<NameKeys>& keys) const;
  // Call these with the room's lock held, in a room with presence.
  MessagePtr presence_snapshot(Room& room, Moment now) const;
  std::shared_ptr<Message> presence_message(const Room& room, PresenceNotice notice, std::size_t count_before,
                                            Moment now) const;
  void tell_presence(Room& room, Moment now);
  // Calls action(presence, person) for the client's person in each of its rooms with presence, with the room's lock held.
  template <class Action>
  void for_each_person(const Client& client, Action action);
  // Call these two with the room's lock held.
  ReadMarkers& markers_of(Room& room);
  // is_kept: the store has it.
  Status raise_seen(Room& room, std::string_view user_id, std::uint64_t seq, ClientId from, Moment now,
                    bool is_kept = false);
  // The client has a new identity.
  void update_presence(const ClientPtr& client);
  // Calls action(room) with the room's lock held, also for a room of which only the store knows. False when there is none.
  template <class Action>
  bool with_known(std::string_view name, Action action);
  // Whether the outboxes have space for the message once. Notes the refusal for this address. Errors: too_many. Call
  // without locks.
  Status check_queued(std::string_view address, const MessageDraft& draft);
  // Call without locks: this may call the application's log.
  void note(const std::optional<Refusal>& refusal, std::string_view address);
  // At most kMaxListed members, by id. Call with the room's lock held.
  static std::vector<ClientPtr> listed_members(const Room& room, bool& complete);
  // Removes a member and notifies its loop. Returns the iterator after it. Call with the room's lock held.
  Room::Members::iterator expel(Room& room, Room::Members::iterator member, std::string reason, std::string ref = {});
  // Call these with the room's lock held.
  Status check_rank(const Room& room, const Moderation& what, const Target& target, Role target_role,
                    const Client& actor) const;
  Status change_rules(Room& room, const Moderation& what, const Target& target, Moment now);
  // change_rules(), also in the store. Nothing has changed when it fails.
  Status keep_rules(Room& room, const Moderation& what, const Target& target, Moment now);
  void apply_rules(Room& room, const std::vector<RoomValue>& values, Moment now);
  // Those that the rules do not allow to be there.
  void expel_excluded(Room& room, Moment now);
  void take_markers(Room& room, const std::vector<RoomValue>& values, Moment now);
  void expel_target(Room& room, const Moderation& what, const Target& target);
  void kick(Room& room, const FarNotice& notice);
  // Errors: too_many, unsupported.
  Result<ClearingPtr> begin_clearing(Room& room, const Moderation& what, const Sender& actor);
  // First messages that wait for moderators. Call these with routing_ and the room's lock held.
  const std::vector<ClientId>& moderators_of(Room& room, Moment now) const;
  template <class Make>  // make() returns the event
  void tell_moderators(Room& room, Moment now, Make make);
  // Refuses all of them, or those whose time is over.
  void refuse_held(Room& room, Moment now, bool all);
  MessagePtr stamped(const Room& room, std::shared_ptr<Message> event, Moment now) const;
  // Call without locks.
  void expire_held(Moment now);
  // Call these two with the room's lock held; also with routing_ held if the sender waits for an acknowledgement. They
  // throw std::bad_alloc, and then nothing has changed.
  void commit(Room& room, const Submission& submission, std::uint64_t seq, const std::string& epoch);
  // commit(), and with `notices` a PublishedNotice if they are wanted.
  void append(Room& room, const Submission& submission, bool notices);
  void deliver(const Room& room, const Submission& submission);
  // A message was not published: its sender may send it again, whatever the rules of the room say of repeated texts and of
  // how often. Call with the room's lock held.
  static void take_back(Room& room, const Submission& submission) noexcept;
  // publish() with a submission that remains with the caller after an error.
  Result<Published> place(Submission& submission, Moment now, const SourcePtr& creator, const RoomPtr& known);
  void tell_others(const MessagePtr& message) noexcept {
    if (is_shared()) options_.store->tell_others(FarNotice{FarNotice::Kind::message, message});
  }
  void tell_tap(const Submission& submission) const noexcept {
    if (options_.tap == nullptr || submission.receipt.from_guest || !is_message(submission.message)) return;
    options_.tap->on_message(submission.message);
  }
  Status load_message_ids(Moment now);
  Status load_rules(Moment now);
  // Goes on with a repeated message that has waited for the first one. Call without locks.
  void wake(const MessageIds::Waiter& waiter);
  // A message is published, at seq or without a number.
  static void settle(const Submission& submission) {
    const Message& message = *submission.message;
    if (submission.receipt.claim) submission.receipt.claim->settle(message.seq, message.born_ms);
  }
  // Takes the lock that posting an acknowledgement needs, if a sender waits for one.
  RoutingLock::Shared route(const Receipt& receipt, bool failed = false) {
    const bool told = receipt.sender && (failed || !receipt.ref.empty());
    return told ? routing_.share() : RoutingLock::Shared();
  }
  void post(std::size_t loop, LoopEvent event) { inboxes_[loop]->post(std::move(event)); }
  // Call these two with routing_ held.
  LoopInbox& inbox_of(const Client& client) { return *inboxes_[client.loop()]; }
  void post(const Client& client, LoopEvent event) { inbox_of(client).post(std::move(event)); }

  const HubOptions options_;
  const std::unordered_set<std::string> ephemeral_events_;
  const std::vector<LoopInbox*> inboxes_;
  std::atomic<std::uint64_t> last_ack_id_ = 0;
  std::atomic<std::uint64_t> published_ = 0;

  RefusalReport* const refusals_;

  SourceTable sources_;
  std::mutex naming_;
  std::unordered_set<std::string> reserved_names_;  // NameKeys
  std::string guest_prefix_;                        // the key of ClientTable::kGuestPrefix
  RoutingLock routing_;
  ClientTable clients_;
  ReportLog reports_;
  MessageIds message_ids_;  // before the rooms: messages that wait in their logs have claims
  RoomTable rooms_;
  const ReadMarkers::Total marker_bytes_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::atomic<bool> uses_presence_;           // some room may have presence
  std::atomic<bool> uses_rules_ = false;      // some room may have rules
  std::atomic<bool> holds_messages_ = false;  // first messages may wait in some room
  std::mutex holding_mutex_;                  // guards holding_; innermost
  std::vector<std::weak_ptr<Room>> holding_;  // rooms in which messages wait, or have waited

  mutable std::mutex making_list_;  // only one thread builds the list at a time
  mutable std::mutex list_mutex_;   // guards list_ and list_made_ms_
  mutable RoomListPtr list_;
  mutable std::int64_t list_made_ms_ = 0;
};

}  // namespace chat
