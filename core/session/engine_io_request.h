// Whether an HTTP request at an Engine.IO endpoint is valid, by the rules of the reference server and in its order. Knows
// neither sessions nor HTTP: the caller passes what it has found.
#pragma once

#include <optional>
#include <string_view>

#include "model/types.h"
#include "wire/engine_io/engine_io.h"

namespace chat::session {

// If an argument occurs twice, the last one counts.
struct EngineIoRequest {
  std::string_view method;
  bool websocket_upgrade = false;  // the request asks for a WebSocket
  std::string_view transport;      // the query's `transport`, `sid` and `EIO`, decoded; empty: absent
  std::string_view sid;
  std::string_view version;
};

struct EngineIoTransports {
  bool polling = true;
  bool websocket = true;
};

// session: the transport that the session with this sid has now; nullopt: there is no such session. The caller handles
// OPTIONS (CORS), and answers `forbidden` itself.
std::optional<wire::EngineIoError> check_request(const EngineIoRequest& request, std::optional<Transport> session,
                                                 EngineIoTransports enabled = {});

}  // namespace chat::session
