// What libwebsockets has parsed of a request, copied: it forgets it as soon as its callback returns. Decides nothing.
#pragma once

#include <libwebsockets.h>

#include <string>

#include "net/http.h"

namespace chat::net {

// Empty without such a header.
std::string header_value(lws* wsi, lws_token_indexes token);

// libwebsockets decodes %0A and %0D before it looks for the end of the line: what follows would be a header that a web page
// put into its victim's request, Origin among them. The version is then no longer where it belongs.
bool well_formed_request_line(lws* wsi);

HttpRequest capture_request(lws* wsi);

}  // namespace chat::net
