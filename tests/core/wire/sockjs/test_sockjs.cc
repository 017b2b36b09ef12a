// SockJS's bytes, against those that the protocol's own tests (sockjs-protocol 0.3.3 and later) expect of a server.
#include "wire/sockjs/sockjs_body.h"
#include "wire/sockjs/sockjs_envelope.h"
#include "wire/sockjs/sockjs_frame.h"
#include "wire/sockjs/sockjs_pages.h"
#include "wire/sockjs/sockjs_path.h"

#include <cstdio>
#include <string>
#include <vector>

#include "wire/json/json.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::wire;

namespace {

void expect(const std::string& got, const std::string& wanted) {
  assert_int_equal(got.size(), wanted.size());
  assert_memory_equal(got.data(), wanted.data(), wanted.size());
}

std::string quoted(std::string_view text) {
  std::string out;
  append_sockjs_quoted(out, text);
  return out;
}

std::string utf8_of(unsigned code) {
  char escape[16];
  std::snprintf(escape, sizeof escape, "\"\\u%04x\"", code);
  return json::unescape(escape).value();
}

std::string enveloped(SockJsTransport transport, std::string_view frame, std::string_view callback = {}) {
  std::string out;
  append_sockjs_envelope(out, transport, frame, callback);
  return out;
}

// The messages with | behind each, or the text of the error.
std::string read(std::string body, SockJsBodyForm form = SockJsBodyForm::array) {
  SockJsMessageReader reader(std::move(body), form);
  std::string all;
  for (std::string message; reader.next(message);) all += message + "|";
  assert_true(reader.at_end());
  if (!reader.error()) return all;
  expect(all, "");
  return std::string(text_of(*reader.error()));
}

std::string read_websocket(std::string body) { return read(std::move(body), SockJsBodyForm::array_or_string); }

void writes_frames(void**) {
  expect(std::string(kSockJsOpenFrame), "o");
  expect(std::string(kSockJsHeartbeatFrame), "h");
  expect(sockjs_message_frame("x"), R"(a["x"])");
  expect(sockjs_message_frame(""), R"(a[""])");
  expect(sockjs_close_frame(3000, "Go away!"), R"(c[3000,"Go away!"])");
  expect(sockjs_close_frame(2010, "Another connection still open"), R"(c[2010,"Another connection still open"])");
  expect(sockjs_close_frame(1002, "Connection interrupted"), R"(c[1002,"Connection interrupted"])");
  std::string elements;
  append_sockjs_element(elements, "abc");
  append_sockjs_element(elements, "%61bc");
  expect(sockjs_array_frame(elements), R"(a["abc","%61bc"])");
}

// The protocol's server_killer_string.
void escapes_what_browsers_change(void**) {
  constexpr struct {
    unsigned first;
    unsigned last;
  } kRanges[] = {{0x200c, 0x200f}, {0x2028, 0x202f}, {0x2060, 0x206f}, {0xfff0, 0xffff}};
  std::string text;
  std::string escaped = "\"";
  for (const auto& range : kRanges) {
    for (unsigned code = range.first; code <= range.last; ++code) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", code);
      escaped += escape;
      text += utf8_of(code);
    }
  }
  escaped += '"';
  expect(quoted(text), escaped);
  expect(json::unescape(quoted(text)).value(), text);
  for (unsigned code = 0; code < 0x20; ++code) assert_true(quoted(utf8_of(code))[1] == '\\');
}

// As JSON.stringify, then the reference server's own escapes.
void quotes_as_the_reference_server_does(void**) {
  expect(quoted(std::string_view("  \0\n\r ", 6)), R"("  \u0000\n\r ")");
  expect(quoted("\b\f\t\x01\x1f\x7f/\"\\"), "\"\\b\\f\\t\\u0001\\u001f\x7f/\\\"\\\\\"");
  expect(quoted("한글 é"), "\"한글 é\"");
  expect(quoted("a😀b"), R"("a\ud83d\ude00b")");
  for (std::size_t before = 0; before < 20; ++before) {
    const std::string plain(before, 'a');
    expect(quoted(plain + "😀" + plain + utf8_of(0x2028)), '"' + plain + "\\ud83d\\ude00" + plain + "\\u2028\"");
  }
  expect(quoted("\U0010FFFF\U00010000"), R"("\udbff\udfff\ud800\udc00")");
  expect(quoted(utf8_of(0x2028) + "x" + utf8_of(0x2027) + utf8_of(0x2030)),
         R"("\u2028x)" + utf8_of(0x2027) + utf8_of(0x2030) + "\"");
  expect(quoted(utf8_of(0x200b) + utf8_of(0x2010) + utf8_of(0xffef)),
         "\"" + utf8_of(0x200b) + utf8_of(0x2010) + utf8_of(0xffef) + "\"");
}

void wraps_frames_for_each_transport(void**) {
  const std::string frame = sockjs_message_frame("x");
  expect(enveloped(SockJsTransport::websocket, frame), R"(a["x"])");
  expect(enveloped(SockJsTransport::xhr, "o"), "o\n");
  expect(enveloped(SockJsTransport::xhr, frame), "a[\"x\"]\n");
  expect(enveloped(SockJsTransport::xhr_streaming, frame), "a[\"x\"]\n");
  expect(enveloped(SockJsTransport::eventsource, "o"), "data: o\r\n\r\n");
  expect(enveloped(SockJsTransport::eventsource, frame), "data: a[\"x\"]\r\n\r\n");
  expect(enveloped(SockJsTransport::eventsource, sockjs_message_frame(std::string_view("  \0\n\r ", 6))),
         "data: a[\"  \\u0000\\n\\r \"]\r\n\r\n");
  expect(enveloped(SockJsTransport::htmlfile, "o"), "<script>\np(\"o\");\n</script>\r\n");
  expect(enveloped(SockJsTransport::htmlfile, frame), "<script>\np(\"a[\\\"x\\\"]\");\n</script>\r\n");
  expect(enveloped(SockJsTransport::jsonp, "o", "callback"), "/**/callback(\"o\");\r\n");
  expect(enveloped(SockJsTransport::jsonp, frame, "x"), "/**/x(\"a[\\\"x\\\"]\");\r\n");
  expect(enveloped(SockJsTransport::jsonp, sockjs_close_frame(3000, "Go away!"), "x"),
         "/**/x(\"c[3000,\\\"Go away!\\\"]\");\r\n");
}

// The client decodes an event's data with decodeURI(), which throws at a % that begins no escape.
void escapes_the_percent_sign_in_events(void**) {
  expect(enveloped(SockJsTransport::eventsource, sockjs_message_frame("100%, %41")),
         "data: a[\"100%25, %2541\"]\r\n\r\n");
}

void a_message_cannot_end_the_script_around_it(void**) {
  const std::string text =
      enveloped(SockJsTransport::htmlfile, sockjs_message_frame("</script><script>alert(1)//\\\""));
  expect(text, "<script>\np(\"a[\\\"\\u003c/script>\\u003cscript>alert(1)//\\\\\\\\\\\\\\\"\\\"]\");\n</script>\r\n");
}

void begins_responses(void**) {
  expect(sockjs_prelude(SockJsTransport::xhr), "");
  expect(sockjs_prelude(SockJsTransport::jsonp, "x"), "");
  expect(sockjs_prelude(SockJsTransport::websocket), "");
  expect(sockjs_prelude(SockJsTransport::xhr_streaming), std::string(2048, 'h') + "\n");
  expect(sockjs_prelude(SockJsTransport::eventsource), "\r\n");
  const std::string page = sockjs_prelude(SockJsTransport::htmlfile, "callback");
  assert_true(page.size() > 1024);
  expect(page.substr(0, page.find_last_not_of(" \r\n") + 1), R"(<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.callback;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>)");
}

void says_what_a_response_is(void**) {
  for (const SockJsTransport transport : {SockJsTransport::xhr, SockJsTransport::xhr_streaming, SockJsTransport::jsonp})
    expect(std::string(content_type_of(transport)), "application/javascript; charset=UTF-8");
  expect(std::string(content_type_of(SockJsTransport::eventsource)), "text/event-stream");
  expect(std::string(content_type_of(SockJsTransport::htmlfile)), "text/html; charset=UTF-8");
  assert_true(is_streaming(SockJsTransport::eventsource));
  assert_false(is_streaming(SockJsTransport::jsonp));
  expect(std::string(name_of(SockJsTransport::xhr_streaming)), "xhr_streaming");
}

void checks_callbacks(void**) {
  for (const char* callback : {"callback", "_jp.a1b2c3", "x", "A-z_0.9"})
    assert_false(check_sockjs_callback(callback).has_value());
  for (const char* callback : {" ", "*", "abc(", "abc;", "\xc3\xa9", "a23456789012345678901234567890123"}) {
    assert_true(check_sockjs_callback(callback) == SockJsCallbackError::invalid);
  }
  expect(std::string(text_of(check_sockjs_callback("").value())), R"("callback" parameter required)");
  expect(std::string(text_of(check_sockjs_callback("a b").value())), R"(invalid "callback" parameter)");
}

void reads_bodies(void**) {
  expect(read(R"(["a"])"), "a|");
  expect(read(R"( [ "a" , "b\n" ] )"), "a|b\n|");
  expect(read("[]"), "");
  expect(read(R"([""])"), "|");
  for (const char* body :
       {"[\"x", "[\"x\"] x", "[1]", "[null]", "[{}]", "[[\"a\"]]", "['a']", "[\"\xff\"]", "[\"\xed\xa0\x80\"]", "\"a"})
    expect(read(body), "Broken JSON encoding.");
  for (const char* body : {"", "null", "1", "{}", "{\"a\":{}}", "\"a\"", "true"})
    expect(read(body), "Payload expected.");
}

void reads_websocket_messages(void**) {
  expect(read_websocket(R"(["a","b"])"), "a|b|");
  expect(read_websocket(R"("a")"), "a|");
  expect(read_websocket(R"( "" )"), "|");
  expect(read_websocket("[]"), "");
  expect(read_websocket("[\"a"), "Broken JSON encoding.");
  expect(read_websocket("{}"), "Payload expected.");
}

// What the client escapes, and a string that no UTF-8 can hold.
void reads_escapes(void**) {
  expect(read(R"(["\u00ad\ufeff\ud83d\ude00\u0000x"])"),
         utf8_of(0xad) + utf8_of(0xfeff) + "😀" + std::string(1, '\0') + "x|");
  const std::string replacement = utf8_of(0xfffd);
  expect(read(R"(["\ud800"])"), replacement + "|");
  expect(read(R"(["\udc00\ud800"])"), replacement + replacement + "|");
  expect(read(R"(["\ud800\ud83d\ude00\uDFFF!"])"), replacement + "😀" + replacement + "!|");
  expect(read(R"(["\\ud800 \ud7ff\ue000 \uDBFF\\"])"),
         "\\ud800 " + utf8_of(0xd7ff) + utf8_of(0xe000) + " " + replacement + "\\|");
}

// The protocol's client_killer_string has a part of these.
void reads_every_escape(void**) {
  std::string body = "[\"";
  std::string text;
  for (unsigned code = 0; code < 0x10000; ++code) {
    if (code >= 0xd800 && code < 0xe000) continue;
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\u%04x", code);
    body += escape;
    text += utf8_of(code);
  }
  expect(read(body + "\"]"), text + "|");
  expect(read("[" + quoted(text) + "]"), text + "|");
}

void a_body_with_a_fault_delivers_nothing(void**) {
  SockJsMessageReader reader(R"(["a","b",3])", SockJsBodyForm::array);
  std::string message;
  assert_true(reader.error() == SockJsBodyError::broken_json);
  assert_false(reader.next(message));
}

void reads_forms(void**) {
  const char* form = "application/x-www-form-urlencoded";
  expect(sockjs_form_payload(form, "d=%5B%22x%22%5D"), R"(["x"])");
  expect(sockjs_form_payload("Application/X-WWW-Form-Urlencoded; charset=UTF-8", "a=1&d=%5B%22a+b%22%5D&d=2"),
         R"(["a b"])");
  for (const char* body : {"", "d=", "p=p", "d", "&&"}) expect(sockjs_form_payload(form, body), "");
  expect(sockjs_form_payload("text/plain", R"(["%61bc"])"), R"(["%61bc"])");
  expect(sockjs_form_payload("", "d=1"), "d=1");
}

void writes_pages(void**) {
  expect(std::string(kSockJsGreeting), "Welcome to SockJS!\n");
  expect(sockjs_info_json({true, false, 4294967295}),
         R"({"websocket":true,"origins":["*:*"],"cookie_needed":false,"entropy":4294967295})");
  expect(sockjs_info_json({false, true, 0}),
         R"({"websocket":false,"origins":["*:*"],"cookie_needed":true,"entropy":0})");
  const SockJsPage page = sockjs_iframe_page("https://example.com/sockjs.min.js?a=1&b=\"<");
  expect(page.body, R"(<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="https://example.com/sockjs.min.js?a=1&amp;b=&quot;&lt;"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>)");
}

void pages_are_told_apart_by_their_etags(void**) {
  const SockJsPage page = sockjs_iframe_page("/a.js");
  assert_int_equal(page.etag.size(), 34);
  expect(page.etag, sockjs_iframe_page("/a.js").etag);
  assert_true(page.etag != sockjs_iframe_page("/b.js").etag);
  assert_true(matches_etag(page.etag, page.etag));
  assert_true(matches_etag("\"x\", W/" + page.etag, page.etag));
  assert_true(matches_etag(" * ", page.etag));
  assert_false(matches_etag("", page.etag));
  assert_false(matches_etag("\"x\"", page.etag));
}

void finds_resources(void**) {
  const auto resource = [](std::string_view path) { return parse_sockjs_path(path).value().resource; };
  assert_true(resource("") == SockJsResource::greeting);
  assert_true(resource("/") == SockJsResource::greeting);
  assert_true(resource("/info") == SockJsResource::info);
  assert_true(resource("/websocket") == SockJsResource::raw_websocket);
  for (const char* path :
       {"/iframe.html", "/iframe-a.html", "/iframe-.html", "/iframe-0.1.2.html", "/iframe-0.1.2abc-dirty.2144.html"}) {
    assert_true(resource(path) == SockJsResource::iframe);
  }
  assert_true(resource("/a/b/websocket") == SockJsResource::websocket);
  assert_true(resource("/a/b/xhr") == SockJsResource::xhr);
  assert_true(resource("/a/b/xhr/") == SockJsResource::xhr);
  assert_true(resource("/a/b/xhr_streaming") == SockJsResource::xhr_streaming);
  assert_true(resource("/a/b/eventsource") == SockJsResource::eventsource);
  assert_true(resource("/a/b/htmlfile") == SockJsResource::htmlfile);
  assert_true(resource("/a/b/jsonp") == SockJsResource::jsonp);
  assert_true(resource("/a/b/xhr_send") == SockJsResource::xhr_send);
  assert_true(resource("/a/b/jsonp_send") == SockJsResource::jsonp_send);
}

void finds_sessions(void**) {
  for (const char* ids : {"/a/a", "/_/_", "/1/", "/abcdefgh_i-j /abcdefg_i-j "}) {
    const std::string path = std::string(ids) + "5/xhr";
    const auto target = parse_sockjs_path(path);
    assert_true(target.has_value());
    assert_true("/" + std::string(target->server) + "/" + std::string(target->session) + "/xhr" == path);
  }
}

void what_is_not_there_is_not_found(void**) {
  for (const char* path :
       {"/a",           "/a.html",  "//",           "///",         "/a/a",           "/a/a/",
        "/a/",          "x",        "/Info",        "/info/x",     "/iframe.htm",    "/iframe",
        "/IFRAME.HTML", "/IFRAME",  "/iframe.HTML", "/iframe.xml", "/iframe-/.html", "/iframe-A.html",
        "/iframehtml",  "///xhr",   "/a./a/xhr",    "/a/a./xhr",   "/./././xhr",     "/./x/xhr",
        "//xhr",        "////xhr",  "//a/xhr",      "/a//xhr",     "/a/b/c/xhr",     "/a/b/xhr//",
        "/a/b/XHR",     "/a/b/poll"}) {
    assert_false(parse_sockjs_path(path).has_value());
  }
  const std::string longest(kMaxSockJsIdBytes, 'x');
  assert_true(parse_sockjs_path("/000/" + longest + "/xhr").has_value());
  assert_false(parse_sockjs_path("/000/" + longest + "x/xhr").has_value());
  assert_false(parse_sockjs_path("/x" + longest + "/abc/xhr").has_value());
}

void knows_the_methods(void**) {
  expect(std::string(allowed_methods(SockJsResource::info)), "OPTIONS, GET");
  expect(std::string(allowed_methods(SockJsResource::xhr_send)), "OPTIONS, POST");
  expect(std::string(allowed_methods(SockJsResource::xhr_streaming)), "OPTIONS, POST");
  expect(std::string(allowed_methods(SockJsResource::websocket)), "GET");
  expect(std::string(allowed_methods(SockJsResource::jsonp_send)), "POST");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(writes_frames),
      cmocka_unit_test(escapes_what_browsers_change),
      cmocka_unit_test(quotes_as_the_reference_server_does),
      cmocka_unit_test(wraps_frames_for_each_transport),
      cmocka_unit_test(escapes_the_percent_sign_in_events),
      cmocka_unit_test(a_message_cannot_end_the_script_around_it),
      cmocka_unit_test(begins_responses),
      cmocka_unit_test(says_what_a_response_is),
      cmocka_unit_test(checks_callbacks),
      cmocka_unit_test(reads_bodies),
      cmocka_unit_test(reads_websocket_messages),
      cmocka_unit_test(reads_escapes),
      cmocka_unit_test(reads_every_escape),
      cmocka_unit_test(a_body_with_a_fault_delivers_nothing),
      cmocka_unit_test(reads_forms),
      cmocka_unit_test(writes_pages),
      cmocka_unit_test(pages_are_told_apart_by_their_etags),
      cmocka_unit_test(finds_resources),
      cmocka_unit_test(finds_sessions),
      cmocka_unit_test(what_is_not_there_is_not_found),
      cmocka_unit_test(knows_the_methods),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
