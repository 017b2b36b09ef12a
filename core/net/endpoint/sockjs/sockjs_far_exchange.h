// A request of a SockJS session that is not here, in a cluster. Clients choose the ids of their sessions, so the servers agree
// on the home of each one first. Then the session begins here, or the request goes to its home.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hub/source_table.h"
#include "model/refusal.h"
#include "net/endpoint/sockjs/sockjs_exchange.h"
#include "net/http/exchange.h"
#include "net/http/http_body.h"
#include "net/http/request_context.h"
#include "net/session/far_gate.h"

namespace chat::net {

// The name of a session's home in the cluster.
std::string sockjs_far_key(const Endpoint& endpoint, std::string_view session);
// The value of that name: the server, a dot, and the number of the session there. 0: it has not begun.
std::string sockjs_home(const FarServers& server, SessionNumber session);
// Servers know the home of a session for so long after it has told it last.
inline constexpr std::int64_t kSockJsHomeMs = 24LL * 3600 * 1000;

class SockJsFarExchange final : public Exchange {
 public:
  // local: carries the request out here; nullptr: it does not begin a session. full: why not, if it would otherwise.
  SockJsFarExchange(FarGate& gate, EndpointContext& loop, std::string key, const HttpRequest& request,
                    const RequestContext& context, const BodyPlan& plan, FarGate::Forwarding forwarding,
                    std::unique_ptr<Exchange> local, std::optional<Refusal> full);

  void on_held(const HeldRequest& held) override;
  void on_body(std::string body) override;
  void on_body_too_large() override;
  void complete(HttpResponse& response) override;
  void on_drained() override;
  void on_lost(bool answered) override;

 private:
  void on_home(const std::optional<std::string>& home);
  void refuse(Refusal refusal, std::string text);
  HttpResponse with_headers(HttpResponse response) const;
  void go_on(std::unique_ptr<Exchange> exchange);

  FarGate& gate_;
  EndpointContext& loop_;
  const std::string key_;
  const HttpRequest request_;
  const RequestContext context_;
  const BodyPlan::Kind body_kind_;
  FarGate::Forwarding forwarding_;
  std::unique_ptr<Exchange> local_;
  const std::optional<Refusal> full_;
  std::shared_ptr<Exchange> chosen_;  // one that carries the request out; nullptr: the home is not known yet
  HeldRequest held_;
  std::string body_;
  Share bytes_;  // of the body while the home is asked for, charged to the client's address
  // A task that comes after the end of this object finds nothing.
  std::shared_ptr<SockJsFarExchange*> self_ = std::make_shared<SockJsFarExchange*>(this);
};

}  // namespace chat::net
