// A request's head as plain values, with the look-ups that all layers above share. Knows nothing of connections, routes or
// responses.
#pragma once

#include <string>
#include <string_view>

#include "model/types.h"

namespace chat::wire {

struct HttpRequest {
  std::string method;      // as sent: methods are case-sensitive
  std::string path;        // decoded, without the query; begins with "/", or is "*"
  std::string raw_query;   // as sent, without the "?"
  Pairs query;             // decoded
  Pairs headers;           // names in lower case, values trimmed, in the order they were sent; repeated ones stay apart
  int minor_version = 1;   // of HTTP/1.x: 0 or 1
  bool keep_alive = true;  // the client is ready to send another request on this connection (RFC 9112 section 9.3)
  bool has_body = false;   // a body is announced, or is due: POST, PUT and PATCH without a length

  // The first with this name (in lower case); empty without.
  std::string_view header(std::string_view name) const;
  // All with this name, joined by ", ": what a header that holds a list means when it is sent in several lines (RFC 9110
  // section 5.3).
  std::string joined_header(std::string_view name) const;
  std::string_view argument(std::string_view name) const;
  // Of all Cookie lines.
  Pairs cookies() const;
};

}  // namespace chat::wire
