// The messages of socket.io-adapter's cluster-adapter (2.5), types 1 to 13, which these adapters transmit:
//
// - @socket.io/redis-adapter 8, createShardedAdapter: by SPUBLISH, as JSON or, with binary data, as MessagePack.
// - @socket.io/redis-streams-adapter 0.3: broadcasts with acknowledgements, fetches, server-side events and all answers by
//   PUBLISH or SPUBLISH, as MessagePack. For the rest see stream_entry.h. Versions before 0.3 put everything into the stream.
//
// The decoder takes both forms for either. A ClusterDisconnect and the like have no request_id here, and there is no
// ClusterListIds, ClusterListRooms, ClusterIds, ClusterRooms and ClusterDone.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/types.h"
#include "wire/socket_io_cluster/cluster_message.h"

namespace chat::wire {

enum class AdapterForm : std::uint8_t {
  json,     // MessagePack when there is binary data
  msgpack,  // always
};

// Errors: those of decode_redis_broadcast().
Result<ClusterMessage> decode_adapter_message(std::string_view bytes, const ClusterLimits& limits = {});

// What decode_adapter_message() has refused, with nothing but what an answer needs: uid, nsp, request_id and the kind, which
// is ClusterFetch, ClusterServerEvent or ClusterBroadcast. nullopt: it wants no answer, or this cannot be read.
std::optional<ClusterMessage> head_of_adapter_message(std::string_view bytes);

// The channel is for the caller to choose, from RedisChannels. Errors: too_large, unsupported (the adapters have no such
// message).
Result<std::string> encode_adapter_message(const ClusterMessage& message, AdapterForm form,
                                           const ClusterLimits& limits = {});

// The channel on which the sharded adapter publishes a message. dynamic: its subscriptionMode is "dynamic" (the default),
// in which a room has a channel of its own unless its name looks like the id of a socket. to: of an answer, the uid of the
// node that asked.
std::string sharded_channel(const ClusterMessage& message, std::string_view prefix, bool dynamic,
                            std::string_view to = {});

// The parts of a message, for stream_entry.h. The type and the JSON of the data; nullopt: the adapters have no such
// message. The data is empty for the messages that have none. attachments: of the message.
struct AdapterParts {
  unsigned type = 0;
  std::string data;
  std::span<const std::string> attachments;
};
std::optional<AdapterParts> adapter_parts(const ClusterBody& body);
// The inverse: data is an object. Takes the attachments.
Status read_adapter_parts(std::uint64_t type, std::string_view data, std::vector<std::string>& attachments,
                          const ClusterLimits& limits, ClusterBody& body);
// Of a head. request_id: JSON. nullopt: as head_of_adapter_message().
std::optional<ClusterBody> adapter_request(std::uint64_t type, std::string_view request_id);

}  // namespace chat::wire
