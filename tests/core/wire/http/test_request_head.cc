// Request heads: the parsed values of valid ones, independent of cuts, and the response to each malformed one.
#include "wire/http/request_head.h"

#include <ctime>
#include <string>
#include <string_view>
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
using namespace chat::wire;
using namespace std::string_literals;
using Outcome = RequestHead::Outcome;

namespace {

RequestHead parse(std::string_view bytes, const HeadLimits& limits = {}) {
  std::size_t scanned_bytes = 0;
  return parse_request_head(bytes, limits, scanned_bytes);
}

HttpRequest parse_complete(std::string_view bytes, const HeadLimits& limits = {}) {
  RequestHead head = parse(bytes, limits);
  if (head.outcome != Outcome::complete) {
    fail_msg("not complete: \"%.200s\": %d %s", std::string(bytes).c_str(), head.status, head.reason.c_str());
  }
  assert_int_equal(head.consumed_bytes, bytes.size());
  return std::move(head.request);
}

HttpRequest get(std::string_view target, std::string_view headers = "") {
  return parse_complete("GET " + std::string(target) + " HTTP/1.1\r\nHost: a.example\r\n" + std::string(headers) +
                        "\r\n");
}

void expect_malformed(std::string_view bytes, int status, const HeadLimits& limits = {}) {
  const RequestHead head = parse(bytes, limits);
  if (head.outcome != Outcome::malformed || head.status != status) {
    fail_msg("\"%.200s\": outcome %d, status %d (%s), should be %d", std::string(bytes).c_str(),
             static_cast<int>(head.outcome), head.status, head.reason.c_str(), status);
  }
  assert_true(head.reason.size() > 10 && head.reason.back() == '.');
}

void expect_text(std::string_view text, const char* expected) {
  assert_string_equal(std::string(text).c_str(), expected);
}

// Valid heads

void says_what_was_sent(void**) {
  const HttpRequest request = parse_complete(
      "GET /chat/a%20b?room=x%20y&token=1 HTTP/1.1\r\n"
      "Host: chat.example:3000\r\n"
      "X-Empty:\r\n"
      "X-Blanks: \t  a  b \t \r\n"
      "ACCEPT:*/*\r\n"
      "X-Colons: a:b:c\r\n"
      "accept: text/html\r\n"
      "\r\n");
  expect_text(request.method, "GET");
  expect_text(request.path, "/chat/a b");
  expect_text(request.raw_query, "room=x%20y&token=1");
  assert_true(request.query == (Pairs{{"room", "x y"}, {"token", "1"}}));
  assert_true(request.headers == (Pairs{{"host", "chat.example:3000"},
                                        {"x-empty", ""},
                                        {"x-blanks", "a  b"},
                                        {"accept", "*/*"},
                                        {"x-colons", "a:b:c"},
                                        {"accept", "text/html"}}));
  assert_int_equal(request.minor_version, 1);
  assert_true(request.keep_alive);
  assert_false(request.has_body);
  expect_text(request.header("accept"), "*/*");
  expect_text(request.header("missing"), "");
  expect_text(request.joined_header("accept"), "*/*, text/html");
  expect_text(request.joined_header("x-empty"), "");
  expect_text(request.joined_header("missing"), "");
  expect_text(request.argument("room"), "x y");
}

// Names that could be confused with others: prefixes of known ones, single letters, protocol keywords.
void every_name_is_read_wherever_it_is(void**) {
  std::vector<std::string> names = {"auth",
                                    "X-Auth",
                                    "user",
                                    "if",
                                    "Autho",
                                    "Authorization-X",
                                    "Hos",
                                    "Hostt",
                                    "Ori",
                                    "Origins",
                                    "x-forwarded",
                                    "Content",
                                    "Content-L",
                                    "Content-Lengthy",
                                    "Transfer-Encodin",
                                    "Upgrad",
                                    "Connectio",
                                    "Sec-WebSocket",
                                    "Sec-",
                                    "Cook",
                                    "Cookie2",
                                    "HTTP",
                                    "GET",
                                    "POST",
                                    "HTTP/1.1"s.substr(0, 4),
                                    "X_Under_Score",
                                    "1",
                                    "-",
                                    "_",
                                    "!#$%&'*+.^`|~",
                                    "x-api-key",
                                    "My-Custom-Header",
                                    "X-Request-Id",
                                    "traceparent",
                                    std::string(200, 'n')};
  for (char c = 'a'; c <= 'z'; ++c) names.emplace_back(1, c);
  for (char c = 'A'; c <= 'Z'; ++c) names.emplace_back(1, c);
  for (const char* known : {"Host", "Origin", "Content-Length", "Sec-WebSocket-Key", "If-None-Match"}) {
    const std::string name = known;
    for (std::size_t size = 1; size < name.size(); ++size) names.push_back(name.substr(0, size));
  }
  for (const std::string& name : names) {
    std::string lower;
    for (const char c : name) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const std::string line = name + ": its value\r\n";
    for (int place = 0; place < 3; ++place) {
      std::string head = "GET / HTTP/1.1\r\n";
      if (place == 0) head += line;
      head += "Host: a\r\n";
      if (place == 1) head += line;
      head += "Origin: http://a\r\n";
      if (place == 2) head += line;
      const HttpRequest request = parse_complete(head + "\r\n");
      assert_int_equal(request.headers.size(), 3);
      expect_text(request.header(lower), "its value");
      expect_text(request.header("host"), "a");
      expect_text(request.header("origin"), "http://a");
    }
  }
}

void targets(void**) {
  struct Case {
    const char* target;
    const char* path;
    const char* raw_query;
    const char* host;
  };
  const Case cases[] = {
      {"/", "/", "", "a.example"},
      {"//chat", "//chat", "", "a.example"},
      {"/a/../b/./c", "/a/../b/./c", "", "a.example"},
      {"/%41%c3%a9%2F%5c", "/A\xC3\xA9/\\", "", "a.example"},
      {"/a+b", "/a+b", "", "a.example"},
      {"/a?", "/a", "", "a.example"},
      {"/a??b=?", "/a", "?b=?", "a.example"},
      {"/a:b@c", "/a:b@c", "", "a.example"},
      // Not valid in a URL, but sent by existing programs and accepted by other servers.
      {"/a\"<>[]{}|^`\\b", "/a\"<>[]{}|^`\\b", "", "a.example"},
      {"/?json={\"a\":[1]}", "/", "json={\"a\":[1]}", "a.example"},
      // The absolute form: its host replaces Host.
      {"http://b.example/x?y", "/x", "y", "b.example"},
      {"HTTP://b.example:80/x", "/x", "", "b.example:80"},
      {"https://b.example", "/", "", "b.example"},
      {"http://b.example?y=1", "/", "y=1", "b.example"},
      {"ws://b.example/chat", "/chat", "", "b.example"},
      {"wss://[::1]:3000/chat", "/chat", "", "[::1]:3000"},
      {"http://b.example/http://c.example/", "/http://c.example/", "", "b.example"},
  };
  for (const Case& c : cases) {
    const HttpRequest request = get(c.target);
    expect_text(request.path, c.path);
    expect_text(request.raw_query, c.raw_query);
    expect_text(request.header("host"), c.host);
  }
  const HttpRequest options = parse_complete("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_text(options.path, "*");
  const HttpRequest old = parse_complete("GET http://b.example/ HTTP/1.0\r\n\r\n");
  expect_text(old.header("host"), "b.example");
}

// Like Node's querystring.parse().
void queries(void**) {
  struct Case {
    const char* raw;
    Pairs query;
  };
  const Case cases[] = {
      {"", {}},
      {"a", {{"a", ""}}},
      {"=b", {{"", "b"}}},
      {"&&a=1&", {{"a", "1"}}},
      {"a=b=c", {{"a", "b=c"}}},
      {"a=1+2&b+c=%2B", {{"a", "1 2"}, {"b c", "+"}}},
      {"%41=%42&a=%3D%26", {{"A", "B"}, {"a", "=&"}}},
      {"a=%zz&b=%&c=%4&d=%41%zz", {{"a", "%zz"}, {"b", "%"}, {"c", "%4"}, {"d", "A%zz"}}},
      {"a=%C3%A9+x%", {{"a", "\xC3\xA9 x%"}}},
      {"a=1&a=2", {{"a", "1"}, {"a", "2"}}},
      {"a=%0D%0AX:%20y", {{"a", "\r\nX: y"}}},
  };
  for (const Case& c : cases) {
    if (get("/?"s + c.raw).query != c.query) fail_msg("query \"%s\"", c.raw);
  }
}

void methods_are_any_token(void**) {
  for (const std::string method : {"GET", "HEAD", "POST", "OPTIONS", "PUT", "Put", "get", "DELETE", "PATCH", "TRACE",
                                   "FOO", "M-SEARCH", "x", "!", "connect"}) {
    expect_text(parse_complete(method + " / HTTP/1.1\r\nHost: a\r\n\r\n").method, method.c_str());
  }
}

void hosts(void**) {
  for (const std::string host :
       {"", "a", "a.example", "a.example.", "A.EXAMPLE:80", "a:", "a_b.example", "127.0.0.1", "127.0.0.1:65535",
        "[::1]", "[::1]:3000", "[2001:db8::1]:443", "[::ffff:192.0.2.1]", "[fe80::1%eth0]:80", "[fe80::1%25eth0]",
        "xn--bcher-kva.de", "a%41.example", "localhost:00080"}) {
    expect_text(parse_complete("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n").header("host"), host.c_str());
  }
  assert_true(parse_complete("GET / HTTP/1.0\r\n\r\n").headers.empty());
}

void values_may_hold_tabs_and_bytes_above_ascii(void**) {
  expect_text(get("/", "X-A: a\tb\r\n").header("x-a"), "a\tb");
  expect_text(get("/", "X-A: \xED\x95\x9C\xFF\x80\r\n").header("x-a"), "\xED\x95\x9C\xFF\x80");
  expect_text(get("/", "X-A: \"a, b\"; c=~\r\n").header("x-a"), "\"a, b\"; c=~");
}

void versions_and_keep_alive(void**) {
  struct Case {
    const char* version;
    const char* headers;
    bool keep_alive;
  };
  const Case cases[] = {
      {"1.1", "", true},
      {"1.1", "Connection: close\r\n", false},
      {"1.1", "Connection: Close\r\n", false},
      {"1.1", "Connection: keep-alive, close\r\n", false},
      {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
      {"1.1", "Connection: upgrade\r\nconnection: close\r\n", false},
      {"1.1", "Connection: closed\r\n", true},
      {"1.1", "Connection: Upgrade\r\n", true},
      {"1.0", "", false},
      {"1.0", "Connection: keep-alive\r\n", true},
      {"1.0", "Connection: Keep-Alive, X\r\n", true},
      {"1.0", "Connection: keep-alive, close\r\n", false},
      {"1.2", "", true},
      {"1.9", "Connection: close\r\n", false},
  };
  for (const Case& c : cases) {
    const HttpRequest request = parse_complete("GET / HTTP/"s + c.version + "\r\nHost: a\r\n" + c.headers + "\r\n");
    assert_int_equal(request.keep_alive, c.keep_alive);
    assert_int_equal(request.minor_version, c.version == "1.0"s ? 0 : 1);
  }
}

void bodies_are_announced(void**) {
  const auto has_body = [](const std::string& method, const std::string& headers) {
    return parse_complete(method + " / HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n").has_body;
  };
  assert_false(has_body("GET", ""));
  assert_false(has_body("GET", "Content-Length: 0\r\n"));
  assert_true(has_body("GET", "Content-Length: 1\r\n"));
  assert_true(has_body("GET", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"));
  assert_true(has_body("POST", ""));
  assert_true(has_body("PUT", ""));
  assert_true(has_body("PATCH", ""));
  assert_false(has_body("POST", "Content-Length: 0\r\n"));
  assert_true(has_body("POST", "Transfer-Encoding: chunked\r\n"));
  // Requests that net/http/http_body.h must reject are passed through.
  const HttpRequest two = get("/", "Content-Length: 1\r\nContent-Length: 1\r\n");
  assert_int_equal(two.headers.size(), 3);
}

void cookie_lines_are_joined(void**) {
  const HttpRequest request = get("/", "Cookie: a=1; b = 2;\r\nX: y\r\ncookie: c=3=4; =5; d; e=\r\n");
  expect_text(request.header("cookie"), "a=1; b = 2;; c=3=4; =5; d; e=");
  assert_int_equal(request.headers.size(), 3);
  assert_true(request.cookies() == (Pairs{{"a", "1"}, {"b", "2"}, {"c", "3=4"}, {"e", ""}}));
  // A request that was not parsed here may have separate Cookie headers.
  HttpRequest apart;
  apart.headers = {{"cookie", "a=1"}, {"cookie", "b=2"}};
  assert_true(apart.cookies() == (Pairs{{"a", "1"}, {"b", "2"}}));
}

// Where it ends

const std::string kHead = "GET /a?b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";

void what_follows_is_left(void**) {
  for (const std::string& behind : {"GET / HTTP/1.1\r\n\r\n"s, "\0\n\r\r"s, "\r\n"s, std::string(100'000, 'x')}) {
    const RequestHead head = parse(kHead + behind);
    assert_int_equal(head.outcome, Outcome::complete);
    assert_int_equal(head.consumed_bytes, kHead.size());
    assert_int_equal(head.request.headers.size(), 2);
  }
}

void empty_lines_before_it_are_skipped(void**) {
  for (const std::string& before : {"\r\n"s, "\r\n\r\n"s, "\r\n\r\n\r\n\r\n"s}) {
    const HttpRequest request = parse_complete(before + kHead);
    expect_text(request.path, "/a");
  }
}

void any_beginning_is_incomplete(void**) {
  for (const std::string& bytes : {kHead, "\r\n\r\n" + kHead}) {
    std::size_t kept_bytes = 0;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const std::string_view beginning = std::string_view(bytes).substr(0, size);
      assert_int_equal(parse(beginning).outcome, Outcome::incomplete);
      assert_int_equal(parse_request_head(beginning, {}, kept_bytes).outcome, Outcome::incomplete);
      assert_int_equal(kept_bytes, size);
    }
    const RequestHead head = parse_request_head(bytes, {}, kept_bytes);
    assert_int_equal(head.outcome, Outcome::complete);
    assert_int_equal(head.consumed_bytes, bytes.size());
  }
}

// Malformed heads

void malformed_request_lines(void**) {
  const std::string rest = "\r\nHost: a\r\n\r\n";
  for (const std::string& line : {"HELLO WORLD"s,
                                  "GET"s,
                                  "GET "s,
                                  "GET /"s,
                                  "GET / "s,
                                  " GET / HTTP/1.1"s,
                                  "GET  / HTTP/1.1"s,
                                  "GET /  HTTP/1.1"s,
                                  "GET / HTTP/1.1 "s,
                                  "GET /\tHTTP/1.1"s,
                                  "GET\t/ HTTP/1.1"s,
                                  "GET /a b HTTP/1.1"s,
                                  "GET / http/1.1"s,
                                  "GET / HTTP"s,
                                  "GET / HTTP/"s,
                                  "GET / HTTP/1"s.substr(0, 10) + "/x",
                                  "GET / HTTP/1."s,
                                  "GET / HTTP/11"s,
                                  "GET / HTTP/1.10"s,
                                  "GET / HTTP/01.1"s,
                                  "GET / HTTP/1,1"s,
                                  "GET / HTTP/1.1/"s,
                                  "GET / HTTPS/1.1"s,
                                  "GET HTTP/1.1"s,
                                  "G(T / HTTP/1.1"s,
                                  "G:T / HTTP/1.1"s,
                                  "\"GET\" / HTTP/1.1"s,
                                  "\xC3\x89 / HTTP/1.1"s,
                                  "GET chat HTTP/1.1"s,
                                  "GET ?a HTTP/1.1"s,
                                  "GET * HTTP/1.1"s,
                                  "OPTIONS *a HTTP/1.1"s,
                                  "OPTIONS ** HTTP/1.1"s,
                                  "GET a.example:80 HTTP/1.1"s,
                                  "GET %2Fchat HTTP/1.1"s,
                                  "GET \\chat HTTP/1.1"s,
                                  "GET ftp://a/ HTTP/1.1"s,
                                  "GET http:/a HTTP/1.1"s,
                                  "GET http:// HTTP/1.1"s,
                                  "GET http:///a HTTP/1.1"s,
                                  "GET ://a/ HTTP/1.1"s,
                                  "GET http://user@a/ HTTP/1.1"s,
                                  "GET http://a:b/ HTTP/1.1"s,
                                  "GET http://a:99999/ HTTP/1.1"s,
                                  "GET http://[::1/ HTTP/1.1"s,
                                  "GET http://a,b/ HTTP/1.1"s,
                                  "GET http://a\\b/ HTTP/1.1"s,
                                  "GET /% HTTP/1.1"s,
                                  "GET /%4 HTTP/1.1"s,
                                  "GET /%zz HTTP/1.1"s,
                                  "GET /%4g HTTP/1.1"s,
                                  "GET /a%?b HTTP/1.1"s,
                                  "GET /%00 HTTP/1.1"s,
                                  "GET /a%00.png HTTP/1.1"s,
                                  "GET /?a=%00 HTTP/1.1"s,
                                  "GET /?%00 HTTP/1.1"s,
                                  "GET /a#b HTTP/1.1"s,
                                  "GET /?a#b HTTP/1.1"s,
                                  "GET /\xC3\xA9 HTTP/1.1"s,
                                  "GET /?\x80 HTTP/1.1"s,
                                  "GET /\x7F HTTP/1.1"s,
                                  "GET /\x01 HTTP/1.1"s,
                                  "GET /\0 HTTP/1.1"s,
                                  "GET /\r HTTP/1.1"s,
                                  "GET /\n HTTP/1.1"s,
                                  "CONNECT / HTTP/1.1"s,
                                  "CONNECT a HTTP/1.1"s,
                                  "CONNECT http://a/ HTTP/1.1"s,
                                  "PROXY TCP4 192.0.2.1 192.0.2.2 1 2"s,
                                  "X-Foo: bar"s,
                                  "Host: a"s,
                                  "Origin: http://evil.example"s}) {
    expect_malformed(line + rest, 400);
  }
  expect_malformed("CONNECT a.example:443 HTTP/1.1" + rest, 405);
  for (const char* version : {"HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9", "HTTP/2", "HTTP/1"}) {
    expect_malformed("GET / "s + version + rest, 505);
  }
  expect_malformed("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
}

void malformed_header_lines(void**) {
  const std::vector<std::string> lines = {"nonsense"s,
                                          "GET / HTTP/1.1"s,
                                          ":"s,
                                          ": x"s,
                                          " "s,
                                          "\t"s,
                                          " folded"s,
                                          "\tfolded"s,
                                          " Transfer-Encoding: chunked"s,
                                          "X : y"s,
                                          "X\t: y"s,
                                          "X y: z"s,
                                          "Transfer-Encoding : chunked"s,
                                          "X(: y"s,
                                          "X/Y: z"s,
                                          "X[]: z"s,
                                          "\"X\": z"s,
                                          "X@: z"s,
                                          "X,Y: z"s,
                                          "X;: z"s,
                                          "X\\: z"s,
                                          "X{}: z"s,
                                          "\xC3\xA9: z"s,
                                          "X\xFF: z"s,
                                          "X: a\0b"s,
                                          "X\0: a"s,
                                          "X: a\x01"s,
                                          "X: a\x0B"s,
                                          "Transfer-Encoding: \x0B"
                                          "chunked"s,
                                          "X: a\x0C"
                                          "b"s,
                                          "X: a\x1F"s,
                                          "X: a\x7F"s,
                                          "X: a\x1B[31m"s,
                                          "X: a\rb"s,
                                          "X: a\r"s,
                                          "\rX: a"s,
                                          "X: a\nY: b"s,
                                          "X: a\n"s,
                                          "\nX: a"s,
                                          "X: a\n\r"s};
  for (const std::string& line : lines) {
    expect_malformed("GET / HTTP/1.1\r\n" + line + "\r\nHost: a\r\nOrigin: b\r\n\r\n", 400);
    expect_malformed("GET / HTTP/1.1\r\nHost: a\r\n" + line + "\r\nOrigin: b\r\n\r\n", 400);
    expect_malformed("GET / HTTP/1.1\r\nHost: a\r\nOrigin: b\r\n" + line + "\r\n\r\n", 400);
  }
}

void line_ends(void**) {
  expect_malformed("GET / HTTP/1.1\nHost: a\n\n", 400);
  expect_malformed("GET / HTTP/1.1\r\nHost: a\n\r\n", 400);
  expect_malformed("GET / HTTP/1.1\r\nHost: a\r\n\n", 400);
  expect_malformed("GET / HTTP/1.1\rHost: a\r\r", 400);
  expect_malformed("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400);
  expect_malformed("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", 400);
  expect_malformed("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
  expect_malformed("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
  expect_malformed("\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
  expect_malformed("\r\n\r\n\r\n\r\n\r\n", 400);
}

void malformed_hosts(void**) {
  expect_malformed("GET / HTTP/1.1\r\n\r\n", 400);
  expect_malformed("GET / HTTP/1.1\r\nHostt: a\r\n\r\n", 400);
  expect_malformed("GET http://a/ HTTP/1.1\r\n\r\n", 400);
  expect_malformed("OPTIONS * HTTP/1.1\r\n\r\n", 400);
  for (const char* version : {"1.0", "1.1"}) {
    const std::string line = "GET / HTTP/"s + version + "\r\n";
    expect_malformed(line + "Host: a\r\nHost: a\r\n\r\n", 400);
    expect_malformed(line + "Host: a\r\nX: y\r\nhOST: evil\r\n\r\n", 400);
    expect_malformed(line + "Host:\r\nHost: a\r\n\r\n", 400);
    for (const char* host :
         {"a b",   "a, b",       "a,b",          "a/b",     "a?b",           "a#b",     "user@a", "http://a",
          "a:b",   "a:80:80",    "a:-1",         "a:65536", "a:99999999999", ":",       ":80",    "::1",
          "[",     "[]",         "[::1",         "::1]",    "[::1]x",        "[::1]:x", "[:]",    "[a.b]",
          "[::g]", "[fe80::1%]", "[fe80::1% x]", "a%",      "a%4",           "a%zz",    "a\"b",   "a<b",
          "a\\b",  "a|b",        "a^b",          "a[b",     "\xC3\xA9"}) {
      expect_malformed(line + "Host: " + host + "\r\n\r\n", 400);
    }
  }
}

// A client that waits for a response to an incomplete head gets it.
void errors_are_found_early(void**) {
  expect_malformed("\x16\x03\x01\x02", 400);
  expect_malformed("GET / HTTP/1.1\n", 400);
  expect_malformed("GET /\r\n", 400);
  expect_malformed("\r\nGET /\r\n", 400);
  expect_malformed("HELLO\r\nHost: a", 400);
  expect_malformed("GET / HTTP/2.0\r\n", 505);
  expect_malformed("CONNECT a:443 HTTP/1.1\r\n", 405);
  expect_malformed("GET / HTTP/1.1\r\nX: \0"s, 400);
  // Also when it arrives in pieces.
  std::size_t scanned_bytes = 0;
  const std::string line = "GET /\r\n";
  for (std::size_t size = 1; size < line.size(); ++size) {
    assert_int_equal(parse_request_head(line.substr(0, size), {}, scanned_bytes).outcome, Outcome::incomplete);
  }
  assert_int_equal(parse_request_head(line, {}, scanned_bytes).status, 400);
}

// Limits

std::string with_lines(std::size_t count) {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (std::size_t i = 1; i < count; ++i) head += "a: b\r\n";
  return head + "\r\n";
}

void header_lines_are_counted(void**) {
  assert_int_equal(parse_complete(with_lines(100)).headers.size(), 100);
  expect_malformed(with_lines(101), 431);
  expect_malformed(with_lines(779), 431);
  assert_int_equal(parse_complete(with_lines(3), {8192, 3}).headers.size(), 3);
  expect_malformed(with_lines(4), 431, {8192, 3});
  // Cookie lines are joined, but each one counts.
  expect_malformed("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n", 431, {8192, 2});
}

void bytes_are_counted(void**) {
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  const auto of_size = [&](std::size_t size) { return start + std::string(size - start.size() - 4, 'x') + "\r\n\r\n"; };
  parse_complete(of_size(8192));
  expect_malformed(of_size(8193), 431);
  expect_malformed(of_size(100'000), 431);
  parse_complete(of_size(500), {500, 100});
  expect_malformed(of_size(501), 431, {500, 100});
  // The limit applies before the head is complete.
  expect_malformed(of_size(9000).substr(0, 8192), 431);
  assert_int_equal(parse(of_size(9000).substr(0, 8191)).outcome, Outcome::incomplete);
  // Including empty lines before it.
  expect_malformed("\r\n" + of_size(8191), 431);
  // A request line that leaves no space for the rest.
  expect_malformed("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414);
  expect_malformed("GET /" + std::string(9000, 'a'), 414);
  expect_malformed(std::string(8192, 'x'), 414);
  expect_malformed(
      "GET /" + std::string(8000, 'a') + " HTTP/1.1\r\nHost: a\r\nX: " + std::string(200, 'x') + "\r\n\r\n", 431);
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double seconds_byte_by_byte(const std::string& head, const HeadLimits& limits) {
  const double start = cpu_seconds();
  std::size_t scanned_bytes = 0;
  for (std::size_t size = 1; size < head.size(); ++size) {
    const RequestHead result = parse_request_head(std::string_view(head).substr(0, size), limits, scanned_bytes);
    assert_int_equal(result.outcome, Outcome::incomplete);
  }
  assert_int_equal(parse_request_head(head, limits, scanned_bytes).outcome, Outcome::complete);
  return cpu_seconds() - start;
}

// 4 MB in 4,000,000 calls: a second if each call scans only its byte, days if each scans everything.
void time_is_linear(void**) {
  const HeadLimits limits{64'000'000, 10'000'000};
  std::string lines;
  while (lines.size() < 2'000'000) lines += "a: b\r\n";
  const std::string head = "GET /" + std::string(2'000'000, 'a') + " HTTP/1.1\r\nHost: a\r\n" + lines +
                           "X: " + std::string(1000, 'x') + "\r\n\r\n";
  assert_true(seconds_byte_by_byte(head, limits) < 20);
  const double start = cpu_seconds();
  assert_int_equal(parse(head, limits).outcome, Outcome::complete);
  assert_true(cpu_seconds() - start < 5);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(says_what_was_sent),
      cmocka_unit_test(every_name_is_read_wherever_it_is),
      cmocka_unit_test(targets),
      cmocka_unit_test(queries),
      cmocka_unit_test(methods_are_any_token),
      cmocka_unit_test(hosts),
      cmocka_unit_test(values_may_hold_tabs_and_bytes_above_ascii),
      cmocka_unit_test(versions_and_keep_alive),
      cmocka_unit_test(bodies_are_announced),
      cmocka_unit_test(cookie_lines_are_joined),
      cmocka_unit_test(what_follows_is_left),
      cmocka_unit_test(empty_lines_before_it_are_skipped),
      cmocka_unit_test(any_beginning_is_incomplete),
      cmocka_unit_test(malformed_request_lines),
      cmocka_unit_test(malformed_header_lines),
      cmocka_unit_test(line_ends),
      cmocka_unit_test(malformed_hosts),
      cmocka_unit_test(errors_are_found_early),
      cmocka_unit_test(header_lines_are_counted),
      cmocka_unit_test(bytes_are_counted),
      cmocka_unit_test(time_is_linear),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
