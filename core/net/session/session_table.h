// Which sessions a server has, and on which loop each lives, its home. Requests and sockets of a session may come to any loop
// and find it here. The table also limits how many sessions there are, in all and for each source, and evicts the oldest
// session without a client when there are too many. One for each server, for all protocols that have sessions. Knows no
// protocol, and no session but by its number. Every member function may be called from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/refusal.h"
#include "model/string_map.h"
#include "model/types.h"
#include "net/base/server_options.h"

namespace chat::net {

class SessionHome;

// Names a session. Never reused, so the number of a session that has ended finds nothing. 0: none.
using SessionNumber = std::uint64_t;

// Any of them may be kUnlimited. A session on polling or streaming needs no socket for some time, so only memory would limit those.
struct SessionLimits {
  std::int64_t total = kUnlimited;
  std::int64_t per_source = kUnlimited;
  std::int64_t polling = kMaxPollingSessions;
  std::int64_t polling_per_source = kUnlimited;
};
SessionLimits session_limits(const ServerOptions& options);

class SessionTable {
 public:
  struct Place {
    SessionNumber number = 0;
    std::size_t home = 0;  // the index of its loop
    Transport transport = Transport::polling;
  };
  // A session that made way for another. It is not in the table any more, and its home has to end it.
  struct Evicted {
    Place place;
    std::string address;
    Refusal reason = Refusal::sessions;
  };
  struct Claim {
    enum class Result : std::uint8_t { claimed, taken, refused };
    Result result = Result::refused;
    SessionNumber number = 0;             // claimed: of the new session. taken: of the session that has the id
    Refusal refusal = Refusal::sessions;  // refused: the limit
    std::vector<Evicted> evicted;
  };

  // A new session keeps its place at least this long, about a round trip, so that its first client can connect. A longer time
  // would help attackers that create sessions without end.
  static constexpr std::int64_t kGraceMs = 300;

  explicit SessionTable(const SessionLimits& limits) : limits_(limits) {}

  // Before a loop runs, in the order of the loops. The home must outlive all use of the table.
  void add_home(SessionHome& home) { homes_.push_back(&home); }
  SessionHome& home(std::size_t loop) const { return *homes_[loop]; }

  // The limit that claim() would exceed now. An empty address (a UNIX socket) has no limit of its own.
  std::optional<Refusal> check(Transport transport, const std::string& address, std::int64_t now_ms) const;
  // A new session with this id at this endpoint, without a client, at home on this loop. Only one of several claims of one id
  // succeeds, whichever threads they come from. A claim of an id that is taken evicts nobody. now_ms: of the clock of the
  // loops.
  Claim claim(const Endpoint& endpoint, const std::string& id, std::size_t home, Transport transport,
              const std::string& address, std::int64_t now_ms);
  std::optional<Place> find(const Endpoint& endpoint, std::string_view id) const;
  std::optional<Place> find(SessionNumber number) const;

  // Of a session that has ended these change nothing.
  void set_home(SessionNumber number, std::size_t home);
  void set_transport(SessionNumber number, Transport transport);
  // Whether the session has no client and none that is connecting.
  void set_idle(SessionNumber number, bool idle, std::int64_t now_ms);
  // The session has ended. Its id is free.
  void remove(SessionNumber number);
  std::size_t size() const;

 private:
  struct Entry;
  using Ids = StringMap<SessionNumber>;
  // Sessions without a client, the oldest first.
  using Idle = std::list<Entry*>;
  struct Group {  // all sessions, or those of one source
    std::int64_t sessions = 0;
    std::int64_t polling = 0;
    std::array<Idle, 2> idle;  // by is_polling()
  };
  struct Entry {
    Place place;
    const Endpoint* endpoint = nullptr;
    const Ids::value_type* id = nullptr;
    std::string address;
    StringMap<Group>::value_type* source = nullptr;
    std::int64_t idle_since_ms = 0;
    std::uint64_t order = 0;  // among the idle ones
    bool idle = false;
    Idle unused_nodes;  // while it is not idle, its nodes of the lists
    Idle::iterator in_all{};
    Idle::iterator in_source{};
  };
  using Entries = std::unordered_map<SessionNumber, Entry>;

  static bool is_polling(const Entry& entry) { return entry.place.transport != Transport::websocket; }
  static Entry* oldest(const Group& group, bool polling_only);
  // The limit that is reached, and in `victim` the session that can make way, or nullptr.
  std::optional<Refusal> full(bool polling, const std::string& source, std::int64_t now_ms, Entry*& victim) const;
  Entry* find_entry(SessionNumber number);
  void link(Entry& entry);
  void unlink(Entry& entry);
  void remove_entry(Entry& entry);

  const SessionLimits limits_;
  std::vector<SessionHome*> homes_;
  mutable std::mutex mutex_;
  Entries entries_;
  std::unordered_map<const Endpoint*, Ids> ids_;
  Group all_;
  StringMap<Group> by_source_;
  SessionNumber last_number_ = 0;
  std::uint64_t last_order_ = 0;
};

}  // namespace chat::net
