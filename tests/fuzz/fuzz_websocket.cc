// Any bytes as a WebSocket client's frames: read whole, and cut into pieces, they give the same events; messages are never
// longer than the limit, and text is UTF-8. Choices: whether compression was agreed on, the limit, and the size of the pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.h"
#include "model/utf8.h"
#include "wire/websocket/message_reader.h"

using namespace chat;
using namespace chat::fuzz;
using wire::MessageReader;
using Kind = MessageReader::Event::Kind;

namespace {

struct Seen {
  Kind kind;
  bool binary;
  std::uint16_t code;
  std::uint16_t answer;
  std::string bytes;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> read(std::string_view bytes, std::size_t piece_bytes, std::size_t limit, unsigned deflate) {
  MessageReader reader(limit);
  if (deflate != 0) reader.allow_deflate(deflate == 2);
  std::vector<Seen> seen;
  while (!bytes.empty()) {
    const std::string_view next = bytes.substr(0, piece_bytes);
    bytes.remove_prefix(next.size());
    std::vector<char> piece(next.begin(), next.end());  // of exactly its size, and unmasked in place
    piece.shrink_to_fit();
    std::span<char> input(piece);
    for (;;) {
      const MessageReader::Event event = reader.next(input);
      if (event.kind == Kind::more) break;
      if (!seen.empty()) require(seen.back().kind != Kind::close && seen.back().kind != Kind::failure);
      if (event.kind == Kind::message) {
        require(event.bytes.size() <= limit);
        require(event.binary || is_utf8(event.bytes));
      } else {
        require(event.bytes.size() <= 125);
      }
      require((event.kind == Kind::failure) == (*event.reason != '\0'));
      seen.push_back({event.kind, event.binary, event.code, event.answer, std::string(event.bytes)});
    }
    require(input.empty());
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const unsigned deflate = input.choice() % 3;
  const std::size_t limit = input.choice() * std::size_t{16};
  const std::size_t piece_bytes = 1 + input.choice() % 64;
  const std::string_view bytes = input.rest();
  const std::vector<Seen> whole = read(bytes, std::max<std::size_t>(1, bytes.size()), limit, deflate);
  const std::vector<Seen> cut = read(bytes, piece_bytes, limit, deflate);
  // A failure in a compressed message may be told from another piece's end: too large here, malformed there.
  require(whole.size() == cut.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    require(whole[i] == cut[i] || (deflate != 0 && whole[i].kind == Kind::failure && cut[i].kind == Kind::failure));
  }
  return 0;
}
