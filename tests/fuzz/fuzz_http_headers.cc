// Any bytes as what a request says in its headers. Whatever it says, it cannot write a header into a response.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz.h"
#include "net/http/cors.h"
#include "net/http/http.h"
#include "net/http/http_body.h"

using namespace chat;
using namespace chat::fuzz;
using namespace chat::net;

namespace {

constexpr std::array kMethods = {"GET", "POST", "OPTIONS", "HEAD", "PUT", ""};
constexpr std::array kNames = {"origin",         "host",          "access-control-request-headers",
                               "content-length", "authorization", "transfer-encoding",
                               "cookie",         "if-none-match"};

bool is_clean(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7F; });
}

void check_response(const HttpResponse& response) {
  require(!status_text(response.status).empty());
  for (const Pair& header : response.headers) {
    require(!header.name.empty() && header.name.find_first_of(": ") == std::string::npos);
    require(is_clean(header.name) && is_clean(header.value) && header.value.size() < 5000);
  }
  const std::string head = response_head(response, {true, 5});
  require(head.find("\r\n\r\n") == head.size() - 4);
}

void check_body(const HttpRequest& request) {
  const BodyPlan plan = plan_body(request);
  if (plan.kind == BodyPlan::Kind::refused) {
    require(plan.refusal.close && plan.refusal.status >= 400);
    check_response(plan.refusal);
  }
  require((plan.kind == BodyPlan::Kind::length) == (plan.length_bytes != 0));
  if (plan.kind == BodyPlan::Kind::chunked) require(request.header("content-length").empty());
  if (plan.kind == BodyPlan::Kind::length) {
    const std::string_view digits = request.header("content-length");
    const std::size_t first = digits.find_first_not_of('0');
    require(digits.substr(first) == std::to_string(plan.length_bytes));
  }
}

void check_origin(const HttpRequest& request) {
  const std::string own(request.header("origin"));
  for (const std::vector<std::string>& allowed : std::vector<std::vector<std::string>>{
           {}, {"*"}, {"https://a.example"}, {own}, {"*", own}, {"null", "https://a.example"}}) {
    HttpResponse response;
    add_cors_headers(response, request, allowed);
    check_response(response);
    check_response(preflight_response(request, allowed));
    const auto granted = std::find_if(response.headers.begin(), response.headers.end(),
                                      [](const Pair& header) { return header.name == "Access-Control-Allow-Origin"; });
    // Whom the headers let read is also let in.
    if (granted != response.headers.end()) {
      require(granted->value == "*" || granted->value == own);
      require(origin_allowed(own, request.header("host"), true, allowed));
    }
  }
}

}  // namespace

// Each piece between two bytes 0x00 is a header's value; its first byte says which.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  HttpRequest request;
  request.method = kMethods[input.choice() % kMethods.size()];
  for (std::string_view piece; input.piece('\0', piece);) {
    if (piece.empty()) continue;
    const auto name = static_cast<unsigned char>(piece.front());
    request.headers.push_back({kNames[name % kNames.size()], std::string(piece.substr(1))});
  }
  check_body(request);
  check_origin(request);
  (void)credentials(request);
  for (const Pair& cookie : request.cookies()) require(cookie.value.find(';') == std::string::npos);
  for (const Pair& header : request.headers) {
    for (const std::string& element : list_elements(header.value)) {
      require(!element.empty() && element.find(',') == std::string::npos && contains_token(header.value, element));
    }
  }
  return 0;
}
