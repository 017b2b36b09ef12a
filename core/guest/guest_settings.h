// How a server takes part in a Socket.IO cluster as a guest: which Redis, which of the official adapters, and what of
// the cluster it sees.
//
// The URL is that of Redis (redis_url.h) with these keys in its query. Their values are percent-encoded.
//
// | key | what |
// |---|---|
// | adapter | redis (default), sharded, streams |
// | namespaces | the namespaces of the cluster, separated by commas; "/" by default. The first is the main one |
// | room_prefix | begins the names of all rooms in the cluster, and of none here |
// | prefix | the adapters' `key` or `channelPrefix`; "socket.io" by default |
// | requests | no: messages only. The server is then none of those that others ask. Only with adapter=redis |
// | subscriptions | of the sharded adapter: dynamic (default) or static, its `subscriptionMode` |
// | stream, streams, max_length | of the streams adapter: `streamName`, `streamCount`, `maxLen` |
// | pubsub | of the streams adapter: plain (default) or sharded, its `useShardedPubSub` |
// | python | a channel of python-socketio's managers to listen to, such as "socketio" |
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/moment.h"
#include "model/types.h"
#include "redis/redis_url.h"

namespace chat::guest {

enum class Adapter : std::uint8_t { redis, sharded, streams };

struct GuestSettings {
  redis::RedisTarget target;
  Adapter adapter = Adapter::redis;
  std::vector<std::string> namespaces = {"/"};
  std::string room_prefix;
  std::string prefix = "socket.io";
  bool answers = true;  // requests of other nodes
  bool dynamic = true;  // of the sharded adapter
  std::string stream = "socket.io";
  std::size_t streams = 1;
  std::uint64_t max_length = 10'000;  // of a stream
  bool sharded_pubsub = false;        // of the streams adapter
  std::string python;                 // empty: none

  // Set by the server, not by the URL.
  std::string uid;  // of this node: random
  std::string default_room;
  std::size_t max_message_bytes = 1 << 20;  // of one event from the cluster
  std::int64_t queue_bytes = 16 << 20;      // of messages that wait for Redis
  std::int64_t hold_ms = 5'000;             // they wait so long
  std::int64_t heartbeat_ms = 5'000;        // of the streams adapter
  std::size_t max_reply_bytes = std::size_t{64} << 20;
  std::function<Moment()> clock;
  std::function<void(LogLevel, const std::string&)> log;
};

// Reads the URL. invalid_argument with a sentence that never contains the password; unsupported for a Redis Cluster.
Result<GuestSettings> parse_guest_url(std::string_view url);

}  // namespace chat::guest
