#include "options.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string_view>

#include "../loopback.h"
#include "client.h"

namespace bench {

Options parse_options(int argc, char** argv) {
  std::map<std::string_view, std::string> given;
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  Options options;
  std::size_t known = 0;
  auto text = [&](std::string_view name, const std::string& fallback) {
    const auto found = given.find(name);
    if (found == given.end()) return fallback;
    ++known;
    return found->second;
  };
  auto count = [&](std::string_view name, std::size_t fallback) {
    return static_cast<std::size_t>(std::strtoull(text(name, std::to_string(fallback)).c_str(), nullptr, 10));
  };
  options.port = static_cast<int>(count("--port", 0));
  options.form = text("--form", options.form);
  options.publisher_form = text("--publisher-form", options.form);
  options.members = count("--members", options.members);
  options.group = count("--group", options.group);
  options.first_member = count("--first-member", options.first_member);
  options.first_room = count("--first-room", options.first_room);
  options.publishers = count("--publishers", options.publishers);
  options.message_bytes = count("--message-bytes", options.message_bytes);
  options.inbound = count("--inbound", options.inbound);
  options.spread = count("--spread", 0) != 0;
  options.stalled = count("--stalled", options.stalled);
  options.limit_s = static_cast<double>(count("--limit-s", 20));
  options.tls = count("--tls", 0) != 0;
  if (options.group == 0) options.group = std::max<std::size_t>(1, options.members);
  if (argc % 2 == 0 || known != given.size() || options.port <= 0 || options.publishers > options.group ||
      options.message_bytes < kLabelBytes || options.members % options.group != 0) {
    fail(
        "usage: --port P [--form plain|chat.v1|socket.io|sockjs|stomp|sse|polling] [--publisher-form FORM]\n"
        "         [--members N] [--group N] [--first-member N] [--first-room N] [--publishers N] [--message-bytes "
        "18...] [--inbound N] "
        "[--spread 1] "
        "[--stalled N] "
        "[--tls 1] [--limit-s N]\n"
        "Commands on standard input are answered with a line of JSON each; see load/main.cc.");
  }
  return options;
}

}  // namespace bench
