// See socket_io_packet.h.
#include "wire/socket_io/socket_io_packet.h"

#include <algorithm>

#include "model/message.h"
#include "model/names.h"
#include "model/utf8.h"
#include "wire/error_text.h"
#include "wire/json/json.h"

namespace chat::wire {
namespace {

// Type digits on the wire.
constexpr char kBinaryEvent = '5';
constexpr char kBinaryAck = '6';
constexpr std::string_view kDigits = "0123456789";

Status refuse(std::string_view what) { return {Error::invalid_argument, std::string(what)}; }

void trim_end(std::string_view& text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  text = text.substr(0, last + 1);
}

std::string_view without_leading_zeros(std::string_view digits) {
  const std::size_t zeros = std::min(digits.find_first_not_of('0'), digits.size());
  return digits.empty() ? digits : digits.substr(std::min(zeros, digits.size() - 1));
}

// Reads the parts of a packet before its payload.
class HeadReader {
 public:
  explicit HeadReader(std::string_view text) : rest_(text) {}

  Status read(SocketIoPacket& packet) {
    if (rest_.empty() || rest_.front() < '0' || rest_.front() > kBinaryAck) return refuse("unknown packet type");
    const char type = rest_.front();
    rest_.remove_prefix(1);
    if (type == kBinaryEvent || type == kBinaryAck) {
      packet.type = type == kBinaryEvent ? SocketIoType::event : SocketIoType::ack;
      if (!read_attachment_count(packet.attachment_count)) return refuse("illegal attachments");
    } else {
      packet.type = static_cast<SocketIoType>(type - '0');
    }
    if (rest_.starts_with('/') && !read_namespace(packet.nsp)) return refuse("the namespace is too long");
    packet.ack_id = without_leading_zeros(take(rest_.find_first_not_of(kDigits)));
    if (packet.ack_id.size() > kMaxAckIdDigits) packet.ack_id = {};
    packet.payload = rest_;
    trim_end(packet.payload);
    return packet.payload.empty() && !rest_.empty() ? refuse("invalid payload") : Status{};
  }

 private:
  std::string_view take(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  bool read_attachment_count(std::size_t& count) {
    const std::string_view digits = take(rest_.find_first_not_of(kDigits));
    const std::optional<std::uint64_t> value = json::parse_unsigned(digits);
    if (!value || *value == 0 || *value > kMaxAttachments || !rest_.starts_with('-')) return false;
    rest_.remove_prefix(1);
    count = *value;
    return true;
  }

  // Reads up to a comma or the end.
  bool read_namespace(std::string_view& nsp) {
    nsp = take(rest_.find(','));
    if (!rest_.empty()) rest_.remove_prefix(1);
    return nsp.size() <= kMaxNamespaceBytes;
  }

  std::string_view rest_;
};

// Checks the arguments of an event or an ack, including placeholders.
Status check_arguments(SocketIoPacket& packet) {
  Status status = check_args(packet.payload, packet.attachment_count);
  if (status.ok()) return status;
  if (packet.attachment_count != 0) {
    // The reference parser rejects a placeholder without an attachment, but accepts an attachment without a
    // placeholder.
    Status strict = check_args(packet.payload, packet.attachment_count, Unplaced::allowed);
    if (strict.ok()) packet.fault = std::move(status);
    return strict;
  }
  // Distinguishes malformed JSON from arguments that are only nested too deeply or contain placeholders.
  if (Status json = json::check(packet.payload, json::TokenReader::kDepthCeiling); !json.ok()) return json;
  packet.fault = std::move(status);
  return {};
}

Status check_name(std::string_view payload) {
  json::ElementReader elements(payload, json::TokenReader::kDepthCeiling);
  std::string_view name;
  if (!elements.next(name)) return refuse("the event has no name");
  const json::Kind kind = json::kind_of(name);
  if (kind == json::Kind::number) return {};
  if (kind != json::Kind::string) return refuse("the event name is neither a string nor a number");
  const std::optional<std::string> text = json::unescape(name);
  return text && is_reserved_event(*text) ? refuse("reserved event name") : Status{};
}

Status check_value(std::string_view payload, std::string_view first_characters) {
  if (first_characters.find(payload.front()) == std::string_view::npos) return refuse("invalid payload");
  return json::check(payload);
}

Status check_payload(SocketIoPacket& packet) {
  const bool none = packet.payload.empty();
  switch (packet.type) {
    case SocketIoType::connect:
      return none ? Status{} : check_value(packet.payload, "{");
    case SocketIoType::disconnect:
      return none ? Status{} : refuse("invalid payload");
    case SocketIoType::connect_error:
      return none ? Status{} : check_value(packet.payload, "{\"");
    case SocketIoType::ack:
      if (none) {
        if (packet.attachment_count != 0) packet.fault = refuse("an attachment has no placeholder");
        return {};
      }
      return packet.payload.front() == '[' ? check_arguments(packet) : refuse("invalid payload");
    case SocketIoType::event: {
      if (none || packet.payload.front() != '[') return refuse("invalid payload");
      Status status = check_arguments(packet);
      return status.ok() ? check_name(packet.payload) : status;
    }
  }
  return refuse("unknown packet type");
}

}  // namespace

Result<SocketIoPacket> decode_socket_io(std::string_view text) {
  SocketIoPacket packet;
  Status status = HeadReader(text).read(packet);
  if (status.ok() && !is_utf8(packet.nsp)) status = refuse("the namespace is not UTF-8");
  if (status.ok()) status = check_payload(packet);
  if (!status.ok()) return status;
  return packet;
}

SocketIoEvent split_event(const SocketIoPacket& packet) {
  SocketIoEvent event;
  json::ElementReader elements(packet.payload, json::TokenReader::kDepthCeiling);
  std::string_view name;
  if (!elements.next(name)) return event;
  event.name = name.front() == '"' ? json::unescape(name) : std::string(name);
  std::size_t rest = static_cast<std::size_t>(name.data() - packet.payload.data()) + name.size();
  rest = packet.payload.find_first_not_of(" \t\r\n", rest);
  if (packet.payload[rest] == ',') ++rest;
  event.args.reserve(packet.payload.size() - rest + 1);
  event.args += '[';
  event.args += packet.payload.substr(rest);
  return event;
}

std::optional<SocketIoRecovery> read_recovery(std::string_view connect_payload) {
  if (connect_payload.empty()) return std::nullopt;
  std::optional<std::string> pid;
  std::optional<std::string> offset;
  bool legible = true;
  const auto text_of = [](std::string_view value) {
    return json::kind_of(value) == json::Kind::string ? json::unescape(value) : std::nullopt;
  };
  json::MemberReader members(connect_payload);
  for (json::Member member; members.next(member);) {
    if (json::equals(member.name, "pid")) pid = text_of(member.value);
    if (!json::equals(member.name, "offset")) continue;
    offset = text_of(member.value);
    legible = offset || json::kind_of(member.value) == json::Kind::null;
  }
  if (!pid || !legible) return std::nullopt;
  return SocketIoRecovery{*std::move(pid), std::move(offset)};
}

void append_socket_io(std::string& out, SocketIoType type, std::string_view nsp, std::size_t attachment_count,
                      std::string_view ack_id) {
  if (attachment_count == 0) {
    out += static_cast<char>('0' + static_cast<int>(type));
  } else {
    out += type == SocketIoType::ack ? kBinaryAck : kBinaryEvent;
    json::append_number(out, static_cast<std::uint64_t>(attachment_count));
    out += '-';
  }
  if (nsp != "/") {
    out += nsp;
    out += ',';
  }
  out += ack_id;
}

std::string encode_connect(std::string_view nsp, std::string_view sid, std::string_view pid) {
  std::string text;
  append_socket_io(text, SocketIoType::connect, nsp);
  text += "{\"sid\":";
  json::append_quoted(text, sid);
  if (!pid.empty()) {
    text += ",\"pid\":";
    json::append_quoted(text, pid);
  }
  text += '}';
  return text;
}

std::string encode_connect_error(std::string_view nsp, std::string_view message, std::string_view data) {
  std::string text;
  append_socket_io(text, SocketIoType::connect_error, nsp);
  text += "{\"message\":";
  json::append_quoted(text, valid_reason(std::string(message)));
  if (!data.empty()) {
    text += ",\"data\":";
    text += data;
  }
  text += '}';
  return text;
}

std::string encode_disconnect(std::string_view nsp) {
  std::string text;
  append_socket_io(text, SocketIoType::disconnect, nsp);
  return text;
}

}  // namespace chat::wire
