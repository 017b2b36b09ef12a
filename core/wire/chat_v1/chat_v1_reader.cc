// See chat_v1_reader.h.
#include "wire/chat_v1/chat_v1_reader.h"

#include <algorithm>
#include <bitset>
#include <optional>

#include "model/names.h"
#include "model/utf8.h"
#include "wire/base64.h"
#include "wire/chat_v1/chat_v1_binary.h"
#include "wire/json/json.h"
#include "wire/payload.h"

namespace chat::wire {
namespace {

constexpr std::size_t kMaxRefBytes = 64;
constexpr std::size_t kEnvelopeDepth = 1;
constexpr std::string_view kNotAllBytes = "are shorter than the bytes of the frame";

bool is_integer(std::string_view number) {
  if (number.starts_with('-')) number.remove_prefix(1);
  return number.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

constexpr std::array<std::string_view, ChatV1Reader::kFieldCount> ChatV1Reader::kNames = {
    "type",        "room",   "text",    "args",        "event",  "attachments", "attributes", "ephemeral",
    "except_self", "ref",    "epoch",   "seq",         "name",   "after",       "limit",      "before",
    "id",          "around", "state",   "reply_to",    "target", "reaction",    "remove",     "action",
    "user",        "client", "address", "duration_ms", "value",  "reason"};

ChatV1Reader::ChatV1Reader(bool binary, std::string_view frame, bool accepts_binary)
    : binary_(binary), malformed_(true) {
  if (!binary) {
    read_json(frame);
  } else if (!accepts_binary) {
    fail({Error::encoding, "a binary frame: chat.v1 frames are JSON text"});
  } else if (const std::optional<ChatV1Parts> parts = split_chat_v1_binary(frame)) {
    bytes_ = parts->attachments;
    read_json(parts->json);
  } else {
    fail({Error::encoding, "a binary frame that is shorter than its length of JSON"});
  }
}

void ChatV1Reader::read_json(std::string_view text) {
  if (is_utf8(text)) {
    find_fields(text);
  } else {
    fail({Error::invalid_json, "the frame is not UTF-8"});
  }
}

Decoded ChatV1Reader::read() {
  read_ref();
  std::string request;
  require(Field::type);
  read_string(Field::type, request);
  if (!status_.ok()) return DecodeError{error()};

  if (request == "send") return read_send();
  if (request == "edit") return read_edit();
  if (!bytes_.empty()) {
    fail(Field::attachments, kNotAllBytes);
    return DecodeError{error()};
  }
  if (request == "delete") return read_delete();
  if (request == "react") return read_react();
  if (request == "join") return read_join();
  if (request == "leave") return read_leave();
  if (request == "name") return read_rename();
  if (request == "history") return read_history();
  if (request == "search") return read_search();
  if (request == "members") return read_members();
  if (request == "presence") return read_presence();
  if (request == "state") return read_state();
  if (request == "moderate") return read_moderation();
  if (request == "report") return read_report();
  if (request == "seen") return read_seen();
  if (request == "rooms") return finish(RoomsCommand{ref_});
  if (request == "ping") return finish(PingCommand{ref_});
  fail({Error::unsupported, "unknown type: " + std::string(utf8_prefix(request, 64))});
  return DecodeError{error()};
}

ErrorReply ChatV1Reader::error() const { return {ref_, status_.code, status_.detail, of_send_}; }

void ChatV1Reader::find_fields(std::string_view frame) {
  json::MemberReader members(frame, json::kMaxDepth + kEnvelopeDepth);
  std::bitset<kFieldCount> seen;
  std::optional<Field> twice;
  json::Member member;
  while (members.next(member)) {
    const std::optional<std::string> name = json::unescape(member.name);
    const auto known = name ? std::find(kNames.begin(), kNames.end(), *name) : kNames.end();
    if (known == kNames.end()) continue;
    const auto index = static_cast<std::size_t>(known - kNames.begin());
    if (seen[index]) twice = static_cast<Field>(index);
    seen[index] = true;
    if (member.value != "null") fields_[index] = member.value;
  }
  if (!members.ok()) {
    // Invalid JSON is reported as such, whatever other faults the frame has.
    Status status = json::check(frame, json::kMaxDepth + kEnvelopeDepth);
    return fail(status.ok() ? Status{Error::encoding, "not a JSON object"} : std::move(status));
  }
  malformed_ = false;
  if (twice) fail(*twice, "occurs twice");
  if (!has(Field::type) || json::kind_of(raw(Field::type)) != json::Kind::string) return;
  constexpr std::string_view kSends[] = {"send", "edit", "delete", "react"};
  of_send_ = std::ranges::any_of(kSends, [&](std::string_view name) { return json::equals(raw(Field::type), name); });
}

void ChatV1Reader::read_ref() {
  if (!has(Field::ref)) return;
  const std::string_view token = raw(Field::ref);
  const json::Kind kind = json::kind_of(token);
  const bool fits = kind == json::Kind::string ? token.size() <= kMaxRefBytes + 2 : token.size() <= kMaxRefBytes;
  if (fits && (kind == json::Kind::string || (kind == json::Kind::number && is_integer(token)))) {
    ref_ = token;
  } else {
    fail(Field::ref, "is neither a string of at most 64 bytes nor an integer");
  }
}

Decoded ChatV1Reader::read_send() {
  SendCommand command;
  read_string(Field::room, command.draft().room);
  read_string(Field::event, command.draft().event);
  read_payload(command.draft());
  read_attributes(command.draft().attributes);
  read_boolean(Field::ephemeral, command.draft().ephemeral);
  read_boolean(Field::except_self, command.except_self);
  read_id(command.draft().id);
  if (has(Field::reply_to)) {
    std::uint64_t reply_to = 0;
    read_unsigned(Field::reply_to, reply_to);
    if (status_.ok() && reply_to == 0) fail(Field::reply_to, "is not above 0");
    command.draft().extra.make().reply_to = reply_to;
  }
  command.ref = ref_;
  return finish(std::move(command));
}

SendCommand ChatV1Reader::read_change(RoomEventKind kind) {
  SendCommand command;
  MessageDraft& draft = command.draft();
  draft.event_kind = kind;
  read_string(Field::room, draft.room);
  require(Field::target);
  read_unsigned(Field::target, draft.target_seq);
  read_id(draft.id);
  command.ref = ref_;
  return command;
}

Decoded ChatV1Reader::read_edit() {
  SendCommand command = read_change(RoomEventKind::edit);
  read_payload(command.draft());
  return finish(std::move(command));
}

Decoded ChatV1Reader::read_delete() { return finish(read_change(RoomEventKind::redaction)); }

Decoded ChatV1Reader::read_react() {
  SendCommand command = read_change(RoomEventKind::reaction);
  bool remove = false;
  require(Field::reaction);
  read_string(Field::reaction, command.draft().payload);
  read_boolean(Field::remove, remove);
  if (status_.ok()) fail(check_reaction(command.draft().payload));
  command.draft().extra.make().added = !remove;
  return finish(std::move(command));
}

Decoded ChatV1Reader::read_join() {
  JoinCommand command;
  require(Field::room);
  read_string(Field::room, command.room);
  if (has(Field::epoch) || has(Field::seq)) {
    require(Field::epoch);
    require(Field::seq);
    command.since.emplace();
    read_string(Field::epoch, command.since->epoch);
    read_unsigned(Field::seq, command.since->seq);
  }
  command.ref = ref_;
  return finish(std::move(command));
}

Decoded ChatV1Reader::read_leave() {
  LeaveCommand command;
  require(Field::room);
  read_string(Field::room, command.room);
  command.ref = ref_;
  return finish(std::move(command));
}

Decoded ChatV1Reader::read_rename() {
  RenameCommand command;
  require(Field::name);
  read_string(Field::name, command.name);
  command.ref = ref_;
  return finish(std::move(command));
}

Decoded ChatV1Reader::read_history() {
  HistoryCommand command;
  std::uint64_t count = 0;
  read_string(Field::room, command.room);
  read_unsigned(Field::after, command.after_seq);
  read_unsigned(Field::before, command.before_seq);
  read_unsigned(Field::around, command.around_seq);
  read_unsigned(Field::limit, count);
  command.limit = count;
  command.ref = ref_;
  return finish(std::move(command));
}

Decoded ChatV1Reader::read_search() {
  HistoryCommand command;
  std::uint64_t count = 0;
  read_string(Field::room, command.room);
  require(Field::text);
  read_string(Field::text, command.search.make());
  read_unsigned(Field::before, command.before_seq);
  read_unsigned(Field::limit, count);
  command.limit = count;
  command.ref = ref_;
  return finish(std::move(command));
}

Decoded ChatV1Reader::read_members() {
  MembersCommand command;
  read_string(Field::room, command.room);
  command.ref = ref_;
  return finish(std::move(command));
}

Decoded ChatV1Reader::read_presence() {
  PresenceCommand command;
  read_string(Field::room, command.room);
  command.ref = ref_;
  return finish(std::move(command));
}

Decoded ChatV1Reader::read_state() {
  StateCommand command;
  command.state = raw(Field::state);  // of a checked frame
  command.ref = ref_;
  return finish(std::move(command));
}

Decoded ChatV1Reader::read_seen() {
  SeenCommand command;
  read_string(Field::room, command.room);
  require(Field::seq);
  read_unsigned(Field::seq, command.seq);
  command.ref = ref_;
  return finish(std::move(command));
}

Decoded ChatV1Reader::read_moderation() {
  ModerateCommand command;
  Moderation& what = command.what();
  read_string(Field::room, what.room);
  read_action(what.action);
  read_string(Field::user, what.user_id);
  read_client(what.client);
  read_string(Field::address, what.address);
  read_signed(Field::duration_ms, what.duration_ms);
  read_value(what.value);
  read_string(Field::reason, what.reason);
  command.ref = ref_;
  return finish(std::move(command));
}

Decoded ChatV1Reader::read_report() {
  ReportCommand command;
  read_string(Field::room, command.room);
  require(Field::target);
  read_unsigned(Field::target, command.target_seq);
  read_string(Field::reason, command.reason);
  command.ref = ref_;
  return finish(std::move(command));
}

void ChatV1Reader::read_string(Field field, std::string& out) {
  if (!has(field) || !status_.ok()) return;
  if (json::kind_of(raw(field)) != json::Kind::string) return fail(field, "is not a string");
  std::optional<std::string> decoded = json::unescape(raw(field));
  if (!decoded) return fail(field, "contains an unpaired surrogate", Error::invalid_utf8);
  out = *std::move(decoded);
}

void ChatV1Reader::read_id(std::string& out) {
  read_string(Field::id, out);
  if (!has(Field::id) || !status_.ok()) return;
  fail(check_message_id(out));
}

void ChatV1Reader::read_boolean(Field field, bool& out) {
  if (!has(field) || !status_.ok()) return;
  if (json::kind_of(raw(field)) != json::Kind::boolean) return fail(field, "is neither true nor false");
  out = raw(field) == "true";
}

void ChatV1Reader::read_unsigned(Field field, std::uint64_t& out) {
  if (!has(field) || !status_.ok()) return;
  const std::optional<std::uint64_t> number = json::parse_unsigned(raw(field));
  if (!number) return fail(field, "is not a non-negative integer");
  out = *number;
}

void ChatV1Reader::read_signed(Field field, std::int64_t& out) {
  std::uint64_t number = 0;
  read_unsigned(field, number);
  if (number > INT64_MAX) return fail(field, "is too large");
  if (has(field)) out = static_cast<std::int64_t>(number);
}

void ChatV1Reader::read_action(ModerationAction& out) {
  std::string name;
  require(Field::action);
  read_string(Field::action, name);
  if (!status_.ok()) return;
  const std::optional<ModerationAction> action = moderation_named(name);
  if (!action) return fail(Field::action, "is unknown");
  out = *action;
}

void ChatV1Reader::read_value(std::int64_t& out) {
  if (!has(Field::value) || !status_.ok()) return;
  switch (json::kind_of(raw(Field::value))) {
    case json::Kind::boolean:
      out = raw(Field::value) == "true" ? 1 : 0;
      return;
    case json::Kind::string: {
      std::string name;
      read_string(Field::value, name);
      const std::optional<Role> role = role_named(name);
      if (!role) return fail(Field::value, "is no role");
      out = static_cast<std::int64_t>(*role);
      return;
    }
    default:
      read_signed(Field::value, out);
  }
}

void ChatV1Reader::read_client(ClientId& out) {
  std::string digits;
  read_string(Field::client, digits);
  if (!has(Field::client) || !status_.ok()) return;
  const std::optional<std::uint64_t> id = json::parse_unsigned(digits);
  if (!id || *id == 0) return fail(Field::client, "is no id of a client");
  out = *id;
}

void ChatV1Reader::read_payload(MessageDraft& draft) {
  if (has(Field::text) && has(Field::args)) return fail(Field::text, "and args exclude each other");
  if (!has(Field::text) && !has(Field::args)) return fail(Field::text, "or args is missing");
  read_attachments(draft.attachments);
  if (!status_.ok()) return;
  if (has(Field::text)) {
    read_string(Field::text, draft.payload);
    if (!draft.attachments.empty()) fail(Field::attachments, "require args that refer to them");
    return;
  }
  if (json::kind_of(raw(Field::args)) != json::Kind::array) return fail(Field::args, "is not an array");
  fail(set_args(draft, raw(Field::args)));
}

void ChatV1Reader::read_attachments(std::vector<std::string>& out) {
  if (!status_.ok()) return;
  if (has(Field::attachments)) {
    if (json::kind_of(raw(Field::attachments)) != json::Kind::array) return fail(Field::attachments, "is not an array");
    json::ElementReader elements(raw(Field::attachments));
    std::string_view element;
    while (elements.next(element)) {
      if (out.size() == kMaxAttachments) return fail({Error::too_many, "more than 10 attachments"});
      if (binary_) {
        take_bytes(element, out);
      } else {
        read_base64(element, out);
      }
      if (!status_.ok()) return;
    }
  }
  if (!bytes_.empty()) fail(Field::attachments, kNotAllBytes);
}

void ChatV1Reader::read_base64(std::string_view element, std::vector<std::string>& out) {
  std::optional<std::string> encoded;
  if (json::kind_of(element) == json::Kind::string) encoded = json::unescape(element);
  std::optional<std::string> bytes;
  if (encoded) bytes = base64_decode(*encoded);
  if (!bytes) return fail(Field::attachments, "has an element that is not a string of base64");
  out.push_back(*std::move(bytes));
}

void ChatV1Reader::take_bytes(std::string_view element, std::vector<std::string>& out) {
  const std::optional<std::uint64_t> length = json::parse_unsigned(element);
  if (!length) return fail(Field::attachments, "has an element that is not a number of bytes");
  if (*length > bytes_.size()) return fail(Field::attachments, "are longer than the bytes of the frame");
  out.emplace_back(bytes_.substr(0, *length));
  bytes_.remove_prefix(*length);
}

void ChatV1Reader::read_attributes(Pairs& out) {
  if (!has(Field::attributes) || !status_.ok()) return;
  if (json::kind_of(raw(Field::attributes)) != json::Kind::object) return fail(Field::attributes, "is not an object");
  json::MemberReader members(raw(Field::attributes));
  json::Member member;
  while (members.next(member)) {
    if (json::kind_of(member.value) != json::Kind::string)
      return fail(Field::attributes, "has a value that is not a string");
    std::optional<std::string> key = json::unescape(member.name);
    std::optional<std::string> value = json::unescape(member.value);
    if (!key || !value) return fail(Field::attributes, "contains an unpaired surrogate", Error::invalid_utf8);
    const auto same = [&](const Pair& pair) { return pair.name == *key; };
    if (std::any_of(out.begin(), out.end(), same)) return fail(Field::attributes, "has the same name twice");
    out.push_back({*std::move(key), *std::move(value)});
    if (out.size() > kMaxAttributes) break;
  }
  fail(check_attributes(out));
}

void ChatV1Reader::require(Field field) {
  if (!has(field)) fail(field, "is missing");
}

void ChatV1Reader::fail(Field field, std::string_view fault, Error code) {
  std::string detail(kNames[static_cast<std::size_t>(field)]);
  detail += ' ';
  detail += fault;
  fail({code, std::move(detail)});
}

void ChatV1Reader::fail(Status status) {
  if (status_.ok()) status_ = std::move(status);
}

Decoded ChatV1Reader::finish(Command command) {
  if (!status_.ok()) return DecodeError{error()};
  return command;
}

}  // namespace chat::wire
