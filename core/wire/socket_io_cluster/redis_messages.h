// The messages of @socket.io/redis-adapter 8.3, the classic one (createAdapter), and of @socket.io/redis-emitter 5.
//
// Broadcasts are MessagePack. Requests and answers are JSON, or MessagePack when they concern a broadcast with
// acknowledgements. The adapter also reads MessagePack for all others, so those with binary data are written as MessagePack
// here; the adapter itself writes them as JSON, in which a Buffer is {"type":"Buffer","data":[...]}.
//
// A node that subscribes to the request channel counts as a server, and must answer ClusterFetch, ClusterListIds,
// ClusterListRooms, ClusterServerEvent with a request_id, and ClusterBroadcast with a request_id. Messages of the own uid
// must be ignored by the caller, and so must messages of another namespace.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/types.h"
#include "wire/socket_io_cluster/cluster_message.h"

namespace chat::wire {

// A message of the channels RedisChannels::main(). Errors: encoding, invalid_json, invalid_utf8, invalid_argument,
// invalid_event, too_large, too_many, unsupported. They are the same for all decoders of the cluster.
Result<ClusterMessage> decode_redis_broadcast(std::string_view bytes, const ClusterLimits& limits = {});

// A message of RedisChannels::request(). nsp: of the channel.
Result<ClusterMessage> decode_redis_request(std::string_view bytes, std::string_view nsp,
                                            const ClusterLimits& limits = {});

// What decode_redis_request() has refused, with nothing but what an answer needs: uid, request_id and the kind, which is
// ClusterListIds, ClusterListRooms, ClusterFetch, ClusterServerEvent or ClusterBroadcast. nullopt: it wants no answer, or
// this cannot be read.
std::optional<ClusterMessage> head_of_redis_request(std::string_view bytes, std::string_view nsp);

// A message of RedisChannels::response(), with or without a uid. Most answers have no type. One with an empty list of
// sockets is ClusterSockets, also when it answers ClusterListIds.
Result<ClusterMessage> decode_redis_response(std::string_view bytes, std::string_view nsp,
                                             const ClusterLimits& limits = {});

// Any message but ClusterHeartbeat and ClusterGoodbye, and the channel to publish it on. to: of an answer, the uid of the
// node that asked; empty: the channel of answers to everyone. Adapters before version 8 hear only the latter. Names and ids
// must be UTF-8. Errors: too_large, unsupported (another kind of message).
Result<ClusterPublication> encode_redis(const ClusterMessage& message, std::string_view prefix,
                                        std::string_view to = {}, const ClusterLimits& limits = {});

}  // namespace chat::wire
