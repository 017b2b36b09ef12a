// Which reports count: each message once for each person, and so many in a minute. And what is forgotten above the bounds.
#include "hub/report_log.h"

#include "hub_fixture.h"
#include "support/failing_allocations.h"

using namespace chat;
using namespace chat::test;

namespace {

bool is_new(ReportLog& log, const std::string& source, const std::string& report, std::int64_t now_ms = 0) {
  const Result<bool> noted = log.note(source, report, now_ms);
  assert_ok(noted.status());
  return *noted;
}

void a_report_counts_once(void**) {
  ReportLog log;
  assert_true(is_new(log, "ann", "ann 1"));
  assert_false(is_new(log, "ann", "ann 1"));
  assert_true(is_new(log, "bob", "bob 1"));
  assert_false(is_new(log, "ann", "ann 1", 10 * ReportLog::kMinuteMs));
}

void so_many_in_a_minute(void**) {
  ReportLog log;
  for (std::size_t i = 0; i < ReportLog::kPerMinute; ++i) assert_true(is_new(log, "ann", std::to_string(i), 1'000));
  const Result<bool> refused = log.note("ann", "one more", 11'000);
  assert_status(refused.status(), Error::rate_limited);
  assert_int_equal(refused.status().retry_after_ms, 50'000);
  assert_false(is_new(log, "ann", "0", 11'000));  // known ones are no burden
  assert_true(is_new(log, "bob", "bob 1", 11'000));
  assert_true(is_new(log, "ann", "one more", 61'000));
}

void the_oldest_are_forgotten(void**) {
  ReportLog log;
  for (std::size_t i = 0; i < ReportLog::kMaxReports; ++i) {
    assert_true(is_new(log, "address " + std::to_string(i / ReportLog::kPerMinute), std::to_string(i)));
  }
  assert_false(is_new(log, "x", "0"));
  assert_true(is_new(log, "x", "one more"));
  assert_true(is_new(log, "x", "0"));  // forgotten, and "1" is now
  assert_false(is_new(log, "x", "2"));
}

// A source whose minute is forgotten can begin another one.
void the_sources_are_bounded(void**) {
  ReportLog log;
  for (std::size_t i = 0; i < ReportLog::kPerMinute; ++i) assert_true(is_new(log, "first", std::to_string(i)));
  for (std::size_t i = 1; i < ReportLog::kMaxSources; ++i) {
    const std::string name = "s" + std::to_string(i);
    assert_true(is_new(log, name, name));
  }
  assert_status(log.note("first", "more", 0).status(), Error::rate_limited);
  assert_true(is_new(log, "last", "last"));
  assert_true(is_new(log, "first", "more"));
}

void a_report_without_memory_is_not_noted(void**) {
  const std::string report(100, 'r');
  int failures = 0;
  for (;; ++failures) {
    ReportLog log;
    bool noted = false;
    const Came came = after(failures, [&] { noted = *log.note(kLongRoom, report, 0); });
    assert_int_equal(noted, came == Came::through);
    assert_int_equal(is_new(log, kLongRoom, report), !noted);
    if (came == Came::through) break;
  }
  assert_true(failures > 3);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_report_counts_once),
      cmocka_unit_test(so_many_in_a_minute),
      cmocka_unit_test(the_oldest_are_forgotten),
      cmocka_unit_test(the_sources_are_bounded),
      cmocka_unit_test(a_report_without_memory_is_not_noted),
  };
  return cmocka_run_group_tests_name("hub/report_log", tests, nullptr, nullptr);
}
