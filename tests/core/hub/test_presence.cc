// Presence in the hub, with a clock that the test sets: people, grace times, gathered notices, levels, snapshots.
#include <algorithm>
#include <set>

#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

HubOptions options_with(PresenceLevel level) {
  HubOptions options;
  options.presence = level;
  return options;
}

// What a member receives that may list people.
std::vector<PresenceNoticePtr> notices(HubFixture& f, std::size_t loop = 0) {
  std::vector<PresenceNoticePtr> result;
  for (const RoomMessage& event : only<RoomMessage>(f.take(loop))) {
    if (event.message->presence) result.push_back(event.message->presence);
  }
  return result;
}

std::vector<std::string> users(const std::vector<Person>& people) {
  std::vector<std::string> result;
  for (const Person& person : people) {
    result.push_back(person.user_id.empty() ? "guest " + std::to_string(person.client) : person.user_id);
  }
  std::sort(result.begin(), result.end());
  return result;
}
using Users = std::vector<std::string>;

void later(HubFixture& f, std::int64_t ms) {
  f.now += ms;
  f.hub->tell_presence(f.now);
}

// A room with one member, whose own notice has been told.
struct RoomFixture : HubFixture {
  explicit RoomFixture(PresenceLevel level = PresenceLevel::full) : HubFixture(options_with(level)) {
    watcher = open(0, "watcher");
    assert_ok(join(watcher, "lobby"));
    later(*this, 0);
    later(*this, 2'000);
    take();
  }
  ClientPtr enter(std::string user) {
    ClientPtr client = open(0, std::move(user));
    assert_ok(join(client, "lobby"));
    return client;
  }
  ClientPtr watcher;
};

void a_room_without_presence_tells_nothing(void**) {
  HubFixture f;
  const ClientPtr ann = f.open(0, "ann");
  assert_ok(f.join(ann, "lobby"));
  const auto joined = only<Joined>(f.take());
  assert_null(joined.at(0).presence.get());
  f.hub->remove_client(ann);
  later(f, 60'000);
  assert_true(f.take().empty());
  assert_true(f.hub->presence_due_ms() == PresenceQueue::kNever);
  assert_status(f.hub->presence("lobby", true).status(), Error::forbidden);
}

void several_clients_of_a_user_are_one_person(void**) {
  RoomFixture f;
  const ClientPtr first = f.enter("ann");
  later(f, 1);
  auto told = notices(f);
  assert_int_equal(told.size(), 1);
  assert_int_equal(told[0]->count, 2);
  assert_true(users(told[0]->joined) == Users({"ann"}));
  const ClientPtr second = f.enter("ann");
  later(f, 2'000);
  f.hub->remove_client(first);
  later(f, 60'000);
  assert_true(notices(f).empty());
  f.hub->remove_client(second);
  later(f, 0);
  later(f, 15'000);
  told = notices(f);
  assert_int_equal(told.size(), 1);
  assert_int_equal(told[0]->count, 1);
  assert_true(users(told[0]->left) == Users({"ann"}));
}

void a_reconnect_within_the_grace_time_is_not_told(void**) {
  RoomFixture f;
  ClientPtr ann = f.enter("ann");
  later(f, 1);
  f.take();
  for (int i = 0; i < 5; ++i) {
    f.hub->remove_client(ann);
    later(f, 0);
    later(f, 14'999);
    ann = f.enter("ann");
    later(f, 1);
  }
  assert_true(notices(f).empty());
  // The grace time of an earlier absence does not end a later one.
  f.hub->remove_client(ann);
  later(f, 0);
  later(f, 14'999);
  assert_true(notices(f).empty());
  later(f, 1);
  assert_int_equal(notices(f).size(), 1);
}

void a_guest_has_no_grace_time(void**) {
  RoomFixture f;
  const ClientPtr guest = f.enter("");
  later(f, 1);
  auto told = notices(f);
  assert_true(users(told.at(0)->joined) == Users({"guest " + std::to_string(guest->id())}));
  assert_true(told.at(0)->joined[0].name == guest->identity()->name);
  assert_ok(f.hub->leave(guest, "lobby", {}));
  later(f, 1'000);
  told = notices(f);
  assert_true(users(told.at(0)->left) == Users({"guest " + std::to_string(guest->id())}));
}

void a_guest_that_comes_and_goes_between_notices_is_not_told(void**) {
  RoomFixture f;
  f.hub->remove_client(f.enter(""));
  later(f, 2'000);
  assert_true(notices(f).empty());
  assert_true(f.hub->presence_due_ms() == PresenceQueue::kNever);
}

void changes_are_gathered_into_one_notice_a_second(void**) {
  RoomFixture f;
  std::size_t told = 0;
  std::size_t joined = 0;
  for (int i = 0; i < 100; ++i) {  // a flood: 100 joins in three seconds
    f.enter("user" + std::to_string(i));
    later(f, 30);
    for (const PresenceNoticePtr& notice : notices(f)) {
      ++told;
      joined += notice->joined.size();
    }
  }
  assert_in_range(told, 3, 4);
  later(f, 1'000);
  for (const PresenceNoticePtr& notice : notices(f)) joined += notice->joined.size();
  assert_int_equal(joined, 100);
  assert_true(f.hub->presence_due_ms() == PresenceQueue::kNever);
}

void large_rooms_are_counted(void**) {
  RoomFixture f;
  std::vector<ClientPtr> clients;
  for (std::size_t i = 0; i < Presence::kMaxListed; ++i) clients.push_back(f.enter("user" + std::to_string(i)));
  later(f, 1'000);
  auto told = notices(f);
  assert_int_equal(told.size(), 1);
  assert_int_equal(told[0]->count, Presence::kMaxListed + 1);
  assert_true(told[0]->counts_only && told[0]->joined.empty() && !told[0]->listed);
  const ClientPtr late = f.open(0, "late");
  assert_ok(f.join(late, "lobby"));
  const auto snapshot = only<Joined>(f.take()).at(0).presence;
  assert_true(snapshot->presence->counts_only);
  assert_int_equal(snapshot->presence->count, Presence::kMaxListed + 1);
  later(f, 1'000);
  f.take();
  // It lists people again when there are clearly fewer.
  for (std::size_t i = 0; i < 60; ++i) f.hub->remove_client(clients[i]);
  later(f, 0);
  later(f, 15'000);
  told = notices(f);
  assert_int_equal(told.size(), 1);
  assert_true(told[0]->listed && !told[0]->counts_only);
  assert_int_equal(told[0]->people.size(), told[0]->count);
  assert_int_equal(told[0]->count, Presence::kMaxListed + 2 - 60);
}

// The snapshot with the notices after it gives who is there.
void a_snapshot_and_the_notices_after_it_agree(void**) {
  RoomFixture f;
  std::vector<ClientPtr> clients;
  std::set<std::string> known;
  bool has_snapshot = false;
  for (int i = 0; i < 300; ++i) {
    if (i % 3 == 2) {
      f.hub->remove_client(clients[static_cast<std::size_t>(i / 3)]);
    } else {
      clients.push_back(f.enter("user" + std::to_string(i)));
    }
    if (i == 150) {
      f.take();
      clients.push_back(f.enter("newcomer"));
      const auto joined = only<Joined>(f.take());
      for (const Person& person : joined.back().presence->presence->people) known.insert(person.user_id);
      has_snapshot = true;
    }
    later(f, 170);
    for (const PresenceNoticePtr& notice : notices(f)) {
      if (!has_snapshot) continue;
      for (const Person& person : notice->joined) assert_true(known.insert(person.user_id).second);
      for (const Person& person : notice->left) assert_int_equal(known.erase(person.user_id), 1);
      assert_int_equal(known.size(), notice->count);
    }
  }
}

void with_counts_only_the_number_is_told(void**) {
  RoomFixture f(PresenceLevel::counts);
  const ClientPtr ann = f.enter("ann");
  assert_true(only<Joined>(f.take()).at(0).presence->presence->counts_only);
  later(f, 1);
  auto told = notices(f);
  assert_true(told.at(0)->counts_only && told.at(0)->joined.empty());
  assert_int_equal(told.at(0)->count, 2);
  assert_ok(f.hub->set_identity(ann, {"ann", "Annabel", {}}));  // a name is not a number
  later(f, 2'000);
  assert_true(notices(f).empty());
}

void who_may_not_list_people_gets_counts(void**) {
  RoomFixture f;
  const ClientPtr ann = f.open(0, "ann");
  assert_ok(f.join(ann, "lobby"));
  const Joined joined = only<Joined>(f.take()).at(0);
  assert_true(joined.names_people);
  assert_int_equal(seen_by(joined.presence, false)->presence->people.size(), 1);
  assert_true(seen_by(joined.presence, true)->presence->people.empty());
  assert_int_equal(seen_by(joined.presence, true)->presence->count, 1);
  later(f, 1);
  const MessagePtr told = only<RoomMessage>(f.take()).at(0).message;
  assert_true(users(told->presence->joined) == Users({"ann"}));
  assert_true(seen_by(told, true)->presence->joined.empty());
  assert_int_equal(seen_by(told, true)->presence->count, 2);
  assert_ok(f.hub->set_identity(ann, {"ann", "Annabel", {}}));
  later(f, 2'000);
  assert_null(seen_by(only<RoomMessage>(f.take()).at(0).message, true).get());
}

void a_new_name_is_told(void**) {
  RoomFixture f;
  const ClientPtr ann = f.enter("ann");
  later(f, 1);
  f.take();
  assert_ok(f.hub->rename(ann, "Annabel"));
  later(f, 2'000);
  const auto told = notices(f);
  assert_true(users(told.at(0)->changed) == Users({"ann"}));
  assert_text(told.at(0)->changed[0].name, "Annabel");
  assert_int_equal(told.at(0)->count, 2);
}

void a_guest_that_logs_in_becomes_the_user(void**) {
  RoomFixture f;
  const ClientPtr guest = f.enter("");
  later(f, 1);
  f.take();
  assert_ok(f.hub->set_identity(guest, {"ann", "Ann", {}}));
  later(f, 2'000);
  const auto told = notices(f);
  assert_true(users(told.at(0)->joined) == Users({"ann"}));
  assert_int_equal(told.at(0)->left.size(), 1);
  assert_int_equal(told.at(0)->count, 2);
}

void the_application_hears_all_at_any_level(void**) {
  HubOptions options = options_with(PresenceLevel::counts);
  options.tells_presence = true;
  HubFixture f(std::move(options));
  assert_ok(f.join(f.open(0, "ann"), "lobby"));
  f.take();
  later(f, 0);
  const auto told = only<PublishedNotice>(f.take());
  assert_int_equal(told.size(), 1);
  assert_true(users(told[0].message->presence->joined) == Users({"ann"}));
}

std::string state_of(const Person& person) { return person.state ? *person.state : std::string(); }

void a_new_state_is_told(void**) {
  RoomFixture f;
  const ClientPtr ann = f.enter("ann");
  later(f, 1);
  f.take();
  assert_ok(f.hub->set_state(ann, R"({"away":true})"));
  later(f, 2'000);
  auto told = notices(f);
  assert_true(users(told.at(0)->changed) == Users({"ann"}));
  assert_text(state_of(told.at(0)->changed[0]), R"({"away":true})");
  assert_ok(f.hub->set_state(ann, R"({"away":true})"));  // the same one
  later(f, 2'000);
  assert_true(notices(f).empty());
  assert_ok(f.hub->set_state(ann, {}));
  later(f, 2'000);
  told = notices(f);
  assert_null(told.at(0)->changed.at(0).state.get());
}

// Each person has the newest state of its clients, and a new name does not bring back an older one.
void a_state_belongs_to_the_person(void**) {
  RoomFixture f;
  const ClientPtr first = f.enter("ann");
  assert_ok(f.hub->set_state(first, "1"));
  const ClientPtr second = f.enter("ann");
  assert_text(**second->identity()->state, "1");
  assert_ok(f.hub->set_state(second, "2"));
  assert_ok(f.hub->rename(first, "Annabel"));
  later(f, 1);
  const auto told = notices(f);
  assert_text(state_of(told.at(0)->joined.at(0)), "2");
  assert_text(told.at(0)->joined[0].name, "Annabel");
  // A client takes its state to other rooms, and through a new identity of the same user.
  assert_ok(f.hub->set_identity(second, {"ann", "Anna", {}}));
  assert_ok(f.join(second, "other"));
  assert_text(state_of(f.hub->presence("other", true)->people.at(0)), "2");
  assert_ok(f.hub->set_identity(second, {"bob", "Bob", {}}));
  assert_null(f.hub->presence("other", true)->people.at(0).state.get());
}

void a_state_outlives_a_reconnect(void**) {
  RoomFixture f;
  ClientPtr ann = f.enter("ann");
  assert_ok(f.hub->set_state(ann, "1"));
  later(f, 1);
  f.take();
  f.hub->remove_client(ann);
  later(f, 5'000);
  ann = f.enter("ann");
  later(f, 5'000);
  assert_true(notices(f).empty());
  assert_text(**ann->identity()->state, "1");
  f.hub->remove_client(ann);
  later(f, 0);
  later(f, 15'000);
  ann = f.enter("ann");
  assert_false(ann->identity()->state.made());
}

void a_state_has_limits(void**) {
  HubFixture without;
  assert_status(without.hub->set_state(without.open(), "1"), Error::forbidden);
  RoomFixture f;
  const ClientPtr guest = f.enter("");
  assert_ok(f.hub->set_state(guest, std::string(kMaxStateBytes, '1')));
  assert_status(f.hub->set_state(guest, std::string(kMaxStateBytes + 1, '1')), Error::too_large);
  f.hub->remove_client(guest);
  assert_status(f.hub->set_state(guest, "1"), Error::no_such_client);
}

// The last user of a room leaves after its grace time, then the room goes.
void an_empty_room_stays_until_its_people_have_left(void**) {
  HubOptions options = options_with(PresenceLevel::full);
  options.tells_presence = true;
  HubFixture f(std::move(options));
  const ClientPtr ann = f.open(0, "ann");
  assert_ok(f.join(ann, "lobby"));
  later(f, 0);
  f.hub->remove_client(ann);
  later(f, 1'000);
  f.take();
  assert_int_equal(f.hub->stats().rooms_now, 1);
  later(f, 15'000);
  assert_true(users(only<PublishedNotice>(f.take()).at(0).message->presence->left) == Users({"ann"}));
  assert_int_equal(f.hub->stats().rooms_now, 0);
  assert_true(f.hub->presence_due_ms() == PresenceQueue::kNever);
}

void a_level_may_change(void**) {
  HubFixture f;
  const ClientPtr ann = f.open(0, "ann");
  assert_ok(f.join(ann, "lobby"));
  f.take();
  assert_ok(f.hub->set_presence("lobby", PresenceLevel::full));
  later(f, 0);
  auto told = notices(f);
  assert_true(users(told.at(0)->joined) == Users({"ann"}));
  assert_ok(f.hub->set_presence("lobby", PresenceLevel::counts));
  later(f, 1'000);
  told = notices(f);
  assert_true(told.at(0)->counts_only);
  assert_ok(f.hub->set_presence("lobby", PresenceLevel::full));
  later(f, 1'000);
  told = notices(f);
  assert_true(told.at(0)->listed);
  assert_true(users(told.at(0)->people) == Users({"ann"}));
  assert_ok(f.hub->set_presence("lobby", std::nullopt));
  f.hub->remove_client(ann);
  later(f, 60'000);
  assert_true(notices(f).empty());
  assert_int_equal(f.hub->stats().rooms_now, 0);
}

void who_is_there_now(void**) {
  RoomFixture f;
  f.enter("ann");  // not told yet
  const Result<PresenceNotice> now = f.hub->presence("lobby", false);
  assert_true(now.ok() && now->listed);
  assert_true(users(now->people) == Users({"ann", "watcher"}));
  const Result<PresenceNotice> nobody = f.hub->presence("empty", false);
  assert_true(nobody.ok() && nobody->count == 0);
  assert_status(f.hub->presence("a/b", false).status(), Error::invalid_room);
}

// A notice that finds no memory is made later, with everything in it.
void a_notice_without_memory_comes_later(void**) {
  RoomFixture f;
  f.enter("ann");
  f.take();
  f.inboxes[0]->fail_at(1);
  later(f, 1);
  assert_true(notices(f).empty());
  assert_int_equal(f.inboxes[0]->reserved(), 0);
  later(f, 1'000);
  assert_true(users(notices(f).at(0)->joined) == Users({"ann"}));
}

void a_join_without_memory_is_no_presence(void**) {
  RoomFixture f;
  const ClientPtr ann = f.open(0, "ann");
  f.inboxes[0]->fail_at(1);
  assert_no_memory(f.join(ann, "lobby"));
  later(f, 2'000);
  assert_true(notices(f).empty());
  assert_int_equal(f.hub->presence("lobby", true)->count, 1);
}

void the_server_is_woken_once_for_what_is_due(void**) {
  HubOptions options = options_with(PresenceLevel::full);
  int woken = 0;
  options.wake_presence = [&] { ++woken; };
  HubFixture f(std::move(options));
  for (int i = 0; i < 20; ++i) assert_ok(f.join(f.open(0, "user" + std::to_string(i)), "room" + std::to_string(i)));
  assert_int_equal(woken, 1);
  later(f, 0);
  assert_ok(f.join(f.open(0, "late"), "room0"));
  assert_int_equal(woken, 2);
  later(f, 0);  // within a second of the first notice
  assert_true(f.hub->presence_due_ms() == f.now.age_ms + 1'000);
  assert_ok(f.join(f.open(0, "later"), "room0"));
  assert_int_equal(woken, 2);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_room_without_presence_tells_nothing),
      cmocka_unit_test(several_clients_of_a_user_are_one_person),
      cmocka_unit_test(a_reconnect_within_the_grace_time_is_not_told),
      cmocka_unit_test(a_guest_has_no_grace_time),
      cmocka_unit_test(a_guest_that_comes_and_goes_between_notices_is_not_told),
      cmocka_unit_test(changes_are_gathered_into_one_notice_a_second),
      cmocka_unit_test(large_rooms_are_counted),
      cmocka_unit_test(a_snapshot_and_the_notices_after_it_agree),
      cmocka_unit_test(with_counts_only_the_number_is_told),
      cmocka_unit_test(who_may_not_list_people_gets_counts),
      cmocka_unit_test(a_new_name_is_told),
      cmocka_unit_test(a_guest_that_logs_in_becomes_the_user),
      cmocka_unit_test(the_application_hears_all_at_any_level),
      cmocka_unit_test(a_new_state_is_told),
      cmocka_unit_test(a_state_belongs_to_the_person),
      cmocka_unit_test(a_state_outlives_a_reconnect),
      cmocka_unit_test(a_state_has_limits),
      cmocka_unit_test(an_empty_room_stays_until_its_people_have_left),
      cmocka_unit_test(a_level_may_change),
      cmocka_unit_test(who_is_there_now),
      cmocka_unit_test(a_notice_without_memory_comes_later),
      cmocka_unit_test(a_join_without_memory_is_no_presence),
      cmocka_unit_test(the_server_is_woken_once_for_what_is_due),
  };
  return cmocka_run_group_tests_name("hub/presence", tests, nullptr, nullptr);
}
