// The reports of trusted proxies about a client, in every form.
#include "net/http/forwarded.h"

#include <initializer_list>
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

namespace {

TrustedProxies trusted(std::initializer_list<const char*> entries) {
  TrustedProxies proxies;
  for (const char* entry : entries) {
    if (!proxies.add(entry)) fail_msg("refused: %s", entry);
  }
  return proxies;
}

ForwardedClient client_of(std::string_view peer, Pairs headers, const TrustedProxies& proxies) {
  HttpRequest request;
  request.headers = std::move(headers);
  return forwarded_client(request, peer, proxies);
}

std::string address_of(std::string_view peer, std::string forwarded_for, const TrustedProxies& proxies) {
  return client_of(peer, {{"x-forwarded-for", std::move(forwarded_for)}}, proxies).address;
}

struct HeaderCase {
  const char* what;
  Pairs headers;
  const char* address;
  const char* proto;
  const char* host;
};

void expect(const HeaderCase& c, std::string_view peer, const TrustedProxies& proxies) {
  const ForwardedClient client = client_of(peer, c.headers, proxies);
  if (client.address == c.address && client.proto == c.proto && client.host == c.host) return;
  fail_msg("%s: address \"%s\", proto \"%s\", host \"%s\"; should be \"%s\", \"%s\", \"%s\"", c.what,
           client.address.c_str(), client.proto.c_str(), client.host.c_str(), c.address, c.proto, c.host);
}

// Trust

void entries_are_addresses_blocks_and_unix(void**) {
  const TrustedProxies proxies = trusted({"192.0.2.1", "10.0.0.0/8", "2001:db8::/32"});
  for (const char* address : {"192.0.2.1", "10.1.2.3", "2001:db8::7"}) assert_true(proxies.contains(address));
  for (const char* address : {"192.0.2.2", "11.0.0.0", "::1", "", "unix", "unix:", "x"}) {
    assert_false(proxies.contains(address));
  }
  const TrustedProxies local = trusted({"unix"});
  assert_true(local.contains(""));
  assert_false(local.contains("127.0.0.1"));
  TrustedProxies none;
  for (const char* entry : {"", "unix:", "UNIX", "unix/8", "localhost", "10.0.0.0/33", "*"}) {
    assert_false(none.add(entry));
  }
  assert_false(none.contains(""));
  assert_false(none.contains("127.0.0.1"));
}

// Addresses

void addresses_in_every_form(void**) {
  const char* const cases[][2] = {
      {"192.0.2.1", "192.0.2.1"},
      {"192.0.2.1:4711", "192.0.2.1"},
      {"192.0.2.1:0", "192.0.2.1"},
      {"192.0.2.1:65535", "192.0.2.1"},
      {"192.0.2.1:_abc", "192.0.2.1"},
      {"2001:db8::1", "2001:db8::1"},
      {"2001:0DB8:0::0001", "2001:db8::1"},
      {"[2001:db8::1]", "2001:db8::1"},
      {"[2001:db8::1]:443", "2001:db8::1"},
      {"[2001:db8::1]:_x.y-z_1", "2001:db8::1"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"[::ffff:192.0.2.1]:80", "192.0.2.1"},
      {"::1", "::1"},
      {"\"192.0.2.1\"", "192.0.2.1"},
      {"\"192.0.2.1:80\"", "192.0.2.1"},
      {"\"[2001:db8::1]:443\"", "2001:db8::1"},
      {"\"[::1]\"", "::1"},
      {"\"::1\"", "::1"},
      // Only the proxy can interpret a zone.
      {"fe80::1%eth0", "fe80::1"},
      {"[fe80::1%eth0.100]:80", "fe80::1"},
      {"unix:", ""},
  };
  for (const auto& [entry, expected] : cases) {
    const std::optional<std::string> address = forwarded_address(entry);
    if (!address || *address != expected) fail_msg("%s: %s", entry, address ? address->c_str() : "refused");
  }
}

void what_is_no_address_is_refused(void**) {
  using namespace std::string_view_literals;
  for (const std::string_view entry : {""sv,
                                       " "sv,
                                       "unknown"sv,
                                       "_hidden"sv,
                                       "_"sv,
                                       "-"sv,
                                       "localhost"sv,
                                       "localhost:80"sv,
                                       "unix"sv,
                                       "unix:/x"sv,
                                       "192.0.2"sv,
                                       "192.0.2.256"sv,
                                       "192.0.2.1:"sv,
                                       "192.0.2.1:x"sv,
                                       "192.0.2.1:65536"sv,
                                       "192.0.2.1:-1"sv,
                                       "192.0.2.1:80:80"sv,
                                       "192.0.2.1:_"sv,
                                       "192.0.2.1:_a b"sv,
                                       "192.0.2.1 203.0.113.5"sv,
                                       "192.0.2.1/24"sv,
                                       "192.0.2.1%eth0"sv,
                                       "[192.0.2.1]"sv,
                                       "[192.0.2.1]:80"sv,
                                       "["sv,
                                       "[]"sv,
                                       "[]:80"sv,
                                       "[::1"sv,
                                       "::1]"sv,
                                       "[::1]80"sv,
                                       "[::1]:"sv,
                                       "[::1]:x"sv,
                                       "[::1]]"sv,
                                       "[[::1]]"sv,
                                       "[::1%]"sv,
                                       "::1%"sv,
                                       "::1%a b"sv,
                                       ":::"sv,
                                       "\""sv,
                                       "\"\""sv,
                                       "\"192.0.2.1"sv,
                                       "192.0.2.1\""sv,
                                       "\"\"::1\"\""sv,
                                       "'192.0.2.1'"sv,
                                       "192.0.2.1\0"sv,
                                       "http://192.0.2.1"sv}) {
    if (forwarded_address(entry)) fail_msg("accepted: %s", std::string(entry).c_str());
  }
}

// Chains of proxies

void the_client_behind_proxies(void**) {
  const TrustedProxies proxies = trusted({"10.0.0.0/8", "2001:db8:1::/48", "192.0.2.1"});
  const char* const cases[][3] = {
      // Without proxies.
      {"203.0.113.5", "", "203.0.113.5"},
      {"2001:db8::5", "", "2001:db8::5"},
      // An untrusted peer is ignored, whatever it claims.
      {"203.0.113.5", "198.51.100.1", "203.0.113.5"},
      {"203.0.113.5", "10.0.0.1", "203.0.113.5"},
      {"203.0.113.5", "198.51.100.1, 10.0.0.1", "203.0.113.5"},
      {"11.0.0.1", "198.51.100.1", "11.0.0.1"},
      // One trusted proxy.
      {"10.0.0.1", "198.51.100.1", "198.51.100.1"},
      {"192.0.2.1", "198.51.100.1", "198.51.100.1"},
      {"2001:db8:1::9", "2001:db8:2::7", "2001:db8:2::7"},
      {"10.0.0.1", "  198.51.100.1\t", "198.51.100.1"},
      {"10.0.0.1", "", "10.0.0.1"},
      // The client wrote the entries to the left of the proxy's.
      {"10.0.0.1", "127.0.0.1, 198.51.100.1", "198.51.100.1"},
      {"10.0.0.1", "10.0.0.2, 198.51.100.1", "198.51.100.1"},
      {"10.0.0.1", "evil, 198.51.100.1", "198.51.100.1"},
      {"10.0.0.1", "198.51.100.1,203.0.113.9", "203.0.113.9"},
      // Several proxies.
      {"10.0.0.1", "198.51.100.1, 10.0.0.3, 10.0.0.2", "198.51.100.1"},
      {"10.0.0.1", "198.51.100.1, 192.0.2.1, 2001:db8:1::2", "198.51.100.1"},
      {"10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.3, 10.0.0.2", "198.51.100.1"},
      {"10.0.0.1", "198.51.100.1:999, 192.0.2.1:80, [2001:db8:1::2]:443", "198.51.100.1"},
      // All entries are trusted: the outermost one.
      {"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
      // An unreadable entry ends the chain at the last known address.
      {"10.0.0.1", "unknown", "10.0.0.1"},
      {"10.0.0.1", "198.51.100.1, unknown, 10.0.0.2", "10.0.0.2"},
      {"10.0.0.1", "198.51.100.1, , 10.0.0.2", "10.0.0.2"},
      {"10.0.0.1", "198.51.100.1,", "10.0.0.1"},
      {"10.0.0.1", ",", "10.0.0.1"},
      {"10.0.0.1", "198.51.100.1 203.0.113.5", "10.0.0.1"},
      // The forms of Azure's gateways and IIS.
      {"10.0.0.1", "198.51.100.1:4711", "198.51.100.1"},
      {"10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"},
      {"10.0.0.1", "[2001:db8::1]", "2001:db8::1"},
      {"10.0.0.1", "\"[2001:db8::1]\"", "2001:db8::1"},
      // A canonical form, so that limits per address cannot be evaded.
      {"10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"},
      {"10.0.0.1", "2001:0DB8:0::0001", "2001:db8::1"},
      {"::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"},
      // A UNIX socket that is not trusted.
      {"", "198.51.100.1", ""},
  };
  for (const auto& [peer, forwarded_for, expected] : cases) {
    const std::string client = address_of(peer, forwarded_for, proxies);
    if (client != expected) {
      fail_msg("%s, X-Forwarded-For \"%s\": %s, not %s", peer, forwarded_for, client.c_str(), expected);
    }
  }
}

void without_trusted_proxies_the_peer_is_the_client(void**) {
  for (const char* peer : {"10.0.0.1", "127.0.0.1", "::1", ""}) {
    expect({"nobody is trusted",
            {{"x-forwarded-for", "198.51.100.1"},
             {"x-forwarded-proto", "https"},
             {"x-forwarded-host", "h"},
             {"forwarded", "for=198.51.100.1;proto=https;host=h"}},
            peer,
            "",
            ""},
           peer, {});
    expect({"nobody is trusted", {{"forwarded", "for=198.51.100.1;proto=https;host=h"}}, peer, "", ""}, peer, {});
  }
}

void unix_sockets(void**) {
  const HeaderCase said = {
      "a proxy on a UNIX socket",
      {{"x-forwarded-for", "203.0.113.9"}, {"x-forwarded-proto", "https"}, {"x-forwarded-host", "h"}},
      "203.0.113.9",
      "https",
      "h"};
  expect(said, "", trusted({"unix"}));
  expect(said, "", trusted({"10.0.0.0/8", "unix"}));
  expect({"Forwarded", {{"forwarded", "for=203.0.113.9;proto=https"}}, "203.0.113.9", "https", ""}, "",
         trusted({"unix"}));
  assert_string_equal(address_of("", "", trusted({"unix"})).c_str(), "");
  // nginx's own peer is on a UNIX socket.
  assert_string_equal(address_of("", "203.0.113.9, unix:", trusted({"unix"})).c_str(), "203.0.113.9");
  assert_string_equal(address_of("10.0.0.1", "203.0.113.9, unix:", trusted({"10.0.0.1", "unix"})).c_str(),
                      "203.0.113.9");
  assert_string_equal(address_of("10.0.0.1", "203.0.113.9, unix:", trusted({"10.0.0.1"})).c_str(), "");
}

void long_chains_end(void**) {
  std::string chain = "198.51.100.1";
  std::string elements = "for=198.51.100.1";
  for (int i = 0; i < 10'000; ++i) {
    chain += ", 10.0.0.2";
    elements += ", for=10.0.0.2";
  }
  const TrustedProxies proxies = trusted({"10.0.0.0/8"});
  assert_string_equal(address_of("10.0.0.1", chain, proxies).c_str(), "198.51.100.1");
  assert_string_equal(client_of("10.0.0.1", {{"forwarded", elements}}, proxies).address.c_str(), "198.51.100.1");
}

void the_outermost_trusted_proxy_names_scheme_and_host(void**) {
  const TrustedProxies proxies = trusted({"10.0.0.0/8"});
  const HeaderCase cases[] = {
      {"one value, which the last proxy passes on",
       {{"x-forwarded-for", "203.0.113.9, 10.0.0.2"}, {"x-forwarded-proto", "https"}, {"x-forwarded-host", "outer"}},
       "203.0.113.9",
       "https",
       "outer"},
      {"two proxies that append",
       {{"x-forwarded-for", "203.0.113.9, 10.0.0.2"},
        {"x-forwarded-proto", "https, http"},
        {"x-forwarded-host", "outer, inner"}},
       "203.0.113.9",
       "https",
       "outer"},
      {"what the client has put before it is not read",
       {{"x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.0.0.2"},
        {"x-forwarded-proto", "wss, https, http"},
        {"x-forwarded-host", "evil, outer, inner"}},
       "203.0.113.9",
       "https",
       "outer"},
      {"one trusted proxy behind one that is not",
       {{"x-forwarded-for", "203.0.113.9, 198.51.100.1"},
        {"x-forwarded-proto", "https,http"},
        {"x-forwarded-host", "outer, inner"}},
       "198.51.100.1",
       "http",
       "inner"},
      {"fewer values than proxies",
       {{"x-forwarded-for", "203.0.113.9, 10.0.0.3, 10.0.0.2"}, {"x-forwarded-proto", "https,http"}},
       "203.0.113.9",
       "https",
       ""},
      {"an entry that hides the client is a proxy's too",
       {{"x-forwarded-for", "unknown, 10.0.0.2"}, {"x-forwarded-proto", "https, http"}},
       "10.0.0.2",
       "https",
       ""},
      {"lines instead of commas",
       {{"x-forwarded-for", "203.0.113.9"},
        {"x-forwarded-proto", "https"},
        {"x-forwarded-for", "10.0.0.2"},
        {"x-forwarded-proto", "http"}},
       "203.0.113.9",
       "https",
       ""},
      {"no addresses at all: the first value",
       {{"x-forwarded-proto", "https,http"}, {"x-forwarded-host", "outer, inner:8080"}},
       "10.0.0.1",
       "https",
       "outer"},
      {"an empty value says nothing", {{"x-forwarded-host", ""}, {"x-forwarded-proto", " , "}}, "10.0.0.1", "", ""},
  };
  for (const HeaderCase& c : cases) expect(c, "10.0.0.1", proxies);
}

// The headers of real proxies

// Captured from nginx 1.22, Caddy 2.6, HAProxy 2.6 and Apache httpd 2.4 in front of a server that prints its requests;
// for Traefik, as its forwardedheaders middleware writes them. Where noted, the client sent such headers itself.
void the_forms_of_each_proxy(void**) {
  const TrustedProxies proxies = trusted({"127.0.0.1"});
  const HeaderCase cases[] = {
      {"nginx, $remote_addr, $scheme, $http_host",
       {{"host", "chat.example"},
        {"x-forwarded-for", "203.0.113.9"},
        {"x-forwarded-proto", "https"},
        {"x-forwarded-host", "chat.example:8443"}},
       "203.0.113.9",
       "https",
       "chat.example:8443"},
      {"nginx, $proxy_add_x_forwarded_for, the client's own before it",
       {{"host", "chat.example"},
        {"x-forwarded-for", "6.6.6.6, 2001:db8::9"},
        {"x-real-ip", "2001:db8::9"},
        {"x-forwarded-proto", "https"},
        {"forwarded", "for=6.6.6.6;proto=http;host=evil"}},
       "2001:db8::9",
       "https",
       ""},
      {"Caddy; it replaces what the client sent, and passes Forwarded on",
       {{"host", "chat.example"},
        {"forwarded", "for=6.6.6.6;proto=http;host=evil"},
        {"x-forwarded-for", "2001:db8::9"},
        {"x-forwarded-host", "chat.example"},
        {"x-forwarded-proto", "https"}},
       "2001:db8::9",
       "https",
       "chat.example"},
      {"HAProxy, option forwardfor: a line of its own",
       {{"host", "chat.example"},
        {"x-forwarded-for", "6.6.6.6"},
        {"forwarded", "for=6.6.6.6;proto=http;host=evil"},
        {"x-forwarded-host", "chat.example"},
        {"x-forwarded-proto", "https"},
        {"x-forwarded-for", "203.0.113.9"}},
       "203.0.113.9",
       "https",
       "chat.example"},
      {"HAProxy 2.8, option forwarded",
       {{"host", "chat.example"}, {"forwarded", "proto=https;for=203.0.113.9"}},
       "203.0.113.9",
       "https",
       ""},
      {"HAProxy 2.8, option forwarded proto host by by_port for for_port",
       {{"host", "chat.example"},
        {"forwarded", "proto=https;host=\"chat.example:8443\";by=\"127.0.0.1:8443\";for=\"[2001:db8::9]:40000\""}},
       "2001:db8::9",
       "https",
       "chat.example:8443"},
      {"HAProxy, set-header Forwarded with %[src] and without quotes",
       {{"forwarded", "for=2001:db8::9;host=chat.example:8443;proto=https"}},
       "2001:db8::9",
       "https",
       "chat.example:8443"},
      {"Apache httpd, mod_proxy: lists, and Host is the backend's",
       {{"host", "127.0.0.1:3000"},
        {"x-forwarded-for", "203.0.113.9"},
        {"x-forwarded-proto", "https"},
        {"x-forwarded-host", "chat.example:8443"},
        {"x-forwarded-server", "chat.example"}},
       "203.0.113.9",
       "https",
       "chat.example:8443"},
      {"Apache httpd, the client's own before it",
       {{"host", "127.0.0.1:3000"},
        {"x-forwarded-for", "6.6.6.6, 203.0.113.9"},
        {"x-forwarded-proto", "https"},
        {"x-forwarded-host", "evil, chat.example"},
        {"forwarded", "for=6.6.6.6"}},
       "203.0.113.9",
       "https",
       "chat.example"},
      {"Traefik, a request",
       {{"host", "chat.example"},
        {"x-forwarded-for", "203.0.113.9"},
        {"x-forwarded-host", "chat.example"},
        {"x-forwarded-port", "443"},
        {"x-forwarded-proto", "https"},
        {"x-forwarded-server", "traefik-1"},
        {"x-real-ip", "203.0.113.9"}},
       "203.0.113.9",
       "https",
       "chat.example"},
      {"Traefik, a WebSocket",
       {{"host", "chat.example"},
        {"x-forwarded-for", "fe80::9%eth0"},
        {"x-forwarded-host", "chat.example"},
        {"x-forwarded-port", "443"},
        {"x-forwarded-proto", "wss"},
        {"x-forwarded-server", "traefik-1"},
        {"x-real-ip", "fe80::9"}},
       "fe80::9",
       "wss",
       "chat.example"},
      {"Azure Application Gateway",
       {{"x-forwarded-for", "203.0.113.9:40123"}, {"x-forwarded-proto", "https"}},
       "203.0.113.9",
       "https",
       ""},
  };
  for (const HeaderCase& c : cases) expect(c, "127.0.0.1", proxies);
}

// Forwarded

void forwarded_elements(void**) {
  const TrustedProxies proxies = trusted({"10.0.0.0/8", "2001:db8:1::/48"});
  const HeaderCase cases[] = {
      // The examples in RFC 7239.
      {"section 4, 1", {{"forwarded", "for=\"_gazonk\""}}, "10.0.0.1", "", ""},
      {"section 4, 2", {{"forwarded", "For=\"[2001:db8:cafe::17]:4711\""}}, "2001:db8:cafe::17", "", ""},
      {"section 4, 3", {{"forwarded", "for=192.0.2.60;proto=http;by=203.0.113.43"}}, "192.0.2.60", "http", ""},
      {"section 4, 4", {{"forwarded", "for=192.0.2.43, for=198.51.100.17"}}, "198.51.100.17", "", ""},
      {"section 7.1", {{"forwarded", "for=192.0.2.43,for=\"[2001:db8:1::17]\",for=unknown"}}, "10.0.0.1", "", ""},
      {"section 7.1, lines",
       {{"forwarded", "for=192.0.2.43"}, {"forwarded", "for=\"[2001:db8:1::17]\""}},
       "192.0.2.43",
       "",
       ""},
      // The attribution of values to proxies.
      {"a chain",
       {{"forwarded", "for=203.0.113.9;proto=https;host=outer, for=10.0.0.2;proto=http;host=inner"}},
       "203.0.113.9",
       "https",
       "outer"},
      {"the outer one does not say it",
       {{"forwarded", "for=203.0.113.9, for=10.0.0.2;proto=https;host=inner"}},
       "203.0.113.9",
       "https",
       "inner"},
      {"the client's own before it",
       {{"forwarded", "for=6.6.6.6;proto=http;host=evil, for=203.0.113.9;proto=https"}},
       "203.0.113.9",
       "https",
       ""},
      {"the client's own in a line of its own",
       {{"forwarded", "for=6.6.6.6;proto=http;host=evil"}, {"forwarded", "for=203.0.113.9;proto=https"}},
       "203.0.113.9",
       "https",
       ""},
      {"without an address", {{"forwarded", "proto=https;host=chat.example"}}, "10.0.0.1", "https", "chat.example"},
      {"hidden addresses", {{"forwarded", "for=_a;proto=https, for=10.0.0.2"}}, "10.0.0.2", "https", ""},
      {"unknown", {{"forwarded", "for=unknown;proto=https"}}, "10.0.0.1", "https", ""},
      // Syntax variants.
      {"blanks and case",
       {{"forwarded", " \tFOR=203.0.113.9 ; Proto=https ;\thost=h , "}},
       "203.0.113.9",
       "https",
       "h"},
      {"empty elements", {{"forwarded", ",, for=203.0.113.9 ,,"}}, "203.0.113.9", "", ""},
      {"escapes", {{"forwarded", "for=\"203.0.\\1\\1\\3.9\";host=\"a\\\"b\""}}, "203.0.113.9", "", "a\"b"},
      {"separators in quotes", {{"forwarded", "for=203.0.113.9;x=\"a;b, for=6.6.6.6\""}}, "203.0.113.9", "", ""},
      {"nothing", {{"forwarded", ""}}, "10.0.0.1", "", ""},
  };
  for (const HeaderCase& c : cases) expect(c, "10.0.0.1", proxies);
}

// A malformed line and the lines before it are ignored.
void malformed_forwarded_lines(void**) {
  const TrustedProxies proxies = trusted({"10.0.0.0/8"});
  for (const char* line : {"x",
                           "for",
                           "for=",
                           "=a",
                           "for=203.0.113.9;",
                           "for=203.0.113.9;;proto=https",
                           ";for=203.0.113.9",
                           "for =203.0.113.9",
                           "for= 203.0.113.9",
                           "for=203.0.113.9 proto=https",
                           "for=203.0.113.9;proto",
                           "for=\"203.0.113.9",
                           "for=\"",
                           "for=\"\\",
                           "for=\"203.0.113.9\"x",
                           "for=203.0.113.9\"",
                           "for=203.0.113.9;for=6.6.6.6",
                           "proto=https;for=203.0.113.9;proto=http",
                           "host=a;host=b",
                           "fo(r=203.0.113.9",
                           "\"for\"=203.0.113.9",
                           "for==",
                           "for=\"a, for=203.0.113.9;proto=https",
                           "for=\", for=\"[2001:db8::1]\""}) {
    expect({line, {{"forwarded", line}}, "10.0.0.1", "", ""}, "10.0.0.1", proxies);
    expect({line, {{"forwarded", "for=6.6.6.6;host=evil"}, {"forwarded", line}}, "10.0.0.1", "", ""}, "10.0.0.1",
           proxies);
    // The client's line cannot invalidate the proxy's own line.
    expect({line, {{"forwarded", line}, {"forwarded", "for=203.0.113.9;proto=https"}}, "203.0.113.9", "https", ""},
           "10.0.0.1", proxies);
    expect({line, {{"forwarded", line}, {"forwarded", "for=10.0.0.2;proto=https"}}, "10.0.0.2", "https", ""},
           "10.0.0.1", proxies);
  }
}

void x_forwarded_takes_precedence(void**) {
  const TrustedProxies proxies = trusted({"10.0.0.0/8"});
  const Pair forwarded = {"forwarded", "for=6.6.6.6;proto=https;host=evil"};
  expect({"for", {forwarded, {"x-forwarded-for", "203.0.113.9"}}, "203.0.113.9", "", ""}, "10.0.0.1", proxies);
  expect({"proto", {forwarded, {"x-forwarded-proto", "http"}}, "10.0.0.1", "http", ""}, "10.0.0.1", proxies);
  expect({"host", {forwarded, {"x-forwarded-host", "h"}}, "10.0.0.1", "", "h"}, "10.0.0.1", proxies);
  expect({"an empty one", {forwarded, {"x-forwarded-for", ""}}, "10.0.0.1", "", ""}, "10.0.0.1", proxies);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(entries_are_addresses_blocks_and_unix),
      cmocka_unit_test(addresses_in_every_form),
      cmocka_unit_test(what_is_no_address_is_refused),
      cmocka_unit_test(the_client_behind_proxies),
      cmocka_unit_test(without_trusted_proxies_the_peer_is_the_client),
      cmocka_unit_test(unix_sockets),
      cmocka_unit_test(long_chains_end),
      cmocka_unit_test(the_outermost_trusted_proxy_names_scheme_and_host),
      cmocka_unit_test(the_forms_of_each_proxy),
      cmocka_unit_test(forwarded_elements),
      cmocka_unit_test(malformed_forwarded_lines),
      cmocka_unit_test(x_forwarded_takes_precedence),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
