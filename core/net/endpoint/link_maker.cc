// See link_maker.h.
#include "net/endpoint/link_maker.h"

#include <utility>

#include "net/connection/connection.h"
#include "net/connection/websocket_link.h"
#include "net/deliver/websocket_carrier.h"

namespace chat::net {

Link& WebSocketMaker::make_link(std::unique_ptr<LinkUser> user, std::int64_t max_message_bytes) {
  return connection_.make_websocket(std::move(user), websocket_carrier(), max_message_bytes);
}

}  // namespace chat::net
