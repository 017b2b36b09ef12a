// A program that contains libchat's inside (a static build of it) and uses the C++ headers too: both have a chat::Message,
// a chat::Identity, a chat::Result, and neither takes the other's. The inside is used in test_with_core_inside.cc.
#include "cpp_test.h"

std::string inside_message_text();

namespace {

void names_of_the_inside_are_other_names(void**) {
  const chat::Message message = chat::Message::text("outside").room("lobby");
  assert_string_equal(inside_message_text().c_str(), "inside");
  const chat::Server server = start(free_port());
  assert_int_equal(*SUCCEEDED(server.publish(message)), 1);
  SUCCEEDED(
      server.history("lobby", 0, 0, [](const chat::MessageView& view) { assert_true(view.text() == "outside"); }));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(names_of_the_inside_are_other_names)};
  return cmocka_run_group_tests_name("cpp/with_core", tests, nullptr, nullptr);
}
