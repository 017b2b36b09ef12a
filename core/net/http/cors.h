// Cross-origin resource sharing (section 3.2 of the Fetch standard): the headers that let a page of another origin read a
// response. origin_allowed() in http.h decides whether a request is served at all.
#pragma once

#include <string>
#include <vector>

#include "net/http/http.h"

namespace chat::net {

// For every response of a path that pages may read, including errors, because a page cannot see an error without them. Depends
// on the request's Origin:
//   listed in allowed_origins   Access-Control-Allow-Origin with this very origin, and credentials; Vary: Origin
//   allowed by "*" alone        Access-Control-Allow-Origin: *, no credentials; Vary only when others are listed beside it
//   neither (the server's own)  Vary: Origin
//   absent                      nothing
void add_cors_headers(HttpResponse& response, const HttpRequest& request,
                      const std::vector<std::string>& allowed_origins);

// The answer to OPTIONS: 204, the headers above, and permission for GET, HEAD, POST and the requested headers for 600 seconds.
// Requested headers that are not tokens are left out, and so are those beyond 1,024 bytes.
HttpResponse preflight_response(const HttpRequest& request, const std::vector<std::string>& allowed_origins);

}  // namespace chat::net
