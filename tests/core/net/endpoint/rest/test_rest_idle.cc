// Which idle clients of the pool of identities make way for others.
#include "net/endpoint/rest/rest_idle.h"

#include <string>

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat::net;

namespace {

std::string numbers(const std::vector<RestIdle::Entry>& entries) {
  std::string text;
  for (const RestIdle::Entry& entry : entries)
    text += std::to_string(entry.number) + "@" + std::to_string(entry.loop) + " ";
  return text;
}

void fill(RestIdle& idle) {
  idle.add({1, 0, "a"});
  idle.add({2, 1, "b"});
  idle.add({3, 2, "a"});
  idle.add({4, 0, "c"});
  idle.add({1, 0, "a"});  // changes nothing
}

void the_oldest_of_the_source_come_first(void**) {
  RestIdle idle;
  fill(idle);
  assert_int_equal(idle.size(), 4);
  assert_string_equal(numbers(idle.take("a", true, 16)).c_str(), "1@0 3@2 ");
  assert_string_equal(numbers(idle.take("a", true, 1)).c_str(), "2@1 ");
  assert_string_equal(numbers(idle.take("", true, 16)).c_str(), "4@0 ");
  assert_int_equal(idle.size(), 0);
}

void a_source_at_its_own_limit_spares_others(void**) {
  RestIdle idle;
  fill(idle);
  assert_string_equal(numbers(idle.take("d", false, 16)).c_str(), "");
  assert_string_equal(numbers(idle.take("", false, 16)).c_str(), "");
  assert_int_equal(idle.size(), 4);
}

void a_client_that_is_in_use_stays(void**) {
  RestIdle idle;
  fill(idle);
  idle.remove(1);
  idle.remove(1);
  idle.remove(99);
  assert_string_equal(numbers(idle.take("a", false, 1)).c_str(), "3@2 ");
  idle.add({1, 5, "a"});
  assert_string_equal(numbers(idle.take("a", false, 1)).c_str(), "1@5 ");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_oldest_of_the_source_come_first),
      cmocka_unit_test(a_source_at_its_own_limit_spares_others),
      cmocka_unit_test(a_client_that_is_in_use_stays),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
