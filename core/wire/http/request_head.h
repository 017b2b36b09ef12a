// Parses the head of an HTTP/1.x request (RFC 9112 sections 2 to 5). It is strict: input that a proxy might interpret
// differently is rejected with 400. It does no I/O and does not know which methods and paths exist.
// net/http/http_body.h handles the framing of the body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/http/request.h"

namespace chat::wire {

struct HeadLimits {
  std::size_t max_bytes = 8192;  // of the whole head, including the final empty line
  std::size_t max_lines = 100;   // header lines, without the request line
};

struct RequestHead {
  enum class Outcome : std::uint8_t {
    incomplete,  // call again with the same bytes and more
    complete,    // consumed_bytes, request
    malformed,   // send `status` and `reason`, then close: later bytes cannot be trusted
  };

  Outcome outcome = Outcome::incomplete;
  std::size_t consumed_bytes = 0;  // the size of the head, including empty lines before it
  HttpRequest request;
  // 400; 405 for CONNECT; 414 when the request line alone exceeds max_bytes (RFC 9112 section 3); 431 when the head
  // exceeds max_bytes or has more than max_lines header lines; 505 for versions other than 1.x.
  int status = 0;
  std::string reason;  // one sentence without a line end, for the response's body
};

// `scanned_bytes`: how many of `bytes` earlier calls have scanned; 0 at first. The function updates it, so the total
// time stays linear when a head arrives byte by byte. Errors in the request line and forbidden bytes are reported
// before the head is complete, because some clients (TLS on a plain port, lines that end with LF) never complete it.
RequestHead parse_request_head(std::string_view bytes, const HeadLimits& limits, std::size_t& scanned_bytes);

}  // namespace chat::wire
