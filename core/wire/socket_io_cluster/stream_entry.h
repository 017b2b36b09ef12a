// The entries of the stream of @socket.io/redis-streams-adapter 0.3 (XADD, XREAD). Their fields are uid, nsp, type (1 to
// 13, as in adapter_messages.h) and data. The data is JSON or, with binary data, MessagePack in base64; entries without
// data lack the field. An entry's id is the offset by which the adapter's clients recover.
//
// Sessions, which the adapter keeps under "sio:session:", are not covered here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/types.h"
#include "wire/socket_io_cluster/cluster_message.h"

namespace chat::wire {

// The stream of a namespace. count: the adapter's option streamCount. Like the adapter, it may give the number a second
// "-", and no node of Node.js reads such a stream.
std::string stream_of_namespace(std::string_view stream, std::size_t count, std::string_view nsp);

// True for messages that do not go into the stream but through Pub/Sub: encode_adapter_message() with AdapterForm::msgpack, on
// RedisChannels::main(), for answers that of the node.
bool bypasses_stream(const ClusterBody& body);

// fields: in any order. Unknown ones are ignored. Errors: those of decode_redis_broadcast().
Result<ClusterMessage> decode_stream_entry(const Pairs& fields, const ClusterLimits& limits = {});

// What decode_stream_entry() has refused; as head_of_adapter_message(). Versions before 0.3 have requests in the stream.
std::optional<ClusterMessage> head_of_stream_entry(const Pairs& fields);

// Errors: too_large, unsupported (the adapters have no such message).
Result<Pairs> encode_stream_entry(const ClusterMessage& message, const ClusterLimits& limits = {});

}  // namespace chat::wire
