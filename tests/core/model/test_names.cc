// The names of rooms, events, people and attributes, and the size of a message.
#include "model/names.h"

#include <string>

#include "model/message.h"

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;

namespace {

void room_names(void**) {
  for (const char* name : {"a", "lobby", "dev ops", "M\xC3\xBCnchen", "\xE6\x97\xA5\xE6\x9C\xAC", "a.b:c_d-e~f!g*h'(i)",
                           "\xC2\xA0x", "%2F", "a\\b"})
    assert_true(check_room_name(name).ok());
  assert_true(check_room_name(std::string(128, 'a')).ok());

  const std::string with_nul("a\0b", 3);
  for (const std::string& name :
       {std::string(), std::string(129, 'a'), std::string("a/b"), std::string("a,b"), std::string("a?"),
        std::string("#a"), std::string(" a"), std::string("a "), std::string(" "), with_nul, std::string("a\nb"),
        std::string("\x7F"), std::string("\xC2\x80"), std::string("a\xC2\x9F"), std::string("\xFF"),
        std::string("a\xC3")}) {
    const Status status = check_room_name(name);
    assert_int_equal(status.code, Error::invalid_room);
    assert_true(status.detail.starts_with("room name "));
  }
  // A name whose limit of 128 bytes falls inside a character.
  assert_int_equal(check_room_name(std::string(127, 'a') + "\xC3\xA9").code, Error::invalid_room);
}

void event_names(void**) {
  for (const char* name : {"chat message", "typing", "Connect", "connected", " x ", "a/b,c?d#e", "error", "\xC3\xA9"})
    assert_true(check_event_name(name).ok());
  for (const char* name : {"", "connect", "connect_error", "disconnect", "disconnecting", "newListener",
                           "removeListener", "a\tb", "\xED\xA0\x80"})
    assert_int_equal(check_event_name(name).code, Error::invalid_event);
  assert_true(check_event_name(std::string(128, 'e')).ok());
  assert_int_equal(check_event_name(std::string(129, 'e')).code, Error::invalid_event);
}

void person_names(void**) {
  for (const char* name : {"", "Ann", "guest-1", "a/b", " x "}) assert_true(check_person_name(name).ok());
  assert_true(check_person_name(std::string(128, 'a')).ok());
  assert_int_equal(check_person_name(std::string(129, 'a')).code, Error::invalid_argument);
  assert_int_equal(check_person_name("a\r").code, Error::invalid_argument);
  assert_int_equal(check_person_name("\xC2\x85").code, Error::invalid_argument);
  assert_int_equal(check_person_name("\xC2").code, Error::invalid_utf8);
}

void attributes(void**) {
  assert_true(check_attributes({}).ok());
  assert_true(check_attributes({{"content-type", "text/plain"}, {"n", std::string("a\0\n", 3)}}).ok());
  assert_int_equal(check_attributes({{"", "x"}}).code, Error::invalid_argument);
  assert_int_equal(check_attributes({{"a\n", "x"}}).code, Error::invalid_argument);
  assert_int_equal(check_attributes({{std::string(129, 'a'), "x"}}).code, Error::invalid_argument);
  assert_int_equal(check_attributes({{"a", "\xFF"}}).code, Error::invalid_utf8);
  assert_int_equal(check_attributes({{"\xFF", "a"}}).code, Error::invalid_utf8);
  assert_true(check_attributes({{"a", std::string(8191, 'v')}}).ok());
  assert_int_equal(check_attributes({{"a", std::string(8192, 'v')}}).code, Error::too_large);
  assert_true(check_attributes(Pairs(32, {"a", ""})).ok());
  assert_int_equal(check_attributes(Pairs(33, {"a", ""})).code, Error::too_many);
}

void a_lone_attachment_is_bytes(void**) {
  MessageDraft draft;
  draft.kind = PayloadKind::args;
  draft.payload = kSingleBinaryArgs;
  assert_false(is_single_binary(draft));
  draft.attachments = {"bytes"};
  assert_true(is_single_binary(draft));
  draft.attachments = {"bytes", "more"};
  assert_false(is_single_binary(draft));
  draft.attachments = {"bytes"};
  draft.kind = PayloadKind::text;
  assert_false(is_single_binary(draft));
}

void sizes(void**) {
  Message message;
  assert_int_equal(message.size_bytes(), 0);
  const std::size_t empty = message.memory_bytes();
  assert_true(empty >= sizeof(Message));
  message.payload = std::string(1000, 'x');
  message.attachments = {std::string(100, 'y'), ""};
  message.attributes = {{"name", "value"}};
  assert_int_equal(message.size_bytes(), 1000 + 100 + 9);
  assert_true(message.memory_bytes() >= empty + 1100 + 2 * sizeof(std::string) + sizeof(Pair));
  assert_true(message.memory_bytes() < empty + 2000);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(room_names),
      cmocka_unit_test(event_names),
      cmocka_unit_test(person_names),
      cmocka_unit_test(attributes),
      cmocka_unit_test(a_lone_attachment_is_bytes),
      cmocka_unit_test(sizes),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
