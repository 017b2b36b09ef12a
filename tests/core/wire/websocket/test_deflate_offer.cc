// The negotiation of permessage-deflate.
#include "wire/websocket/deflate_offer.h"

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

using namespace chat::wire;

namespace {

constexpr const char* kPlain = "permessage-deflate; server_no_context_takeover";

struct Case {
  std::vector<std::string_view> values;
  std::string answer;  // empty: no agreement
  int server_window_bits = 15;
  bool client_no_context_takeover = false;
};

void check(const Case& c) {
  const std::optional<DeflateAgreement> agreement = agree_on_deflate(c.values);
  if (agreement.has_value() == c.answer.empty()) fail_msg("%s", c.values.empty() ? "" : c.values[0].data());
  if (!agreement) return;
  assert_string_equal(agreement->answer.c_str(), c.answer.c_str());
  assert_int_equal(agreement->server_window_bits, c.server_window_bits);
  assert_int_equal(agreement->client_no_context_takeover, c.client_no_context_takeover);
}

void offers_of_known_clients(void**) {
  const Case cases[] = {
      {{"permessage-deflate; client_max_window_bits"}, kPlain},  // Chromium, Firefox, ws
      {{"permessage-deflate; client_max_window_bits; server_max_window_bits=15"},
       std::string(kPlain) + "; server_max_window_bits=15"},  // Starscream
      {{"permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
       std::string(kPlain) + "; client_no_context_takeover",
       15,
       true},  // Go
      {{"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"},
       std::string(kPlain) + "; server_max_window_bits=12",
       12},  // Python's websockets
      {{"x-webkit-deflate-frame"}, ""},
      {{}, ""},
  };
  for (const Case& c : cases) check(c);
}

void parameters(void**) {
  const Case cases[] = {
      {{"permessage-deflate"}, kPlain},
      {{"permessage-deflate; server_no_context_takeover"}, kPlain},
      {{"permessage-deflate; client_max_window_bits=8"}, kPlain},
      {{"permessage-deflate; client_max_window_bits=15"}, kPlain},
      {{"permessage-deflate;client_max_window_bits=\"10\""}, kPlain},
      {{"permessage-deflate ; server_max_window_bits = 9"}, std::string(kPlain) + "; server_max_window_bits=9", 9},
      {{"permessage-deflate; server_max_window_bits=\"1\\0\""},
       std::string(kPlain) + "; server_max_window_bits=10",
       10},
      {{"permessage-deflate; client_no_context_takeover; server_max_window_bits=14"},
       std::string(kPlain) + "; server_max_window_bits=14; client_no_context_takeover",
       14,
       true},
  };
  for (const Case& c : cases) check(c);
  for (int bits = 9; bits <= 15; ++bits) {
    const std::string offer = "permessage-deflate; server_max_window_bits=" + std::to_string(bits);
    check({{offer}, std::string(kPlain) + "; server_max_window_bits=" + std::to_string(bits), bits});
  }
}

void what_declines_an_offer(void**) {
  for (const char* parameter : {"foo",
                                "foo=1",
                                "server_max_window_bits",
                                "server_max_window_bits=7",
                                "server_max_window_bits=8",
                                "server_max_window_bits=16",
                                "server_max_window_bits=010",
                                "server_max_window_bits=9a",
                                "server_max_window_bits=-9",
                                "server_max_window_bits=100",
                                "server_max_window_bits=1x",
                                "client_max_window_bits=7",
                                "client_max_window_bits=16",
                                "client_max_window_bits=08",
                                "client_max_window_bits=x",
                                "server_no_context_takeover=1",
                                "client_no_context_takeover=true",
                                "server_no_context_takeover; server_no_context_takeover",
                                "client_no_context_takeover; client_no_context_takeover",
                                "client_max_window_bits; client_max_window_bits",
                                "client_max_window_bits=9; client_max_window_bits=9",
                                "server_max_window_bits=9; server_max_window_bits=9",
                                "Server_No_Context_Takeover"}) {
    const std::string offer = "permessage-deflate; " + std::string(parameter);
    check({{offer}, ""});
    assert_true(is_extension_list(offer));
    // The next offer is considered, in the same header or in another.
    const std::string both = offer + ", permessage-deflate; client_no_context_takeover";
    const std::string answer = std::string(kPlain) + "; client_no_context_takeover";
    check({{both}, answer, 15, true});
    check({{offer, "permessage-deflate; client_no_context_takeover"}, answer, 15, true});
  }
}

void lists(void**) {
  const std::string filler(10'000, 'x');
  const std::string long_offer = "permessage-deflate; " + filler + ", permessage-deflate";
  std::string many;
  for (int i = 0; i < 1'000; ++i) many += "permessage-deflate; foo=" + std::to_string(i) + ", ";
  many += "permessage-deflate; server_max_window_bits=11";
  const Case cases[] = {
      {{"foo, permessage-deflate"}, kPlain},
      {{"permessage-bzip2; x=y, permessage-deflate, permessage-deflate; server_max_window_bits=9"}, kPlain},
      {{"permessage-deflate; server_max_window_bits=9, permessage-deflate"},
       std::string(kPlain) + "; server_max_window_bits=9",
       9},
      {{"foo", "bar; baz", "permessage-deflate"}, kPlain},
      {{"permessage-deflate,permessage-deflate"}, kPlain},
      {{", permessage-deflate,,"}, kPlain},
      {{"\tpermessage-deflate\t,\tfoo"}, kPlain},
      {{long_offer}, kPlain},
      {{many}, std::string(kPlain) + "; server_max_window_bits=11", 11},
      {{"Permessage-Deflate"}, ""},
      {{"permessage-deflate-frame"}, ""},
  };
  for (const Case& c : cases) check(c);
}

void malformed_lists(void**) {
  for (const char* value : {"",
                            " ",
                            ",",
                            ";",
                            ";;,,=",
                            "permessage-deflate;",
                            "permessage-deflate; ",
                            "permessage-deflate; ,",
                            "permessage-deflate; =1",
                            "permessage-deflate; foo=",
                            "permessage-deflate; foo=\"\"",
                            "permessage-deflate; foo=\"",
                            "permessage-deflate; foo=\"1",
                            "permessage-deflate; foo=\"1\\",
                            "permessage-deflate; foo=\"1 2\"",
                            "permessage-deflate; foo=\"1\"2",
                            "permessage-deflate; foo=1 2",
                            "permessage-deflate; foo bar",
                            "permessage-deflate foo",
                            "permessage-deflate=1",
                            "\"permessage-deflate\"",
                            "permessage-deflate; foo==1",
                            "permessage-deflate; foo=1=2",
                            "permessage-deflate(",
                            "permessage-deflate; f\xC3\xA9",
                            "permessage-deflate/1",
                            "foo, permessage-deflate;, bar"}) {
    assert_false(is_extension_list(value));
    check({{value}, ""});
    check({{"permessage-deflate", value}, ""});
  }
  for (const char* value : {"foo", "foo; bar", "foo; bar=1; baz=\"2\", qux", "a,,b", "foo;bar=\"\\1\""})
    assert_true(is_extension_list(value));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(offers_of_known_clients), cmocka_unit_test(parameters),
      cmocka_unit_test(what_declines_an_offer),  cmocka_unit_test(lists),
      cmocka_unit_test(malformed_lists),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
