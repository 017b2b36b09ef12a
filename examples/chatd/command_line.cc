// See command_line.h.
#include "command_line.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "config_file.h"

namespace chatd {
namespace {

constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();

// Each option that takes a value has one of these, which the lines of a file are checked with too. They say what is wrong with
// a value, or nothing.

CLI::Validator not_empty() {
  return {[](std::string& text) { return text.empty() ? std::string("the value is empty") : std::string(); }, ""};
}

std::string read_number(const std::string& text, std::int64_t low, std::int64_t high, std::int64_t& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && stop == text.data() + text.size() && number >= low && number <= high) return {};
  std::string range = "from " + std::to_string(low);
  range += high == kHighest ? " up" : " to " + std::to_string(high);
  return "'" + text + "' is not a number " + range;
}

// Zero is the library's default, so a number that is given must be `low` or more.
CLI::Validator number_from(std::int64_t low, std::int64_t high = kHighest) {
  return {[low, high](std::string& text) {
            std::int64_t number = 0;
            std::string wrong = read_number(text, low, high, number);
            if (wrong.empty()) text = std::to_string(number);  // CLI11 would take a zero in front for octal
            return wrong;
          },
          ""};
}

CLI::Validator number_or_off(std::int64_t low) {
  return {[number = number_from(low)](std::string& text) {
            if (text != "off") return number(text);
            text = std::to_string(CHAT_UNLIMITED);
            return std::string();
          },
          ""};
}

template <typename Value>
CLI::Validator one_of(std::vector<std::pair<std::string, Value>> choices) {
  return {[choices = std::move(choices)](std::string& text) {
            std::string names;
            for (const auto& [name, value] : choices) {
              if (text == name) {
                text = std::to_string(static_cast<int>(value));
                return std::string();
              }
              names += (names.empty() ? "" : ", ") + name;
            }
            return "'" + text + "' is none of " + names;
          },
          ""};
}

CLI::Validator path_or_off() {
  return {[](std::string& text) {
            return text == "off" || text.starts_with('/') ? std::string()
                                                          : "'" + text + "' is no path like /chat, nor off";
          },
          ""};
}

CLI::Validator endpoint_text() {
  return {[](std::string& text) {
            const std::size_t equals = text.rfind('=');
            const bool good = text.starts_with('/') && equals != std::string::npos &&
                              protocol_of(std::string_view(text).substr(equals + 1)) != 0;
            return good ? std::string() : "'" + text + "' is not like /chat=plain, =chat.v1 or =socket.io";
          },
          ""};
}

class CommandLine {
 public:
  explicit CommandLine(Options& options) : options_(options), app_("", "chatd") {
    app_.description(
        "A chat server: WebSockets at /chat (plain) and /chat.v1 (JSON), Socket.IO at /socket.io/,\n"
        "state at /healthz, a chat page at /.");
    app_.footer(
        "A number or word that begins a description is the default. SIGINT and SIGTERM tell every\n"
        "client goodbye and end, a second one ends at once. SIGHUP reads the TLS files again, but\n"
        "no option; that its terminal has gone ends chatd.\n"
        "\n"
        "The file of --config has a line \"name = value\" for each option, without dashes. What the\n"
        "command line has goes before it. Exit codes: 0 ended as asked, 1 the start or --check\n"
        "failed, 2 an option or a line of the file is wrong.");
    app_.get_formatter()->column_width(36);
    app_.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app_.set_help_flag("-h,--help", "print this")->configurable(false);
    app_.set_version_flag("--version", std::string("chatd ") + chat_version(), "print the version")
        ->configurable(false);
    app_.set_config("--config", "", "options of a file; chatd.conf shows them all")
        ->type_name("FILE")
        ->transform(not_empty())
        ->configurable(false);
    app_.add_flag("--check", options_.check_only, "try the options, do not listen, say ok or what is wrong")
        ->configurable(false)
        ->disable_flag_override();
    file_ = std::make_shared<ConfigFile>(app_);
    app_.config_formatter(file_);
    app_.allow_config_extras(CLI::config_extras_mode::error);
    add_listening();
    add_served();
    add_admission();
    add_limits();
    add_times();
    add_rest();
  }

  Parsed parse(int argc, char** argv) {
    // CLI11 refuses it too, but says that it was a disallowed flag override.
    for (const std::string_view word : std::vector<std::string_view>(argv, argv + argc)) {
      const std::string name(word.substr(0, word.find('=')));
      const CLI::Option* option = name.size() == word.size() ? nullptr : app_.get_option_no_throw(name);
      if (option != nullptr && option->get_expected_min() == 0) {
        return {Parsed::Next::refuse, name + " takes no value"};
      }
    }
    try {
      app_.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      return {Parsed::Next::print, app_.help()};
    } catch (const CLI::CallForVersion& version) {
      return {Parsed::Next::print, std::string(version.what()) + "\n"};
    } catch (const CLI::ParseError& error) {
      return {Parsed::Next::refuse, error.what()};
    }
    for (const CLI::Option* option : app_.get_options()) {
      const std::string& name = option->get_lnames().empty() ? std::string() : option->get_lnames().front();
      if (std::string place = file_->place_of(name); !place.empty()) options_.places[name] = std::move(place);
    }
    return {};
  }

 private:
  using Server = chat_server_options;

  template <typename Target>
  void value(const char* name, const char* shown, const char* help, Target& target, CLI::Validator validator) {
    app_.add_option(std::string("--") + name, target, help)
        ->type_name(shown)
        ->transform(std::move(validator))
        ->group(group_);
  }
  void text(const char* name, const char* shown, const char* help, std::string& target) {
    value(name, shown, help, target, not_empty());
  }
  void list(const char* name, const char* shown, const char* help, std::vector<std::string>& target,
            CLI::Validator validator = not_empty()) {
    app_.add_option(std::string("--") + name, target, help)
        ->type_name(shown)
        ->transform(std::move(validator))
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->group(group_);
  }
  void flag(const char* name, const char* help, bool& target) {
    app_.add_flag(std::string("--") + name, target, help)->disable_flag_override()->group(group_);
  }
  void number(const char* name, const char* help, std::int64_t Server::*member, std::int64_t low = 1) {
    value(name, "N", help, options_.server.*member, number_from(low));
  }
  // One that CHAT_UNLIMITED switches off.
  void limit(const char* name, const char* help, std::int64_t Server::*member) {
    value(name, "N|off", help, options_.server.*member, number_or_off(1));
  }

  void add_listening();
  void add_served();
  void add_admission();
  void add_limits();
  void add_times();
  void add_rest();

  Options& options_;
  CLI::App app_;
  std::shared_ptr<ConfigFile> file_;
  const char* group_ = "Options";
};

void CommandLine::add_listening() {
  group_ = "Listening";
  text("address", "ADDRESS", "where to listen; every address without it", options_.address);
  value("port", "N", "3000 without it; 0 takes any free port", options_.server.port, number_from(0, 65'535));
  text("unix", "PATH", "listen on a UNIX socket instead", options_.unix_path);
  value("listen-fd", "N", "take over a listening socket (or LISTEN_FDS, of systemd)", options_.server.listen_fd,
        number_from(3, 1 << 20));
  value("threads", "N", "1", options_.server.threads, number_from(1, 256));
  text("tls-cert", "FILE", "PEM; read again on SIGHUP", options_.tls_certificate);
  text("tls-key", "FILE", "PEM; read again on SIGHUP", options_.tls_private_key);
}

void CommandLine::add_served() {
  group_ = "What is served";
  list("endpoint", "PATH=PROTOCOL", "plain, chat.v1 or socket.io; instead of those above", options_.endpoint_texts,
       endpoint_text());
  value("page", "PATH|off", "/ unless there is --www: the chat page", options_.page, path_or_off());
  value("script", "PATH|off", "/chat.js: the client script for pages of your own", options_.script, path_or_off());
  value("metrics", "PATH|off", "off: counters for Prometheus, for whoever can connect", options_.metrics,
        path_or_off());
  text("www", "DIR", "serve these files at /; they win over what chatd serves itself", options_.www);
  text("socket-io-client", "DIR", "serve /socket.io/socket.io.js from there and not as compiled in",
       options_.socket_io_client);
}

void CommandLine::add_admission() {
  group_ = "Who may what";
  list("origin", "ORIGIN", "web pages from there may connect, or *; repeatable", options_.origins);
  list("trusted-proxy", "ADDRESS[/BITS]", "its X-Forwarded-* headers are believed; repeatable",
       options_.trusted_proxies);
  flag("lists", "anyone may list rooms and their members", options_.lists);
  limit("max-clients", "off", &Server::max_clients);
  limit("max-clients-per-address", "off", &Server::max_clients_per_address);
  limit("max-connections", "max-clients + 1,000", &Server::max_connections);
}

void CommandLine::add_limits() {
  group_ = "Messages and rooms";
  text("default-room", "ROOM", "lobby: the room of those who ask for none", options_.default_room);
  list("ephemeral-event", "NAME", "never numbered or kept; repeatable", options_.ephemeral_events);
  flag("permessage-deflate", "compress for clients that offer it", options_.permessage_deflate);
  number("max-message-bytes", "65,536, of Socket.IO 1,000,000", &Server::max_message_bytes);
  number("max-http-body-bytes", "1,000,000 in a POST of Socket.IO", &Server::max_http_body_bytes);
  number("max-header-bytes", "8,192", &Server::max_header_bytes);
  limit("inbound-rate", "200 messages a second from each client", &Server::inbound_rate);
  number("inbound-burst", "400 messages at once", &Server::inbound_burst);
  number("outbox-bytes", "2,000,000, two messages: waiting for a slow client", &Server::max_outbox_bytes);
  number("outbox-messages", "4,096 waiting for a slow client", &Server::max_outbox_messages);
  value("outbox-policy", "disconnect|drop-oldest|drop-newest", "disconnect: when that is full",
        options_.server.outbox_policy,
        one_of<chat_outbox_policy>({{"disconnect", CHAT_OUTBOX_DISCONNECT},
                                    {"drop-oldest", CHAT_OUTBOX_DROP_OLDEST},
                                    {"drop-newest", CHAT_OUTBOX_DROP_NEWEST}}));
  number("max-rooms", "100,000", &Server::max_rooms);
  number("max-rooms-per-client", "100", &Server::max_rooms_per_client);
  value("history-messages", "N|off", "100 kept in a room; 0 keeps nothing, off sets no number",
        options_.history_messages, number_or_off(0));
  number("history-bytes", "1,048,576 in a room", &Server::history_bytes);
  limit("history-age-ms", "86,400,000", &Server::history_age_ms);
  number("history-total-bytes", "268,435,456 in all rooms", &Server::history_total_bytes);
}

void CommandLine::add_times() {
  group_ = "Times";
  limit("ping-interval-ms", "25,000", &Server::ping_interval_ms);
  number("ping-timeout-ms", "20,000", &Server::ping_timeout_ms);
  number("handshake-timeout-ms", "10,000", &Server::handshake_timeout_ms);
  number("http-idle-timeout-ms", "5,000", &Server::http_idle_timeout_ms);
  number("upgrade-timeout-ms", "10,000 for Socket.IO's way from polling to WebSocket", &Server::upgrade_timeout_ms);
  number("connect-timeout-ms", "45,000 until a Socket.IO client enters a namespace", &Server::connect_timeout_ms);
  limit("recovery-window-ms", "120,000 in which a lost Socket.IO client gets what it missed",
        &Server::recovery_window_ms);
  number("recovery-bytes", "16,777,216 remembered of clients that were lost", &Server::recovery_bytes);
  number("drain-timeout-ms", "5,000 at the end for those who read slowly", &Server::drain_timeout_ms);
  number("drain-spread-ms", "0: time over which the goodbyes are spread", &Server::drain_spread_ms, 0);
  number("flush-interval-ms", "0: gather writes for so long when busy", &Server::flush_interval_ms, 0);
}

void CommandLine::add_rest() {
  group_ = "Log";
  value("log-level", "error|warning|info|debug", "info", options_.server.log_level,
        one_of<chat_log_level>({{"error", CHAT_LOG_ERROR},
                                {"warning", CHAT_LOG_WARNING},
                                {"info", CHAT_LOG_INFO},
                                {"debug", CHAT_LOG_DEBUG}}));
  flag("print-port", "write the port to standard output when it listens", options_.print_port);
}

}  // namespace

int protocol_of(std::string_view name) {
  if (name == "plain") return CHAT_PROTOCOL_PLAIN;
  if (name == "chat.v1") return CHAT_PROTOCOL_CHAT_V1;
  if (name == "socket.io") return CHAT_PROTOCOL_SOCKET_IO;
  return 0;
}

Parsed parse_command_line(int argc, char** argv, Options& options) { return CommandLine(options).parse(argc, argv); }

}  // namespace chatd
