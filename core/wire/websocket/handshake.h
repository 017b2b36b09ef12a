// What a WebSocket's opening handshake computes (RFC 6455 section 4.2).
#pragma once

#include <string>
#include <string_view>

namespace chat::wire {

// Whether a Sec-WebSocket-Key is 16 bytes in base64. Stray bits in its last character are allowed, as `ws` does.
bool is_websocket_key(std::string_view key);

// The Sec-WebSocket-Accept for a key.
std::string websocket_accept(std::string_view key);

}  // namespace chat::wire
