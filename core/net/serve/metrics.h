// The server's counters in Prometheus' text format, version 0.0.4. docs/metrics.md lists the names. They must not change,
// because dashboards and alerts use them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hub/hub.h"
#include "net/base/stats.h"
#include "net/http/http.h"

namespace chat::net {

struct MetricsSnapshot {
  ServerStats net;
  HubStats hub;
  std::vector<std::uint64_t> connections_now_by_loop;
  std::int64_t started_at_ms = 0;  // time of day
  bool draining = false;
};

std::string metrics_text(const MetricsSnapshot& snapshot);

// GET and HEAD.
HttpResponse metrics_response(const HttpRequest& request, const MetricsSnapshot& snapshot);

}  // namespace chat::net
