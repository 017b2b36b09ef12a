// How a client comes in, from every protocol: the hub's limits, then the application's verdict.
#pragma once

#include <optional>
#include <string>

#include "hub/application.h"
#include "hub/client.h"
#include "net/http/http.h"
#include "net/peer/peer_context.h"

namespace chat::net {

// What a request tells of who wants to come in. room: the one that is asked for first.
ConnectRequest connect_request(const HttpRequest& request, bool secure, std::string room);

// A new client. Its state tells the verdict: accepted, refused (with a reason and data), or connecting, when it is still to
// come. Client, address, protocol and transport of the request are filled in. too_many above a limit.
// identity: who it is, unless the application says otherwise.
Result<ClientPtr> admit(PeerContext& loop, ClientOrigin origin, ConnectRequest request,
                        std::optional<Identity> identity = std::nullopt);

}  // namespace chat::net
