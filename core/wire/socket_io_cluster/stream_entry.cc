// See stream_entry.h.
#include "wire/socket_io_cluster/stream_entry.h"

#include <bit>
#include <optional>
#include <utility>

#include "model/utf8.h"
#include "wire/base64.h"
#include "wire/json/json.h"
#include "wire/socket_io_cluster/adapter_messages.h"
#include "wire/socket_io_cluster/cluster_fields.h"
#include "wire/socket_io_cluster/cluster_head.h"
#include "wire/socket_io_cluster/json_to_msgpack.h"
#include "wire/socket_io_cluster/msgpack_to_json.h"

namespace chat::wire {
namespace {

// The adapter's hashCode(), over the UTF-16 code units of valid UTF-8.
std::int32_t hash_code(std::string_view text) {
  std::uint32_t hash = 0;
  const auto add = [&](std::uint32_t unit) { hash = hash * 31 + unit; };
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[i++]);
    const unsigned tails = lead < 0xC0 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    std::uint32_t code = tails == 0 ? lead : lead & (0x3FU >> tails);
    for (unsigned tail = 0; tail < tails && i < text.size(); ++tail) {
      code = code << 6 | (static_cast<std::uint8_t>(text[i++]) & 0x3FU);
    }
    if (code >= 0x10000) {
      add(0xD800 + ((code - 0x10000) >> 10));
      add(0xDC00 + ((code - 0x10000) & 0x3FF));
    } else {
      add(code);
    }
  }
  return std::bit_cast<std::int32_t>(hash);
}

Result<PlacedJson> read_data(std::string_view data, const ClusterLimits& limits) {
  if (data.empty()) return PlacedJson{};
  if (data.starts_with('{')) return cluster::read_json(data, limits);
  if (data.size() > base64_size(limits.max_bytes)) return limits.too_large();
  const std::optional<std::string> bytes = base64_decode(data);
  if (!bytes) return {Error::encoding, "data is neither a JSON object nor base64"};
  return msgpack_to_json(*bytes, limits);
}

// All but the data.
Status read_envelope(const Pairs& fields, ClusterMessage& message, std::uint64_t& type, std::string_view& data) {
  message.nsp.clear();
  std::string_view number;
  for (const Pair& field : fields) {
    if (field.name == "uid") message.uid = field.value;
    if (field.name == "nsp") message.nsp = field.value;
    if (field.name == "type") number = field.value;
    if (field.name == "data") data = field.value;
  }
  if (message.nsp.empty()) return {Error::invalid_argument, "the entry has no nsp"};
  if (!is_utf8(message.uid) || !is_utf8(message.nsp)) return {Error::invalid_utf8, "uid or nsp is not UTF-8"};
  if (message.uid.size() > kMaxClusterIdBytes) return {Error::too_large, "uid is too long"};
  return cluster::read_number(number, "the type of the entry", type);
}

}  // namespace

std::string stream_of_namespace(std::string_view stream, std::size_t count, std::string_view nsp) {
  std::string name(stream);
  if (count == 1) return name;
  name += '-';
  json::append_number(name, hash_code(nsp) % static_cast<std::int64_t>(count));
  return name;
}

bool bypasses_stream(const ClusterBody& body) {
  if (const auto* broadcast = std::get_if<ClusterBroadcast>(&body)) return !broadcast->request_id.empty();
  return !std::holds_alternative<ClusterJoin>(body) && !std::holds_alternative<ClusterLeave>(body) &&
         !std::holds_alternative<ClusterDisconnect>(body) && !std::holds_alternative<ClusterHeartbeat>(body) &&
         !std::holds_alternative<ClusterGoodbye>(body);
}

Result<ClusterMessage> decode_stream_entry(const Pairs& fields, const ClusterLimits& limits) {
  ClusterMessage message;
  std::uint64_t type = 0;
  std::string_view data;
  if (Status status = read_envelope(fields, message, type, data); !status.ok()) return status;
  Result<PlacedJson> json = read_data(data, limits);
  if (!json.ok()) return json.status();
  Status status = read_adapter_parts(type, json->json, json->attachments, limits, message.body);
  if (!status.ok()) return status;
  return message;
}

std::optional<ClusterMessage> head_of_stream_entry(const Pairs& fields) {
  ClusterMessage head;
  std::uint64_t type = 0;
  std::string_view data;
  if (!read_envelope(fields, head, type, data).ok()) return std::nullopt;
  std::optional<std::string> bytes;
  if (!data.starts_with('{')) {
    bytes = base64_decode(data);
    if (!bytes) return std::nullopt;
    data = *bytes;
  }
  std::string id;
  if (!cluster::read_head(data, {{"requestId", id}})) return std::nullopt;
  std::optional<ClusterBody> body = adapter_request(type, id);
  if (!body) return std::nullopt;
  head.body = *std::move(body);
  return head;
}

Result<Pairs> encode_stream_entry(const ClusterMessage& message, const ClusterLimits& limits) {
  std::optional<AdapterParts> parts = adapter_parts(message.body);
  if (!parts) return {Error::unsupported, "the adapter has no such message"};
  Pairs fields{{"uid", message.uid}, {"nsp", message.nsp}, {"type", std::to_string(parts->type)}};
  if (parts->data.empty()) return fields;
  std::string& data = fields.emplace_back(Pair{"data", {}}).value;
  if (parts->attachments.empty()) {
    if (parts->data.size() > limits.max_bytes) return limits.too_large();
    data = std::move(parts->data);
    return fields;
  }
  std::string bytes;
  if (Status status = append_msgpack(bytes, parts->data, parts->attachments, limits); !status.ok()) return status;
  append_base64(data, bytes);
  return fields;
}

}  // namespace chat::wire
