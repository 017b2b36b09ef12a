// Socket.IO's connection state recovery: what the server remembers of clients that lost their connection, by the secret that
// they were given (pid), until they come back or it has been too long; and who has which secret now, as a client may be back
// before its loss is noticed. One for each server. Every member function may be
// called from any thread; now_ms is any clock that does not go backwards, in milliseconds.
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
  std::string sid;  // of the Socket.IO client, not of the Engine.IO session
  std::string nsp;
  ClientId client = 0;
  Identity identity;
  DeliveryLog log;
  std::vector<ClientId> earlier = {};  // the clients that it continued itself, the latest first
  std::vector<RoomHold> rooms = {};    // so that its rooms number on while it is away
};

class RecoveryStore {
 public:
  // A window of kUnlimited, or 0: nothing is remembered. Within max_bytes for all of it (kUnlimited: none); the oldest go first.
  RecoveryStore(std::int64_t window_ms, std::int64_t max_bytes) : window_ms_(window_ms), max_bytes_(max_bytes) {}

  bool enabled() const { return window_ms_ > 0; }

  // A client has the pid now. It ends with put(), or with end() when nobody may continue it.
  void begin(const std::string& pid, const std::string& nsp, ClientPtr client);
  void end(std::string_view pid);
  // Who has it; nullptr: nobody, or in another namespace.
  ClientPtr holder(std::string_view pid, std::string_view nsp) const;

  // In the place of what the pid had before. A record that is too large alone is not kept.
  void put(std::string pid, RecoveryRecord record, std::int64_t now_ms);

  // The sid of the record that take() would return; nullopt when it would return none.
  std::optional<std::string> find_sid(std::string_view pid, std::string_view nsp, std::int64_t now_ms) const;
  // Once. nullopt: unknown, put more than window_ms ago, or of another namespace (that one stays).
  std::optional<RecoveryRecord> take(std::string_view pid, std::string_view nsp, std::int64_t now_ms);

  // Forgets what is too old. To be called every few seconds.
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
