// Result, Error and their way into std::error_code and exceptions.
#include <system_error>

#include "cpp_test.h"

namespace {

void a_failed_start_says_why(void**) {
  chat::Options options = free_port();
  options.port = 99'999;
  const chat::Result<chat::Server> started = chat::Server::start(options);
  assert_false(started.ok());
  FAILED_WITH(started, ERROR_INVALID_ARGUMENT);
  assert_non_null(std::strstr(started.error().message().c_str(), "port"));
}

void a_taken_port_is_address_in_use(void**) {
  const chat::Server first = start(free_port());
  chat::Options options = free_port();
  options.port = first.port();
  const auto second = chat::Server::start(options);
  assert_true(second.error().error_code() == std::errc::address_in_use);
  assert_true(second.error().error_code() == CHAT_ERROR_ADDRESS_IN_USE);
}

void every_error_is_an_error_code(void**) {
#define CHECK_ERROR(constant, number, text)                               \
  {                                                                       \
    const std::error_code code = CHAT_##constant;                         \
    assert_int_equal(code.value(), number);                               \
    assert_string_equal(code.message().c_str(), text);                    \
    assert_string_equal(code.category().name(), "chat");                  \
    assert_true(code.category() == chat::error_category());               \
    assert_true(static_cast<bool>(code) == (CHAT_##constant != CHAT_OK)); \
  }
  CHAT_ERROR_MAP(CHECK_ERROR)
#undef CHECK_ERROR
  const std::error_code timed_out = CHAT_ERROR_TIMED_OUT;
  assert_true(timed_out == std::errc::timed_out);
  assert_false(timed_out == std::errc::permission_denied);
  const std::error_code banned = CHAT_ERROR_BANNED;
  assert_false(banned == std::errc::permission_denied);
}

void value_throws_what_went_wrong(void**) {
  const chat::Server server = start(free_port());
  bool thrown = false;
  try {
    server.kick(12'345).value();
  } catch (const std::system_error& error) {
    thrown = true;
    assert_true(error.code() == CHAT_ERROR_NO_SUCH_CLIENT);
    assert_string_equal(error.what(), "no client 12345");
  }
  assert_true(thrown);
  try {
    chat::Options options = free_port();
    options.threads = -1;
    const chat::Server refused = chat::Server::start(options).value();
    fail_msg("a server with -1 threads has started");
  } catch (const chat::Exception& error) {
    assert_int_equal(error.error().code(), CHAT_ERROR_INVALID_ARGUMENT);
  }
  assert_int_equal(server.publish(chat::Message::text("one").room("dev")).value(), 1);
  server.close_room("dev").value();
}

void a_nul_is_refused_and_not_the_end_of_a_name(void**) {
  using namespace std::string_literals;
  const chat::Server server = start(free_port());
  const auto ignore = [](const auto&) {};
  FAILED_WITH(server.broadcast("lob\0by"s, "text"), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(server.publish(chat::Message::text("text").room("lob\0by"s)), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(server.publish(chat::Message::text("text").event("e\0"s)), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(server.publish(chat::Message::text("text").attribute("a\0"s, "")), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(server.send_user("u\0"s, chat::Message::text("text")), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(server.members("lob\0by"s, ignore), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(server.history("lob\0by"s, 0, 0, ignore), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(server.history_between("lob\0by"s, 0, 0, 0, ignore), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(server.history_around("lob\0by"s, 1, 0, ignore), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(server.search("lob\0by"s, "x", 0, 0, ignore), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(server.search("lobby", "x\0y"s, 0, 0, ignore), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(server.search("lobby", "x", 0, 0, ignore), ERROR_UNSUPPORTED);
  FAILED_WITH(server.set_identity(1, {"u\0"s, "", {}}), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(server.decide({1, 1}, chat::refuse("why\0not"s)), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(chat::check_room_name("lob\0by"s), ERROR_INVALID_ARGUMENT);
  chat::Options options = free_port();
  options.default_room = "lob\0by"s;
  FAILED_WITH(chat::Server::start(options), ERROR_INVALID_ARGUMENT);
  // In a text it is a character as any other.
  SUCCEEDED(server.publish(chat::Message::text("a\0b"s).room("lobby")));
  SUCCEEDED(server.history("lobby", 0, 0,
                           [&](const chat::MessageView& message) { assert_int_equal(message.data().size(), 3); }));
}

void no_server_is_an_error(void**) {
  chat::Server none;
  assert_false(static_cast<bool>(none));
  FAILED_WITH(none.broadcast("lobby", "text"), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(none.stats(), ERROR_INVALID_ARGUMENT);
  assert_int_equal(none.port(), 0);
  assert_int_equal(none.fd(), -1);
  none.stop();
  SUCCEEDED(none.close());
}

void an_empty_room_is_not_everyone(void**) {
  const chat::Server server = start(free_port());
  FAILED_WITH(server.broadcast("", "text"), ERROR_INVALID_ROOM);
  FAILED_WITH(server.publish(chat::Message::text("text").room("")), ERROR_INVALID_ROOM);
  SUCCEEDED(server.broadcast_to_everyone("text"));
  assert_int_equal(*SUCCEEDED(server.publish(chat::Message::text("text"))), 0);
}

void version_and_features(void**) {
  assert_true(chat::version() == CHAT_VERSION_STRING);
  assert_true(chat::has_feature("threads"));
  assert_false(chat::has_feature("teleportation"));
  SUCCEEDED(chat::check_room_name("lobby"));
  FAILED_WITH(chat::check_room_name("a/b"), ERROR_INVALID_ROOM);
}

void a_cluster_that_is_not_there(void**) {
  FAILED_WITH(chat::read_cluster(""), ERROR_INVALID_ARGUMENT);
  FAILED_WITH(chat::read_cluster("redis://127.0.0.1:1", "{"), ERROR_INVALID_ARGUMENT);
  if (chat::has_feature("cluster")) {
    FAILED_WITH(chat::read_cluster("redis://127.0.0.1:1", "chat:", std::chrono::milliseconds(50)), ERROR_TIMED_OUT);
  } else {
    FAILED_WITH(chat::read_cluster("redis://127.0.0.1:1"), ERROR_UNSUPPORTED);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_failed_start_says_why),
      cmocka_unit_test(a_taken_port_is_address_in_use),
      cmocka_unit_test(every_error_is_an_error_code),
      cmocka_unit_test(value_throws_what_went_wrong),
      cmocka_unit_test(a_nul_is_refused_and_not_the_end_of_a_name),
      cmocka_unit_test(no_server_is_an_error),
      cmocka_unit_test(an_empty_room_is_not_everyone),
      cmocka_unit_test(version_and_features),
      cmocka_unit_test(a_cluster_that_is_not_there),
  };
  return cmocka_run_group_tests_name("cpp/errors", tests, nullptr, nullptr);
}
