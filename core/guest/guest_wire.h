// What the nodes of a Socket.IO cluster put where in Redis, for each kind of adapter: which channels and streams
// concern this server, what their bytes mean, and the command that tells the others something. Does no I/O.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/guest_settings.h"
#include "model/types.h"
#include "redis/redis_value.h"
#include "wire/socket_io_cluster/cluster_message.h"
#include "wire/socket_io_cluster/redis_channels.h"

namespace chat::guest {

// How a message has come. Its answer takes the same way.
enum class Way : std::uint8_t { channel, stream, python };

struct Incoming {
  wire::ClusterMessage message;
  Way way = Way::channel;
  // Not ok: it is a request that was refused for this reason, and has nothing but what an answer needs.
  Status refused = {};
};

class GuestWire {
 public:
  using Words = std::vector<std::string>;  // a command
  // Whether a broadcast to this room of the namespace concerns anybody here.
  using Wanted = std::function<bool(std::string_view nsp, std::string_view room)>;

  // The settings must outlive it.
  explicit GuestWire(const GuestSettings& settings);

  // The commands that subscribe to what is known from the start.
  std::vector<Words> subscriptions() const;
  // Whether rooms have channels of their own, which are to be subscribed to as they come, by SSUBSCRIBE.
  bool rooms_have_channels() const { return settings_.adapter == Adapter::sharded && settings_.dynamic; }
  std::string channel_of(std::string_view nsp, std::string_view room) const;
  // The streams to read; empty: none.
  const std::vector<std::string>& streams() const { return streams_; }

  // What a subscription has brought. nullopt: it concerns nobody here, or it is a confirmation. Errors: those of
  // wire::decode_redis_broadcast().
  Result<std::optional<Incoming>> read_push(const redis::Value& push, const Wanted& wanted) const;
  // The fields of an entry of a stream.
  Result<std::optional<Incoming>> read_entry(const redis::Value& fields) const;

  // The command that tells the others. to: of an answer, the uid of the node that asked, which used this way. Errors:
  // too_large, unsupported.
  Result<Words> command(const wire::ClusterMessage& message, Way way = Way::channel, std::string_view to = {}) const;

 private:
  struct Nsp {
    std::string name;
    wire::RedisChannels channels;
  };

  Result<std::optional<Incoming>> read(std::string_view channel, std::string_view bytes, const Wanted& wanted) const;
  std::optional<Incoming> if_ours(wire::ClusterMessage&& message, Way way) const;
  // head: what is left of a request that was refused.
  Result<std::optional<Incoming>> refuse(Status why, std::optional<wire::ClusterMessage>&& head, Way way) const;
  const Nsp* find(std::string_view nsp) const;

  const GuestSettings& settings_;
  const wire::ClusterLimits limits_;  // of whole messages; an event has a limit of its own, see GuestHub
  std::vector<Nsp> namespaces_;
  std::vector<std::string> streams_;
};

}  // namespace chat::guest
