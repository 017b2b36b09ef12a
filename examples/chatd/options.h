// chatd's command line, turned into the options of chat.h. Knows nothing of a running server.
#pragma once

#include <chat/chat.h>

#include <string>
#include <vector>

namespace chatd {

// Owns the strings that `server` points to, so it must outlive chat_server_start() and is not copied.
struct Options {
  Options() = default;
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  chat_server_options server = CHAT_SERVER_OPTIONS_INIT;
  bool lists = false;
  bool print_port = false;
  bool show_help = false;
  bool show_version = false;

  std::string address;
  std::string unix_path;
  std::string default_room;
  std::string www;
  std::string socket_io_client;
  std::string tls_certificate;
  std::string tls_private_key;
  std::vector<std::string> origins;
  std::vector<std::string> trusted_proxies;
  std::vector<std::string> ephemeral_events;

  std::vector<const char*> origin_pointers;
  std::vector<const char*> trusted_proxy_pointers;
  std::vector<const char*> ephemeral_event_pointers;
  chat_static_mount www_mount = CHAT_STATIC_MOUNT_INIT;
};

// Empty when all is well, otherwise a sentence that names the option. With --help or --version nothing else is checked.
std::string parse_options(int argc, char** argv, Options& options);

std::string help_text();

}  // namespace chatd
