// How each SockJS transport carries frames: what a response begins with, what surrounds a frame in it, and its content type.
// The bytes are those of the SockJS protocol's tests. Knows no HTTP.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chat::wire {

// What a client can receive frames over.
enum class SockJsTransport : std::uint8_t { websocket, xhr, xhr_streaming, eventsource, htmlfile, jsonp };

std::string_view name_of(SockJsTransport transport);

// A response that carries several frames. One of another transport ends with its first frame.
constexpr bool is_streaming(SockJsTransport transport) {
  return transport == SockJsTransport::xhr_streaming || transport == SockJsTransport::eventsource ||
         transport == SockJsTransport::htmlfile;
}
// The client names a function of its page to call.
constexpr bool needs_callback(SockJsTransport transport) {
  return transport == SockJsTransport::htmlfile || transport == SockJsTransport::jsonp;
}

// Of the response.
std::string_view content_type_of(SockJsTransport transport);

enum class SockJsCallbackError : std::uint8_t { required, invalid };
// The body of the 500 response.
std::string_view text_of(SockJsCallbackError error);

// The name of a function: letters, digits and - _ . only, at most 32 bytes. Nothing else may be written into a script.
inline constexpr std::size_t kMaxSockJsCallbackBytes = 32;
std::optional<SockJsCallbackError> check_sockjs_callback(std::string_view callback);

// What a response begins with. callback: passed check_sockjs_callback(), when the transport needs one.
std::string sockjs_prelude(SockJsTransport transport, std::string_view callback = {});

// Appends a frame as the transport carries it. A WebSocket carries it as it is.
void append_sockjs_envelope(std::string& out, SockJsTransport transport, std::string_view frame,
                            std::string_view callback = {});

}  // namespace chat::wire
