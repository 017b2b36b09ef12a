// Any bytes as compressed WebSocket messages, whole and cut into pieces: never more than the limit comes out. Then the same
// bytes as the content, compressed. The first two bytes: the limit, and the size of the pieces.
#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz.h"
#include "wire/websocket/inflater.h"

using namespace chat;
using namespace chat::fuzz;
using chat::wire::Inflater;
using Outcome = Inflater::Outcome;

namespace {

struct Inflated {
  Outcome outcome = Outcome::ok;
  std::string bytes;
};

Inflated inflate_message(Inflater& inflater, std::string_view message, std::size_t piece_bytes, std::size_t limit) {
  Inflated inflated;
  do {
    const Exact piece(message.substr(0, piece_bytes));
    message.remove_prefix(piece.view().size());
    inflated.outcome = inflater.append(piece.view(), message.empty(), limit, inflated.bytes);
    require(inflated.bytes.size() <= limit);
  } while (inflated.outcome == Outcome::ok && !message.empty());
  return inflated;
}

std::string deflate_message(std::string_view content) {
  z_stream stream{};
  require(deflateInit2(&stream, 1, Z_DEFLATED, -9, 1, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, content.size()) + 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  require(deflate(&stream, Z_SYNC_FLUSH) == Z_OK && stream.avail_in == 0);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  require(out.ends_with(std::string_view("\x00\x00\xff\xff", 4)));
  out.resize(out.size() - 4);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t limit = input.choice() * std::size_t{64};
  const std::size_t piece_bytes = 1 + input.choice() % 64;
  const std::string_view bytes = input.rest();

  Inflater whole;
  Inflater cut;
  for (int message = 0; message < 2; ++message) {  // the second has the first one's window
    const Inflated first = inflate_message(whole, bytes, std::max<std::size_t>(1, bytes.size()), limit);
    const Inflated second = inflate_message(cut, bytes, piece_bytes, limit);
    require(first.outcome == second.outcome);
    if (first.outcome != Outcome::ok) break;  // the connection ends
    require(first.bytes == second.bytes);
  }

  Inflater again;
  const Inflated same = inflate_message(again, deflate_message(bytes), piece_bytes, bytes.size());
  require(same.outcome == Outcome::ok && same.bytes == bytes);
  return 0;
}
