// Notices that come by several nodes of a Redis Cluster, and again.
#include "cluster/notice_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// Last, because it defines macros with common names.
extern "C" {
#include <cmocka.h>
}

using chat::cluster::NoticeFilter;

namespace {

constexpr std::uint64_t kWindow = NoticeFilter::kWindow;

void each_notice_is_new_once(void**) {
  NoticeFilter filter;
  for (std::uint64_t number = 1; number <= 3 * kWindow; ++number) {
    assert_true(filter.is_new("a", number));
    assert_false(filter.is_new("a", number));
    assert_true(filter.is_new("b", number));
  }
}

void an_order_of_another_node_loses_nothing(void**) {
  NoticeFilter filter;
  for (const std::uint64_t number : {5, 3, 4, 1, 7, 2, 6}) assert_true(filter.is_new("a", number));
  for (std::uint64_t number = 1; number <= 7; ++number) assert_false(filter.is_new("a", number));
  assert_true(filter.is_new("a", 8));
}

void what_is_too_old_to_tell_is_not_new(void**) {
  NoticeFilter filter;
  assert_true(filter.is_new("a", 2 * kWindow));
  assert_true(filter.is_new("a", kWindow + 1));
  assert_false(filter.is_new("a", kWindow));
  assert_false(filter.is_new("a", kWindow + 1));
  // What left the window is not forgotten into it.
  assert_true(filter.is_new("a", 3 * kWindow - 1));
  assert_false(filter.is_new("a", 2 * kWindow));
  assert_true(filter.is_new("a", 2 * kWindow + 1));
  assert_true(filter.is_new("a", UINT64_MAX));
  assert_false(filter.is_new("a", UINT64_MAX));
  assert_true(filter.is_new("a", UINT64_MAX - 1));
  assert_false(filter.is_new("a", 0));
}

void servers_that_have_gone_are_forgotten(void**) {
  NoticeFilter filter;
  assert_true(filter.is_new("a", 1) && filter.is_new("b", 1));
  filter.keep({"b", "c"});
  assert_true(filter.is_new("a", 1));
  assert_false(filter.is_new("b", 1));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_notice_is_new_once),
      cmocka_unit_test(an_order_of_another_node_loses_nothing),
      cmocka_unit_test(what_is_too_old_to_tell_is_not_new),
      cmocka_unit_test(servers_that_have_gone_are_forgotten),
  };
  return cmocka_run_group_tests_name("cluster/notice_filter", tests, nullptr, nullptr);
}
