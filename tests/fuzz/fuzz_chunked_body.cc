// Any bytes as a chunked request body, whole and cut into pieces; what is decoded must be what a plain reading of the whole
// finds. Then the same bytes as the content, put into chunks. The first two bytes: the limit, and the size of the pieces.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz.h"
#include "net/http/http_body.h"

using namespace chat;
using namespace chat::fuzz;
using chat::net::ChunkedDecoder;
using Outcome = ChunkedDecoder::Outcome;

namespace {

struct Decoded {
  Outcome outcome = Outcome::more;
  std::string body;
};

Decoded decode(std::string_view bytes, std::size_t piece_bytes, std::size_t max_bytes) {
  ChunkedDecoder decoder;
  Decoded decoded;
  while (!bytes.empty()) {
    const Exact piece(bytes.substr(0, piece_bytes));
    const Outcome before = decoded.outcome;
    decoded.outcome = decoder.feed(piece.view(), decoded.body, max_bytes);
    require(before == Outcome::more || decoded.outcome == before);
    require(decoded.body.size() <= max_bytes);
    bytes.remove_prefix(piece.view().size());
  }
  return decoded;
}

// Of a body that is known to be well-formed.
std::string read_plainly(std::string_view bytes) {
  std::string body;
  for (;;) {
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), size, 16);
    require(error == std::errc());
    const std::size_t line = bytes.find("\r\n");
    require(line != std::string_view::npos && end <= bytes.data() + line);
    bytes.remove_prefix(line + 2);
    if (size == 0) return body;
    require(bytes.size() >= size + 2 && bytes.substr(size, 2) == "\r\n");
    body += bytes.substr(0, size);
    bytes.remove_prefix(size + 2);
  }
}

std::string in_chunks(std::string_view content, std::size_t chunk_bytes) {
  std::string encoded;
  while (!content.empty()) {
    const std::string_view chunk = content.substr(0, chunk_bytes);
    char size[16];
    encoded.append(size, std::to_chars(size, size + sizeof size, chunk.size(), 16).ptr);
    encoded.append("\r\n").append(chunk).append("\r\n");
    content.remove_prefix(chunk.size());
  }
  return encoded + "0\r\n\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t max_bytes = input.choice() * std::size_t{16};
  const std::size_t piece_bytes = 1 + input.choice() % 64;
  const std::string_view bytes = input.rest();

  const Decoded whole = decode(bytes, std::max<std::size_t>(1, bytes.size()), max_bytes);
  for (const std::size_t step : {piece_bytes, std::size_t{1}}) {
    const Decoded cut = decode(bytes, step, max_bytes);
    require(cut.outcome == whole.outcome && cut.body == whole.body);
  }
  if (whole.outcome == Outcome::done) require(read_plainly(bytes) == whole.body);

  const Decoded again = decode(in_chunks(bytes, piece_bytes), piece_bytes + 1, bytes.size());
  require(again.outcome == Outcome::done && again.body == bytes);
  return 0;
}
