// See metrics.h.
#include "net/serve/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <span>
#include <sstream>
#include <utility>

#include "net/base/refusal_log.h"
#include "net/http/file_response.h"

namespace chat::net {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// Indexed by number, like the arrays of ServerStats. No protocol has the number 0.
constexpr std::array<const char*, kProtocolCount> kProtocolNames = {nullptr,     "plain", "chat.v1",
                                                                    "socket.io", "stomp", "http"};
// Indexed by GuestDrop.
constexpr std::array<const char*, kGuestDrops> kGuestDropNames = {"malformed",   "too_large",  "refused",
                                                                  "unavailable", "queue_full", "no_memory"};
constexpr std::array<const char*, kTransportCount> kTransportNames = {"websocket", "polling", "streaming"};

class Families {
 public:
  void gauge(const char* name, const char* help, double value) { add(name, help, MetricType::Gauge, value); }
  void counter(const char* name, const char* help, std::uint64_t value) {
    add(name, help, MetricType::Counter, static_cast<double>(value));
  }

  // Writes one sample per value whose label has a name.
  void gauges(const char* name, const char* help, const char* label, std::span<const char* const> names,
              std::span<const std::uint64_t> values) {
    add(name, help, MetricType::Gauge, label, names, values);
  }
  void counters(const char* name, const char* help, const char* label, std::span<const char* const> names,
                std::span<const std::uint64_t> values) {
    add(name, help, MetricType::Counter, label, names, values);
  }

  MetricFamily& add(const char* name, const char* help, MetricType type) {
    return families_.emplace_back(MetricFamily{name, help, type, {}});
  }
  static ClientMetric metric(MetricType type, double value) {
    ClientMetric metric;
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    return metric;
  }

  std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return std::move(out).str();
  }

 private:
  void add(const char* name, const char* help, MetricType type, double value) {
    add(name, help, type).metric.push_back(metric(type, value));
  }
  void add(const char* name, const char* help, MetricType type, const char* label, std::span<const char* const> names,
           std::span<const std::uint64_t> values) {
    MetricFamily& family = add(name, help, type);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (names[i] == nullptr) continue;
      ClientMetric one = metric(type, static_cast<double>(values[i]));
      one.label = {{label, names[i]}};
      family.metric.push_back(std::move(one));
    }
  }

  std::vector<MetricFamily> families_;
};

void add_server(Families& families, const MetricsSnapshot& snapshot) {
  ClientMetric build = Families::metric(MetricType::Gauge, 1);
  build.label = {{"version", CHAT_VERSION}};
  families.add("libchat_build_info", "Version of the library, as a label; the value is always 1.", MetricType::Gauge)
      .metric.push_back(std::move(build));
  families.gauge("libchat_start_time_seconds", "When the server started, in seconds since 1970.",
                 static_cast<double>(snapshot.started_at_ms) / 1'000);
  families.gauge("libchat_draining", "1 while the server drains its connections, otherwise 0.",
                 snapshot.draining ? 1 : 0);

  MetricFamily& connections =
      families.add("libchat_connections", "Open sockets of every kind, by event loop.", MetricType::Gauge);
  for (std::size_t i = 0; i < snapshot.connections_now_by_loop.size(); ++i) {
    ClientMetric one = Families::metric(MetricType::Gauge, static_cast<double>(snapshot.connections_now_by_loop[i]));
    one.label = {{"loop", std::to_string(i)}};
    connections.metric.push_back(std::move(one));
  }
  families.counter("libchat_connections_opened_total", "Sockets accepted.", snapshot.net.connections_total);
  families.counter("libchat_http_requests_total", "HTTP requests, including WebSocket handshakes.",
                   snapshot.net.http_requests);
  families.counter("libchat_received_bytes_total", "Payload bytes of frames and bodies received from clients.",
                   snapshot.net.bytes_in);
  families.counter("libchat_sent_bytes_total", "Bytes written to sockets, including framing.", snapshot.net.bytes_out);
}

void add_cluster(Families& families, const ClusterStats& cluster, const FarStats& far) {
  families.gauge("libchat_cluster_up", "1 while Redis numbers the messages of this server.", cluster.up_now ? 1 : 0);
  families.gauge("libchat_cluster_servers", "Servers of the cluster.", static_cast<double>(cluster.servers_now));
  families.gauge("libchat_cluster_rooms", "Rooms that this server has subscribed to.",
                 static_cast<double>(cluster.rooms_now));
  families.gauge("libchat_cluster_waiting", "Messages that wait for Redis.", static_cast<double>(cluster.waiting_now));
  families.counter("libchat_cluster_published_total", "Messages of this server that Redis has numbered.",
                   cluster.published);
  families.counter("libchat_cluster_batches_total", "Calls of Redis for these messages.", cluster.batches);
  families.counter("libchat_cluster_received_total", "Messages of other servers.", cluster.received);
  families.counter("libchat_cluster_failed_total", "Messages refused because Redis was gone or refused them.",
                   cluster.failed);
  families.counter("libchat_cluster_dropped_total",
                   "Unnumbered messages that were not passed on, and messages that could not be read.",
                   cluster.dropped);
  families.counter("libchat_cluster_holes_total", "Times that messages were fetched because a notice was missing.",
                   cluster.holes);
  families.counter("libchat_cluster_losses_total", "Times that Redis was lost.", cluster.losses);
  families.gauge("libchat_cluster_islands", "Rooms whose messages this server numbers itself, without Redis.",
                 static_cast<double>(cluster.islands_now));
  families.counter("libchat_cluster_merged_total", "Messages of these that were added to their shared rooms.",
                   cluster.merged);
  families.gauge("libchat_cluster_forwarded_requests", "Requests that are held here for sessions of other servers.",
                 static_cast<double>(far.forwarded_now));
  families.gauge("libchat_cluster_foreign_requests", "Requests of other servers that are held here for sessions.",
                 static_cast<double>(far.foreign_now));
}

void add_guest(Families& families, const GuestStats& guest) {
  families.gauge("libchat_guest_up", "1 while this server takes part in its Socket.IO cluster.", guest.up_now ? 1 : 0);
  families.gauge("libchat_guest_waiting", "Messages that wait for the Redis of the Socket.IO cluster.",
                 static_cast<double>(guest.waiting_now));
  families.counter("libchat_guest_published_total", "Messages of this server that the Socket.IO cluster has received.",
                   guest.published);
  families.counter("libchat_guest_received_total",
                   "Events and requests of the Socket.IO cluster that concerned somebody here.", guest.received);
  families.counter("libchat_guest_answers_total", "Answers to requests of the Socket.IO cluster.", guest.answers);
  families.counters("libchat_guest_dropped_total",
                    "Messages from and to the Socket.IO cluster that were not passed on, by reason.", "reason",
                    kGuestDropNames, guest.dropped);
  families.counter("libchat_guest_losses_total", "Times that the Redis of the Socket.IO cluster was lost.",
                   guest.losses);
}

void add_clients_and_rooms(Families& families, const MetricsSnapshot& snapshot) {
  families.gauges("libchat_clients", "Clients now, by protocol.", "protocol", kProtocolNames,
                  snapshot.net.clients_now_by_protocol);
  families.gauges("libchat_clients_by_transport", "Clients now, by transport.", "transport", kTransportNames,
                  snapshot.net.clients_now_by_transport);
  families.counter("libchat_clients_opened_total", "Clients that tried to connect, including refused ones.",
                   snapshot.hub.clients_total);
  families.gauge("libchat_rooms", "Rooms that have a member or a history now.",
                 static_cast<double>(snapshot.hub.rooms_now));
  families.gauge("libchat_history_bytes", "Bytes of memory used by the histories of all rooms.",
                 static_cast<double>(snapshot.hub.history_bytes_now));
  families.counter("libchat_history_stored_total", "Messages written to the file of the history.",
                   snapshot.history.stored);
  families.counter("libchat_history_failed_total", "Messages refused because they could not be written.",
                   snapshot.history.failed);
  families.counter("libchat_history_forgotten_total", "Messages published although they could not be written.",
                   snapshot.history.forgotten);
  families.gauge("libchat_history_file_bytes", "Size of the file of the history.",
                 static_cast<double>(snapshot.history.file_bytes_now));
}

void add_messages(Families& families, const MetricsSnapshot& snapshot) {
  const ServerStats& net = snapshot.net;
  families.counters("libchat_messages_received_total",
                    "Messages and commands from clients, including refused ones, by protocol.", "protocol",
                    kProtocolNames, net.messages_in_by_protocol);
  families.counters("libchat_messages_received_by_transport_total",
                    "Messages and commands from clients, including refused ones, by transport.", "transport",
                    kTransportNames, net.messages_in_by_transport);
  families.counter("libchat_messages_refused_total",
                   "Messages and commands refused by the application, by limits, or as malformed.",
                   net.messages_refused);
  families.counter("libchat_messages_published_total",
                   "Messages published to rooms or to everyone, by clients and by the application.",
                   snapshot.hub.published);
  families.counters("libchat_deliveries_total", "Messages put into outboxes, counted once per receiver, by protocol.",
                    "protocol", kProtocolNames, net.deliveries_by_protocol);
  families.counters("libchat_deliveries_by_transport_total",
                    "Messages put into outboxes, counted once per receiver, by transport.", "transport",
                    kTransportNames, net.deliveries_by_transport);
  families.counter("libchat_messages_dropped_total", "Messages dropped because an outbox was full.", net.drops);
  families.counter("libchat_slow_disconnects_total", "Clients disconnected because their outbox was full.",
                   net.slow_disconnects);
  std::array<const char*, kRefusalCount> reasons;
  for (std::size_t i = 0; i < kRefusalCount; ++i) reasons[i] = refusal_name(static_cast<Refusal>(i));
  families.counters("libchat_refusals_total",
                    "Connections, requests, messages and memberships that were refused or closed, by reason.", "reason",
                    reasons, net.refusals);
}

}  // namespace

std::string metrics_text(const MetricsSnapshot& snapshot) {
  Families families;
  add_server(families, snapshot);
  add_clients_and_rooms(families, snapshot);
  if (snapshot.clustered) add_cluster(families, snapshot.cluster, snapshot.far);
  if (snapshot.is_guest) add_guest(families, snapshot.guest);
  add_messages(families, snapshot);
  return families.text();
}

HttpResponse metrics_response(const HttpRequest& request, const MetricsSnapshot& snapshot) {
  if (request.method != "GET" && request.method != "HEAD") return only_get_response();
  HttpResponse response;
  response.headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"},
                      {"Cache-Control", "no-store"},
                      {"X-Content-Type-Options", "nosniff"}};
  response.body = metrics_text(snapshot);
  return response;
}

}  // namespace chat::net
