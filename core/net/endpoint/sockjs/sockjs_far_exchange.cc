// See sockjs_far_exchange.h.
#include "net/endpoint/sockjs/sockjs_far_exchange.h"

#include <algorithm>
#include <new>
#include <utility>

#include "wire/base64.h"
#include "wire/digest.h"

namespace chat::net {
namespace {

// For a request that begins a session: until it has begun, which the session tells itself.
constexpr std::int64_t kBeginMs = 30'000;
constexpr std::int64_t kRequestBytes = 1'024;
constexpr char kBeforeNumber = '.';  // in no name of a server

}  // namespace

std::string sockjs_home(const FarServers& server, SessionNumber session) {
  return server.name() + kBeforeNumber + std::to_string(session);
}

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
                                     FarGate::Forwarding forwarding, std::unique_ptr<Exchange> local,
                                     std::optional<Refusal> full)
    : gate_(gate),
      loop_(loop),
      key_(std::move(key)),
      request_(request),
      context_(context),
      body_kind_(plan.kind),
      forwarding_(std::move(forwarding)),
      local_(std::move(local)),
      full_(full) {}

void SockJsFarExchange::on_held(const HeldRequest& held) {
  held_ = held;
  if (body_kind_ == BodyPlan::Kind::none) on_body({});
}

void SockJsFarExchange::on_body(std::string body) {
  body_ = std::move(body);
  bytes_ = Share(loop_.sources().find(context_.address), Resource::queued_bytes);
  if (const auto refusal = bytes_.resize(static_cast<std::int64_t>(body_.size()) + kRequestBytes)) {
    refuse(*refusal, "too many requests for other servers\n");
    return;
  }
  FarServers& far = *gate_.far();
  std::string here = local_ ? sockjs_home(far, 0) : std::string();
  // When the request is gone meanwhile, it begins no session.
  const auto on_answer = [&far, &loop = loop_, weak = std::weak_ptr(self_), key = key_,
                          here](std::optional<std::string> home) {
    try {
      const bool is_new = !here.empty() && home == here;
      loop.post_task([&far, weak, key, is_new, home = std::move(home)] {
        if (const auto self = weak.lock()) {
          (*self)->on_home(home);
        } else if (is_new) {
          far.drop_if(key, *home);
        }
      });
    } catch (const std::bad_alloc&) {  // the client gives up
    }
  };
  far.agree(key_, std::move(here), kBeginMs, on_answer);
}

// Empty: the session is nowhere. nullopt: the cluster is gone.
void SockJsFarExchange::on_home(const std::optional<std::string>& home) {
  bytes_.give_back();
  if (!home) {
    loop_.answer(held_, with_headers(HttpResponse::text(503, "the cluster is not available\n")), false);
    return;
  }
  const std::string server = home->substr(0, home->find(kBeforeNumber));
  if (!server.empty() && server != gate_.far()->name()) {
    forwarding_.server = server;
    BodyPlan plan;
    plan.kind = body_kind_;
    plan.length_bytes = body_.size();
    go_on(gate_.forward(request_, context_, plan, std::move(forwarding_)).exchange);
  } else if (local_) {
    go_on(std::move(local_));
  } else if (full_) {
    refuse(*full_, "too many sessions\n");
  } else {
    loop_.answer(held_, forwarding_.gone, false);
  }
}

HttpResponse SockJsFarExchange::with_headers(HttpResponse response) const {
  response.headers.insert(response.headers.end(), forwarding_.headers.begin(), forwarding_.headers.end());
  return response;
}

void SockJsFarExchange::refuse(Refusal refusal, std::string text) {
  loop_.refusals().note(refusal, context_.address);
  loop_.answer(held_, with_headers(HttpResponse::text(503, std::move(text))), false);
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
  loop_.answer(held_, with_headers(std::move(response)), false);
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
