// The table of chatd's options, from which getopt_long's table, the parser and --help are made.
#include "options.h"

#include <getopt.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>

namespace chatd {
namespace {

constexpr int kDefaultPort = 3000;
// Above every character, so that getopt's own '?' and ':' are none of ours.
constexpr int kFirstOptionValue = 256;

struct Option {
  const char* name;
  const char* value;  // as shown by --help; null: a flag
  const char* help;
  // Gives what is wrong with the value, or nothing.
  std::function<std::string(Options&, const char*)> set;
};

std::string set_integer(const char* text, std::int64_t low, std::int64_t high, std::int64_t& out) {
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, out);
  if (error == std::errc() && stop == end && out >= low && out <= high) return {};
  std::string range = "from " + std::to_string(low);
  range += high == std::numeric_limits<std::int64_t>::max() ? " up" : " to " + std::to_string(high);
  return "'" + std::string(text) + "' is not a number " + range;
}

std::string set_string(const char* text, std::string& out) {
  if (*text == '\0') return "the value is empty";
  out = text;
  return {};
}

Option text_option(const char* name, const char* value, const char* help, std::string Options::*member) {
  return {name, value, help,
          [member](Options& options, const char* text) { return set_string(text, options.*member); }};
}

Option list_option(const char* name, const char* value, const char* help, std::vector<std::string> Options::*member) {
  return {name, value, help,
          [member](Options& options, const char* text) { return set_string(text, (options.*member).emplace_back()); }};
}

Option flag_option(const char* name, const char* help, bool Options::*member) {
  return {name, nullptr, help, [member](Options& options, const char*) {
            options.*member = true;
            return std::string();
          }};
}

// Zero is the library's default, so a number that is given must be `low` or more.
Option number_option(const char* name, const char* value, const char* help, std::int64_t chat_server_options::*member,
                     std::int64_t low = 1) {
  return {name, value, help, [member, low](Options& options, const char* text) {
            return set_integer(text, low, std::numeric_limits<std::int64_t>::max(), options.server.*member);
          }};
}

// One that CHAT_UNLIMITED switches off.
Option limit_option(const char* name, const char* help, std::int64_t chat_server_options::*member) {
  return {name, "N|off", help, [member](Options& options, const char* text) {
            if (std::string_view(text) == "off") {
              options.server.*member = CHAT_UNLIMITED;
              return std::string();
            }
            return set_integer(text, 1, std::numeric_limits<std::int64_t>::max(), options.server.*member);
          }};
}

template <typename Value, std::size_t Count>
Option choice_option(const char* name, const char* value, const char* help, Value chat_server_options::*member,
                     const std::array<std::pair<const char*, Value>, Count>& choices) {
  return {name, value, help, [member, choices, value](Options& options, const char* text) {
            for (const auto& [word, meaning] : choices) {
              if (std::string_view(text) == word) {
                options.server.*member = meaning;
                return std::string();
              }
            }
            return "'" + std::string(text) + "' is none of " + value;
          }};
}

std::string set_int(const char* text, int low, int high, int& out) {
  std::int64_t number = 0;
  std::string wrong = set_integer(text, low, high, number);
  if (wrong.empty()) out = static_cast<int>(number);
  return wrong;
}

std::string set_history(Options& options, const char* text) {
  std::int64_t& messages = options.server.history_messages;
  options.server.history_off = 0;
  if (std::string_view(text) == "off") {
    messages = CHAT_UNLIMITED;
    return {};
  }
  std::string wrong = set_integer(text, 0, std::numeric_limits<std::int64_t>::max(), messages);
  if (wrong.empty() && messages == 0) options.server.history_off = 1;
  return wrong;
}

const std::array kPolicies = {std::pair{"disconnect", CHAT_OUTBOX_DISCONNECT},
                              std::pair{"drop-oldest", CHAT_OUTBOX_DROP_OLDEST},
                              std::pair{"drop-newest", CHAT_OUTBOX_DROP_NEWEST}};
const std::array kLevels = {std::pair{"error", CHAT_LOG_ERROR}, std::pair{"warning", CHAT_LOG_WARNING},
                            std::pair{"info", CHAT_LOG_INFO}, std::pair{"debug", CHAT_LOG_DEBUG}};

const std::vector<Option>& table() {
  using S = chat_server_options;
  static const std::vector<Option> options = {
      text_option("address", "ADDRESS", "where to listen; every address without it", &Options::address),
      {"port", "N", "3000 without it; 0 takes any free port",
       [](Options& o, const char* text) { return set_int(text, 0, 65535, o.server.port); }},
      text_option("unix", "PATH", "listen on a UNIX socket instead", &Options::unix_path),
      {"listen-fd", "N", "take over a listening socket (or LISTEN_FDS, of systemd)",
       [](Options& o, const char* text) { return set_int(text, 3, 1 << 20, o.server.listen_fd); }},
      {"threads", "N", "1", [](Options& o, const char* text) { return set_int(text, 1, 1024, o.server.threads); }},
      text_option("default-room", "ROOM", "lobby: the room of those who ask for none", &Options::default_room),
      text_option("www", "DIR", "serve these files at /", &Options::www),
      text_option("socket-io-client", "DIR", "serve these as /socket.io/socket.io.js and its kin",
                  &Options::socket_io_client),
      text_option("tls-cert", "FILE", "PEM; read again on SIGHUP", &Options::tls_certificate),
      text_option("tls-key", "FILE", "PEM; read again on SIGHUP", &Options::tls_private_key),
      list_option("origin", "ORIGIN", "web pages from there may connect, or *; repeatable", &Options::origins),
      list_option("trusted-proxy", "ADDRESS[/BITS]", "its X-Forwarded-* headers are believed; repeatable",
                  &Options::trusted_proxies),
      flag_option("lists", "anyone may list rooms and members", &Options::lists),
      list_option("ephemeral-event", "NAME", "never numbered or kept; repeatable", &Options::ephemeral_events),
      {"permessage-deflate", nullptr, "compress for clients that offer it",
       [](Options& o, const char*) {
         o.server.permessage_deflate = 1;
         return std::string();
       }},

      limit_option("max-clients", "off", &S::max_clients),
      limit_option("max-clients-per-address", "off", &S::max_clients_per_address),
      limit_option("max-connections", "max-clients + 1,000", &S::max_connections),
      number_option("max-message-bytes", "N", "65,536, of Socket.IO 1,000,000", &S::max_message_bytes),
      number_option("max-http-body-bytes", "N", "1,000,000 in a POST of Socket.IO", &S::max_http_body_bytes),
      number_option("max-header-bytes", "N", "8,192", &S::max_header_bytes),
      limit_option("inbound-rate", "200 messages a second from each client", &S::inbound_rate),
      number_option("inbound-burst", "N", "400 messages at once", &S::inbound_burst),
      number_option("outbox-bytes", "N", "2,000,000, two messages: waiting for a slow client", &S::max_outbox_bytes),
      number_option("outbox-messages", "N", "4,096 waiting for a slow client", &S::max_outbox_messages),
      choice_option("outbox-policy", "disconnect|drop-oldest|drop-newest", "disconnect: when that is full",
                    &S::outbox_policy, kPolicies),
      number_option("max-rooms", "N", "100,000", &S::max_rooms),
      number_option("max-rooms-per-client", "N", "100", &S::max_rooms_per_client),
      {"history-messages", "N|off", "100 kept in a room; 0 keeps nothing, off sets no number", set_history},
      number_option("history-bytes", "N", "1,048,576 in a room", &S::history_bytes),
      limit_option("history-age-ms", "86,400,000", &S::history_age_ms),
      number_option("history-total-bytes", "N", "268,435,456 in all rooms", &S::history_total_bytes),

      limit_option("ping-interval-ms", "25,000", &S::ping_interval_ms),
      number_option("ping-timeout-ms", "N", "20,000", &S::ping_timeout_ms),
      number_option("handshake-timeout-ms", "N", "10,000", &S::handshake_timeout_ms),
      number_option("http-idle-timeout-ms", "N", "5,000", &S::http_idle_timeout_ms),
      number_option("upgrade-timeout-ms", "N", "10,000 for Socket.IO's way from polling to WebSocket",
                    &S::upgrade_timeout_ms),
      number_option("connect-timeout-ms", "N", "45,000 until a Socket.IO client enters a namespace",
                    &S::connect_timeout_ms),
      limit_option("recovery-window-ms", "120,000 in which a lost Socket.IO client gets what it missed",
                   &S::recovery_window_ms),
      number_option("recovery-bytes", "N", "16,777,216 remembered of clients that were lost", &S::recovery_bytes),
      number_option("drain-timeout-ms", "N", "5,000 at the end for those who read slowly", &S::drain_timeout_ms),
      number_option("drain-spread-ms", "N", "0: time over which the goodbyes are spread", &S::drain_spread_ms, 0),
      number_option("flush-interval-ms", "N", "0: gather writes for so long when busy", &S::flush_interval_ms, 0),

      choice_option("log-level", "error|warning|info|debug", "info", &S::log_level, kLevels),
      flag_option("print-port", "write the port to standard output when it listens", &Options::print_port),
      flag_option("version", "", &Options::show_version),
      flag_option("help", "", &Options::show_help),
  };
  return options;
}

// What getopt_long objects to: it has moved on already, so the word is the one before.
std::string refusal(int answer, char** argv) {
  const char* word = argv[optind - 1];
  if (answer == ':') return std::string(word) + " needs a value";
  if (optopt >= kFirstOptionValue) {
    return std::string("--") + table()[static_cast<std::size_t>(optopt - kFirstOptionValue)].name + " takes no value";
  }
  if (optopt != 0) return std::string("unknown option -") + static_cast<char>(optopt);
  return "unknown or ambiguous option " + std::string(word);
}

// The protocol of sd_listen_fds(3): the first descriptor is 3, and it is ours only if the process id says so.
std::string take_systemd_socket(Options& options) {
  constexpr int kFirstDescriptor = 3;
  const char* process = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (process == nullptr || count == nullptr || std::to_string(getpid()) != process) return {};
  if (std::string_view(count) != "1") return "LISTEN_FDS: " + std::string(count) + " sockets given, one is wanted";
  options.server.listen_fd = kFirstDescriptor;
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_FDNAMES");
  return {};
}

std::string check_together(const Options& options) {
  if (options.tls_certificate.empty() != options.tls_private_key.empty()) {
    return "--tls-cert and --tls-key go together";
  }
  if (!options.unix_path.empty() && options.server.listen_fd != 0) return "--unix and --listen-fd exclude each other";
  return {};
}

const char* pointer_or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> result;
  for (const std::string& text : texts) result.push_back(text.c_str());
  return result;
}

// Last, when no string moves any more.
void point_to_strings(Options& options) {
  chat_server_options& server = options.server;
  server.address = pointer_or_null(options.address);
  server.unix_path = pointer_or_null(options.unix_path);
  server.default_room = pointer_or_null(options.default_room);
  server.tls_certificate_file = pointer_or_null(options.tls_certificate);
  server.tls_private_key_file = pointer_or_null(options.tls_private_key);
  server.socket_io_client_directory = pointer_or_null(options.socket_io_client);
  if (!options.www.empty()) {
    options.www_mount.path = "/";
    options.www_mount.directory = options.www.c_str();
    server.static_mounts = &options.www_mount;
    server.static_mount_count = 1;
  }
  options.origin_pointers = pointers(options.origins);
  server.allowed_origins = options.origin_pointers.data();
  server.allowed_origin_count = options.origin_pointers.size();
  options.trusted_proxy_pointers = pointers(options.trusted_proxies);
  server.trusted_proxies = options.trusted_proxy_pointers.data();
  server.trusted_proxy_count = options.trusted_proxy_pointers.size();
  options.ephemeral_event_pointers = pointers(options.ephemeral_events);
  server.ephemeral_events = options.ephemeral_event_pointers.data();
  server.ephemeral_event_count = options.ephemeral_event_pointers.size();
}

}  // namespace

std::string parse_options(int argc, char** argv, Options& options) {
  options.server.port = kDefaultPort;

  std::vector<option> long_options;
  for (const Option& known : table()) {
    const int value = kFirstOptionValue + static_cast<int>(long_options.size());
    long_options.push_back({known.name, known.value != nullptr ? required_argument : no_argument, nullptr, value});
  }
  long_options.push_back({nullptr, 0, nullptr, 0});

  opterr = 0;
  for (;;) {
    const int answer = getopt_long(argc, argv, ":h", long_options.data(), nullptr);
    if (answer == -1) break;
    if (answer == 'h') {
      options.show_help = true;
    } else if (answer < kFirstOptionValue) {
      return refusal(answer, argv);
    } else {
      const Option& known = table()[static_cast<std::size_t>(answer - kFirstOptionValue)];
      const std::string wrong = known.set(options, optarg);
      if (!wrong.empty()) return "--" + std::string(known.name) + ": " + wrong;
    }
  }
  if (options.show_help || options.show_version) return {};
  if (optind < argc) return "unexpected argument " + std::string(argv[optind]);

  std::string wrong = check_together(options);
  if (wrong.empty() && options.server.listen_fd == 0) wrong = take_systemd_socket(options);
  point_to_strings(options);
  return wrong;
}

std::string help_text() {
  constexpr std::size_t kColumn = 36;
  std::string text =
      "Usage: chatd [OPTION]...\n"
      "A chat server: WebSockets at /chat (plain) and /chat.v1 (JSON), Socket.IO at /socket.io/,\n"
      "state at /healthz.\n\n";
  for (const Option& known : table()) {
    std::string line = "  --" + std::string(known.name);
    if (known.value != nullptr) line += " " + std::string(known.value);
    if (line.size() + 2 > kColumn && *known.help != '\0') {
      text += line + "\n";
      line.clear();
    }
    if (*known.help != '\0') line.resize(kColumn, ' ');
    text += line + known.help + "\n";
  }
  text +=
      "\nA number or word that begins a description is the default. SIGINT and SIGTERM tell every\n"
      "client goodbye and end, a second one ends at once. SIGHUP reads the TLS files again, or\n"
      "ends when there are none.\n";
  return text;
}

}  // namespace chatd
