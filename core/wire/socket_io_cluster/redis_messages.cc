// See redis_messages.h.
#include "wire/socket_io_cluster/redis_messages.h"

#include <array>
#include <optional>
#include <span>
#include <utility>

#include "wire/json/json.h"
#include "wire/socket_io_cluster/cluster_fields.h"
#include "wire/socket_io_cluster/cluster_head.h"
#include "wire/socket_io_cluster/json_to_msgpack.h"
#include "wire/socket_io_cluster/msgpack_to_json.h"
#include "wire/socket_io_cluster/redis_channels.h"

namespace chat::wire {
namespace {

using namespace cluster;

// RequestType of the adapter.
enum class RequestType : std::uint64_t {
  sockets = 0,
  all_rooms = 1,
  remote_join = 2,
  remote_leave = 3,
  remote_disconnect = 4,
  remote_fetch = 5,
  server_side_emit = 6,
  broadcast = 7,
  broadcast_client_count = 8,
  broadcast_ack = 9,
};

class RequestReader {
 public:
  RequestReader(PlacedJson& message, const ClusterLimits& limits) : message_(message), limits_(limits) {}

  Status read(ClusterMessage& request) {
    std::string_view type;
    std::string_view uid;
    Status status = read_fields(message_.json, "the request",
                                {{"type", type},
                                 {"uid", uid},
                                 {"requestId", request_id_},
                                 {"opts", opts_},
                                 {"rooms", rooms_},
                                 {"room", room_},
                                 {"sid", sid_},
                                 {"close", close_},
                                 {"data", data_},
                                 {"packet", packet_}});
    std::uint64_t number = 0;
    if (status.ok()) status = read_number(type, "the type of the request", number);
    if (status.ok()) status = read_optional_id(uid, "uid", request.uid);
    if (!status.ok()) return status;
    switch (static_cast<RequestType>(number)) {
      case RequestType::sockets:
        return list_ids(request.body.emplace<ClusterListIds>());
      case RequestType::all_rooms:
        return read_id(request_id_, "requestId", request.body.emplace<ClusterListRooms>().request_id);
      case RequestType::remote_join:
        return move(request.body.emplace<ClusterJoin>());
      case RequestType::remote_leave:
        return move(request.body.emplace<ClusterLeave>());
      case RequestType::remote_disconnect: {
        auto& disconnect = request.body.emplace<ClusterDisconnect>();
        disconnect.close = is_true(close_);
        return read_whom(disconnect);
      }
      case RequestType::remote_fetch:
        return read_asked(request.body.emplace<ClusterFetch>());
      case RequestType::server_side_emit: {
        auto& event = request.body.emplace<ClusterServerEvent>();
        status = read_optional_id(request_id_, "requestId", event.request_id);
        return status.ok() ? read_event(data_, std::move(message_.attachments), event.event) : status;
      }
      case RequestType::broadcast: {
        auto& broadcast = request.body.emplace<ClusterBroadcast>();
        status = read_asked(broadcast);
        return status.ok() ? read_packet(packet_, std::move(message_.attachments), broadcast.event) : status;
      }
      default:
        return {Error::unsupported, "a request of type " + std::to_string(number)};
    }
  }

 private:
  Status list_ids(ClusterListIds& request) {
    Status status = read_names(rooms_, "rooms", limits_, request.rooms);
    return status.ok() ? read_id(request_id_, "requestId", request.request_id) : status;
  }

  template <class Body>
  Status read_asked(Body& request) {
    Status status = read_target(opts_, limits_, request.target);
    return status.ok() ? read_id(request_id_, "requestId", request.request_id) : status;
  }

  // Since version 7 there are opts, and no answer. Before, it is one socket.
  template <class Body>
  Status read_whom(Body& request) {
    if (!opts_.empty()) return read_target(opts_, limits_, request.target);
    Status status = read_id(sid_, "sid", request.target.rooms.emplace_back());
    return status.ok() ? read_id(request_id_, "requestId", request.request_id) : status;
  }

  template <class Body>
  Status move(Body& request) {
    Status status = read_whom(request);
    if (!status.ok()) return status;
    if (!opts_.empty()) return read_names(rooms_, "rooms", limits_, request.rooms);
    return read_text(room_, "room", request.rooms.emplace_back());
  }

  PlacedJson& message_;
  const ClusterLimits& limits_;
  std::string_view request_id_;
  std::string_view opts_;
  std::string_view rooms_;
  std::string_view room_;
  std::string_view sid_;
  std::string_view close_;
  std::string_view data_;
  std::string_view packet_;
};

class ResponseReader {
 public:
  ResponseReader(PlacedJson& message, const ClusterLimits& limits) : message_(message), limits_(limits) {}

  Status read(ClusterBody& body) {
    Status status = read_fields(message_.json, "the answer",
                                {{"type", type_},
                                 {"requestId", request_id_},
                                 {"sockets", sockets_},
                                 {"rooms", rooms_},
                                 {"data", data_},
                                 {"clientCount", count_},
                                 {"packet", packet_}});
    std::string request_id;
    if (status.ok()) status = read_id(request_id_, "requestId", request_id);
    if (!status.ok()) return status;
    status = type_.empty() ? read_untyped(body) : read_typed(body);
    if (!status.ok()) return status;
    std::visit(
        [&](auto& answer) {
          if constexpr (requires { answer.request_id; }) answer.request_id = std::move(request_id);
        },
        body);
    return {};
  }

 private:
  Status read_untyped(ClusterBody& body) {
    if (!rooms_.empty()) return read_names(rooms_, "rooms", limits_, body.emplace<ClusterRooms>().rooms);
    if (sockets_.empty()) {
      body.emplace<ClusterDone>();
      return {};
    }
    const std::string_view first = json::kind_of(sockets_) == json::Kind::array ? json::inside_of(sockets_) : sockets_;
    if (!first.empty() && json::kind_of(first) == json::Kind::string) {
      return read_names(sockets_, "sockets", limits_, body.emplace<ClusterIds>().ids);
    }
    return read_sockets(sockets_, message_, limits_, body.emplace<ClusterSockets>());
  }

  Status read_typed(ClusterBody& body) {
    std::uint64_t type = 0;
    if (Status status = read_number(type_, "the type of the answer", type); !status.ok()) return status;
    switch (static_cast<RequestType>(type)) {
      case RequestType::server_side_emit:
        return read_argument(data_, std::move(message_.attachments), body.emplace<ClusterServerAnswer>().args);
      case RequestType::broadcast_client_count:
        return read_number(count_, "clientCount", body.emplace<ClusterClientCount>().count);
      case RequestType::broadcast_ack:
        return read_argument(packet_, std::move(message_.attachments), body.emplace<ClusterAck>().args);
      default:
        return {Error::unsupported, "an answer of type " + std::to_string(type)};
    }
  }

  PlacedJson& message_;
  const ClusterLimits& limits_;
  std::string_view type_;
  std::string_view request_id_;
  std::string_view sockets_;
  std::string_view rooms_;
  std::string_view data_;
  std::string_view count_;
  std::string_view packet_;
};

// Writes one message as JSON, with the members in the adapter's order.
class Writer {
 public:
  explicit Writer(const ClusterMessage& message) : message_(message) {}

  bool write() { return std::visit(*this, message_.body); }

  const std::string& json() const { return json_; }
  bool is_msgpack() const { return is_msgpack_ || !attachments_.empty(); }
  std::span<const std::string> attachments() const { return attachments_; }

  bool operator()(const ClusterBroadcast& broadcast) {
    is_msgpack_ = true;
    attachments_ = broadcast.event.args.attachments;
    if (!broadcast.request_id.empty()) {
      begin_request(RequestType::broadcast, broadcast.request_id);
      append_name(json_, "packet");
      append_packet(broadcast.event);
      append_opts(broadcast.target, true);
      return end();
    }
    json_ += '[';
    json::append_quoted(json_, message_.uid);
    json_ += ',';
    append_packet(broadcast.event);
    json_ += ',';
    append_target(json_, broadcast.target, true);
    json_ += ']';
    return true;
  }
  bool operator()(const ClusterJoin& join) { return write_move(RequestType::remote_join, join); }
  bool operator()(const ClusterLeave& leave) { return write_move(RequestType::remote_leave, leave); }
  bool operator()(const ClusterDisconnect& disconnect) {
    begin_request(RequestType::remote_disconnect, {});
    append_opts(disconnect.target, false);
    append_name(json_, "close");
    json_ += disconnect.close ? "true" : "false";
    return end();
  }
  bool operator()(const ClusterFetch& fetch) {
    begin_request(RequestType::remote_fetch, fetch.request_id);
    append_opts(fetch.target, false);
    return end();
  }
  bool operator()(const ClusterServerEvent& event) {
    attachments_ = event.event.args.attachments;
    begin_request(RequestType::server_side_emit, event.request_id);
    append_name(json_, "data");
    append_event(json_, event.event);
    return end();
  }
  bool operator()(const ClusterListIds& request) {
    begin_request(RequestType::sockets, request.request_id);
    append_name(json_, "rooms");
    append_names(json_, request.rooms);
    return end();
  }
  bool operator()(const ClusterListRooms& request) {
    begin_request(RequestType::all_rooms, request.request_id);
    return end();
  }
  bool operator()(const ClusterSockets& answer) {
    attachments_ = answer.attachments;
    begin_answer({}, answer.request_id);
    append_name(json_, "sockets");
    append_sockets(json_, answer.sockets);
    return end();
  }
  bool operator()(const ClusterIds& answer) {
    begin_answer({}, answer.request_id);
    append_name(json_, "sockets");
    append_names(json_, answer.ids);
    return end();
  }
  bool operator()(const ClusterRooms& answer) {
    begin_answer({}, answer.request_id);
    append_name(json_, "rooms");
    append_names(json_, answer.rooms);
    return end();
  }
  bool operator()(const ClusterServerAnswer& answer) {
    attachments_ = answer.args.attachments;
    begin_answer(RequestType::server_side_emit, answer.request_id);
    append_argument_field(json_, "data", answer.args);
    return end();
  }
  bool operator()(const ClusterClientCount& answer) {
    begin_answer(RequestType::broadcast_client_count, answer.request_id);
    append_name(json_, "clientCount");
    json::append_number(json_, answer.count);
    return end();
  }
  bool operator()(const ClusterAck& answer) {
    is_msgpack_ = true;
    attachments_ = answer.args.attachments;
    begin_answer(RequestType::broadcast_ack, answer.request_id);
    append_argument_field(json_, "packet", answer.args);
    return end();
  }
  bool operator()(const ClusterDone& answer) {
    begin_answer({}, answer.request_id);
    return end();
  }
  bool operator()(const ClusterHeartbeat&) { return false; }
  bool operator()(const ClusterGoodbye&) { return false; }

 private:
  void begin_request(RequestType type, std::string_view request_id) {
    json_ += '{';
    if (!message_.uid.empty()) append_text_field(json_, "uid", message_.uid);
    if (!request_id.empty()) append_text_field(json_, "requestId", request_id);
    append_type(type);
  }

  void begin_answer(std::optional<RequestType> type, std::string_view request_id) {
    json_ += '{';
    if (type) append_type(*type);
    append_text_field(json_, "requestId", request_id);
  }

  bool end() {
    json_ += '}';
    return true;
  }

  void append_type(RequestType type) {
    append_name(json_, "type");
    json::append_number(json_, static_cast<std::uint64_t>(type));
  }

  void append_opts(const ClusterTarget& target, bool with_flags) {
    append_name(json_, "opts");
    append_target(json_, target, with_flags);
  }

  void append_packet(const ClusterEvent& event) {
    json_ += "{\"type\":2,\"data\":";
    append_event(json_, event);
    append_text_field(json_, "nsp", message_.nsp);
    json_ += '}';
  }

  template <class Body>
  bool write_move(RequestType type, const Body& move) {
    begin_request(type, {});
    append_opts(move.target, false);
    append_name(json_, "rooms");
    append_names(json_, move.rooms);
    return end();
  }

  const ClusterMessage& message_;
  std::string json_;
  std::span<const std::string> attachments_;
  bool is_msgpack_ = false;
};

bool is_answer(const ClusterBody& body) {
  return std::holds_alternative<ClusterSockets>(body) || std::holds_alternative<ClusterIds>(body) ||
         std::holds_alternative<ClusterRooms>(body) || std::holds_alternative<ClusterServerAnswer>(body) ||
         std::holds_alternative<ClusterClientCount>(body) || std::holds_alternative<ClusterAck>(body) ||
         std::holds_alternative<ClusterDone>(body);
}

std::string channel_of(const ClusterMessage& message, const RedisChannels& channels, std::string_view to) {
  if (is_answer(message.body)) return to.empty() ? channels.response() : channels.response(to);
  const auto* broadcast = std::get_if<ClusterBroadcast>(&message.body);
  if (broadcast == nullptr || !broadcast->request_id.empty()) return channels.request();
  return broadcast->target.rooms.size() == 1 ? channels.main(broadcast->target.rooms.front()) : channels.main();
}

}  // namespace

Result<ClusterMessage> decode_redis_broadcast(std::string_view bytes, const ClusterLimits& limits) {
  Result<PlacedJson> message = msgpack_to_json(bytes, limits);
  if (!message.ok()) return message.status();
  json::ElementReader elements(message->json, json::TokenReader::kDepthCeiling);
  std::array<std::string_view, 3> parts;  // the uid, the packet and its options
  for (std::string_view& part : parts) {
    if (!elements.next(part)) return {Error::invalid_argument, "a broadcast is not an array of three"};
  }
  ClusterMessage decoded;
  auto& broadcast = decoded.body.emplace<ClusterBroadcast>();
  std::string_view nsp;
  Status status = read_id(parts[0], "uid", decoded.uid);
  if (status.ok()) status = read_fields(parts[1], "packet", {{"nsp", nsp}});
  if (status.ok() && !nsp.empty()) status = read_text(nsp, "nsp", decoded.nsp);
  if (status.ok()) status = read_target(parts[2], limits, broadcast.target);
  if (status.ok()) status = read_packet(parts[1], std::move(message->attachments), broadcast.event);
  if (!status.ok()) return status;
  return decoded;
}

Result<ClusterMessage> decode_redis_request(std::string_view bytes, std::string_view nsp, const ClusterLimits& limits) {
  Result<PlacedJson> message = read_json_or_msgpack(bytes, limits);
  if (!message.ok()) return message.status();
  ClusterMessage request;
  request.nsp = nsp;
  Status status = RequestReader(*message, limits).read(request);
  if (!status.ok()) return status;
  return request;
}

std::optional<ClusterMessage> head_of_redis_request(std::string_view bytes, std::string_view nsp) {
  std::string type;
  std::string uid;
  std::string id;
  if (!read_head(bytes, {{"type", type}, {"uid", uid}, {"requestId", id}})) return std::nullopt;
  ClusterMessage request;
  request.nsp = nsp;
  std::uint64_t number = 0;
  std::string request_id;
  if (!read_number(type, "type", number).ok() || !read_optional_id(uid, "uid", request.uid).ok() ||
      !read_id(id, "requestId", request_id).ok()) {
    return std::nullopt;
  }
  switch (static_cast<RequestType>(number)) {
    case RequestType::sockets:
      request.body.emplace<ClusterListIds>().request_id = std::move(request_id);
      break;
    case RequestType::all_rooms:
      request.body.emplace<ClusterListRooms>().request_id = std::move(request_id);
      break;
    case RequestType::remote_fetch:
      request.body.emplace<ClusterFetch>().request_id = std::move(request_id);
      break;
    case RequestType::server_side_emit:
      request.body.emplace<ClusterServerEvent>().request_id = std::move(request_id);
      break;
    case RequestType::broadcast:
      request.body.emplace<ClusterBroadcast>().request_id = std::move(request_id);
      break;
    default:
      return std::nullopt;
  }
  return request;
}

Result<ClusterMessage> decode_redis_response(std::string_view bytes, std::string_view nsp,
                                             const ClusterLimits& limits) {
  Result<PlacedJson> message = read_json_or_msgpack(bytes, limits);
  if (!message.ok()) return message.status();
  ClusterMessage answer;
  answer.nsp = nsp;
  Status status = ResponseReader(*message, limits).read(answer.body);
  if (!status.ok()) return status;
  return answer;
}

Result<ClusterPublication> encode_redis(const ClusterMessage& message, std::string_view prefix, std::string_view to,
                                        const ClusterLimits& limits) {
  Writer writer(message);
  if (!writer.write()) return {Error::unsupported, "the Redis adapter has no such message"};
  ClusterPublication publication;
  publication.channel = channel_of(message, RedisChannels(prefix, message.nsp), to);
  if (writer.is_msgpack()) {
    Status status = append_msgpack(publication.bytes, writer.json(), writer.attachments(), limits);
    if (!status.ok()) return status;
  } else {
    if (writer.json().size() > limits.max_bytes) return limits.too_large();
    publication.bytes = writer.json();
  }
  return publication;
}

}  // namespace chat::wire
