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

using News = NoticeFilter::News;

constexpr std::uint64_t kWindow = NoticeFilter::kWindow;

bool is_new(NoticeFilter& filter, std::string_view server, std::uint64_t number) {
  return filter.take(server, number) == News::fresh;
}

void each_notice_is_new_once(void**) {
  NoticeFilter filter;
  for (std::uint64_t number = 1; number <= 3 * kWindow; ++number) {
    assert_true(is_new(filter, "a", number));
    assert_false(is_new(filter, "a", number));
    assert_true(is_new(filter, "b", number));
  }
}

void an_order_of_another_node_loses_nothing(void**) {
  NoticeFilter filter;
  for (const std::uint64_t number : {5, 3, 4, 1, 7, 2, 6}) assert_true(is_new(filter, "a", number));
  for (std::uint64_t number = 1; number <= 7; ++number) assert_false(is_new(filter, "a", number));
  assert_true(is_new(filter, "a", 8));
}

void what_is_too_old_to_tell_is_not_new(void**) {
  NoticeFilter filter;
  assert_true(is_new(filter, "a", 2 * kWindow));
  assert_true(is_new(filter, "a", kWindow + 1));
  assert_true(filter.take("a", kWindow) == News::too_old);
  assert_true(filter.take("a", kWindow + 1) == News::repeated);
  // What left the window is not forgotten into it.
  assert_true(is_new(filter, "a", 3 * kWindow - 1));
  assert_false(is_new(filter, "a", 2 * kWindow));
  assert_true(is_new(filter, "a", 2 * kWindow + 1));
  assert_true(is_new(filter, "a", UINT64_MAX));
  assert_false(is_new(filter, "a", UINT64_MAX));
  assert_true(is_new(filter, "a", UINT64_MAX - 1));
  assert_false(is_new(filter, "a", 0));
}

// A primary hangs, other notices go through another one, and then those of the first one are published again there.
void many_notices_that_come_late_are_taken(void**) {
  constexpr std::uint64_t kLate = 5'000;
  NoticeFilter filter;
  assert_true(is_new(filter, "a", 1));
  for (std::uint64_t number = kLate + 1; number < 2 * kLate; ++number) assert_true(is_new(filter, "a", number));
  for (std::uint64_t number = 2; number <= kLate; ++number) assert_true(is_new(filter, "a", number));
  for (std::uint64_t number = 1; number < 2 * kLate; ++number) assert_true(filter.take("a", number) == News::repeated);
}

void servers_that_have_gone_are_forgotten(void**) {
  NoticeFilter filter;
  assert_true(is_new(filter, "a", 1) && is_new(filter, "b", 1));
  filter.keep({"b", "c"});
  assert_true(is_new(filter, "a", 1));
  assert_false(is_new(filter, "b", 1));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_notice_is_new_once),
      cmocka_unit_test(an_order_of_another_node_loses_nothing),
      cmocka_unit_test(what_is_too_old_to_tell_is_not_new),
      cmocka_unit_test(many_notices_that_come_late_are_taken),
      cmocka_unit_test(servers_that_have_gone_are_forgotten),
  };
  return cmocka_run_group_tests_name("cluster/notice_filter", tests, nullptr, nullptr);
}
