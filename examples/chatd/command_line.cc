// See command_line.h.
#include "command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "completion.h"
#include "config_file.h"
#include "suggestion.h"
#include "validators.h"

namespace chatd {
namespace {

// Every option with a value has exactly one validator, which also checks the file of --config.
class CommandLine {
 public:
  explicit CommandLine(Options& options) : options_(options), app_("", "chatd") {
    app_.description(
        "A chat server. It serves WebSockets at /chat (plain) and /chat.v1 (JSON), Socket.IO at\n"
        "/socket.io/, health checks at /healthz and /readyz, and a chat page at /.");
    app_.footer(
        "A description starts with the default of the option, if there is one. A SIZE is in bytes, or has\n"
        "a unit: 64k, 1m, 2g (of 1,024). A TIME is in milliseconds, or has a unit: 500ms, 25s, 10m, 2h, 1d.\n"
        "\n"
        "On SIGINT and SIGTERM,\n"
        "chatd closes every connection cleanly and exits; a second signal exits at once. SIGHUP reloads\n"
        "the TLS files, but no options. chatd also exits when its terminal closes.\n"
        "\n"
        "The file of --config has one line \"name = value\" per option, without dashes. Command-line\n"
        "options take precedence. Exit codes: 0 stopped by a signal, 1 the start or --check failed,\n"
        "2 an option or a line of the file is wrong.");
    app_.get_formatter()->column_width(36);
    app_.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app_.set_help_flag("-h,--help", "print this help and exit")->configurable(false);
    app_.set_version_flag("--version", std::string("chatd ") + chat_version() + "\n" + chat_library_versions(),
                          "print the versions of chatd and its libraries, and exit")
        ->configurable(false);
    app_.set_config("--config", "", "read options from a file; chatd.conf lists them all")
        ->type_name("FILE")
        ->transform(not_empty())
        ->configurable(false);
    app_.add_flag("--check", options_.check_only, "check the options without listening; print ok or every error")
        ->configurable(false)
        ->disable_flag_override();
    app_.add_option("--completion", shell_, "print the completion script of this shell and exit")
        ->type_name("bash|zsh|fish")
        ->transform(one_of<Shell>({{"bash", Shell::bash}, {"zsh", Shell::zsh}, {"fish", Shell::fish}}))
        ->configurable(false);
    CLI::App* const cluster = app_.add_subcommand("cluster", "look at a cluster")->configurable(false);
    cluster->require_subcommand(1)->fallthrough();
    status_ = cluster->add_subcommand("status", "print the servers of --cluster and their Redis, and exit");
    status_->configurable(false)->fallthrough();
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
    // CLI11 rejects it too, but with a misleading message about flags.
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
    } catch (const CLI::ExtrasError&) {
      return {Parsed::Next::refuse, describe_unknown(app_.remaining().front())};
    } catch (const CLI::ParseError& error) {
      return {Parsed::Next::refuse, error.what()};
    }
    if (shell_ != Shell::none) return {Parsed::Next::print, completion_script(shell_, app_)};
    options_.cluster_status = status_->parsed();
    options_.faults = file_->faults();
    for (const CLI::Option* option : app_.get_options()) {
      const std::string& name = option->get_lnames().empty() ? std::string() : option->get_lnames().front();
      if (std::string place = file_->place_of(name); !place.empty()) options_.places[name] = std::move(place);
    }
    return {};
  }

 private:
  using Server = chat_server_options;

  std::string describe_unknown(const std::string& word) const {
    if (!word.starts_with('-')) return "unexpected argument '" + word + "'";
    const std::string option = word.substr(0, word.find('='));
    std::vector<std::string> known;
    for (const CLI::Option* other : app_.get_options()) known.push_back(other->get_lnames().front());
    const std::string nearest =
        nearest_name(option.substr(std::min(option.find_first_not_of('-'), option.size())), known);
    return "unknown option " + option + (nearest.empty() ? "" : "; did you mean --" + nearest + "?");
  }

  template <typename Target>
  void add_reset(const char* name, Target& target) {
    options_.resets[name] = [&target, initial = target] { target = initial; };
  }

  template <typename Target>
  void value(const char* name, const char* shown, const char* help, Target& target, CLI::Validator validator) {
    add_reset(name, target);
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
    add_reset(name, target);
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
  // The suffix of the option's name gives the unit of a number. A `limit` can be disabled with CHAT_UNLIMITED.
  void number(const char* name, const char* help, std::int64_t Server::*member, std::int64_t low = 1) {
    const Unit unit = unit_of_option(name);
    value(name, shown(unit), help, options_.server.*member, number_from(low, kHighest, unit));
  }
  void limit(const char* name, const char* help, std::int64_t Server::*member) {
    const Unit unit = unit_of_option(name);
    value(name, (std::string(shown(unit)) + "|off").c_str(), help, options_.server.*member, number_or_off(1, unit));
  }
  static const char* shown(Unit unit) {
    if (unit == Unit::bytes) return "SIZE";
    return unit == Unit::milliseconds ? "TIME" : "N";
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
  CLI::App* status_ = nullptr;  // chatd cluster status
  Shell shell_ = Shell::none;
  const char* group_ = "Options";
};

void CommandLine::add_listening() {
  group_ = "Listening";
  value("address", "ADDRESS[:PORT]", "address to listen on; by default every address", options_.address,
        address_text());
  value("port", "N", "3000; 0 takes any free port", options_.port, number_from(0, 65'535));
  text("unix", "PATH", "listen on a UNIX socket instead", options_.unix_path);
  value("listen-fd", "N", "use this listening socket; not needed for systemd's LISTEN_FDS", options_.server.listen_fd,
        number_from(3, 1 << 20));
  value("threads", "N", "1 thread that serves clients", options_.server.threads, number_from(1, 256));
  text("tls-cert", "FILE", "certificate chain, PEM; reloaded on SIGHUP", options_.tls_certificate);
  text("tls-key", "FILE", "private key, PEM; reloaded on SIGHUP", options_.tls_private_key);
}

void CommandLine::add_served() {
  group_ = "Endpoints, pages and files";
  list("endpoint", "PATH=PROTOCOL", "plain, chat.v1, socket.io, stomp, http; replaces all; repeatable",
       options_.endpoint_texts, endpoint_text());
  value("sockjs", "on|all|off", "on; all: also htmlfile and jsonp, without Origin check", options_.sockjs,
        one_of<int>({{"on", 0}, {"all", CHAT_SOCKJS_OFF - 1}, {"off", CHAT_SOCKJS_OFF}}));
  flag("sockjs-cookie", "SockJS sets JSESSIONID, by which load balancers route", options_.sockjs_cookie);
  text("sockjs-script", "URL", "of sockjs-client, for the iframe page of old browsers", options_.sockjs_script);
  text("stomp-room-prefix", "TEXT", "/topic/: what STOMP's destinations of rooms begin with",
       options_.stomp_room_prefix);
  text("stomp-application-prefix", "TEXT", "/app/: the same of events for the application",
       options_.stomp_application_prefix);
  text("stomp-user-queue-prefix", "TEXT", "/user/queue/: the same of what is sent to one client",
       options_.stomp_user_queue_prefix);
  value("page", "PATH|off", "/ without --www, otherwise off: the chat page", options_.page, path_or_off());
  value("script", "PATH|off", "/chat.js: the client script for your own pages", options_.script, path_or_off());
  value("metrics", "PATH|off", "off: counters for Prometheus, for anyone who can connect", options_.metrics,
        path_or_off());
  text("www", "DIR", "serve these files at /; they take precedence over built-in ones", options_.www);
  text("socket-io-client", "DIR", "serve /socket.io/socket.io.js from here, not the built-in one",
       options_.socket_io_client);
  flag("socket-io-message-ids", "Socket.IO events may end with {\"messageId\":ID}", options_.socket_io_message_ids);
}

void CommandLine::add_admission() {
  group_ = "Admission and permissions";
  list("origin", "ORIGIN", "allow web pages of this origin, or * for all; repeatable", options_.origins);
  list("trusted-proxy", "ADDRESS[/BITS]", "trust its X-Forwarded-* and Forwarded; or unix; repeatable",
       options_.trusted_proxies);
  list("allowed-hosts", "HOST", "its name, or *.example.org; other hosts get 421; repeatable", options_.allowed_hosts);
  text("users", "FILE", "users by their tokens, with their roles; others are guests", options_.users);
  flag("lists", "allow everyone to list rooms and their members", options_.lists);
  limit("max-clients", "max-connections, at least 32,768: clients at one time", &Server::max_clients);
  limit("max-clients-per-address", "half of max-clients: clients at one time from one address",
        &Server::max_clients_per_address);
  limit("max-connections", "from RLIMIT_NOFILE, at most max-clients + 1,000: open sockets", &Server::max_connections);
  limit("max-connections-per-address", "half of max-connections: sockets of one address",
        &Server::max_connections_per_address);
}

void CommandLine::add_limits() {
  group_ = "Messages and rooms";
  text("default-room", "ROOM", "lobby: the room of clients that request none", options_.default_room);
  list("ephemeral-event", "NAME", "an event that is never numbered or kept; repeatable", options_.ephemeral_events);
  flag("permessage-deflate", "compress messages for clients that offer it", options_.permessage_deflate);
  number("max-message-bytes", "65,536; for Socket.IO 1,000,000", &Server::max_message_bytes);
  number("max-http-body-bytes", "1,000,000 in a POST of Socket.IO or SockJS", &Server::max_http_body_bytes);
  number("sockjs-response-bytes", "131,072 in a streaming response of SockJS", &Server::sockjs_response_bytes);
  number("max-header-bytes", "8,192 in a request", &Server::max_header_bytes);
  limit("inbound-rate", "200 messages per second from each client", &Server::inbound_rate);
  number("inbound-burst", "400 messages at once", &Server::inbound_burst);
  number("outbox-bytes", "2,000,000 (at least two messages) waiting for a slow client", &Server::max_outbox_bytes);
  limit("send-buffer-bytes", "262,144 in the system for a client that does not read", &Server::send_buffer_bytes);
  number("outbox-messages", "4,096 waiting for a slow client", &Server::max_outbox_messages);
  value("outbox-policy", "disconnect|drop-oldest|drop-newest", "disconnect: the action when the outbox is full",
        options_.server.outbox_policy,
        one_of<chat_outbox_policy>({{"disconnect", CHAT_OUTBOX_DISCONNECT},
                                    {"drop-oldest", CHAT_OUTBOX_DROP_OLDEST},
                                    {"drop-newest", CHAT_OUTBOX_DROP_NEWEST}}));
  number("max-rooms", "100,000 at one time", &Server::max_rooms);
  number("max-rooms-per-client", "100 at one time", &Server::max_rooms_per_client);
  limit("max-rooms-per-address", "half of max-rooms: rooms that one address has created",
        &Server::max_rooms_per_address);
  limit("max-memberships", "1,000,000: rooms joined by clients, except the first of each", &Server::max_memberships);
  limit("max-memberships-per-address", "half of max-memberships", &Server::max_memberships_per_address);
  limit("max-queued-bytes", "536,870,912 waiting for all slow clients", &Server::max_queued_bytes);
  limit("max-queued-bytes-per-address", "half of max-queued-bytes", &Server::max_queued_bytes_per_address);
  value("history-messages", "N|off", "100 kept in each room; 0 keeps none, off sets no limit",
        options_.history_messages, number_or_off(0));
  number("history-bytes", "1,048,576 in each room", &Server::history_bytes);
  limit("history-age-ms", "86,400,000: the age limit of kept messages", &Server::history_age_ms);
  number("history-total-bytes", "268,435,456 in all rooms", &Server::history_total_bytes);
  text("history", "FILE", "keep the history in this file; it survives restarts", options_.history);
  value("history-sync", "normal|full", "normal; full: the file survives a power loss too", options_.server.history_sync,
        one_of<chat_history_sync>({{"normal", CHAT_HISTORY_SYNC_NORMAL}, {"full", CHAT_HISTORY_SYNC_FULL}}));
  value("history-on-failure", "fail|forget", "fail: refuse messages that cannot be written",
        options_.server.history_on_failure,
        one_of<chat_history_failure>({{"fail", CHAT_HISTORY_FAIL}, {"forget", CHAT_HISTORY_FORGET}}));
  limit("history-file-bytes", "4,294,967,296 in the file", &Server::history_file_bytes);
  value("history-search", "off|words|parts", "off; how messages in the file are found by their text",
        options_.server.history_search,
        one_of<chat_history_search>({{"off", CHAT_HISTORY_SEARCH_OFF},
                                     {"words", CHAT_HISTORY_SEARCH_WORDS},
                                     {"parts", CHAT_HISTORY_SEARCH_PARTS}}));
  text("cluster", "URL", "share the rooms with the servers at this Redis: redis://HOST", options_.cluster);
  text("cluster-prefix", "PREFIX", "chat: ; begins the names in Redis", options_.cluster_prefix);
  text("socket-io-cluster", "URL", "a guest of the Socket.IO cluster at this Redis", options_.socket_io_cluster);
  value("cluster-ack-replicas", "N", "0 replicas of Redis that have a message when it is acknowledged",
        options_.server.cluster_ack_replicas, number_from(0, 16));
  value("cluster-policy", "hold|island", "hold; island: without Redis the server numbers messages itself",
        options_.server.cluster_policy,
        one_of<chat_cluster_policy>({{"hold", CHAT_CLUSTER_HOLD}, {"island", CHAT_CLUSTER_ISLAND}}));
  value("presence", "off|counts|full", "off; what members learn about who is in their room", options_.server.presence,
        one_of<chat_presence_level>(
            {{"off", CHAT_PRESENCE_OFF}, {"counts", CHAT_PRESENCE_COUNTS}, {"full", CHAT_PRESENCE_FULL}}));
  number("presence-grace-ms", "15,000 before a user without a client has left", &Server::presence_grace_ms);
  text("presence-event", "NAME", "presence; the event name in Socket.IO and STOMP", options_.presence_event);
  limit("edit-window-ms", "3,600,000; so long the sender can edit and delete a message", &Server::edit_window_ms);
  flag("edits-off", "nobody but moderators edits or deletes messages", options_.edits_off);
  flag("unique-names", "names of people, and look-alikes, are unique in a room", options_.unique_names);
  list("reserved-name", "NAME", "a display name that guests cannot take; repeatable", options_.reserved_names);
  flag("moderation-events", "tell the members of a room what is moderated there", options_.moderation_events);
  number("http-identities", "1,000 of http-identity-ms in each thread", &Server::max_http_identities);
}

void CommandLine::add_times() {
  group_ = "Times";
  limit("ping-interval-ms", "25,000 between two pings", &Server::ping_interval_ms);
  number("ping-timeout-ms", "20,000 for the answer to a ping", &Server::ping_timeout_ms);
  number("handshake-timeout-ms", "10,000 for TLS and the request headers", &Server::handshake_timeout_ms);
  number("http-idle-timeout-ms", "5,000 between two requests of a connection", &Server::http_idle_timeout_ms);
  number("upgrade-timeout-ms", "10,000 for Socket.IO's upgrade from polling to WebSocket", &Server::upgrade_timeout_ms);
  number("connect-timeout-ms", "45,000 until a Socket.IO client joins a namespace", &Server::connect_timeout_ms);
  limit("recovery-window-ms", "off: recover Socket.IO clients that reconnect within this time",
        &Server::recovery_window_ms);
  number("recovery-bytes", "16,777,216 of state for clients that may be recovered", &Server::recovery_bytes);
  number("http-identity-ms", "0: time for which equal HTTP requests share one client", &Server::http_identity_ms, 0);
  number("idempotency-ms", "600,000 in which an Idempotency-Key is remembered", &Server::idempotency_ms);
  number("drain-timeout-ms", "5,000 for slow readers when the server stops", &Server::drain_timeout_ms);
  number("drain-spread-ms", "0: time over which connections are closed when it stops", &Server::drain_spread_ms, 0);
  number("flush-interval-ms", "0: collect writes for this long when busy", &Server::flush_interval_ms, 0);
  number("sockjs-heartbeat-ms", "25,000 until SockJS sends a heartbeat", &Server::sockjs_heartbeat_ms);
  number("sockjs-disconnect-delay-ms", "5,000 until a SockJS session without a request ends",
         &Server::sockjs_disconnect_delay_ms);
  limit("stomp-heart-beat-ms", "10,000 between two heart-beats of STOMP", &Server::stomp_heart_beat_ms);
  limit("memory-release-ms", "10,000: return unused memory to the system at most this often",
        &Server::memory_release_ms);
}

void CommandLine::add_rest() {
  group_ = "Log";
  value("log-level", "error|warning|info|debug", "info", options_.server.log_level,
        one_of<chat_log_level>({{"error", CHAT_LOG_ERROR},
                                {"warning", CHAT_LOG_WARNING},
                                {"info", CHAT_LOG_INFO},
                                {"debug", CHAT_LOG_DEBUG}}));
  value("log-format", "text|json", "text, for the journal without time; json: an object per line", options_.log_format,
        one_of<LogFormat>({{"text", LogFormat::text}, {"json", LogFormat::json}}));
  flag("print-port", "print the port to standard output when listening", options_.print_port);
}

}  // namespace

int protocol_of(std::string_view name) {
  if (name == "plain") return CHAT_PROTOCOL_PLAIN;
  if (name == "chat.v1") return CHAT_PROTOCOL_CHAT_V1;
  if (name == "socket.io") return CHAT_PROTOCOL_SOCKET_IO;
  if (name == "stomp") return CHAT_PROTOCOL_STOMP;
  if (name == "http") return CHAT_PROTOCOL_HTTP;
  return 0;
}

Parsed parse_command_line(int argc, char** argv, Options& options) { return CommandLine(options).parse(argc, argv); }

}  // namespace chatd
