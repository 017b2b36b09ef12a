// See python_messages.h.
#include "wire/socket_io_cluster/python_messages.h"

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "model/message.h"
#include "wire/base64.h"
#include "wire/json/json.h"
#include "wire/socket_io_cluster/cluster_fields.h"

namespace chat::wire {
namespace {

using namespace cluster;

constexpr std::size_t kDepth = json::TokenReader::kDepthCeiling;
constexpr std::size_t kCallbackParts = 3;  // the room, the namespace and the number

bool is_absent(std::string_view value) { return value.empty() || json::kind_of(value) == json::Kind::null; }

bool is_array(std::string_view value) { return !value.empty() && json::kind_of(value) == json::Kind::array; }

// None, a name, or a list of names.
Status read_one_or_more(std::string_view value, std::string_view what, const ClusterLimits& limits,
                        std::vector<std::string>& names) {
  if (is_absent(value) || is_array(value)) return read_names(value, what, limits, names);
  return read_names("[" + std::string(value) + "]", what, limits, names);
}

// The parts of a callback. False: it is none, as for python-socketio.
bool read_callback(std::string_view value, std::array<std::string_view, kCallbackParts>& parts) {
  if (!is_array(value)) return false;
  json::ElementReader elements(value, kDepth);
  for (std::string_view& part : parts) {
    if (!elements.next(part)) return false;
  }
  std::string_view more;
  return !elements.next(more) && elements.ok();
}

class Reader {
 public:
  Reader(std::string_view json, const ClusterLimits& limits) : json_(json), limits_(limits) {}

  Status read(ClusterMessage& message) {
    std::string_view method;
    std::string_view host_id;
    std::string_view nsp;
    Status status = read_fields(json_, "the message",
                                {{"method", method},
                                 {"host_id", host_id},
                                 {"namespace", nsp},
                                 {"event", event_},
                                 {"data", data_},
                                 {"binary", binary_},
                                 {"room", room_},
                                 {"skip_sid", skip_sid_},
                                 {"callback", callback_},
                                 {"sid", sid_},
                                 {"id", id_},
                                 {"args", args_}});
    std::string name;
    if (status.ok()) status = read_text(method, "method", name);
    if (status.ok()) status = read_optional_id(host_id, "host_id", message.uid);
    if (status.ok() && !is_absent(nsp)) status = read_text(nsp, "namespace", message.nsp);
    if (!status.ok()) return status;
    if (name == "emit") return read_emit(message.body.emplace<ClusterBroadcast>());
    if (name == "callback") return read_ack(nsp, message.body.emplace<ClusterAck>());
    if (name == "disconnect") return read_sid(message.body.emplace<ClusterDisconnect>().target);
    if (name == "enter_room") return read_move(message.body.emplace<ClusterJoin>());
    if (name == "leave_room") return read_move(message.body.emplace<ClusterLeave>());
    if (name == "close_room") {
      auto& leave = message.body.emplace<ClusterLeave>();
      status = read_room(leave.rooms);
      leave.target.rooms = leave.rooms;
      return status;
    }
    return {Error::unsupported, "a method that python-socketio does not have"};
  }

 private:
  Status read_emit(ClusterBroadcast& broadcast) {
    Status status = read_one_or_more(room_, "room", limits_, broadcast.target.rooms);
    if (status.ok()) status = read_one_or_more(skip_sid_, "skip_sid", limits_, broadcast.target.except);
    std::vector<std::string> attachments;
    std::string args;
    if (status.ok()) status = read_args(args, attachments);
    if (!status.ok()) return status;
    std::array<std::string_view, kCallbackParts> parts;
    if (read_callback(callback_, parts)) {
      if (callback_.size() > kMaxClusterIdBytes) return {Error::too_large, "callback is too long"};
      broadcast.request_id = callback_;
    }
    // The name and the arguments together are an event as Node.js has it.
    std::string data;
    if (status = read_text(event_, "event", data); !status.ok()) return status;
    data = '[';
    data += event_;
    if (const std::string_view inside = json::inside_of(args); !inside.empty()) {
      data += ',';
      data += inside;
    }
    data += ']';
    return read_event(data, std::move(attachments), broadcast.event);
  }

  // The arguments are a list. With binary data it is the first of a list, and the attachments follow. Python's None alone means
  // no arguments.
  Status read_args(std::string& args, std::vector<std::string>& attachments) {
    std::string_view value = data_;
    if (is_true(binary_)) {
      if (!is_array(data_)) return {Error::invalid_argument, "data is not an array"};
      json::ElementReader elements(data_, kDepth);
      value = {};
      elements.next(value);
      for (std::string_view element; elements.next(element);) {
        if (attachments.size() == kMaxAttachments) return {Error::too_many, "more than 10 attachments"};
        std::string text;
        if (Status status = read_text(element, "an attachment", text); !status.ok()) return status;
        std::optional<std::string> bytes = base64_decode(text);
        if (!bytes) return {Error::encoding, "an attachment is not base64"};
        attachments.push_back(*std::move(bytes));
      }
    }
    const bool is_none = is_absent(value) || (is_array(value) && json::inside_of(value) == "null");
    if (is_none) {
      args = "[]";
    } else if (is_array(value)) {
      args = value;
    } else {
      args = "[" + std::string(value) + "]";
    }
    return {};
  }

  Status read_ack(std::string_view nsp, ClusterAck& ack) {
    if (sid_.empty() || id_.empty()) return {Error::invalid_argument, "a callback has no sid or no id"};
    ack.request_id = "[";
    ack.request_id += sid_;
    ack.request_id += ',';
    ack.request_id += nsp.empty() ? std::string_view("\"/\"") : nsp;
    ack.request_id += ',';
    ack.request_id += id_;
    ack.request_id += ']';
    if (ack.request_id.size() > kMaxClusterIdBytes) return {Error::too_large, "the id of a callback is too long"};
    ack.args.json = is_absent(args_) ? std::string_view("[]") : args_;
    return check_args(ack.args.json, 0);
  }

  Status read_sid(ClusterTarget& target) { return read_id(sid_, "sid", target.rooms.emplace_back()); }

  Status read_room(std::vector<std::string>& rooms) {
    if (is_absent(room_)) return {Error::invalid_argument, "room is missing"};
    return read_one_or_more(room_, "room", limits_, rooms);
  }

  template <class Body>
  Status read_move(Body& move) {
    Status status = read_sid(move.target);
    return status.ok() ? read_room(move.rooms) : status;
  }

  const std::string_view json_;
  const ClusterLimits& limits_;
  std::string_view event_;
  std::string_view data_;
  std::string_view binary_;
  std::string_view room_;
  std::string_view skip_sid_;
  std::string_view callback_;
  std::string_view sid_;
  std::string_view id_;
  std::string_view args_;
};

// Writes one message, with the members in the manager's order.
class Writer {
 public:
  explicit Writer(const ClusterMessage& message) : message_(message) {}

  const std::string& json() const { return json_; }

  bool operator()(const ClusterBroadcast& broadcast) {
    if (!broadcast.request_id.empty()) return false;
    begin("emit");
    append_text_field(json_, "event", broadcast.event.name);
    append_data(broadcast.event.args);
    append_nsp();
    append_one_or_more("room", broadcast.target.rooms);
    append_one_or_more("skip_sid", broadcast.target.except);
    append_name(json_, "callback");
    json_ += "null";
    return end();
  }
  bool operator()(const ClusterAck& ack) {
    std::array<std::string_view, kCallbackParts> parts;
    if (!ack.args.attachments.empty() || !json::check(ack.request_id).ok() || !read_callback(ack.request_id, parts)) {
      return false;
    }
    begin("callback");
    append_text_field(json_, "host_id", message_.uid);
    append_raw("sid", parts[0]);
    append_raw("namespace", parts[1]);
    append_raw("id", parts[2]);
    append_raw("args", ack.args.json);
    json_ += '}';
    return true;
  }
  bool operator()(const ClusterJoin& join) { return write_move("enter_room", join.target, join.rooms); }
  bool operator()(const ClusterLeave& leave) {
    if (leave.rooms.size() != 1 || leave.target.rooms != leave.rooms) {
      return write_move("leave_room", leave.target, leave.rooms);
    }
    if (!leave.target.except.empty()) return false;
    begin("close_room");
    append_text_field(json_, "room", leave.rooms.front());
    append_nsp();
    return end();
  }
  bool operator()(const ClusterDisconnect& disconnect) {
    if (!is_one(disconnect.target)) return false;
    begin("disconnect");
    append_text_field(json_, "sid", disconnect.target.rooms.front());
    append_nsp();
    return end();
  }
  template <class Other>
  bool operator()(const Other&) {
    return false;
  }

 private:
  static bool is_one(const ClusterTarget& target) { return target.rooms.size() == 1 && target.except.empty(); }

  bool write_move(std::string_view method, const ClusterTarget& target, const std::vector<std::string>& rooms) {
    if (!is_one(target) || rooms.size() != 1) return false;
    begin(method);
    append_text_field(json_, "sid", target.rooms.front());
    append_text_field(json_, "room", rooms.front());
    append_nsp();
    return end();
  }

  void begin(std::string_view method) {
    json_ += '{';
    append_text_field(json_, "method", method);
  }

  bool end() {
    append_text_field(json_, "host_id", message_.uid);
    json_ += '}';
    return true;
  }

  void append_nsp() { append_text_field(json_, "namespace", message_.nsp); }

  void append_raw(std::string_view name, std::string_view value) {
    append_name(json_, name);
    json_ += value;
  }

  void append_data(const PlacedJson& args) {
    append_name(json_, "data");
    const bool binary = !args.attachments.empty();
    if (binary) json_ += '[';
    json_ += args.json;
    if (binary) {
      for (const std::string& attachment : args.attachments) {
        json_ += ",\"";
        append_base64(json_, attachment);
        json_ += '"';
      }
      json_ += ']';
    }
    append_raw("binary", binary ? "true" : "false");
  }

  void append_one_or_more(std::string_view name, const std::vector<std::string>& names) {
    append_name(json_, name);
    if (names.empty()) {
      json_ += "null";
    } else if (names.size() == 1) {
      json::append_quoted(json_, names.front());
    } else {
      append_names(json_, names);
    }
  }

  const ClusterMessage& message_;
  std::string json_;
};

}  // namespace

Result<ClusterMessage> decode_python_message(std::string_view bytes, const ClusterLimits& limits) {
  if (!bytes.starts_with('{')) return {Error::encoding, "the message is not a JSON object; pickle is not supported"};
  Result<PlacedJson> json = read_json(bytes, limits);
  if (!json.ok()) return json.status();
  ClusterMessage message;
  Status status = Reader(json->json, limits).read(message);
  if (!status.ok()) return status;
  return message;
}

Result<std::string> encode_python_message(const ClusterMessage& message, const ClusterLimits& limits) {
  Writer writer(message);
  if (!std::visit(writer, message.body)) return {Error::unsupported, "python-socketio has no such message"};
  if (writer.json().size() > limits.max_bytes) return limits.too_large();
  return writer.json();
}

}  // namespace chat::wire
