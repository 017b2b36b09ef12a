// One connection to one Redis, by TCP or a UNIX socket, with TLS if wanted: connects, logs in, sends commands in a pipeline,
// and hands their answers over in order. It does not connect again; RedisLink does.
//
// Everything happens on the thread of the loop, and nothing is safe from another one. It may be destroyed at any time, also
// inside of its callbacks; libuv's handles close themselves in the next rounds of the loop.
#pragma once

#include <uv.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "model/types.h"
#include "redis/redis_tls.h"
#include "redis/redis_url.h"
#include "redis/redis_value.h"

namespace chat::redis {

struct ConnectionOptions {
  RedisAddress address;
  std::string user;                 // empty: Redis' default user
  std::string password;             // empty: no AUTH
  int db = 0;                       // 0: no SELECT
  std::string client_name;          // empty: no CLIENT SETNAME
  std::shared_ptr<TlsContext> tls;  // nullptr: no TLS
  int connect_limit_ms = 5000;      // until on_ready()
  int reply_limit_ms = 5000;        // the age of the oldest command without an answer that closes the connection
  int ping_interval_ms = 0;         // PING when nothing has come for this time and nothing waits for an answer; 0: none
  std::size_t max_reply_bytes = std::size_t{64} << 20;
  std::size_t max_queued_bytes = std::size_t{64} << 20;
  std::size_t max_waiting = 1'000'000;  // commands without an answer
};

// Called from the loop, never inside of open() or send(). Each function may call any function of the connection and destroy it.
// An exception that leaves one closes the connection.
class ConnectionUser {
 public:
  ConnectionUser() = default;
  ConnectionUser(const ConnectionUser&) = delete;
  ConnectionUser& operator=(const ConnectionUser&) = delete;
  virtual ~ConnectionUser() = default;

  // Connected and logged in: send() works from now on.
  virtual void on_ready() = 0;
  // The connection failed or ended, with a sentence that names the address; the commands that waited have been told before.
  // Nothing follows. Codes: unavailable, timed_out, permission (the login), certificate, too_large, system (not RESP2),
  // no_memory, internal.
  virtual void on_closed(const Status& why) = 0;
  // A message, or the confirmation of a subscription.
  virtual void on_push(Value&& value) = 0;
};

class RedisConnection {
 public:
  // `loop` and `user` must outlive it. Throws std::bad_alloc.
  RedisConnection(uv_loop_t* loop, ConnectionOptions options, ConnectionUser& user);
  // Nobody is called any more.
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  // Begins to connect; once. What fails is reported by on_closed().
  void open();
  // Tells those who wait, with `why`, before it returns; on_closed() is not called.
  void close(const Status& why);
  // Tells those who wait, and calls on_closed(), from the loop.
  void close_later(Status why);

  // See RedisLink::send(), which has the same contract.
  Status send(std::span<const std::string_view> args, ReplyHandler done);
  // Writes now what was sent. Without it, a uv_prepare handle does so before the loop sleeps, so the commands of all callbacks
  // of a round leave in one write, and a quiet loop has no cost. libuv runs a prepare handle in the same round if it was
  // started before the phase of the prepare handles; who sends from another prepare callback has to flush.
  void flush();
  // Whether send() works: from on_ready() on, until it is closed.
  bool ready() const;
  // Bytes of commands that the socket has not taken.
  std::size_t queued_bytes() const;
  // Commands without an answer.
  std::size_t waiting() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace chat::redis
