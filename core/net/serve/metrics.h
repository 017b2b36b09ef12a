// The server's counters in the Prometheus text format, version 0.0.4. docs/metrics.md lists the names, which must stay
// stable because dashboards and alerts use them. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hub/hub.h"
#include "net/base/stats.h"
#include "net/http/http.h"
#include "net/session/far_requests.h"

namespace chat::net {

// The values of one scrape.
struct MetricsSnapshot {
  ServerStats net;
  HubStats hub;
  HistoryStats history;
  ClusterStats cluster;
  FarStats far;
  bool clustered = false;
  GuestStats guest;
  bool is_guest = false;
  std::vector<std::uint64_t> connections_now_by_loop;
  std::int64_t started_at_ms = 0;  // wall clock, Unix milliseconds
  bool draining = false;
};

// The text of one scrape.
std::string metrics_text(const MetricsSnapshot& snapshot);

// Handles GET and HEAD; 405 for other methods.
HttpResponse metrics_response(const HttpRequest& request, const MetricsSnapshot& snapshot);

}  // namespace chat::net
