// What a SockJS endpoint serves beside sessions: the greeting, the answer to /info, and the page that a client's hidden iframe
// loads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chat::wire {

// text/plain; charset=UTF-8
inline constexpr std::string_view kSockJsGreeting = "Welcome to SockJS!\n";

struct SockJsInfo {
  bool websocket = true;
  bool cookie_needed = false;
  std::uint32_t entropy = 0;  // unpredictable, and another one in each answer
};
// application/json; charset=UTF-8
std::string sockjs_info_json(const SockJsInfo& info);

struct SockJsPage {
  std::string body;  // text/html; charset=UTF-8
  std::string etag;  // with its quotes
};
// script_url: the address of sockjs-client's script, the version of which should be that of the page's clients.
SockJsPage sockjs_iframe_page(std::string_view script_url);

// Whether a request with this If-None-Match header has the page already: 304.
bool matches_etag(std::string_view if_none_match, std::string_view etag);

}  // namespace chat::wire
