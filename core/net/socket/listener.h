// The listening socket: opens it in one of three ways, and accepts connections on one loop. Accepted sockets go to an
// AcceptUser.
#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <string>

#include "hub/application.h"
#include "net/base/server_options.h"
#include "net/socket/ready_sockets.h"
#include "net/socket/socket_watch.h"

namespace chat::net {

// Receives accepted sockets.
class AcceptUser {
 public:
  // Takes ownership of the descriptor. remote_address: empty on a UNIX socket.
  virtual void on_accepted(int socket_fd, std::string remote_address) = 0;

 protected:
  ~AcceptUser() = default;
};

class Listener final : private ReadySocket {
 public:
  // All arguments must outlive the listener. Errors: address_in_use, address_invalid, permission, system; the detail
  // names the address.
  static Result<std::unique_ptr<Listener>> open(AcceptUser& user, Application& application,
                                                const ServerOptions& options);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // The TCP port; 0 on a UNIX socket.
  int port() const { return port_; }

  // Starts accepting. Call on the loop's thread, or before it runs. Both belong to one loop.
  Status start(ReadySockets& sockets, uv_loop_t* loop);
  // Stops accepting. Call on the loop's thread. The object must outlive the loop.
  void stop();
  // Called when the start failed: a descriptor that the host handed in stays open and remains the host's.
  void release_handed_in() { close_fd_ = close_fd_ && !handed_in_; }

 private:
  Listener(AcceptUser& user, Application& application, const ServerOptions& options)
      : user_(user), application_(application), options_(options) {}

  Status open_tcp(const ServerOptions& options);
  Status open_unix(const std::string& path);
  Status take(int fd);
  void set_options(int fd, bool tcp) const;
  void on_ready(unsigned events, bool ended) override;
  void pause(int error);
  void retry_later();
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
  bool inherited_ = false;  // accepted sockets inherit the options of this one, as Linux does for TCP
  bool running_ = false;
  bool short_ = false;  // the last accept failed for lack of descriptors or memory
  SocketWatch watch_;
  uv_timer_t retry_{};
};

}  // namespace chat::net
