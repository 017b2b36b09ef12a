// The counters of one loop, and their sums over all loops. Only the loop's thread writes its counters; other threads
// read them. A plain load and store therefore suffice.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "model/refusal.h"
#include "model/types.h"

namespace chat::net {

// One counter. Only its owner's thread may change it; any thread may read it.
class Counter {
 public:
  void add(std::uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

struct LoopStats {
  Counter connections_total;
  Counter connections_now;
  Counter messages_refused;
  Counter drops;
  Counter slow_disconnects;
  Counter bytes_in;
  Counter bytes_out;
  Counter http_requests;
  std::array<Counter, kProtocolCount> clients_now_by_protocol;
  std::array<Counter, kTransportCount> clients_now_by_transport;
  std::array<Counter, kProtocolCount> messages_in_by_protocol;
  std::array<Counter, kProtocolCount> deliveries_by_protocol;
  std::array<Counter, kTransportCount> messages_in_by_transport;
  std::array<Counter, kTransportCount> deliveries_by_transport;
};

// Of a history that is kept in a file.
struct HistoryStats {
  std::uint64_t stored = 0;
  std::uint64_t failed = 0;
  std::uint64_t forgotten = 0;
  std::uint64_t file_bytes_now = 0;
};

// Of a server in a cluster.
struct ClusterStats {
  std::uint64_t published = 0;  // messages that Redis has numbered for this server
  std::uint64_t received = 0;   // messages of other servers
  std::uint64_t failed = 0;     // messages that were refused, because Redis was gone or refused them
  std::uint64_t dropped = 0;    // unnumbered messages that could not be passed on, and messages that could not be read
  std::uint64_t batches = 0;    // calls of Redis for `published`
  std::uint64_t holes = 0;      // times that messages were fetched because a notice was missing
  std::uint64_t losses = 0;     // times that Redis was lost
  bool up_now = false;
  std::uint64_t rooms_now = 0;
  std::uint64_t servers_now = 0;
  std::uint64_t waiting_now = 0;  // messages
  std::uint64_t islands_now = 0;  // rooms whose messages this server numbers itself
  std::uint64_t merged = 0;       // messages of islands that Redis has numbered again
};

// Why a guest of a Socket.IO cluster did not pass something on.
enum class GuestDrop : std::uint8_t {
  malformed,    // from the cluster: not what the adapters write
  too_large,    // in either direction
  refused,      // from the cluster: against the rules for names, or a limit
  unavailable,  // to the cluster: Redis was gone too long, or refused it
  queue_full,   // to the cluster: too much waited for Redis
  no_memory,
};
inline constexpr std::size_t kGuestDrops = 6;

// Of a server that is the guest of a Socket.IO cluster.
struct GuestStats {
  std::uint64_t published = 0;  // messages of this server that Redis has taken
  std::uint64_t received = 0;   // events and requests of the cluster that concerned somebody here
  std::uint64_t answers = 0;    // to requests of the cluster
  std::uint64_t losses = 0;     // times that Redis was lost
  std::array<std::uint64_t, kGuestDrops> dropped{};
  bool up_now = false;
  std::uint64_t waiting_now = 0;  // messages
};

// Counted since the start, except fields with _now in their names, which are current values.
struct ServerStats {
  std::uint64_t connections_now = 0;
  std::uint64_t connections_total = 0;
  std::uint64_t messages_in = 0;
  std::uint64_t messages_refused = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t drops = 0;
  std::uint64_t slow_disconnects = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t http_requests = 0;
  std::array<std::uint64_t, kProtocolCount> clients_now_by_protocol{};
  std::array<std::uint64_t, kTransportCount> clients_now_by_transport{};
  std::array<std::uint64_t, kProtocolCount> messages_in_by_protocol{};
  std::array<std::uint64_t, kProtocolCount> deliveries_by_protocol{};
  std::array<std::uint64_t, kTransportCount> messages_in_by_transport{};
  std::array<std::uint64_t, kTransportCount> deliveries_by_transport{};
  std::array<std::uint64_t, kRefusalCount> refusals{};
};

}  // namespace chat::net
