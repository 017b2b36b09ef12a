// SockJS at an endpoint: its resources, sessions over HTTP whose requests come to any of two loops, and over WebSockets. The
// clients are connections in bytes; the hub, the dispatcher and the handlers of plain, chat.v1 and STOMP are real.
#include "net/endpoint/sockjs/sockjs_endpoint.h"

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

constexpr std::uint32_t kAll = 0x3F;

ServerOptions with_sockjs(std::uint32_t transports = kAll) {
  ServerOptions options;
  options.endpoints = {{"/chat", Protocol::plain, 7, 0, transports},
                       {"/chat.v1", Protocol::chat_v1, 7, 0, transports},
                       {"/stomp", Protocol::stomp, 7, 0, transports},
                       {"/off", Protocol::plain, 7},
                       {"/cookie", Protocol::plain, 7, 0, transports, true}};
  return options;
}

struct Fixture {
  explicit Fixture(ServerOptions options = with_sockjs()) : site(app, std::move(options), 2) {}
  ~Fixture() {
    for (const auto& client : clients) client->hang_up();
    site.run();
  }

  FakeClient& client(std::size_t loop = 0) {
    clients.push_back(std::make_unique<FakeClient>(site, loop));
    return *clients.back();
  }
  // A request on a connection of its own, on this loop.
  FakeClient& request(std::size_t loop, std::string_view method, std::string_view target, std::string_view headers = {},
                      std::string_view body = {}) {
    FakeClient& from = client(loop);
    from.request(method, target, headers, body);
    site.run();
    return from;
  }
  std::string answer(std::size_t loop, std::string_view method, std::string_view target, std::string_view headers = {},
                     std::string_view body = {}) {
    last = &request(loop, method, target, headers, body);
    return last->answer();
  }
  std::string post(std::size_t loop, std::string_view target, std::string_view body = {}) {
    return answer(loop, "POST", target, {}, body);
  }
  std::string get(std::string_view target, std::string_view headers = {}) { return answer(0, "GET", target, headers); }
  std::string header(std::string_view name) const { return last->answer_header(name); }
  std::uint64_t refused(Refusal reason) const { return site.server.refused(reason); }

  Recorder app;
  FakeSite site;
  std::vector<std::unique_ptr<FakeClient>> clients;
  FakeClient* last = nullptr;
};

// The body of a streaming answer as it has come so far, without the sizes of chunks; then forgets it.
std::string streamed(FakeClient& client) {
  std::string& bytes = client.wire().to_client;
  if (const std::size_t head = bytes.find("\r\n\r\n"); bytes.starts_with("HTTP/") && head != std::string::npos) {
    bytes.erase(0, head + 4);
  }
  std::string body;
  for (;;) {
    const std::size_t line = bytes.find("\r\n");
    if (line == std::string::npos) return body;
    const std::size_t size = std::stoul(bytes.substr(0, line), nullptr, 16);
    if (bytes.size() < line + 2 + size + 2) return body;
    body += size == 0 ? "END" : bytes.substr(line + 2, size);
    bytes.erase(0, line + 2 + size + 2);
  }
}

std::string without_prelude(std::string body) {
  if (const std::size_t end = body.find("h\n"); end != std::string::npos && body.starts_with("hhhh")) {
    body.erase(0, end + 2);
  }
  return body;
}

// Resources ------------------------------------------------------------------------------------------------------------

void the_prefix_greets(void**) {
  Fixture f;
  ASSERT_TEXT(f.get("/chat"), "200 Welcome to SockJS!\n");
  ASSERT_TEXT(f.header("Content-Type"), "text/plain; charset=UTF-8");
  ASSERT_TEXT(f.get("/chat/"), "200 Welcome to SockJS!\n");
  ASSERT_TEXT(f.get("/off").substr(0, 3), "426");
  ASSERT_TEXT(f.get("/off/info").substr(0, 3), "404");
}

void other_paths_are_not_found(void**) {
  Fixture f;
  for (const char* path : {"/chat/a", "/chat/a.html", "/chat//", "/chat///", "/chat/a/a", "/chat/a/a/", "/chat/a//xhr",
                           "/chat/a/b.c/xhr", "/chat/a.b/c/xhr", "/chat/a/b/other", "/chat/iframe.html"}) {
    if (!f.get(path).starts_with("404 ")) fail_msg("%s", path);
  }
  ASSERT_TEXT(f.post(0, "/chat/000/none/xhr_send", "[]").substr(0, 3), "404");
}

void info_describes_the_endpoint(void**) {
  Fixture f;
  const std::string first = f.get("/chat/info");
  assert_true(first.starts_with("200 {\"websocket\":true,\"origins\":[\"*:*\"],\"cookie_needed\":false,\"entropy\":"));
  ASSERT_TEXT(f.header("Content-Type"), "application/json; charset=UTF-8");
  ASSERT_TEXT(f.header("Cache-Control"), "no-store, no-cache, no-transform, must-revalidate, max-age=0");
  ASSERT_TEXT(f.header("Access-Control-Allow-Origin"), "*");
  assert_true(first != f.get("/chat/info"));
  assert_non_null(std::strstr(f.get("/cookie/info").c_str(), "\"cookie_needed\":true"));
  Fixture without(with_sockjs(0x02));
  assert_non_null(std::strstr(without.get("/chat/info").c_str(), "\"websocket\":false"));
}

void origins_are_checked_and_named(void**) {
  ServerOptions options = with_sockjs();
  options.allowed_origins = {"https://a.test"};
  Fixture f(options);
  ASSERT_TEXT(f.get("/chat/info", "Origin: https://b.test\r\n"), "403 origin not allowed\n");
  ASSERT_TEXT(f.header("Access-Control-Allow-Origin"), "");
  ASSERT_TEXT(f.answer(0, "POST", "/chat/0/s/xhr", "Origin: https://b.test\r\n"), "403 origin not allowed\n");
  assert_int_equal(f.refused(Refusal::origin), 2);
  ASSERT_TEXT(f.answer(0, "POST", "/chat/0/s/xhr", "Origin: https://a.test\r\n"), "200 o\n");
  ASSERT_TEXT(f.header("Access-Control-Allow-Origin"), "https://a.test");
  ASSERT_TEXT(f.header("Access-Control-Allow-Credentials"), "true");
  ASSERT_TEXT(f.header("Vary"), "Origin");
}

void preflights_are_answered(void**) {
  ServerOptions options = with_sockjs();
  options.allowed_origins = {"*"};
  Fixture f(options);
  ASSERT_TEXT(f.answer(0, "OPTIONS", "/chat/0/s/xhr",
                       "Origin: https://a.test\r\nAccess-Control-Request-Headers: X-One, b@d, Two\r\n"),
              "204 ");
  ASSERT_TEXT(f.header("Access-Control-Allow-Origin"), "https://a.test");
  ASSERT_TEXT(f.header("Access-Control-Allow-Methods"), "OPTIONS, POST");
  ASSERT_TEXT(f.header("Access-Control-Allow-Headers"), "X-One, Two");
  ASSERT_TEXT(f.header("Access-Control-Max-Age"), "31536000");
  ASSERT_TEXT(f.header("Cache-Control"), "public, max-age=31536000");
  assert_true(!f.header("Expires").empty());
  ASSERT_TEXT(f.answer(0, "OPTIONS", "/chat/info", "Origin: null\r\n"), "204 ");
  ASSERT_TEXT(f.header("Access-Control-Allow-Origin"), "*");
  ASSERT_TEXT(f.header("Access-Control-Allow-Methods"), "OPTIONS, GET");
}

void other_methods_are_refused(void**) {
  Fixture f;
  ASSERT_TEXT(f.get("/chat/0/s/xhr"), "405 ");
  ASSERT_TEXT(f.header("Allow"), "OPTIONS, POST");
  ASSERT_TEXT(f.header("Content-Type"), "");
  ASSERT_TEXT(f.post(0, "/chat/0/s/eventsource"), "405 ");
  ASSERT_TEXT(f.header("Allow"), "GET");
  ASSERT_TEXT(f.get("/chat/0/s/websocket"), "400 Can \"Upgrade\" only to \"WebSocket\".");
  ASSERT_TEXT(f.get("/chat/websocket"), "400 Can \"Upgrade\" only to \"WebSocket\".");
}

void the_iframe_page_is_cached_and_names_its_embedders(void**) {
  ServerOptions options = with_sockjs();
  options.allowed_origins = {"https://a.test", "null"};
  options.sockjs_script_url = "https://cdn.test/sockjs.js";
  Fixture f(options);
  const std::string page = f.get("/chat/iframe-1.6.1.html");
  assert_non_null(std::strstr(page.c_str(), "<script src=\"https://cdn.test/sockjs.js\">"));
  ASSERT_TEXT(f.header("Content-Type"), "text/html; charset=UTF-8");
  ASSERT_TEXT(f.header("Content-Security-Policy"), "frame-ancestors 'self' https://a.test");
  ASSERT_TEXT(f.header("Cache-Control"), "public, max-age=31536000");
  const std::string etag = f.header("ETag");
  ASSERT_TEXT(f.get("/chat/iframe.html", "If-None-Match: " + etag + "\r\n"), "304 ");
  ASSERT_TEXT(f.header("Content-Type"), "");
}

// Sessions over HTTP ---------------------------------------------------------------------------------------------------

void a_polling_session_lives_on_one_loop_and_is_reached_from_both(void**) {
  Fixture f;
  ASSERT_TEXT(f.post(0, "/chat/000/one/xhr"), "200 o\n");
  ASSERT_TEXT(f.header("Content-Type"), "application/javascript; charset=UTF-8");
  ASSERT_TEXT(f.app.take(), "connect 1 lobby; open 1 lobby; join 1 lobby");
  FakeClient& poll = f.request(1, "POST", "/chat/111/one/xhr");
  ASSERT_TEXT(poll.answer(), "");
  ASSERT_TEXT(f.post(1, "/chat/222/one/xhr_send", R"(["hello","\u00e9"])"), "204 ");
  ASSERT_TEXT(f.header("Content-Type"), "text/plain; charset=UTF-8");
  f.site.run();
  const std::string first = poll.answer();
  assert_true(first == "200 a[\"hello\",\"\xC3\xA9\"]\n" || first == "200 a[\"hello\"]\n");
  ASSERT_TEXT(f.app.take(), "message 1 lobby hello; message 1 lobby \xC3\xA9");
}

void a_session_is_its_endpoints_own(void**) {
  Fixture f;
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 o\n");
  ASSERT_TEXT(f.post(1, "/cookie/0/one/xhr"), "200 o\n");
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr_streaming").substr(0, 3), "404");
  ASSERT_TEXT(f.post(0, "/chat/0/one/jsonp_send").substr(0, 3), "404");
}

void the_codec_is_that_of_the_endpoint(void**) {
  Fixture f;
  ASSERT_TEXT(f.post(0, "/chat.v1/0/one/xhr?room=dev"), "200 o\n");
  const std::string welcome = f.post(1, "/chat.v1/0/one/xhr");
  assert_true(welcome.starts_with("200 a[\"{\\\"type\\\":\\\"welcome\\\""));
  ASSERT_TEXT(f.app.take(), "connect 1 dev; open 1 dev; join 1 dev");
}

void a_streaming_response_has_an_order_and_an_end(void**) {
  ServerOptions options = with_sockjs();
  options.sockjs_response_bytes = 64;
  Fixture f(options);
  FakeClient& stream = f.request(1, "POST", "/chat/0/one/xhr_streaming");
  std::string body = streamed(stream);
  assert_int_equal(body.find('\n'), 2'048);
  ASSERT_TEXT(without_prelude(body), "o\n");
  f.site.publish("lobby", "one");
  f.site.run();
  f.site.publish("lobby", "two");
  f.site.run();
  ASSERT_TEXT(streamed(stream), "a[\"one\"]\na[\"two\"]\n");
  f.site.publish("lobby", std::string(60, 'x'));
  f.site.publish("lobby", "later");
  f.site.run();
  body = streamed(stream);
  assert_true(body.starts_with("a[\"xxxx") && body.ends_with("END"));
  FakeClient& next = f.request(0, "POST", "/chat/0/one/xhr_streaming");
  const std::string rest = body + without_prelude(streamed(next));
  assert_non_null(std::strstr(rest.c_str(), "\"later\""));
}

void an_eventsource_receives_events(void**) {
  Fixture f;
  FakeClient& stream = f.request(0, "GET", "/chat/0/one/eventsource");
  f.site.publish("lobby", "100%");
  f.site.run();
  assert_non_null(std::strstr(stream.wire().to_client.c_str(), "Content-Type: text/event-stream"));
  ASSERT_TEXT(streamed(stream), "\r\ndata: o\r\n\r\ndata: a[\"100%25\"]\r\n\r\n");
}

void scripts_call_back_unless_another_site_sends_them(void**) {
  Fixture f;
  ASSERT_TEXT(f.get("/chat/0/one/jsonp"), "500 \"callback\" parameter required");
  ASSERT_TEXT(f.get("/chat/0/one/jsonp?c=a%28"), "500 invalid \"callback\" parameter");
  ASSERT_TEXT(f.get("/chat/0/one/jsonp?c=cb", "Sec-Fetch-Site: cross-site\r\n"), "403 origin not allowed\n");
  ASSERT_TEXT(f.get("/chat/0/one/jsonp?c=cb"), "200 /**/cb(\"o\");\r\n");
  ASSERT_TEXT(f.answer(1, "POST", "/chat/0/one/jsonp_send", "Content-Type: application/x-www-form-urlencoded\r\n",
                       "d=%5B%22x%22%5D"),
              "200 ok");
  ASSERT_TEXT(f.get("/chat/0/one/jsonp?c=cb"), "200 /**/cb(\"a[\\\"x\\\"]\");\r\n");
  Fixture without(with_sockjs(kDefaultSockJs));
  ASSERT_TEXT(without.get("/chat/0/one/jsonp?c=cb").substr(0, 3), "404");
  ASSERT_TEXT(without.get("/chat/0/one/htmlfile?c=cb").substr(0, 3), "404");
}

void faults_in_bodies_deliver_nothing(void**) {
  Fixture f;
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 o\n");
  f.app.take();
  ASSERT_TEXT(f.post(1, "/chat/0/one/xhr_send"), "500 Payload expected.");
  ASSERT_TEXT(f.post(1, "/chat/0/one/xhr_send", "[\"x"), "500 Broken JSON encoding.");
  ASSERT_TEXT(f.post(1, "/chat/0/one/xhr_send", "[]"), "204 ");
  ASSERT_TEXT(f.app.take(), "");
  assert_int_equal(f.refused(Refusal::malformed), 2);
}

void a_second_receiver_is_refused(void**) {
  Fixture f;
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 o\n");
  FakeClient& first = f.request(0, "POST", "/chat/0/one/xhr");
  ASSERT_TEXT(f.post(1, "/chat/0/one/xhr"), "200 c[2010,\"Another connection still open\"]\n");
  f.site.publish("lobby", "still");
  f.site.run();
  ASSERT_TEXT(first.answer(), "200 a[\"still\"]\n");
}

void a_broken_connection_interrupts_the_session(void**) {
  Fixture f;
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 o\n");
  FakeClient& poll = f.request(1, "POST", "/chat/0/one/xhr");
  poll.hang_up();
  f.site.run();
  f.site.run();
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 c[1002,\"Connection interrupted\"]\n");
  ASSERT_TEXT(f.app.take(),
              "connect 1 lobby; open 1 lobby; join 1 lobby; leave 1 lobby (connection interrupted); disconnect 1 1006 "
              "connection interrupted");
}

void a_session_without_requests_ends(void**) {
  Fixture f;
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 o\n");
  f.app.take();
  f.site.advance(4'900);
  ASSERT_TEXT(f.app.take(), "");
  f.site.advance(200);
  ASSERT_TEXT(f.app.take(), "leave 1 lobby (timed out); disconnect 1 1006 timed out");
  assert_int_equal(f.site.sessions.size(), 0);
  ASSERT_TEXT(f.post(1, "/chat/0/one/xhr"), "200 o\n");  // the id is free
}

void a_kick_is_a_close_frame_for_each_request(void**) {
  Fixture f;
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 o\n");
  (void)f.site.server.hub->close_client(f.site.client(1), 4'000, "out");
  f.site.run();
  ASSERT_TEXT(f.post(1, "/chat/0/one/xhr"), "200 c[4000,\"out\"]\n");
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 c[4000,\"out\"]\n");
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr_send", "[\"x\"]"), "204 ");
  f.site.advance(5'100);
  assert_int_equal(f.site.sessions.size(), 0);
}

void a_refused_client_is_told_the_reason(void**) {
  Fixture f;
  f.app.connect = [](const ConnectRequest&) { return Decision{Verdict::refuse, "go home", {}}; };
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 c[1008,\"go home\"]\n");
  FakeClient& socket = f.client();
  socket.upgrade("/chat/0/one/websocket");
  f.site.run();
  ASSERT_TEXT(socket.answer(), "403 go home\n");
}

void a_verdict_may_come_later(void**) {
  Fixture f;
  f.app.connect = [](const ConnectRequest&) { return Decision{Verdict::defer, {}, {}}; };
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 o\n");
  ASSERT_TEXT(f.post(1, "/chat/0/one/xhr_send", "[\"early\"]"), "204 ");
  assert_true(f.site.server.hub->accept(f.site.client(1), std::nullopt).ok());
  f.site.run();
  ASSERT_TEXT(f.app.take(), "connect 1 lobby; open 1 lobby; join 1 lobby; message 1 lobby early");
}

void heartbeats_keep_a_response_alive(void**) {
  Fixture f;
  FakeClient& stream = f.request(0, "POST", "/chat/0/one/xhr_streaming");
  streamed(stream);
  f.site.advance(25'100);
  ASSERT_TEXT(streamed(stream), "h\n");
  f.site.advance(25'100);
  ASSERT_TEXT(streamed(stream), "h\n");
}

void the_server_says_go_away(void**) {
  Fixture f;
  FakeClient& stream = f.request(1, "POST", "/chat/0/one/xhr_streaming");
  streamed(stream);
  for (std::size_t i = 0; i < 2; ++i) f.site.loop(i).drains = true;
  for (std::size_t i = 0; i < 2; ++i) {
    for (const Task& goodbye : f.site.sockets(i).sessions().goodbyes()) goodbye();
    for (const Task& goodbye : f.site.sockets(i).endpoints().goodbyes()) goodbye();
  }
  f.site.run();
  ASSERT_TEXT(streamed(stream), "c[3000,\"Go away!\"]\nEND");
  assert_int_equal(f.site.sessions.size(), 0);
}

// Whichever of the two goodbyes comes first.
void the_protocol_says_goodbye_before_the_session_ends(void**) {
  for (const bool session_first : {true, false}) {
    Fixture f;
    FakeClient& stream = f.request(1, "POST", "/stomp/0/one/xhr_streaming");
    f.post(0, "/stomp/0/one/xhr_send", R"(["CONNECT\naccept-version:1.1\nhost:h\n\n\u0000"])");
    f.site.run();
    streamed(stream);
    f.app.take();
    FakeClient& idle = f.request(1, "POST", "/stomp/0/two/xhr");
    ASSERT_TEXT(idle.answer(), "200 o\n");
    for (std::size_t i = 0; i < 2; ++i) f.site.loop(i).drains = true;
    FakeSockets& sockets = f.site.sockets(1);
    std::vector<Task> goodbyes = sockets.sessions().goodbyes();
    std::vector<Task> others = sockets.endpoints().goodbyes();
    if (!session_first) std::swap(goodbyes, others);
    for (const Task& goodbye : goodbyes) goodbye();
    for (const Task& goodbye : others) goodbye();
    f.site.run();
    const std::string last = streamed(stream);
    assert_true(last.starts_with(R"(a["ERROR\nmessage:)"));
    assert_true(last.ends_with("\nc[3000,\"Go away!\"]\nEND"));
    ASSERT_TEXT(f.app.take(), "disconnect 1 1001 the server is stopping");
    assert_int_equal(f.site.sessions.size(), 0);
  }
}

// STOMP ----------------------------------------------------------------------------------------------------------------

const char* const kConnect = R"(["CONNECT\naccept-version:1.2\nhost:h\n\n\u0000"])";

// The borders of frames need not be those of messages or requests.
void frames_of_stomp_are_cut_anywhere(void**) {
  Fixture f;
  FakeClient& stream = f.request(0, "POST", "/stomp/0/one/xhr_streaming");
  ASSERT_TEXT(without_prelude(streamed(stream)), "o\n");
  ASSERT_TEXT(f.post(1, "/stomp/0/one/xhr_send",
                     R"(["CONNECT\naccept-version:1.2\nhost:h\n\n\u0000SUBSCRIBE\nid:0\ndestination:/topic/lo"])"),
              "204 ");
  f.site.run();
  assert_true(streamed(stream).starts_with(R"(a["CONNECTED\nversion:1.2\n)"));
  ASSERT_TEXT(
      f.post(0, "/stomp/0/one/xhr_send", R"(["bby\nreceipt:s\n\n","\u0000\n\nSEND\ndestination:/topic/lobby\n"])"),
      "204 ");
  ASSERT_TEXT(f.post(1, "/stomp/0/one/xhr_send", R"(["\nhe","llo\u0000DISCONNECT\nreceipt:d\n\n\u0000"])"), "204 ");
  for (int i = 0; i < 4; ++i) f.site.run();
  const std::string rest = streamed(stream);
  const std::size_t receipt = rest.find(R"("RECEIPT\nreceipt-id:s\n\n\u0000")");
  const std::size_t message = rest.find(R"("MESSAGE\nsubscription:0\ndestination:/topic/lobby\n)");
  const std::size_t bye = rest.find(R"("RECEIPT\nreceipt-id:d\n\n\u0000")");
  assert_true(receipt < message && message < bye && bye != std::string::npos);
  assert_non_null(std::strstr(rest.c_str(), R"(\n\nhello\u0000")"));
  assert_true(rest.ends_with("c[1000,\"\"]\nEND"));
}

// Each subscription has its own head before the one body.
void subscriptions_of_stomp_get_a_copy_each(void**) {
  Fixture f;
  FakeClient& socket = f.client(1);
  socket.upgrade("/stomp/0/one/websocket");
  f.site.run();
  socket.answer();
  socket.say(kConnect);
  socket.say(
      R"(["SUBSCRIBE\nid:a\ndestination:/topic/lobby\n\n\u0000SUBSCRIBE\nid:b\ndestination:/topic/lobby\n\n\u0000"])");
  f.site.run();
  socket.frames();
  f.site.publish("lobby", "\xE2\x80\xA8");
  f.site.run();
  const std::vector<std::string> frames = socket.frames();
  assert_int_equal(frames.size(), 2);
  assert_true(frames[0].starts_with(R"(a["MESSAGE\nsubscription:a\n)"));
  assert_true(frames[1].starts_with(R"(a["MESSAGE\nsubscription:b\n)"));
  for (const std::string& frame : frames) {
    assert_true(frame.ends_with(R"(\ncontent-length:3\n\n\u2028\u0000"])"));
  }
}

void bytes_are_base64_for_stomp(void**) {
  Fixture f;
  ASSERT_TEXT(f.post(0, "/stomp/0/one/xhr"), "200 o\n");
  f.post(0, "/stomp/0/one/xhr_send", kConnect);
  f.post(0, "/stomp/0/one/xhr");
  f.post(0, "/stomp/0/one/xhr_send", R"(["SUBSCRIBE\nid:a\ndestination:/topic/lobby\n\n\u0000"])");
  MessageDraft draft;
  draft.room = "lobby";
  draft.kind = PayloadKind::args;
  draft.payload = R"([{"_placeholder":true,"num":0}])";
  draft.attachments = {std::string("\0\xff\x10", 3)};
  assert_true(f.site.server.hub->publish(std::move(draft), current_moment()).ok());
  f.site.run();
  const std::string poll = f.post(1, "/stomp/0/one/xhr");
  assert_non_null(std::strstr(poll.c_str(), R"(\ncontent-transfer-encoding:base64\n)"));
  assert_non_null(std::strstr(poll.c_str(), R"(\ncontent-length:4\n\nAP8Q\u0000"])"));
}

// A STOMP client over HTTP is not silent while what it has sent waits here, nor is the server while its frames wait.
void heart_beats_go_by_polls(void**) {
  ServerOptions options = with_sockjs();
  options.stomp_heart_beat_ms = 1'000;
  Fixture f(options);
  ASSERT_TEXT(f.post(0, "/stomp/0/one/xhr"), "200 o\n");
  f.post(0, "/stomp/0/one/xhr_send", R"(["CONNECT\naccept-version:1.2\nhost:h\nheart-beat:1000,1000\n\n\u0000"])");
  assert_true(f.post(0, "/stomp/0/one/xhr").starts_with(R"(200 a["CONNECTED)"));
  for (int beats = 0; beats < 5; ++beats) {
    FakeClient& poll = f.request(0, "POST", "/stomp/0/one/xhr");
    f.site.advance(800);
    ASSERT_TEXT(poll.answer(), "200 a[\"\\n\"]\n");
    ASSERT_TEXT(f.post(1, "/stomp/0/one/xhr_send", R"(["\n"])"), "204 ");
  }
  FakeClient& poll = f.request(0, "POST", "/stomp/0/one/xhr");
  f.site.advance(2'100);
  const std::string beat_and_error = poll.answer() + f.post(0, "/stomp/0/one/xhr");
  assert_non_null(std::strstr(beat_and_error.c_str(), "ERROR"));
  ASSERT_TEXT(f.post(0, "/stomp/0/one/xhr"), "200 c[1002,\"no heart-beat came in time\"]\n");
}

void cookies_are_set_where_they_are_wanted(void**) {
  Fixture f;
  ASSERT_TEXT(f.post(0, "/cookie/0/one/xhr"), "200 o\n");
  ASSERT_TEXT(f.header("Set-Cookie"), "JSESSIONID=dummy; path=/");
  ASSERT_TEXT(f.answer(0, "POST", "/cookie/0/one/xhr_send", "Cookie: a=b; JSESSIONID=abc\r\n", "[]"), "204 ");
  ASSERT_TEXT(f.header("Set-Cookie"), "JSESSIONID=abc; path=/");
  f.post(0, "/chat/0/one/xhr");
  ASSERT_TEXT(f.header("Set-Cookie"), "");
}

void a_client_that_sends_too_fast_waits_for_its_answer(void**) {
  ServerOptions options = with_sockjs();
  options.inbound_rate = 2;
  options.inbound_burst = 2;
  Fixture f(options);
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 o\n");
  f.app.take();
  FakeClient& sender = f.request(1, "POST", "/chat/0/one/xhr_send", {}, R"(["1","2","3","4","5"])");
  ASSERT_TEXT(sender.answer(), "");
  f.site.advance(3'000);
  ASSERT_TEXT(sender.answer(), "204 ");
  ASSERT_TEXT(f.app.take(),
              "message 1 lobby 1; message 1 lobby 2; message 1 lobby 3; message 1 lobby 4; message 1 lobby 5");
}

void a_message_above_the_limit_ends_the_session(void**) {
  ServerOptions options = with_sockjs();
  options.max_message_bytes = 8;
  Fixture f(options);
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 o\n");
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr_send", R"(["12345678"])"), "204 ");
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 a[\"12345678\"]\n");
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr_send", R"(["123456789"])"), "204 ");
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 c[1009,\"a message may have at most 8 bytes\"]\n");
}

void sessions_are_limited_for_each_address(void**) {
  ServerOptions options = with_sockjs();
  options.max_polling_sessions_per_address = 1;
  Fixture f(options);
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 o\n");
  ASSERT_TEXT(f.post(1, "/chat/0/two/xhr"), "503 too many sessions\n");
  assert_int_equal(f.refused(Refusal::sessions_per_address), 1);
}

// The oldest session without a client makes way.
void a_closed_session_is_evicted_for_a_new_one(void**) {
  ServerOptions options = with_sockjs();
  options.max_polling_sessions_per_address = 2;
  Fixture f(options);
  for (const char* id : {"one", "two"}) f.post(0, std::string("/chat/0/") + id + "/xhr");
  (void)f.site.server.hub->close_client(f.site.client(1), 4'000, "out");
  f.site.run();
  ASSERT_TEXT(f.post(1, "/chat/0/three/xhr"), "503 too many sessions\n");  // it may still be asked why it was closed
  f.site.advance(500);
  ASSERT_TEXT(f.post(1, "/chat/0/one/xhr"), "200 c[4000,\"out\"]\n");
  ASSERT_TEXT(f.post(1, "/chat/0/three/xhr"), "200 o\n");
  f.site.run();
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr_send", "[]").substr(0, 3), "404");
  ASSERT_TEXT(f.post(1, "/chat/0/two/xhr_send", "[]"), "204 ");
  assert_int_equal(f.site.sessions.size(), 2);
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "503 too many sessions\n");
}

// A session whose first request is still being answered has no client yet. It ends with a reason.
void a_session_that_is_evicted_while_it_waits_answers_its_request(void**) {
  ServerOptions options = with_sockjs();
  options.max_polling_sessions_per_address = 1;
  Fixture f(options);
  FakeClient& stream = f.request(0, "POST", "/chat/0/one/xhr_streaming");
  streamed(stream);
  FakeSockets& home = f.site.sockets(0);
  const Endpoint& endpoint = f.site.server.options.endpoints.front();
  const auto place = f.site.sessions.find(endpoint, "one");
  f.site.sessions.set_idle(place->number, true, f.site.loop().now_ms());
  f.site.advance(500);
  ASSERT_TEXT(f.post(1, "/chat/0/two/xhr"), "200 o\n");
  f.site.run();
  ASSERT_TEXT(streamed(stream), "c[1013,\"too many sessions\"]\nEND");
  assert_null(home.sessions().find(place->number));
  assert_int_equal(f.site.sessions.size(), 1);
}

// Two requests that find no session both claim its id. One begins it, and the other receives from it, on whichever loop.
void one_of_two_claims_begins_the_session(void**) {
  for (const std::size_t first : {0, 1}) {
    Fixture f;
    FakeClient* const clients[] = {&f.client(0), &f.client(1)};
    for (FakeClient* const client : clients) {
      client->send("POST /chat/0/one/xhr HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 1\r\n\r\n");
    }
    f.site.run();
    assert_int_equal(f.site.sessions.size(), 0);
    clients[first]->send(" ");
    f.site.run();
    clients[1 - first]->send(" ");
    f.site.run();
    ASSERT_TEXT(clients[first]->answer(), "200 o\n");
    f.site.publish("lobby", "for the second");
    f.site.run();
    ASSERT_TEXT(clients[1 - first]->answer(), "200 a[\"for the second\"]\n");
    ASSERT_TEXT(f.app.take(), "connect 1 lobby; open 1 lobby; join 1 lobby");
    const auto place = f.site.sessions.find(f.site.server.options.endpoints.front(), "one");
    assert_int_equal(place->home, first);
  }
}

// The transport is that of the request that began the session.
void the_other_claim_may_be_of_another_transport(void**) {
  Fixture f;
  FakeClient& poll = f.client(0);
  FakeClient& stream = f.client(1);
  poll.send("POST /chat/0/one/xhr HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 1\r\n\r\n");
  stream.send("POST /chat/0/one/xhr_streaming HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 1\r\n\r\n");
  f.site.run();
  poll.send(" ");
  f.site.run();
  stream.send(" ");
  f.site.run();
  ASSERT_TEXT(poll.answer(), "200 o\n");
  ASSERT_TEXT(stream.answer(), "404 no such session\n");
}

// A request that was on its way when its session ended.
void a_session_may_end_before_a_request_reaches_it(void**) {
  Fixture f;
  ASSERT_TEXT(f.post(0, "/chat/0/one/xhr"), "200 o\n");
  FakeClient& sender = f.client(1);
  sender.send("POST /chat/0/one/xhr_send HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 5\r\n\r\n");
  f.site.run();
  f.site.advance(5'100);
  assert_int_equal(f.site.sessions.size(), 0);
  ASSERT_TEXT(f.post(1, "/chat/0/one/xhr"), "200 o\n");  // another session with its id
  sender.send("[\"x\"]");
  f.site.run();
  ASSERT_TEXT(sender.answer(), "404 no such session\n");
  assert_null(std::strstr(f.app.take().c_str(), "message"));
}

void dropped_messages_are_reported_where_they_are_missing(void**) {
  ServerOptions options = with_sockjs();
  options.max_outbox_messages = 2;
  options.outbox_policy = OutboxPolicy::drop_oldest;
  Fixture f(options);
  ASSERT_TEXT(f.post(0, "/chat.v1/0/one/xhr"), "200 o\n");
  f.post(0, "/chat.v1/0/one/xhr");  // the welcome
  for (const char* text : {"1", "2", "3", "4", "5"}) f.site.publish("lobby", text);
  f.site.run();
  const std::string poll = f.post(1, "/chat.v1/0/one/xhr");
  const std::size_t gap = poll.find(R"(\"type\":\"gap\")");
  const std::size_t message = poll.find(R"(\"text\":\"4\")");
  assert_true(gap < message && message < poll.find(R"(\"text\":\"5\")"));
  assert_null(std::strstr(poll.c_str(), R"(\"text\":\"3\")"));
}

// WebSockets -----------------------------------------------------------------------------------------------------------

std::string joined(const std::vector<std::string>& frames) {
  std::string all;
  for (const std::string& frame : frames) all += (all.empty() ? "" : "|") + frame;
  return all;
}

void a_websocket_is_a_session(void**) {
  Fixture f;
  FakeClient& socket = f.client();
  socket.upgrade("/chat/0/one/websocket");
  f.site.run();
  ASSERT_TEXT(socket.answer(), "101 ");
  ASSERT_TEXT(joined(socket.frames()), "o");
  socket.say(R"(["a","b"])");
  socket.say(R"("single")");
  socket.say("");
  socket.say("[]");
  f.site.run();
  ASSERT_TEXT(joined(socket.frames()), R"(a["a"]|a["b"]|a["single"])");
  f.site.advance(25'100);
  assert_non_null(std::strstr(joined(socket.frames()).c_str(), "h"));
  ASSERT_TEXT(
      f.app.take(),
      "connect 1 lobby; open 1 lobby; join 1 lobby; message 1 lobby a; message 1 lobby b; message 1 lobby single");
}

void a_websocket_with_a_fault_is_closed(void**) {
  Fixture f;
  FakeClient& socket = f.client(1);
  socket.upgrade("/chat/0/one/websocket");
  f.site.run();
  socket.answer();
  socket.say(R"(["a)");
  f.site.run();
  ASSERT_TEXT(joined(socket.frames()), "o|close 3000 Broken framing.");
  assert_int_equal(f.refused(Refusal::malformed), 1);
}

void a_kick_closes_a_websocket_after_its_frame(void**) {
  Fixture f;
  FakeClient& socket = f.client();
  socket.upgrade("/chat/0/one/websocket");
  f.site.run();
  socket.answer();
  (void)f.site.server.hub->close_client(f.site.client(1), 4'000, "out");
  f.site.run();
  ASSERT_TEXT(joined(socket.frames()), "o|c[4000,\"out\"]|close 1000");
}

void a_raw_websocket_is_that_of_the_endpoint(void**) {
  Fixture f;
  FakeClient& socket = f.client();
  socket.upgrade("/chat/websocket");
  f.site.run();
  ASSERT_TEXT(socket.answer(), "101 ");
  socket.say("hello");
  f.site.run();
  ASSERT_TEXT(joined(socket.frames()), "hello");
}

void an_array_of_many_messages_is_taken_in_portions_and_in_order(void**) {
  ServerOptions options = with_sockjs();
  options.inbound_rate = kUnlimited;
  Fixture f(options);
  FakeClient& socket = f.client();
  socket.upgrade("/chat/0/one/websocket");
  f.site.run();
  socket.answer();
  f.app.take();
  std::string array = "[\"0\"";
  std::string wanted = "message 1 lobby 0";
  for (int i = 1; i < 300; ++i) {
    array += ",\"" + std::to_string(i) + "\"";
    wanted += "; message 1 lobby " + std::to_string(i);
  }
  socket.say(array + "]");
  socket.say("[\"last\"]");
  f.site.run();
  f.site.run();
  ASSERT_TEXT(f.app.take(), (wanted + "; message 1 lobby last").c_str());
}

void a_fast_websocket_is_read_slowly(void**) {
  ServerOptions options = with_sockjs();
  options.inbound_rate = 2;
  options.inbound_burst = 2;
  Fixture f(options);
  FakeClient& socket = f.client();
  socket.upgrade("/chat/0/one/websocket");
  f.site.run();
  f.app.take();
  socket.say(R"(["1","2","3","4","5"])");
  f.site.run();
  assert_null(std::strstr(f.app.take().c_str(), "lobby 5"));
  f.site.advance(3'000);
  assert_non_null(std::strstr(f.app.take().c_str(), "message 1 lobby 5"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_prefix_greets),
      cmocka_unit_test(other_paths_are_not_found),
      cmocka_unit_test(info_describes_the_endpoint),
      cmocka_unit_test(origins_are_checked_and_named),
      cmocka_unit_test(preflights_are_answered),
      cmocka_unit_test(other_methods_are_refused),
      cmocka_unit_test(the_iframe_page_is_cached_and_names_its_embedders),
      cmocka_unit_test(a_polling_session_lives_on_one_loop_and_is_reached_from_both),
      cmocka_unit_test(a_session_is_its_endpoints_own),
      cmocka_unit_test(the_codec_is_that_of_the_endpoint),
      cmocka_unit_test(a_streaming_response_has_an_order_and_an_end),
      cmocka_unit_test(an_eventsource_receives_events),
      cmocka_unit_test(scripts_call_back_unless_another_site_sends_them),
      cmocka_unit_test(faults_in_bodies_deliver_nothing),
      cmocka_unit_test(a_second_receiver_is_refused),
      cmocka_unit_test(a_broken_connection_interrupts_the_session),
      cmocka_unit_test(a_session_without_requests_ends),
      cmocka_unit_test(a_kick_is_a_close_frame_for_each_request),
      cmocka_unit_test(a_refused_client_is_told_the_reason),
      cmocka_unit_test(a_verdict_may_come_later),
      cmocka_unit_test(heartbeats_keep_a_response_alive),
      cmocka_unit_test(the_server_says_go_away),
      cmocka_unit_test(the_protocol_says_goodbye_before_the_session_ends),
      cmocka_unit_test(frames_of_stomp_are_cut_anywhere),
      cmocka_unit_test(subscriptions_of_stomp_get_a_copy_each),
      cmocka_unit_test(bytes_are_base64_for_stomp),
      cmocka_unit_test(heart_beats_go_by_polls),
      cmocka_unit_test(cookies_are_set_where_they_are_wanted),
      cmocka_unit_test(a_client_that_sends_too_fast_waits_for_its_answer),
      cmocka_unit_test(a_message_above_the_limit_ends_the_session),
      cmocka_unit_test(sessions_are_limited_for_each_address),
      cmocka_unit_test(a_closed_session_is_evicted_for_a_new_one),
      cmocka_unit_test(a_session_that_is_evicted_while_it_waits_answers_its_request),
      cmocka_unit_test(one_of_two_claims_begins_the_session),
      cmocka_unit_test(the_other_claim_may_be_of_another_transport),
      cmocka_unit_test(a_session_may_end_before_a_request_reaches_it),
      cmocka_unit_test(dropped_messages_are_reported_where_they_are_missing),
      cmocka_unit_test(a_websocket_is_a_session),
      cmocka_unit_test(a_websocket_with_a_fault_is_closed),
      cmocka_unit_test(a_kick_closes_a_websocket_after_its_frame),
      cmocka_unit_test(a_raw_websocket_is_that_of_the_endpoint),
      cmocka_unit_test(an_array_of_many_messages_is_taken_in_portions_and_in_order),
      cmocka_unit_test(a_fast_websocket_is_read_slowly),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
