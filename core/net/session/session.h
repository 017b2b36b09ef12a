// A session: what outlives the requests and sockets of one client of a protocol that needs several of them. It lives on one
// loop, its home. Each protocol derives a class from this one; what its home does to every session is here.
#pragma once

#include "net/session/session_table.h"

namespace chat::net {

class Session {
 public:
  // number: from SessionTable::claim().
  explicit Session(SessionNumber number) : number_(number) {}
  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  SessionNumber number() const { return number_; }

  // The server stops: ends after a goodbye to the client.
  virtual void say_goodbye() = 0;
  // Ends to make way for another session. It is not in the table any more.
  virtual void evict() = 0;
  // Ends at once, because the loop ends.
  virtual void end() = 0;

 private:
  const SessionNumber number_;
};

}  // namespace chat::net
