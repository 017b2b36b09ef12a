// See compression.h.
#include "net/http/compression.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace chat::net {
namespace {

constexpr int kGzipWindowBits = 15 + 16;
constexpr int kMemoryLevel = 8;

// The weight of a list element is 0: "gzip;q=0", "gzip; q=0.000".
bool is_excluded(std::string_view parameters) {
  std::size_t at = parameters.find_first_not_of("; \t");
  if (at == std::string_view::npos || (parameters[at] != 'q' && parameters[at] != 'Q')) return false;
  parameters.remove_prefix(at + 1);
  if (!parameters.starts_with('=')) return false;
  parameters.remove_prefix(1);
  return !parameters.empty() && parameters.find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  bool any = false;
  for (const std::string& element : list_elements(accept_encoding)) {
    const std::size_t end = std::min(element.find(';'), element.size());
    const std::string_view coding = wire::trim_blanks(std::string_view(element).substr(0, end));
    const bool excluded = is_excluded(std::string_view(element).substr(end));
    if (equals_ignoring_case(coding, "gzip") || equals_ignoring_case(coding, "x-gzip")) return !excluded;
    if (coding == "*") any = !excluded;
  }
  return any;
}

void compress(HttpResponse& response) {
  const std::string& body = response.body;
  if (response.streams || response.file >= 0 || !response.constant_body.empty()) return;
  if (body.size() < kMinCompressedBytes || body.size() > std::numeric_limits<uInt>::max() / 2) return;
  z_stream stream = {};
  // The fastest level: a loop must not compress for long.
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
    return;
  std::string compressed(body.size(), '\0');                                  // more would be no gain
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));  // zlib does not write to it
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_out = static_cast<uInt>(compressed.size());
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  compressed.resize(compressed.size() - stream.avail_out);
  deflateEnd(&stream);
  if (!done) return;
  response.body = std::move(compressed);
  response.headers.push_back({"Content-Encoding", "gzip"});
}

}  // namespace chat::net
