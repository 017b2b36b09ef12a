// The secret of a cluster, and what is signed with it.
#include "cluster/cluster_secret.h"

#include <string>

#include "wire/digest.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using chat::cluster::ClusterSecret;

namespace {

std::string hex(const std::array<char, 32>& bytes) {
  std::string text;
  for (const char c : bytes) {
    constexpr const char* kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    text += kHex[byte >> 4];
    text += kHex[byte & 0xF];
  }
  return text;
}

// RFC 4231, test cases 1, 2 and 6.
void the_codes_are_those_of_the_standard(void**) {
  assert_string_equal(hex(chat::wire::hmac_sha256(std::string(20, '\x0b'), "Hi There")).c_str(),
                      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  assert_string_equal(hex(chat::wire::hmac_sha256("Jefe", "what do ya want for nothing?")).c_str(),
                      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  assert_string_equal(
      hex(chat::wire::hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"))
          .c_str(),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  assert_true(chat::wire::same_bytes("abc", "abc"));
  assert_false(chat::wire::same_bytes("abc", "abd"));
  assert_false(chat::wire::same_bytes("abc", "ab"));
}

void servers_with_one_secret_know_each_others_tags(void**) {
  ClusterSecret first;
  ClusterSecret second;
  const std::string tag = first.tag("text");
  assert_int_equal(tag.size(), ClusterSecret::kTagSize);
  assert_true(first.has_tag("text", tag));
  assert_false(second.has_tag("text", tag));
  assert_true(first.take(first.offer()));
  assert_true(second.take(first.offer()));
  assert_true(second.has_tag("text", tag));
  assert_string_equal(second.tag("text").c_str(), tag.c_str());
  assert_false(second.has_tag("texts", tag));
  assert_false(second.has_tag("text", ""));
  assert_false(second.has_tag("text", tag.substr(1)));
  for (std::size_t i = 0; i < tag.size(); ++i) {
    std::string other = tag;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    assert_false(second.has_tag("text", other));
  }
}

void a_secret_that_was_replaced_counts_once_more(void**) {
  ClusterSecret server;
  assert_false(server.is_shared());
  const std::string own = server.tag("text");
  assert_true(server.take(std::string(32, 'a')));
  assert_true(server.is_shared());
  assert_false(server.has_tag("text", own));  // nobody else has ever known it
  const std::string with_a = server.tag("text");
  assert_true(server.take(std::string(32, 'a')));
  assert_true(server.take(std::string(32, 'b')));
  assert_true(server.has_tag("text", with_a));
  assert_true(server.has_tag("text", server.tag("text")));
  assert_string_not_equal(server.tag("text").c_str(), with_a.c_str());
  assert_true(server.take(std::string(32, 'c')));
  assert_false(server.has_tag("text", with_a));
}

void what_is_no_secret_is_not_taken(void**) {
  ClusterSecret server;
  const std::string offer = server.offer();
  assert_int_equal(offer.size(), ClusterSecret::kBytes);
  for (const std::size_t size : {0, 1, 15, 1'025}) assert_false(server.take(std::string(size, 'x')));
  assert_false(server.is_shared());
  assert_true(server.offer() == offer);
  assert_true(ClusterSecret().offer() != offer);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_codes_are_those_of_the_standard),
      cmocka_unit_test(servers_with_one_secret_know_each_others_tags),
      cmocka_unit_test(a_secret_that_was_replaced_counts_once_more),
      cmocka_unit_test(what_is_no_secret_is_not_taken),
  };
  return cmocka_run_group_tests_name("cluster/cluster_secret", tests, nullptr, nullptr);
}
