// How a client goes, as on_disconnect tells it.
#pragma once

#include <string>

namespace chat::net {

struct Retirement {
  int close_code;  // of a WebSocket, RFC 6455 section 7.4; 1006: the connection was lost
  std::string reason;
};

}  // namespace chat::net
