// Each allocation of what sets a read marker, and of what reads kept ones, fails once. Either nothing has changed afterwards,
// or all of it has, and a later attempt works.
#include "fake_store.h"
#include "hub_fixture.h"
#include "support/failing_allocations.h"

using namespace chat;
using namespace chat::test;

namespace {

const std::string kUser = "a-user-whose-id-is-too-long-to-live-inside-of-a-string";

struct Fixture : HubFixture {
  explicit Fixture(RoomStore* store) : HubFixture(options_with(store)), ann(open(0, kUser)), other(open(0, kUser)) {
    for (const ClientPtr& client : {ann, other}) assert_ok(join(client, kLongRoom));
    publish(kLongRoom, "x");
    publish(kLongRoom, "x");
    take();
  }
  static HubOptions options_with(RoomStore* store) {
    HubOptions options;
    options.store = store;
    return options;
  }
  std::uint64_t seen() { return *hub->seen(kLongRoom, kUser); }

  ClientPtr ann;
  ClientPtr other;
};

// trial(at) makes the allocation with this index fail. Returns how many failed.
template <class Trial>
int each_allocation_fails_once(Trial trial) {
  int count = 0;
  while (trial(count) == Came::to_a_failure) ++count;
  return count;
}

void a_marker_without_memory_is_the_old_one(void**) {
  const int count = each_allocation_fails_once([](long at) {
    FakeStore store;
    Fixture f(&store);
    Status status{Error::no_memory, {}};
    const Came came = after(at, [&] { status = f.hub->set_seen(kLongRoom, kUser, 1, f.ann->id(), f.now); });
    const bool done = status.ok();
    assert_true(done == (came == Came::through));
    assert_int_equal(f.seen(), done ? 1 : 0);
    assert_int_equal(only<DirectMessage>(f.take()).size(), done ? 1 : 0);
    assert_int_equal(f.inboxes[0]->reserved(), 0);
    assert_ok(f.hub->set_seen(kLongRoom, kUser, 2, f.ann->id(), f.now));
    assert_int_equal(f.seen(), 2);
    assert_int_equal(only<DirectMessage>(f.take()).size(), 1);
    return came;
  });
  assert_true(count > 5);
}

void a_marker_that_is_not_written_for_lack_of_memory_is_written_later(void**) {
  const int count = each_allocation_fails_once([](long at) {
    FakeStore store;
    Fixture f(&store);
    assert_ok(f.hub->set_seen(kLongRoom, kUser, 2, f.ann->id(), f.now));
    f.now += 2 * ReadMarkers::kKeepAfterMs;
    const Came came = after(at, [&] { f.hub->expire(f.now); });
    f.now += 2 * ReadMarkers::kKeepAfterMs;
    f.hub->expire(f.now);
    assert_text(store.value(kLongRoom, "~seen/" + kUser), "2");
    return came;
  });
  assert_true(count > 0);
}

void a_join_that_cannot_read_the_markers_is_none(void**) {
  const int count = each_allocation_fails_once([](long at) {
    FakeStore store;
    store.rooms[kLongRoom]["~seen/" + kUser] = {"~seen/" + kUser, "2", 1};
    HubFixture f(Fixture::options_with(&store));
    const ClientPtr ann = f.open(0, kUser);
    f.publish(kLongRoom, "x");
    f.publish(kLongRoom, "x");
    f.take();
    const Came came = after(at, [&] { (void)f.join(ann, kLongRoom); });
    assert_true(ann->has_joined(kLongRoom) == (came == Came::through));
    assert_ok(f.join(ann, kLongRoom));
    const auto joined = only<Joined>(f.take());
    assert_int_equal(joined.back().seen, 2);
    return came;
  });
  assert_true(count > 5);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_marker_without_memory_is_the_old_one),
      cmocka_unit_test(a_marker_that_is_not_written_for_lack_of_memory_is_written_later),
      cmocka_unit_test(a_join_that_cannot_read_the_markers_is_none),
  };
  return cmocka_run_group_tests_name("hub/read markers memory", tests, nullptr, nullptr);
}
