// The hosts that a list of names allows, and invalid entries.
#include "net/http/allowed_hosts.h"

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

using chat::net::AllowedHosts;

namespace {

void expect(const std::vector<std::string>& entries, const char* host, bool secure, bool allowed) {
  for (const std::string& entry : entries) assert_string_equal(AllowedHosts::check(entry).c_str(), "");
  if (AllowedHosts(entries).allows(host, secure) != allowed) fail_msg("%s, secure %d", host, secure);
}

void without_entries_every_host_is_allowed(void**) {
  assert_true(AllowedHosts({}).any_host());
  for (const char* host : {"example.org", "", "[::1]:80"}) expect({}, host, false, true);
  assert_false(AllowedHosts({"example.org"}).any_host());
}

void a_name_with_and_without_a_port(void**) {
  for (const char* host :
       {"example.org", "EXAMPLE.org", "example.org:8080", "example.org:", "example.org.", "example.org.:80"}) {
    expect({"Example.org"}, host, false, true);
    expect({"other", "example.org."}, host, true, true);
  }
  for (const char* host :
       {"", "example.org.evil", "www.example.org", "xexample.org", "example.or", "example.org:80:80",
        "example.org@evil", "evil/example.org", "localhost", "127.0.0.1", "[::1]", "example.org.."}) {
    expect({"example.org"}, host, false, false);
  }
}

void a_port_of_an_entry_is_compared(void**) {
  expect({"example.org:8443"}, "example.org:8443", true, true);
  for (const char* host : {"example.org", "example.org:443", "example.org:84430"}) {
    expect({"example.org:8443"}, host, true, false);
  }
  // The default port of the scheme.
  for (const char* host : {"example.org", "example.org:", "example.org:443"}) {
    expect({"example.org:443"}, host, true, true);
    expect({"example.org:80"}, host, true, false);
  }
  expect({"example.org:80"}, "example.org", false, true);
  expect({"example.org:443"}, "example.org", false, false);
}

void a_pattern_has_every_name_below_it(void**) {
  for (const char* host : {"a.example.org", "A.B.EXAMPLE.ORG:8080", "a.example.org."}) {
    expect({"*.example.org"}, host, false, true);
  }
  for (const char* host : {"example.org", ".example.org", "aexample.org", "a.example.org.evil", "*.example.com", ""}) {
    expect({"*.example.org"}, host, false, false);
  }
  expect({"*.example.org:81"}, "a.example.org:81", false, true);
  expect({"*.example.org:81"}, "a.example.org", false, false);
}

void addresses_are_nothing_special(void**) {
  expect({"127.0.0.1", "[::1]"}, "127.0.0.1:3000", false, true);
  expect({"127.0.0.1", "[::1]"}, "[::1]:3000", false, true);
  expect({"127.0.0.1", "[::1]"}, "[::1]", false, true);
  expect({"127.0.0.1", "[::1]"}, "localhost", false, false);
  expect({"[::1]:81"}, "[::1]:81", false, true);
  expect({"[::1]:81"}, "[::1]", false, false);
  expect({"[::1]"}, "[::2]", false, false);
}

void entries_that_are_none(void**) {
  for (const char* entry : {"",
                            "*",
                            "*.",
                            ".",
                            ".example.org",
                            "**.example.org",
                            "a.*.org",
                            "example.*",
                            "https://example.org",
                            "example.org/",
                            "example.org:",
                            "example.org:x",
                            "example.org:65536",
                            "::1",
                            "[::1",
                            "*.[::1]",
                            "a b",
                            "user@example.org",
                            "a,b",
                            "*.example.org:"}) {
    if (AllowedHosts::check(entry).empty()) fail_msg("%s", entry);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(without_entries_every_host_is_allowed), cmocka_unit_test(a_name_with_and_without_a_port),
      cmocka_unit_test(a_port_of_an_entry_is_compared),        cmocka_unit_test(a_pattern_has_every_name_below_it),
      cmocka_unit_test(addresses_are_nothing_special),         cmocka_unit_test(entries_that_are_none),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
