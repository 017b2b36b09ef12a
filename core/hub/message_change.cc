// See message_change.h.
#include "hub/message_change.h"

#include <algorithm>
#include <string>
#include <utility>

namespace chat {
namespace {

const Reaction* find_reaction(const Message& message, std::string_view text) {
  const std::vector<Reaction>& all = message.extra->reactions;
  const auto found = std::ranges::find(all, text, &Reaction::text);
  return found == all.end() ? nullptr : &*found;
}

bool has_given(const Reaction* reaction, const std::string& user) {
  return reaction != nullptr && std::ranges::find(*reaction->users, user) != reaction->users->end();
}

// Everything but what the sender said.
std::shared_ptr<Message> without_content(const Message& message) {
  auto result = std::make_shared<Message>();
  result->room = message.room;
  result->event = message.event;
  result->ephemeral = message.ephemeral;
  result->except = message.except;
  result->event_kind = message.event_kind;
  result->target_seq = message.target_seq;
  result->sender = message.sender;
  result->id = message.id;
  result->extra = message.extra;
  result->seq = message.seq;
  result->epoch = message.epoch;
  result->time_ms = message.time_ms;
  result->born_ms = message.born_ms;
  return result;
}

// The reactions after the event, which changes them.
std::vector<Reaction> reactions_after(const Message& target, const Message& event) {
  std::vector<Reaction> all = target.extra->reactions;
  const std::string user = user_key(event.sender);
  const auto found = std::ranges::find(all, event.payload, &Reaction::text);
  auto users =
      found == all.end() ? std::make_shared<Reaction::Users>() : std::make_shared<Reaction::Users>(*found->users);
  if (event.extra->added) {
    users->push_back(user);
  } else {
    std::erase(*users, user);
  }
  if (found == all.end()) {
    all.push_back({event.payload, std::move(users)});
  } else if (users->empty()) {
    all.erase(found);
  } else {
    found->users = std::move(users);
  }
  return all;
}

}  // namespace

Status no_such_message(std::uint64_t seq, std::string_view room) {
  return {Error::no_such_message,
          "no message " + std::to_string(seq) + " is kept in the room " + std::string(room) + ", or it was deleted"};
}

Status check_change(const Message& target, const MessageDraft& event) {
  if (target.event_kind != RoomEventKind::message || target.extra->redacted) {
    return no_such_message(event.target_seq, event.room);
  }
  if (event.event_kind != RoomEventKind::reaction || !event.extra->added) return {};
  const Reaction* const reaction = find_reaction(target, event.payload);
  if (reaction == nullptr) {
    if (target.extra->reactions.size() < kMaxReactions) return {};
    return {Error::too_many, "the message has 20 different reactions"};
  }
  if (reaction->users->size() < kMaxReactionUsers || has_given(reaction, user_key(event.sender))) return {};
  return {Error::too_many, "1,000 users have given this reaction"};
}

bool changes_nothing(const Message& target, const MessageDraft& event) {
  if (event.event_kind != RoomEventKind::reaction) return false;
  return has_given(find_reaction(target, event.payload), user_key(event.sender)) == event.extra->added;
}

std::uint64_t count_after(const Message& target, const MessageDraft& event) {
  const Reaction* const reaction = find_reaction(target, event.payload);
  const std::uint64_t count = reaction == nullptr ? 0 : reaction->users->size();
  if (changes_nothing(target, event)) return count;
  return event.extra->added ? count + 1 : count - 1;
}

std::shared_ptr<const Message> changed(const Message& target, const Message& event) {
  if (!check_change(target, event).ok() || changes_nothing(target, event)) return nullptr;
  if (event.event_kind == RoomEventKind::reaction) {
    auto result = std::make_shared<Message>(target);
    result->extra.make().reactions = reactions_after(target, event);
    return result;
  }
  std::shared_ptr<Message> result = without_content(target);
  MessageExtra& extra = result->extra.make();
  if (event.event_kind == RoomEventKind::redaction) {
    const std::uint64_t reply_to = extra.reply_to;
    extra = MessageExtra();
    extra.reply_to = reply_to;
    extra.redacted = true;
    return result;
  }
  result->kind = event.kind;
  result->payload = event.payload;
  result->attachments = event.attachments;
  result->attributes = target.attributes;
  extra.edited_ms = event.time_ms;
  return result;
}

std::shared_ptr<Message> emptied(const Message& event) {
  std::shared_ptr<Message> result = without_content(event);
  result->extra.make() = MessageExtra();
  result->extra.make().redacted = true;
  return result;
}

void make_empty(Message& event) {
  MessageExtra& extra = event.extra.make();
  extra = MessageExtra();
  extra.redacted = true;
  event.kind = PayloadKind::text;
  event.payload.clear();
  event.attachments.clear();
  event.attributes.clear();
}

}  // namespace chat
