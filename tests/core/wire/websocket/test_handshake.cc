#include "wire/websocket/handshake.h"

#include <string>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat::wire;

namespace {

void accepts_as_the_rfc_does(void**) {
  assert_string_equal(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==").c_str(),
                      "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // section 1.3
  assert_string_equal(websocket_accept("x3JJHMbDL1EzLkh9GBhXDw==").c_str(), "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

void keys(void**) {
  for (const char* key : {"dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA==", "++++////0123456789abcd==",
                          "dGhlIHNhbXBsZSBub25jZR=="})  // unused bits are not zero
    assert_true(is_websocket_key(key));
  for (const char* key : {"", "=", "==", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ",
                          "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25j====",
                          "dGhlIHNhbXBsZSBub25jZQ= ", " GhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25_ZQ==",
                          "dGhlIHNhbXBsZSBub25jZ=Q=", "dGhlIHNhbXBsZSBub25jZQAAAA==", "dGhlIHNhbXBsZSBub25\xC3ZQ=="})
    assert_false(is_websocket_key(key));
  assert_false(is_websocket_key(std::string_view("dGhlIHNhbXBsZSBub25j\0Q==", 24)));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(accepts_as_the_rfc_does),
      cmocka_unit_test(keys),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
