// A socket in libwebsockets' raw role, plain or with TLS. libwebsockets watches the socket, performs the TLS handshake and
// reads; writing goes straight to the socket or to OpenSSL. The reason: while libwebsockets holds output that the socket did
// not take, it does not read from the socket either, and is woken all the time by the input that waits.
#pragma once

#include <libwebsockets.h>

#include <string>

#include "net/byte_stream.h"

namespace chat::net {

class LwsSocket final : public ByteStream {
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
  ByteStreamUser& user() { return user_; }
  void received(std::span<char> bytes);
  // libwebsockets destroys its side: its last callback.
  void detach() { wsi_ = nullptr; }

 private:
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
};

}  // namespace chat::net
