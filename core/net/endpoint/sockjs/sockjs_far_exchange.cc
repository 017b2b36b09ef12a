// See sockjs_far_exchange.h.
#include "net/endpoint/sockjs/sockjs_far_exchange.h"

#include <algorithm>
#include <new>
#include <utility>

#include "wire/base64.h"
#include "wire/digest.h"

namespace chat::net {

std::string sockjs_far_key(const Endpoint& endpoint, std::string_view session) {
  std::string name = endpoint.path;
  name += '\n';  // in no path
  name += session;
  const auto digest = wire::sha1(name);
  std::string key;
  wire::append_base64(key, std::string_view(digest.data(), digest.size()));
  std::erase(key, '=');
  std::ranges::replace(key, '+', '-');
  std::ranges::replace(key, '/', '_');
  return key;
}

SockJsFarExchange::SockJsFarExchange(FarGate& gate, EndpointContext& loop, std::string key, const HttpRequest& request,
                                     const RequestContext& context, const BodyPlan& plan,
                                     FarGate::Forwarding forwarding, std::unique_ptr<Exchange> local)
    : gate_(gate),
      loop_(loop),
      key_(std::move(key)),
      request_(request),
      context_(context),
      body_kind_(plan.kind),
      forwarding_(std::move(forwarding)),
      local_(std::move(local)) {}

void SockJsFarExchange::on_held(const HeldRequest& held) {
  held_ = held;
  if (body_kind_ == BodyPlan::Kind::none) on_body({});
}

void SockJsFarExchange::on_body(std::string body) {
  body_ = std::move(body);
  FarServers& far = *gate_.far();
  far.agree(key_, local_ ? far.name() : std::string(), kSockJsHomeMs,
            [&loop = loop_, weak = std::weak_ptr(self_)](std::optional<std::string> home) {
              try {
                loop.post_task([weak, home = std::move(home)] {
                  if (const auto self = weak.lock()) (*self)->on_home(home);
                });
              } catch (const std::bad_alloc&) {  // the client gives up
              }
            });
}

// nullopt: the session is nowhere, or the cluster is gone.
void SockJsFarExchange::on_home(const std::optional<std::string>& home) {
  if (home && *home != gate_.far()->name()) {
    forwarding_.server = *home;
    BodyPlan plan;
    plan.kind = body_kind_;
    plan.length_bytes = body_.size();
    go_on(gate_.forward(request_, context_, plan, std::move(forwarding_)).exchange);
  } else if (local_) {
    go_on(std::move(local_));
  } else {
    loop_.answer(held_, forwarding_.gone, false);
  }
}

// An answer may end this object.
void SockJsFarExchange::go_on(std::unique_ptr<Exchange> exchange) {
  chosen_ = std::move(exchange);
  const std::shared_ptr<Exchange> chosen = chosen_;
  std::string body = std::move(body_);
  const bool has_body = body_kind_ != BodyPlan::Kind::none;
  chosen->on_held(held_);
  if (has_body) chosen->on_body(std::move(body));
}

void SockJsFarExchange::on_body_too_large() {
  loop_.refusals().note(Refusal::body_bytes, context_.address);
  HttpResponse response = HttpResponse::text(413, "the body is too large\n");
  response.close = true;
  response.headers.insert(response.headers.end(), forwarding_.headers.begin(), forwarding_.headers.end());
  loop_.answer(held_, std::move(response), false);
}

// What this object answers itself is complete.
void SockJsFarExchange::complete(HttpResponse& response) {
  if (chosen_) chosen_->complete(response);
}

void SockJsFarExchange::on_drained() {
  if (const std::shared_ptr<Exchange> chosen = chosen_) chosen->on_drained();
}

void SockJsFarExchange::on_lost(bool answered) {
  if (const std::shared_ptr<Exchange> chosen = chosen_) chosen->on_lost(answered);
}

}  // namespace chat::net
