// Cross-origin resource sharing (the Fetch standard's section 3.2) as headers on plain values: what lets a page of another
// origin read a response. Whether a request may be served at all is not decided here: see origin_allowed() in http.h.
#pragma once

#include <string>
#include <vector>

#include "net/http/http.h"

namespace chat::net {

// To every response of a path that pages may read, errors too, or the page learns nothing of them. By the request's Origin:
//   listed in allowed_origins   Access-Control-Allow-Origin with this very origin, and credentials; Vary: Origin
//   allowed by "*" alone        Access-Control-Allow-Origin: *, no credentials; Vary only when others are listed beside it
//   neither (the server's own)  Vary: Origin
//   absent                      nothing
void add_cors_headers(HttpResponse& response, const HttpRequest& request,
                      const std::vector<std::string>& allowed_origins);

// The answer to OPTIONS: 204, the above, and that whatever the page wants to send may be sent, for 600 seconds. Of the
// requested headers those that are no tokens are left out, and so is what goes beyond 1,024 bytes.
HttpResponse preflight_response(const HttpRequest& request, const std::vector<std::string>& allowed_origins);

}  // namespace chat::net
