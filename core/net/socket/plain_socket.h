// A socket without TLS. It owns its descriptor, which the loop's ReadySockets watches. libwebsockets is not involved.
//
// A turn reads once, up to the size of the loop's read buffer, so a client that sends without pause does not hold up the
// others.
#pragma once

#include "net/connection/byte_stream.h"
#include "net/socket/ready_sockets.h"
#include "net/socket/socket_watch.h"

namespace chat::net {

class PlainSocket final : public ByteStream, private ReadySocket {
 public:
  // The user must outlive the socket.
  explicit PlainSocket(ByteStreamUser& user) : user_(user) {}
  // Closes the descriptor and calls nothing.
  ~PlainSocket() override;

  // Takes ownership of the connected, non-blocking descriptor, also on failure, and watches it for input among the
  // sockets, which must outlive this one. False on a system error. Throws std::bad_alloc. After either, close() ends the socket as usual.
  bool open(ReadySockets& sockets, int fd);

  std::optional<std::size_t> write(std::string_view bytes) override;
  bool flushed() const override { return true; }
  int direct_fd() const override { return finished_ ? -1 : fd_; }
  void want_writable() override;
  void set_reading(bool on) override;
  void finish_writing() override;
  void reset_on_close() override;
  void close() override;

 private:
  void on_ready(unsigned events, bool ended) override;
  bool read();
  bool apply_interest();

  ByteStreamUser& user_;
  SocketWatch watch_;
  int fd_ = -1;
  bool finished_ = false;  // finish_writing() was called
  bool reading_ = true;
  bool wants_writable_ = false;
};

}  // namespace chat::net
