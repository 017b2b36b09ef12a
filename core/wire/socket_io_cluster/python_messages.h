// The messages of python-socketio 5.18 (RedisManager, AsyncRedisManager and the other managers of its PubSubManager), JSON
// on one channel for all namespaces, `socketio` by default.
//
// | method | here |
// |---|---|
// | emit | ClusterBroadcast. request_id is the JSON of `callback`, to be returned as it is in a ClusterAck |
// | callback | ClusterAck. uid is the node that asked, not the sender |
// | enter_room, leave_room | ClusterJoin, ClusterLeave, whose target is the room of the socket's id |
// | close_room | ClusterLeave, of all members of the room |
// | disconnect | ClusterDisconnect, of the namespace only |
//
// Binary data is in base64, beside placeholders (`binary`). Versions before 5.14 sent messages by pickle, which is refused:
// reading it can run code of the sender. Versions before 5.16 sent a single argument without a list around it, so a list
// that was meant as one argument is read as several. There are no requests: a node does not learn of the sockets of other
// nodes.
#pragma once

#include <string>
#include <string_view>

#include "model/types.h"
#include "wire/socket_io_cluster/cluster_message.h"

namespace chat::wire {

// Errors: those of decode_redis_broadcast(). Python writes NaN and the infinities as words, which are no JSON: invalid_json.
Result<ClusterMessage> decode_python_message(std::string_view bytes, const ClusterLimits& limits = {});

// A ClusterBroadcast without a request_id (one of ours would have to be a `callback`), a ClusterAck whose request_id came
// from decode_python_message(), a ClusterDisconnect, or a ClusterJoin or ClusterLeave with one room of the target and one
// room. uid: of this node; of a ClusterAck, of the node that asked. Errors: too_large, unsupported (any other message).
Result<std::string> encode_python_message(const ClusterMessage& message, const ClusterLimits& limits = {});

}  // namespace chat::wire
