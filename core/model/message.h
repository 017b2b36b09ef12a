// MessageDraft: a message as a client or the application publishes it. Message: the same after the hub has numbered it. A
// Message is immutable, and shared by all loops that deliver it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

// The kinds of events in a room. All kinds share the room's order. All except presence and moderation are numbered.
// Edits and redactions are not sent to clients.
enum class RoomEventKind : std::uint8_t {
  message,
  edit,        // replaces the payload of message target_seq
  redaction,   // withdraws message target_seq
  presence,    // who is in the room has changed; see Message::presence
  moderation,  // what was moderated; see hub/moderation_event.h
};

// The sender as receivers see it.
struct Sender {
  ClientId id = 0;  // 0: the application
  std::string name;
  std::string user_id;
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
  std::uint64_t target_seq = 0;  // the message that an edit or a redaction refers to
  Sender sender;
  std::string id;  // chosen by the sender: a repeated one is not published again; see hub/message_ids.h. Empty: none

  bool is_numbered() const { return !ephemeral && event_kind < RoomEventKind::presence; }
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
