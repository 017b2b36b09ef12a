// The options and callbacks of a server: chat_server_options with the same names, and vectors for pointers and counts.
#ifndef CHAT_CPP_OPTIONS_HPP
#define CHAT_CPP_OPTIONS_HPP

#include <chat/chat.h>

#include <chat/cpp/error.hpp>
#include <chat/cpp/events.hpp>
#include <chat/cpp/history_store.hpp>
#include <chat/cpp/verdict.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chat {
inline namespace v0 {

// chat_endpoint: one address path that clients connect to.
struct Endpoint {
  std::string path;
  chat_protocol protocol = CHAT_PROTOCOL_PLAIN;
  // chat_transport bits; 0: all transports of the protocol.
  std::uint32_t transports = 0;
  // 0: the value in Options.
  std::int64_t max_message_bytes = 0;
  // chat_sockjs bits; 0: all but HTMLFILE and JSONP.
  std::uint32_t sockjs = 0;
  // SockJS sets the cookie JSESSIONID.
  bool sockjs_cookie = false;
};

// chat_static_mount: files below a directory, served under a path.
struct StaticMount {
  std::string path;
  std::string directory;
};

// chat_server_options. A field that is 0, empty or not set takes the default documented at the same field in chat.h. It
// is an aggregate: in C++20 you can write Server::start({.port = 3000, .on_message = ...}).
//
// Callbacks run as chat.h says (convention 7): with several threads, they run concurrently for different clients. An
// exception is reported to on_log, and the request is refused.
struct Options {
  // Where to listen: listen_fd if set, otherwise unix_path if set, otherwise address and port.
  std::string address = {};
  int port = 0;
  std::string unix_path = {};
  int listen_fd = 0;

  // 0: the host drives the server with ServerRef::poll().
  int threads = 1;

  // Accept, refuse or defer a connection: pass(), accept(identity), refuse(), defer().
  std::function<Verdict(const ConnectEvent&)> on_connect = {};
  // The client can receive messages.
  std::function<void(const ClientEvent&)> on_open = {};
  // The client disconnected.
  std::function<void(const ClientEvent&)> on_disconnect = {};
  // The client disconnected, or its time limit passed, before a verdict after defer() in on_connect.
  std::function<void(const ClientEvent&)> on_abandon = {};
  // Allow or refuse an action: pass(), refuse() or defer().
  std::function<Verdict(const AuthorizeEvent&)> on_authorize = {};
  // The client has joined a room.
  std::function<void(const ClientEvent&)> on_join = {};
  // The client has left a room.
  std::function<void(const ClientEvent&)> on_leave = {};
  // pass(), refuse(), consume(), replace(message) or defer().
  std::function<Verdict(const MessageEvent&)> on_message = {};
  // A log line. Called on any thread, and inside Server::start().
  std::function<void(chat_log_level, std::string_view)> on_log = {};
  // The answer to a message of ServerRef::send_with_ack(), or the reason why there is none.
  std::function<void(const AckEvent&)> on_ack = {};
  // A numbered message was published. Calls follow the order of the numbers of a room.
  std::function<void(const PublishedEvent&)> on_published = {};
  // The people in a room have changed.
  std::function<void(const PresenceEvent&)> on_presence = {};
  // Something was moderated, by a client or by the application.
  std::function<void(const chat_audit_event&)> on_audit = {};
  // A member of a room has reported a message. Without this callback reports are refused.
  std::function<void(const ReportEvent&)> on_report = {};
  // Run on each thread that the library starts, before and after all other callbacks on it.
  std::function<void()> on_thread_start = {};
  std::function<void()> on_thread_stop = {};
  chat_log_level log_level = {};

  std::vector<Endpoint> endpoints = {};
  std::vector<StaticMount> static_mounts = {};
  std::string default_room = {};

  // TLS: set both or neither.
  std::string tls_certificate_file = {};
  std::string tls_private_key_file = {};

  // Allowed origins, hosts and proxies.
  std::vector<std::string> allowed_origins = {};
  std::vector<std::string> trusted_proxies = {};  // addresses, CIDR blocks, or "unix"
  std::int64_t max_clients = 0;
  std::int64_t max_clients_per_address = 0;
  std::int64_t max_connections = 0;

  // Messages.
  std::int64_t max_message_bytes = 0;
  std::int64_t max_header_bytes = 0;
  std::int64_t inbound_rate = 0;
  std::int64_t inbound_burst = 0;
  std::vector<std::string> ephemeral_events = {};

  // Each client's outbox.
  std::int64_t max_outbox_bytes = 0;
  std::int64_t max_outbox_messages = 0;
  chat_outbox_policy outbox_policy = CHAT_OUTBOX_DISCONNECT;
  std::int64_t flush_interval_ms = 0;

  // Rooms.
  std::int64_t max_rooms = 0;
  std::int64_t max_rooms_per_client = 0;
  std::int64_t history_messages = 0;
  std::int64_t history_bytes = 0;
  std::int64_t history_age_ms = 0;
  std::int64_t history_total_bytes = 0;
  bool history_off = false;

  // Time.
  std::int64_t ping_interval_ms = 0;
  std::int64_t ping_timeout_ms = 0;
  std::int64_t handshake_timeout_ms = 0;
  std::int64_t http_idle_timeout_ms = 0;
  std::int64_t verdict_timeout_ms = 0;
  std::int64_t drain_timeout_ms = 0;
  std::int64_t drain_spread_ms = 0;
  std::int64_t slow_callback_ms = 0;

  bool permessage_deflate = false;

  // Socket.IO.
  std::int64_t max_http_body_bytes = 0;
  std::int64_t upgrade_timeout_ms = 0;
  std::int64_t connect_timeout_ms = 0;
  std::int64_t recovery_window_ms = 0;
  std::int64_t recovery_bytes = 0;
  std::string socket_io_client_directory = {};

  // Compiled-in pages and metrics.
  std::string chat_page_path = {};
  std::string chat_script_path = {};
  std::string metrics_path = {};

  // Socket.IO: call on_connect for recovered clients too.
  bool recovery_asks_on_connect = false;

  // The names of the server; empty: any. Requests for other hosts are answered with 421. "*.example.org": every
  // subdomain.
  std::vector<std::string> allowed_hosts = {};

  // With threads = 0: how long one poll() may work.
  std::int64_t poll_budget_ms = 0;

  // Resource limits: per address, and in total.
  std::int64_t max_connections_per_address = 0;
  std::int64_t max_rooms_per_address = 0;
  std::int64_t max_memberships = 0;
  std::int64_t max_memberships_per_address = 0;
  std::int64_t max_queued_bytes = 0;
  std::int64_t max_queued_bytes_per_address = 0;

  std::int64_t send_buffer_bytes = 0;
  std::int64_t memory_release_ms = 0;

  std::int64_t sockjs_heartbeat_ms = 0;
  std::int64_t sockjs_disconnect_delay_ms = 0;
  std::int64_t sockjs_response_bytes = 0;
  std::string sockjs_script_url = {};
  // STOMP: what destinations begin with, and how often there are heart-beats.
  std::string stomp_room_prefix = {};
  std::string stomp_application_prefix = {};
  std::string stomp_user_queue_prefix = {};
  std::int64_t stomp_heart_beat_ms = 0;
  // HTTP.
  std::int64_t http_identity_ms = 0;
  std::int64_t max_http_identities = 0;
  std::int64_t idempotency_ms = 0;
  bool http_lists = false;
  // A history that survives restarts; empty: in memory only.
  std::string history_path = {};
  chat_history_sync history_sync = CHAT_HISTORY_SYNC_NORMAL;
  chat_history_failure history_on_failure = CHAT_HISTORY_FAIL;
  std::int64_t history_file_bytes = 0;
  chat_presence_level presence = CHAT_PRESENCE_OFF;
  std::int64_t presence_grace_ms = 0;
  std::string presence_event = {};
  // Events of Socket.IO may end with {"messageId":"..."}.
  bool socket_io_message_ids = false;
  // So long the sender can edit and delete a message; 0: 1 hour. edits_off: never.
  std::int64_t edit_window_ms = 0;
  bool edits_off = false;
  // The events of Socket.IO; nullopt: "chat edit", "chat delete", "chat react"; empty: none.
  std::optional<std::string> socket_io_edit_event = {};
  std::optional<std::string> socket_io_delete_event = {};
  std::optional<std::string> socket_io_react_event = {};
  // Members are told what is moderated.
  bool moderation_events = false;
  // The event of read markers in Socket.IO; nullopt: "chat seen"; empty: none.
  std::optional<std::string> socket_io_seen_event = {};
  // A display name belongs to one person of a room, and so do names that look like it. Guests cannot take the reserved ones.
  bool unique_names = false;
  std::vector<std::string> reserved_names = {};
  // Instead of history_path. It lives as long as the server needs it.
  std::shared_ptr<HistoryStore> history_store = {};
  // With history_path: ServerRef::search().
  chat_history_search history_search = CHAT_HISTORY_SEARCH_OFF;
  // The Redis of a cluster; empty: this server is alone.
  std::string cluster = {};
  std::string cluster_prefix = {};
  // The Redis of a Socket.IO cluster of which this server is a guest; empty: none.
  std::string socket_io_cluster = {};
  int cluster_ack_replicas = 0;
  // Without Redis.
  chat_cluster_policy cluster_policy = CHAT_CLUSTER_HOLD;
};

namespace detail {

// Options in the form of chat.h, without the callbacks; valid as long as the Options.
class RawOptions {
 public:
  explicit RawOptions(const Options& options) {
    raw_.struct_size = sizeof raw_;
    raw_.callbacks.struct_size = sizeof raw_.callbacks;

    raw_.address = text(options.address);
    raw_.port = options.port;
    raw_.unix_path = text(options.unix_path);
    raw_.listen_fd = options.listen_fd;
    raw_.threads = options.threads;
    raw_.log_level = options.log_level;

    endpoints_.reserve(options.endpoints.size());
    for (const Endpoint& endpoint : options.endpoints) {
      endpoints_.push_back({sizeof(chat_endpoint), text(endpoint.path), endpoint.protocol, endpoint.transports,
                            endpoint.max_message_bytes, endpoint.sockjs, endpoint.sockjs_cookie ? 1 : 0});
    }
    raw_.endpoints = array(endpoints_);
    raw_.endpoint_count = endpoints_.size();
    static_mounts_.reserve(options.static_mounts.size());
    for (const StaticMount& mount : options.static_mounts) {
      static_mounts_.push_back({sizeof(chat_static_mount), text(mount.path), text(mount.directory)});
    }
    raw_.static_mounts = array(static_mounts_);
    raw_.static_mount_count = static_mounts_.size();
    raw_.default_room = text(options.default_room);

    raw_.tls_certificate_file = text(options.tls_certificate_file);
    raw_.tls_private_key_file = text(options.tls_private_key_file);

    raw_.allowed_origins = texts(options.allowed_origins, allowed_origins_);
    raw_.allowed_origin_count = allowed_origins_.size();
    raw_.trusted_proxies = texts(options.trusted_proxies, trusted_proxies_);
    raw_.trusted_proxy_count = trusted_proxies_.size();
    raw_.max_clients = options.max_clients;
    raw_.max_clients_per_address = options.max_clients_per_address;
    raw_.max_connections = options.max_connections;

    raw_.max_message_bytes = options.max_message_bytes;
    raw_.max_header_bytes = options.max_header_bytes;
    raw_.inbound_rate = options.inbound_rate;
    raw_.inbound_burst = options.inbound_burst;
    raw_.ephemeral_events = texts(options.ephemeral_events, ephemeral_events_);
    raw_.ephemeral_event_count = ephemeral_events_.size();

    raw_.max_outbox_bytes = options.max_outbox_bytes;
    raw_.max_outbox_messages = options.max_outbox_messages;
    raw_.outbox_policy = options.outbox_policy;
    raw_.flush_interval_ms = options.flush_interval_ms;

    raw_.max_rooms = options.max_rooms;
    raw_.max_rooms_per_client = options.max_rooms_per_client;
    raw_.history_messages = options.history_messages;
    raw_.history_bytes = options.history_bytes;
    raw_.history_age_ms = options.history_age_ms;
    raw_.history_total_bytes = options.history_total_bytes;
    raw_.history_off = options.history_off ? 1 : 0;

    raw_.ping_interval_ms = options.ping_interval_ms;
    raw_.ping_timeout_ms = options.ping_timeout_ms;
    raw_.handshake_timeout_ms = options.handshake_timeout_ms;
    raw_.http_idle_timeout_ms = options.http_idle_timeout_ms;
    raw_.verdict_timeout_ms = options.verdict_timeout_ms;
    raw_.drain_timeout_ms = options.drain_timeout_ms;
    raw_.drain_spread_ms = options.drain_spread_ms;
    raw_.slow_callback_ms = options.slow_callback_ms;

    raw_.permessage_deflate = options.permessage_deflate ? 1 : 0;

    raw_.max_http_body_bytes = options.max_http_body_bytes;
    raw_.upgrade_timeout_ms = options.upgrade_timeout_ms;
    raw_.connect_timeout_ms = options.connect_timeout_ms;
    raw_.recovery_window_ms = options.recovery_window_ms;
    raw_.recovery_bytes = options.recovery_bytes;
    raw_.socket_io_client_directory = text(options.socket_io_client_directory);

    raw_.chat_page_path = text(options.chat_page_path);
    raw_.chat_script_path = text(options.chat_script_path);
    raw_.metrics_path = text(options.metrics_path);

    raw_.recovery_asks_on_connect = options.recovery_asks_on_connect ? 1 : 0;

    raw_.allowed_hosts = texts(options.allowed_hosts, allowed_hosts_);
    raw_.allowed_host_count = allowed_hosts_.size();

    raw_.poll_budget_ms = options.poll_budget_ms;

    raw_.max_connections_per_address = options.max_connections_per_address;
    raw_.max_rooms_per_address = options.max_rooms_per_address;
    raw_.max_memberships = options.max_memberships;
    raw_.max_memberships_per_address = options.max_memberships_per_address;
    raw_.max_queued_bytes = options.max_queued_bytes;
    raw_.max_queued_bytes_per_address = options.max_queued_bytes_per_address;

    raw_.send_buffer_bytes = options.send_buffer_bytes;
    raw_.memory_release_ms = options.memory_release_ms;

    raw_.sockjs_heartbeat_ms = options.sockjs_heartbeat_ms;
    raw_.sockjs_disconnect_delay_ms = options.sockjs_disconnect_delay_ms;
    raw_.sockjs_response_bytes = options.sockjs_response_bytes;
    raw_.sockjs_script_url = text(options.sockjs_script_url);
    raw_.stomp_room_prefix = text(options.stomp_room_prefix);
    raw_.stomp_application_prefix = text(options.stomp_application_prefix);
    raw_.stomp_user_queue_prefix = text(options.stomp_user_queue_prefix);
    raw_.stomp_heart_beat_ms = options.stomp_heart_beat_ms;
    raw_.http_identity_ms = options.http_identity_ms;
    raw_.max_http_identities = options.max_http_identities;
    raw_.idempotency_ms = options.idempotency_ms;
    raw_.http_lists = options.http_lists ? 1 : 0;
    raw_.history_path = text(options.history_path);
    raw_.history_sync = options.history_sync;
    raw_.history_on_failure = options.history_on_failure;
    raw_.history_file_bytes = options.history_file_bytes;
    raw_.presence = options.presence;
    raw_.presence_grace_ms = options.presence_grace_ms;
    raw_.presence_event = text(options.presence_event);
    raw_.socket_io_message_ids = options.socket_io_message_ids ? 1 : 0;
    raw_.edit_window_ms = options.edit_window_ms;
    raw_.edits_off = options.edits_off ? 1 : 0;
    raw_.socket_io_edit_event = text(options.socket_io_edit_event);
    raw_.socket_io_delete_event = text(options.socket_io_delete_event);
    raw_.socket_io_react_event = text(options.socket_io_react_event);
    raw_.moderation_events = options.moderation_events ? 1 : 0;
    raw_.socket_io_seen_event = text(options.socket_io_seen_event);
    raw_.unique_names = options.unique_names ? 1 : 0;
    raw_.reserved_names = texts(options.reserved_names, reserved_names_);
    raw_.reserved_name_count = reserved_names_.size();
    raw_.history_search = options.history_search;
    raw_.cluster = text(options.cluster);
    raw_.cluster_prefix = text(options.cluster_prefix);
    raw_.socket_io_cluster = text(options.socket_io_cluster);
    raw_.cluster_ack_replicas = options.cluster_ack_replicas;
    raw_.cluster_policy = options.cluster_policy;
    if (options.history_store) {
      history_store_ = HistoryCalls::raw(options.history_store.get());
      raw_.history_store = &history_store_;
    }
  }
  RawOptions(const RawOptions&) = delete;
  RawOptions& operator=(const RawOptions&) = delete;

  // The caller adds the callbacks.
  chat_server_options& raw() noexcept { return raw_; }
  // Whether a string contains a NUL.
  bool nul() const noexcept { return nul_; }

 private:
  // An empty string becomes NULL, the default.
  const char* text(const std::optional<std::string>& text) {
    if (!text) return nullptr;
    return text->empty() ? "" : this->text(*text);
  }
  const char* text(const std::string& text) {
    nul_ = nul_ || has_nul(text);
    return text.empty() ? nullptr : text.c_str();
  }

  const char* const* texts(const std::vector<std::string>& texts, std::vector<const char*>& pointers) {
    pointers.reserve(texts.size());
    for (const std::string& text : texts) {
      nul_ = nul_ || has_nul(text);
      pointers.push_back(text.c_str());
    }
    return array(pointers);
  }

  template <class Item>
  static const Item* array(const std::vector<Item>& items) noexcept {
    return items.empty() ? nullptr : items.data();
  }

  bool nul_ = false;
  std::vector<chat_endpoint> endpoints_;
  std::vector<chat_static_mount> static_mounts_;
  std::vector<const char*> allowed_origins_;
  std::vector<const char*> trusted_proxies_;
  std::vector<const char*> ephemeral_events_;
  std::vector<const char*> allowed_hosts_;
  std::vector<const char*> reserved_names_;
  chat_history_store history_store_ = CHAT_HISTORY_STORE_INIT;
  chat_server_options raw_ = {};
};

}  // namespace detail
}  // namespace v0
}  // namespace chat

#endif  // CHAT_CPP_OPTIONS_HPP
