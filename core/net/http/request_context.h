// What a request means once the proxies that it came through are known: where from, to which host, and whether by TLS.
#pragma once

#include <string>

#include "net/http/http.h"

namespace chat::net {

class Server;

struct RequestContext {
  std::string address;  // of the client; empty on a UNIX socket, unless a trusted proxy says more
  std::string host;     // as the client has written it
  bool secure = false;
  bool origin_allowed = false;
};

// peer_address: of the socket.
RequestContext describe(const HttpRequest& request, const std::string& peer_address, const Server& server);

}  // namespace chat::net
