// MessageDraft: a message as a client or the application publishes it. Message: the same after the hub has numbered it. A
// Message is immutable, and shared by all loops that deliver it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/boxed.h"
#include "model/names.h"
#include "model/presence.h"
#include "model/types.h"

namespace chat {

inline constexpr std::size_t kMaxAttachments = 10;

enum class PayloadKind : std::uint8_t {
  text,  // UTF-8; the only argument of the event
  args,  // a JSON array of arguments, already checked (wire/json/json.h). {"_placeholder":true,"num":N} in it stands for
         // attachment N
};

// The kinds of events in a room. All kinds share the room's order. Messages, edits, redactions and reactions are
// numbered and kept. An edit, a redaction and a reaction change the kept message target_seq.
enum class RoomEventKind : std::uint8_t {
  message = 0,
  edit = 1,        // replaces the payload and the attachments
  redaction = 2,   // withdraws the message: only its number, its sender and its time remain
  presence = 3,    // who is in the room has changed; see Message::presence
  reaction = 4,    // a user gives the reaction that is the payload, or takes it back; see MessageExtra
  moderation = 5,  // what was moderated; see hub/moderation_event.h
  seen = 6,        // for the clients of one user: how far the user has read, up to target_seq; see hub/seen_event.h
};

// The sender as receivers see it.
struct Sender {
  ClientId id = 0;  // 0: the application
  std::string name;
  std::string user_id;
};

// Identifies a user among the senders of all messages: the user id, or a line feed and the client id of a guest.
std::string user_key(const Sender& sender);

// A short text that users give to a message, such as an emoji.
struct Reaction {
  using Users = std::vector<std::string>;  // see user_key(); each once

  std::string text;
  std::shared_ptr<const Users> users;
};
// Of one message.
inline constexpr std::size_t kMaxReactions = 20;
inline constexpr std::size_t kMaxReactionUsers = 1'000;

// What few messages have.
struct MessageExtra {
  std::uint64_t reply_to = 0;  // the seq of the message that this one answers; 0: none
  std::int64_t edited_ms = 0;  // of the last edit, Unix milliseconds; 0: never edited
  bool redacted = false;       // the text is gone. Of an event: a later one has replaced it, and nobody receives it
  std::vector<Reaction> reactions;  // in the order of their first users
  // Of a reaction event.
  bool added = false;       // false: taken back
  std::uint64_t count = 0;  // users that have given this reaction then
};

// A message before it is published. Its fields have been checked by the dispatcher or the C API.
struct MessageDraft {
  std::string room;  // empty: for everyone
  std::string event{kDefaultEvent};
  PayloadKind kind = PayloadKind::text;
  std::string payload;
  std::vector<std::string> attachments;
  Pairs attributes;
  bool ephemeral = false;  // not numbered and not kept, like all messages to everyone or to one client
  ClientId except = 0;     // a member that does not receive the message
  RoomEventKind event_kind = RoomEventKind::message;
  std::uint64_t target_seq = 0;  // the message that an edit, a redaction or a reaction refers to
  Sender sender;
  std::string id;  // chosen by the sender: a repeated one is not published again; see hub/message_ids.h. Empty: none

  Boxed<MessageExtra> extra;

  bool is_numbered() const { return !ephemeral && (event_kind == RoomEventKind::message || changes_message()); }
  // An edit, a redaction or a reaction.
  bool changes_message() const {
    return event_kind == RoomEventKind::edit || event_kind == RoomEventKind::redaction ||
           event_kind == RoomEventKind::reaction;
  }
  // The part of a draft that on_message cannot replace.
  void take_fixed(MessageDraft&& original);
  std::size_t size_bytes() const;  // payload, attachments and attributes
};

// A published message.
struct Message : MessageDraft {
  std::uint64_t seq = 0;  // 1, 2, 3... in its room; 0 for ephemeral messages
  std::string epoch;
  std::int64_t time_ms = 0;    // wall clock, Unix milliseconds
  std::int64_t born_ms = 0;    // monotonic clock; see Moment
  std::uint64_t serial = 0;    // unique among the messages of this process that have no seq
  PresenceNoticePtr presence;  // of a presence event

  // All memory that the message keeps alive; the history accounts for it.
  std::size_t memory_bytes() const;
};
using MessagePtr = std::shared_ptr<const Message>;

// False for the other events of a room.
inline bool is_message(const MessagePtr& event) { return event->event_kind == RoomEventKind::message; }

// What a receiver gets of a message. counts_only: it is not told who is present. nullptr: nothing.
inline const MessagePtr& seen_by(const MessagePtr& message, bool counts_only) {
  const bool less = counts_only && message->presence && !message->presence->counts_only;
  return less ? message->presence->reduced : message;
}

// The message before the hub has numbered it.
std::shared_ptr<Message> make_message(MessageDraft draft);

// The payload of a single binary frame: one argument, which is attachment 0.
inline constexpr std::string_view kSingleBinaryArgs = R"([{"_placeholder":true,"num":0}])";
// True for a payload that consists of a single attachment.
bool is_single_binary(const MessageDraft& draft);

}  // namespace chat
