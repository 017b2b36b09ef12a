// See cluster_fields.h.
#include "wire/socket_io_cluster/cluster_fields.h"

#include <optional>
#include <utility>

#include "model/names.h"
#include "wire/json/json.h"
#include "wire/socket_io/socket_io_packet.h"
#include "wire/socket_io_cluster/msgpack_to_json.h"

namespace chat::wire::cluster {
namespace {

constexpr std::size_t kDepth = json::TokenReader::kDepthCeiling;

// Of socket.io-parser's PacketType.
constexpr std::uint64_t kEvent = 2;
constexpr std::uint64_t kBinaryEvent = 5;

Status missing(std::string_view what, std::string_view kind) {
  return {Error::invalid_argument, std::string(what) + " is not " + std::string(kind)};
}

bool is_absent(std::string_view value) { return value.empty() || json::kind_of(value) == json::Kind::null; }

bool is_array(std::string_view value) { return !value.empty() && json::kind_of(value) == json::Kind::array; }

Status read_name(std::string_view value, std::string_view what, std::string& name) {
  if (!value.empty() && json::kind_of(value) == json::Kind::number) {
    name = value;
    return {};
  }
  return read_text(value, what, name);
}

Status read_socket(std::string_view value, std::size_t attachment_count, const ClusterLimits& limits,
                   ClusterSocket& socket) {
  std::string_view id;
  std::string_view handshake;
  std::string_view rooms;
  std::string_view data;
  Status status =
      read_fields(value, "a socket", {{"id", id}, {"handshake", handshake}, {"rooms", rooms}, {"data", data}});
  if (status.ok()) status = read_id(id, "the id of a socket", socket.id);
  if (status.ok()) status = read_names(rooms, "the rooms of a socket", limits, socket.rooms);
  if (!status.ok()) return status;
  if (is_absent(handshake)) handshake = "{}";
  if (json::kind_of(handshake) != json::Kind::object) return missing("the handshake of a socket", "an object");
  if (status = json::check(handshake); !status.ok()) return status;  // its depth
  socket.handshake = handshake;
  socket.data = data;
  return check_args("[" + socket.data + "]", attachment_count, Unplaced::allowed);
}

}  // namespace

Result<PlacedJson> read_json_or_msgpack(std::string_view bytes, const ClusterLimits& limits) {
  return bytes.starts_with('{') ? read_json(bytes, limits) : msgpack_to_json(bytes, limits);
}

Result<PlacedJson> read_json(std::string_view bytes, const ClusterLimits& limits) {
  if (bytes.size() > limits.max_bytes) return limits.too_large();
  if (Status status = json::check(bytes, kDepth); !status.ok()) return status;
  return PlacedJson{std::string(bytes), {}};
}

Status read_fields(std::string_view object, std::string_view what, std::initializer_list<Field> fields) {
  if (object.empty() || json::kind_of(object) != json::Kind::object) return missing(what, "an object");
  json::MemberReader members(object, kDepth);
  for (json::Member member; members.next(member);) {
    for (const Field& field : fields) {
      if (json::equals(member.name, field.name)) field.value = member.value;
    }
  }
  return members.status();
}

Status read_text(std::string_view value, std::string_view what, std::string& text) {
  if (value.empty() || json::kind_of(value) != json::Kind::string) return missing(what, "a string");
  std::optional<std::string> unescaped = json::unescape(value);
  if (!unescaped) return {Error::invalid_utf8, std::string(what) + " has an unpaired surrogate"};
  text = *std::move(unescaped);
  return {};
}

Status read_id(std::string_view value, std::string_view what, std::string& id) {
  Status status = read_text(value, what, id);
  if (status.ok() && id.empty()) return {Error::invalid_argument, std::string(what) + " is empty"};
  if (status.ok() && id.size() > kMaxClusterIdBytes) {
    return {Error::too_large, std::string(what) + " has more than " + std::to_string(kMaxClusterIdBytes) + " bytes"};
  }
  return status;
}

Status read_optional_id(std::string_view value, std::string_view what, std::string& id) {
  id.clear();
  return is_absent(value) || value == "\"\"" ? Status{} : read_id(value, what, id);
}

Status read_number(std::string_view value, std::string_view what, std::uint64_t& number) {
  const std::optional<std::uint64_t> read = json::parse_unsigned(value);
  if (!read) return missing(what, "a whole number");
  number = *read;
  return {};
}

bool is_true(std::string_view value) { return value == "true"; }

Status read_names(std::string_view value, std::string_view what, const ClusterLimits& limits,
                  std::vector<std::string>& names) {
  names.clear();
  if (is_absent(value)) return {};
  if (!is_array(value)) return missing(what, "an array");
  json::ElementReader elements(value, kDepth);
  for (std::string_view element; elements.next(element);) {
    if (names.size() == limits.max_names) {
      return {Error::too_many, std::string(what) + " has more than " + std::to_string(limits.max_names) + " names"};
    }
    std::string name;
    if (Status status = read_name(element, what, name); !status.ok()) return status;
    names.push_back(std::move(name));
  }
  return elements.status();
}

Status read_target(std::string_view value, const ClusterLimits& limits, ClusterTarget& target) {
  std::string_view rooms;
  std::string_view except;
  std::string_view flags;
  Status status = read_fields(value, "opts", {{"rooms", rooms}, {"except", except}, {"flags", flags}});
  if (status.ok()) status = read_names(rooms, "rooms", limits, target.rooms);
  if (status.ok()) status = read_names(except, "except", limits, target.except);
  if (!status.ok() || is_absent(flags)) return status;
  std::string_view is_volatile;
  std::string_view timeout;
  status = read_fields(flags, "flags", {{"volatile", is_volatile}, {"timeout", timeout}});
  target.is_volatile = is_true(is_volatile);
  target.timeout_ms = json::parse_unsigned(timeout).value_or(0);
  return status;
}

Status read_event(std::string_view value, std::vector<std::string> attachments, ClusterEvent& event) {
  if (!is_array(value)) return missing("the data of an event", "an array");
  json::ElementReader elements(value, kDepth);
  std::string_view name;
  if (!elements.next(name)) return {Error::invalid_argument, "the event has no name"};
  if (Status status = read_name(name, "the name of an event", event.name); !status.ok()) return status;
  if (is_reserved_event(event.name)) return {Error::invalid_event, "the name of an event is reserved"};
  SocketIoPacket packet;
  packet.payload = value;
  event.args = {split_event(packet).args, std::move(attachments)};
  return check_args(event.args.json, event.args.attachments.size());
}

Status read_packet(std::string_view value, std::vector<std::string> attachments, ClusterEvent& event) {
  std::string_view type;
  std::string_view data;
  std::uint64_t number = 0;
  Status status = read_fields(value, "packet", {{"type", type}, {"data", data}});
  if (status.ok()) status = read_number(type, "the type of a packet", number);
  if (!status.ok()) return status;
  if (number != kEvent && number != kBinaryEvent) {
    return {Error::unsupported, "a packet of type " + std::to_string(number) + " is not an event"};
  }
  return read_event(data, std::move(attachments), event);
}

Status read_argument(std::string_view value, std::vector<std::string> attachments, PlacedJson& args) {
  args.json = '[';
  args.json += value;
  args.json += ']';
  args.attachments = std::move(attachments);
  return check_args(args.json, args.attachments.size());
}

Status read_sockets(std::string_view value, PlacedJson& message, const ClusterLimits& limits, ClusterSockets& answer) {
  if (!is_array(value)) return missing("sockets", "an array");
  json::ElementReader elements(value, kDepth);
  for (std::string_view element; elements.next(element);) {
    if (answer.sockets.size() == limits.max_sockets) {
      return {Error::too_many, "more than " + std::to_string(limits.max_sockets) + " sockets"};
    }
    ClusterSocket socket;
    if (Status status = read_socket(element, message.attachments.size(), limits, socket); !status.ok()) return status;
    answer.sockets.push_back(std::move(socket));
  }
  answer.attachments = std::move(message.attachments);
  return elements.status();
}

void append_name(std::string& out, std::string_view name) {
  if (!out.empty() && out.back() != '{') out += ',';
  json::append_quoted(out, name);
  out += ':';
}

void append_text_field(std::string& out, std::string_view name, std::string_view value) {
  append_name(out, name);
  json::append_quoted(out, value);
}

void append_names(std::string& out, const std::vector<std::string>& names) {
  out += '[';
  for (const std::string& name : names) {
    if (&name != &names.front()) out += ',';
    json::append_quoted(out, name);
  }
  out += ']';
}

void append_target(std::string& out, const ClusterTarget& target, bool with_flags) {
  out += '{';
  append_name(out, "rooms");
  append_names(out, target.rooms);
  append_name(out, "except");
  append_names(out, target.except);
  if (with_flags) {
    append_name(out, "flags");
    out += '{';
    if (target.is_volatile) {
      append_name(out, "volatile");
      out += "true";
    }
    if (target.timeout_ms != 0) {
      append_name(out, "timeout");
      json::append_number(out, target.timeout_ms);
    }
    out += '}';
  }
  out += '}';
}

void append_event(std::string& out, const ClusterEvent& event) {
  out += '[';
  json::append_quoted(out, event.name);
  if (const std::string_view args = json::inside_of(event.args.json); !args.empty()) {
    out += ',';
    out += args;
  }
  out += ']';
}

void append_argument_field(std::string& out, std::string_view name, const PlacedJson& args) {
  json::ElementReader elements(args.json);
  std::string_view first;
  if (!elements.next(first)) return;
  append_name(out, name);
  out += first;
}

void append_sockets(std::string& out, const std::vector<ClusterSocket>& sockets) {
  out += '[';
  for (const ClusterSocket& socket : sockets) {
    if (&socket != &sockets.front()) out += ',';
    out += '{';
    append_text_field(out, "id", socket.id);
    append_name(out, "handshake");
    out += socket.handshake;
    append_name(out, "rooms");
    append_names(out, socket.rooms);
    if (!socket.data.empty()) {
      append_name(out, "data");
      out += socket.data;
    }
    out += '}';
  }
  out += ']';
}

}  // namespace chat::wire::cluster
