// A socket in libwebsockets' raw role, plain or with TLS. libwebsockets performs the TLS handshake and reads; writing goes
// straight to the socket or to OpenSSL. The reason: while libwebsockets holds output that the socket did not take, it does not
// read from the socket either, and is woken all the time by the input that waits.
//
// libwebsockets would watch the socket, too, by a handle of libuv. That handle is stopped, and the socket is watched by the
// loop's ReadySockets, which can serve the sockets in portions. When a socket is ready to be read, the handle's callback is
// called, as libuv would have done. Without such a handle (another version) libuv watches the socket.
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
  void want_writable() override;
  void set_reading(bool on) override;
  void finish_writing() override;
  void reset_on_close() override;
  void close() override;

  // From libwebsockets' callbacks ------------------------------------------------------------------------------------

  // Before anything else comes; any number of times.
  void attach(lws* wsi) { wsi_ = wsi; }
  bool attached() const { return wsi_ != nullptr; }
  // libwebsockets has adopted the socket on this loop.
  void watch(ReadySockets& sockets, uv_loop_t& uv);
  // libwebsockets is about to close the socket.
  void unwatch();
  ByteStreamUser& user() { return user_; }
  void received(std::span<char> bytes);
  // libwebsockets destroys its side: its last callback.
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
  // The start of what OpenSSL has encrypted and the socket has not taken. OpenSSL wants to be called again with the same
  // bytes, so they count as written and are kept here: at most one record of 16 KiB.
  std::string unsent_record_;
  bool finished_ = false;        // finish_writing() was called
  bool handshake_timed_ = true;  // libwebsockets' time-out for the handshake is still set

  ReadySockets* sockets_ = nullptr;
  uv_poll_t* handle_ = nullptr;  // libwebsockets' own; nullptr: the socket is not watched by `sockets_`
  std::uint64_t key_ = 0;
  int fd_ = -1;
  unsigned watched_ = 0;    // Poller::kRead, kWrite
  unsigned handshake_ = 0;  // what libwebsockets waits for until the first input
  bool reading_ = true;
  bool wants_writable_ = false;
};

}  // namespace chat::net
