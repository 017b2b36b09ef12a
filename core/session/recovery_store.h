// Socket.IO's connection state recovery: what the server remembers about clients that lost their connection, by their secret
// (pid). A record ends when the client reconnects or the time is over. The store also knows which client has which secret
// now, because a client may reconnect before its loss is noticed. One for each server. Every member function may be called
// from any thread. now_ms is a monotonic clock in milliseconds.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hub/client.h"
#include "hub/room.h"
#include "model/string_map.h"
#include "session/delivery_log.h"

namespace chat::session {

struct RecoveryRecord {
  std::string sid;  // that of the Socket.IO client, not of the Engine.IO session
  std::string nsp;
  ClientId client = 0;
  Identity identity;
  DeliveryLog log;
  std::vector<ClientId> earlier = {};  // the clients that this one has continued, the latest first
  std::vector<RoomHold> rooms = {};    // keep the numbering of its rooms
};

class RecoveryStore {
 public:
  // A window of kUnlimited or 0: nothing is remembered. All records together have at most max_bytes (kUnlimited: no limit);
  // the oldest are dropped first.
  RecoveryStore(std::int64_t window_ms, std::int64_t max_bytes) : window_ms_(window_ms), max_bytes_(max_bytes) {}

  bool enabled() const { return window_ms_ > 0; }
  std::int64_t window_ms() const { return window_ms_; }

  // The client has the pid now, until put(), or until end() if the client cannot be continued.
  void begin(const std::string& pid, const std::string& nsp, ClientPtr client);
  void end(std::string_view pid);
  // The client that has the pid. nullptr: none, or one in another namespace.
  ClientPtr holder(std::string_view pid, std::string_view nsp) const;

  // Replaces the record of this pid. A record that is larger than max_bytes is not kept.
  void put(std::string pid, RecoveryRecord record, std::int64_t now_ms);

  // The sid of the record that take() would return; nullopt if it would return none.
  std::optional<std::string> find_sid(std::string_view pid, std::string_view nsp, std::int64_t now_ms) const;
  // Removes and returns the record. nullopt: the pid is unknown, or the record is older than window_ms or of another
  // namespace (then it stays).
  std::optional<RecoveryRecord> take(std::string_view pid, std::string_view nsp, std::int64_t now_ms);

  // Drops records that are too old. To be called every few seconds.
  void expire(std::int64_t now_ms);

  std::size_t size() const;
  std::size_t bytes() const;

 private:
  struct Entry {
    std::string pid;
    RecoveryRecord record;
    std::int64_t put_at_ms = 0;
    std::size_t bytes = 0;
  };
  using Entries = std::list<Entry>;

  static std::size_t memory_bytes(const Entry& entry);
  void drop(Entries::iterator entry, Entries& dropped);
  void drop_old(std::int64_t now_ms, Entries& dropped);

  const std::int64_t window_ms_;
  const std::int64_t max_bytes_;

  mutable std::mutex mutex_;
  Entries entries_;  // the oldest first
  std::unordered_map<std::string_view, Entries::iterator> by_pid_;
  std::size_t bytes_ = 0;

  struct Holder {
    std::string nsp;
    ClientPtr client;
  };
  StringMap<Holder> holders_;
};

}  // namespace chat::session
