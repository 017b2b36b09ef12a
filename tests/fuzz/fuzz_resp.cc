// Any bytes as the replies of a Redis, whole and cut into pieces: the same values must come out, within the limits. What was
// read is written as a command where it can be one, and read again. The first three bytes: the limits, and the size of the
// pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.h"
#include "redis/resp_command.h"
#include "redis/resp_reader.h"

using namespace chat;
using namespace chat::fuzz;
using namespace chat::redis;
using Outcome = RespReader::Outcome;

namespace {

struct Found {
  std::vector<Value> values;
  bool failed = false;
};

std::size_t count_elements(const Value& value) {
  std::size_t count = value.items.size();
  for (const Value& item : value.items) count += count_elements(item);
  return count;
}

int depth(const Value& value) {
  int deepest = 0;
  for (const Value& item : value.items) deepest = std::max(deepest, depth(item));
  return deepest + (value.is_array() ? 1 : 0);
}

Found read(std::string_view bytes, std::size_t piece_bytes, const RespLimits& limits) {
  RespReader reader(limits);
  Found found;
  while (!bytes.empty() && !found.failed) {
    const Exact piece(bytes.substr(0, piece_bytes));
    bytes.remove_prefix(piece.view().size());
    reader.feed(piece.view());
    for (;;) {
      Value value;
      const Outcome outcome = reader.next(value);
      if (outcome == Outcome::none) break;
      found.failed = outcome == Outcome::error;
      if (found.failed) break;
      require(count_elements(value) <= limits.elements && depth(value) <= 7);
      require(value.text.size() <= limits.reply_bytes);
      found.values.push_back(std::move(value));
    }
  }
  return found;
}

void write_again(const Value& value) {
  std::vector<std::string_view> args;
  for (const Value& item : value.items) {
    if (!item.is_text()) return;
    args.push_back(item.text);
  }
  if (args.empty()) return;
  std::string bytes;
  append_command(bytes, args);
  require(bytes.size() == encoded_size(args));
  const Found again = read(bytes, bytes.size(), {});
  require(!again.failed && again.values.size() == 1 && again.values[0] == value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const RespLimits limits{.reply_bytes = 1 + input.choice() * std::size_t{16}, .elements = input.choice()};
  const std::size_t piece_bytes = 1 + input.choice() % 64;
  const std::string_view bytes = input.rest();

  const Found whole = read(bytes, std::max<std::size_t>(1, bytes.size()), limits);
  for (const std::size_t step : {piece_bytes, std::size_t{1}}) {
    const Found cut = read(bytes, step, limits);
    require(cut.failed == whole.failed && cut.values == whole.values);
  }
  for (const Value& value : whole.values) {
    (void)kind_of_push(value);
    (void)printable(value.text);
    write_again(value);
  }
  return 0;
}
