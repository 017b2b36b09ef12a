// Which room gives way, and which one is examined for what has expired: without a look at the other rooms.
#include <time.h>

#include <algorithm>
#include <string>

#include "hub/memory_log.h"
#include "hub/room_ages.h"
#include "hub_fixture.h"

namespace chat {
namespace {

using test::draft;
using test::HubFixture;

RoomPtr room(const std::string& name) {
  return std::make_shared<Room>(name, std::make_unique<MemoryLog>(HistoryLimits{}, "epoch"), 1);
}

void publish(Room& to, std::int64_t at_ms) {
  auto message = std::make_shared<Message>();
  message->seq = to.log->seq() + 1;
  message->born_ms = at_ms;
  (void)to.log->append(std::move(message));
  to.last_published_ms = at_ms;
}

void a_list_goes_from_the_oldest_to_the_newest(void**) {
  struct Item {
    AgeLink<Item> link{this};
  };
  AgeList<Item> list;
  assert_null(list.oldest());
  Item a;
  {
    Item b;
    list.touch(a.link);
    list.touch(b.link);
    assert_ptr_equal(list.oldest(), &a);
    list.touch(a.link);
    assert_ptr_equal(list.oldest(), &b);
    list.touch(b.link);
    a.link.unlink();
    assert_ptr_equal(list.oldest(), &b);
    list.touch(a.link);
  }
  assert_ptr_equal(list.oldest(), &a);  // the other one left with its end
  AgeList<Item> other;
  other.touch(a.link);
  assert_null(list.oldest());
  assert_ptr_equal(other.oldest(), &a);
}

void rooms_are_due_in_their_seconds(void**) {
  RoomAges ages;
  const RoomPtr soon = room("soon");
  const RoomPtr later = room("later");
  const RoomPtr far = room("far");
  const std::int64_t age_ms = HistoryLimits{}.age_ms;
  constexpr std::int64_t kHourMs = 3'600'000;
  publish(*far, 20 * kHourMs);
  publish(*later, 5'000);
  publish(*soon, 1'000);
  for (const RoomPtr& one : {far, later, soon}) ages.settle(*one);
  assert_null(ages.next_due(age_ms + 1'000).get());
  assert_ptr_equal(ages.next_due(age_ms + 1'001).get(), soon.get());
  assert_null(ages.next_due(age_ms + 1'001).get());
  for (std::int64_t now_ms = age_ms; now_ms <= age_ms + 5'000; now_ms += 100) assert_null(ages.next_due(now_ms).get());
  assert_ptr_equal(ages.next_due(age_ms + 5'001).get(), later.get());
  // The wheel turns many times until then.
  for (std::int64_t now_ms = age_ms; now_ms < age_ms + 20 * kHourMs; now_ms += 60'000) {
    assert_null(ages.next_due(now_ms).get());
  }
  assert_ptr_equal(ages.next_due(age_ms + 21 * kHourMs).get(), far.get());
  // After a long pause it passes each slot once.
  ages.settle(*soon);
  assert_ptr_equal(ages.next_due(1'000'000 * kHourMs).get(), soon.get());
  assert_null(ages.next_due(1'000'000 * kHourMs).get());
  for (const RoomPtr& one : {far, later, soon}) ages.remove(*one);
}

void a_busy_room_changes_its_place_seldom(void**) {
  RoomAges ages;
  const RoomPtr a = room("a");
  const RoomPtr b = room("b");
  publish(*a, 1'000);
  ages.settle(*a);
  publish(*b, 1'000);
  ages.settle(*b);
  publish(*a, 1'000 + RoomAges::kStepMs - 1);
  ages.settle(*a);
  assert_ptr_equal(ages.longest_silent().get(), a.get());
  ages.settle(*b);
  publish(*b, 1'000 + RoomAges::kStepMs);
  ages.settle(*b);
  assert_ptr_equal(ages.longest_unused(nullptr).get(), a.get());
  for (const RoomPtr& one : {a, b}) ages.remove(*one);
  assert_null(ages.longest_unused(nullptr).get());
  assert_null(ages.longest_silent().get());
}

// Rooms in which somebody has spoken.
struct ManyRooms {
  explicit ManyRooms(std::int64_t count) : fixture(options(count)) {
    for (std::int64_t i = 0; i < count; ++i) fixture.publish("room-" + std::to_string(i), "x");
  }
  static HubOptions options(std::int64_t count) {
    HubOptions result;
    result.max_rooms = count;
    result.history.age_ms = 60'000;
    return result;
  }
  HubFixture fixture;
};

void expiry_goes_in_slices(void**) {
  ManyRooms many(1'000);
  HubFixture& f = many.fixture;
  assert_false(f.hub->expire(f.now));
  f.now += 60'001;
  std::uint64_t left = 1'000;
  while (f.hub->expire(f.now)) {
    assert_true(left - f.hub->stats().rooms_now <= RoomTable::kExpireSlice);
    left = f.hub->stats().rooms_now;
  }
  assert_int_equal(f.hub->stats().rooms_now, 0);
  assert_int_equal(f.hub->stats().history_bytes_now, 0);
}

void a_room_whose_first_action_fails_is_removed(void**) {
  HubFixture f;
  f.inboxes[0]->fail_at(1);
  const ClientPtr client = f.add();
  f.inboxes[0]->fail_at(0);
  assert_status(f.join(client, "a"), Error::wrong_state);
  assert_false(f.hub->has_room("a"));
}

std::int64_t cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The shortest of several runs, because others use the processor too.
template <class Run>
std::int64_t shortest_ns(Run run) {
  std::int64_t shortest = INT64_MAX;
  for (int i = 0; i < 7; ++i) {
    const std::int64_t before = cpu_ns();
    run();
    shortest = std::min(shortest, cpu_ns() - before);
  }
  return shortest;
}

// What clients do in a full table of rooms: each message goes to a new room, so another one has to give way, and each
// client comes, joins, leaves and goes.
std::int64_t cost_of_use(ManyRooms& many, const std::string& prefix) {
  HubFixture& f = many.fixture;
  int run = 0;
  return shortest_ns([&] {
    const std::string name = prefix + std::to_string(run++) + '-';
    for (int i = 0; i < 50; ++i) {
      f.publish(name + std::to_string(i), "x");
      const ClientPtr client = f.open();
      assert_ok(f.join(client, "own-" + name));
      assert_ok(f.hub->leave(client, "own-" + name, ""));
      f.hub->remove_client(client);
      f.hub->expire(f.now);
    }
    f.take();
  });
}

void costs_do_not_depend_on_the_number_of_rooms(void**) {
  ManyRooms few(1'000);
  ManyRooms many(100'000);
  const std::int64_t with_few_ns = cost_of_use(few, "f");
  const std::int64_t with_many_ns = cost_of_use(many, "m");
  // The room that was left has gone.
  assert_int_equal(few.fixture.hub->stats().rooms_now, 999);
  assert_int_equal(many.fixture.hub->stats().rooms_now, 99'999);
  // A look at every room would cost a hundred times as much. Caches and the table itself cost a little.
  assert_in_range(with_many_ns, 0, 10 * with_few_ns);
}

}  // namespace
}  // namespace chat

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(chat::a_list_goes_from_the_oldest_to_the_newest),
      cmocka_unit_test(chat::rooms_are_due_in_their_seconds),
      cmocka_unit_test(chat::a_busy_room_changes_its_place_seldom),
      cmocka_unit_test(chat::expiry_goes_in_slices),
      cmocka_unit_test(chat::a_room_whose_first_action_fails_is_removed),
      cmocka_unit_test(chat::costs_do_not_depend_on_the_number_of_rooms),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
