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
  // The socket of a streaming answer, when more of its body may be written to it directly: as the body is sent, in chunks with
  // HTTP/1.1. -1: it may not, because the request is on another loop, what was written is not sent yet, or for the reasons of
  // ByteStream::direct_fd(). Valid until the next write() to the request, and until Exchange::on_lost().
  virtual int direct_fd(const HeldRequest& request) = 0;
  // The rest of bytes that such a write sent in part. Does not count against the limit of what may be buffered.
  virtual void write_rest(const HeldRequest& request, std::string bytes) = 0;
};

}  // namespace chat::net
