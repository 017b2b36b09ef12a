// What the HTTP endpoints keep beside their sessions, once for the server: rates of addresses, the memory of Idempotency-Keys, and
// the idle clients of the pool. Any thread.
#pragma once

#include <cstddef>

#include "net/base/server_options.h"
#include "net/endpoint/rest/rest_idle.h"
#include "net/endpoint/rest/rest_rates.h"
#include "session/idempotency_memory.h"

namespace chat::net {

struct RestShared {
  explicit RestShared(const ServerOptions& options)
      : rates(options.inbound_rate, options.inbound_burst), idempotency({.window_ms = options.idempotency_ms}) {}

  RestRates rates;
  session::IdempotencyMemory idempotency;
  RestIdle idle;
};

}  // namespace chat::net
