// The libwebsockets context of one loop: made on the loop's libuv loop without a listener, given accepted sockets, taken
// down in the stages that libwebsockets needs. What differs between its versions is in lws_context.cc alone.
#pragma once

#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <uv.h>

#include <array>
#include <memory>
#include <string>

#include "hub/types.h"
#include "net/server_options.h"

namespace chat::net {

class Connection;
class Loop;

using SslContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

// The most that one write to a socket carries.
inline constexpr std::size_t kMaxWriteBytes = 65'536;

class LwsContext {
 public:
  LwsContext() = default;
  LwsContext(const LwsContext&) = delete;
  LwsContext& operator=(const LwsContext&) = delete;

  Status create(Loop& loop, const ServerOptions& options);

  // Hands an accepted socket to libwebsockets, which owns it from now on, also on failure (nullptr).
  lws* adopt(int socket_fd, Connection& connection);

  // Wakes the loop for what libwebsockets put off.
  void cancel_service();

  // Stage one, outside callbacks; the libuv loop must run on until nothing of it is left.
  void begin_destroy();
  // Stage two, after that.
  void finish_destroy();

  Status reload_tls(const std::string& certificate_file, const std::string& private_key_file);
  SSL_CTX* reloaded_ssl_context() const { return reloaded_.get(); }
  // libwebsockets has made its own: what we add to it.
  void prepare_tls(SSL_CTX* ssl_context);

  // The subprotocol that libwebsockets binds to and then answers; see lws_callbacks.cc.
  void name_subprotocol(std::string_view name);

 private:
  lws_context* context_ = nullptr;
  lws_vhost* vhost_ = nullptr;
  SslContext reloaded_{nullptr, &SSL_CTX_free};  // the certificate since the last reload; null before
  SslContext unused_client_{nullptr, &SSL_CTX_free};
  lws* event_pipe_ = nullptr;  // libwebsockets' own, by which lws_cancel_service() wakes the loop
  std::array<char, 128> subprotocol_{};
  std::array<lws_protocols, 3> protocols_{};
  lws_http_mount mount_{};
  lws_retry_bo_t no_keepalive_{};
};

// Whether a header of the request hides another. A name that is the beginning of one which libwebsockets knows ("X:") takes
// the lines behind it, up to the next colon, into itself, even the end of the head; a blank before the colon makes a header
// unknown. Either hides a length, or an address, that a proxy in front has seen.
bool hides_headers(lws* wsi, std::size_t max_header_bytes);

// A certificate and key that can be used together; the error names the file.
Status check_certificate(const std::string& certificate_file, const std::string& private_key_file);

}  // namespace chat::net
