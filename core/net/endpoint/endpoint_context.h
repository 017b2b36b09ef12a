// What an endpoint handler may ask of its loop.
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
  // Answers a held request, on whichever loop it is. Does nothing if it is not held any more. essential: see
  // Connection::answer().
  virtual void answer(const HeldRequest& request, HttpResponse response, bool essential) = 0;
  // Sends more of the body of a streaming answer, on whichever loop the request is. last: the body is complete.
  // Exchange::on_drained() asks for more, and Exchange::on_lost() reports that the connection has ended.
  virtual void write(const HeldRequest& request, std::string bytes, bool last) = 0;
};

}  // namespace chat::net
