// A socket in libwebsockets' raw role, with or without TLS. libwebsockets performs the TLS handshake and reads. Writes
// go directly to the socket or to OpenSSL, because libwebsockets does not read while it holds unsent output, yet is
// woken continuously by the pending input.
//
// libwebsockets would also watch the socket with a libuv handle. That handle is stopped, and the loop's ReadySockets
// watches the socket instead, which can serve sockets in portions. When the socket is readable, the handle's callback
// is called as libuv would. Without such a handle (in another version) libuv watches the socket.
#pragma once

#include <libwebsockets.h>
#include <uv.h>

#include <string>

#include "net/connection/byte_stream.h"
#include "net/socket/ready_sockets.h"

namespace chat::net {

class LwsSocket final : public ByteStream, private ReadySocket {
 public:
  explicit LwsSocket(ByteStreamUser& user) : user_(user) {}

  std::optional<std::size_t> write(std::string_view bytes) override;
  bool flushed() const override { return unsent_record_.empty(); }
  int direct_fd() const override;
  void want_writable() override;
  void set_reading(bool on) override;
  void finish_writing() override;
  void reset_on_close() override;
  void close() override;

  // Called first by every libwebsockets callback of the socket; repeated calls are fine.
  void attach(lws* wsi) { wsi_ = wsi; }
  // False when libwebsockets has no object for the socket.
  bool attached() const { return wsi_ != nullptr; }
  // Called after libwebsockets has adopted the socket on this loop.
  void watch(ReadySockets& sockets, uv_loop_t& uv);
  // Called before libwebsockets closes the socket.
  void unwatch();
  ByteStreamUser& user() { return user_; }
  void received(std::span<char> bytes);
  // Called by libwebsockets' last callback, when it destroys its side.
  void detach();

 private:
  void on_ready(unsigned events, bool ended) override;
  void service(unsigned events);
  void follow_libwebsockets();
  void apply_interest();
  std::optional<std::size_t> write_plain(std::string_view bytes);
  std::optional<std::size_t> write_tls(SSL* ssl, std::string_view bytes);
  bool send_unsent_record(SSL* ssl);

  ByteStreamUser& user_;
  lws* wsi_ = nullptr;
  // The rest of a record that OpenSSL has encrypted and the socket has not accepted. OpenSSL must be called again with
  // the same bytes, so they count as written and are kept here: at most one record of 16 KiB.
  std::string unsent_record_;
  bool finished_ = false;        // finish_writing() was called
  bool handshake_timed_ = true;  // libwebsockets' handshake timeout is set

  ReadySockets* sockets_ = nullptr;
  uv_poll_t* handle_ = nullptr;  // libwebsockets' handle; nullptr: `sockets_` does not watch the socket
  std::uint64_t key_ = 0;
  int fd_ = -1;
  unsigned watched_ = 0;    // Poller::kRead, kWrite
  unsigned handshake_ = 0;  // the events that libwebsockets waits for before the first input
  bool reading_ = true;
  bool wants_writable_ = false;
};

}  // namespace chat::net
