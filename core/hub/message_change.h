// What an edit, a redaction or a reaction does to the message that it refers to. Messages are immutable and shared, so a change
// makes a new object. The functions throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "model/message.h"

namespace chat {

Status no_such_message(std::uint64_t seq, std::string_view room);
// Whether the event can change this message. Errors: no_such_message when it is an event or redacted, too_many when it has
// as many reactions as it may have.
Status check_change(const Message& target, const MessageDraft& event);
// True when the message is already as the event would make it: the user has given the reaction, or has not.
bool changes_nothing(const Message& target, const MessageDraft& event);
// Of a reaction: the users that have given it after the event.
std::uint64_t count_after(const Message& target, const MessageDraft& event);

// The message after the event. nullptr when nothing changes.
std::shared_ptr<const Message> changed(const Message& target, const Message& event);
// True when the change leaves nothing of what an earlier event of the same target said.
inline bool replaces(RoomEventKind later, RoomEventKind earlier) {
  if (later == RoomEventKind::redaction) return earlier == RoomEventKind::edit || earlier == RoomEventKind::reaction;
  return later == RoomEventKind::edit && earlier == RoomEventKind::edit;
}
// The event without what it said. Nobody receives it any more.
std::shared_ptr<Message> emptied(const Message& event);
void make_empty(Message& event);
inline bool is_empty(const Message& event) { return event.changes_message() && event.extra->redacted; }

}  // namespace chat
