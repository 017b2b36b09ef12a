// What a way in may ask of its loop.
#pragma once

#include <string>

#include "net/http/exchange.h"
#include "net/http/http.h"
#include "net/http/request_context.h"
#include "net/peer/peer_context.h"

namespace chat::net {

class EndpointContext : public PeerContext {
 public:
  using PeerContext::PeerContext;

  virtual const HttpRules& rules() const = 0;
  // Answers a request, whichever loop holds it; nothing when nobody does any more. essential: see Connection::answer().
  virtual void answer(const HeldRequest& request, HttpResponse response, bool essential) = 0;
  // More of the body of an answer that streams, whichever loop holds the request. last: it is complete. Exchange::on_drained()
  // tells when more should come, and Exchange::on_lost() when nobody takes it any more.
  virtual void write(const HeldRequest& request, std::string bytes, bool last) = 0;
};

}  // namespace chat::net
