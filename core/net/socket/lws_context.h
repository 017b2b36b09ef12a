// The libwebsockets context of one loop of a server with TLS. It runs on the loop's libuv loop without a listener, adopts
// accepted sockets, and is destroyed in the stages that libwebsockets requires. lws_context.cc contains all differences
// between library versions. Use it on the loop's thread unless a comment says otherwise.
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

class TlsSocket;

using SslContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

class LwsContext {
 public:
  LwsContext() = default;
  LwsContext(const LwsContext&) = delete;
  LwsContext& operator=(const LwsContext&) = delete;

  // Call on the thread that starts the server. wanted_places: the size of the descriptor table. Errors: system,
  // certificate, no_memory, event_loop, internal.
  Status create(uv_loop_t* uv, const ServerOptions& options, int wanted_places);

  // True when libwebsockets' table has an entry for the descriptor. libwebsockets cannot handle descriptors beyond it.
  bool has_place(int socket_fd) const { return socket_fd < places_; }

  // Passes an accepted descriptor to libwebsockets, which owns it from then on, even on failure (false). After a
  // failure, socket.attached() says whether the socket's last callback is still to come.
  bool adopt(int socket_fd, TlsSocket& socket);

  // Wakes the loop for work that libwebsockets postponed.
  void cancel_service();

  // Stage one of the destruction. Call it outside callbacks, then run the libuv loop until its handles are closed.
  void begin_destroy();
  // Stage two, when everything else on the loop is closed. Closes the handles of an incompletely created context, which
  // libwebsockets does not close.
  void close_strays(uv_loop_t* loop);
  // Stage three: frees the context.
  void finish_destroy();

  // Loads a new certificate for later handshakes. Errors: certificate, no_memory.
  Status reload_tls(const std::string& certificate_file, const std::string& private_key_file);
  // The SSL context of the last reload, or nullptr.
  SSL_CTX* reloaded_ssl_context() const { return reloaded_.get(); }
  // The context that create() is creating on the calling thread, or nullptr.
  static LwsContext* in_creation();
  // Completes the SSL context that libwebsockets has created.
  void prepare_tls(SSL_CTX* ssl_context);

 private:
  lws_context* context_ = nullptr;
  lws_vhost* vhost_ = nullptr;
  int places_ = 0;
  SslContext reloaded_{nullptr, &SSL_CTX_free};  // the certificate of the last reload; null before
  SslContext unused_client_{nullptr, &SSL_CTX_free};
  lws* event_pipe_ = nullptr;  // the handle that lws_cancel_service() uses to wake the loop
  bool event_pipe_was_made_ = true;
  std::array<lws_protocols, 2> protocols_{};  // one entry and the terminator
  lws_retry_bo_t no_keepalive_{};
};

// Checks that the certificate and the key belong together. Errors: certificate; the detail names the file.
Status check_certificate(const std::string& certificate_file, const std::string& private_key_file);

}  // namespace chat::net
