// Any bytes as values of Sec-WebSocket-Extensions, one a line: what is agreed on is within its bounds, was offered, and the
// answer is a list of extensions itself.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.h"
#include "wire/websocket/deflate_offer.h"
#include "wire/websocket/handshake.h"

using namespace chat;
using namespace chat::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  std::vector<Exact> lines;
  std::string_view line;
  while (input.piece('\n', line)) lines.emplace_back(line);
  std::vector<std::string_view> values;
  for (const Exact& exact : lines) values.push_back(exact.view());
  const std::optional<wire::DeflateAgreement> agreement = wire::agree_on_deflate(values);
  const bool well_formed = std::all_of(values.begin(), values.end(), wire::is_extension_list);
  if (agreement) {
    require(well_formed);
    require(agreement->server_window_bits >= 9 && agreement->server_window_bits <= 15);
    require(wire::is_extension_list(agreement->answer));
    require(std::any_of(values.begin(), values.end(),
                        [](std::string_view value) { return value.find("permessage-deflate") != value.npos; }));
    // What a server answers is an offer that it takes.
    const std::string_view answer = agreement->answer;
    const std::optional<wire::DeflateAgreement> again = wire::agree_on_deflate({&answer, 1});
    require(again && again->answer == answer && again->server_window_bits == agreement->server_window_bits);
  }
  for (const std::string_view value : values) (void)wire::is_websocket_key(value);
  return 0;
}
