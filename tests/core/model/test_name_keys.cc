// Names that look alike have a key in common. Without ICU nothing looks alike.
#include "model/name_keys.h"

#include <string>

#include "core/hub/hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

NameKeys keys_of(std::string_view name) {
  Result<NameKeys> keys = name_keys(name);
  assert_ok(keys.status());
  return *keys;
}

bool alike(std::string_view one, std::string_view other) {
  const NameKeys a = keys_of(one);
  const NameKeys b = keys_of(other);
  for (const std::string* key : {&a.looks, &a.folded}) {
    if (key->empty()) continue;
    if (*key == b.looks || *key == b.folded) return true;
  }
  return false;
}

void names_that_look_alike_have_a_key_in_common(void**) {
  if (!check_name_keys().ok()) skip();
  assert_true(alike("Ann", "Ann"));
  assert_true(alike("Paul", "P\xD0\xB0ul"));   // Cyrillic a
  assert_true(alike("Paul", "PauI"));          // a capital i
  assert_true(alike("Paul", "Pau1"));          // a one
  assert_true(alike("Bob", "B\xCE\xBF\x62"));  // Greek omicron
  assert_true(alike("Bob", "BOB"));
  assert_true(alike("BOB", "\xCE\x92OB"));          // Greek Beta
  assert_true(alike("Ivan", "ivan"));               // the skeleton of a capital i is that of an l
  assert_true(alike("corner", "comer"));            // r and n
  assert_true(alike("Zo\xC3\xAB", "Zoe\xCC\x88"));  // one character, or two
  assert_true(alike("Ann", "\xEF\xBC\xA1nn"));      // a wide A
  assert_true(alike("Ann", "A\xE2\x80\x8Bnn"));     // a space without width
  assert_true(alike("Ann Lee", " Ann\xC2\xA0 Lee "));
  assert_true(alike("\xED\x99\x8D", "\xE1\x84\x92\xE1\x85\xA9\xE1\x86\xBC"));  // one syllable, or its letters
}

void other_names_have_none(void**) {
  if (!check_name_keys().ok()) skip();
  for (const char* name : {"Bob", "Annie", "An", "\xED\x99\x8D", ""}) assert_false(alike("Ann", name));
  assert_false(alike("Ali", "All"));
  assert_false(alike("guest-1", "guest-11"));
  assert_false(alike("guest-1", "guest-7"));
}

void a_key_is_bounded(void**) {
  if (!check_name_keys().ok()) skip();
  std::string name;
  for (int i = 0; i < 40; ++i) name += "\xEF\xB7\xBA";  // stands for 18 characters
  assert_status(name_keys(name).status(), Error::invalid_argument);
}

void a_list_needs_no_icu(void**) {
  assert_text(list_keys("Server")->looks, list_keys("sERVER")->looks);
  assert_true(list_keys("Server")->looks != list_keys("Servers")->looks);
  if (check_name_keys().ok()) {
    assert_false(name_keys_version().empty());
  } else {
    assert_status(name_keys("Ann").status(), Error::unsupported);
    assert_true(name_keys_version().empty());
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(names_that_look_alike_have_a_key_in_common),
      cmocka_unit_test(other_names_have_none),
      cmocka_unit_test(a_key_is_bounded),
      cmocka_unit_test(a_list_needs_no_icu),
  };
  return cmocka_run_group_tests_name("model/name_keys", tests, nullptr, nullptr);
}
