// See message.h.
#include "message.h"

#include "model/names.h"
#include "model/utf8.h"
#include "sized.h"
#include "wire/payload.h"

namespace chat::capi {
namespace {

std::string_view bytes_of(const void* data, std::size_t size) {
  return size == 0 ? std::string_view() : std::string_view(static_cast<const char*>(data), size);
}

// Adds to `total`. False when the sum overflows or exceeds the limit.
bool add_within(std::size_t& total, std::size_t size, std::int64_t limit) {
  if (size > static_cast<std::size_t>(limit) - total) return false;
  total += size;
  return true;
}

Status too_large(std::int64_t limit) {
  return {Error::too_large, "the message is larger than max_message_bytes, " + std::to_string(limit)};
}

Status check_data(const void* data, std::size_t size, const char* what) {
  if (data == nullptr && size != 0)
    return {Error::invalid_argument, std::string(what) + " is NULL, but its size is not 0"};
  return {};
}

Status read_payload(const chat_message& given, std::int64_t max_message_bytes, MessageDraft& draft) {
  Status status = check_data(given.data, given.data_size, "message.data");
  if (!status.ok()) return status;
  const int payload = raw_number(given.payload);
  if (payload != CHAT_PAYLOAD_ARGS && given.attachment_count != 0) {
    return {Error::invalid_argument, "message.attachments requires CHAT_PAYLOAD_ARGS"};
  }
  std::size_t total = 0;
  if (!add_within(total, given.data_size, max_message_bytes)) return too_large(max_message_bytes);
  const std::string_view data = bytes_of(given.data, given.data_size);
  switch (payload) {
    case CHAT_PAYLOAD_TEXT:
      if (!is_utf8(data)) return {Error::invalid_utf8, "message.data is not UTF-8"};
      draft.kind = PayloadKind::text;
      draft.payload = data;
      return {};
    case CHAT_PAYLOAD_BINARY:
      draft.attachments.emplace_back(data);
      return wire::set_args(draft, kSingleBinaryArgs);
    case CHAT_PAYLOAD_ARGS:
      return read_args(data.data(), data.size(), given.attachments, given.attachment_count, max_message_bytes, draft);
    default:
      return {Error::invalid_argument, "message.payload is not a chat_payload"};
  }
}

// What on_published sees instead of the event of the target. A program that does not know event_kind would take an edit for a
// message otherwise.
const char* event_of(RoomEventKind kind) {
  return kind == RoomEventKind::edit ? "chat edit" : kind == RoomEventKind::redaction ? "chat delete" : "chat react";
}

}  // namespace

Result<std::shared_ptr<Message>> read_message(const chat_message* message, std::int64_t max_message_bytes) {
  chat_message given = {};
  Status status = read_sized(message, kRequiredBytes<chat_message>, "message", given);
  if (!status.ok()) return status;

  auto result = std::make_shared<Message>();
  MessageDraft& draft = *result;
  if (given.room != nullptr) {
    draft.room = given.room;
    status = check_room_name(draft.room);
    if (!status.ok()) return status;
  }
  if (given.event != nullptr) {
    draft.event = given.event;
    status = check_event_name(draft.event);
    if (!status.ok()) return status;
  }
  status = read_payload(given, max_message_bytes, draft);
  if (!status.ok()) return status;

  Result<Pairs> attributes = read_pairs(given.attributes, given.attribute_count, "message.attributes");
  if (!attributes.ok()) return attributes.status();
  draft.attributes = std::move(*attributes);
  status = check_attributes(draft.attributes);
  if (!status.ok()) return status;

  if (given.id != nullptr && *given.id != '\0') {
    draft.id = given.id;
    status = check_message_id(draft.id);
    if (!status.ok()) return {status.code, "message.id: " + status.detail};
  }
  if (given.reply_to != 0) draft.extra.make().reply_to = given.reply_to;
  draft.ephemeral = given.ephemeral != 0;
  draft.except = given.except;
  draft.sender.id = given.from;
  if (given.from == 0) {
    status = read_sender(given, draft.sender);
    if (!status.ok()) return {status.code, "message." + status.detail};
  }
  return result;
}

Result<std::shared_ptr<Message>> read_kept(const chat_message* message, const std::string& room,
                                           const std::string& epoch, std::int64_t max_message_bytes) {
  chat_message given = {};
  Status status = read_sized(message, kRequiredBytes<chat_message>, "message", given);
  if (!status.ok()) return status;
  if (given.ephemeral != 0) return {Error::invalid_argument, "message.ephemeral is set: it was not kept"};
  if (given.room != nullptr && room != given.room) {
    return {Error::invalid_argument, "message.room is " + std::string(given.room) + ", not " + room};
  }
  if (given.epoch != nullptr && epoch != given.epoch) {
    return {Error::invalid_argument, "message.epoch is " + std::string(given.epoch) + ", not " + epoch};
  }
  Result<std::shared_ptr<Message>> read = read_message(message, max_message_bytes);
  if (!read.ok()) return read;
  status = read_sender(given, (*read)->sender);
  if (!status.ok()) return {status.code, "message." + status.detail};
  if (given.event_kind != CHAT_EVENT_MESSAGE) return {Error::invalid_argument, "message.event_kind: not a message"};
  if (given.edited_ms != 0) (*read)->extra.make().edited_ms = given.edited_ms;
  if (given.redacted != 0) (*read)->extra.make().redacted = true;
  (*read)->seq = given.seq;
  (*read)->time_ms = given.time_ms;
  return read;
}

Status read_sender(const chat_message& given, Sender& sender) {
  sender.id = given.from;
  if (given.from_name != nullptr) sender.name = given.from_name;
  if (given.from_user_id != nullptr) sender.user_id = given.from_user_id;
  Status status = check_person_name(sender.name);
  if (!status.ok()) return {status.code, "from_name: " + status.detail};
  status = check_person_name(sender.user_id);
  if (!status.ok()) return {status.code, "from_user_id: " + status.detail};
  return {};
}

Status find_sender(const Hub& hub, MessageDraft& draft) {
  if (draft.sender.id == 0) return {};
  const ClientPtr client = hub.find_client(draft.sender.id);
  if (!client) return {Error::no_such_client, "message.from: no client " + std::to_string(draft.sender.id)};
  const IdentityPtr identity = client->identity();
  draft.sender.name = identity->name;
  draft.sender.user_id = identity->user_id;
  return {};
}

Status read_args(const char* args, std::size_t args_size, const chat_blob* attachments, std::size_t attachment_count,
                 std::int64_t max_message_bytes, MessageDraft& draft) {
  Status status = check_data(args, args_size, "the arguments");
  if (!status.ok()) return status;
  if (attachments == nullptr && attachment_count != 0) {
    return {Error::invalid_argument, "attachments is NULL, but attachment_count is not 0"};
  }
  if (attachment_count > kMaxAttachments) return {Error::too_many, "more than 10 attachments"};
  std::size_t total = 0;
  if (!add_within(total, args_size, max_message_bytes)) return too_large(max_message_bytes);
  for (std::size_t i = 0; i < attachment_count; ++i) {
    status = check_data(attachments[i].data, attachments[i].size_bytes, "an attachment's data");
    if (!status.ok()) return status;
    if (!add_within(total, attachments[i].size_bytes, max_message_bytes)) return too_large(max_message_bytes);
    draft.attachments.emplace_back(bytes_of(attachments[i].data, attachments[i].size_bytes));
  }
  return wire::set_args(draft, bytes_of(args, args_size));
}

Result<Pairs> read_pairs(const chat_pair* pairs, std::size_t count, const char* what) {
  if (pairs == nullptr && count != 0) {
    return {Error::invalid_argument, std::string(what) + " is NULL, but its count is not 0"};
  }
  // check_attributes() refuses these too, but only after memory was allocated for them.
  if (count > kMaxAttributes) return {Error::too_many, std::string(what) + ": more than 32"};
  Pairs result;
  result.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const chat_pair& pair = pairs[i];
    if (pair.name == nullptr) return {Error::invalid_argument, std::string(what) + ": a name is NULL"};
    if (pair.value == nullptr && pair.value_size != 0) {
      return {Error::invalid_argument, std::string(what) + ": a value is NULL, but its size is not 0"};
    }
    if (pair.value_size > kMaxAttributesBytes) return {Error::too_large, std::string(what) + ": larger than 8 KiB"};
    result.push_back({pair.name, std::string(bytes_of(pair.value, pair.value_size))});
  }
  return result;
}

std::vector<chat_pair> view_pairs(const Pairs& pairs) {
  std::vector<chat_pair> views;
  views.reserve(pairs.size());
  for (const Pair& pair : pairs) views.push_back({pair.name.c_str(), pair.value.c_str(), pair.value.size()});
  return views;
}

std::vector<chat_blob> view_blobs(const std::vector<std::string>& attachments) {
  std::vector<chat_blob> views;
  views.reserve(attachments.size());
  for (const std::string& attachment : attachments) views.push_back({attachment.c_str(), attachment.size()});
  return views;
}

MessageView::MessageView(const MessageDraft& draft) : attributes_(view_pairs(draft.attributes)) {
  message_.room = draft.room.empty() ? nullptr : draft.room.c_str();
  message_.event = draft.event.c_str();
  if (is_single_binary(draft)) {
    message_.payload = CHAT_PAYLOAD_BINARY;
    message_.data = draft.attachments.front().c_str();
    message_.data_size = draft.attachments.front().size();
  } else {
    message_.payload = draft.kind == PayloadKind::text ? CHAT_PAYLOAD_TEXT : CHAT_PAYLOAD_ARGS;
    message_.data = draft.payload.c_str();
    message_.data_size = draft.payload.size();
    attachments_ = view_blobs(draft.attachments);
  }
  message_.attachments = attachments_.empty() ? nullptr : attachments_.data();
  message_.attachment_count = attachments_.size();
  message_.attributes = attributes_.empty() ? nullptr : attributes_.data();
  message_.attribute_count = attributes_.size();
  message_.ephemeral = draft.ephemeral ? 1 : 0;
  message_.except = draft.except;
  message_.from = draft.sender.id;
  message_.from_name = draft.sender.name.c_str();
  message_.from_user_id = draft.sender.user_id.c_str();
  message_.epoch = "";
  message_.id = draft.id.c_str();
  message_.kept_state = "";
  message_.event_kind = static_cast<chat_event_kind>(draft.event_kind);
  message_.target_seq = draft.target_seq;
  message_.reply_to = draft.extra->reply_to;
}

MessageView::MessageView(const Message& message) : MessageView(static_cast<const MessageDraft&>(message)) {
  message_.seq = message.seq;
  message_.epoch = message.epoch.c_str();
  message_.time_ms = message.time_ms;
  if (message.changes_message()) message_.event = event_of(message.event_kind);
  if (!message.extra.made()) return;
  const MessageExtra& extra = *message.extra;
  message_.edited_ms = extra.edited_ms;
  message_.redacted = extra.redacted ? 1 : 0;
  message_.added = extra.added ? 1 : 0;
  if (message.event_kind == RoomEventKind::reaction) {
    reactions_.push_back({message.payload.c_str(), extra.count});
  } else {
    for (const Reaction& one : extra.reactions) reactions_.push_back({one.text.c_str(), one.users->size()});
  }
  message_.reactions = reactions_.empty() ? nullptr : reactions_.data();
  message_.reaction_count = reactions_.size();
}

}  // namespace chat::capi
