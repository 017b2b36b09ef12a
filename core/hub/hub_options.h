// What a hub is made with. A negative limit is none where kUnlimited is its default.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hub/history.h"
#include "hub/room_log.h"
#include "model/types.h"

namespace chat {

struct HubOptions {
  MakeRoomLog make_log;   // empty: MemoryLog within these limits
  HistoryLimits history;  // a log of another kind has limits of its own
  std::int64_t history_total_bytes = 256 << 20;
  std::int64_t max_rooms = 100'000;
  std::int64_t max_rooms_per_client = 100;
  std::int64_t max_clients = kUnlimited;
  std::int64_t max_clients_per_address = kUnlimited;
  std::int64_t max_connections_per_address = kUnlimited;
  std::int64_t max_rooms_per_address = kUnlimited;  // that clients of the address have created
  // Besides the first room of each client.
  std::int64_t max_memberships = kUnlimited;
  std::int64_t max_memberships_per_address = kUnlimited;
  std::int64_t max_queued_bytes = kUnlimited;
  std::int64_t max_queued_bytes_per_address = kUnlimited;
  std::string default_room;  // appears also when there are max_rooms; empty: none is that
  std::vector<std::string> ephemeral_events;
  std::uint32_t node = 0;        // of several servers that act as one each has its own, up to kMaxNode: see ClientId
  bool tells_published = false;  // a loop is told of each numbered message: PublishedNotice
  std::uint64_t epoch_seed = 0;  // random, so that epochs differ between runs
};

}  // namespace chat
