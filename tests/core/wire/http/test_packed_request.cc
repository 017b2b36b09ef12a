// Packed request heads: what is unpacked is what was packed.
#include "wire/http/packed_request.h"

#include <string>

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

namespace {

void assert_kept(const HttpRequest& request) {
  const HttpRequest unpacked = PackedRequest(request).unpack();
  assert_true(unpacked.method == request.method);
  assert_true(unpacked.path == request.path);
  assert_true(unpacked.raw_query == request.raw_query);
  assert_true(unpacked.query == request.query);
  assert_true(unpacked.headers == request.headers);
  assert_int_equal(unpacked.minor_version, request.minor_version);
  assert_int_equal(unpacked.keep_alive, request.keep_alive);
  assert_int_equal(unpacked.has_body, request.has_body);
}

void test_whole_requests(void**) {
  HttpRequest request;
  request.method = "GET";
  request.path = "/socket.io/";
  request.raw_query = "EIO=4&transport=websocket&empty=";
  request.query = {{"EIO", "4"}, {"transport", "websocket"}, {"empty", ""}};
  request.headers = {{"host", "a.example"}, {"cookie", "a=\0b"s}, {"x-long", std::string(10'000, 'x')}, {"host", "b"}};
  assert_kept(request);
  request.minor_version = 0;
  request.keep_alive = false;
  request.has_body = true;
  assert_kept(request);
}

void test_empty_requests(void**) {
  assert_kept({});
  const HttpRequest none = PackedRequest().unpack();
  assert_true(none.method.empty() && none.headers.empty() && none.query.empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_whole_requests),
      cmocka_unit_test(test_empty_requests),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
