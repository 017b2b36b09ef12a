// Computations of the WebSocket opening handshake (RFC 6455 section 4.2). Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace chat::wire {

// True when a Sec-WebSocket-Key is 16 bytes in base64. Like `ws`, it ignores unused bits in the last character.
bool is_websocket_key(std::string_view key);

// Returns the Sec-WebSocket-Accept for a key.
std::string websocket_accept(std::string_view key);

}  // namespace chat::wire
