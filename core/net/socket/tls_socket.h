// A socket with TLS, in libwebsockets' raw role. libwebsockets performs the handshake and reads. Writes go directly to
// OpenSSL, because libwebsockets does not read while it holds unsent output, yet is woken continuously by the pending
// input.
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
#include "net/socket/socket_watch.h"

namespace chat::net {

class TlsSocket final : public ByteStream, private ReadySocket {
 public:
  explicit TlsSocket(ByteStreamUser& user) : user_(user) {}

  std::optional<std::size_t> write(std::string_view bytes) override;
  bool flushed() const override { return unsent_record_.empty(); }
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
  void cancel_timeout();
  void apply_interest();
  bool send_unsent_record(SSL* ssl);

  ByteStreamUser& user_;
  lws* wsi_ = nullptr;
  // The rest of a record that OpenSSL has encrypted and the socket has not accepted. OpenSSL must be called again with
  // the same bytes, so they count as written and are kept here: at most one record of 16 KiB.
  std::string unsent_record_;
  bool finished_ = false;    // finish_writing() was called
  bool handshaking_ = true;  // until the first input

  ReadySockets* sockets_ = nullptr;
  SocketWatch watch_;
  uv_poll_t* handle_ = nullptr;    // libwebsockets' handle; nullptr: libuv watches the socket
  unsigned handshake_events_ = 0;  // those that libwebsockets waits for while handshaking_
  bool reading_ = true;
  bool wants_writable_ = false;
};

}  // namespace chat::net
