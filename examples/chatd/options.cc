// Checks that combine options, and defaults that depend on other options. See options.h.
#include "options.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "command_line.h"
#include "validators.h"

namespace chatd {
namespace {

constexpr int kDefaultPort = 3000;

// Options whose names in the library's messages differ from those in chatd.
struct OtherName {
  std::string_view of_library;
  const char* option;
};
constexpr OtherName kOtherNames[] = {
    {"allowed_origins", "origin"},
    {"certificate file", "tls-cert"},
    {"chat_page_path", "page"},
    {"chat_script_path", "script"},
    {"endpoints", "endpoint"},
    {"ephemeral_events", "ephemeral-event"},
    {"max_outbox_bytes", "outbox-bytes"},
    {"max_outbox_messages", "outbox-messages"},
    {"metrics_path", "metrics"},
    {"private key file", "tls-key"},
    {"reserved_names", "reserved-name"},
    {"sockjs_script_url", "sockjs-script"},
    {"static_mounts", "www"},
    {"trusted_proxies", "trusted-proxy"},
};

// The protocol of sd_listen_fds(3): descriptors start at 3, and are ours only when LISTEN_PID is our process id.
std::string take_systemd_socket(Options& options) {
  constexpr int kFirstDescriptor = 3;
  const char* process = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (process == nullptr || count == nullptr || std::to_string(getpid()) != process) return {};
  if (std::string_view(count) != "1")
    return "LISTEN_FDS: " + std::string(count) + " sockets were passed, but chatd takes one";
  options.server.listen_fd = kFirstDescriptor;
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_FDNAMES");
  return {};
}

// Checks combinations of options that are each valid.
std::vector<Fault> check_together(const Options& options) {
  std::vector<Fault> faults;
  const auto check = [&](bool wrong, const char* option, const char* what) {
    if (wrong) faults.push_back(options.fault_of(option, what));
  };
  check(options.tls_private_key.empty() && !options.tls_certificate.empty(), "tls-cert", "needs --tls-key");
  check(options.tls_certificate.empty() && !options.tls_private_key.empty(), "tls-key", "needs --tls-cert");
  check(!options.unix_path.empty() && options.server.listen_fd != 0, "unix", "cannot be combined with --listen-fd");
  HostAndPort address;
  split_address(options.address, address);
  check(address.port >= 0 && options.port >= 0 && address.port != options.port, "address",
        "names another port than --port");
  // An invalid line is reported as such, not as missing.
  std::erase_if(faults, [&](const Fault& fault) {
    return fault.option.starts_with("tls-") &&
           std::any_of(options.faults.begin(), options.faults.end(),
                       [](const Fault& other) { return other.option.starts_with("tls-"); });
  });
  return faults;
}

void set_address(Options& options) {
  HostAndPort address;
  if (!options.address.empty() && split_address(options.address, address)) options.address = address.host;
  if (options.port < 0 && address.port >= 0) {
    options.port = address.port;
    options.port_of_address = true;
  }
  options.server.port = options.port < 0 ? kDefaultPort : options.port;
}

// Here localhost means both loopback addresses.
void set_trusted_addresses(Options& options) {
  options.trusted_addresses.clear();
  for (const std::string& text : options.trusted_proxies) {
    if (text == "localhost") {
      options.trusted_addresses.insert(options.trusted_addresses.end(), {"127.0.0.1", "::1"});
    } else if (text.starts_with('[') && text.ends_with(']')) {
      options.trusted_addresses.push_back(text.substr(1, text.size() - 2));
    } else {
      options.trusted_addresses.push_back(text);
    }
  }
}

void set_history(Options& options) {
  options.server.history_messages = options.history_messages.empty() ? 0 : std::stoll(options.history_messages);
  options.server.history_off = options.history_messages == "0" ? 1 : 0;
}

void set_endpoints(Options& options) {
  options.endpoint_paths.clear();
  options.endpoints.clear();
  std::vector<std::string> texts = options.endpoint_texts;
  // The library's own.
  const bool sockjs = options.sockjs != 0 || options.sockjs_cookie;
  if (texts.empty() && sockjs) {
    texts = {"/chat=plain", "/chat.v1=chat.v1", "/socket.io=socket.io", "/stomp=stomp", "/rooms=http"};
  }
  for (const std::string& text : texts) {
    const std::size_t equals = text.rfind('=');
    chat_endpoint endpoint = CHAT_ENDPOINT_INIT;
    endpoint.protocol = static_cast<chat_protocol>(protocol_of(std::string_view(text).substr(equals + 1)));
    if (endpoint.protocol != CHAT_PROTOCOL_SOCKET_IO && endpoint.protocol != CHAT_PROTOCOL_HTTP) {
      endpoint.sockjs = options.sockjs;
      endpoint.sockjs_cookie = options.sockjs_cookie ? 1 : 0;
    }
    options.endpoint_paths.push_back(text.substr(0, equals));
    options.endpoints.push_back(endpoint);
  }
  for (std::size_t i = 0; i < options.endpoints.size(); ++i) {
    options.endpoints[i].path = options.endpoint_paths[i].c_str();
  }
  options.server.endpoints = options.endpoints.empty() ? nullptr : options.endpoints.data();
  options.server.endpoint_count = options.endpoints.size();
}

// By default the page is served when an endpoint supports it and "/" is free.
void set_default_paths(Options& options) {
  bool speaks = options.endpoints.empty();
  bool taken = !options.www.empty();
  for (std::size_t i = 0; i < options.endpoints.size(); ++i) {
    const chat_protocol protocol = options.endpoints[i].protocol;
    speaks |= protocol == CHAT_PROTOCOL_PLAIN || protocol == CHAT_PROTOCOL_CHAT_V1;
    taken |= options.endpoint_paths[i] == "/";
  }
  if (options.page.empty()) options.page = speaks && !taken ? "/" : "off";
  if (options.script.empty()) options.script = "/chat.js";
  if (options.metrics.empty()) options.metrics = "off";
}

const char* pointer_or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }
const char* path_or_null(const std::string& text) { return text == "off" ? nullptr : text.c_str(); }

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> result;
  result.reserve(texts.size());
  for (const std::string& text : texts) result.push_back(text.c_str());
  return result;
}

// Call this last, when the strings no longer move.
void point_to_strings(Options& options) {
  chat_server_options& server = options.server;
  server.permessage_deflate = options.permessage_deflate ? 1 : 0;
  server.address = pointer_or_null(options.address);
  server.unix_path = pointer_or_null(options.unix_path);
  server.default_room = pointer_or_null(options.default_room);
  server.stomp_room_prefix = pointer_or_null(options.stomp_room_prefix);
  server.stomp_application_prefix = pointer_or_null(options.stomp_application_prefix);
  server.stomp_user_queue_prefix = pointer_or_null(options.stomp_user_queue_prefix);
  server.tls_certificate_file = pointer_or_null(options.tls_certificate);
  server.tls_private_key_file = pointer_or_null(options.tls_private_key);
  server.socket_io_client_directory = pointer_or_null(options.socket_io_client);
  server.history_path = pointer_or_null(options.history);
  server.cluster = pointer_or_null(options.cluster);
  server.cluster_prefix = pointer_or_null(options.cluster_prefix);
  server.socket_io_cluster = pointer_or_null(options.socket_io_cluster);
  server.edits_off = options.edits_off ? 1 : 0;
  server.moderation_events = options.moderation_events ? 1 : 0;
  server.presence_event = pointer_or_null(options.presence_event);
  server.socket_io_message_ids = options.socket_io_message_ids ? 1 : 0;
  server.chat_page_path = path_or_null(options.page);
  server.chat_script_path = path_or_null(options.script);
  server.metrics_path = path_or_null(options.metrics);
  server.sockjs_script_url = pointer_or_null(options.sockjs_script);
  options.www_mount.path = "/";
  options.www_mount.directory = options.www.c_str();
  server.static_mounts = options.www.empty() ? nullptr : &options.www_mount;
  server.static_mount_count = options.www.empty() ? 0 : 1;
  options.origin_pointers = pointers(options.origins);
  server.allowed_origins = options.origin_pointers.data();
  server.allowed_origin_count = options.origin_pointers.size();
  options.trusted_proxy_pointers = pointers(options.trusted_addresses);
  server.trusted_proxies = options.trusted_proxy_pointers.data();
  server.trusted_proxy_count = options.trusted_proxy_pointers.size();
  options.allowed_host_pointers = pointers(options.allowed_hosts);
  server.allowed_hosts = options.allowed_host_pointers.data();
  server.allowed_host_count = options.allowed_host_pointers.size();
  options.ephemeral_event_pointers = pointers(options.ephemeral_events);
  server.ephemeral_events = options.ephemeral_event_pointers.data();
  server.ephemeral_event_count = options.ephemeral_event_pointers.size();
  server.unique_names = options.unique_names ? 1 : 0;
  options.reserved_name_pointers = pointers(options.reserved_names);
  server.reserved_names = options.reserved_name_pointers.data();
  server.reserved_name_count = options.reserved_name_pointers.size();
}

}  // namespace

std::string Options::place_of(const std::string& option) const {
  const auto found = places.find(option);
  return found == places.end() ? "--" + option + ": " : found->second + option + ": ";
}

Fault Options::fault_of(const std::string& option, const std::string& what) const {
  return {option, place_of(option) + what};
}

Fault Options::explain(std::string_view message) const {
  constexpr std::string_view kOptions = "options.";
  const bool of_an_option = message.starts_with(kOptions);
  if (of_an_option) message.remove_prefix(kOptions.size());
  const auto* other = std::find_if(std::begin(kOtherNames), std::end(kOtherNames),
                                   [&](const OtherName& name) { return message.starts_with(name.of_library); });
  const bool is_other = other != std::end(kOtherNames);
  if (!of_an_option && !is_other) return {"", std::string(message)};
  const std::string_view field =
      is_other ? other->of_library : message.substr(0, message.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"));
  std::string option(is_other ? other->option : field);
  std::replace(option.begin(), option.end(), '_', '-');
  if (message.substr(field.size()).starts_with(": ")) message.remove_prefix(field.size() + 2);
  return fault_of(option, std::string(message));
}

bool Options::reset(const std::string& option) {
  const auto found = resets.find(option);
  if (found == resets.end()) return false;
  found->second();
  if (option == "tls-cert") tls_private_key.clear();
  if (option == "tls-key") tls_certificate.clear();
  return true;
}

void Options::derive() {
  set_address(*this);
  set_trusted_addresses(*this);
  set_history(*this);
  set_endpoints(*this);
  set_default_paths(*this);
  point_to_strings(*this);
}

Parsed parse_options(int argc, char** argv, Options& options) {
  Parsed parsed = parse_command_line(argc, argv, options);
  if (parsed.next != Parsed::Next::start) return parsed;
  const std::vector<Fault> together = check_together(options);
  options.faults.insert(options.faults.end(), together.begin(), together.end());
  std::string wrong;
  if (!options.check_only) {
    for (const Fault& fault : options.faults) wrong += (wrong.empty() ? "" : "\n") + fault.text;
    // --check must not take the socket of the running daemon.
    if (wrong.empty() && options.server.listen_fd == 0) wrong = take_systemd_socket(options);
  }
  if (!wrong.empty()) return {Parsed::Next::refuse, wrong};
  for (const Fault& fault : together) options.reset(fault.option);
  options.derive();
  return {};
}

}  // namespace chatd
