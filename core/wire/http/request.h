// The head of an HTTP request as plain values, with look-ups that all upper layers share. It does not know connections,
// routes or responses.
#pragma once

#include <string>
#include <string_view>

#include "model/types.h"

namespace chat::wire {

struct HttpRequest {
  std::string method;      // as sent; methods are case-sensitive
  std::string path;        // percent-decoded, without the query; begins with "/", or is "*"
  std::string raw_query;   // as sent, without the "?"
  Pairs query;             // decoded
  Pairs headers;           // lower-case names, trimmed values, in the order sent; repeated headers are separate
  int minor_version = 1;   // of HTTP/1.x: 0 or 1
  bool keep_alive = true;  // the client is ready to send another request on this connection (RFC 9112 section 9.3)
  bool has_body = false;   // a body is announced, or expected: POST, PUT and PATCH without a length

  // Returns the first header with this lower-case name; empty when there is none.
  std::string_view header(std::string_view name) const;
  // Returns all headers with this name, joined by ", ". This is the meaning of a list header that is sent in several
  // lines (RFC 9110 section 5.3).
  std::string joined_header(std::string_view name) const;
  // Returns the first query argument with this name; empty when there is none.
  std::string_view argument(std::string_view name) const;
  // The cookies of all Cookie headers.
  Pairs cookies() const;
};

}  // namespace chat::wire
