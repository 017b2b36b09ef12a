// Requests behind proxies.
#include "net/http/request_context.h"

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

// The rules of a server without TLS.
struct Rules {
  Rules(const std::vector<std::string>& proxies, std::vector<std::string> origins = {}) {
    options.allowed_origins = std::move(origins);
    for (const std::string& proxy : proxies) assert_true(rules.trusted_proxies.add(proxy));
  }
  ServerOptions options;
  HttpRules rules{options, {}, AllowedHosts({})};
};

HttpRequest request_with(Pairs headers) {
  HttpRequest request;
  request.method = "GET";
  request.path = "/chat";
  request.headers = std::move(headers);
  return request;
}

void expect(const RequestContext& context, const char* address, const char* host, bool secure, bool origin_allowed) {
  assert_string_equal(context.address.c_str(), address);
  assert_string_equal(context.host.c_str(), host);
  assert_int_equal(context.secure, secure);
  assert_int_equal(context.origin_allowed, origin_allowed);
}

const Pairs kForwarded = {{"host", "inside:3000"},
                          {"origin", "https://chat.example"},
                          {"x-forwarded-for", "198.51.100.7, 203.0.113.9"},
                          {"x-forwarded-host", "chat.example"},
                          {"x-forwarded-proto", "https"}};

void without_proxies_nobody_is_believed(void**) {
  const Rules server({});
  expect(describe(request_with({{"host", "here"}}), "192.0.2.1", server.rules), "192.0.2.1", "here", false, true);
  expect(describe(request_with(kForwarded), "192.0.2.1", server.rules), "192.0.2.1", "inside:3000", false, false);
  expect(describe(request_with({}), "", server.rules), "", "", false, true);
}

void a_trusted_proxy_is_believed(void**) {
  const Rules server({"192.0.2.0/24"});
  expect(describe(request_with(kForwarded), "192.0.2.1", server.rules), "203.0.113.9", "chat.example", true, true);
  // The same headers from an untrusted peer, or from one without an address, are ignored.
  expect(describe(request_with(kForwarded), "198.51.100.1", server.rules), "198.51.100.1", "inside:3000", false, false);
  expect(describe(request_with(kForwarded), "", server.rules), "", "inside:3000", false, false);
}

void what_a_proxy_does_not_say_is_as_it_came(void**) {
  const Rules server({"192.0.2.1"});
  expect(describe(request_with({{"host", "here"}, {"origin", "http://here"}}), "192.0.2.1", server.rules), "192.0.2.1",
         "here", false, true);
  expect(describe(request_with({{"host", "here"}, {"x-forwarded-host", ""}, {"x-forwarded-proto", "http"}}),
                  "192.0.2.1", server.rules),
         "192.0.2.1", "here", false, true);
  expect(describe(request_with({{"host", "here"}, {"x-forwarded-proto", "HTTPS"}}), "192.0.2.1", server.rules),
         "192.0.2.1", "here", true, true);
}

void proxies_behind_each_other(void**) {
  const Rules server({"192.0.2.1", "203.0.113.0/24"});
  expect(describe(request_with(kForwarded), "192.0.2.1", server.rules), "198.51.100.7", "chat.example", true, true);
}

void a_unix_socket_is_believed_when_it_is_listed(void**) {
  const Rules server({"unix"});
  expect(describe(request_with(kForwarded), "", server.rules), "203.0.113.9", "chat.example", true, true);
  expect(describe(request_with({{"host", "here"}}), "", server.rules), "", "here", false, true);
  expect(describe(request_with(kForwarded), "127.0.0.1", server.rules), "127.0.0.1", "inside:3000", false, false);
  const Rules with_address({"unix", "203.0.113.0/24"});
  expect(describe(request_with(kForwarded), "", with_address.rules), "198.51.100.7", "chat.example", true, true);
}

// When TLS is used, a page that was loaded without it has another origin.
void schemes_of_websocket_count_as_those_of_http(void**) {
  const Rules server({"192.0.2.1"});
  const auto described = [&](const char* proto, const char* origin) {
    return describe(request_with({{"host", "here"}, {"origin", origin}, {"x-forwarded-proto", proto}}), "192.0.2.1",
                    server.rules);
  };
  for (const char* proto : {"https", "wss", "WSS", "https, http", "wss,ws"}) {
    assert_true(described(proto, "https://here").secure);
    assert_true(described(proto, "https://here").origin_allowed);
    assert_true(described(proto, "wss://here").origin_allowed);
    assert_false(described(proto, "http://here").origin_allowed);
    assert_false(described(proto, "ws://here").origin_allowed);
  }
  for (const char* proto : {"http", "ws", "", "httpss", "on", "http, https"}) {
    assert_false(described(proto, "http://here").secure);
    assert_true(described(proto, "http://here").origin_allowed);
    assert_true(described(proto, "https://here").origin_allowed);
  }
}

void forwarded_says_the_same(void**) {
  const Rules server({"192.0.2.1"});
  expect(describe(request_with({{"host", "inside:3000"},
                                {"origin", "https://chat.example"},
                                {"forwarded", "for=203.0.113.9;proto=https;host=chat.example"}}),
                  "192.0.2.1", server.rules),
         "203.0.113.9", "chat.example", true, true);
}

void origins(void**) {
  const Rules server({}, {"https://page.example"});
  const auto allowed = [&](const char* origin) {
    return describe(request_with({{"host", "here"}, {"origin", origin}}), "192.0.2.1", server.rules).origin_allowed;
  };
  assert_true(allowed("https://page.example"));
  assert_true(allowed("http://here"));
  assert_false(allowed("http://page.example"));
  assert_false(allowed("null"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(without_proxies_nobody_is_believed),
      cmocka_unit_test(a_trusted_proxy_is_believed),
      cmocka_unit_test(what_a_proxy_does_not_say_is_as_it_came),
      cmocka_unit_test(proxies_behind_each_other),
      cmocka_unit_test(a_unix_socket_is_believed_when_it_is_listed),
      cmocka_unit_test(schemes_of_websocket_count_as_those_of_http),
      cmocka_unit_test(forwarded_says_the_same),
      cmocka_unit_test(origins),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
