// The frames of SockJS 0.3.x that a server sends: open, heartbeat, messages and close. Messages are quoted as JSON strings in
// which the characters that browsers and proxies are known to change are escaped. How a transport wraps a frame is in
// sockjs_envelope.h. Knows nothing of sessions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chat::wire {

inline constexpr std::string_view kSockJsOpenFrame = "o";
inline constexpr std::string_view kSockJsHeartbeatFrame = "h";

// Appends valid UTF-8 as a JSON string. Escapes what JSON requires, and also U+200C to U+200F, U+2028 to U+202F, U+2060 to
// U+206F, U+FFF0 to U+FFFF, and everything above U+FFFF, which becomes a pair of surrogates. The bytes are those of the
// reference server.
void append_sockjs_quoted(std::string& out, std::string_view text);

// Appends a message to the elements of an array frame, with a comma before it unless `elements` is empty.
void append_sockjs_element(std::string& elements, std::string_view text);

// a[...], of elements that append_sockjs_element() wrote.
std::string sockjs_array_frame(std::string_view elements);

// a["text"]: what a WebSocket client receives for one message.
std::string sockjs_message_frame(std::string_view text);

// c[code,"reason"]. reason: valid UTF-8.
std::string sockjs_close_frame(std::uint16_t code, std::string_view reason);

}  // namespace chat::wire
