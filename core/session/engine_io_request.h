// Whether an HTTP request at an Engine.IO endpoint may go on, by the reference server's rules and
// in its order. Knows neither sessions nor HTTP: its caller looks both up.
#pragma once

#include <optional>
#include <string_view>

#include "model/types.h"
#include "wire/engine_io/engine_io.h"

namespace chat::session {

// Of arguments that occur twice the last counts.
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

// `session`: the transport that the session of the request's sid has now; nullopt: there is none.
// OPTIONS is the caller's (CORS), and so is forbidden: asked before unsupported_version.
std::optional<wire::EngineIoError> check_request(const EngineIoRequest& request, std::optional<Transport> session,
                                                 EngineIoTransports enabled = {});

}  // namespace chat::session
