// The slots of keys, with the values of Redis' specification and documentation, and answers to CLUSTER SLOTS.
#include "redis/cluster_slots.h"

#include <string>
#include <utility>
#include <vector>

#include "support/redis_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// Last, because it defines macros with common names.
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::redis;
using namespace chat::test;

namespace {

Value node(Value host, std::int64_t port) { return list({std::move(host), integer(port), text("id"), list({})}); }

const RedisAddress asked_node{"asked", 1, {}};

Error fault(const Value& answer) { return parse_slots(answer, asked_node).status().code; }

void the_check_value_of_the_specification(void**) {
  assert_int_equal(crc16("123456789"), 0x31C3);
  assert_int_equal(crc16(""), 0);
}

void keys_have_the_slots_that_redis_says(void**) {
  const std::pair<const char*, int> cases[] = {{"somekey", 11058},     {"foo{hash_tag}", 2515}, {"bar{hash_tag}", 2515},
                                               {"foo", 12182},         {"bar", 5061},           {"", 0},
                                               {"{user1000}.x", 3443}, {"user1000", 3443}};
  for (const auto& [key, slot] : cases) assert_int_equal(slot_of(key), slot);
  // The rules of tags, with the specification's examples.
  assert_int_equal(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
  assert_int_equal(slot_of("foo{}{bar}"), crc16("foo{}{bar}") % kSlots);
  assert_int_equal(slot_of("foo{{bar}}zap"), crc16("{bar") % kSlots);
  assert_int_equal(slot_of("foo{bar}{zap}"), crc16("bar") % kSlots);
  assert_int_equal(slot_of("foo{bar"), crc16("foo{bar") % kSlots);
}

void an_answer_names_the_primary_of_each_slot(void**) {
  Value unknown;  // nil
  const Value answer =
      list({list({integer(0), integer(99), node(text("10.0.0.1"), 7000), node(text("10.0.0.2"), 7001)}),
            list({integer(100), integer(100), node(std::move(unknown), 7002)}),
            list({integer(200), integer(16383), node(text("?"), 7003), node(text("10.0.0.1"), 7000)})});
  const Result<SlotMap> map = parse_slots(answer, asked_node);
  assert_true(map.ok());
  assert_true(*map->primary_of(0) == (RedisAddress{"10.0.0.1", 7000, {}}));
  assert_true(*map->primary_of(99) == (RedisAddress{"10.0.0.1", 7000, {}}));
  assert_true(*map->primary_of(100) == (RedisAddress{"asked", 7002, {}}));
  assert_null(map->primary_of(101));
  assert_null(map->primary_of(16383));  // its primary has no address that is known
  assert_int_equal(map->nodes.size(), 3);
}

void what_is_not_well_formed_is_refused(void**) {
  const Value good = node(text("h"), 1);
  const Value bad[] = {
      text("x"),
      list({text("x")}),
      list({list({integer(0), integer(1)})}),
      list({list({integer(2), integer(1), good})}),
      list({list({integer(-1), integer(1), good})}),
      list({list({integer(0), integer(16384), good})}),
      list({list({text("0"), integer(1), good})}),
      list({list({integer(0), integer(1), text("h")})}),
      list({list({integer(0), integer(1), node(text("h"), 0)})}),
      list({list({integer(0), integer(1), node(text("h"), 65536)})}),
      list({list({integer(0), integer(1), node(text("h\n"), 1)})}),
      list({list({integer(0), integer(1), node(text(std::string(256, 'h')), 1)})}),
      list({list({integer(0), integer(1), node(integer(1), 1)})}),
  };
  for (const Value& answer : bad) assert_true(fault(answer) == Error::system);
  assert_true(fault(list({})) == Error::unavailable);
  std::vector<Value> many;
  for (int i = 0; i <= 1'000; ++i) many.push_back(list({integer(i), integer(i), node(text("h"), i + 1)}));
  assert_true(fault(list(std::move(many))) == Error::too_many);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_check_value_of_the_specification),
      cmocka_unit_test(keys_have_the_slots_that_redis_says),
      cmocka_unit_test(an_answer_names_the_primary_of_each_slot),
      cmocka_unit_test(what_is_not_well_formed_is_refused),
  };
  return cmocka_run_group_tests_name("slots of a Redis Cluster", tests, nullptr, nullptr);
}
