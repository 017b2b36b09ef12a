// See message_format.h.
#include "cluster/message_format.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "model/packed_fields.h"

namespace chat::cluster {
namespace {

// Constant: other versions read and write them.
enum class Tag : std::uint8_t {
  event = 1,
  kind = 2,
  payload = 3,
  attachment = 4,  // repeated, in their order
  attribute_name = 5,
  attribute_value = 6,  // after its name
  ephemeral = 7,
  except = 8,
  event_kind = 9,
  target_seq = 10,
  sender_id = 11,
  sender_name = 12,
  sender_user = 13,
  id = 14,
  reply_to = 15,
  edited_ms = 16,
  redacted = 17,
  added = 18,
};

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void field(Tag tag, std::string_view value) {
    pack_number(out_, static_cast<std::uint64_t>(tag));
    pack_text(out_, value);
  }
  // Zero is the default of every number.
  void field(Tag tag, std::uint64_t value) {
    if (value == 0) return;
    std::string text;
    pack_number(text, value);
    field(tag, text);
  }

 private:
  std::string& out_;
};

Status malformed() { return {Error::invalid_argument, "a message of the cluster is not well-formed"}; }

// False: the value is not one that the field can have.
bool set_field(std::uint64_t tag, std::string_view value, Message& message) {
  switch (static_cast<Tag>(tag)) {
    case Tag::event:
      message.event = value;
      return true;
    case Tag::payload:
      message.payload = value;
      return true;
    case Tag::attachment:
      if (message.attachments.size() >= kMaxAttachments) return false;
      message.attachments.emplace_back(value);
      return true;
    case Tag::attribute_name:
      message.attributes.push_back({std::string(value), {}});
      return true;
    case Tag::attribute_value:
      if (message.attributes.empty()) return false;
      message.attributes.back().value = value;
      return true;
    case Tag::sender_name:
      message.sender.name = value;
      return true;
    case Tag::sender_user:
      message.sender.user_id = value;
      return true;
    case Tag::id:
      message.id = value;
      return true;
    default:
      break;
  }
  const std::optional<std::uint64_t> number = PackedReader(value).number();
  switch (static_cast<Tag>(tag)) {
    case Tag::kind:
      if (!number || *number > static_cast<std::uint64_t>(PayloadKind::args)) return false;
      message.kind = static_cast<PayloadKind>(*number);
      return true;
    case Tag::event_kind:
      if (!number || *number > static_cast<std::uint64_t>(RoomEventKind::seen)) return false;
      message.event_kind = static_cast<RoomEventKind>(*number);
      return true;
    case Tag::ephemeral:
      message.ephemeral = number.value_or(0) != 0;
      return number.has_value();
    case Tag::except:
      message.except = number.value_or(0);
      return number.has_value();
    case Tag::target_seq:
      message.target_seq = number.value_or(0);
      return number.has_value();
    case Tag::sender_id:
      message.sender.id = number.value_or(0);
      return number.has_value();
    case Tag::reply_to:
      message.extra.make().reply_to = number.value_or(0);
      return number.has_value();
    case Tag::edited_ms:
      message.extra.make().edited_ms = static_cast<std::int64_t>(number.value_or(0));
      return number.has_value();
    case Tag::redacted:
      message.extra.make().redacted = number.value_or(0) != 0;
      return number.has_value();
    case Tag::added:
      message.extra.make().added = number.value_or(0) != 0;
      return number.has_value();
    default:
      return true;  // of a later version
  }
}

std::shared_ptr<Message> read_message(std::string_view bytes) {
  auto message = std::make_shared<Message>();
  for (PackedReader reader(bytes); !reader.done();) {
    const std::optional<std::uint64_t> tag = reader.number();
    const std::optional<std::string_view> value = tag ? reader.text() : std::nullopt;
    if (!value || !set_field(*tag, *value, *message)) return nullptr;
  }
  return message;
}

}  // namespace

void write_message(const Message& message, std::string& batch) {
  std::string fields;
  Writer writer(fields);
  writer.field(Tag::event, message.event);
  writer.field(Tag::kind, static_cast<std::uint64_t>(message.kind));
  writer.field(Tag::payload, message.payload);
  for (const std::string& attachment : message.attachments) writer.field(Tag::attachment, attachment);
  for (const auto& [name, value] : message.attributes) {
    writer.field(Tag::attribute_name, name);
    writer.field(Tag::attribute_value, value);
  }
  writer.field(Tag::ephemeral, message.ephemeral ? 1 : 0);
  writer.field(Tag::except, message.except);
  writer.field(Tag::event_kind, static_cast<std::uint64_t>(message.event_kind));
  writer.field(Tag::target_seq, message.target_seq);
  writer.field(Tag::sender_id, message.sender.id);
  writer.field(Tag::sender_name, message.sender.name);
  writer.field(Tag::sender_user, message.sender.user_id);
  writer.field(Tag::id, message.id);
  writer.field(Tag::reply_to, message.extra->reply_to);
  writer.field(Tag::edited_ms, static_cast<std::uint64_t>(message.extra->edited_ms));
  writer.field(Tag::redacted, message.extra->redacted ? 1 : 0);
  writer.field(Tag::added, message.extra->added ? 1 : 0);
  pack_text(batch, fields);
}

Result<std::vector<std::shared_ptr<Message>>> read_messages(std::string_view batch) {
  std::vector<std::shared_ptr<Message>> messages;
  for (PackedReader reader(batch); !reader.done();) {
    const std::optional<std::string_view> bytes = reader.text();
    std::shared_ptr<Message> message = bytes ? read_message(*bytes) : nullptr;
    if (!message) return malformed();
    messages.push_back(std::move(message));
  }
  return messages;
}

}  // namespace chat::cluster
