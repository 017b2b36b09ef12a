// See options.h.
#include "options.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_set>

#include "application_store.h"
#include "model/name_keys.h"
#include "model/names.h"
#include "model/utf8.h"
#include "net/base/descriptors.h"
#include "net/base/protocol_traits.h"
#include "net/http/allowed_hosts.h"
#include "sized.h"

namespace chat::capi {
namespace {

constexpr std::size_t kMaxArrayItems = 1'000;
constexpr std::size_t kMaxPathBytes = 1'024;

// Upper bounds, for the same reason as kMaxMs.
constexpr std::int64_t kMaxBytes = 1LL << 50;
constexpr std::int64_t kMaxCount = 1LL << 50;
// A message is one buffer and one frame.
constexpr std::int64_t kMaxMessageBytes = 1LL << 30;
constexpr std::int64_t kMaxHeaderBytes = 1LL << 20;

constexpr std::int64_t kDefaultMaxOutboxBytes = 1 << 20;
constexpr std::int64_t kDefaultMinClients = 32'768;
constexpr std::int64_t kDefaultMaxMemberships = 1'000'000;
constexpr std::int64_t kDefaultMaxQueuedBytes = 512 << 20;
// About as many connections as one address can have with the default port range of Linux, and more than a proxy uses.
constexpr std::int64_t kMostSocketsOfAddress = 32'768;

constexpr std::uint32_t kAllTransports = (1U << kTransportCount) - 1;

Status invalid(const std::string& field, const std::string& what) {
  return {Error::invalid_argument, field + " " + what};
}

// Reads fields and remembers the first error, so that the caller is a plain list of fields.
class Reader {
 public:
  const Status& status() const { return status_; }
  bool ok() const { return status_.ok(); }
  void fault(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

  enum class Unlimited : std::uint8_t { no, yes };

  // 0 leaves the default in `target`.
  void number(const char* field, std::int64_t value, std::int64_t highest, Unlimited unlimited, std::int64_t& target) {
    if (value == 0) return;
    if (value == CHAT_UNLIMITED && unlimited == Unlimited::yes) {
      target = kUnlimited;
    } else if (value == CHAT_UNLIMITED) {
      fault(invalid(field, "cannot be CHAT_UNLIMITED"));
    } else if (value < 0 || value > highest) {
      fault(invalid(field, "is " + std::to_string(value) + ", not within 0 to " + std::to_string(highest)));
    } else {
      target = value;
    }
  }

  void range(const char* field, std::int64_t value, std::int64_t lowest, std::int64_t highest) {
    if (value >= lowest && value <= highest) return;
    fault(invalid(field, "is " + std::to_string(value) + ", not within " + std::to_string(lowest) + " to " +
                             std::to_string(highest)));
  }

  void text(const char* field, const char* value, std::string& target) {
    if (value == nullptr) return;
    target = value;
    if (!is_utf8(target)) fault(invalid(field, "is not UTF-8"));
  }

  bool array(const char* field, const void* items, std::size_t count) {
    if (items == nullptr && count != 0) {
      fault(invalid(field, "is NULL, but its count is not 0"));
    } else if (count > kMaxArrayItems) {
      fault(invalid(field, "has more than " + std::to_string(kMaxArrayItems) + " items"));
    }
    return ok() && count != 0;
  }

  // check() returns what is wrong with an item, or an empty string.
  template <class Check>
  void strings(const char* field, const char* const* items, std::size_t count, Check check,
               std::vector<std::string>& target) {
    if (!array(field, items, count)) return;
    for (std::size_t i = 0; i < count && ok(); ++i) {
      const std::string item_field = std::string(field) + "[" + std::to_string(i) + "]";
      if (items[i] == nullptr) {
        fault(invalid(item_field, "is NULL"));
      } else if (const std::string what = check(std::string_view(items[i])); !what.empty()) {
        fault(invalid(item_field, what));
      } else {
        target.emplace_back(items[i]);
      }
    }
  }

 private:
  Status status_;
};

// All items of an array have the struct_size of the first one.
template <class Struct>
const Struct* item_at(const Struct* items, std::size_t index, std::size_t stride) {
  return reinterpret_cast<const Struct*>(reinterpret_cast<const char*>(items) + index * stride);
}

// Returns what is wrong with the path of an endpoint or a mount. Stores it in `path` without a trailing slash.
std::string read_path(const char* given, std::string& path) {
  if (given == nullptr) return "is NULL";
  path = given;
  if (path.empty() || path.front() != '/') return "does not begin with '/'";
  if (path.size() > kMaxPathBytes) return "is longer than " + std::to_string(kMaxPathBytes) + " bytes";
  if (!is_utf8(path)) return "is not UTF-8";
  const auto forbidden = [](unsigned char c) { return c < 0x20 || c == 0x7F || c == '?' || c == '#'; };
  if (std::any_of(path.begin(), path.end(), forbidden)) return "contains '?', '#' or a control character";
  if (path.find("//") != std::string::npos) return "contains an empty segment";
  if (path.size() > 1 && path.back() == '/') path.pop_back();
  return {};
}

// Returns what is wrong with an endpoint's transports. 0 stands for all transports of its protocol.
std::string read_transports(std::uint32_t given, Protocol protocol, std::uint32_t& transports) {
  const std::uint32_t possible = net::traits_of(protocol).transports;
  if ((given & ~kAllTransports) != 0) return "has a bit that is not a chat_transport";
  if ((given & ~possible) != 0) return "has a chat_transport that the endpoint's protocol does not support";
  transports = given == 0 ? possible : given;
  return {};
}

// Returns what is wrong with an endpoint's transports of SockJS. Stores those that it has, for transports that were read.
std::string read_sockjs(std::uint32_t given, net::Endpoint& endpoint) {
  constexpr std::uint32_t kAll = CHAT_SOCKJS_OFF - 1;
  const bool off = given == CHAT_SOCKJS_OFF;
  if (!off && (given & ~kAll) != 0) return "has a bit that is not a chat_sockjs, or CHAT_SOCKJS_OFF and others";
  if (!net::traits_of(endpoint.protocol).carried_by_sockjs) {
    return off || given == 0 ? "" : "is set, but SockJS does not carry the protocol";
  }
  if (off) return {};
  endpoint.sockjs = given == 0 ? net::kDefaultSockJs : given;
  using enum wire::SockJsTransport;
  for (const wire::SockJsTransport transport : {websocket, xhr, xhr_streaming, eventsource, htmlfile, jsonp}) {
    const bool possible = (endpoint.transports & net::transport_bit(net::transport_of(transport))) != 0;
    if (!possible) endpoint.sockjs &= ~net::sockjs_bit(transport);
  }
  return {};
}

// Some endpoints own everything below their paths.
void check_subtrees(Reader& reader, const std::vector<net::Endpoint>& endpoints) {
  for (const net::Endpoint& owner : endpoints) {
    if (!net::traits_of(owner.protocol).owns_paths_below) continue;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      if (!endpoints[i].path.starts_with(owner.path + "/")) continue;
      reader.fault(invalid("options.endpoints[" + std::to_string(i) + "].path",
                           "is below the path of an endpoint that owns the paths below its own: " + endpoints[i].path));
    }
  }
}

void read_callbacks(Reader& reader, const chat_server_options& given, ApplicationSettings& settings) {
  const chat_callbacks& callbacks = given.callbacks;
  if (callbacks.struct_size < kRequiredBytes<chat_callbacks> || callbacks.struct_size > sizeof(chat_callbacks)) {
    reader.fault({Error::invalid_argument, "options.callbacks.struct_size is " + std::to_string(callbacks.struct_size) +
                                               ": initialize the options with CHAT_SERVER_OPTIONS_INIT"});
    return;
  }
  settings.callbacks = callbacks;
  settings.user = given.user;
  reader.range("options.log_level", raw_number(given.log_level), 0, CHAT_LOG_DEBUG);
  if (const int level = raw_number(given.log_level); level != 0) settings.log_level = static_cast<LogLevel>(level);
  reader.number("options.slow_callback_ms", given.slow_callback_ms, kMaxMs, Reader::Unlimited::no,
                settings.slow_callback_ms);
}

void read_listener(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  reader.text("options.address", given.address, options.address);
  reader.range("options.port", given.port, 0, 65'535);
  options.port = given.port;
  reader.text("options.unix_path", given.unix_path, options.unix_path);
  if (given.unix_path != nullptr && options.unix_path.empty()) {
    reader.fault(invalid("options.unix_path", "is empty"));
  }
  reader.range("options.listen_fd", given.listen_fd, 0, std::numeric_limits<int>::max());
  options.listen_fd = given.listen_fd;
  reader.range("options.threads", given.threads, 0, 256);
  options.threads = given.threads;

  reader.text("options.tls_certificate_file", given.tls_certificate_file, options.tls_certificate_file);
  reader.text("options.tls_private_key_file", given.tls_private_key_file, options.tls_private_key_file);
  if (options.tls_certificate_file.empty() != options.tls_private_key_file.empty()) {
    reader.fault(invalid("options.tls_certificate_file", "and options.tls_private_key_file must be set together"));
  }
}

void read_endpoints(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  if (given.endpoints == nullptr && given.endpoint_count == 0) return;
  if (given.endpoint_count == 0)
    reader.fault(invalid("options.endpoint_count", "is 0, but options.endpoints is not NULL"));
  if (!reader.array("options.endpoints", given.endpoints, given.endpoint_count)) return;
  options.endpoints.clear();
  const std::size_t stride = given.endpoints[0].struct_size;
  std::unordered_set<std::string> paths;
  for (std::size_t i = 0; i < given.endpoint_count && reader.ok(); ++i) {
    const std::string field = "options.endpoints[" + std::to_string(i) + "]";
    const auto* item = item_at(given.endpoints, i, stride);
    chat_endpoint endpoint = {};
    reader.fault(read_sized(item, stride, kRequiredBytes<chat_endpoint>, field, endpoint));
    if (!reader.ok()) return;
    if (endpoint.struct_size != stride) {
      reader.fault(invalid(field + ".struct_size", "differs from that of the first endpoint"));
    }
    net::Endpoint result;
    if (const std::string what = read_path(endpoint.path, result.path); !what.empty()) {
      reader.fault(invalid(field + ".path", what));
    } else if (!paths.insert(result.path).second) {
      reader.fault(invalid(field + ".path", "occurs twice: " + result.path));
    }
    const int protocol = raw_number(endpoint.protocol);
    reader.range((field + ".protocol").c_str(), protocol, 1, static_cast<std::int64_t>(kProtocolCount) - 1);
    result.protocol = static_cast<Protocol>(protocol);
    if (const std::string what = read_transports(endpoint.transports, result.protocol, result.transports);
        !what.empty()) {
      reader.fault(invalid(field + ".transports", what));
    }
    if (net::traits_of(result.protocol).owns_paths_below && result.path == "/") {
      reader.fault(invalid(field + ".path", "is \"/\": an endpoint of this protocol owns everything below its path"));
    }
    if (const std::string what = read_sockjs(endpoint.sockjs, result); !what.empty()) {
      reader.fault(invalid(field + ".sockjs", what));
    }
    reader.range((field + ".sockjs_cookie").c_str(), endpoint.sockjs_cookie, 0, 1);
    result.sockjs_cookie = endpoint.sockjs_cookie != 0;
    reader.number((field + ".max_message_bytes").c_str(), endpoint.max_message_bytes, kMaxMessageBytes,
                  Reader::Unlimited::no, result.max_message_bytes);
    options.endpoints.push_back(std::move(result));
  }
  check_subtrees(reader, options.endpoints);
}

void read_mounts(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  if (!reader.array("options.static_mounts", given.static_mounts, given.static_mount_count)) return;
  const std::size_t stride = given.static_mounts[0].struct_size;
  std::unordered_set<std::string> paths;
  for (std::size_t i = 0; i < given.static_mount_count && reader.ok(); ++i) {
    const std::string field = "options.static_mounts[" + std::to_string(i) + "]";
    const auto* item = item_at(given.static_mounts, i, stride);
    chat_static_mount mount = {};
    reader.fault(read_sized(item, stride, kRequiredBytes<chat_static_mount>, field, mount));
    if (!reader.ok()) return;
    if (mount.struct_size != stride)
      reader.fault(invalid(field + ".struct_size", "differs from that of the first mount"));
    net::StaticMount result;
    if (const std::string what = read_path(mount.path, result.path); !what.empty()) {
      reader.fault(invalid(field + ".path", what));
    } else if (!paths.insert(result.path).second) {
      reader.fault(invalid(field + ".path", "occurs twice: " + result.path));
    }
    if (mount.directory == nullptr || *mount.directory == '\0') {
      reader.fault(invalid(field + ".directory", "is NULL or empty"));
    } else {
      result.directory = mount.directory;
    }
    options.static_mounts.push_back(std::move(result));
  }
}

// "https://example.org" or "https://example.org:8443", as browsers send it. They send "null" for a local file.
std::string check_origin(std::string_view origin) {
  if (origin == "*" || origin == "null") return {};
  const std::size_t scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos || scheme_end == 0) {
    return "is neither \"*\" nor like \"https://example.org\"";
  }
  const std::string_view host = origin.substr(scheme_end + 3);
  if (host.empty() || host.find_first_of("/?# ,*") != std::string_view::npos) {
    return "is neither \"*\" nor like \"https://example.org\" (no path, no pattern)";
  }
  return {};
}

void read_admission(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  reader.strings("options.allowed_origins", given.allowed_origins, given.allowed_origin_count, check_origin,
                 options.allowed_origins);
  const auto check_proxy = [](std::string_view proxy) -> std::string { return proxy.empty() ? "is empty" : ""; };
  reader.strings("options.trusted_proxies", given.trusted_proxies, given.trusted_proxy_count, check_proxy,
                 options.trusted_proxies);
  reader.strings("options.allowed_hosts", given.allowed_hosts, given.allowed_host_count, net::AllowedHosts::check,
                 options.allowed_hosts);

  using enum Reader::Unlimited;
  reader.number("options.max_clients", given.max_clients, kMaxCount, yes, options.hub.max_clients);
  reader.number("options.max_clients_per_address", given.max_clients_per_address, kMaxCount, yes,
                options.hub.max_clients_per_address);
  if (options.hub.max_clients != kUnlimited) options.max_sessions = options.hub.max_clients + 1'000;
  reader.number("options.max_connections", given.max_connections, kMaxCount, yes, options.max_sessions);
  options.max_connections = options.max_sessions;
  if (given.max_connections == 0) {
    const std::int64_t possible = net::default_max_connections(net::open_file_limit());
    if (options.max_sessions == kUnlimited || options.max_sessions > possible) options.max_connections = possible;
  }
}

void read_rooms(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  reader.text("options.default_room", given.default_room, options.default_room);
  if (Status status = check_room_name(options.default_room); !status.ok()) {
    reader.fault({Error::invalid_argument, "options.default_room: " + status.detail});
  }
  const auto check_event = [](std::string_view event) { return check_event_name(event).detail; };
  reader.strings("options.ephemeral_events", given.ephemeral_events, given.ephemeral_event_count, check_event,
                 options.hub.ephemeral_events);

  reader.range("options.unique_names", given.unique_names, 0, 1);
  options.hub.unique_names = given.unique_names != 0;
  if (options.hub.unique_names) {
    const Status possible = check_name_keys();
    if (!possible.ok()) reader.fault({possible.code, "options.unique_names: " + possible.detail});
  }
  const auto check_name = [](std::string_view name) {
    if (name.empty()) return std::string("is empty");
    const Status status = check_person_name(name);
    if (!status.ok()) return status.detail;
    const Result<NameKeys> keys = list_keys(name);
    return keys.ok() && keys->looks.empty() ? "has no visible character" : keys.status().detail;
  };
  reader.strings("options.reserved_names", given.reserved_names, given.reserved_name_count, check_name,
                 options.hub.reserved_names);

  using enum Reader::Unlimited;
  reader.number("options.max_rooms", given.max_rooms, kMaxCount, no, options.hub.max_rooms);
  reader.number("options.max_rooms_per_client", given.max_rooms_per_client, kMaxCount, no,
                options.hub.max_rooms_per_client);
  HistoryLimits& history = options.hub.history;
  reader.number("options.history_messages", given.history_messages, kMaxCount, yes, history.messages);
  reader.number("options.history_bytes", given.history_bytes, kMaxBytes, no, history.bytes);
  reader.number("options.history_age_ms", given.history_age_ms, kMaxMs, yes, history.age_ms);
  reader.number("options.history_total_bytes", given.history_total_bytes, kMaxBytes, no,
                options.hub.history_total_bytes);
  reader.range("options.history_off", given.history_off, 0, 1);
  if (given.history_off != 0) history.messages = 0;
}

// Official Socket.IO clients and servers have one limit, for the body of a POST. It applies to Socket.IO messages unless
// the endpoint sets another one, and their outboxes can hold one message of this size.
void set_endpoint_limits(const chat_server_options& given, net::ServerOptions& options) {
  std::int64_t limit = options.max_message_bytes;
  if (given.max_message_bytes == 0) {
    limit = options.max_http_body_bytes;
    if (given.max_outbox_bytes > 0) limit = std::min(limit, given.max_outbox_bytes);
  }
  for (net::Endpoint& endpoint : options.endpoints) {
    const bool like_bodies = net::traits_of(endpoint.protocol).limits_messages_like_bodies;
    if (like_bodies && endpoint.max_message_bytes == 0) endpoint.max_message_bytes = limit;
  }
}

// So that one address cannot take everything.
std::int64_t half_of(std::int64_t total) { return total == kUnlimited ? kUnlimited : total / 2 + total % 2; }

// Called after the options that these defaults depend on were read.
void read_shares(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  using enum Reader::Unlimited;
  HubOptions& hub = options.hub;
  hub.default_room = options.default_room;
  const auto share = [&](const char* field, std::int64_t value, std::int64_t highest, std::int64_t total,
                         std::int64_t& target) {
    target = half_of(total);
    reader.number(field, value, highest, yes, target);
  };
  share("options.max_connections_per_address", given.max_connections_per_address, kMaxCount, options.max_connections,
        hub.max_connections_per_address);

  // Several clients may share a socket, and some have none, so their number is limited too.
  if (given.max_clients == 0 && options.max_connections != kUnlimited) {
    hub.max_clients = std::max(kDefaultMinClients, options.max_connections);
  }
  options.max_sessions_per_address = half_of(options.max_sessions);
  options.max_polling_sessions_per_address = half_of(net::kMaxPollingSessions);
  if (given.max_clients_per_address == 0) {
    const std::int64_t half = half_of(hub.max_clients);
    hub.max_clients_per_address = half == kUnlimited ? kMostSocketsOfAddress : std::min(half, kMostSocketsOfAddress);
  } else {
    options.max_sessions_per_address = hub.max_clients_per_address;
    options.max_polling_sessions_per_address = hub.max_clients_per_address;
  }

  share("options.max_rooms_per_address", given.max_rooms_per_address, kMaxCount, hub.max_rooms,
        hub.max_rooms_per_address);
  hub.max_memberships = kDefaultMaxMemberships;
  reader.number("options.max_memberships", given.max_memberships, kMaxCount, yes, hub.max_memberships);
  share("options.max_memberships_per_address", given.max_memberships_per_address, kMaxCount, hub.max_memberships,
        hub.max_memberships_per_address);
  // A full outbox fits half of the total.
  hub.max_queued_bytes = std::max(kDefaultMaxQueuedBytes, 4 * options.max_outbox_bytes);
  reader.number("options.max_queued_bytes", given.max_queued_bytes, kMaxBytes, yes, hub.max_queued_bytes);
  share("options.max_queued_bytes_per_address", given.max_queued_bytes_per_address, kMaxBytes, hub.max_queued_bytes,
        hub.max_queued_bytes_per_address);
}

std::int64_t largest_message_bytes(const net::ServerOptions& options) {
  std::int64_t largest = options.max_message_bytes;
  for (const net::Endpoint& endpoint : options.endpoints) largest = std::max(largest, endpoint.max_message_bytes);
  return largest;
}

void read_traffic(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  using enum Reader::Unlimited;
  reader.number("options.max_message_bytes", given.max_message_bytes, kMaxMessageBytes, no, options.max_message_bytes);
  reader.number("options.max_http_body_bytes", given.max_http_body_bytes, kMaxMessageBytes, no,
                options.max_http_body_bytes);
  set_endpoint_limits(given, options);
  reader.number("options.max_header_bytes", given.max_header_bytes, kMaxHeaderBytes, no, options.max_header_bytes);
  reader.number("options.inbound_rate", given.inbound_rate, kMaxCount, yes, options.inbound_rate);
  reader.number("options.inbound_burst", given.inbound_burst, kMaxCount, no, options.inbound_burst);

  // An outbox that is smaller than one message would close every receiver of it.
  const std::int64_t largest_message = largest_message_bytes(options);
  options.max_outbox_bytes = std::max(kDefaultMaxOutboxBytes, 2 * largest_message);
  reader.number("options.max_outbox_bytes", given.max_outbox_bytes, kMaxBytes, no, options.max_outbox_bytes);
  if (options.max_outbox_bytes < largest_message) {
    reader.fault(invalid("options.max_outbox_bytes", "is smaller than max_message_bytes"));
  }
  reader.number("options.max_outbox_messages", given.max_outbox_messages, kMaxCount, no, options.max_outbox_messages);
  const int policy = raw_number(given.outbox_policy);
  reader.range("options.outbox_policy", policy, CHAT_OUTBOX_DISCONNECT, CHAT_OUTBOX_DROP_NEWEST);
  options.outbox_policy = static_cast<net::OutboxPolicy>(policy);
  reader.number("options.flush_interval_ms", given.flush_interval_ms, kMaxMs, no, options.flush_interval_ms);
  reader.number("options.send_buffer_bytes", given.send_buffer_bytes, kMaxMessageBytes, yes, options.send_buffer_bytes);
  reader.range("options.permessage_deflate", given.permessage_deflate, 0, 1);
  options.permessage_deflate = given.permessage_deflate != 0;
}

void read_timers(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  using enum Reader::Unlimited;
  reader.number("options.ping_interval_ms", given.ping_interval_ms, kMaxMs, yes, options.ping_interval_ms);
  reader.number("options.ping_timeout_ms", given.ping_timeout_ms, kMaxMs, no, options.ping_timeout_ms);
  reader.number("options.handshake_timeout_ms", given.handshake_timeout_ms, kMaxMs, no, options.handshake_timeout_ms);
  reader.number("options.http_idle_timeout_ms", given.http_idle_timeout_ms, kMaxMs, no, options.http_idle_timeout_ms);
  reader.number("options.verdict_timeout_ms", given.verdict_timeout_ms, kMaxMs, no, options.verdict_timeout_ms);
  reader.number("options.drain_timeout_ms", given.drain_timeout_ms, kMaxMs, no, options.drain_timeout_ms);
  reader.number("options.drain_spread_ms", given.drain_spread_ms, kMaxMs, no, options.drain_spread_ms);
  reader.number("options.poll_budget_ms", given.poll_budget_ms, kMaxMs, yes, options.poll_budget_ms);
  // A long call delays the host's own loop.
  if (options.threads == 0) options.memory_release_ms = kUnlimited;
  reader.number("options.memory_release_ms", given.memory_release_ms, kMaxMs, yes, options.memory_release_ms);
}

void read_socket_io(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  using enum Reader::Unlimited;
  reader.number("options.upgrade_timeout_ms", given.upgrade_timeout_ms, kMaxMs, no, options.upgrade_timeout_ms);
  reader.number("options.connect_timeout_ms", given.connect_timeout_ms, kMaxMs, no, options.connect_timeout_ms);
  reader.number("options.recovery_window_ms", given.recovery_window_ms, kMaxMs, yes, options.recovery_window_ms);
  reader.number("options.recovery_bytes", given.recovery_bytes, kMaxBytes, no, options.recovery_bytes);
  reader.range("options.recovery_asks_on_connect", given.recovery_asks_on_connect, 0, 1);
  options.recovery_asks_on_connect = given.recovery_asks_on_connect != 0;
  reader.range("options.socket_io_message_ids", given.socket_io_message_ids, 0, 1);
  options.socket_io_message_ids = given.socket_io_message_ids != 0;
  if (given.socket_io_client_directory == nullptr) return;
  options.socket_io_client_directory = given.socket_io_client_directory;
  if (options.socket_io_client_directory.empty()) {
    reader.fault(invalid("options.socket_io_client_directory", "is empty"));
  }
}

void read_sockjs_options(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  using enum Reader::Unlimited;
  reader.number("options.sockjs_heartbeat_ms", given.sockjs_heartbeat_ms, kMaxMs, no, options.sockjs_heartbeat_ms);
  reader.number("options.sockjs_disconnect_delay_ms", given.sockjs_disconnect_delay_ms, kMaxMs, no,
                options.sockjs_disconnect_delay_ms);
  reader.number("options.sockjs_response_bytes", given.sockjs_response_bytes, kMaxBytes, no,
                options.sockjs_response_bytes);
  reader.text("options.sockjs_script_url", given.sockjs_script_url, options.sockjs_script_url);
}

// What destinations of one kind begin with. Empty: it is fine.
std::string check_prefix(std::string_view prefix) {
  if (prefix.empty()) return "is empty";
  if (prefix.size() > kMaxNameBytes) return "is longer than " + std::to_string(kMaxNameBytes) + " bytes";
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  return std::any_of(prefix.begin(), prefix.end(), is_control) ? "contains a control character" : "";
}

void read_stomp_options(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  wire::StompPrefixes& prefixes = options.stomp_prefixes;
  struct {
    const char* field;
    const char* value;
    std::string& target;
  } const fields[] = {
      {"options.stomp_room_prefix", given.stomp_room_prefix, prefixes.room},
      {"options.stomp_application_prefix", given.stomp_application_prefix, prefixes.application},
      {"options.stomp_user_queue_prefix", given.stomp_user_queue_prefix, prefixes.user_queue},
  };
  for (const auto& one : fields) {
    reader.text(one.field, one.value, one.target);
    if (const std::string what = check_prefix(one.target); !what.empty()) reader.fault(invalid(one.field, what));
  }
  for (const auto& one : fields) {
    for (const auto& other : fields) {
      if (&one == &other || !other.target.starts_with(one.target)) continue;
      reader.fault(invalid(one.field, "is the beginning of " + std::string(other.field)));
    }
  }
  reader.number("options.stomp_heart_beat_ms", given.stomp_heart_beat_ms, kMaxMs, Reader::Unlimited::yes,
                options.stomp_heart_beat_ms);
}

void read_http_options(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  using enum Reader::Unlimited;
  reader.number("options.http_identity_ms", given.http_identity_ms, kMaxMs, no, options.http_identity_ms);
  reader.number("options.max_http_identities", given.max_http_identities, kMaxCount, no, options.max_http_identities);
  reader.number("options.idempotency_ms", given.idempotency_ms, kMaxMs, no, options.idempotency_ms);
  options.hub.message_ids.window_ms = options.idempotency_ms;
  reader.range("options.http_lists", given.http_lists, 0, 1);
  options.http_lists = given.http_lists != 0;
}

void read_history_store(Reader& reader, const chat_server_options& given, Settings& settings) {
  if (given.history_store == nullptr) return;
  chat_history_store store = {};
  Status status = read_sized(given.history_store, kRequiredBytes<chat_history_store>, "options.history_store", store);
  if (!status.ok()) return reader.fault(std::move(status));
  for (const auto& [name, missing] :
       {std::pair("load", store.load == nullptr), std::pair("read", store.read == nullptr),
        std::pair("write", store.write == nullptr)}) {
    if (missing) reader.fault(invalid(std::string("options.history_store.") + name, "is NULL"));
  }
  if (given.history_path != nullptr) {
    reader.fault(invalid("options.history_store", "and options.history_path exclude each other"));
  }
  if (given.history_off != 0)
    reader.fault(invalid("options.history_store", "and options.history_off exclude each other"));
  settings.history = std::make_unique<ApplicationStore>(store, settings.server.hub.history);
}

void read_history_file(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  reader.text("options.history_path", given.history_path, options.history_path);
  if (given.history_path != nullptr && options.history_path.empty()) {
    reader.fault(invalid("options.history_path", "is empty"));
  }
  if (given.history_path != nullptr && given.history_off != 0) {
    reader.fault(invalid("options.history_path", "and options.history_off exclude each other"));
  }
  const int sync = raw_number(given.history_sync);
  reader.range("options.history_sync", sync, CHAT_HISTORY_SYNC_NORMAL, CHAT_HISTORY_SYNC_FULL);
  options.history_full_sync = sync == CHAT_HISTORY_SYNC_FULL;
  const int failure = raw_number(given.history_on_failure);
  reader.range("options.history_on_failure", failure, CHAT_HISTORY_FAIL, CHAT_HISTORY_FORGET);
  options.history_forget = failure == CHAT_HISTORY_FORGET;
  const int search = raw_number(given.history_search);
  reader.range("options.history_search", search, CHAT_HISTORY_SEARCH_OFF, CHAT_HISTORY_SEARCH_PARTS);
  options.history_search = static_cast<HistorySearch>(search);
  if (search != CHAT_HISTORY_SEARCH_OFF && given.history_path == nullptr) {
    reader.fault(invalid("options.history_search", "needs options.history_path"));
  }
  reader.number("options.history_file_bytes", given.history_file_bytes, kMaxBytes, Reader::Unlimited::yes,
                options.history_file_bytes);
}

void read_cluster(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  constexpr int kMaxAckReplicas = 16;
  reader.text("options.cluster", given.cluster, options.cluster);
  if (given.cluster != nullptr && options.cluster.empty()) reader.fault(invalid("options.cluster", "is empty"));
  reader.text("options.cluster_prefix", given.cluster_prefix, options.cluster_prefix);
  if (!is_cluster_prefix(options.cluster_prefix)) {
    reader.fault(invalid("options.cluster_prefix", "must be 1 to 64 bytes of A-Z a-z 0-9 : . _ -"));
  }
  reader.text("options.socket_io_cluster", given.socket_io_cluster, options.socket_io_cluster);
  if (given.socket_io_cluster != nullptr && options.socket_io_cluster.empty()) {
    reader.fault(invalid("options.socket_io_cluster", "is empty"));
  }
  reader.range("options.cluster_ack_replicas", given.cluster_ack_replicas, 0, kMaxAckReplicas);
  options.cluster_ack_replicas = static_cast<std::uint32_t>(given.cluster_ack_replicas);
  const int policy = raw_number(given.cluster_policy);
  reader.range("options.cluster_policy", policy, CHAT_CLUSTER_HOLD, CHAT_CLUSTER_ISLAND);
  options.cluster_islands = policy == CHAT_CLUSTER_ISLAND;
  if (given.cluster == nullptr) return;
  if (given.socket_io_cluster != nullptr) {
    reader.fault(invalid("options.socket_io_cluster", "and options.cluster exclude each other"));
  }
  for (const auto& [name, is_set] : {std::pair("options.history_path", given.history_path != nullptr),
                                     std::pair("options.history_store", given.history_store != nullptr),
                                     std::pair("options.history_off", given.history_off != 0)}) {
    if (is_set) reader.fault(invalid("options.cluster", std::string("and ") + name + " exclude each other"));
  }
}

void read_presence(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  constexpr std::int64_t kMaxGraceMs = 3'600'000;
  const int level = raw_number(given.presence);
  reader.range("options.presence", level, CHAT_PRESENCE_OFF, CHAT_PRESENCE_FULL);
  options.hub.presence = static_cast<PresenceLevel>(level);
  reader.number("options.presence_grace_ms", given.presence_grace_ms, kMaxGraceMs, Reader::Unlimited::no,
                options.hub.presence_grace_ms);
  if (given.presence_event == nullptr) return;
  std::string& event = options.hub.presence_event;
  reader.text("options.presence_event", given.presence_event, event);
  if (event == kDefaultEvent) reader.fault(invalid("options.presence_event", "is the event of messages"));
  if (Status status = check_event_name(event); !status.ok()) reader.fault(std::move(status));
}

void read_changes(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  reader.number("options.edit_window_ms", given.edit_window_ms, kMaxMs, Reader::Unlimited::yes,
                options.hub.edit_window_ms);
  if (given.edits_off != 0) options.hub.edit_window_ms = 0;
  const auto event = [&](const char* field, const char* name, std::string& target) {
    if (name == nullptr) return;
    reader.text(field, name, target);
    if (target.empty()) return;
    if (target == kDefaultEvent) reader.fault(invalid(field, "is the event of messages"));
    if (Status status = check_event_name(target); !status.ok()) reader.fault(std::move(status));
  };
  event("options.socket_io_edit_event", given.socket_io_edit_event, options.socket_io_changes.edit);
  event("options.socket_io_delete_event", given.socket_io_delete_event, options.socket_io_changes.redaction);
  event("options.socket_io_react_event", given.socket_io_react_event, options.socket_io_changes.reaction);
  event("options.socket_io_seen_event", given.socket_io_seen_event, options.socket_io_changes.seen);
}

void read_own_paths(Reader& reader, const chat_server_options& given, net::ServerOptions& options) {
  const auto read = [&](const char* field, const char* path, std::string& target) {
    if (path == nullptr) return;
    if (const std::string what = read_path(path, target); !what.empty()) reader.fault(invalid(field, what));
  };
  read("options.chat_page_path", given.chat_page_path, options.page_path);
  read("options.chat_script_path", given.chat_script_path, options.script_path);
  read("options.metrics_path", given.metrics_path, options.metrics_path);
}

}  // namespace

bool is_cluster_prefix(std::string_view prefix) {
  return !prefix.empty() && prefix.size() <= 64 && std::ranges::all_of(prefix, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' || c == '.' ||
           c == '_' || c == '-';
  });
}

Result<Settings> read_options(const chat_server_options* options) {
  chat_server_options given = {};
  Status status = read_sized(options, kRequiredBytes<chat_server_options>, "options", given);
  if (!status.ok()) return status;

  Settings settings;
  Reader reader;
  read_callbacks(reader, given, settings.application);
  settings.server.hub.tells_audit = settings.application.callbacks.on_audit != nullptr;
  settings.server.hub.tells_reports = settings.application.callbacks.on_report != nullptr;
  reader.range("options.moderation_events", given.moderation_events, 0, 1);
  settings.server.hub.moderation_events = given.moderation_events != 0;
  settings.server.hub.tells_published = settings.application.callbacks.on_published != nullptr;
  settings.server.hub.tells_presence = settings.application.callbacks.on_presence != nullptr;
  read_listener(reader, given, settings.server);
  read_endpoints(reader, given, settings.server);
  read_mounts(reader, given, settings.server);
  read_admission(reader, given, settings.server);
  read_rooms(reader, given, settings.server);
  read_traffic(reader, given, settings.server);
  read_timers(reader, given, settings.server);
  read_socket_io(reader, given, settings.server);
  read_sockjs_options(reader, given, settings.server);
  read_stomp_options(reader, given, settings.server);
  read_http_options(reader, given, settings.server);
  read_history_file(reader, given, settings.server);
  read_cluster(reader, given, settings.server);
  read_history_store(reader, given, settings);
  read_presence(reader, given, settings.server);
  read_changes(reader, given, settings.server);
  read_own_paths(reader, given, settings.server);
  read_shares(reader, given, settings.server);
  if (!reader.ok()) return reader.status();

  // The application may publish messages as large as those of any client.
  settings.application.max_message_bytes = largest_message_bytes(settings.server);
  return settings;
}

}  // namespace chat::capi
