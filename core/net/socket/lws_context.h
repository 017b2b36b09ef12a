// The libwebsockets context of one loop: made on the loop's libuv loop without a listener, given accepted sockets, taken
// down in the stages that libwebsockets needs. What differs between its versions is in lws_context.cc alone.
#pragma once

#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <uv.h>

#include <array>
#include <memory>
#include <string>

#include "model/types.h"
#include "net/base/server_options.h"

namespace chat::net {

class LwsSocket;

using SslContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

class LwsContext {
 public:
  LwsContext() = default;
  LwsContext(const LwsContext&) = delete;
  LwsContext& operator=(const LwsContext&) = delete;

  // On the thread that starts the server. wanted_places: of the table of descriptors.
  Status create(uv_loop_t* uv, const ServerOptions& options, int wanted_places);

  // Whether libwebsockets' table has a place for the descriptor. libwebsockets itself does not bear one that has none.
  bool has_place(int socket_fd) const { return socket_fd < places_; }

  // Hands an accepted descriptor to libwebsockets, which owns it from now on, also on failure (false). After a failure
  // socket.attached() tells whether the socket's last callback is still to come.
  bool adopt(int socket_fd, LwsSocket& socket);

  // Wakes the loop for what libwebsockets put off.
  void cancel_service();

  // Stage one, outside callbacks; the libuv loop must run on until nothing of it is left.
  void begin_destroy();
  // After that, when everything else on the loop is closed: what libwebsockets does not close of a context that was not made
  // completely.
  void close_strays(uv_loop_t* loop);
  // Stage two, after that.
  void finish_destroy();

  Status reload_tls(const std::string& certificate_file, const std::string& private_key_file);
  SSL_CTX* reloaded_ssl_context() const { return reloaded_.get(); }
  // The one that create() works on, on the calling thread; or nullptr.
  static LwsContext* in_creation();
  // libwebsockets has made its own: what we add to it.
  void prepare_tls(SSL_CTX* ssl_context);

 private:
  lws_context* context_ = nullptr;
  lws_vhost* vhost_ = nullptr;
  bool tls_ = false;
  int places_ = 0;
  SslContext reloaded_{nullptr, &SSL_CTX_free};  // the certificate since the last reload; null before
  SslContext unused_client_{nullptr, &SSL_CTX_free};
  lws* event_pipe_ = nullptr;  // libwebsockets' own, by which lws_cancel_service() wakes the loop
  bool event_pipe_was_made_ = true;
  std::array<lws_protocols, 2> protocols_{};  // one, and the end of the list
  lws_retry_bo_t no_keepalive_{};
};

// A certificate and key that can be used together; the error names the file.
Status check_certificate(const std::string& certificate_file, const std::string& private_key_file);

}  // namespace chat::net
