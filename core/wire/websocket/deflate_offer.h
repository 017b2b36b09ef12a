// Negotiates permessage-deflate for the server: parses the offers in Sec-WebSocket-Extensions (RFC 6455 section 9.1,
// RFC 7692 sections 5.1 and 7.1) and accepts the first one that it supports. The server compresses each message without
// context from earlier ones, so all receivers can share the result.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace chat::wire {

struct DeflateAgreement {
  int server_window_bits = 15;              // 9 to 15: the server's maximum window
  bool client_no_context_takeover = false;  // client messages do not refer to earlier ones
  std::string answer;                       // the Sec-WebSocket-Extensions of the response
};

// values: the request's Sec-WebSocket-Extensions headers in order. Returns nullopt when no offer is acceptable or a
// header is malformed; the connection then has no compression.
std::optional<DeflateAgreement> agree_on_deflate(std::span<const std::string_view> values);

// True when the value is a valid extension list. RFC 6455 section 9.1 requires the handshake to fail (400) otherwise.
bool is_extension_list(std::string_view value);

}  // namespace chat::wire
