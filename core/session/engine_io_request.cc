// See engine_io_request.h.
#include "session/engine_io_request.h"

namespace chat::session {
namespace {

using wire::EngineIoError;

std::optional<Transport> parse_transport(std::string_view name, EngineIoTransports enabled) {
  if (enabled.polling && name == "polling") return Transport::polling;
  if (enabled.websocket && name == "websocket") return Transport::websocket;
  return std::nullopt;
}

}  // namespace

std::optional<EngineIoError> check_request(const EngineIoRequest& request, std::optional<Transport> session,
                                           EngineIoTransports enabled) {
  const std::optional<Transport> transport = parse_transport(request.transport, enabled);
  if (!transport) return EngineIoError::unknown_transport;
  // The reference server accepts a WebSocket with transport=polling and closes it at once. It does not answer a plain request
  // with transport=websocket if the session has that transport.
  const bool mismatch = request.websocket_upgrade != (*transport == Transport::websocket);

  if (!request.sid.empty()) {
    if (!session) return EngineIoError::unknown_sid;
    if (mismatch) return EngineIoError::bad_request;
    if (!request.websocket_upgrade && *session != *transport) return EngineIoError::bad_request;
    // The reference server answers other methods with an empty 500.
    if (request.method != "GET" && request.method != "POST") return EngineIoError::bad_request;
    if (request.version != wire::kEngineIoVersion) return EngineIoError::bad_request;
    return std::nullopt;
  }
  if (request.method != "GET") return EngineIoError::bad_handshake_method;
  if (mismatch) return EngineIoError::bad_request;
  if (request.version != wire::kEngineIoVersion) return EngineIoError::unsupported_version;
  return std::nullopt;
}

}  // namespace chat::session
