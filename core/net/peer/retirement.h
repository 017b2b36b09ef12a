// Why a client is disconnected, as on_disconnect reports it.
#pragma once

#include <string>

namespace chat::net {

struct Retirement {
  int close_code;  // a WebSocket close code, RFC 6455 section 7.4; 1006: the connection was lost
  std::string reason;
};

}  // namespace chat::net
