// Each refusal is counted; each reason is logged separately and at a limited rate.
#include "net/base/refusal_log.h"

#include <set>
#include <string>
#include <vector>

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

struct Lines : Application {
  void log(LogLevel level, std::string_view text) override {
    assert_int_equal(static_cast<int>(level), static_cast<int>(LogLevel::info));
    lines.emplace_back(text);
  }
  std::vector<std::string> lines;
};

void assert_lines(const Lines& application, const std::vector<std::string>& expected) {
  assert_int_equal(application.lines.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    assert_string_equal(application.lines[i].c_str(), expected[i].c_str());
  }
}

void the_first_is_logged_with_its_address(void**) {
  Lines application;
  RefusalLog log(application);
  log.note_at(0, Refusal::connections, "192.0.2.1");
  log.note_at(0, Refusal::malformed, "", "a header's name is malformed");
  assert_lines(application,
               {"refused 192.0.2.1: too many connections (max_connections)",
                "refused a UNIX socket: the input breaks its protocol's rules: a header's name is malformed"});
}

void what_a_client_sent_makes_no_line_of_its_own(void**) {
  Lines application;
  RefusalLog log(application);
  log.note_at(0, Refusal::origin, "192.0.2.1", "http://a\r\n\x1b[31m\x7f\xc2\x9b");
  log.note_at(0, Refusal::malformed, "192.0.2.1", "\xff\xfe");
  log.note_at(0, Refusal::application, "192.0.2.1", "caf\xc3\xa9 " + std::string(300, 'x'));
  assert_lines(application, {"refused 192.0.2.1: the Origin is not allowed (allowed_origins): http://a???[31m??",
                             "refused 192.0.2.1: the input breaks its protocol's rules: ??",
                             "refused 192.0.2.1: the application refused the connection: caf\xc3\xa9 " +
                                 std::string(194, 'x') + "..."});
}

void a_flood_of_one_reason_is_one_line_and_hides_no_other(void**) {
  Lines application;
  RefusalLog log(application);
  for (int i = 0; i < 1'000; ++i) log.note_at(i, Refusal::message_rate, "192.0.2.1");
  log.note_at(1'000, Refusal::origin, "192.0.2.2");
  log.note_at(9'999, Refusal::message_rate, "192.0.2.3");
  log.note_at(10'000, Refusal::message_rate, "192.0.2.4");
  assert_lines(
      application,
      {"refused 192.0.2.1: too many messages in a short time (inbound_rate)",
       "refused 192.0.2.2: the Origin is not allowed (allowed_origins)",
       "refused 192.0.2.4: too many messages in a short time (inbound_rate) (and 1000 more since the last line)"});
  assert_int_equal(log.counts()[static_cast<std::size_t>(Refusal::message_rate)], 1'002);
  assert_int_equal(log.counts()[static_cast<std::size_t>(Refusal::origin)], 1);
}

void every_reason_has_a_name_of_its_own(void**) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < kRefusalCount; ++i) names.insert(refusal_name(static_cast<Refusal>(i)));
  assert_int_equal(names.size(), kRefusalCount);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_a_client_sent_makes_no_line_of_its_own),
      cmocka_unit_test(the_first_is_logged_with_its_address),
      cmocka_unit_test(a_flood_of_one_reason_is_one_line_and_hides_no_other),
      cmocka_unit_test(every_reason_has_a_name_of_its_own),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
