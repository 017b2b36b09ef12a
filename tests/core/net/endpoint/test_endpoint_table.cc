// Which endpoint a path is. What a request of it is answered is for the tests that speak HTTP.
#include "net/endpoint/endpoint_table.h"

// After all others: it has a macro named fail.
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

class Handler final : public EndpointHandler {
 public:
  bool precedes_files(const HttpRequest&) const override { return false; }
  std::variant<HttpResponse, Hold> route(const HttpRequest&, const RequestContext&, const Endpoint&) override {
    return HttpResponse();
  }
  std::optional<HttpResponse> open_websocket(Connection&, Opening&) override { return std::nullopt; }
  std::vector<Task> goodbyes() override { return {}; }
};

void expect(const ServerOptions& options, std::string_view path, const char* endpoint) {
  const Endpoint* found = find_endpoint(options, path);
  if (endpoint == nullptr) {
    assert_null(found);
  } else {
    assert_non_null(found);
    assert_string_equal(found->path.c_str(), endpoint);
  }
}

void a_path_is_found_with_and_without_a_slash(void**) {
  const ServerOptions options;
  for (const char* path : {"/chat", "/chat.v1", "/socket.io"}) {
    expect(options, path, path);
    expect(options, std::string(path) + "/", path);
  }
  assert_true(find_endpoint(options, "/socket.io/")->protocol == Protocol::socket_io);
}

void nothing_else_is_found(void**) {
  const ServerOptions options;
  for (const char* path : {"", "/", "//", "/cha", "/chat2", "chat", "/Chat", "/chat//", "//chat", "/chat/x",
                           "/socket.io/x", "/socket.io/socket.io.js", "/chat ", "/healthz"}) {
    expect(options, path, nullptr);
  }
  ServerOptions none;
  none.endpoints.clear();
  expect(none, "/chat", nullptr);
  expect(none, "/", nullptr);
}

void the_root_may_be_one(void**) {
  ServerOptions options;
  options.endpoints = {{"/", Protocol::plain}, {"/a/b", Protocol::chat_v1}};
  expect(options, "/", "/");
  expect(options, "/a/b/", "/a/b");
  expect(options, "/a", nullptr);
  expect(options, "", nullptr);
}

void what_is_below_socket_io_belongs_to_it(void**) {
  ServerOptions options;
  options.endpoints = {
      {"/socket.io", Protocol::socket_io}, {"/chat", Protocol::plain}, {"/socket.io/a/", Protocol::socket_io}};
  EndpointTable table(options);
  Handler alone;
  Handler with_paths_below;
  table.add(Protocol::plain, alone);
  table.add(Protocol::socket_io, with_paths_below);
  assert_ptr_equal(&table.handler(options.endpoints[0]), &with_paths_below);
  assert_ptr_equal(&table.handler(*table.find("/chat/")), &alone);
  const auto above = [&](std::string_view path) {
    const Endpoint* found = table.find_above(path);
    return found == nullptr ? std::string("none") : found->path;
  };
  for (const char* path : {"/socket.io/", "/socket.io//", "/socket.io/default/", "/socket.io/b", "/socket.io/ab"})
    assert_string_equal(above(path).c_str(), "/socket.io");
  for (const char* path : {"/socket.io/a/", "/socket.io/a/b"})
    assert_string_equal(above(path).c_str(), "/socket.io/a/");
  for (const char* path :
       {"", "/", "/socket.iox", "/socket.iox/", "/socket", "/chat/x", "/Socket.io/x", "//socket.io/"})
    assert_string_equal(above(path).c_str(), "none");
  options.endpoints = {{"/", Protocol::socket_io}};
  assert_string_equal(above("/anything").c_str(), "/");
}

void of_two_the_first(void**) {
  ServerOptions options;
  options.endpoints = {{"/a", Protocol::plain}, {"/a", Protocol::chat_v1}};
  assert_ptr_equal(find_endpoint(options, "/a"), &options.endpoints[0]);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_path_is_found_with_and_without_a_slash),
      cmocka_unit_test(nothing_else_is_found),
      cmocka_unit_test(the_root_may_be_one),
      cmocka_unit_test(what_is_below_socket_io_belongs_to_it),
      cmocka_unit_test(of_two_the_first),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
