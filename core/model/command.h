// Commands, which a codec decodes from a client's bytes, and replies, which a codec encodes for the client.
// A ref identifies a request. The client chooses it, and it is opaque here: chat.v1's raw JSON token, Socket.IO's
// acknowledgement id.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/boxed.h"
#include "model/message.h"
#include "model/moderation.h"
#include "model/shared_list.h"

namespace chat {

struct SendCommand {
  // What the client said. room empty: the client's first room; the dispatcher sets the sender.
  MessageDraft& draft() { return *message; }
  const MessageDraft& draft() const { return *message; }

  // The hub publishes this object, so that nothing of it is copied or moved. It has no other owner before.
  std::shared_ptr<Message> message = std::make_shared<Message>();
  bool except_self = false;
  bool acknowledge_last = false;  // deliver the sender's own copy before the acknowledgement
  std::string ref;                // empty: the client wants no acknowledgement
  // The acknowledgement only says that the work is done. It also comes for a message that the application consumed, and
  // the application cannot answer.
  bool receipt_only = false;
  bool without_joining = false;  // the sender need not be a member of the room
  bool to_application = false;   // an event for on_message only: it belongs to no room and is never published
  MessagePtr target = nullptr;   // of an edit, a redaction or a reaction; the dispatcher finds it
};

// A position in a room's numbering. Seq numbers of different epochs are not comparable.
struct Position {
  std::string epoch;
  std::uint64_t seq = 0;
};

// A position together with its room.
struct RoomPosition {
  std::string room;
  Position position;
};

struct JoinCommand {
  std::string room;
  std::optional<Position> since;  // the last message that the client has seen
  std::string ref;
};

struct LeaveCommand {
  std::string room;
  std::string ref;
};

struct RenameCommand {
  std::string name;
  std::string ref;
};

// Sets what presence tells about the client.
struct StateCommand {
  std::string state;  // checked JSON; empty: none
  std::string ref;
};

// The user of the client has read the messages of a room up to this one.
struct SeenCommand {
  std::string room;  // empty: the client's first room
  std::uint64_t seq = 0;
  std::string ref;
};

struct HistoryCommand {
  std::string room;  // empty: the client's first room
  std::uint64_t after_seq = 0;
  std::size_t limit = 0;  // 0: all
  std::string ref;
  std::uint64_t before_seq = 0;    // 0: up to the newest message
  std::string epoch = {};          // of after_seq; in another epoch it counts as 0. Empty: whichever the room has
  std::uint64_t around_seq = 0;    // not 0: see before_of_page_around(); excludes the other two
  Boxed<std::string> search = {};  // made: only messages with all words of this text, without after_seq and around_seq
};

// Which before_seq gives the page around a message: with `limit` messages, half of them older and half newer, if they have
// all numbers. 0 (up to the newest message) with limit 0.
constexpr std::uint64_t before_of_page_around(std::uint64_t seq, std::size_t limit) {
  constexpr std::uint64_t kHighest = std::numeric_limits<std::uint64_t>::max();
  if (limit == 0) return 0;
  const std::uint64_t newer = limit / 2 + 1;
  return seq > kHighest - newer ? kHighest : seq + newer;
}

struct MembersCommand {
  std::string room;  // empty: the client's first room
  std::string ref;
  bool allowed = false;  // unless on_authorize says otherwise
};

// Asks who is in a room. A client that may not list members receives the count.
struct PresenceCommand {
  std::string room;  // empty: the client's first room
  std::string ref;
  bool allowed = false;  // people are listed for clients that are not members, unless on_authorize says otherwise
};

struct RoomsCommand {
  std::string ref;
  bool allowed = false;  // unless on_authorize says otherwise
};

struct PingCommand {
  std::string ref;
};

// The client ends its connection. The reply is sent when all its earlier commands have been processed.
struct DisconnectCommand {
  std::string ref;
};

// Moderates a room; see model/moderation.h.
struct ModerateCommand {
  ModerateCommand() = default;
  ModerateCommand(Moderation moderation, std::string command_ref) : ref(std::move(command_ref)) {
    boxed.make() = std::move(moderation);
  }

  // room empty: the client's first room
  Moderation& what() { return boxed.make(); }
  const Moderation& what() const { return *boxed; }

  Boxed<Moderation> boxed;  // keeps all other commands small
  std::string ref;
};

// Reports a message to those who moderate the room.
struct ReportCommand {
  std::string room;  // empty: the client's first room
  std::uint64_t target_seq = 0;
  std::string reason;
  std::string ref;
  MessagePtr target = nullptr;  // the dispatcher finds it
};

using Command = std::variant<SendCommand, JoinCommand, LeaveCommand, RenameCommand, HistoryCommand, MembersCommand,
                             RoomsCommand, PingCommand, DisconnectCommand, PresenceCommand, StateCommand,
                             ModerateCommand, ReportCommand, SeenCommand>;

// Confirms that the client is open. Positions are those of its first room.
struct Welcome {
  ClientId id = 0;
  std::string name;
  std::string room;
  std::string epoch;
  std::uint64_t seq = 0;
  bool resumed = false;
  bool complete = true;
  std::string user_id = {};       // empty: a guest
  Role role = Role::guest;        // in that room
  std::int64_t slow_mode_ms = 0;  // of that room, for this client; 0: off
  std::uint64_t seen = 0;         // how far the client's user has read there; 0: unknown
};

// A message was accepted.
struct AckReply {
  std::string ref;
  std::uint64_t seq = 0;  // 0: ephemeral, or consumed by the application
  std::string epoch;
  bool repeated = false;  // an earlier message with the same id has this position, and this one was not published
};

struct AnswerReply {  // the application's answer to a message
  std::string ref;
  std::string args;  // a JSON array
  std::vector<std::string> attachments;
};

// The client is a member of a room.
struct JoinedReply {
  std::string ref;
  std::string room;
  std::string epoch;
  std::uint64_t seq = 0;
  bool resumed = false;
  bool complete = true;
  Role role = Role::guest;
  std::int64_t slow_mode_ms = 0;
  std::uint64_t seen = 0;  // how far the client's user has read; 0: unknown
};

// The client is no longer a member of a room.
struct LeftReply {
  std::string ref;
  std::string room;
  std::string reason;
};

// The client has a new display name.
struct RenamedReply {
  std::string ref;
  std::string name;
};

// Kept messages of a room, oldest first.
struct HistoryReply {
  std::string ref;
  std::string room;
  std::string epoch;
  std::uint64_t seq = 0;
  bool complete = true;  // no message above after_seq and below before_seq is missing
  std::vector<MessagePtr> messages;
  bool searched = false;         // these are all that a search has found; complete: there are no older ones
  std::uint64_t before_seq = 0;  // of a search that is not complete: the next one continues below this
};

struct MemberInfo {
  ClientId id = 0;
  std::string name;
  // Only in lists of a cluster.
  std::string user_id = {};
  Role role = Role::guest;
  Protocol protocol = Protocol::plain;
};

using MemberList = SharedList<MemberInfo>;
using MemberListPtr = std::shared_ptr<const MemberList>;

struct MembersReply {
  std::string ref;
  std::string room;
  MemberListPtr list;
};

// A snapshot of a room's counters.
struct RoomInfo {
  std::string name;
  std::string epoch;
  std::uint64_t seq = 0;
  std::size_t member_count = 0;
  std::size_t history_count = 0;
  std::size_t people_count = 0;  // with presence: of all servers
};

using RoomList = SharedList<RoomInfo>;
using RoomListPtr = std::shared_ptr<const RoomList>;

struct PresenceReply {
  std::string ref;
  std::string room;
  PresenceNoticePtr notice;
};

struct RoomsReply {
  std::string ref;
  RoomListPtr list;
};

// Messages that were dropped because the client read too slowly.
struct GapReply {
  std::string room;  // empty: messages that belong to no room
  std::string epoch;
  std::uint64_t first_seq = 0;  // 0: only ephemeral messages were dropped
  std::uint64_t last_seq = 0;
  std::uint64_t dropped = 0;
};

// The reply to PingCommand.
struct PongReply {
  std::string ref;
};

// All commands of the client before its DisconnectCommand have been processed. The connection closes after this reply.
struct DisconnectedReply {
  std::string ref;
};

// What the client wanted is done.
struct ModeratedReply {
  std::string ref;
  std::string room;
  ModerationAction action = ModerationAction::kick;
};

// A request was refused and changed nothing.
struct ErrorReply {
  std::string ref;
  Error code = Error::internal;
  std::string reason;
  bool of_send = false;             // the refused request was a message
  std::int64_t retry_after_ms = 0;  // see Status
};

using Reply =
    std::variant<Welcome, AckReply, AnswerReply, JoinedReply, LeftReply, RenamedReply, HistoryReply, MembersReply,
                 RoomsReply, GapReply, PongReply, DisconnectedReply, ErrorReply, PresenceReply, ModeratedReply>;

}  // namespace chat
