// The HTTP rules that need no socket: Origin, credentials, cookies, lists, lengths, and response heads.
#include "net/http/http.h"

#include <cstring>
#include <string>
#include <vector>

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

namespace {

HttpRequest with_header(std::string name, std::string value) {
  HttpRequest request;
  request.headers.push_back({std::move(name), std::move(value)});
  return request;
}

// Origin

enum Scheme { kPlain, kTls };

struct OriginCase {
  const char* origin;
  const char* host;
  Scheme scheme;
  bool allowed;
};

void expect_origin(const OriginCase& c, const std::vector<std::string>& allowed) {
  if (origin_allowed(c.origin, c.host, c.scheme == kTls, allowed) == c.allowed) return;
  fail_msg("Origin \"%s\", Host \"%s\", %s: should be %s", c.origin, c.host, c.scheme == kTls ? "TLS" : "no TLS",
           c.allowed ? "allowed" : "refused");
}

void an_origin_must_be_that_of_the_host(void**) {
  const OriginCase cases[] = {
      // Programs send no Origin.
      {"", "example.org", kPlain, true},
      {"", "", kPlain, true},
      {"http://example.org", "example.org", kPlain, true},
      {"http://example.org:3000", "example.org:3000", kPlain, true},
      {"https://example.org", "example.org", kTls, true},
      {"https://example.org:8443", "example.org:8443", kTls, true},
      {"http://localhost:3000", "localhost:3000", kPlain, true},
      {"http://127.0.0.1:3000", "127.0.0.1:3000", kPlain, true},
      {"http://[::1]:3000", "[::1]:3000", kPlain, true},
      {"http://[::80]", "[::80]", kPlain, true},
      // Case is ignored.
      {"http://Example.ORG", "example.org", kPlain, true},
      {"HTTPS://example.org", "EXAMPLE.org", kTls, true},
      // The scheme's default port may be present or absent.
      {"http://example.org", "example.org:80", kPlain, true},
      {"http://example.org:80", "example.org", kPlain, true},
      {"https://example.org", "example.org:443", kTls, true},
      {"https://example.org:443", "example.org", kTls, true},
      // Behind a proxy that terminates TLS.
      {"https://example.org", "example.org", kPlain, true},
      {"https://example.org", "example.org:443", kPlain, true},
      // Some programs (socket.io-client-swift) send the WebSocket URL as their Origin.
      {"ws://example.org", "example.org", kPlain, true},
      {"ws://example.org:3000", "example.org:3000", kPlain, true},
      {"ws://example.org:80", "example.org", kPlain, true},
      {"wss://example.org", "example.org", kTls, true},
      {"WSS://example.org:443", "example.org", kTls, true},
      {"wss://example.org", "example.org:443", kPlain, true},
      {"wss://example.org:8443", "example.org:8443", kTls, true},
      {"ws://example.org", "example.org", kTls, false},
      {"ws://example.org:443", "example.org", kPlain, false},
      {"wss://example.org:80", "example.org", kTls, false},
      {"wss://evil.org", "example.org", kTls, false},
      {"wsss://example.org", "example.org", kTls, false},
      // The default port of another scheme is a different port.
      {"http://example.org:443", "example.org", kPlain, false},
      {"http://example.org", "example.org:443", kPlain, false},
      {"https://example.org:80", "example.org", kTls, false},
      {"https://example.org", "example.org:80", kTls, false},
      {"https://example.org", "example.org:80", kPlain, false},
      // A page loaded without TLS may have been modified in transit.
      {"http://example.org", "example.org", kTls, false},
      {"http://example.org", "example.org:443", kTls, false},
      {"http://example.org:8443", "example.org:8443", kTls, false},
      // Other ports and hosts.
      {"http://example.org:3001", "example.org:3000", kPlain, false},
      {"http://example.org", "example.org:3000", kPlain, false},
      {"http://example.org:3000", "example.org", kPlain, false},
      {"http://example.org:800", "example.org:80", kPlain, false},
      {"http://evil.org", "example.org", kPlain, false},
      {"http://sub.example.org", "example.org", kPlain, false},
      {"http://example.org", "sub.example.org", kPlain, false},
      // Names that only resemble the host's.
      {"http://example.org.evil", "example.org", kPlain, false},
      {"http://evilexample.org", "example.org", kPlain, false},
      {"http://example.orgevil", "example.org", kPlain, false},
      {"http://example.or", "example.org", kPlain, false},
      {"http://example.org.", "example.org", kPlain, false},
      {"http://example.org:3000.evil", "example.org:3000", kPlain, false},
      {"http://example.org:80.evil", "example.org", kPlain, false},
      {"http://example.org:80:80", "example.org", kPlain, false},
      // User information, paths, fragments.
      {"http://example.org@evil.org", "example.org", kPlain, false},
      {"http://example.org:80@evil.org", "example.org", kPlain, false},
      {"http://evil.org@example.org", "example.org", kPlain, false},
      {"http://evil.org/example.org", "example.org", kPlain, false},
      {"http://evil.org#example.org", "example.org", kPlain, false},
      {"http://evil.org?example.org", "example.org", kPlain, false},
      {"http://evil.org\\example.org", "example.org", kPlain, false},
      {"http://example.org/", "example.org", kPlain, false},
      {"http://example.org ", "example.org", kPlain, false},
      {"http://evil.org, http://example.org", "example.org", kPlain, false},
      {"http://evil.org http://example.org", "example.org", kPlain, false},
      // Not an origin.
      {"null", "example.org", kPlain, false},
      {"null", "null", kPlain, false},
      {"example.org", "example.org", kPlain, false},
      {"//example.org", "example.org", kPlain, false},
      {"http:example.org", "example.org", kPlain, false},
      {"http://", "example.org", kPlain, false},
      {"http://", "", kPlain, false},
      {"://", "", kPlain, false},
      {"http://example.org", "", kPlain, false},
      {"file://", "example.org", kPlain, false},
      {"*", "example.org", kPlain, false},
  };
  for (const OriginCase& c : cases) expect_origin(c, {});
}

void a_listed_origin_is_allowed_as_it_is_written(void**) {
  const std::vector<std::string> allowed = {"https://app.example", "http://localhost:5173"};
  const OriginCase cases[] = {
      {"https://app.example", "chat.example", kPlain, true},
      {"HTTPS://APP.example", "chat.example", kPlain, true},
      {"http://localhost:5173", "chat.example", kTls, true},
      {"https://chat.example", "chat.example", kTls, true},
      {"wss://app.example", "chat.example", kPlain, true},
      {"ws://localhost:5173", "chat.example", kTls, true},
      {"ws://app.example", "chat.example", kPlain, false},
      {"wss://localhost:5173", "chat.example", kPlain, false},
      {"http://app.example", "chat.example", kPlain, false},
      {"https://app.example:8443", "chat.example", kPlain, false},
      {"https://app.example.evil", "chat.example", kPlain, false},
      {"https://app.example/", "chat.example", kPlain, false},
      {"https://xapp.example", "chat.example", kPlain, false},
      {"app.example", "chat.example", kPlain, false},
      {"http://localhost", "chat.example", kPlain, false},
      {"null", "chat.example", kPlain, false},
  };
  for (const OriginCase& c : cases) expect_origin(c, allowed);
}

void an_entry_may_name_the_scheme_of_websocket(void**) {
  const std::vector<std::string> allowed = {"wss://app.example", "ws://localhost:5173"};
  const OriginCase cases[] = {
      {"https://app.example", "chat.example", kPlain, true}, {"wss://app.example", "chat.example", kTls, true},
      {"http://localhost:5173", "chat.example", kTls, true}, {"http://app.example", "chat.example", kPlain, false},
      {"ws://app.example", "chat.example", kPlain, false},   {"https://localhost:5173", "chat.example", kPlain, false},
  };
  for (const OriginCase& c : cases) expect_origin(c, allowed);
}

void a_star_allows_all(void**) {
  const std::vector<std::string> allowed = {"https://app.example", "*"};
  for (const char* origin : {"https://evil.org", "null", "file://", "nonsense"})
    expect_origin({origin, "example.org", kPlain, true}, allowed);
  // A wildcard must be the whole entry.
  expect_origin({"https://a.example", "example.org", kPlain, false}, {"https://*.example", "*.example"});
}

void null_is_allowed_where_it_is_listed(void**) {
  expect_origin({"null", "example.org", kPlain, true}, {"null"});
  expect_origin({"http://null", "example.org", kPlain, false}, {"null"});
  expect_origin({"://null", "example.org", kPlain, false}, {"null"});
}

void an_empty_entry_allows_nothing(void**) { expect_origin({"http://evil.org", "example.org", kPlain, false}, {""}); }

// Credentials

void expect_basic(const char* value, const char* user_name, const char* password) {
  const Credentials found = credentials(with_header("authorization", value));
  if (found.user_name != user_name || found.password != password)
    fail_msg("%s: %s, %s", value, found.user_name.c_str(), found.password.c_str());
  assert_true(found.token.empty());
}

void basic_credentials(void**) {
  expect_basic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame");
  expect_basic("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame");
  expect_basic("BASIC   QWxhZGRpbjpvcGVuIHNlc2FtZQ==  ", "Aladdin", "open sesame");
  expect_basic("Basic YTpi", "a", "b");        // without padding
  expect_basic("Basic YTpiYw==", "a", "bc");   // two padding characters
  expect_basic("Basic YTpiYw", "a", "bc");     // padding omitted
  expect_basic("Basic YTpiY2Q=", "a", "bcd");  // one padding character
  expect_basic("Basic YTpiOmM=", "a", "b:c");  // the first colon ends the name
  expect_basic("Basic YTo=", "a", "");
  expect_basic("Basic OmI=", "", "b");
  expect_basic("Basic w6Q6w7Y=", "\xC3\xA4", "\xC3\xB6");
}

void malformed_basic_credentials_are_none(void**) {
  for (const char* value : {"Basic", "Basic ", "Basic YTpi=", "Basic YTp", "Basic Y", "Basic =", "Basic ==",
                            "Basic ====", "Basic ===", "Basic !!!!", "Basic YW5uYQ==" /* no colon */, "Basica YTpi",
                            "YTpi", "Digest YTpi", "BasicYTpi", " Basic YTpi"}) {
    expect_basic(value, "", "");
  }
  expect_basic(("Basic " + std::string(8192, 'Q')).c_str(), "", "");
}

void a_token_comes_in_a_header_or_in_the_query(void**) {
  assert_string_equal(credentials(with_header("authorization", "Bearer abc.def")).token.c_str(), "abc.def");
  assert_string_equal(credentials(with_header("authorization", "bEARER  abc ")).token.c_str(), "abc");
  assert_string_equal(credentials(with_header("authorization", "Bearer")).token.c_str(), "");
  assert_string_equal(credentials(with_header("authorization", "Bearerabc")).token.c_str(), "");
  assert_string_equal(credentials(with_header("authorization", "Token abc")).token.c_str(), "");

  HttpRequest request;
  request.query = {{"room", "dev"}, {"token", "from-the-query"}, {"token", "second"}};
  assert_string_equal(credentials(request).token.c_str(), "from-the-query");
  request.headers.push_back({"authorization", "Bearer from-the-header"});
  assert_string_equal(credentials(request).token.c_str(), "from-the-header");
  request.headers[0].value = "Basic YTpi";
  const Credentials both = credentials(request);
  assert_string_equal(both.token.c_str(), "from-the-query");
  assert_string_equal(both.user_name.c_str(), "a");
  assert_string_equal(credentials(HttpRequest()).token.c_str(), "");
}

// Headers

void the_first_header_and_argument_count(void**) {
  HttpRequest request;
  request.headers = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
  request.query = {{"x", "1"}, {"x", "2"}, {"empty", ""}};
  assert_true(request.header("a") == "1");
  assert_true(request.header("b") == "2");
  assert_true(request.header("c").empty());
  assert_true(request.argument("x") == "1");
  assert_true(request.argument("empty").empty());
  assert_true(request.argument("y").empty());
}

void expect_cookies(const char* header, const Pairs& expected) {
  const Pairs cookies = with_header("cookie", header).cookies();
  if (cookies != expected) fail_msg("Cookie: %s: %zu cookies, or others", header, cookies.size());
}

void cookies(void**) {
  expect_cookies("a=1", {{"a", "1"}});
  expect_cookies("a=1; b=2", {{"a", "1"}, {"b", "2"}});
  expect_cookies("a=1;b=2;", {{"a", "1"}, {"b", "2"}});
  expect_cookies(" a = 1 ;\tb = 2 ", {{"a", "1"}, {"b", "2"}});
  expect_cookies("a=", {{"a", ""}});
  expect_cookies("a=b=c==", {{"a", "b=c=="}});
  expect_cookies("a=\"quoted\"", {{"a", "\"quoted\""}});
  expect_cookies("a=1; a=2", {{"a", "1"}, {"a", "2"}});
  expect_cookies("", {});
  expect_cookies(";;; ;", {});
  expect_cookies("nothing; =nameless; a=1", {{"a", "1"}});
  assert_true(HttpRequest().cookies().empty());
}

void expect_elements(const char* header, const std::vector<std::string>& expected) {
  if (list_elements(header) != expected) fail_msg("\"%s\": other elements", header);
}

void lists(void**) {
  expect_elements("", {});
  expect_elements("a", {"a"});
  expect_elements("a,b", {"a", "b"});
  expect_elements(" a ,\tb\t, c d ", {"a", "b", "c d"});
  expect_elements(",,a,, ,b,", {"a", "b"});
  expect_elements(" , \t,", {});
}

void comparison_without_case(void**) {
  assert_true(equals_ignoring_case("", ""));
  assert_true(equals_ignoring_case("Keep-Alive", "keep-ALIVE"));
  assert_false(equals_ignoring_case("a", "ab"));
  assert_false(equals_ignoring_case("ab", "a"));
  // Only ASCII letters, independent of the locale.
  assert_false(equals_ignoring_case("[", "{"));
  assert_false(equals_ignoring_case("@", "`"));
  assert_false(equals_ignoring_case("\xC4", "\xE4"));
}

void content_lengths(void**) {
  using namespace std::string_view_literals;
  assert_int_equal(parse_content_length("0").value(), 0);
  assert_int_equal(parse_content_length("5").value(), 5);
  assert_int_equal(parse_content_length("00042").value(), 42);
  assert_int_equal(parse_content_length("4294967296").value(), 4'294'967'296);
  assert_true(parse_content_length("18446744073709551615").value() == UINT64_MAX);
  for (const std::string_view value :
       {""sv, " "sv, "-1"sv, "-0"sv, "+1"sv, " 1"sv, "1 "sv, "1, 1"sv, "1,1"sv, "1x"sv, "x"sv, "0x10"sv, "1.0"sv,
        "1e3"sv, "18446744073709551616"sv, "99999999999999999999999"sv, "1\0"sv, "\xD9\xA1"sv}) {
    if (parse_content_length(value)) fail_msg("accepted: %s", std::string(value).c_str());
  }
}

// Responses

constexpr KeepAlive kKept{true, 0};

void a_head_says_how_long_the_connection_stays_open(void**) {
  const HttpResponse response;
  assert_non_null(
      strstr(response_head(response, {true, 5}).c_str(), "\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n"));
  assert_null(strstr(response_head(response, {true, 0}).c_str(), "Keep-Alive:"));
  assert_null(strstr(response_head(response, {false, 5}).c_str(), "Keep-Alive:"));
}

void an_upgrade_is_an_option_of_the_connection(void**) {
  HttpResponse response = HttpResponse::text(426, "");
  response.headers.push_back({"Upgrade", "websocket"});
  assert_non_null(strstr(response_head(response, kKept).c_str(), "\r\nConnection: upgrade, keep-alive\r\n"));
  assert_non_null(strstr(response_head(response, KeepAlive()).c_str(), "\r\nConnection: upgrade, close\r\n"));
}

void a_head_ends_where_the_body_begins(void**) {
  HttpResponse response = HttpResponse::text(404, "not found\n");
  assert_string_equal(response_head(response, kKept).c_str(),
                      "HTTP/1.1 404 Not Found\r\n"
                      "Content-Type: text/plain; charset=utf-8\r\n"
                      "Content-Length: 10\r\n"
                      "Connection: keep-alive\r\n\r\n");
  response.headers.push_back({"Allow", "GET, HEAD"});
  assert_string_equal(response_head(response, KeepAlive()).c_str(),
                      "HTTP/1.1 404 Not Found\r\n"
                      "Content-Type: text/plain; charset=utf-8\r\n"
                      "Allow: GET, HEAD\r\n"
                      "Content-Length: 10\r\n"
                      "Connection: close\r\n\r\n");
}

void an_empty_body_has_a_length(void**) {
  assert_string_equal(response_head(HttpResponse(), kKept).c_str(),
                      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
}

void a_file_gives_its_own_length(void**) {
  HttpResponse response;
  response.body = "ignored";
  response.file = 0;
  response.file_bytes = 5'000'000'000;
  assert_non_null(strstr(response_head(response, kKept).c_str(), "\r\nContent-Length: 5000000000\r\n"));
}

void what_has_no_body_has_no_length(void**) {
  for (const int status : {204, 304}) {
    HttpResponse response;
    response.status = status;
    assert_null(strstr(response_head(response, kKept).c_str(), "Content-Length"));
  }
}

void every_status_that_is_sent_has_a_text(void**) {
  for (const int status : {200, 204, 301, 304, 400, 403, 404, 405, 408, 411, 413, 414, 426, 431, 500, 501, 503, 505})
    assert_false(status_text(status).empty());
  HttpResponse response;
  response.status = 299;
  assert_int_equal(response_head(response, kKept).rfind("HTTP/1.1 299 \r\n", 0), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_origin_must_be_that_of_the_host),
      cmocka_unit_test(a_listed_origin_is_allowed_as_it_is_written),
      cmocka_unit_test(an_entry_may_name_the_scheme_of_websocket),
      cmocka_unit_test(a_star_allows_all),
      cmocka_unit_test(null_is_allowed_where_it_is_listed),
      cmocka_unit_test(an_empty_entry_allows_nothing),
      cmocka_unit_test(basic_credentials),
      cmocka_unit_test(malformed_basic_credentials_are_none),
      cmocka_unit_test(a_token_comes_in_a_header_or_in_the_query),
      cmocka_unit_test(the_first_header_and_argument_count),
      cmocka_unit_test(cookies),
      cmocka_unit_test(lists),
      cmocka_unit_test(comparison_without_case),
      cmocka_unit_test(content_lengths),
      cmocka_unit_test(a_head_ends_where_the_body_begins),
      cmocka_unit_test(a_head_says_how_long_the_connection_stays_open),
      cmocka_unit_test(an_upgrade_is_an_option_of_the_connection),
      cmocka_unit_test(an_empty_body_has_a_length),
      cmocka_unit_test(a_file_gives_its_own_length),
      cmocka_unit_test(what_has_no_body_has_no_length),
      cmocka_unit_test(every_status_that_is_sent_has_a_text),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
