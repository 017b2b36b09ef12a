// Each allocation of what changes presence fails once. Either nothing has changed afterwards, or all of it has, and a later
// attempt works.
#include "fake_store.h"
#include "hub_fixture.h"
#include "support/failing_allocations.h"

using namespace chat;
using namespace chat::test;

namespace {

struct Fixture : HubFixture {
  explicit Fixture(PresenceLevel level) : HubFixture(options_with(level)), ann(open(0, "ann")), bob(open(0, "bob")) {}

  static HubOptions options_with(PresenceLevel level) {
    HubOptions options;
    options.presence = level;
    return options;
  }
  void later(std::int64_t ms) {
    now.age_ms += ms;
    hub->tell_presence(now);
  }
  std::size_t people() {
    const Result<PresenceNotice> notice = hub->presence(kLongRoom, true);
    return notice.ok() ? notice->people.size() : 0;
  }

  ClientPtr ann;
  ClientPtr bob;
};

// trial(at) makes the allocation with this index fail. Returns how many failed.
template <class Trial>
int each_allocation_fails_once(Trial trial) {
  int count = 0;
  while (trial(count) == Came::to_a_failure) ++count;
  return count;
}

// The first member of a room brings the room, its presence and its place in the queue.
void a_first_join_without_memory_leaves_no_room(void**) {
  const int count = each_allocation_fails_once([](long at) {
    Fixture f(PresenceLevel::full);
    const Came came = after(at, [&] { (void)f.join(f.ann, kLongRoom); });
    const bool joined = f.ann->has_joined(kLongRoom);
    assert_int_equal(f.people(), joined ? 1 : 0);
    if (!joined) f.later(60'000);
    assert_int_equal(f.hub->stats().rooms_now, joined ? 1 : 0);
    if (!joined) assert_true(f.hub->presence_due_ms() == PresenceQueue::kNever);
    assert_ok(f.join(f.ann, kLongRoom));
    assert_int_equal(f.people(), 1);
    return came;
  });
  assert_true(count > 5);
}

void a_level_without_memory_is_the_old_one(void**) {
  const int count = each_allocation_fails_once([](long at) {
    Fixture f(PresenceLevel::off);
    assert_ok(f.join(f.ann, kLongRoom));
    assert_ok(f.join(f.bob, kLongRoom));
    Status status{Error::no_memory, {}};
    const Came came = after(at, [&] { status = f.hub->set_presence(kLongRoom, PresenceLevel::full); });
    assert_true(f.hub->presence_level(kLongRoom) == (status.ok() ? PresenceLevel::full : PresenceLevel::off));
    assert_int_equal(f.people(), status.ok() ? 2 : 0);
    assert_ok(f.hub->set_presence(kLongRoom, PresenceLevel::full));
    assert_int_equal(f.people(), 2);
    assert_ok(f.hub->leave(f.bob, kLongRoom, {}));
    f.later(0);
    f.later(60'000);
    assert_int_equal(f.people(), 1);
    return came;
  });
  assert_true(count > 5);
}

void a_state_without_memory_is_the_old_one(void**) {
  const std::string state(100, '7');
  const int count = each_allocation_fails_once([&](long at) {
    Fixture f(PresenceLevel::full);
    assert_ok(f.join(f.ann, kLongRoom));
    Status status{Error::no_memory, {}};
    const Came came = after(at, [&] { status = f.hub->set_state(f.ann, state); });
    if (came == Came::through) assert_ok(status);
    assert_ok(f.hub->set_state(f.ann, state));
    assert_text(*f.hub->presence(kLongRoom, true)->people.at(0).state, state);
    return came;
  });
  assert_true(count > 2);
}

// The users who were present when the server stopped. What fails is tried again with the next call.
void users_that_are_not_taken_over_for_lack_of_memory_stay_in_the_store(void**) {
  const std::string state(100, '7');
  const int count = each_allocation_fails_once([&](long at) {
    FakeStore store;
    HubOptions options = Fixture::options_with(PresenceLevel::full);
    options.store = &store;
    options.tells_presence = true;
    HubFixture f(options);
    for (const std::string user : {"ann", "a-user-whose-id-is-too-long-to-live-inside-of-a-string"}) {
      const std::string key = "present/" + user;
      store.rooms[kLongRoom][key] = {key, "Name of " + user + "\n" + state, f.now.time_ms};
    }
    const Came came = after(at, [&] { f.hub->load_presence(f.now); });
    f.hub->load_presence(f.now);
    assert_true(store.rooms[kLongRoom].empty());
    const Result<PresenceNotice> notice = f.hub->presence(kLongRoom, true);
    assert_ok(notice.status());
    assert_int_equal(notice->people.size(), 2);
    for (const Person& person : notice->people) {
      assert_text(person.name, "Name of " + person.user_id);
      assert_text(*person.state, state);
    }
    // Neither members nor the application are told that they came. One comes back, and the other one leaves.
    const ClientPtr ann = f.open(0, "ann");
    assert_ok(f.join(ann, kLongRoom));
    f.hub->tell_presence(f.now);
    for (const PublishedNotice& told : only<PublishedNotice>(f.take())) {
      assert_true(told.message->presence->joined.empty());
    }
    f.now += 60'000;
    f.hub->tell_presence(f.now);
    const auto left = only<PublishedNotice>(f.take());
    assert_int_equal(left.size(), 1);
    assert_int_equal(left[0].message->presence->left.size(), 1);
    return came;
  });
  assert_true(count > 5);
}

// A store whose rooms other servers have too.
class SharedStore : public FakeStore {
 public:
  bool is_shared() const override { return true; }
};

FarPerson far(std::string user, std::uint64_t version) {
  FarPerson one;
  one.person.name = "A name of " + user + " that is too long to live inside of a string";
  one.person.state = std::make_shared<const std::string>("\"" + user + std::to_string(version) + "\"");
  one.person.user_id = std::move(user);
  one.version = version;
  return one;
}

// What fails is given again.
void people_of_other_servers_are_whole_after_a_lack_of_memory(void**) {
  const std::string long_id = "a-user-whose-id-is-too-long-to-live-inside-of-a-string";
  const int count = each_allocation_fails_once([&](long at) {
    SharedStore store;
    HubOptions options = Fixture::options_with(PresenceLevel::full);
    options.store = &store;
    HubFixture f(options);
    assert_ok(f.join(f.open(0, "ann"), kLongRoom));
    f.hub->take_people(kLongRoom, 7, {far("bob", 1), far("eve", 1)}, 0, true);
    const std::vector<FarPerson> people = {far("ann", 9), far(long_id, 1), far("eve", 2), far("sam", 1)};
    const Came came = after(at, [&] { f.hub->take_people(kLongRoom, 8, people, 5, false); });
    f.hub->take_people(kLongRoom, 8, people, 5, false);
    f.hub->take_people(kLongRoom, 7, {far("sam", 1)}, 0, true);
    f.now += 2'000;
    f.hub->tell_presence(f.now);
    const PresenceNotice now = *f.hub->presence(kLongRoom, true);
    assert_int_equal(now.people.size(), 4);  // without bob
    assert_int_equal(now.count, 9);
    for (const Person& person : now.people) assert_true(person.name.starts_with("A name of " + person.user_id));
    f.hub->lose_people(7);
    f.hub->lose_people(8);
    f.hub->tell_presence(f.now);
    f.now += 60'000;
    f.hub->tell_presence(f.now);
    assert_int_equal(f.hub->presence(kLongRoom, true)->count, 1);
    return came;
  });
  assert_true(count > 10);
}

void what_the_others_are_not_told_for_lack_of_memory_is_told_later(void**) {
  const int count = each_allocation_fails_once([&](long at) {
    SharedStore store;
    HubOptions options = Fixture::options_with(PresenceLevel::full);
    options.store = &store;
    HubFixture f(options);
    const ClientPtr guest = f.open();
    assert_ok(f.join(guest, kLongRoom));
    assert_int_equal(f.hub->own_people(kLongRoom, false)->people.size(), 1);
    assert_ok(f.join(f.open(0, "ann"), kLongRoom));
    assert_ok(f.join(f.open(0, "bob"), kLongRoom));
    assert_ok(f.hub->leave(guest, kLongRoom, {}));
    std::optional<OwnPeople> own;
    const Came came = after(at, [&] { own = f.hub->own_people(kLongRoom, false); });
    if (came == Came::to_a_failure) own = f.hub->own_people(kLongRoom, false);
    assert_true(own.has_value());
    assert_int_equal(own->people.size(), 3);
    assert_int_equal(own->count, 2);
    assert_int_equal(f.hub->own_people(kLongRoom, false)->people.size(), 0);
    return came;
  });
  assert_true(count > 3);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_first_join_without_memory_leaves_no_room),
      cmocka_unit_test(a_level_without_memory_is_the_old_one),
      cmocka_unit_test(a_state_without_memory_is_the_old_one),
      cmocka_unit_test(users_that_are_not_taken_over_for_lack_of_memory_stay_in_the_store),
      cmocka_unit_test(people_of_other_servers_are_whole_after_a_lack_of_memory),
      cmocka_unit_test(what_the_others_are_not_told_for_lack_of_memory_is_told_later),
  };
  return cmocka_run_group_tests_name("hub/presence memory", tests, nullptr, nullptr);
}
