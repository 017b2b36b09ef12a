// How a client of any protocol is admitted: the limits of the hub, then the authenticators, then the application's on_connect.
#pragma once

#include <optional>
#include <string>

#include "hub/application.h"
#include "hub/client.h"
#include "net/http/http.h"
#include "net/peer/peer_context.h"

namespace chat::net {

// What an HTTP request tells about the client that connects. room: the first room that the client asks for; empty for a client
// without a first room.
ConnectRequest connect_request(const HttpRequest& request, bool secure, std::string room);

// Adds a client to the hub and asks for the verdict on it, which is the client's state afterwards: accepted, refused (with a
// reason and data), or connecting when the verdict comes later. Fills in client, address, protocol, transport and socket id of
// the request. identity: the client's identity unless a verdict gives another one. too_many above a limit.
Result<ClientPtr> admit(PeerContext& loop, ClientOrigin origin, ConnectRequest request,
                        std::optional<Identity> identity = std::nullopt);

}  // namespace chat::net
