// See admission.h.
#include "net/peer/admission.h"

#include <utility>

namespace chat::net {

ConnectRequest connect_request(const HttpRequest& request, bool secure, std::string room) {
  Credentials log_in = credentials(request);
  ConnectRequest result;
  result.path = request.path;
  result.query = request.query;
  result.headers = request.headers;
  result.cookies = request.cookies();
  result.origin = request.header("origin");
  result.secure = secure;
  result.room = std::move(room);
  result.token = std::move(log_in.token);
  result.user_name = std::move(log_in.user_name);
  result.password = std::move(log_in.password);
  return result;
}

Result<ClientPtr> admit(PeerContext& loop, ClientOrigin origin, ConnectRequest request,
                        std::optional<Identity> identity) {
  Hub& hub = loop.hub();
  Result<ClientPtr> added = hub.add_client(origin);
  if (!added.ok()) return added;
  const ClientPtr& client = *added;
  request.client = client->id();
  request.address = std::move(origin.address);
  request.protocol = origin.protocol;
  request.transport = origin.transport;
  request.socket_id = client->socket_id();
  if (identity) (void)hub.set_identity(client, *std::move(identity));

  const Decision decision = loop.application().on_connect(request);
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
