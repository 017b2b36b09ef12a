// The metrics text of a snapshot. tests/python/test_metrics.py checks it with Prometheus' parser.
#include "net/serve/metrics.h"

#include <string>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::net;

namespace {

void assert_line(const std::string& text, const std::string& line) {
  if (("\n" + text).find("\n" + line + "\n") == std::string::npos)
    fail_msg("no line %s in\n%s", line.c_str(), text.c_str());
}

void each_counter_has_its_line(void**) {
  MetricsSnapshot snapshot;
  snapshot.started_at_ms = 1'700'000'000'250;
  snapshot.draining = true;
  snapshot.connections_now_by_loop = {3, 4};
  snapshot.net.connections_total = 11;
  snapshot.net.messages_refused = 12;
  snapshot.net.drops = 13;
  snapshot.net.slow_disconnects = 14;
  snapshot.net.bytes_in = 15;
  snapshot.net.bytes_out = 9'007'199'254'740'991;  // the largest exact integer
  snapshot.net.http_requests = 17;
  snapshot.net.clients_now_by_protocol = {777, 21, 22, 23};
  snapshot.net.clients_now_by_transport = {24, 25, 26};
  snapshot.net.messages_in_by_protocol = {777, 31, 32, 33};
  snapshot.net.messages_in_by_transport = {34, 35};
  snapshot.net.deliveries_by_protocol = {777, 41, 42, 43};
  snapshot.net.deliveries_by_transport = {44, 45};
  snapshot.net.refusals.front() = 46;
  snapshot.net.refusals.back() = 47;
  snapshot.hub.clients_total = 51;
  snapshot.hub.rooms_now = 52;
  snapshot.hub.published = 53;
  snapshot.hub.history_bytes_now = 54;
  snapshot.history = {61, 62, 63, 64};
  snapshot.clustered = true;
  snapshot.cluster.up_now = true;
  snapshot.cluster.servers_now = 72;
  snapshot.cluster.published = 73;
  snapshot.cluster.losses = 74;
  snapshot.cluster.islands_now = 75;
  snapshot.cluster.merged = 76;
  snapshot.far = {77, 78};
  snapshot.is_guest = true;
  snapshot.guest.up_now = true;
  snapshot.guest.published = 81;
  snapshot.guest.received = 82;
  snapshot.guest.answers = 83;
  snapshot.guest.losses = 84;
  snapshot.guest.dropped.front() = 85;
  snapshot.guest.dropped.back() = 86;
  snapshot.guest.waiting_now = 87;
  const std::string text = metrics_text(snapshot);
  for (const char* line : {"libchat_start_time_seconds 1700000000.25",
                           "libchat_draining 1",
                           "libchat_connections{loop=\"0\"} 3",
                           "libchat_connections{loop=\"1\"} 4",
                           "libchat_connections_opened_total 11",
                           "libchat_messages_refused_total 12",
                           "libchat_messages_dropped_total 13",
                           "libchat_refusals_total{reason=\"connections\"} 46",
                           "libchat_refusals_total{reason=\"flood\"} 47",
                           "libchat_slow_disconnects_total 14",
                           "libchat_received_bytes_total 15",
                           "libchat_sent_bytes_total 9007199254740991",
                           "libchat_http_requests_total 17",
                           "libchat_clients{protocol=\"plain\"} 21",
                           "libchat_clients{protocol=\"chat.v1\"} 22",
                           "libchat_clients{protocol=\"socket.io\"} 23",
                           "libchat_clients_by_transport{transport=\"websocket\"} 24",
                           "libchat_clients_by_transport{transport=\"polling\"} 25",
                           "libchat_clients_by_transport{transport=\"streaming\"} 26",
                           "libchat_messages_received_total{protocol=\"socket.io\"} 33",
                           "libchat_messages_received_by_transport_total{transport=\"polling\"} 35",
                           "libchat_deliveries_total{protocol=\"plain\"} 41",
                           "libchat_deliveries_by_transport_total{transport=\"websocket\"} 44",
                           "libchat_clients_opened_total 51",
                           "libchat_rooms 52",
                           "libchat_messages_published_total 53",
                           "libchat_history_bytes 54",
                           "libchat_history_stored_total 61",
                           "libchat_history_failed_total 62",
                           "libchat_history_forgotten_total 63",
                           "libchat_history_file_bytes 64",
                           "libchat_cluster_up 1",
                           "libchat_cluster_servers 72",
                           "libchat_cluster_published_total 73",
                           "libchat_cluster_losses_total 74",
                           "libchat_cluster_islands 75",
                           "libchat_cluster_merged_total 76",
                           "libchat_cluster_forwarded_requests 77",
                           "libchat_cluster_foreign_requests 78",
                           "libchat_guest_up 1",
                           "libchat_guest_published_total 81",
                           "libchat_guest_received_total 82",
                           "libchat_guest_answers_total 83",
                           "libchat_guest_losses_total 84",
                           "libchat_guest_dropped_total{reason=\"malformed\"} 85",
                           "libchat_guest_dropped_total{reason=\"no_memory\"} 86",
                           "libchat_guest_waiting 87",
                           "# TYPE libchat_clients gauge",
                           "# TYPE libchat_deliveries_total counter"}) {
    assert_line(text, line);
  }
  assert_true(text.find("777") == std::string::npos);  // no protocol has the number 0
}

void get_and_head_alone(void**) {
  for (const char* method : {"GET", "HEAD"}) {
    HttpRequest request;
    request.method = method;
    assert_int_equal(metrics_response(request, {}).status, 200);
  }
  for (const char* method : {"POST", "OPTIONS", ""}) {
    HttpRequest request;
    request.method = method;
    assert_int_equal(metrics_response(request, {}).status, 405);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_counter_has_its_line),
      cmocka_unit_test(get_and_head_alone),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
