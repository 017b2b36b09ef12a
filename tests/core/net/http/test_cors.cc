// The headers for pages of other origins. A request cannot inject headers.
#include "net/http/cors.h"

#include <string>
#include <string_view>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::net;
using namespace std::string_literals;
using Origins = std::vector<std::string>;

namespace {

const Origins kListed = {"https://a.example", "https://b.example:8443"};

HttpRequest from(std::string origin) {
  HttpRequest request;
  request.method = "GET";
  request.headers = {{"host", "chat.example"}};
  if (!origin.empty()) request.headers.push_back({"origin", std::move(origin)});
  return request;
}

Pairs headers_for(std::string origin, const Origins& allowed) {
  HttpResponse response;
  add_cors_headers(response, from(std::move(origin)), allowed);
  return response.headers;
}

std::string header(const HttpResponse& response, std::string_view name) {
  std::string value;
  for (const Pair& pair : response.headers) {
    if (pair.name != name) continue;
    assert_true(value.empty());  // each header at most once
    value = pair.value;
  }
  return value;
}

std::string allowed_headers(std::string requested) {
  HttpRequest request = from("https://a.example");
  request.method = "OPTIONS";
  request.headers.push_back({"access-control-request-headers", std::move(requested)});
  return header(preflight_response(request, kListed), "Access-Control-Allow-Headers");
}

const Pairs kVaryAlone = {{"Vary", "Origin"}};

void no_origin_no_headers(void**) {
  assert_true(headers_for("", kListed).empty());
  assert_true(headers_for("", {"*"}).empty());
  assert_true(headers_for("", {}).empty());
}

void a_listed_origin_may_read_with_credentials(void**) {
  for (const std::string& origin : kListed) {
    assert_true(headers_for(origin, kListed) == (Pairs{{"Access-Control-Allow-Origin", origin},
                                                       {"Access-Control-Allow-Credentials", "true"},
                                                       {"Vary", "Origin"}}));
  }
  assert_int_equal(headers_for("null", {"null"}).size(), 3);
  assert_int_equal(headers_for("https://a.example", {"wss://a.example"}).size(), 3);
  assert_int_equal(headers_for("http://a.example", {"wss://a.example"}).size(), 1);
  // In the browser's spelling, because the browser compares it.
  assert_string_equal(headers_for("https://a.example", {"https://A.Example"})[0].value.c_str(), "https://a.example");
}

void a_star_gives_no_credentials(void**) {
  assert_true(headers_for("https://c.example", {"*"}) == (Pairs{{"Access-Control-Allow-Origin", "*"}}));
  assert_true(headers_for("null", {"*"}) == (Pairs{{"Access-Control-Allow-Origin", "*"}}));
  // The Origin "*" does not match anything, and never allows credentials.
  assert_true(headers_for("*", {"*"}) == (Pairs{{"Access-Control-Allow-Origin", "*"}}));
}

void beside_a_star_a_listed_origin_keeps_its_credentials(void**) {
  const Origins both = {"*", "https://a.example"};
  assert_int_equal(headers_for("https://a.example", both).size(), 3);
  assert_true(headers_for("https://c.example", both) ==
              (Pairs{{"Access-Control-Allow-Origin", "*"}, {"Vary", "Origin"}}));
}

void the_servers_own_origin_needs_nothing(void**) {
  assert_true(headers_for("https://chat.example", {}) == kVaryAlone);
  assert_true(headers_for("https://chat.example", kListed) == kVaryAlone);
  // Other origins get no permission.
  for (const char* origin : {"https://c.example", "http://a.example", "https://a.example.evil", "https://a.example:443",
                             "https://a.example/", "https://a.exampl", "null", "a.example"}) {
    assert_true(headers_for(origin, kListed) == kVaryAlone);
  }
}

void an_origin_cannot_write_headers(void**) {
  for (const std::string& origin :
       {"https://a.example\r\nSet-Cookie: a=b"s, "https://a.example\nX: y"s, "https://a.example\r"s, "a b"s, "\t"s,
        "https://a.example\0"s, "\x7F"s, "https://\xC3\xA4.example"s}) {
    assert_true(headers_for(origin, kListed) == kVaryAlone);
    // Not even when it is listed.
    assert_true(headers_for(origin, {origin}) == kVaryAlone);
    assert_true(headers_for(origin, {"*"}) == (Pairs{{"Access-Control-Allow-Origin", "*"}}));
  }
}

void other_headers_stay(void**) {
  HttpResponse response = HttpResponse::text(400, "no");
  response.headers.push_back({"Vary", "Accept-Encoding"});
  add_cors_headers(response, from("https://a.example"), kListed);
  assert_string_equal(header(response, "Vary").c_str(), "Accept-Encoding, Origin");
  assert_string_equal(header(response, "Content-Type").c_str(), "text/plain; charset=utf-8");
  assert_int_equal(response.status, 400);
}

void a_preflight_allows_what_it_asks_for(void**) {
  HttpRequest request = from("https://a.example");
  request.method = "OPTIONS";
  request.headers.push_back({"access-control-request-method", "POST"});
  request.headers.push_back({"access-control-request-headers", "content-type, x-token"});
  const HttpResponse response = preflight_response(request, kListed);
  assert_int_equal(response.status, 204);
  assert_true(response.body.empty());
  assert_false(response.close);
  assert_string_equal(header(response, "Access-Control-Allow-Origin").c_str(), "https://a.example");
  assert_string_equal(header(response, "Access-Control-Allow-Credentials").c_str(), "true");
  assert_string_equal(header(response, "Access-Control-Allow-Methods").c_str(), "GET,HEAD,POST");
  assert_string_equal(header(response, "Access-Control-Allow-Headers").c_str(), "content-type,x-token");
  assert_string_equal(header(response, "Access-Control-Max-Age").c_str(), "600");
  assert_string_equal(header(response, "Vary").c_str(), "Origin, Access-Control-Request-Headers");
}

void a_preflight_for_everybody(void**) {
  HttpRequest request = from("https://c.example");
  const HttpResponse response = preflight_response(request, {"*"});
  assert_string_equal(header(response, "Access-Control-Allow-Origin").c_str(), "*");
  assert_string_equal(header(response, "Access-Control-Allow-Credentials").c_str(), "");
  assert_string_equal(header(response, "Access-Control-Allow-Headers").c_str(), "");
  assert_string_equal(header(response, "Vary").c_str(), "Access-Control-Request-Headers");
}

void options_without_an_origin_grants_nothing(void**) {
  const HttpResponse response = preflight_response(from(""), kListed);
  assert_int_equal(response.status, 204);
  assert_string_equal(header(response, "Access-Control-Allow-Origin").c_str(), "");
}

void requested_headers_cannot_write_headers(void**) {
  assert_string_equal(allowed_headers("a,b , c").c_str(), "a,b,c");
  assert_string_equal(allowed_headers("!#$%&'*+-.^_`|~0aZ").c_str(), "!#$%&'*+-.^_`|~0aZ");
  assert_string_equal(allowed_headers("").c_str(), "");
  assert_string_equal(allowed_headers(",, ,").c_str(), "");
  assert_string_equal(allowed_headers("a\r\nSet-Cookie: x=y, b").c_str(), "b");
  assert_string_equal(allowed_headers("a:b, c d, \"e\", \xC3\xA4, f").c_str(), "f");
  assert_string_equal(allowed_headers("a\0b, c"s).c_str(), "c");
}

void requested_headers_are_bounded(void**) {
  const std::string most(1'023, 'x');
  assert_string_equal(allowed_headers(most).c_str(), most.c_str());
  assert_string_equal(allowed_headers(std::string(2'000, 'x')).c_str(), "");
  std::string many;
  for (int i = 0; i < 1'000; ++i) many += "x-header,";
  const std::string some = allowed_headers(many);
  assert_true(some.size() > 1'000 && some.size() <= 1'024 && some.ends_with("x-header"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(no_origin_no_headers),
      cmocka_unit_test(a_listed_origin_may_read_with_credentials),
      cmocka_unit_test(a_star_gives_no_credentials),
      cmocka_unit_test(beside_a_star_a_listed_origin_keeps_its_credentials),
      cmocka_unit_test(the_servers_own_origin_needs_nothing),
      cmocka_unit_test(an_origin_cannot_write_headers),
      cmocka_unit_test(other_headers_stay),
      cmocka_unit_test(a_preflight_allows_what_it_asks_for),
      cmocka_unit_test(a_preflight_for_everybody),
      cmocka_unit_test(options_without_an_origin_grants_nothing),
      cmocka_unit_test(requested_headers_cannot_write_headers),
      cmocka_unit_test(requested_headers_are_bounded),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
