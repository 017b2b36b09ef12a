// Which Engine.IO sessions there are, and on which loop each has its home: requests and sockets of a session may come to
// any loop. One for a server; any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "hub/string_map.h"
#include "hub/types.h"
#include "session/engine_io_request.h"

namespace chat::net {

class EngineIoRegistry {
 public:
  struct Entry {
    std::size_t home = 0;  // the index of its loop
    session::EngineIoTransport transport = session::EngineIoTransport::polling;
  };

  // Nothing but memory limits sessions that have no socket: whoever asks for handshakes and does nothing with them could
  // take all of it.
  static constexpr std::size_t kMaxPollingSessions = 16'384;

  // Limits may be kUnlimited. A session without a socket costs memory too, so it counts as one.
  EngineIoRegistry(std::int64_t max_sessions, std::int64_t max_sessions_per_address)
      : max_sessions_(max_sessions), max_sessions_per_address_(max_sessions_per_address) {}

  // too_many above a limit, those on polling above their own too. An empty address (a UNIX socket) has no limit of its own.
  // What add() would say now.
  Status check(const Entry& entry, const std::string& address) const;
  Status add(const std::string& sid, const Entry& entry, const std::string& address);
  std::optional<Entry> find(std::string_view sid) const;
  // The session has been upgraded, or has moved. Nothing when it is gone.
  void set(std::string_view sid, const Entry& entry);
  // Where it lives stays as it is.
  void set_transport(std::string_view sid, session::EngineIoTransport transport);
  void remove(std::string_view sid);
  std::size_t size() const;

 private:
  struct Session {
    Entry entry;
    std::string address;
  };

  void set_locked(Session& session, const Entry& entry);
  Status check_locked(const Entry& entry, const std::string& address) const;
  static bool is_polling(const Entry& entry) { return entry.transport == session::EngineIoTransport::polling; }

  const std::int64_t max_sessions_;
  const std::int64_t max_sessions_per_address_;
  mutable std::mutex mutex_;
  StringMap<Session> sessions_;
  StringMap<std::int64_t> by_address_;
  std::size_t polling_ = 0;
};

}  // namespace chat::net
