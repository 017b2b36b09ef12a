// See guest_wire.h.
#include "guest/guest_wire.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "wire/socket_io_cluster/adapter_messages.h"
#include "wire/socket_io_cluster/python_messages.h"
#include "wire/socket_io_cluster/redis_messages.h"
#include "wire/socket_io_cluster/stream_entry.h"

namespace chat::guest {

GuestWire::GuestWire(const GuestSettings& settings) : settings_(settings) {
  for (const std::string& nsp : settings_.namespaces) {
    namespaces_.push_back({nsp, wire::RedisChannels(settings_.prefix, nsp)});
    if (settings_.adapter != Adapter::streams) continue;
    std::string stream = wire::stream_of_namespace(settings_.stream, settings_.streams, nsp);
    if (std::ranges::find(streams_, stream) == streams_.end()) streams_.push_back(std::move(stream));
  }
}

const GuestWire::Nsp* GuestWire::find(std::string_view nsp) const {
  const auto found = std::ranges::find(namespaces_, nsp, &Nsp::name);
  return found == namespaces_.end() ? nullptr : &*found;
}

std::string GuestWire::channel_of(std::string_view nsp, std::string_view room) const {
  const Nsp* const found = find(nsp);
  return found == nullptr ? std::string() : found->channels.main(room);
}

std::vector<GuestWire::Words> GuestWire::subscriptions() const {
  Words plain = {"SUBSCRIBE"};
  Words patterns = {"PSUBSCRIBE"};
  Words sharded = {"SSUBSCRIBE"};
  const bool is_sharded = settings_.adapter == Adapter::sharded || settings_.sharded_pubsub;
  for (const Nsp& nsp : namespaces_) {
    if (settings_.adapter == Adapter::redis) {
      patterns.push_back(nsp.channels.main_pattern());
      if (settings_.answers) plain.push_back(nsp.channels.request());
    } else {
      (is_sharded ? sharded : plain).push_back(nsp.channels.main());
    }
  }
  if (!settings_.python.empty()) plain.push_back(settings_.python);
  // The request channel last: who is counted there has all subscriptions.
  std::vector<Words> commands;
  for (Words* words : {&patterns, &plain, &sharded}) {
    if (words->size() > 1) commands.push_back(std::move(*words));
  }
  return commands;
}

std::optional<Incoming> GuestWire::if_ours(wire::ClusterMessage&& message, Way way) const {
  if (find(message.nsp) == nullptr || message.uid == settings_.uid) return std::nullopt;
  return Incoming{std::move(message), way};
}

// The arguments of a server-side event are never needed here.
Result<std::optional<Incoming>> GuestWire::refuse(Status why, std::optional<wire::ClusterMessage>&& head,
                                                  Way way) const {
  if (!head) return why;
  std::optional<Incoming> request = if_ours(*std::move(head), way);
  if (request && !std::holds_alternative<wire::ClusterServerEvent>(request->message.body)) {
    request->refused = std::move(why);
  }
  return request;
}

Result<std::optional<Incoming>> GuestWire::read_push(const redis::Value& push, const Wanted& wanted) const {
  const std::vector<redis::Value>& items = push.items;
  const std::string_view kind = items.empty() ? std::string_view() : items[0].text;
  const std::size_t count = kind == "pmessage" ? 4 : kind == "message" || kind == "smessage" ? 3 : 0;
  if (count == 0 || items.size() != count) return std::optional<Incoming>();
  return read(items[count - 2].text, items[count - 1].text, wanted);
}

Result<std::optional<Incoming>> GuestWire::read(std::string_view channel, std::string_view bytes,
                                                const Wanted& wanted) const {
  if (!settings_.python.empty() && channel == settings_.python) {
    Result<wire::ClusterMessage> message = wire::decode_python_message(bytes, limits_);
    if (!message.ok()) return message.status();
    return if_ours(std::move(*message), Way::python);
  }
  for (const Nsp& nsp : namespaces_) {
    const bool is_request = settings_.adapter == Adapter::redis && channel == nsp.channels.request();
    const std::optional<std::string_view> room = is_request ? std::string_view() : nsp.channels.suffix_of_main(channel);
    if (!room) continue;
    if (!room->empty() && !wanted(nsp.name, *room)) return std::optional<Incoming>();
    Result<wire::ClusterMessage> message = is_request ? wire::decode_redis_request(bytes, nsp.name, limits_)
                                           : settings_.adapter == Adapter::redis
                                               ? wire::decode_redis_broadcast(bytes, limits_)
                                               : wire::decode_adapter_message(bytes, limits_);
    if (!message.ok()) {
      std::optional<wire::ClusterMessage> head;
      if (is_request) {
        head = wire::head_of_redis_request(bytes, nsp.name);
      } else if (settings_.adapter != Adapter::redis) {
        head = wire::head_of_adapter_message(bytes);
      }
      return refuse(message.status(), std::move(head), Way::channel);
    }
    if (message->nsp != nsp.name) return std::optional<Incoming>();
    return if_ours(std::move(*message), Way::channel);
  }
  return std::optional<Incoming>();
}

Result<std::optional<Incoming>> GuestWire::read_entry(const redis::Value& fields) const {
  Pairs pairs;
  for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) {
    pairs.push_back({fields.items[i].text, fields.items[i + 1].text});
  }
  Result<wire::ClusterMessage> message = wire::decode_stream_entry(pairs, limits_);
  if (!message.ok()) return refuse(message.status(), wire::head_of_stream_entry(pairs), Way::stream);
  return if_ours(std::move(*message), Way::stream);
}

Result<GuestWire::Words> GuestWire::command(const wire::ClusterMessage& message, Way way, std::string_view to) const {
  if (settings_.adapter == Adapter::redis) {
    // Adapters before version 8 hear only the channel of answers to everyone, and all others hear it, too.
    Result<wire::ClusterPublication> made = wire::encode_redis(message, settings_.prefix);
    if (!made.ok()) return made.status();
    return Words{"PUBLISH", std::move(made->channel), std::move(made->bytes)};
  }
  if (settings_.adapter == Adapter::sharded) {
    Result<std::string> bytes = wire::encode_adapter_message(message, wire::AdapterForm::json);
    if (!bytes.ok()) return bytes.status();
    return Words{"SPUBLISH", wire::sharded_channel(message, settings_.prefix, settings_.dynamic, to),
                 std::move(*bytes)};
  }
  if (way == Way::channel && wire::bypasses_stream(message.body)) {
    Result<std::string> bytes = wire::encode_adapter_message(message, wire::AdapterForm::msgpack);
    if (!bytes.ok()) return bytes.status();
    const wire::RedisChannels channels(settings_.prefix, message.nsp);
    return Words{settings_.sharded_pubsub ? "SPUBLISH" : "PUBLISH", to.empty() ? channels.main() : channels.main(to),
                 std::move(*bytes)};
  }
  Result<Pairs> fields = wire::encode_stream_entry(message);
  if (!fields.ok()) return fields.status();
  Words words = {"XADD",
                 wire::stream_of_namespace(settings_.stream, settings_.streams, message.nsp),
                 "MAXLEN",
                 "~",
                 std::to_string(settings_.max_length),
                 "*"};
  for (Pair& field : *fields) {
    words.push_back(std::move(field.name));
    words.push_back(std::move(field.value));
  }
  return words;
}

}  // namespace chat::guest
