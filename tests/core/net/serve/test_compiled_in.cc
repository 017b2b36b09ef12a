// The page and the script: their paths, their headers, and errors at the start. Tests that use HTTP compare the bytes
// with the files.
#include "net/serve/compiled_in.h"

#include <algorithm>
#include <string>

#include "net/serve/embedded_files.h"

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

ServerOptions at(std::string page, std::string script = "", std::string metrics = "") {
  ServerOptions options;
  options.page_path = std::move(page);
  options.script_path = std::move(script);
  options.metrics_path = std::move(metrics);
  return options;
}

CompiledIn open(const ServerOptions& options) {
  Result<CompiledIn> opened = CompiledIn::open(options);
  if (!opened.ok()) fail_msg("%s", opened.status().detail.c_str());
  return std::move(*opened);
}

std::optional<HttpResponse> get(const CompiledIn& files, std::string path, Pairs headers = {},
                                std::string method = "GET", Pairs query = {}) {
  HttpRequest request;
  request.method = std::move(method);
  request.path = std::move(path);
  request.headers = std::move(headers);
  request.query = std::move(query);
  return files.serve(request);
}

std::string header(const HttpResponse& response, std::string_view name) {
  const auto found = std::find_if(response.headers.begin(), response.headers.end(),
                                  [&](const Pair& header) { return header.name == name; });
  return found == response.headers.end() ? "" : found->value;
}

std::string_view embedded(std::string_view name) {
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name == name) return file.bytes;
  }
  fail_msg("%s is not compiled in", std::string(name).c_str());
  return {};
}

void what_is_needed_is_compiled_in(void**) {
  assert_true(embedded("index.html").starts_with("<!doctype html>"));
  assert_true(embedded("chat.js").size() > 1'000);
  assert_true(embedded("page.js").size() > 0);
  const auto files = embedded_files();
  assert_true(std::is_sorted(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; }));
}

void nothing_is_served_unasked(void**) {
  const CompiledIn none = open(at(""));
  for (const char* path : {"/", "", "/chat.js", "/index.html", "/page.js"}) assert_false(get(none, path).has_value());
  assert_false(none.is_script(""));
}

void the_page_is_served_with_its_files(void**) {
  const CompiledIn files = open(at("/"));
  const HttpResponse page = *get(files, "/");
  assert_int_equal(page.status, 200);
  assert_string_equal(header(page, "Content-Type").c_str(), "text/html; charset=utf-8");
  assert_true(header(page, "Content-Security-Policy").starts_with("default-src 'none'; "));
  assert_true(page.constant_body.find("content=\"./chat.v1\"") != std::string::npos);
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name == "index.html") continue;
    const HttpResponse served = *get(files, "/" + std::string(file.name));
    assert_true(served.constant_body == file.bytes);
    assert_string_equal(header(served, "Content-Security-Policy").c_str(), "");
    assert_string_equal(header(served, "Cache-Control").c_str(), "no-cache");
    assert_string_equal(header(served, "Referrer-Policy").c_str(), "no-referrer");
  }
  for (const char* path : {"", "//", "/index.html", "/page.js/", "/Page.js", "/x", "page.js"})
    assert_false(get(files, path).has_value());
}

void a_folder_is_one_only_with_its_slash(void**) {
  const CompiledIn files = open(at("/a/talk"));
  const HttpResponse moved = *get(files, "/a/talk", {}, "GET", {{"room", "a&b"}, {"\r\nx", ""}});
  assert_int_equal(moved.status, 301);
  assert_string_equal(header(moved, "Location").c_str(), "./talk/?room=a%26b&%0D%0Ax=");
  assert_int_equal(get(files, "/a/talk/")->status, 200);
  assert_int_equal(get(files, "/a/talk/page.js")->status, 200);
  assert_int_equal(get(files, "/a/talk", {}, "POST")->status, 405);
  for (const char* path : {"/", "/a", "/a/", "/page.js", "/a/talkpage.js"}) assert_false(get(files, path).has_value());
}

void a_tag_stands_for_the_bytes(void**) {
  const CompiledIn files = open(at("/"));
  const std::string tag = header(*get(files, "/"), "ETag");
  assert_int_equal(tag.size(), 34);
  const HttpResponse same = *get(files, "/", {{"if-none-match", tag}});
  assert_int_equal(same.status, 304);
  assert_string_equal(std::string(same.constant_body).c_str(), "");
  ServerOptions other = at("/");
  other.default_room = "other";
  assert_string_not_equal(header(*get(open(other), "/"), "ETag").c_str(), tag.c_str());
  assert_string_equal(header(*get(open(at("/talk")), "/talk/page.js"), "ETag").c_str(),
                      header(*get(files, "/page.js"), "ETag").c_str());
}

void the_script_may_be_the_page_s(void**) {
  for (const char* path : {"/chat.js", "/s", "/a/b.js"}) {
    const CompiledIn files = open(at("/", path));
    assert_true(files.is_script(path));
    assert_false(files.is_script("/page.js"));
    assert_true(get(files, path)->constant_body == embedded("chat.js"));
  }
  assert_int_equal(get(open(at("", "/s.js")), "/s.js", {}, "DELETE")->status, 405);
}

void what_is_taken_is_refused(void**) {
  ServerOptions below = at("/");
  below.endpoints.push_back({"/page.js", Protocol::plain});
  ServerOptions root = at("/");
  root.endpoints = {{"/", Protocol::chat_v1}};
  ServerOptions silent = at("/");
  silent.endpoints = {{"/socket.io", Protocol::socket_io, 3}};
  for (const ServerOptions& options :
       {at("/chat"), at("/chat.v1"), at("/socket.io"), at("/socket.io/x"), at("/healthz"), below, root, silent,
        at("/", "/page.js"), at("", "/chat"), at("", "/healthz"), at("", "/socket.io/socket.io.js"),
        at("/talk", "/talk"), at("/talk", "", "/talk"), at("/", "", "/"), at("", "/m", "/m"), at("", "", "/healthz"),
        at("", "", "/chat.v1"), at("/", "/chat.js", "/chat.js")}) {
    const Result<CompiledIn> opened = CompiledIn::open(options);
    assert_false(opened.ok());
    assert_true(opened.status().code == Error::invalid_argument);
    assert_true(opened.status().detail.find("_path: ") != std::string::npos);
  }
}

void a_plain_endpoint_is_the_second_choice(void**) {
  ServerOptions options = at("/talk");
  options.endpoints = {{"/c", Protocol::plain}};
  assert_true(get(open(options), "/talk/")->constant_body.find("content=\"../c\"") != std::string::npos);
  options.endpoints.push_back({"/talk/v1", Protocol::chat_v1});
  assert_true(get(open(options), "/talk/")->constant_body.find("content=\"./v1\"") != std::string::npos);
}

void references_are_relative(void**) {
  const struct {
    const char *page, *path, *reference;
  } cases[] = {{"/", "/chat.v1", "./chat.v1"},
               {"/talk", "/chat.v1", "../chat.v1"},
               {"/a/b", "/chat", "../../chat"},
               {"/a/b", "/a/chat", "../chat"},
               {"/a/b", "/a/b/chat", "./chat"},
               {"/a", "/ab", "../ab"},
               {"/", "/a:b", "./a:b"},
               {"/", "/caf\xC3\xA9 x", "./caf%C3%A9%20x"},
               {"/a", "/", "../"},
               {"/a/b", "/a", "../../a"},
               {"/", "/\"<%", "./%22%3C%25"}};
  for (const auto& one : cases) assert_string_equal(relative_reference(one.page, one.path).c_str(), one.reference);
}

void values_are_escaped_and_places_needed(void**) {
  const std::string html = "<meta name=\"chat-endpoint\" content=\"x\"><meta name=\"chat-room\" content=\"\">";
  const Result<std::string> filled = fill_in_page(html, "./a&b", "\"><script>'");
  assert_true(filled.ok());
  assert_string_equal(filled->c_str(),
                      "<meta name=\"chat-endpoint\" content=\"./a&amp;b\">"
                      "<meta name=\"chat-room\" content=\"&quot;&gt;&lt;script&gt;'\">");
  for (const char* other : {"", "<meta name=\"chat-room\" content=\"\">", "<meta name=\"chat-endpoint\" content=\""})
    assert_true(fill_in_page(other, "a", "b").status().code == Error::internal);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_is_needed_is_compiled_in),     cmocka_unit_test(nothing_is_served_unasked),
      cmocka_unit_test(the_page_is_served_with_its_files), cmocka_unit_test(a_folder_is_one_only_with_its_slash),
      cmocka_unit_test(a_tag_stands_for_the_bytes),        cmocka_unit_test(the_script_may_be_the_page_s),
      cmocka_unit_test(what_is_taken_is_refused),          cmocka_unit_test(a_plain_endpoint_is_the_second_choice),
      cmocka_unit_test(references_are_relative),           cmocka_unit_test(values_are_escaped_and_places_needed),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
