// The framing of a request's body (RFC 9112 section 6.3), and the decoding of the chunked transfer coding (section 7.1). Does
// no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/http/http.h"

namespace chat::net {

struct BodyPlan {
  enum class Kind : std::uint8_t {
    none,     // nothing follows the head: no length, or a length of 0
    length,   // length_bytes, at least 1
    chunked,  // a ChunkedDecoder finds its end
    refused,  // the end of the body cannot be determined: answer `refusal`, which closes the connection, and stop reading
  };

  Kind kind = Kind::none;
  std::uint64_t length_bytes = 0;
  HttpResponse refusal;
};

// 400: two lengths, a length that is not a number, Transfer-Encoding together with a length or with a method that has no use
// for a body. 411: POST, PUT or PATCH without either. 501: any transfer coding except "chunked" alone. The caller checks
// whether length_bytes is too large.
BodyPlan plan_body(const HttpRequest& request);

// Decodes one body. It is strict, because a proxy that read the same bytes differently would see a different request after
// them: lines end with CRLF, sizes are 1 to 16 hexadecimal digits, and control characters are rejected.
class ChunkedDecoder {
 public:
  // Limits for all extensions and for all trailer lines of a body. Both are skipped.
  static constexpr std::size_t kMaxExtensionBytes = 4'096;
  static constexpr std::size_t kMaxTrailerBytes = 4'096;

  enum class Outcome : std::uint8_t {
    more,
    done,       // bytes after the end are not part of the body, and are ignored
    malformed,  // 400
    too_large,  // 413: the body exceeds max_bytes, or will according to a chunk's size; `body` does not exceed it
  };

  // Appends to `body` the part of it that is in `bytes`. Pass the same `body` and `max_bytes` to each call. The result does not
  // depend on how the input is split. Any outcome except `more` is final.
  Outcome feed(std::string_view bytes, std::string& body, std::size_t max_bytes);
  // The number of bytes of the last call after the end of the body.
  std::size_t unused_bytes() const { return unused_bytes_; }

 private:
  enum class State : std::uint8_t {
    size,  // before or within the digits
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
  std::uint64_t chunk_left_ = 0;  // while the size is read: the size so far
  std::size_t digits_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
};

}  // namespace chat::net
