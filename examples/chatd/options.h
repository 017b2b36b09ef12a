// Converts chatd's command line and the file of --config into the options of chat.h. It does not know the running
// server.
#pragma once

#include <chat/chat.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "log_format.h"

namespace chatd {

// An error in the options.
struct Fault {
  std::string option;  // without dashes; empty: unknown, or not about one option
  std::string text;    // a sentence that starts with the place and name
};

// Owns the strings that `server` points to, so it must outlive chat_server_start() and cannot be copied.
struct Options {
  Options() = default;
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  // Returns the place and name of an option as a prefix for messages: "chatd.conf:12: www: " or "--www: ".
  std::string place_of(const std::string& option) const;
  // Rewrites a message of the library so that it names chatd's options.
  Fault explain(std::string_view message) const;
  // Makes a fault of this option with its place.
  Fault fault_of(const std::string& option, const std::string& what) const;
  // Resets an option to its default; tls-cert and tls-key are reset together. Call derive() afterwards. Returns false
  // for an unknown name.
  bool reset(const std::string& option);
  // Sets the fields of `server` that depend on the fields below. Call it again after changing them.
  void derive();

  chat_server_options server = CHAT_SERVER_OPTIONS_INIT;
  std::string users;  // a file
  bool lists = false;
  bool print_port = false;
  bool permessage_deflate = false;
  bool check_only = false;
  bool cluster_status = false;
  LogFormat log_format = LogFormat::text;

  // The faults in the file of --config. Only --check continues after them, as if those lines were missing.
  std::vector<Fault> faults;
  std::map<std::string, std::function<void()>> resets;  // by option

  int port = -1;  // -1: use the port of the address, or the default
  bool port_of_address = false;
  std::string address;  // as given; derive() leaves only the host
  std::string unix_path;
  std::string default_room;
  std::string stomp_room_prefix;
  std::string stomp_application_prefix;
  std::string stomp_user_queue_prefix;
  std::string www;
  std::string socket_io_client;
  std::string history;
  std::string cluster;
  std::string cluster_prefix;
  std::string socket_io_cluster;
  std::string presence_event;
  bool edits_off = false;
  bool moderation_events = false;
  bool unique_names = false;
  std::vector<std::string> reserved_names;
  std::string tls_certificate;
  std::string tls_private_key;
  // "off"; empty: the default is not known yet.
  std::string page;
  std::string script;
  std::string metrics;
  std::string history_messages;
  std::vector<std::string> endpoint_texts;  // "/chat=plain"
  std::uint32_t sockjs = 0;                 // of every endpoint that can have it
  bool sockjs_cookie = false;
  bool socket_io_message_ids = false;
  std::string sockjs_script;
  std::vector<std::string> origins;
  std::vector<std::string> trusted_proxies;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> ephemeral_events;

  std::map<std::string, std::string> places;  // of options from a file: "chatd.conf:12: "
  std::vector<std::string> endpoint_paths;
  std::vector<chat_endpoint> endpoints;
  std::vector<const char*> origin_pointers;
  std::vector<std::string> trusted_addresses;
  std::vector<const char*> trusted_proxy_pointers;
  std::vector<const char*> allowed_host_pointers;
  std::vector<const char*> ephemeral_event_pointers;
  std::vector<const char*> reserved_name_pointers;
  chat_static_mount www_mount = CHAT_STATIC_MOUNT_INIT;
};

// The next step of main(): start (`text` is empty), print the requested text, or report the errors in `text`, one per
// line, and fail.
struct Parsed {
  enum class Next { start, print, refuse } next = Next::start;
  std::string text;
};

Parsed parse_options(int argc, char** argv, Options& options);

}  // namespace chatd
