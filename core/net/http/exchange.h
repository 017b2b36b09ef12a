// A request whose response comes later, and the object that will provide the response.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "net/http/http.h"

namespace chat::net {

// Identifies a held request on any loop. The request may be gone; a response to it is then discarded.
struct HeldRequest {
  std::size_t loop = 0;
  std::uint64_t connection = 0;  // Connection::id()
  std::uint64_t number = 0;      // of the request on its connection

  bool operator==(const HeldRequest&) const = default;
};

// Handles one held request. The connection owns it and calls it on its own loop.
class Exchange {
 public:
  virtual ~Exchange() = default;

  // The connection now holds the request and this object. The response may be sent from inside this call.
  virtual void on_held(const HeldRequest& request) = 0;
  // The complete body, if the exchange asked for it.
  virtual void on_body(std::string body) = 0;
  // The body exceeds the size limit, or its announced length does.
  virtual void on_body_too_large() = 0;
  // Adds the headers that the request requires to its response, whatever that is.
  virtual void complete(HttpResponse& response) = 0;
  // All bytes written to a streaming response have been sent. Before that, the connection buffers at most twice
  // max_outbox_bytes; it closes when more is written.
  virtual void on_drained() {}
  // The connection ended before the response was complete. `answered`: the response had been given, at least its
  // beginning.
  virtual void on_lost(bool answered) = 0;
};

}  // namespace chat::net
