// Which resource of a SockJS endpoint a path names: PREFIX, PREFIX/info, PREFIX/iframe*.html, PREFIX/websocket and
// PREFIX/SERVER/SESSION/TRANSPORT.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace chat::wire {

enum class SockJsResource : std::uint8_t {
  greeting,
  info,
  iframe,
  raw_websocket,
  // Of a session:
  websocket,
  xhr,
  xhr_streaming,
  eventsource,
  htmlfile,
  jsonp,
  xhr_send,
  jsonp_send,
};

// Longer ids of servers and sessions are not found: what a client names is kept in memory.
inline constexpr std::size_t kMaxSockJsIdBytes = 128;

struct SockJsTarget {
  SockJsResource resource = SockJsResource::greeting;
  // Of a session's resources. The server's id is for load balancers: it does not tell sessions apart.
  std::string_view server;
  std::string_view session;
};

// below: the decoded path without the endpoint's prefix: empty, or with a slash at its beginning. One slash at its end is ignored.
// nullopt: 404.
std::optional<SockJsTarget> parse_sockjs_path(std::string_view below);

// For the Allow header of a 405 response, and Access-Control-Allow-Methods.
std::string_view allowed_methods(SockJsResource resource);

}  // namespace chat::wire
