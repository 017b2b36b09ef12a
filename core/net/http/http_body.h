// Determines the framing of a request's body (RFC 9112 section 6.3) and decodes the chunked transfer coding (section
// 7.1). No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/http/http.h"

namespace chat::net {

struct BodyPlan {
  enum class Kind : std::uint8_t {
    none,     // no body: no length, or length 0
    length,   // length_bytes, at least 1
    chunked,  // a ChunkedDecoder finds the end
    refused,  // the end of the body is unknown: send `refusal`, which closes the connection, and stop reading
  };

  Kind kind = Kind::none;
  std::uint64_t length_bytes = 0;
  HttpResponse refusal;
};

// Refusals: 400 for two lengths, an invalid length, or Transfer-Encoding together with a length or with a method that
// has no body; 411 for POST, PUT or PATCH without either header; 501 for transfer codings other than a single
// "chunked". The caller checks length_bytes against its limit.
BodyPlan plan_body(const HttpRequest& request);

// Decodes one chunked body. It is strict, because a proxy that parses the same bytes differently would see a different
// next request: lines end with CRLF, sizes have 1 to 16 hexadecimal digits, and control characters are rejected.
class ChunkedDecoder {
 public:
  // Limits on the total size of chunk extensions and of trailer lines in a body. Both are skipped.
  static constexpr std::size_t kMaxExtensionBytes = 4'096;
  static constexpr std::size_t kMaxTrailerBytes = 4'096;

  enum class Outcome : std::uint8_t {
    more,
    done,       // bytes after the end are not consumed
    malformed,  // 400
    too_large,  // 413: the body exceeds max_bytes, or a chunk size announces it; `body` stays within max_bytes
  };

  // Appends the body data in `bytes` to `body`. Pass the same `body` and `max_bytes` on each call. The result does not
  // depend on how the input is split. All outcomes except `more` are final.
  Outcome feed(std::string_view bytes, std::string& body, std::size_t max_bytes);
  // The number of bytes after the end of the body in the last call.
  std::size_t unused_bytes() const { return unused_bytes_; }

 private:
  enum class State : std::uint8_t {
    size,  // before or within the size digits
    before_extension,
    extension,
    size_lf,  // after the CR of a chunk's first line
    data,
    data_cr,  // after the data
    data_lf,
    line,  // at the start of a trailer line
    trailer,
    trailer_lf,
    last_lf,  // after the CR of the empty line at the end
  };

  Outcome step(char c, std::size_t room_bytes);
  Outcome digit_or_end(char c, std::size_t room_bytes);

  State state_ = State::size;
  Outcome outcome_ = Outcome::more;
  std::size_t unused_bytes_ = 0;
  std::uint64_t chunk_left_ = 0;  // while a size is being read: its value so far
  std::size_t digits_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
};

}  // namespace chat::net
