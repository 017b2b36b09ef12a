// See rest_request.h.
#include "net/endpoint/rest/rest_request.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "net/peer/admission.h"

namespace chat::net {
namespace {

// A longer one would make the pool of identities expensive.
constexpr std::size_t kMaxIdentityKeyBytes = 4'096;

}  // namespace

RestBirth rest_birth(const HttpRequest& request, const RequestContext& context, const Endpoint& endpoint) {
  RestBirth birth;
  birth.request = connect_request(request, context.secure, {});
  birth.address = context.address;
  birth.endpoint = &endpoint;
  birth.has_credentials =
      !birth.request.token.empty() || !birth.request.user_name.empty() || !birth.request.cookies.empty();
  return birth;
}

// The application may look at any header and argument, so all of them count but those that belong to a single request.
std::string identity_key(const HttpRequest& request, const RequestContext& context) {
  static constexpr std::array<std::string_view, 10> kOwnHeaders = {
      "accept",       "accept-encoding", "cache-control",   "connection", "content-length",
      "content-type", "expect",          "idempotency-key", "keep-alive", "transfer-encoding"};
  static constexpr std::array<std::string_view, 5> kOwnArguments = {"after", "before", "limit", "wait", "epoch"};
  std::string key;
  // With its length, so that no two requests have the same key by chance.
  const auto add = [&](std::string_view part) { key.append(std::to_string(part.size())).append(":").append(part); };
  const auto add_all = [&](const Pairs& pairs, const auto& own) {
    for (const Pair& pair : pairs) {
      if (std::find(own.begin(), own.end(), pair.name) != own.end()) continue;
      add(pair.name);
      add(pair.value);
    }
    key += ';';
  };
  add(context.address);
  add(context.secure ? "1" : "0");
  add(request.path);
  add_all(request.headers, kOwnHeaders);
  add_all(request.query, kOwnArguments);
  return key.size() > kMaxIdentityKeyBytes ? std::string() : key;
}

HttpResponse rest_response(wire::RestAnswer answer) {
  HttpResponse response;
  response.status = answer.status;
  response.headers.push_back({"Content-Type", std::string(answer.type)});
  response.headers.push_back({"Cache-Control", "no-store"});
  if (answer.status == 401) response.headers.push_back({"WWW-Authenticate", "Bearer"});
  if (answer.retry_after_s > 0) response.headers.push_back({"Retry-After", std::to_string(answer.retry_after_s)});
  response.body = std::move(answer.body);
  return response;
}

}  // namespace chat::net
