// What a server of a cluster counts. The worker's thread changes them, any thread reads them.
#pragma once

#include <atomic>
#include <cstdint>

namespace chat::cluster {

struct ClusterCounters {
  using Count = std::atomic<std::uint64_t>;

  Count published = 0;
  Count received = 0;
  Count failed = 0;
  Count dropped = 0;
  Count batches = 0;
  Count holes = 0;
  Count losses = 0;
  Count rooms = 0;
  Count servers = 0;
  Count merged = 0;
  Count islands = 0;                            // rooms
  Count waiting = 0;                            // messages
  std::atomic<std::int64_t> waiting_bytes = 0;  // of all steps and messages that wait
  std::atomic<std::int64_t> command_bytes = 0;  // of commands that concern no room and wait

  static void add(Count& count, std::uint64_t number = 1) { count.fetch_add(number, std::memory_order_relaxed); }
};

}  // namespace chat::cluster
