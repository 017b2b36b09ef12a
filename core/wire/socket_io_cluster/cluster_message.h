// What the nodes of a Socket.IO cluster tell each other, in one form for all adapters: the Redis adapter
// (redis_messages.h), the sharded Redis adapter and the Redis streams adapter (adapter_messages.h, stream_entry.h), and
// python-socketio (python_messages.h).
//
// Values of users are PlacedJson. JSON of arguments is a checked array (check_args()).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "wire/socket_io_cluster/placed_json.h"

namespace chat::wire {

inline constexpr std::size_t kMaxClusterIdBytes = 512;          // of a node or a request
inline constexpr std::string_view kClusterEmitter = "emitter";  // the uid of programs that publish and are no node

// The sockets that a message is for. The room of a socket's id has this socket alone.
struct ClusterTarget {
  std::vector<std::string> rooms;   // in any of these; none: all of the namespace
  std::vector<std::string> except;  // in none of these
  bool is_volatile = false;
  std::uint64_t timeout_ms = 0;  // of the origin, for acknowledgements and answers; 0: not said

  bool operator==(const ClusterTarget&) const = default;
};

struct ClusterEvent {
  std::string name;
  PlacedJson args;  // without the name
};

// The messages. A request with a request_id wants an answer with the same one, from every node.

struct ClusterBroadcast {
  ClusterEvent event;
  ClusterTarget target;
  std::string
      request_id;  // not empty: acknowledgements are wanted, a ClusterClientCount and a ClusterAck for each socket
};

// The join, leave and disconnect of adapters before version 7 name one socket, have a request_id, and are answered by the node
// that has the socket, with ClusterDone.
struct ClusterJoin {
  ClusterTarget target;
  std::vector<std::string> rooms;
  std::string request_id;
};
struct ClusterLeave {
  ClusterTarget target;
  std::vector<std::string> rooms;
  std::string request_id;
};
struct ClusterDisconnect {
  ClusterTarget target;
  bool close = false;  // the connection, too, not only the namespace
  std::string request_id;
};

struct ClusterFetch {
  ClusterTarget target;
  std::string request_id;
};
struct ClusterServerEvent {
  ClusterEvent event;
  std::string request_id;  // empty: no answer is wanted
};
// Of the Redis adapter only. The ids of the sockets in any of the rooms (none: of all), and the names of all rooms.
struct ClusterListIds {
  std::vector<std::string> rooms;
  std::string request_id;
};
struct ClusterListRooms {
  std::string request_id;
};

// The answers.

struct ClusterSocket {
  std::string id;
  std::string handshake;  // a JSON object
  std::vector<std::string> rooms;
  std::string data;  // JSON, whose placeholders refer to the attachments of the answer. Empty: undefined
};
struct ClusterSockets {
  std::vector<ClusterSocket> sockets;
  std::vector<std::string> attachments;
  std::string request_id;
};
struct ClusterIds {
  std::vector<std::string> ids;
  std::string request_id;
};
struct ClusterRooms {
  std::vector<std::string> rooms;
  std::string request_id;
};
// The arguments of an acknowledgement. The adapters of Node.js transmit only the first one.
struct ClusterServerAnswer {
  PlacedJson args;
  std::string request_id;
};
struct ClusterClientCount {
  std::uint64_t count = 0;  // of the acknowledgements that will follow
  std::string request_id;
};
struct ClusterAck {
  PlacedJson args;
  std::string request_id;
};
struct ClusterDone {
  std::string request_id;
};

// Of adapters that count nodes by heartbeats. A node answers the first one of another node with its own.
struct ClusterHeartbeat {
  bool first = false;
};
struct ClusterGoodbye {};

using ClusterBody =
    std::variant<ClusterBroadcast, ClusterJoin, ClusterLeave, ClusterDisconnect, ClusterFetch, ClusterServerEvent,
                 ClusterListIds, ClusterListRooms, ClusterSockets, ClusterIds, ClusterRooms, ClusterServerAnswer,
                 ClusterClientCount, ClusterAck, ClusterDone, ClusterHeartbeat, ClusterGoodbye>;

struct ClusterMessage {
  std::string uid;  // of the sender; kClusterEmitter; empty when the format does not have it
  std::string nsp = "/";
  ClusterBody body;
};

// What is sent to Redis by PUBLISH or SPUBLISH.
struct ClusterPublication {
  std::string channel;
  std::string bytes;
};

}  // namespace chat::wire
