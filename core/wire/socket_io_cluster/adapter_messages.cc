// See adapter_messages.h.
#include "wire/socket_io_cluster/adapter_messages.h"

#include <utility>

#include "wire/json/json.h"
#include "wire/socket_io_cluster/cluster_fields.h"
#include "wire/socket_io_cluster/cluster_head.h"
#include "wire/socket_io_cluster/json_to_msgpack.h"
#include "wire/socket_io_cluster/redis_channels.h"

namespace chat::wire {
namespace {

using namespace cluster;

// MessageType of cluster-adapter.
enum class MessageType : std::uint64_t {
  initial_heartbeat = 1,
  heartbeat = 2,
  broadcast = 3,
  sockets_join = 4,
  sockets_leave = 5,
  disconnect_sockets = 6,
  fetch_sockets = 7,
  fetch_sockets_response = 8,
  server_side_emit = 9,
  server_side_emit_response = 10,
  broadcast_client_count = 11,
  broadcast_ack = 12,
  adapter_close = 13,
};

// An id of a room that the adapter takes for a socket's.
constexpr std::size_t kSocketIdLength = 20;

class DataReader {
 public:
  DataReader(std::vector<std::string>& attachments, const ClusterLimits& limits)
      : attachments_(attachments), limits_(limits) {}

  Status read(MessageType type, std::string_view data, ClusterBody& body) {
    if (has_no_data(type, body)) return {};
    Status status = read_fields(data, "data",
                                {{"requestId", request_id_},
                                 {"opts", opts_},
                                 {"rooms", rooms_},
                                 {"close", close_},
                                 {"packet", packet_},
                                 {"sockets", sockets_},
                                 {"clientCount", count_}});
    if (!status.ok()) return status;
    switch (type) {
      case MessageType::broadcast: {
        auto& broadcast = body.emplace<ClusterBroadcast>();
        status = read_target(opts_, limits_, broadcast.target);
        if (status.ok()) status = read_optional_id(request_id_, "requestId", broadcast.request_id);
        return status.ok() ? read_packet(packet_, std::move(attachments_), broadcast.event) : status;
      }
      case MessageType::sockets_join:
        return read_move(body.emplace<ClusterJoin>());
      case MessageType::sockets_leave:
        return read_move(body.emplace<ClusterLeave>());
      case MessageType::disconnect_sockets: {
        auto& disconnect = body.emplace<ClusterDisconnect>();
        disconnect.close = is_true(close_);
        return read_target(opts_, limits_, disconnect.target);
      }
      case MessageType::fetch_sockets: {
        auto& fetch = body.emplace<ClusterFetch>();
        status = read_target(opts_, limits_, fetch.target);
        return status.ok() ? read_request_id(fetch) : status;
      }
      case MessageType::fetch_sockets_response: {
        auto& answer = body.emplace<ClusterSockets>();
        PlacedJson message{{}, std::move(attachments_)};
        status = read_sockets(sockets_, message, limits_, answer);
        return status.ok() ? read_request_id(answer) : status;
      }
      case MessageType::server_side_emit: {
        auto& event = body.emplace<ClusterServerEvent>();
        status = read_optional_id(request_id_, "requestId", event.request_id);
        return status.ok() ? read_event(packet_, std::move(attachments_), event.event) : status;
      }
      case MessageType::server_side_emit_response:
        return read_answer(body.emplace<ClusterServerAnswer>());
      case MessageType::broadcast_client_count: {
        auto& answer = body.emplace<ClusterClientCount>();
        status = read_number(count_, "clientCount", answer.count);
        return status.ok() ? read_request_id(answer) : status;
      }
      case MessageType::broadcast_ack:
        return read_answer(body.emplace<ClusterAck>());
      default:
        return {Error::unsupported, "a message of type " + std::to_string(static_cast<std::uint64_t>(type))};
    }
  }

 private:
  static bool has_no_data(MessageType type, ClusterBody& body) {
    switch (type) {
      case MessageType::initial_heartbeat:
      case MessageType::heartbeat:
        body = ClusterHeartbeat{type == MessageType::initial_heartbeat};
        return true;
      case MessageType::adapter_close:
        body = ClusterGoodbye{};
        return true;
      default:
        return false;
    }
  }

  template <class Body>
  Status read_request_id(Body& body) {
    return read_id(request_id_, "requestId", body.request_id);
  }

  template <class Body>
  Status read_move(Body& move) {
    Status status = read_target(opts_, limits_, move.target);
    return status.ok() ? read_names(rooms_, "rooms", limits_, move.rooms) : status;
  }

  template <class Body>
  Status read_answer(Body& answer) {
    Status status = read_request_id(answer);
    return status.ok() ? read_argument(packet_, std::move(attachments_), answer.args) : status;
  }

  std::vector<std::string>& attachments_;
  const ClusterLimits& limits_;
  std::string_view request_id_;
  std::string_view opts_;
  std::string_view rooms_;
  std::string_view close_;
  std::string_view packet_;
  std::string_view sockets_;
  std::string_view count_;
};

// Writes the data of one message, with the members in the adapter's order.
class DataWriter {
 public:
  AdapterParts take_parts() { return std::move(parts_); }

  bool operator()(const ClusterBroadcast& broadcast) {
    begin(MessageType::broadcast, broadcast.event.args.attachments);
    append_name(json(), "packet");
    json() += "{\"type\":2,\"data\":";
    append_event(json(), broadcast.event);
    json() += '}';
    if (!broadcast.request_id.empty()) append_request_id(broadcast);
    append_opts(broadcast.target);
    return end();
  }
  bool operator()(const ClusterJoin& join) { return write_move(MessageType::sockets_join, join); }
  bool operator()(const ClusterLeave& leave) { return write_move(MessageType::sockets_leave, leave); }
  bool operator()(const ClusterDisconnect& disconnect) {
    begin(MessageType::disconnect_sockets);
    append_opts(disconnect.target);
    append_name(json(), "close");
    json() += disconnect.close ? "true" : "false";
    return end();
  }
  bool operator()(const ClusterFetch& fetch) {
    begin(MessageType::fetch_sockets);
    append_opts(fetch.target);
    append_request_id(fetch);
    return end();
  }
  bool operator()(const ClusterServerEvent& event) {
    begin(MessageType::server_side_emit, event.event.args.attachments);
    if (!event.request_id.empty()) append_request_id(event);
    append_name(json(), "packet");
    append_event(json(), event.event);
    return end();
  }
  bool operator()(const ClusterSockets& answer) {
    begin(MessageType::fetch_sockets_response, answer.attachments);
    append_request_id(answer);
    append_name(json(), "sockets");
    append_sockets(json(), answer.sockets);
    return end();
  }
  bool operator()(const ClusterServerAnswer& answer) {
    return write_answer(MessageType::server_side_emit_response, answer);
  }
  bool operator()(const ClusterClientCount& answer) {
    begin(MessageType::broadcast_client_count);
    append_request_id(answer);
    append_name(json(), "clientCount");
    json::append_number(json(), answer.count);
    return end();
  }
  bool operator()(const ClusterAck& answer) { return write_answer(MessageType::broadcast_ack, answer); }
  bool operator()(const ClusterHeartbeat& heartbeat) {
    set_type(heartbeat.first ? MessageType::initial_heartbeat : MessageType::heartbeat);
    return true;
  }
  bool operator()(const ClusterGoodbye&) {
    set_type(MessageType::adapter_close);
    return true;
  }
  bool operator()(const ClusterListIds&) { return false; }
  bool operator()(const ClusterListRooms&) { return false; }
  bool operator()(const ClusterIds&) { return false; }
  bool operator()(const ClusterRooms&) { return false; }
  bool operator()(const ClusterDone&) { return false; }

 private:
  std::string& json() { return parts_.data; }

  void set_type(MessageType type) { parts_.type = static_cast<unsigned>(type); }

  void begin(MessageType type) {
    set_type(type);
    json() += '{';
  }
  void begin(MessageType type, const std::vector<std::string>& attachments) {
    begin(type);
    parts_.attachments = attachments;
  }

  bool end() {
    json() += '}';
    return true;
  }

  template <class Body>
  void append_request_id(const Body& body) {
    append_text_field(json(), "requestId", body.request_id);
  }

  void append_opts(const ClusterTarget& target) {
    append_name(json(), "opts");
    append_target(json(), target, true);
  }

  template <class Body>
  bool write_move(MessageType type, const Body& move) {
    begin(type);
    append_opts(move.target);
    append_name(json(), "rooms");
    append_names(json(), move.rooms);
    return end();
  }

  template <class Body>
  bool write_answer(MessageType type, const Body& answer) {
    begin(type, answer.args.attachments);
    append_request_id(answer);
    append_argument_field(json(), "packet", answer.args);
    return end();
  }

  AdapterParts parts_;
};

bool is_answer(const ClusterBody& body) {
  return std::holds_alternative<ClusterSockets>(body) || std::holds_alternative<ClusterServerAnswer>(body) ||
         std::holds_alternative<ClusterClientCount>(body) || std::holds_alternative<ClusterAck>(body);
}

}  // namespace

std::optional<AdapterParts> adapter_parts(const ClusterBody& body) {
  DataWriter writer;
  if (!std::visit(writer, body)) return std::nullopt;
  return writer.take_parts();
}

Status read_adapter_parts(std::uint64_t type, std::string_view data, std::vector<std::string>& attachments,
                          const ClusterLimits& limits, ClusterBody& body) {
  return DataReader(attachments, limits).read(static_cast<MessageType>(type), data, body);
}

Result<ClusterMessage> decode_adapter_message(std::string_view bytes, const ClusterLimits& limits) {
  Result<PlacedJson> message = read_json_or_msgpack(bytes, limits);
  if (!message.ok()) return message.status();
  std::string_view type;
  std::string_view data;
  std::string_view uid;
  std::string_view nsp;
  std::uint64_t number = 0;
  ClusterMessage decoded;
  Status status =
      read_fields(message->json, "the message", {{"type", type}, {"data", data}, {"uid", uid}, {"nsp", nsp}});
  if (status.ok()) status = read_number(type, "the type of the message", number);
  if (status.ok()) status = read_id(uid, "uid", decoded.uid);
  if (status.ok()) status = read_text(nsp, "nsp", decoded.nsp);
  if (status.ok()) status = read_adapter_parts(number, data, message->attachments, limits, decoded.body);
  if (!status.ok()) return status;
  return decoded;
}

std::optional<ClusterBody> adapter_request(std::uint64_t type, std::string_view request_id) {
  std::string id;
  if (!read_id(request_id, "requestId", id).ok()) return std::nullopt;
  ClusterBody body;
  switch (static_cast<MessageType>(type)) {
    case MessageType::broadcast:
      body.emplace<ClusterBroadcast>().request_id = std::move(id);
      return body;
    case MessageType::fetch_sockets:
      body.emplace<ClusterFetch>().request_id = std::move(id);
      return body;
    case MessageType::server_side_emit:
      body.emplace<ClusterServerEvent>().request_id = std::move(id);
      return body;
    default:
      return std::nullopt;
  }
}

std::optional<ClusterMessage> head_of_adapter_message(std::string_view bytes) {
  std::string type;
  std::string uid;
  std::string nsp;
  std::string id;
  if (!read_head(bytes, {{"type", type}, {"uid", uid}, {"nsp", nsp}}, "data", {{"requestId", id}})) return std::nullopt;
  ClusterMessage head;
  std::uint64_t number = 0;
  if (!read_number(type, "type", number).ok() || !read_id(uid, "uid", head.uid).ok() ||
      !read_text(nsp, "nsp", head.nsp).ok()) {
    return std::nullopt;
  }
  std::optional<ClusterBody> body = adapter_request(number, id);
  if (!body) return std::nullopt;
  head.body = *std::move(body);
  return head;
}

Result<std::string> encode_adapter_message(const ClusterMessage& message, AdapterForm form,
                                           const ClusterLimits& limits) {
  const std::optional<AdapterParts> parts = adapter_parts(message.body);
  if (!parts) return {Error::unsupported, "the adapter has no such message"};
  std::string json = "{";
  append_name(json, "type");
  json::append_number(json, static_cast<std::uint64_t>(parts->type));
  if (!parts->data.empty()) {
    append_name(json, "data");
    json += parts->data;
  }
  append_text_field(json, "uid", message.uid);
  append_text_field(json, "nsp", message.nsp);
  json += '}';
  if (form == AdapterForm::json && parts->attachments.empty()) {
    if (json.size() > limits.max_bytes) return limits.too_large();
    return json;
  }
  std::string bytes;
  Status status = append_msgpack(bytes, json, parts->attachments, limits);
  if (!status.ok()) return status;
  return bytes;
}

std::string sharded_channel(const ClusterMessage& message, std::string_view prefix, bool dynamic, std::string_view to) {
  const RedisChannels channels(prefix, message.nsp);
  if (is_answer(message.body)) return channels.main(to);
  const auto* broadcast = std::get_if<ClusterBroadcast>(&message.body);
  const bool own_channel = dynamic && broadcast != nullptr && broadcast->request_id.empty() &&
                           broadcast->target.rooms.size() == 1 &&
                           broadcast->target.rooms.front().size() != kSocketIdLength;
  return own_channel ? channels.main(broadcast->target.rooms.front()) : channels.main();
}

}  // namespace chat::wire
