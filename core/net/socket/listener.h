// The listening socket: opened by one of three ways, served by one loop, which hands each accepted socket to the server.
#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <string>

#include "net/base/server_options.h"

namespace chat::net {

class Server;

class Listener {
 public:
  // address_in_use, address_invalid, permission, system; the detail names the address.
  static Result<std::unique_ptr<Listener>> open(Server& server, const ServerOptions& options);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // 0 on a UNIX socket.
  int port() const { return port_; }

  // On the loop's thread, or before it runs.
  Status start(uv_loop_t* loop);
  // On the loop's thread; accepts no more. The object outlives the loop.
  void stop();
  // A start that failed: a descriptor that was handed in stays the caller's.
  void release_handed_in() { close_fd_ = close_fd_ && !handed_in_; }

 private:
  explicit Listener(Server& server) : server_(server) {}

  Status open_tcp(const ServerOptions& options);
  Status open_unix(const std::string& path);
  Status take(int fd);
  void watch();
  void accept_waiting();
  void pause(int error);
  void close_socket();

  Server& server_;
  int fd_ = -1;
  bool close_fd_ = true;
  bool handed_in_ = false;
  int port_ = 0;
  std::string unix_path_;
  std::uint64_t unix_inode_ = 0;
  bool running_ = false;
  bool short_ = false;  // of descriptors or memory: the last accept has failed
  uv_poll_t poll_{};
  uv_timer_t retry_{};
};

}  // namespace chat::net
