// The number of connections and table entries for a limit on open files.
#include "net/base/descriptors.h"

#include <fcntl.h>
#include <unistd.h>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

namespace chat::net {
namespace {

void the_default_of_max_connections_leaves_a_reserve(void**) {
  assert_int_equal(default_max_connections(1), 1);
  assert_int_equal(default_max_connections(64), 32);
  assert_int_equal(default_max_connections(256), 192);
  assert_int_equal(default_max_connections(1'024), 960);
  assert_int_equal(default_max_connections(20'000), 18'750);
  assert_int_equal(default_max_connections(65'536), 61'440);
  assert_int_equal(default_max_connections(1'048'576), 61'440);
  assert_int_equal(default_max_connections(kUnlimited), 61'440);
}

void the_table_follows_the_limit_and_max_connections(void**) {
  // A host may raise a low limit later.
  assert_int_equal(descriptor_table_size(256, 192, 10), 4'096);
  assert_int_equal(descriptor_table_size(20'000, 18'750, 10), 20'000);
  assert_int_equal(descriptor_table_size(1'048'576, 61'440, 10), 65'546);
  assert_int_equal(descriptor_table_size(1'048'576, 1'000, 10), 65'536);
  assert_int_equal(descriptor_table_size(1'048'576, 200'000, 1'000), 205'096);
  // The host itself has many files open.
  assert_int_equal(descriptor_table_size(1'048'576, 1'000, 100'000), 105'096);
  assert_int_equal(descriptor_table_size(kUnlimited, 61'440, 10), 65'546);
  assert_int_equal(descriptor_table_size(kUnlimited, kUnlimited, 10), 1'048'576);
  assert_int_equal(descriptor_table_size(20'000, kUnlimited, 10), 20'000);
}

void held_descriptors_are_given_back(void**) {
  const int before = dup(STDIN_FILENO);
  {
    const HeldDescriptors held(5);
    assert_true(held.status().ok());
    assert_true(held.highest() >= held.lowest() + 4);
    assert_true(fcntl(held.lowest(), F_GETFD) >= 0);
  }
  close(before);
  const int after = dup(STDIN_FILENO);
  assert_int_equal(after, before);
  close(after);
}

}  // namespace
}  // namespace chat::net

int main() {
  using namespace chat::net;
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_default_of_max_connections_leaves_a_reserve),
      cmocka_unit_test(the_table_follows_the_limit_and_max_connections),
      cmocka_unit_test(held_descriptors_are_given_back),
  };
  return cmocka_run_group_tests_name("core/net/base/descriptors", tests, nullptr, nullptr);
}
