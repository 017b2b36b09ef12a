// How far users have read: markers, their limits, who is told, and what the store gets of them.
#include "hub/read_markers.h"

#include "fake_store.h"
#include "hub/dispatcher.h"
#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

struct Fixture : HubFixture {
  explicit Fixture(RoomStore* store = nullptr, std::size_t loops = 1) : HubFixture(options_with(store), loops) {}

  static HubOptions options_with(RoomStore* store) {
    HubOptions options;
    options.store = store;
    return options;
  }
  // An open member; its events are discarded.
  ClientPtr member(std::string user, std::string_view room = "lobby", std::size_t loop = 0) {
    ClientPtr client = open(loop, std::move(user));
    assert_ok(join(client, room));
    take(loop);
    return client;
  }
  void say(int messages, const std::string& room = "lobby") {
    while (messages-- > 0) publish(room, "x");
    for (std::size_t loop = 0; loop < inboxes.size(); ++loop) take(loop);
  }
  std::uint64_t seen(std::string_view user, std::string_view room = "lobby") {
    const Result<std::uint64_t> seq = hub->seen(room, user);
    assert_ok(seq.status());
    return *seq;
  }
  Status set(std::string_view user, std::uint64_t seq, std::string_view room = "lobby") {
    return hub->set_seen(room, user, seq, 0, now);
  }
};

void a_marker_only_rises(void**) {
  Fixture f;
  const ClientPtr ann = f.member("ann");
  assert_int_equal(f.seen("ann"), 0);
  assert_ok(f.set("ann", 5));  // there is no message yet
  assert_int_equal(f.seen("ann"), 0);
  f.say(3);
  assert_ok(f.set("ann", 2));
  assert_int_equal(f.seen("ann"), 2);
  assert_ok(f.set("ann", 1));
  assert_int_equal(f.seen("ann"), 2);
  assert_ok(f.set("ann", UINT64_MAX));  // the newest message
  assert_int_equal(f.seen("ann"), 3);
  assert_int_equal(f.seen("bob"), 0);
  assert_int_equal(f.seen("ann", "nowhere"), 0);
  assert_status(f.set("ann", 1, "nowhere"), Error::no_such_room);
  assert_status(f.set("ann", 1, "no/room"), Error::invalid_room);
  assert_status(f.hub->seen("no/room", "ann").status(), Error::invalid_room);
  // A new numbering has no markers.
  assert_ok(f.hub->close_room("lobby", ""));
  f.member("ann");
  f.say(5);
  assert_int_equal(f.seen("ann"), 0);
}

void the_other_clients_of_the_user_are_told(void**) {
  Fixture f(nullptr, 2);
  const ClientPtr phone = f.member("ann");
  const ClientPtr desk = f.member("ann", "lobby", 1);
  const ClientPtr elsewhere = f.member("ann", "other", 1);
  const ClientPtr bob = f.member("bob");
  f.say(3);
  assert_ok(f.hub->set_seen("lobby", "ann", 2, phone->id(), f.now));
  assert_true(f.take(0).empty());
  const auto told = only<DirectMessage>(f.take(1));
  assert_int_equal(told.size(), 1);
  assert_true(told[0].client == desk->id());
  const Message& notice = *told[0].message;
  assert_true(notice.event_kind == RoomEventKind::seen && !notice.is_numbered());
  assert_int_equal(notice.target_seq, 2);
  assert_text(notice.payload, R"([{"room":"lobby","seq":2}])");
  // The application tells all of them. What changes nothing tells nobody.
  assert_ok(f.set("ann", 3));
  assert_ok(f.set("ann", 3));
  assert_int_equal(only<DirectMessage>(f.take(0)).size(), 1);
  assert_int_equal(only<DirectMessage>(f.take(1)).size(), 1);
}

void a_member_learns_the_marker_when_it_joins(void**) {
  Fixture f;
  f.member("ann");
  f.say(3);
  assert_ok(f.set("ann", 2));
  f.take();
  assert_ok(f.join(f.open(0, "ann"), "lobby"));
  assert_int_equal(only<Joined>(f.take())[0].seen, 2);
  assert_ok(f.join(f.open(0, "bob"), "lobby"));
  assert_ok(f.join(f.open(), "lobby"));
  for (const Joined& joined : only<Joined>(f.take())) assert_int_equal(joined.seen, 0);
}

void the_oldest_marker_goes(void**) {
  Fixture f;
  f.member("ann");
  f.say(2);
  assert_ok(f.set("ann", 1));
  std::size_t users = 1;
  for (; users < ReadMarkers::kMaxUsers + 10 && f.seen("ann") != 0; ++users) {
    assert_ok(f.set("user " + std::to_string(users), 1));
  }
  assert_int_equal(users, ReadMarkers::kMaxUsers + 1);
  assert_int_equal(f.seen("user 1"), 1);
  assert_ok(f.set("user 1", 2));  // the newest one now
  assert_ok(f.set("ann", 1));
  assert_int_equal(f.seen("user 1"), 2);
  assert_int_equal(f.seen("user 2"), 0);
}

void long_user_ids_leave_space_for_fewer_markers(void**) {
  const auto total = std::make_shared<std::atomic<std::size_t>>(0);
  const std::string room = "lobby";
  ReadMarkers markers(total, nullptr, room, 9);
  const std::string user(100, 'x');
  assert_ok(markers.raise("ann", 1, {1, 1}));
  int users = 0;
  for (; markers.of("ann") != 0; ++users) assert_ok(markers.raise(user + std::to_string(users), 1, {1, 1}));
  assert_in_range(users, 4'000, 7'000);
  assert_in_range(total->load(), ReadMarkers::kMaxBytes - 1'000, ReadMarkers::kMaxBytes);
}

void all_rooms_share_a_limit(void**) {
  const auto total = std::make_shared<std::atomic<std::size_t>>(ReadMarkers::kMaxAllBytes - 150);
  const std::string room = "lobby";
  {
    ReadMarkers markers(total, nullptr, room, 9);
    ReadMarkers others(total, nullptr, room, 9);
    const Moment now{1, 1};
    assert_ok(markers.raise("ann", 1, now));
    assert_status(others.raise("bob", 1, now), Error::too_many);
    assert_int_equal(others.of("bob"), 0);
    assert_ok(markers.raise("bob", 1, now));  // in place of the oldest one of this room
    assert_int_equal(markers.of("ann"), 0);
    assert_int_equal(markers.of("bob"), 1);
  }
  assert_int_equal(total->load(), ReadMarkers::kMaxAllBytes - 150);
}

void the_store_gets_markers_together(void**) {
  FakeStore store;
  Fixture f(&store);
  f.member("ann");
  f.say(5);
  for (int seq = 1; seq <= 5; ++seq) assert_ok(f.set("ann", static_cast<std::uint64_t>(seq)));
  assert_ok(f.set("bob", 1));
  assert_int_equal(store.calls, 0);
  f.now += ReadMarkers::kKeepAfterMs - 1'000;
  f.hub->expire(f.now);
  assert_int_equal(store.calls, 0);
  f.now += 2'000;
  f.hub->expire(f.now);
  assert_int_equal(store.calls, 2);
  assert_text(store.value("lobby", "~seen/ann"), "5");
  assert_text(store.value("lobby", "~seen/bob"), "1");
  f.now += 60'000;
  f.hub->expire(f.now);
  assert_int_equal(store.calls, 2);
  f.say(1);
  assert_ok(f.set("ann", 6));
  f.hub->keep_seen();
  assert_int_equal(store.calls, 3);
  // The next run knows them, and cuts those that are above the newest message of the room.
  Fixture next(&store);
  next.member("ann");
  next.say(2);
  assert_int_equal(next.seen("bob"), 0);  // the room had no message when the markers were read
  store.rooms["other"]["~seen/bob"] = {"~seen/bob", "7", 1};
  next.say(9, "other");
  assert_int_equal(next.seen("bob", "other"), 7);
}

void markers_that_the_store_refuses_are_in_memory(void**) {
  FakeStore store;
  Fixture f(&store);
  f.member("ann");
  f.say(5);
  store.refuses = Error::too_many;
  assert_ok(f.set("ann", 4));
  f.now += 10'000;
  f.hub->expire(f.now);
  assert_int_equal(store.calls, 1);
  assert_int_equal(f.seen("ann"), 4);
  f.now += 60'000;
  f.hub->expire(f.now);
  assert_int_equal(store.calls, 1);  // not again
  // Later, when too much waits for the disk.
  store.refuses = Error::unavailable;
  assert_ok(f.set("ann", 5));
  f.now += 10'000;
  f.hub->expire(f.now);
  assert_int_equal(store.calls, 2);
  store.refuses = Error::ok;
  f.now += 10'000;
  f.hub->expire(f.now);
  assert_text(store.value("lobby", "~seen/ann"), "5");
}

void a_room_with_unwritten_markers_stays_until_they_are_written(void**) {
  FakeStore store;
  Fixture f(&store);
  const ClientPtr ann = f.member("ann");
  f.say(1);
  assert_ok(f.set("ann", 1));
  assert_ok(f.hub->leave(ann, "lobby", {}));
  f.now += std::int64_t{25} * 3'600'000;  // the message is too old
  while (f.hub->expire(f.now)) continue;
  assert_text(store.value("lobby", "~seen/ann"), "1");
  while (f.hub->expire(f.now)) continue;
  assert_int_equal(f.hub->stats().rooms_now, 0);
}

void a_room_that_gives_way_writes_its_markers(void**) {
  FakeStore store;
  HubOptions options = Fixture::options_with(&store);
  options.max_rooms = 1;
  HubFixture f(options);
  const ClientPtr ann = f.open(0, "ann");
  assert_ok(f.join(ann, "old"));
  f.publish("old", "x");
  assert_ok(f.hub->set_seen("old", "ann", 1, 0, f.now));
  assert_ok(f.hub->leave(ann, "old", {}));
  assert_ok(f.join(ann, "new"));
  assert_int_equal(f.hub->stats().rooms_now, 1);
  assert_text(store.value("old", "~seen/ann"), "1");
}

void who_may_set_a_marker(void**) {
  Fixture f;
  Application application;
  Dispatcher dispatcher(*f.hub, application);
  const auto execute = [&](const ClientPtr& client, SeenCommand command) {
    AckTable acks;
    return dispatcher.execute(client, Command(std::move(command)), acks, f.now);
  };
  const auto code = [](const Outcome& outcome) {
    const auto* reply = std::get_if<Reply>(&outcome);
    if (reply == nullptr) return Error::ok;
    const auto* error = std::get_if<ErrorReply>(reply);
    return error == nullptr ? Error::ok : error->code;
  };
  const ClientPtr ann = f.member("ann");
  const ClientPtr guest = f.member("");
  f.say(3);
  const Outcome done = execute(ann, {"", 2, "\"r\""});
  assert_text(std::get<AckReply>(std::get<Reply>(done)).ref, "\"r\"");
  assert_int_equal(f.seen("ann"), 2);
  assert_true(std::holds_alternative<std::monostate>(execute(ann, {"lobby", 3, {}})));
  assert_int_equal(number(code(execute(guest, {"lobby", 1, {}}))), number(Error::forbidden));
  assert_int_equal(number(code(execute(ann, {"other", 1, {}}))), number(Error::not_joined));
  assert_int_equal(number(code(execute(ann, {"no/room", 1, {}}))), number(Error::invalid_room));
  assert_int_equal(number(code(execute(f.open(0, "bob"), {"", 1, {}}))), number(Error::not_joined));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_marker_only_rises),
      cmocka_unit_test(the_other_clients_of_the_user_are_told),
      cmocka_unit_test(a_member_learns_the_marker_when_it_joins),
      cmocka_unit_test(the_oldest_marker_goes),
      cmocka_unit_test(long_user_ids_leave_space_for_fewer_markers),
      cmocka_unit_test(all_rooms_share_a_limit),
      cmocka_unit_test(the_store_gets_markers_together),
      cmocka_unit_test(markers_that_the_store_refuses_are_in_memory),
      cmocka_unit_test(a_room_with_unwritten_markers_stays_until_they_are_written),
      cmocka_unit_test(a_room_that_gives_way_writes_its_markers),
      cmocka_unit_test(who_may_set_a_marker),
  };
  return cmocka_run_group_tests_name("hub/read markers", tests, nullptr, nullptr);
}
