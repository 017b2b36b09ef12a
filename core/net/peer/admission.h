// How a client comes in, from every protocol: the hub's limits, then the application's verdict.
#pragma once

#include <optional>

#include "hub/application.h"
#include "hub/client.h"

namespace chat::net {

class Server;

// A new client. Its state tells the verdict: accepted, refused (with a reason and data), or connecting, when it is still to
// come. Client, address, protocol and transport of the request are filled in. too_many above a limit.
// identity: who it is, unless the application says otherwise.
Result<ClientPtr> admit(Server& server, ClientOrigin origin, ConnectRequest request,
                        std::optional<Identity> identity = std::nullopt);

}  // namespace chat::net
