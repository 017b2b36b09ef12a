// Which Engine.IO sessions there are, and on which loop each has its home: requests and sockets of a session may come to
// any loop. How many there may be in all and for each source, and whose goes first when there are too many: a session that has
// no namespace, the oldest first. One for a server; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/refusal.h"
#include "model/string_map.h"
#include "model/types.h"
#include "session/engine_io_request.h"

namespace chat::net {

// Any of them may be kUnlimited. A session on polling needs no socket, so only memory would limit those.
struct SessionLimits {
  std::int64_t total = kUnlimited;
  std::int64_t per_source = kUnlimited;
  std::int64_t polling = 16'384;
  std::int64_t polling_per_source = kUnlimited;
};

class EngineIoRegistry {
 public:
  struct Entry {
    std::size_t home = 0;  // the index of its loop
    Transport transport = Transport::polling;
  };
  // One that made way: it is no longer here, and its home is to end it.
  struct Evicted {
    std::string sid;
    std::size_t home = 0;
    std::string address;
    Refusal reason = Refusal::sessions;
  };

  // So much time a new session has in any case to enter a namespace: about a round trip. More would help those who make
  // sessions without end.
  static constexpr std::int64_t kGraceMs = 300;

  explicit EngineIoRegistry(const SessionLimits& limits) : limits_(limits) {}

  // Why add() would refuse now. An empty address (a UNIX socket) has no limit of its own.
  std::optional<Refusal> check(const Entry& entry, const std::string& address, std::int64_t now_ms) const;
  // A new session, which has no namespace yet. now_ms: of the clock of the loops.
  std::optional<Refusal> add(const std::string& sid, const Entry& entry, const std::string& address,
                             std::int64_t now_ms, std::vector<Evicted>& evicted);
  std::optional<Entry> find(std::string_view sid) const;
  // The session has been upgraded, or has moved. Nothing when it is gone.
  void set(std::string_view sid, const Entry& entry);
  // Where it lives stays as it is.
  void set_transport(std::string_view sid, Transport transport);
  // It has a namespace, or asks for one; or has none any more.
  void set_idle(std::string_view sid, bool idle, std::int64_t now_ms);
  void remove(std::string_view sid);
  std::size_t size() const;

 private:
  struct Session;
  // Without a namespace, since long ago first.
  using Idle = std::list<Session*>;
  struct Group {  // all sessions, or those of one source
    std::int64_t sessions = 0;
    std::int64_t polling = 0;
    std::array<Idle, 2> idle;  // by is_polling()
  };
  struct Session {
    std::string sid;
    Entry entry;
    std::string address;
    std::string source;
    std::int64_t idle_since_ms = 0;
    std::uint64_t order = 0;  // among those that are idle
    bool idle = false;
    Idle::iterator in_all{};
    Idle::iterator in_source{};
  };
  using Sessions = StringMap<Session>;

  static bool is_polling(const Entry& entry) { return entry.transport == Transport::polling; }
  static Session* oldest(const Group& group, bool polling_only);
  // The limit that is reached, and in `victim` who could make way for the new one, or nullptr.
  std::optional<Refusal> full(const Entry& entry, const std::string& source, std::int64_t now_ms,
                              Session*& victim) const;
  void link(Session& session);
  void unlink(Session& session);
  void set_locked(Session& session, const Entry& entry);
  void remove_locked(Sessions::iterator session);

  const SessionLimits limits_;
  mutable std::mutex mutex_;
  Sessions sessions_;
  Group all_;
  StringMap<Group> by_source_;
  std::uint64_t last_order_ = 0;
};

}  // namespace chat::net
