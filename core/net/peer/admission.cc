// See admission.h.
#include "net/peer/admission.h"

#include <utility>

#include "hub/authenticator.h"
#include "wire/json/json.h"

namespace chat::net {
namespace {

std::string refusal_data(const std::string& code) {
  if (code.empty()) return {};
  std::string data = R"({"code":)";
  wire::json::append_quoted(data, code);
  return data + "}";
}

// A verdict of the library itself, or of an authenticator. wrong_state: the client has one already.
Status refuse(Hub& hub, const ClientPtr& client, const std::string& code, std::string reason) {
  std::string data = refusal_data(code);
  return hub.refuse(client, std::move(reason), std::move(data));
}

// False when the authenticators have ended the question.
bool ask_authenticators(PeerContext& loop, const ClientPtr& client, const ConnectRequest& request) {
  Hub& hub = loop.hub();
  for (const auto& authenticator : loop.options().authenticators) {
    Authentication answer = authenticator->authenticate(client, request);
    // A verdict that was given inside the call takes precedence over the answer.
    if (client->state() != ClientState::connecting) return false;
    Status status;
    switch (answer.kind) {
      case Authentication::Kind::pass:
        if (answer.identity) status = hub.set_identity(client, *std::move(answer.identity));
        break;
      case Authentication::Kind::accept:
        status = hub.accept(client, std::move(answer.identity));
        break;
      case Authentication::Kind::refuse:
        status = refuse(hub, client, answer.code, std::move(answer.reason));
        break;
      case Authentication::Kind::defer:
        break;
    }
    // The identity breaks the rules for names, for example.
    if (!status.ok()) (void)refuse(hub, client, "invalid_identity", std::move(status.detail));
    if (!status.ok() || answer.kind != Authentication::Kind::pass) return false;
  }
  return true;
}

void ask_application(PeerContext& loop, const ClientPtr& client, const ConnectRequest& request) {
  Hub& hub = loop.hub();
  const Decision decision = loop.application().on_connect(request);
  // A verdict that was given inside the callback takes precedence over its result.
  if (client->state() != ClientState::connecting) return;
  if (decision.verdict == Verdict::pass) {
    (void)hub.accept(client, std::nullopt);
  } else if (decision.verdict != Verdict::defer) {
    (void)hub.refuse(client, decision.reason, {});
  }
}

}  // namespace

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
  if (!added.ok()) {
    loop.on_clients_full(origin.address);
    return added;
  }
  const ClientPtr& client = *added;
  try {
    request.client = client->id();
    request.address = std::move(origin.address);
    request.protocol = origin.protocol;
    request.transport = origin.transport;
    request.socket_id = client->socket_id();
    if (identity) (void)hub.set_identity(client, *std::move(identity));
    if (ask_authenticators(loop, client, request)) ask_application(loop, client, request);
  } catch (...) {  // no memory; the caller cannot remove a client that it does not know
    hub.remove_client(client);
    throw;
  }
  return added;
}

}  // namespace chat::net
