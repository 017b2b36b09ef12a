// Any bytes as a message of a Socket.IO cluster: the first byte chooses the format, the rest is the message. What is
// accepted must keep its limits, have arguments that the library can publish, and be read the same when it is written
// again, in every format that has such a message.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "fuzz.h"
#include "model/utf8.h"
#include "wire/json/json.h"
#include "wire/socket_io_cluster/adapter_messages.h"
#include "wire/socket_io_cluster/json_to_msgpack.h"
#include "wire/socket_io_cluster/msgpack_to_json.h"
#include "wire/socket_io_cluster/python_messages.h"
#include "wire/socket_io_cluster/redis_messages.h"
#include "wire/socket_io_cluster/stream_entry.h"

using namespace chat;
using namespace chat::fuzz;
using namespace chat::wire;

namespace {

constexpr std::uint8_t kPython = 5;
constexpr std::size_t kDepth = json::TokenReader::kDepthCeiling;

ClusterLimits small_limits() { return {.max_bytes = 4'096, .max_names = 8, .max_sockets = 4}; }

void check(const PlacedJson& args) { require(check_args(args.json, args.attachments.size()).ok()); }

void check(const ClusterEvent& event) {
  require(is_utf8(event.name));
  check(event.args);
}

void check(const ClusterTarget& target) {
  require(target.rooms.size() <= small_limits().max_names && target.except.size() <= small_limits().max_names);
}

void check(const ClusterSockets& answer) {
  require(answer.sockets.size() <= small_limits().max_sockets);
  for (const ClusterSocket& socket : answer.sockets) {
    require(json::check(socket.handshake, kDepth).ok() && is_utf8(socket.id));
    require(socket.data.empty() || json::check(socket.data, kDepth).ok());
  }
}

void check(const ClusterMessage& message) {
  require(message.uid.size() <= kMaxClusterIdBytes && is_utf8(message.uid) && is_utf8(message.nsp));
  std::visit(
      [](const auto& body) {
        if constexpr (requires { body.event; }) check(body.event);
        if constexpr (requires { body.args; }) check(body.args);
        if constexpr (requires { body.target; }) check(body.target);
        if constexpr (requires { body.sockets; }) check(body);
        if constexpr (requires { body.request_id; }) require(body.request_id.size() <= kMaxClusterIdBytes);
      },
      message.body);
}

// Numbers are written in another way, so the second time counts: what has been written once does not change any more.
void write_and_read(const ClusterMessage& message, bool python) {
  for (const AdapterForm form : {AdapterForm::json, AdapterForm::msgpack}) {
    const Result<std::string> bytes = encode_adapter_message(message, form);
    if (!bytes.ok()) {
      require(bytes.status().code == Error::unsupported || bytes.status().code == Error::too_large);
      break;
    }
    const Result<ClusterMessage> again = decode_adapter_message(*bytes);
    // These formats require a uid, which the others do not. An attachment with many placeholders becomes many.
    if (!again.ok()) {
      require(message.uid.empty() || again.status().code == Error::too_many);
      break;
    }
    check(*again);
    require(again->body.index() == message.body.index() && again->nsp == message.nsp);
    const Result<std::string> once_more = encode_adapter_message(*again, form);
    require(once_more.ok());
    const Result<ClusterMessage> third = decode_adapter_message(*once_more);
    require(third.ok() && *encode_adapter_message(*third, form) == *once_more);
  }
  if (const Result<Pairs> fields = encode_stream_entry(message); fields.ok() && !message.nsp.empty()) {
    const Result<ClusterMessage> again = decode_stream_entry(*fields);
    require(again.ok() || again.status().code == Error::too_many);
  }
  (void)encode_redis(message, "socket.io", "to");
  if (const Result<std::string> text = encode_python_message(message); text.ok()) {
    require(json::check(*text, kDepth).ok());
    require(!python || decode_python_message(*text).ok());
  }
}

void convert(std::string_view bytes) {
  const Result<PlacedJson> value = msgpack_to_json(bytes, small_limits());
  if (!value.ok()) return;
  require(json::check(value->json, kDepth).ok());
  std::string written;
  require(append_msgpack(written, value->json, value->attachments).ok());
  const Result<PlacedJson> again = msgpack_to_json(written);
  require(again.ok() && again->attachments == value->attachments);
  std::string once_more;
  require(append_msgpack(once_more, again->json, again->attachments).ok());
  require(once_more == written);
}

Result<ClusterMessage> decode(std::uint8_t format, std::string_view bytes) {
  switch (format % 6) {
    case 0:
      return decode_redis_broadcast(bytes, small_limits());
    case 1:
      return decode_redis_request(bytes, "/", small_limits());
    case 2:
      return decode_redis_response(bytes, "/", small_limits());
    case 3:
      return decode_adapter_message(bytes, small_limits());
    case 4: {
      // As the data of an entry. Redis does not give any type of text, but the bytes are any.
      const Pairs fields{
          {"uid", "u"}, {"nsp", "/"}, {"type", std::to_string(format / 6 % 15)}, {"data", std::string(bytes)}};
      return decode_stream_entry(fields, small_limits());
    }
    default:
      return decode_python_message(bytes, small_limits());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t format = input.choice();
  const Exact bytes(input.rest());
  convert(bytes.view());
  const Result<ClusterMessage> message = decode(format, bytes.view());
  if (!message.ok()) {
    require(!message.status().detail.empty());
    return 0;
  }
  check(*message);
  write_and_read(*message, format % 6 == kPython);
  return 0;
}
