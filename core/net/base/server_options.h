// The options of a server with all defaults filled in. chat.h describes each of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hub/authenticator.h"
#include "hub/hub.h"
#include "model/types.h"
#include "wire/socket_io/socket_io_namespace.h"
#include "wire/sockjs/sockjs_envelope.h"
#include "wire/stomp/stomp_destination.h"

namespace chat::net {

// The bit of a transport in Endpoint::sockjs.
constexpr std::uint32_t sockjs_bit(wire::SockJsTransport transport) { return 1U << static_cast<unsigned>(transport); }
// All but htmlfile and jsonp, which a page of any origin can use: the requests of a script element have no Origin.
inline constexpr std::uint32_t kDefaultSockJs = 0x0F;

// A path that clients connect to.
struct Endpoint {
  std::string path;  // without a trailing slash
  Protocol protocol = Protocol::plain;
  std::uint32_t transports = 1;  // bits: 1 << Transport
  // 0: the server's limit. Always set for Socket.IO, whose clients expect a higher limit.
  std::int64_t max_message_bytes = 0;
  std::uint32_t sockjs = 0;    // bits: sockjs_bit(); 0: no SockJS here
  bool sockjs_cookie = false;  // sessions set JSESSIONID
};

// A directory served at a path.
struct StaticMount {
  std::string path;
  std::string directory;
};

inline constexpr std::int64_t kMaxPollingSessions = 16'384;

enum class OutboxPolicy : std::uint8_t { disconnect = 0, drop_oldest = 1, drop_newest = 2 };

struct ServerOptions {
  std::string address;  // empty: every address, IPv4 and IPv6
  int port = 0;
  std::string unix_path;
  int listen_fd = 0;
  int threads = 1;  // 0: the host drives the server

  std::vector<Endpoint> endpoints = {{"/chat", Protocol::plain, 7, 0, kDefaultSockJs},
                                     {"/chat.v1", Protocol::chat_v1, 7, 0, kDefaultSockJs},
                                     {"/socket.io", Protocol::socket_io, 3},
                                     {"/stomp", Protocol::stomp, 7, 0, kDefaultSockJs},
                                     {"/rooms", Protocol::http, 6}};
  std::vector<StaticMount> static_mounts;
  std::string default_room = "lobby";
  std::vector<std::shared_ptr<Authenticator>> authenticators;  // in the order in which they are asked

  std::string tls_certificate_file;
  std::string tls_private_key_file;

  std::vector<std::string> allowed_origins;
  std::vector<std::string> trusted_proxies;
  std::vector<std::string> allowed_hosts;  // see allowed_hosts.h
  std::int64_t max_connections = kUnlimited;
  std::int64_t max_sessions = kUnlimited;  // Engine.IO and SockJS sessions
  // The same per address. Sessions on polling or streaming have a limit of their own, too.
  std::int64_t max_sessions_per_address = kUnlimited;
  std::int64_t max_polling_sessions_per_address = kUnlimited;

  std::int64_t max_message_bytes = 65'536;
  std::int64_t max_header_bytes = 8'192;
  std::int64_t inbound_rate = 200;
  std::int64_t inbound_burst = 400;

  std::int64_t max_outbox_bytes = 1 << 20;
  std::int64_t max_outbox_messages = 4'096;
  OutboxPolicy outbox_policy = OutboxPolicy::disconnect;
  std::int64_t flush_interval_ms = 0;
  std::int64_t send_buffer_bytes = 262'144;  // kUnlimited: the system's default

  std::int64_t ping_interval_ms = 25'000;  // kUnlimited: no pings
  std::int64_t ping_timeout_ms = 20'000;
  std::int64_t handshake_timeout_ms = 10'000;
  std::int64_t http_idle_timeout_ms = 5'000;
  std::int64_t verdict_timeout_ms = 10'000;
  std::int64_t drain_timeout_ms = 5'000;
  std::int64_t drain_spread_ms = 0;
  std::int64_t poll_budget_ms = 4;          // for one poll, with threads = 0; kUnlimited: no limit
  std::int64_t memory_release_ms = 10'000;  // kUnlimited: never
  bool permessage_deflate = false;

  std::int64_t max_http_body_bytes = 1'000'000;
  std::int64_t upgrade_timeout_ms = 10'000;
  std::int64_t connect_timeout_ms = 45'000;
  std::int64_t recovery_window_ms = kUnlimited;  // kUnlimited: off
  std::int64_t recovery_bytes = 16 << 20;
  bool recovery_asks_on_connect = false;
  bool socket_io_message_ids = false;      // events may end with {"messageId":ID}
  std::string socket_io_client_directory;  // empty: none
  wire::SocketIoChangeNames socket_io_changes;

  // The HTTP endpoints.
  std::int64_t http_identity_ms = 0;         // 0: each request is a client of its own
  std::int64_t max_http_identities = 1'000;  // on each loop
  std::int64_t idempotency_ms = 600'000;
  bool http_lists = false;  // lists of rooms and members, unless on_authorize says otherwise

  // Each is "/" or has no trailing slash. Empty: not served. See compiled_in.h and metrics.h.
  std::string page_path;
  std::string script_path;
  std::string metrics_path;

  std::int64_t sockjs_heartbeat_ms = 25'000;
  std::int64_t sockjs_disconnect_delay_ms = 5'000;
  std::int64_t sockjs_response_bytes = 128 * 1'024;
  std::string sockjs_script_url;  // empty: no iframe page
  wire::StompPrefixes stomp_prefixes;
  std::int64_t stomp_heart_beat_ms = 10'000;  // kUnlimited: none

  std::string history_path;                     // a file for the history; empty: in memory only
  bool history_full_sync = false;               // survives a power loss
  bool history_forget = false;                  // go on in memory when the file cannot be written
  std::int64_t history_file_bytes = 4LL << 30;  // kUnlimited: no limit
  HistorySearch history_search = HistorySearch::off;

  std::string cluster;  // where the Redis is that the servers of a cluster share; empty: this server is alone
  std::string cluster_prefix = "chat:";
  std::string socket_io_cluster;           // guest/guest_settings.h; empty: this server is no guest
  std::uint32_t cluster_ack_replicas = 0;  // of Redis that have a message before it is acknowledged
  bool cluster_islands = false;            // without Redis the server numbers messages itself

  HubOptions hub;
};

}  // namespace chat::net
