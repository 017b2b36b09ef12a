// See lws_callbacks.h. A connection is found by libwebsockets' opaque pointer, which is set at adoption and taken away when
// libwebsockets destroys its side: the one callback that always comes.
#include "net/lws_callbacks.h"

#include <string_view>

#include "net/connection.h"
#include "net/loop.h"

namespace chat::net {
namespace {

int on_connection_callback(Connection& connection, lws_callback_reasons reason, void* in, std::size_t size) {
  const std::string_view bytes(static_cast<const char*>(in), in ? size : 0);
  switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
      return connection.on_confirm_upgrade(static_cast<char*>(in));
    case LWS_CALLBACK_FILTER_HTTP_CONNECTION:
      return connection.on_filter_http();
    case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
      return connection.on_confirm_extension();
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
      return connection.on_filter_websocket();
    case LWS_CALLBACK_ADD_HEADERS:
      return connection.on_add_headers();
    case LWS_CALLBACK_HTTP:
      return connection.on_http();
    case LWS_CALLBACK_HTTP_BODY:
      return connection.on_http_body(bytes);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
      return connection.on_http_body_complete();
    case LWS_CALLBACK_HTTP_WRITEABLE:
      return connection.on_http_writable();
    case LWS_CALLBACK_ESTABLISHED:
      return connection.on_established();
    case LWS_CALLBACK_SERVER_WRITEABLE:
      return connection.on_websocket_writable();
    case LWS_CALLBACK_RECEIVE:
      return connection.on_receive(bytes);
    case LWS_CALLBACK_RECEIVE_PONG:
      return connection.on_pong();
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
      return connection.on_peer_close(bytes);
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
      connection.on_closed();
      return 0;
    default:
      return 0;
  }
}

}  // namespace

int on_lws_callback(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t size) {
  if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) {
    if (Loop* loop = Loop::current()) loop->context().prepare_tls(static_cast<SSL_CTX*>(user));
    return 0;
  }
  auto* connection = wsi ? static_cast<Connection*>(lws_get_opaque_user_data(wsi)) : nullptr;
  if (!connection) return 0;
  connection->set_wsi(wsi);
  connection->note_activity();
  if (reason == LWS_CALLBACK_WSI_DESTROY) {
    lws_set_opaque_user_data(wsi, nullptr);
    connection->on_destroyed();
    return 0;
  }
  return on_connection_callback(*connection, reason, in, size);
}

void on_lws_log(int level, const char* line) {
  Loop* loop = Loop::current();
  if (!loop) return;
  std::string_view text(line);
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  // Its errors are about peers as a rule ("malformed or absent conn hdr"): nothing that an operator must act on.
  loop->log(level == LLL_ERR ? LogLevel::warning : LogLevel::info, std::string("libwebsockets: ").append(text));
}

}  // namespace chat::net
