// The WebSocket handshake: what is malformed and how it is answered, what each source may have, and what the answer repeats of what
// was offered.
#include "net/endpoint/websocket_opening.h"

#include <string>
#include <string_view>

#include "core/net/fake_sockets.h"
#include "core/net/recorder.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

#define ASSERT_TEXT(got, wanted) assert_string_equal(std::string(got).c_str(), wanted)

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

struct Fixture {
  explicit Fixture(const ServerOptions& options = {}) : site(app, options) {}

  // The answer to a handshake by a client of its own; afterwards `head` is that of the answer.
  std::string open(std::string_view target, std::string_view headers, std::string_view method = "GET") {
    FakeClient client(site);
    client.request(method, target, headers);
    site.run();
    std::string answer = client.answer();
    ended = client.ended();
    protocol = client.answer_header("Sec-WebSocket-Protocol");
    extensions = client.answer_header("Sec-WebSocket-Extensions");
    version = client.answer_header("Sec-WebSocket-Version");
    head = client.answer_head();
    client.hang_up();
    site.run();
    return answer;
  }
  std::string offer(std::string_view headers) { return open("/chat", well_formed() + std::string(headers)); }
  static std::string well_formed() {
    return "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  }
  // The same with one of its lines replaced, or without it.
  static std::string with(std::string_view name, std::string_view line) {
    std::string all = well_formed();
    const std::size_t at = all.find(std::string(name) + ": ");
    return all.replace(at, all.find("\r\n", at) + 2 - at, line);
  }
  std::uint64_t refused(Refusal reason) const { return site.server.refused(reason); }

  Recorder app;
  FakeSite site;
  std::string head;
  std::string protocol;
  std::string extensions;
  std::string version;
  bool ended = false;
};

// The example of RFC 6455, section 1.3.
void the_answer_is_exact(void**) {
  Fixture f;
  ASSERT_TEXT(f.open("/chat", Fixture::well_formed()), "101 ");
  ASSERT_TEXT(f.head,
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
}

void names_are_in_any_case(void**) {
  Fixture f;
  ASSERT_TEXT(f.open("/chat/",
                     "UPGRADE: h2c, WebSocket\r\nconnection: keep-alive\r\nConnection: UPGRADE\r\n"
                     "sec-websocket-version: 13\r\nSEC-WEBSOCKET-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
              "101 ");
}

void what_is_malformed_is_refused(void**) {
  struct Case {
    const char* name;
    const char* line;
  };
  const Case cases[] = {
      {"Connection", ""},
      {"Connection", "Connection: keep-alive\r\n"},
      {"Connection", "Connection: Upgraded\r\n"},
      {"Sec-WebSocket-Key", ""},
      {"Sec-WebSocket-Key", "Sec-WebSocket-Key: \r\n"},
      {"Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n"},
      {"Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=x\r\n"},
      {"Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTEyMw==\r\n"},
      {"Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==\r\n"},
  };
  Fixture f;
  std::uint64_t count = 0;
  for (const Case& one : cases) {
    ASSERT_TEXT(f.open("/chat", Fixture::with(one.name, one.line)), "400 malformed WebSocket handshake\n");
    assert_true(f.ended);
    assert_int_equal(f.refused(Refusal::malformed), ++count);
  }
  // A stray bit behind the sixteenth byte is none of our business.
  ASSERT_TEXT(f.open("/chat", Fixture::with("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n")),
              "101 ");
  ASSERT_TEXT(f.app.take().substr(0, 15), "connect 1 lobby");
}

void other_methods_are_refused(void**) {
  Fixture f;
  ASSERT_TEXT(f.open("/chat", Fixture::well_formed(), "OPTIONS"), "400 malformed WebSocket handshake\n");
  ASSERT_TEXT(f.open("/chat", Fixture::well_formed(), "HEAD").substr(0, 4), "");
  ASSERT_TEXT(f.open("/chat", Fixture::well_formed() + "Content-Length: 1\r\n"),
              "400 a WebSocket handshake has no body\n");
  ASSERT_TEXT(f.app.take(), "");
}

void http_1_0_knows_no_upgrade(void**) {
  Fixture f;
  FakeClient client(f.site);
  client.send("GET /chat HTTP/1.0\r\nHost: chat.test\r\n" + Fixture::well_formed() + "\r\n");
  f.site.run();
  ASSERT_TEXT(client.answer(), "400 malformed WebSocket handshake\n");
}

void other_versions_are_told_ours(void**) {
  Fixture f;
  for (const char* line :
       {"", "Sec-WebSocket-Version: 8\r\n", "Sec-WebSocket-Version: 13, 8\r\n", "Sec-WebSocket-Version: 013\r\n"}) {
    ASSERT_TEXT(f.open("/chat", Fixture::with("Sec-WebSocket-Version", line)),
                "426 this server speaks WebSocket version 13\n");
    ASSERT_TEXT(f.version, "13");
    assert_true(f.ended);
  }
  assert_int_equal(f.refused(Refusal::malformed), 0);
  ASSERT_TEXT(f.app.take(), "");
}

void only_endpoints_have_websockets(void**) {
  Fixture f;
  ASSERT_TEXT(f.open("/", Fixture::well_formed()), "404 no such endpoint\n");
  ASSERT_TEXT(f.open("/nothing/below", Fixture::well_formed()), "404 no such endpoint\n");
  ASSERT_TEXT(f.open("/chat/below", Fixture::well_formed()), "404 not found\n");  // SockJS owns it
  // What is below Engine.IO's is its own.
  ASSERT_TEXT(f.open("/socket.io/below?EIO=4&transport=polling", Fixture::well_formed()), "400 Bad request");
}

void nobody_is_let_in_while_it_stops(void**) {
  Fixture f;
  f.site.loop().drains = true;
  ASSERT_TEXT(f.open("/chat", Fixture::well_formed()), "503 the server is stopping\n");
  ASSERT_TEXT(f.open("/nowhere", Fixture::well_formed()), "503 the server is stopping\n");
}

// Subprotocols and extensions -----------------------------------------------------------------------------------------

void subprotocols_are_a_list(void**) {
  Fixture f;
  ASSERT_TEXT(f.offer("Sec-WebSocket-Protocol: chat.v1\r\n"), "101 ");
  ASSERT_TEXT(f.protocol, "chat.v1");
  // Over several lines, with empty elements.
  ASSERT_TEXT(f.offer("Sec-WebSocket-Protocol: a, ,\r\nSec-WebSocket-Protocol: ,chat.v1\r\n"), "101 ");
  ASSERT_TEXT(f.protocol, "chat.v1");
  // Names are compared as they are.
  ASSERT_TEXT(f.offer("Sec-WebSocket-Protocol: Chat.v1\r\n"), "101 ");
  ASSERT_TEXT(f.protocol, "");
  // What is no token is not repeated.
  ASSERT_TEXT(f.open("/chat.v1", Fixture::well_formed() + "Sec-WebSocket-Protocol: a b, \"c\", d/e, last\r\n"), "101 ");
  ASSERT_TEXT(f.protocol, "last");
  ASSERT_TEXT(f.open("/socket.io/?EIO=4&transport=websocket",
                     Fixture::well_formed() + "Sec-WebSocket-Protocol: any, other\r\n"),
              "101 ");
  ASSERT_TEXT(f.protocol, "any");
}

void extensions_are_ignored_unless_wanted(void**) {
  Fixture f;
  ASSERT_TEXT(f.offer("Sec-WebSocket-Extensions: permessage-deflate\r\n"), "101 ");
  ASSERT_TEXT(f.extensions, "");
  ASSERT_TEXT(f.offer("Sec-WebSocket-Extensions: ;;;\r\n"), "101 ");
}

void deflate_is_agreed_on(void**) {
  ServerOptions options;
  options.permessage_deflate = true;
  Fixture f(options);
  struct Case {
    const char* offered;
    const char* answered;
  };
  const Case cases[] = {
      {"permessage-deflate", "permessage-deflate; server_no_context_takeover"},
      {"permessage-deflate; client_max_window_bits", "permessage-deflate; server_no_context_takeover"},
      {"x, permessage-deflate; server_max_window_bits=10; client_no_context_takeover",
       "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_no_context_takeover"},
      {"permessage-deflate; server_max_window_bits=8, permessage-deflate",
       "permessage-deflate; server_no_context_takeover"},
      {"permessage-deflate; unknown", ""},
      {"x-webkit-deflate-frame", ""},
  };
  for (const Case& one : cases) {
    ASSERT_TEXT(f.offer("Sec-WebSocket-Extensions: " + std::string(one.offered) + "\r\n"), "101 ");
    ASSERT_TEXT(f.extensions, one.answered);
  }
  // The second line is looked at too.
  ASSERT_TEXT(f.offer("Sec-WebSocket-Extensions: x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"), "101 ");
  ASSERT_TEXT(f.extensions, "permessage-deflate; server_no_context_takeover");
  assert_int_equal(f.refused(Refusal::malformed), 0);
  for (const char* value : {";;;", "permessage-deflate; =10", "permessage-deflate; a=\"b", "a b"}) {
    ASSERT_TEXT(f.offer("Sec-WebSocket-Extensions: " + std::string(value) + "\r\n"),
                "400 malformed Sec-WebSocket-Extensions\n");
    ASSERT_TEXT(f.offer("Sec-WebSocket-Extensions: x\r\nSec-WebSocket-Extensions: " + std::string(value) + "\r\n"),
                "400 malformed Sec-WebSocket-Extensions\n");
  }
  assert_int_equal(f.refused(Refusal::malformed), 8);
}

// Sources -------------------------------------------------------------------------------------------------------------

void each_client_behind_a_proxy_has_its_share(void**) {
  ServerOptions options;
  options.trusted_proxies = {"10.0.0.1"};
  options.hub.max_connections_per_address = 2;
  Fixture f(options);
  const auto open = [&](FakeClient& client, const char* address) {
    client.upgrade("/chat", std::string("X-Forwarded-For: ") + address + "\r\n");
    f.site.run();
    return client.answer();
  };
  FakeClient first(f.site, 0, "10.0.0.1");
  FakeClient second(f.site, 0, "10.0.0.1");
  FakeClient third(f.site, 0, "10.0.0.1");
  FakeClient other(f.site, 0, "10.0.0.1");
  ASSERT_TEXT(open(first, "192.0.2.7"), "101 ");
  ASSERT_TEXT(open(second, "192.0.2.7"), "101 ");
  ASSERT_TEXT(open(third, "192.0.2.7"), "503 too many connections from this address\n");
  assert_int_equal(f.refused(Refusal::connections_per_address), 1);
  ASSERT_TEXT(open(other, "192.0.2.8"), "101 ");
  // A place is free again when one has gone.
  first.hang_up();
  f.site.run();
  FakeClient fourth(f.site, 0, "10.0.0.1");
  ASSERT_TEXT(open(fourth, "192.0.2.7"), "101 ");
}

void a_direct_connection_is_charged_once(void**) {
  ServerOptions options;
  options.hub.max_connections_per_address = 1;
  Fixture f(options);
  FakeClient first(f.site);
  first.upgrade("/chat", "X-Forwarded-For: 192.0.2.99\r\n");  // by whom nobody trusts
  f.site.run();
  ASSERT_TEXT(first.answer(), "101 ");
  assert_false(FakeClient(f.site).accepted());
  assert_true(FakeClient(f.site, 0, "192.0.2.2").accepted());
  assert_int_equal(f.site.server.hub->sources().total(Resource::connections), 2);
  ASSERT_TEXT(f.site.client(1)->origin().address, "192.0.2.1");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_answer_is_exact),
      cmocka_unit_test(names_are_in_any_case),
      cmocka_unit_test(what_is_malformed_is_refused),
      cmocka_unit_test(other_methods_are_refused),
      cmocka_unit_test(http_1_0_knows_no_upgrade),
      cmocka_unit_test(other_versions_are_told_ours),
      cmocka_unit_test(only_endpoints_have_websockets),
      cmocka_unit_test(nobody_is_let_in_while_it_stops),
      cmocka_unit_test(subprotocols_are_a_list),
      cmocka_unit_test(extensions_are_ignored_unless_wanted),
      cmocka_unit_test(deflate_is_agreed_on),
      cmocka_unit_test(each_client_behind_a_proxy_has_its_share),
      cmocka_unit_test(a_direct_connection_is_charged_once),
  };
  return cmocka_run_group_tests_name("core/net/endpoint/websocket_opening", tests, nullptr, nullptr);
}
