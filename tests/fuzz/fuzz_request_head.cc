// Any bytes as a request's head: the result does not depend on how they are cut, and what is accepted can hide nothing.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz.h"
#include "net/http/http_body.h"
#include "wire/http/authority.h"
#include "wire/http/request_head.h"
#include "wire/http/syntax.h"

using namespace chat;
using namespace chat::fuzz;
using namespace chat::wire;
using Outcome = RequestHead::Outcome;

namespace {

bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7F); }) &&
         trim_blanks(text) == text;
}

void check_request(const HttpRequest& request, std::string_view head) {
  require(is_token(request.method) && request.method != "CONNECT");
  require(request.path.starts_with('/') || (request.path == "*" && request.method == "OPTIONS"));
  require(request.path.find('\0') == std::string::npos);
  require(request.minor_version == 0 || request.minor_version == 1);
  int hosts = 0;
  for (const Pair& header : request.headers) {
    require(is_token(header.name) && is_value(header.value));
    require(std::none_of(header.name.begin(), header.name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
    if (header.name == "host") ++hosts;
  }
  require(hosts == 1 || (hosts == 0 && request.minor_version == 0));
  const std::string_view host = request.header("host");
  require(host.empty() || is_authority(host));
  // Every line is there: nothing was skipped, joined Cookie lines aside.
  const auto lines = static_cast<std::size_t>(std::count(head.begin(), head.end(), '\n'));
  require(request.headers.size() <= lines);
  for (const Pair& argument : request.query) {
    require(argument.name.find('\0') == std::string::npos && argument.value.find('\0') == std::string::npos);
  }
  for (const Pair& cookie : request.cookies()) require(cookie.value.find(';') == std::string::npos);
  const net::BodyPlan plan = net::plan_body(request);
  if (plan.kind != net::BodyPlan::Kind::none && plan.kind != net::BodyPlan::Kind::refused) require(request.has_body);
}

// The same again, written as plainly as possible.
std::string rewritten(const HttpRequest& request) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string head = request.method + " ";
  if (request.path == "*") {
    head += request.path;
  } else {
    for (const char c : request.path) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '/') {
        head += c;
      } else {
        head += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
      }
    }
    if (!request.raw_query.empty()) head += "?" + request.raw_query;
  }
  head += request.minor_version == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  for (const Pair& header : request.headers) head += header.name + ":" + header.value + "\r\n";
  return head + "\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const HeadLimits limits{1 + std::size_t{input.choice()} * 16, input.choice()};
  const std::size_t step = 1 + input.choice() % 16;
  const Exact whole(input.rest());
  std::size_t scanned_bytes = 0;
  const RequestHead at_once = parse_request_head(whole.view(), limits, scanned_bytes);

  RequestHead in_pieces;
  scanned_bytes = 0;
  for (std::size_t end = 0; in_pieces.outcome == Outcome::incomplete && end < whole.view().size();) {
    end = std::min(end + step, whole.view().size());
    const Exact beginning(whole.view().substr(0, end));
    in_pieces = parse_request_head(beginning.view(), limits, scanned_bytes);
  }
  require(in_pieces.outcome == at_once.outcome);

  if (at_once.outcome == Outcome::malformed) {
    require(at_once.status >= 400 && !at_once.reason.empty() && !net::status_text(at_once.status).empty());
    return 0;
  }
  if (at_once.outcome == Outcome::incomplete) {
    require(whole.view().size() < limits.max_bytes);
    return 0;
  }
  require(at_once.consumed_bytes <= limits.max_bytes && at_once.consumed_bytes <= whole.view().size());
  require(at_once.consumed_bytes == in_pieces.consumed_bytes);
  require(at_once.request.headers == in_pieces.request.headers && at_once.request.path == in_pieces.request.path);
  const std::string_view head = whole.view().substr(0, at_once.consumed_bytes);
  require(head.ends_with("\r\n\r\n"));
  check_request(at_once.request, head);

  scanned_bytes = 0;
  const std::string plain = rewritten(at_once.request);
  const RequestHead again = parse_request_head(plain, {1'000'000, 1000}, scanned_bytes);
  require(again.outcome == Outcome::complete && again.consumed_bytes == plain.size());
  require(again.request.method == at_once.request.method && again.request.path == at_once.request.path);
  require(again.request.query == at_once.request.query && again.request.headers == at_once.request.headers);
  require(again.request.keep_alive == at_once.request.keep_alive && again.request.has_body == at_once.request.has_body);
  return 0;
}
