// The listening socket: opened by one of three ways, served by one loop, which hands on each accepted socket.
#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <string>

#include "hub/application.h"
#include "net/base/server_options.h"

namespace chat::net {

// Who takes the sockets that were accepted.
class AcceptUser {
 public:
  // Takes the descriptor. remote_address: empty on a UNIX socket.
  virtual void on_accepted(int socket_fd, std::string remote_address) = 0;

 protected:
  ~AcceptUser() = default;
};

class Listener {
 public:
  // All arguments must outlive the listener. address_in_use, address_invalid, permission, system; the detail names the address.
  static Result<std::unique_ptr<Listener>> open(AcceptUser& user, Application& application,
                                                const ServerOptions& options);
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
  Listener(AcceptUser& user, Application& application, const ServerOptions& options)
      : user_(user), application_(application), options_(options) {}

  Status open_tcp(const ServerOptions& options);
  Status open_unix(const std::string& path);
  Status take(int fd);
  void watch();
  void accept_waiting();
  void pause(int error);
  void close_socket();

  AcceptUser& user_;
  Application& application_;
  const ServerOptions& options_;
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
