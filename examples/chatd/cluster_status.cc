// See cluster_status.h.
#include "cluster_status.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "log.h"

namespace chatd {
namespace {

constexpr std::int64_t kTimeoutMs = 5'000;

using Row = std::vector<std::string>;

std::string fixed(double number, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f%s", number, unit);
  return text;
}

std::string bytes(std::int64_t count) {
  constexpr std::int64_t kMiB = 1 << 20;
  return count < kMiB ? fixed(static_cast<double>(count) / 1024, " KiB")
                      : fixed(static_cast<double>(count) / kMiB, " MiB");
}

std::string span(std::int64_t ms) {
  const std::int64_t minutes = std::max<std::int64_t>(0, ms) / 60'000;
  if (minutes < 1) return std::to_string(std::max<std::int64_t>(0, ms) / 1'000) + " s";
  if (minutes < 60) return std::to_string(minutes) + " min";
  if (minutes < 48 * 60) return std::to_string(minutes / 60) + " h";
  return std::to_string(minutes / (24 * 60)) + " days";
}

void print(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    std::puts(line.c_str());
  }
}

void show(const chat_cluster_status* status, void* user) {
  std::printf("Redis %s: answers in %.1f ms, uses %s of %s, %s, %s, %" PRIu64 " %s\n", status->redis_version,
              static_cast<double>(status->round_trip_us) / 1'000, bytes(status->used_bytes).c_str(),
              status->max_bytes == 0 ? "any memory" : bytes(status->max_bytes).c_str(), status->eviction_policy,
              status->keeps_file ? "appendonly" : "no appendonly", status->replicas,
              status->replicas == 1 ? "replica" : "replicas");
  const std::int64_t now_ms = static_cast<std::int64_t>(std::time(nullptr)) * 1'000;
  std::vector<Row> rows = {{"NUMBER", "HOST", "PID", "VERSION", "CLIENTS", "ROOMS", "WAITING", "UP", "LEASE"}};
  for (std::size_t i = 0; i < status->server_count; ++i) {
    const chat_cluster_server& one = *status->servers[i];
    rows.push_back({std::to_string(one.number), one.host, std::to_string(one.pid), one.version,
                    std::to_string(one.clients), std::to_string(one.rooms), std::to_string(one.waiting),
                    span(now_ms - one.started_at_ms), fixed(static_cast<double>(one.lease_ms) / 1'000, " s")});
  }
  if (rows.size() == 1) {
    std::puts("no servers");
  } else {
    print(rows);
  }
  *static_cast<std::size_t*>(user) = status->server_count;
}

}  // namespace

int print_cluster_status(const Options& options) {
  const LogStyle style = style_of_standard_error(options.log_format);
  if (options.server.cluster == nullptr) {
    report(style, CHAT_LOG_ERROR, "cluster status needs --cluster URL, or a file with cluster = URL");
    return 2;
  }
  std::size_t servers = 0;
  if (chat_read_cluster(options.server.cluster, options.server.cluster_prefix, kTimeoutMs, show, &servers) != CHAT_OK) {
    report(style, CHAT_LOG_ERROR, std::string("cluster: ") + chat_error_message());
    return 1;
  }
  return servers == 0 ? 1 : 0;
}

}  // namespace chatd
