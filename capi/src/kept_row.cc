// See kept_row.h.
#include "kept_row.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "hub/message_change.h"
#include "message.h"
#include "model/names.h"
#include "sized.h"
#include "wire/json/json.h"

namespace chat::capi {
namespace {

namespace json = wire::json;

constexpr auto kMaxNumber = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
constexpr std::size_t kStateDepth = 4;

// The texts of the kinds of events; empty: a message.
std::string_view name_of(RoomEventKind kind) {
  switch (kind) {
    case RoomEventKind::edit:
      return "edit";
    case RoomEventKind::redaction:
      return "redaction";
    case RoomEventKind::reaction:
      return "reaction";
    default:
      return {};
  }
}

// Writes the members that are not what a message has by default.
class StateWriter {
 public:
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) json::append_quoted(member(name), value);
  }
  void number(std::string_view name, std::uint64_t value) {
    if (value != 0) json::append_number(member(name), value);
  }
  void flag(std::string_view name, bool value) {
    if (value) member(name) += "true";
  }
  // To append the value to.
  std::string& member(std::string_view name) {
    text_ += text_.empty() ? '{' : ',';
    json::append_quoted(text_, name);
    return text_ += ':';
  }
  std::string take() {
    if (!text_.empty()) text_ += '}';
    return std::move(text_);
  }

 private:
  std::string text_;
};

Status wrong_state() { return {Error::invalid_argument, "message.kept_state is not what was written"}; }

bool read_number(std::string_view value, std::uint64_t& number) {
  const std::optional<std::uint64_t> parsed = json::parse_unsigned(value);
  if (!parsed || *parsed == 0 || *parsed > kMaxNumber) return false;
  number = *parsed;
  return true;
}

bool read_text(std::string_view value, std::string& text) {
  if (json::kind_of(value) != json::Kind::string) return false;
  std::optional<std::string> decoded = json::unescape(value);
  if (!decoded) return false;
  text = *std::move(decoded);
  return true;
}

bool read_kind(std::string_view value, RoomEventKind& kind) {
  for (const RoomEventKind one : {RoomEventKind::edit, RoomEventKind::redaction, RoomEventKind::reaction}) {
    if (!json::equals(value, name_of(one))) continue;
    kind = one;
    return true;
  }
  return false;
}

// A user id, or the client of a guest; see user_key().
bool is_user(std::string_view user) {
  if (!user.starts_with('\n')) return !user.empty() && check_person_name(user).ok();
  return json::parse_unsigned(user.substr(1)).has_value();
}

// ["+1","ann","bob"]
bool read_reaction(std::string_view value, Reaction& reaction) {
  if (json::kind_of(value) != json::Kind::array) return false;
  json::ElementReader elements(value, kStateDepth);
  std::string_view element;
  Reaction::Users users;
  if (!elements.next(element) || !read_text(element, reaction.text) || !check_reaction(reaction.text).ok())
    return false;
  while (elements.next(element)) {
    std::string user;
    if (users.size() == kMaxReactionUsers || !read_text(element, user) || !is_user(user)) return false;
    users.push_back(std::move(user));
  }
  if (!elements.ok() || users.empty()) return false;
  Reaction::Users sorted = users;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end()) return false;
  reaction.users = std::make_shared<const Reaction::Users>(std::move(users));
  return true;
}

bool read_reactions(std::string_view value, std::vector<Reaction>& reactions) {
  if (json::kind_of(value) != json::Kind::array || !reactions.empty()) return false;
  json::ElementReader elements(value, kStateDepth);
  std::string_view element;
  while (elements.next(element)) {
    Reaction reaction;
    if (reactions.size() == kMaxReactions || !read_reaction(element, reaction)) return false;
    if (std::ranges::find(reactions, reaction.text, &Reaction::text) != reactions.end()) return false;
    reactions.push_back(std::move(reaction));
  }
  return elements.ok();
}

bool read_seqs(std::string_view value, std::vector<std::uint64_t>& seqs) {
  if (json::kind_of(value) != json::Kind::array || !seqs.empty()) return false;
  json::ElementReader elements(value, kStateDepth);
  std::string_view element;
  while (elements.next(element)) {
    std::uint64_t seq = 0;
    if (seqs.size() == kMaxReactionEvents || !read_number(element, seq)) return false;
    if (!seqs.empty() && seq <= seqs.back()) return false;
    seqs.push_back(seq);
  }
  return elements.ok();
}

bool read_member(std::string_view name, std::string_view value, Message& message, KeptRow& row) {
  MessageExtra& extra = message.extra.make();
  const auto is = [&](std::string_view other) { return json::equals(name, other); };
  std::uint64_t number = 0;
  if (is("kind")) return read_kind(value, message.event_kind);
  if (is("target")) return read_number(value, message.target_seq);
  if (is("event")) return read_text(value, message.event) && check_event_name(message.event).ok();
  if (is("reply_to")) return read_number(value, extra.reply_to);
  if (is("edited_ms")) {
    if (!read_number(value, number)) return false;
    extra.edited_ms = static_cast<std::int64_t>(number);
    return true;
  }
  if (is("redacted") || is("added")) {
    (is("redacted") ? extra.redacted : extra.added) = true;
    return value == "true";
  }
  if (is("count")) return read_number(value, extra.count);
  if (is("reactions")) return read_reactions(value, extra.reactions);
  if (is("edit")) return read_number(value, row.edit_seq);
  if (is("events")) return read_seqs(value, row.reaction_seqs);
  return true;
}

// Whether the parts fit together.
bool is_consistent(const Message& message, const KeptRow& row) {
  const MessageExtra& extra = *message.extra;
  if (!message.changes_message()) {
    const bool events_follow = (row.edit_seq == 0 || row.edit_seq > message.seq) &&
                               (row.reaction_seqs.empty() || row.reaction_seqs.front() > message.seq);
    return message.target_seq == 0 && events_follow && !(extra.redacted && !extra.reactions.empty());
  }
  const bool has_target = message.target_seq != 0 && message.target_seq < message.seq;
  return has_target && extra.reactions.empty() && row.edit_seq == 0 && row.reaction_seqs.empty();
}

bool read_state(std::string_view text, Message& message, KeptRow& row) {
  if (text.size() > kMaxStateBytes || !json::check(text, kStateDepth).ok()) return false;
  if (json::kind_of(text) != json::Kind::object) return false;
  message.extra.make() = MessageExtra();
  json::MemberReader members(text, kStateDepth);
  for (json::Member member; members.next(member);) {
    if (!read_member(member.name, member.value, message, row)) return false;
  }
  return members.ok() && is_consistent(message, row);
}

// Rows while a change is made.
class Rows {
 public:
  Rows(const store::RoomChange& change, const FindRows& find) : change_(change), find_(find) {}

  Result<KeptRows> make() {
    Status status = find_targets();
    if (!status.ok()) return status;
    for (const MessagePtr& message : change_.messages) add(message);
    status = empty_events();
    if (!status.ok()) return status;
    return std::move(rows_);
  }

 private:
  // The store has them, unless the application has deleted them.
  bool may_be_stored(std::uint64_t seq) const {
    return !change_.clear && change_.room.id != 0 && seq > change_.room.dropped_seq && seq <= change_.room.seq;
  }

  Status find_targets() {
    std::vector<std::uint64_t> seqs;
    for (const MessagePtr& event : change_.messages) {
      if (event->changes_message() && !is_empty(*event) && may_be_stored(event->target_seq)) {
        seqs.push_back(event->target_seq);
      }
    }
    return find(std::move(seqs));
  }

  Status find(std::vector<std::uint64_t> seqs) {
    if (seqs.empty()) return {};
    std::ranges::sort(seqs);
    seqs.erase(std::unique(seqs.begin(), seqs.end()), seqs.end());
    return find_(seqs, found_);
  }

  // The row to be changed; it is written then. nullptr: there is none.
  KeptRow* row_of(std::uint64_t seq) {
    if (const auto row = rows_.find(seq); row != rows_.end()) return &row->second;
    const auto row = found_.find(seq);
    return row == found_.end() ? nullptr : &rows_.insert(found_.extract(row)).position->second;
  }

  void add(const MessagePtr& message) {
    KeptRow* target = nullptr;
    if (message->changes_message() && !is_empty(*message)) target = row_of(message->target_seq);
    MessagePtr kept = message;
    if (target != nullptr && is_message(target->message)) kept = apply(message, *target);
    rows_[message->seq] = {std::move(kept), 0, {}};
  }

  // Returns the event as it is kept.
  MessagePtr apply(const MessagePtr& event, KeptRow& target) {
    if (target.message->extra->redacted) return emptied(*event);
    MessagePtr kept = event;
    if (event->event_kind == RoomEventKind::reaction) {
      auto counted = std::make_shared<Message>(*event);
      counted->extra.make().count = count_after(*target.message, *event);
      kept = std::move(counted);
    }
    if (MessagePtr after = changed(*target.message, *event)) target.message = std::move(after);
    // A write that has failed may have left events whose numbers others have now.
    std::erase_if(target.reaction_seqs, [&](std::uint64_t seq) { return seq >= event->seq; });
    if (target.edit_seq >= event->seq) target.edit_seq = 0;
    if (event->event_kind == RoomEventKind::reaction) {
      target.reaction_seqs.push_back(event->seq);
      if (target.reaction_seqs.size() > kMaxReactionEvents) {
        empty(target.reaction_seqs.front(), *event);
        target.reaction_seqs.erase(target.reaction_seqs.begin());
      }
      return kept;
    }
    if (target.edit_seq != 0) empty(target.edit_seq, *event);
    target.edit_seq = event->event_kind == RoomEventKind::edit ? event->seq : 0;
    if (event->event_kind == RoomEventKind::redaction) {
      for (const std::uint64_t seq : std::exchange(target.reaction_seqs, {})) empty(seq, *event);
    }
    return kept;
  }

  // Empties an earlier event of the same target: now, or when it has been found.
  void empty(std::uint64_t seq, const Message& later) {
    if (const auto row = rows_.find(seq); row != rows_.end()) {
      empty_row(row->second, later.target_seq);
    } else if (may_be_stored(seq)) {
      to_empty_.emplace_back(seq, later.target_seq);
    }
  }

  static bool empty_row(KeptRow& row, std::uint64_t target_seq) {
    const Message& event = *row.message;
    if (!event.changes_message() || event.target_seq != target_seq || is_empty(event)) return false;
    row.message = emptied(event);
    return true;
  }

  Status empty_events() {
    std::vector<std::uint64_t> seqs;
    for (const auto& [seq, target] : to_empty_) seqs.push_back(seq);
    Status status = find(std::move(seqs));
    if (!status.ok()) return status;
    for (const auto& [seq, target] : to_empty_) {
      const auto row = found_.find(seq);
      if (row != found_.end() && empty_row(row->second, target)) rows_.insert(found_.extract(row));
    }
    return {};
  }

  const store::RoomChange& change_;
  const FindRows& find_;
  KeptRows rows_;                                                  // to be written
  KeptRows found_;                                                 // in the store
  std::vector<std::pair<std::uint64_t, std::uint64_t>> to_empty_;  // an event and its target
};

}  // namespace

std::string state_of(const KeptRow& row) {
  const Message& message = *row.message;
  const MessageExtra& extra = *message.extra;
  StateWriter state;
  state.text("kind", name_of(message.event_kind));
  state.number("target", message.target_seq);
  if (message.changes_message()) state.text("event", message.event);
  state.number("reply_to", extra.reply_to);
  state.number("edited_ms", static_cast<std::uint64_t>(std::max<std::int64_t>(0, extra.edited_ms)));
  state.flag("redacted", extra.redacted);
  state.flag("added", extra.added);
  state.number("count", extra.count);
  if (!extra.reactions.empty()) {
    std::string& text = state.member("reactions");
    char separator = '[';
    for (const Reaction& reaction : extra.reactions) {
      text += std::exchange(separator, ',');
      text += '[';
      json::append_quoted(text, reaction.text);
      for (const std::string& user : *reaction.users) {
        text += ',';
        json::append_quoted(text, user);
      }
      text += ']';
    }
    text += ']';
  }
  state.number("edit", row.edit_seq);
  if (!row.reaction_seqs.empty()) {
    std::string& text = state.member("events");
    char separator = '[';
    for (const std::uint64_t seq : row.reaction_seqs) {
      text += std::exchange(separator, ',');
      json::append_number(text, seq);
    }
    text += ']';
  }
  return state.take();
}

Result<std::shared_ptr<Message>> read_row(const chat_message* given, const std::string& room, const std::string& epoch,
                                          bool with_state, std::int64_t max_message_bytes, KeptRow& row) {
  chat_message copy = {};
  Status status = read_sized(given, kRequiredBytes<chat_message>, "message", copy);
  if (!status.ok()) return status;
  copy.struct_size = sizeof copy;
  const bool has_state = with_state && copy.kept_state != nullptr && *copy.kept_state != '\0';
  if (has_state) copy.event_kind = CHAT_EVENT_MESSAGE;
  Result<std::shared_ptr<Message>> read = read_kept(&copy, room, epoch, max_message_bytes);
  if (!read.ok()) return read;
  Message& message = **read;
  message.room = room;
  message.epoch = epoch;
  if (has_state) {
    if (!read_state(copy.kept_state, message, row)) return wrong_state();
    if (message.extra->redacted) {  // whatever the store has left of it
      message.kind = PayloadKind::text;
      message.payload.clear();
      message.attachments.clear();
      message.attributes.clear();
    }
  }
  row.message = *read;
  return read;
}

Result<KeptRows> rows_after(const store::RoomChange& change, const FindRows& find) { return Rows(change, find).make(); }

}  // namespace chat::capi
