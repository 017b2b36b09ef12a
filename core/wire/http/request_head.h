// Reads the head of an HTTP/1.x request from bytes (RFC 9112 sections 2 to 5), strictly: what a proxy in front might read in
// another way is answered 400 instead of guessed. Does no I/O, and does not know what methods and paths are served. The
// framing of the body is for net/http/http_body.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/http/request.h"

namespace chat::wire {

struct HeadLimits {
  std::size_t max_bytes = 8192;  // of the whole head, with its last empty line
  std::size_t max_lines = 100;   // header lines, the request line not counted
};

struct RequestHead {
  enum class Outcome : std::uint8_t {
    incomplete,  // call again with the same bytes and more
    complete,    // consumed_bytes, request
    malformed,   // status, reason: answer it and close. Nothing behind it can be trusted.
  };

  Outcome outcome = Outcome::incomplete;
  std::size_t consumed_bytes = 0;  // the head's size; with the empty lines that were sent before it
  HttpRequest request;
  // 400; 405 for CONNECT; 414 when the request line alone is above max_bytes (RFC 9112 section 3 asks for it); 431 when
  // the head is, or has more than max_lines; 505 for versions other than 1.x.
  int status = 0;
  std::string reason;  // a sentence without a line end, for the answer's body
};

// `scanned_bytes`: how much of `bytes` earlier calls have seen, 0 at first. It is updated, so that a head that comes byte by
// byte costs time in proportion to its size. Errors in the request line and forbidden bytes are reported before the head is
// complete, because some clients (TLS to a plain port, lines that end with LF) would never complete it.
RequestHead parse_request_head(std::string_view bytes, const HeadLimits& limits, std::size_t& scanned_bytes);

}  // namespace chat::wire
