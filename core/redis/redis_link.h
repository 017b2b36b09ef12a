// Keeps one connection to the current primary of Redis: finds it, with Sentinel if the target says so; checks that it is a
// primary; connects again after a loss, first after 100 ms and at most after 2 s. The user gets on_up() and on_down().
//
// A link is for commands or, after its first subscription, for subscriptions: Redis allows no other commands then. So whoever
// needs both has two links, on one loop or on two. Everything happens on the thread of the loop, and nothing is safe from
// another one.
#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "model/types.h"
#include "redis/redis_url.h"
#include "redis/redis_value.h"

namespace chat::redis {

struct LinkOptions {
  RedisTarget target;
  std::string name;             // begins each log line: "redis commands"
  std::string client_name;      // for CLIENT SETNAME; empty: none. Neither spaces nor line breaks
  int connect_limit_ms = 5000;  // until the connection is up: addresses, TLS, password
  int reply_limit_ms = 5000;    // the age of the oldest command without an answer that closes the connection
  int ping_interval_ms = 1000;  // PING when nothing else waits for an answer, so a silent death is noticed; 0: none
  int first_backoff_ms = 100;   // doubles with each attempt that fails; the actual wait is a random half to all of it
  int max_backoff_ms = 2000;
  std::size_t max_reply_bytes = std::size_t{64} << 20;    // of one reply
  std::size_t max_queued_bytes = std::size_t{64} << 20;   // of commands that the socket has not taken
  std::size_t max_waiting = 1'000'000;                    // commands without an answer
  std::function<void(LogLevel, const std::string&)> log;  // a line for each change of state; may be empty
};

// The loop's thread calls it, never inside of start() or send(). Each function may call any function of the link and destroy
// it. An exception that leaves one closes the connection.
class LinkListener {
 public:
  LinkListener() = default;
  LinkListener(const LinkListener&) = delete;
  LinkListener& operator=(const LinkListener&) = delete;
  virtual ~LinkListener() = default;

  // Connected to a primary. `run` is its replication id (master_replid): another one after a restart, and each time that a Redis
  // becomes a primary, even if it was one before. Subscriptions of an earlier connection are gone.
  virtual void on_up(const std::string& run) = 0;
  // There is no connection: it was lost, or an attempt to connect failed for another reason than the one before. So it may be
  // called several times in a row, and before the first on_up(). Those who waited for an answer have been told before. The link
  // goes on trying.
  virtual void on_down(const Status& why) = 0;
  // A message (message, pmessage, smessage) or the confirmation of a subscription (subscribe, unsubscribe and so on): an array
  // whose first item is its kind.
  virtual void on_push(Value&& value) = 0;
};

class RedisLink {
 public:
  // `loop` and `listener` must outlive it.
  RedisLink(uv_loop_t* loop, LinkOptions options, LinkListener& listener);
  // Closes the connection. No handler or listener is called any more: those of waiting commands are dropped. The handles of
  // libuv close themselves in the next rounds of the loop, so run it until they have.
  ~RedisLink();
  RedisLink(const RedisLink&) = delete;
  RedisLink& operator=(const RedisLink&) = delete;

  // Begins to connect. unsupported when the target is a Redis Cluster; certificate for a file of TLS that cannot be used;
  // wrong_state when it was started before.
  Status start();
  // Closes the connection for good. Those who wait for an answer are told (stopped) before it returns; the listener hears
  // nothing more.
  void stop();

  bool up() const;
  // Of the primary, when the link came up; empty while it is down.
  const std::string& run() const;

  // Sends a command when it is up: its name and its arguments. What is sent in one round of the loop leaves in one write,
  // before the loop sleeps. Answers come in the order of the commands.
  // A command of the SUBSCRIBE and UNSUBSCRIBE family needs at least one channel. Its confirmations go to on_push(); `done`
  // gets the last of them, or the error.
  // Returns unavailable while the link is down; too_large when more than max_queued_bytes would wait, too_many with max_waiting
  // commands; invalid_argument without a command or channel; wrong_state for a command that Redis does not allow on a
  // connection with subscriptions. `done` is not called then. Throws std::bad_alloc; nothing is sent then.
  Status send(std::span<const std::string_view> args, ReplyHandler done);
  // Writes now what was sent. Only needed by whoever sends from a uv_prepare callback, because libuv may have called ours
  // before in the same round.
  void flush();
  // Bytes of commands that the socket has not taken.
  std::size_t queued_bytes() const;
  // Commands without an answer.
  std::size_t waiting() const;

  // This is no primary any more (the user got READONLY, for example): disconnects, and looks for the primary again. on_down()
  // is called with `reason` from the loop, not inside of this call. No effect while it is down.
  void distrust(std::string_view reason);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace chat::redis
