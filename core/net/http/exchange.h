// A request that is not answered at once, and whoever will answer it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "net/http/http.h"

namespace chat::net {

// Names a request that waits for its answer, on whichever loop. It may be stale: then the answer goes nowhere.
struct HeldRequest {
  std::size_t loop = 0;
  std::uint64_t connection = 0;  // Connection::id()
  std::uint64_t number = 0;      // of the request on its connection

  bool operator==(const HeldRequest&) const = default;
};

// What a connection asks about the request that it holds, on its own loop. It belongs to the connection.
class Exchange {
 public:
  virtual ~Exchange() = default;

  // The connection holds the request, and this. Answers may come from in here.
  virtual void on_held(const HeldRequest& request) = 0;
  // The body is here; it was announced as wanted.
  virtual void on_body(std::string body) = 0;
  // It is, or would become, larger than it may.
  virtual void on_body_too_large() = 0;
  // Whatever the answer is: what the request's own headers require of it.
  virtual void complete(HttpResponse& response) = 0;
  // Of a response that streams everything that was written has been taken. Of what is written before this comes the connection
  // holds at most twice max_outbox_bytes, and ends when it is more.
  virtual void on_drained() {}
  // The connection ended before the whole answer was written. `answered`: there was one already, or its beginning.
  virtual void on_lost(bool answered) = 0;
};

}  // namespace chat::net
