// See admission.h.
#include "net/peer/admission.h"

#include "server/server.h"

namespace chat::net {

Result<ClientPtr> admit(Server& server, ClientOrigin origin, ConnectRequest request, std::optional<Identity> identity) {
  Hub& hub = server.hub();
  Result<ClientPtr> added = hub.add_client(origin);
  if (!added.ok()) return added;
  const ClientPtr& client = *added;
  request.client = client->id();
  request.address = std::move(origin.address);
  request.protocol = origin.protocol;
  request.transport = origin.transport;
  request.socket_id = client->socket_id();
  if (identity) (void)hub.set_identity(client, *std::move(identity));

  const Decision decision = server.application().on_connect(request);
  // What the application has called in there counts before what it returned.
  if (client->state() != ClientState::connecting) return added;
  if (decision.verdict == Verdict::pass) {
    (void)hub.accept(client, std::nullopt);
  } else if (decision.verdict != Verdict::defer) {
    (void)hub.refuse(client, decision.reason, {});
  }
  return added;
}

}  // namespace chat::net
