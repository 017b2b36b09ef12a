// The entry point that reads the state of a cluster.
#include <vector>

#include "guard.h"
#include "options.h"
#include "server/cluster.h"
#include "sized.h"

using chat::Error;
using chat::Result;
using chat::Status;
using chat::capi::guarded;
using chat::cluster::ClusterStatus;
using chat::cluster::ServerStatus;

namespace {

constexpr std::int64_t kMaxTimeoutMs = 60'000;

chat_cluster_server view(const ServerStatus &server) {
  return {sizeof(chat_cluster_server),  server.number,      server.about.id.c_str(),    server.about.host.c_str(),
          server.about.version.c_str(), server.about.pid,   server.about.started_at_ms, server.lease_ms,
          server.about.clients,         server.about.rooms, server.about.waiting};
}

Status check(const char *url, const char *prefix, std::int64_t timeout_ms, chat_cluster_visitor visitor) {
  if (url == nullptr || *url == '\0') return {Error::invalid_argument, "url is NULL or empty"};
  if (prefix != nullptr && !chat::capi::is_cluster_prefix(prefix)) {
    return {Error::invalid_argument, "prefix must be 1 to 64 bytes of A-Z a-z 0-9 : . _ -"};
  }
  if (timeout_ms < 1 || timeout_ms > kMaxTimeoutMs)
    return {Error::invalid_argument, "timeout_ms is not within 1 to 60000"};
  if (visitor == nullptr) return {Error::invalid_argument, "visitor is NULL"};
  return {};
}

}  // namespace

chat_error chat_read_cluster(const char *url, const char *prefix, std::int64_t timeout_ms, chat_cluster_visitor visitor,
                             void *user) noexcept {
  return guarded([&]() -> Status {
    Status status = check(url, prefix, timeout_ms, visitor);
    if (!status.ok()) return status;
    const std::string used_prefix = prefix == nullptr ? chat::net::ServerOptions().cluster_prefix : prefix;
    const Result<ClusterStatus> found = chat::net::cluster_status(url, used_prefix, timeout_ms);
    if (!found.ok()) return found.status();
    std::vector<chat_cluster_server> servers;
    for (const ServerStatus &server : found->servers) servers.push_back(view(server));
    std::vector<const chat_cluster_server *> pointers;
    for (const chat_cluster_server &server : servers) pointers.push_back(&server);
    const chat_cluster_status shown = {sizeof(chat_cluster_status),
                                       pointers.empty() ? nullptr : pointers.data(),
                                       pointers.size(),
                                       found->redis_version.c_str(),
                                       found->round_trip_us,
                                       found->used_bytes,
                                       found->max_bytes,
                                       found->eviction_policy.c_str(),
                                       found->keeps_file ? 1 : 0,
                                       found->replicas};
    visitor(&shown, user);
    return {};
  });
}
