// A request to an HTTP endpoint as plain values: who makes it, and what it asks for. And the conversion of answers to HTTP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "hub/application.h"
#include "model/command.h"
#include "net/base/server_options.h"
#include "net/http/exchange.h"
#include "net/http/http.h"
#include "net/http/request_context.h"
#include "wire/rest/rest_answer.h"

namespace chat::net {

// What is known of the client before it is admitted.
struct RestBirth {
  ConnectRequest request;  // without a room
  std::string address;
  const Endpoint* endpoint = nullptr;
  bool has_credentials = false;  // a refused client without any is asked for them: 401
};
RestBirth rest_birth(const HttpRequest& request, const RequestContext& context, const Endpoint& endpoint);
// Requests with the same key have the same client, if identities are pooled. Empty: the request has none.
std::string identity_key(const HttpRequest& request, const RequestContext& context);

struct RestQuestion {
  HeldRequest request;
  Command command;
  std::int64_t wait_ms = 0;     // a request for history: how long it may wait for a message
  std::string room;             // of the request for history
  std::string idempotency_key;  // of a message; empty: none
  std::size_t fingerprint = 0;  // of the request's body
};

HttpResponse rest_response(wire::RestAnswer answer);

}  // namespace chat::net
