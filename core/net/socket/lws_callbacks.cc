// See lws_callbacks.h. libwebsockets' opaque pointer refers to the socket. It is set at adoption and cleared by the
// last callback, when libwebsockets destroys its side.
#include "net/socket/lws_callbacks.h"

#include <string_view>

#include "net/base/loop_context.h"
#include "net/socket/lws_context.h"
#include "net/socket/tls_socket.h"

namespace chat::net {

int on_lws_callback(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t size) {
  if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) {
    if (LwsContext* const context = LwsContext::in_creation()) context->prepare_tls(static_cast<SSL_CTX*>(user));
    return 0;
  }
  auto* socket = wsi ? static_cast<TlsSocket*>(lws_get_opaque_user_data(wsi)) : nullptr;
  if (!socket) return 0;
  socket->attach(wsi);
  if (LoopContext* const loop = LoopContext::current()) loop->note_activity();
  switch (reason) {
    case LWS_CALLBACK_RAW_RX:
      socket->received({static_cast<char*>(in), size});
      return 0;
    case LWS_CALLBACK_RAW_WRITEABLE:
      socket->user().on_writable();
      return 0;
    case LWS_CALLBACK_RAW_CLOSE:
      socket->unwatch();
      socket->user().on_stream_closed();
      return 0;
    case LWS_CALLBACK_WSI_DESTROY:
      lws_set_opaque_user_data(wsi, nullptr);
      socket->detach();
      socket->user().on_released();
      return 0;
    default:
      return 0;
  }
}

void on_lws_log(int level, const char* line) {
  LoopContext* const loop = LoopContext::current();
  if (!loop) return;
  std::string_view text(line);
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  // libwebsockets' errors usually concern clients ("SSL_accept failed") and need no action by an operator, so they are
  // logged as warnings.
  loop->log(level == LLL_ERR ? LogLevel::warning : LogLevel::info, std::string("libwebsockets: ").append(text));
}

}  // namespace chat::net
