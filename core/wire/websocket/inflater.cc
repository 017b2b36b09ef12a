// See inflater.h.
#include "wire/websocket/inflater.h"

#include <algorithm>
#include <array>

namespace chat::wire {

Inflater::~Inflater() {
  if (ready_) inflateEnd(&stream_);
}

Inflater::Outcome Inflater::append(std::string_view bytes, bool final, std::size_t limit, std::string& out) {
  if (!ready_) {
    if (inflateInit2(&stream_, -15) != Z_OK) return Outcome::malformed;
    ready_ = true;
  }
  const Outcome outcome = feed(bytes, limit, out);
  if (outcome != Outcome::ok || !final) return outcome;
  // The sender removes these bytes at the end of a message (RFC 7692 section 7.2.1).
  return feed(std::string_view("\x00\x00\xff\xff", 4), limit, out);
}

Inflater::Outcome Inflater::feed(std::string_view bytes, std::size_t limit, std::string& out) {
  std::array<char, 4096> piece;
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream_.avail_in = static_cast<uInt>(bytes.size());
  for (;;) {
    stream_.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream_.avail_out = static_cast<uInt>(piece.size());
    const int result = inflate(&stream_, Z_SYNC_FLUSH);
    const std::size_t size = piece.size() - stream_.avail_out;
    if (size > limit - std::min(limit, out.size())) return Outcome::too_large;
    out.append(piece.data(), size);
    if (result == Z_STREAM_END) {
      // A final block ends the stream but not the connection (RFC 7692 section 7.2.3.5): a new stream follows.
      inflateReset(&stream_);
      if (stream_.avail_in == 0) return Outcome::ok;
      continue;
    }
    if (result == Z_BUF_ERROR) return Outcome::ok;  // all input is consumed and all output is written
    if (result != Z_OK) return Outcome::malformed;
    if (stream_.avail_in == 0 && stream_.avail_out != 0) return Outcome::ok;
  }
}

}  // namespace chat::wire
