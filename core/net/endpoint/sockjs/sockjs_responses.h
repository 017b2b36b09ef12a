// What every HTTP response of a SockJS endpoint has in common: headers of CORS, caches and cookies, and the whole responses
// that need no session.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/base/server_options.h"
#include "net/http/http.h"
#include "wire/sockjs/sockjs_pages.h"
#include "wire/sockjs/sockjs_path.h"

namespace chat::net {

// For a request whose Origin is allowed. The client's requests carry credentials, which a page can only use when its origin
// is named; so it is, also when "*" allows it.
void add_sockjs_cors(Pairs& headers, const HttpRequest& request, const std::vector<std::string>& allowed_origins);
void add_no_cache(Pairs& headers);
// JSESSIONID, by which load balancers find the server of a session: the value that the client sent, or "dummy".
void add_sockjs_cookie(Pairs& headers, const HttpRequest& request);

// 204 for OPTIONS.
HttpResponse sockjs_preflight(const HttpRequest& request, wire::SockJsResource resource,
                              const std::vector<std::string>& allowed_origins);
HttpResponse sockjs_info(bool websocket, bool cookie_needed);
// The page that a hidden iframe loads. Only pages of these origins and of the server's own can embed it, because what it
// requests comes from the server's own origin.
HttpResponse sockjs_iframe(const wire::SockJsPage& page, const HttpRequest& request,
                           const std::vector<std::string>& allowed_origins);
// A response with this text, whose content type is spelled as the protocol's tests want it.
HttpResponse sockjs_text(int status, std::string_view text);
HttpResponse sockjs_wrong_method(wire::SockJsResource resource);

}  // namespace chat::net
