// How a request's body comes (RFC 9112 section 6.3), and the decoding of one that comes in chunks (section 7.1). Does no
// I/O.
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
    refused,  // it cannot be told where the body ends: answer `refusal`, which closes, and read no more
  };

  Kind kind = Kind::none;
  std::uint64_t length_bytes = 0;
  HttpResponse refusal;
};

// 400: two lengths, a length that is no number, Transfer-Encoding together with a length or with a method that has no use
// for a body. 411: POST, PUT or PATCH without either. 501: a transfer coding other than "chunked" alone. Whether
// length_bytes is too much is for the caller to say.
BodyPlan plan_body(const HttpRequest& request);

// One for each body. Strict, because whoever reads the same bytes in another way (a proxy in front) would see another
// request behind them: lines end with CRLF, sizes are 1 to 16 hexadecimal digits, no control characters.
class ChunkedDecoder {
 public:
  // Of all extensions, and of all trailer lines, of a body together. Both are skipped.
  static constexpr std::size_t kMaxExtensionBytes = 4'096;
  static constexpr std::size_t kMaxTrailerBytes = 4'096;

  enum class Outcome : std::uint8_t {
    more,
    done,       // what comes behind the end is no part of the body, and is ignored
    malformed,  // 400
    too_large,  // 413: the body is, or a size says that it will be, above max_bytes; `body` has stayed within it
  };

  // Appends to `body` what `bytes` hold of it. The same `body` and `max_bytes` for every call. How the input is cut makes
  // no difference; an outcome other than `more` is the last.
  Outcome feed(std::string_view bytes, std::string& body, std::size_t max_bytes);
  // How many bytes of the last call lie behind the end of the body.
  std::size_t unused_bytes() const { return unused_bytes_; }

 private:
  enum class State : std::uint8_t {
    size,  // before or within the digits
    before_extension,
    extension,
    size_lf,  // behind the CR of a chunk's first line
    data,
    data_cr,  // behind the data
    data_lf,
    line,  // at the start of a trailer line
    trailer,
    trailer_lf,
    last_lf,  // behind the CR of the empty line that ends it all
  };

  Outcome step(char c, std::size_t room_bytes);
  Outcome digit_or_end(char c, std::size_t room_bytes);

  State state_ = State::size;
  Outcome outcome_ = Outcome::more;
  std::size_t unused_bytes_ = 0;
  std::uint64_t chunk_left_ = 0;  // the size while it is read
  std::size_t digits_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
};

}  // namespace chat::net
