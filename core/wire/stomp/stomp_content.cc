// See stomp_content.h.
#include "wire/stomp/stomp_content.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "model/names.h"
#include "model/utf8.h"
#include "wire/base64.h"
#include "wire/http/syntax.h"
#include "wire/json/json.h"
#include "wire/payload.h"
#include "wire/presence_json.h"

namespace chat::wire {
namespace {

constexpr std::string_view kContentType = "content-type";
constexpr std::string_view kTransferEncoding = "content-transfer-encoding";
constexpr std::string_view kBase64 = "base64";
constexpr std::string_view kReplyTo = "reply-to-seq";

// The header of a frame that changes the message whose number is its value.
std::string_view change_header(RoomEventKind kind) {
  return kind == RoomEventKind::edit ? "edit" : kind == RoomEventKind::redaction ? "delete" : "react";
}
constexpr std::string_view kTextPlain = "text/plain;charset=utf-8";
constexpr std::string_view kJson = "application/json;charset=utf-8";
constexpr std::string_view kBytes = "application/octet-stream";

// "application/json" of "Application/JSON; charset=utf-8".
std::string media_type(std::string_view type) {
  std::string name(trim_blanks(type.substr(0, type.find(';'))));
  std::transform(name.begin(), name.end(), name.begin(), to_lower);
  return name;
}

bool is_json(std::string_view type) {
  const std::string name = media_type(type);
  return name == "application/json" || name == "text/json" || name.ends_with("+json");
}

bool is_text(std::string_view type) {
  const std::string name = media_type(type);
  return name.empty() || name.starts_with("text/") || name.ends_with("+xml") || name == "application/xml" ||
         name == "application/javascript" || name == "application/x-www-form-urlencoded";
}

// Takes a header out. nullopt: there is none.
std::optional<std::string> take_header(Pairs& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const Pair& h) { return h.name == name; });
  if (found == headers.end()) return std::nullopt;
  std::string value = std::move(found->value);
  headers.erase(found);
  return value;
}

Status take_flag(Pairs& headers, std::string_view name, bool& flag) {
  const std::optional<std::string> value = take_header(headers, name);
  if (!value || *value == "false") return {};
  if (*value != "true") return {Error::invalid_argument, std::string(name) + " is neither true nor false"};
  flag = true;
  return {};
}

// Takes a header out whose value is the number of a message. nullopt: there is none.
std::optional<std::uint64_t> take_seq(Pairs& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const Pair& h) { return h.name == name; });
  if (found == headers.end()) return std::nullopt;
  const std::optional<std::uint64_t> seq = json::parse_unsigned(found->value);
  if (!seq || *seq == 0) return std::nullopt;  // a header of the application
  headers.erase(found);
  return seq;
}

// A frame that changes a message, or a message that answers another one.
Status take_references(Pairs& headers, MessageDraft& draft) {
  for (const RoomEventKind kind : {RoomEventKind::edit, RoomEventKind::redaction, RoomEventKind::reaction}) {
    const std::optional<std::uint64_t> target = take_seq(headers, change_header(kind));
    if (!target) continue;
    draft.event_kind = kind;
    draft.target_seq = *target;
    break;
  }
  if (draft.event_kind == RoomEventKind::reaction) {
    bool remove = false;
    Status status = take_flag(headers, "remove", remove);
    draft.extra.make().added = !remove;
    return status;
  }
  if (draft.changes_message()) return {};
  if (const std::optional<std::uint64_t> reply_to = take_seq(headers, kReplyTo)) {
    draft.extra.make().reply_to = *reply_to;
  }
  return {};
}

void set_bytes(MessageDraft& draft, std::string bytes) {
  draft.kind = PayloadKind::args;
  draft.payload = kSingleBinaryArgs;
  draft.attachments.push_back(std::move(bytes));
}

// A single JSON value becomes the only argument.
Status set_body(MessageDraft& draft, std::string_view type, std::string body) {
  if (is_json(type)) {
    std::string args;
    args.reserve(body.size() + 2);
    args += '[';
    args += body;
    args += ']';
    // "1,2" is no value, though "[1,2]" is one.
    Status status = json::check(body, json::kMaxDepth - 1);
    return status.ok() ? set_args(draft, args) : status;
  }
  if (is_text(type) && is_utf8(body)) {
    draft.payload = std::move(body);
  } else {
    set_bytes(draft, std::move(body));
  }
  return {};
}

// Headers with a meaning of their own, which a message of another protocol may have as attributes.
bool is_own_header(std::string_view name) {
  constexpr std::string_view kOwn[] = {"destination", "content-length",  "content-type", "transaction",
                                       "receipt",     "subscription",    "message-id",   "ack",
                                       "seq",         "epoch",           "sender",       "sender-id",
                                       "timestamp",   "event",           "ephemeral",    "args",
                                       "attachments", kTransferEncoding, "edit",         "delete",
                                       "react",       kReplyTo};
  return std::find(std::begin(kOwn), std::end(kOwn), name) != std::end(kOwn);
}

// The only element of the arguments; `count` tells how many there are.
std::string_view lone_argument(std::string_view args, std::size_t& count) {
  json::ElementReader elements(args);
  std::string_view first;
  std::string_view element;
  for (count = 0; elements.next(element); ++count) {
    if (count == 0) first = element;
  }
  return first;
}

std::string with_attachments(const Message& message) {
  std::string body = R"({"args":)" + message.payload + R"(,"attachments":)";
  char before = '[';
  for (const std::string& attachment : message.attachments) {
    body += before;
    before = ',';
    body += '"';
    append_base64(body, attachment);
    body += '"';
  }
  return body + "]}";
}

// Sets the body and returns its default type, which is not that of the sender when it does not fit.
std::string_view set_content(StompMessageContent& content, const Message& message, std::string_view type,
                             bool text_only) {
  if (message.presence) {
    content.body = '{';
    append_presence(content.body, *message.presence);
    content.body += '}';
    return kJson;
  }
  if (message.kind == PayloadKind::text) {
    if (!is_json(type)) {
      content.body = message.payload;
      return type.empty() ? kTextPlain : type;
    }
    json::append_quoted(content.body, message.payload);
    return type;
  }
  if (is_single_binary(message)) {
    const std::string& bytes = message.attachments.front();
    content.binary = !is_utf8(bytes);
    if (content.binary && text_only) {
      content.binary = false;
      content.headers.push_back({std::string(kTransferEncoding), std::string(kBase64)});
      append_base64(content.body, bytes);
    } else {
      content.body = bytes;
    }
    return type.empty() || is_json(type) ? kBytes : type;
  }
  if (!message.attachments.empty()) {
    content.body = with_attachments(message);
    content.headers.push_back({"attachments", std::to_string(message.attachments.size())});
    return kJson;
  }
  std::size_t count = 0;
  const std::string_view only = lone_argument(message.payload, count);
  content.body = count == 1 ? only : std::string_view(message.payload);
  if (count != 1) content.headers.push_back({"args", std::to_string(count)});
  return is_json(type) ? type : kJson;
}

}  // namespace

Result<SendCommand> decode_stomp_content(StompContent content, const StompDestination& destination) {
  SendCommand command;
  MessageDraft& draft = command.draft();
  const std::optional<std::string> event = take_header(content.headers, "event");
  if (destination.kind == StompDestinationKind::application) {
    command.to_application = true;
    draft.event = destination.name;
  } else {
    command.without_joining = true;
    draft.room = destination.name;
    if (event) draft.event = *event;
  }
  Status status = check_event_name(draft.event);
  if (status.ok()) status = take_flag(content.headers, "ephemeral", draft.ephemeral);
  if (status.ok()) status = take_flag(content.headers, "except-self", command.except_self);
  if (status.ok() && content.message_id) {
    status = check_message_id(*content.message_id);
    draft.id = *std::move(content.message_id);
  }
  if (!status.ok()) return status;
  if (const std::optional<std::string> encoding = take_header(content.headers, kTransferEncoding)) {
    std::optional<std::string> bytes;
    if (equals_ignoring_case(*encoding, kBase64)) bytes = base64_decode(content.body);
    if (!bytes) return {Error::invalid_argument, "content-transfer-encoding is not base64, or the body is not"};
    content.body = *std::move(bytes);
  }
  if (destination.kind == StompDestinationKind::room) {
    status = take_references(content.headers, draft);
    if (!status.ok()) return status;
  }
  if (draft.event_kind == RoomEventKind::redaction) content.body.clear();
  status = set_body(draft, content.type.value_or(std::string()), std::move(content.body));
  if (status.ok() && draft.event_kind == RoomEventKind::reaction && draft.kind != PayloadKind::text) {
    status = {Error::invalid_argument, "a reaction is text"};
  }
  if (!status.ok()) return status;
  draft.attributes = std::move(content.headers);
  if (content.type) draft.attributes.push_back({std::string(kContentType), *std::move(content.type)});
  status = check_attributes(draft.attributes);
  if (!status.ok()) return status;
  return command;
}

std::optional<SeenCommand> decode_stomp_seen(const Pairs& headers, std::string_view body,
                                             const StompDestination& destination) {
  if (!body.empty() || destination.kind != StompDestinationKind::room) return std::nullopt;
  const auto found = std::find_if(headers.begin(), headers.end(), [](const Pair& h) { return h.name == kSeenEvent; });
  if (found == headers.end()) return std::nullopt;
  const std::optional<std::uint64_t> seq = json::parse_unsigned(found->value);
  if (!seq) return std::nullopt;  // a header of the application
  return SeenCommand{destination.name, *seq, {}};
}

StompMessageContent encode_stomp_content(const Message& message, bool text_only) {
  StompMessageContent content;
  const auto given = std::find_if(message.attributes.begin(), message.attributes.end(),
                                  [](const Pair& attribute) { return attribute.name == kContentType; });
  const std::string_view type = given == message.attributes.end() ? std::string_view() : std::string_view(given->value);
  const std::string_view shown = set_content(content, message, type, text_only);
  content.headers.insert(content.headers.begin(), {std::string(kContentType), std::string(shown)});
  if (message.changes_message()) {
    content.headers.push_back({std::string(change_header(message.event_kind)), std::to_string(message.target_seq)});
  }
  if (message.event_kind == RoomEventKind::reaction) {
    content.headers.push_back({"added", message.extra->added ? "true" : "false"});
    content.headers.push_back({"count", std::to_string(message.extra->count)});
  }
  if (const std::uint64_t reply_to = message.extra->reply_to; reply_to != 0) {
    content.headers.push_back({std::string(kReplyTo), std::to_string(reply_to)});
  }
  if (message.event != kDefaultEvent) content.headers.push_back({"event", message.event});
  if (message.seq != 0) {
    content.headers.push_back({"seq", std::to_string(message.seq)});
    content.headers.push_back({"epoch", message.epoch});
  }
  if (!message.sender.name.empty()) content.headers.push_back({"sender", message.sender.name});
  if (message.sender.id != 0) content.headers.push_back({"sender-id", std::to_string(message.sender.id)});
  content.headers.push_back({"timestamp", std::to_string(message.time_ms)});
  if (message.seq == 0) content.headers.push_back({"ephemeral", "true"});
  std::copy_if(message.attributes.begin(), message.attributes.end(), std::back_inserter(content.headers),
               [](const Pair& attribute) { return !is_own_header(attribute.name); });
  return content;
}

std::string stomp_message_id(const Message& message) {
  if (message.seq != 0) return message.epoch + "-" + std::to_string(message.seq);
  return "m-" + std::to_string(message.serial);
}

}  // namespace chat::wire
