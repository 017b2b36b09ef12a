// The options of a hub. Where the default is kUnlimited, a negative value means no limit.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hub/history.h"
#include "hub/message_ids.h"
#include "hub/room_log.h"
#include "hub/room_store.h"
#include "model/presence.h"
#include "model/types.h"

namespace chat {

class HubTap;

struct HubOptions {
  RoomStore* store = nullptr;  // makes the logs; must outlive the hub. nullptr: make_log does
  MakeRoomLog make_log;        // empty: MemoryLog with the limits in `history`
  HistoryLimits history;       // used by MemoryLog only; other logs have their own
  std::int64_t history_total_bytes = 256 << 20;
  std::int64_t max_rooms = 100'000;
  std::int64_t max_rooms_per_client = 100;
  std::int64_t max_clients = kUnlimited;
  std::int64_t max_clients_per_address = kUnlimited;
  std::int64_t max_connections_per_address = kUnlimited;
  std::int64_t max_rooms_per_address = kUnlimited;  // rooms created by clients of the address
  // The first room of each client is not counted.
  std::int64_t max_memberships = kUnlimited;
  std::int64_t max_memberships_per_address = kUnlimited;
  std::int64_t max_queued_bytes = kUnlimited;
  std::int64_t max_queued_bytes_per_address = kUnlimited;
  std::string default_room;  // may be created even when max_rooms is reached; empty: none
  std::vector<std::string> ephemeral_events;
  std::uint64_t last_client_number = 0;  // clients get higher numbers; see ClientId
  std::uint32_t node = 0;                // unique per server of a cluster, up to kMaxNode; see ClientId
  bool tells_published = false;          // post a PublishedNotice for each numbered message and event
  MessageIds::Limits message_ids;
  std::uint64_t epoch_seed = 0;                 // random, so epochs differ between runs
  PresenceLevel presence = PresenceLevel::off;  // of rooms whose level is not set
  std::int64_t presence_grace_ms = 15'000;
  std::string presence_event = "presence";  // the event name of presence notices in protocols that name events
  bool tells_presence = false;              // post a PublishedNotice for each change
  std::int64_t edit_window_ms = 3'600'000;  // see Dispatcher::may_change(); 0: senders cannot change their messages
  bool tells_audit = false;                 // post an AuditNotice for what is moderated
  bool tells_reports = false;               // post a ReportNotice for each report; otherwise nobody can report
  bool moderation_events = false;  // tell the members too, by an event; clients cannot publish events of that name
  // A display name belongs to one person of a room, and so do names that look like it; guests give way to users. Needs
  // check_name_keys().
  bool unique_names = false;
  std::vector<std::string>
      reserved_names;                   // guests cannot take these names, nor names that look like them (list_keys())
  std::function<void()> wake_presence;  // see PresenceQueue; empty: tell_presence() is called periodically
  HubTap* tap = nullptr;                // must outlive the hub; nullptr: nobody
};

}  // namespace chat
