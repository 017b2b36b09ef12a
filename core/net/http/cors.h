// Cross-origin resource sharing (Fetch standard, section 3.2): headers that allow a page of another origin to read a
// response. origin_allowed() in http.h decides whether a request is served.
#pragma once

#include <string>
#include <vector>

#include "net/http/http.h"

namespace chat::net {

// Adds the headers to a response of a path that pages may read. Errors need them too, because a page cannot see an
// error without them. They depend on the request's Origin:
//   listed in allowed_origins     Access-Control-Allow-Origin with that origin, and credentials; Vary: Origin
//   allowed by "*" only           Access-Control-Allow-Origin: *, no credentials; Vary if other origins are listed
//   neither (same origin)         Vary: Origin
//   absent                        no headers
void add_cors_headers(HttpResponse& response, const HttpRequest& request,
                      const std::vector<std::string>& allowed_origins);

// The response to OPTIONS: 204, the headers above, and permission for GET, HEAD, POST and the requested headers for 600
// seconds. Requested headers that are not tokens, or beyond 1,024 bytes, are omitted.
HttpResponse preflight_response(const HttpRequest& request, const std::vector<std::string>& allowed_origins);

}  // namespace chat::net
