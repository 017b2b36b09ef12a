// Presence over several servers: what a hub tells the others of its people, and what becomes of the people that others tell it.
#include <algorithm>

#include "fake_store.h"
#include "model/name_keys.h"

// Last, because it defines macros with common names.
#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

using Users = std::vector<std::string>;

// One whose rooms other servers have too.
class SharedStore : public FakeStore {
 public:
  bool is_shared() const override { return true; }
  bool presence_changed(const std::string& room) noexcept override {
    if (failures > 0) {
      --failures;
      return false;
    }
    changed.push_back(room);
    return true;
  }

  int failures = 0;  // for lack of memory
  Users changed;
};

HubOptions options_with(SharedStore& store, bool unique_names) {
  HubOptions options;
  options.presence = PresenceLevel::full;
  options.tells_presence = true;
  options.store = &store;
  options.unique_names = unique_names;
  options.node = 1;
  return options;
}

std::string name_of(const Person& person) {
  return person.user_id.empty() ? "guest " + std::to_string(person.client) : person.user_id;
}

Users users(const std::vector<Person>& people) {
  Users result;
  for (const Person& person : people) result.push_back(name_of(person));
  std::sort(result.begin(), result.end());
  return result;
}

// "+ann" for who is there, "-ann" for who is not any more.
Users told(const OwnPeople& own) {
  Users result;
  for (const FarPerson& one : own.people) result.push_back((one.present ? "+" : "-") + name_of(one.person));
  std::sort(result.begin(), result.end());
  return result;
}

FarPerson far(std::string user, std::string name = {}, std::uint64_t version = 1) {
  FarPerson one;
  one.person.name = name.empty() ? user : std::move(name);
  one.person.user_id = std::move(user);
  one.version = version;
  return one;
}

FarPerson far_guest(ClientId client, std::string name) {
  FarPerson one;
  one.person.client = client;
  one.person.name = std::move(name);
  one.version = 1;
  return one;
}

FarPerson left(FarPerson one) {
  one.present = false;
  return one;
}

struct Servers {
  explicit Servers(bool unique_names = false) : f(options_with(store, unique_names)) {}

  ClientPtr enter(std::string user) {
    ClientPtr client = f.open(0, std::move(user));
    assert_ok(f.join(client, "lobby"));
    return client;
  }
  void later(std::int64_t ms) {
    f.now += ms;
    f.hub->tell_presence(f.now);
  }
  void hear(std::uint32_t server, const std::vector<FarPerson>& people, bool whole = false, std::size_t more = 0) {
    f.hub->take_people("lobby", server, people, more, whole);
  }
  std::vector<PresenceNoticePtr> notices() {
    std::vector<PresenceNoticePtr> result;
    for (const RoomMessage& event : only<RoomMessage>(f.take())) {
      if (event.message->presence) result.push_back(event.message->presence);
    }
    return result;
  }
  PresenceNotice now() { return *f.hub->presence("lobby", true); }
  OwnPeople own(bool whole = false) {
    store.changed.clear();
    std::optional<OwnPeople> own = f.hub->own_people("lobby", whole);
    assert_true(own.has_value());
    return std::move(*own);
  }

  SharedStore store;
  HubFixture f;
};

// With one member, who has been told.
struct Watched : Servers {
  explicit Watched(bool unique_names = false) : Servers(unique_names) {
    watcher = enter("watcher");
    later(0);
    later(2'000);
    f.take();
    own();
    f.hub->begin_people("lobby");  // nobody was there
  }
  ClientPtr watcher;
};

void people_of_other_servers_are_in_the_snapshot(void**) {
  Servers s;
  assert_ok(s.f.hub->watch("lobby", 0, nullptr));  // the room is there, without people
  s.hear(7, {far("ann"), far("bob")}, true);
  assert_true(users(s.now().people) == Users({"ann", "bob"}));
  const ClientPtr eve = s.f.open(0, "eve");
  assert_ok(s.f.join(eve, "lobby"));
  const MessagePtr snapshot = only<Joined>(s.f.take()).at(0).presence;
  assert_true(users(snapshot->presence->people) == Users({"ann", "bob"}));
  assert_int_equal(snapshot->presence->count, 2);
  s.later(0);
  const auto notice = s.notices();
  assert_int_equal(notice.size(), 1);
  assert_int_equal(notice[0]->count, 3);
  assert_true(users(notice[0]->joined) == Users({"eve"}));
}

void people_that_were_there_are_listed_to_members(void**) {
  Servers s;
  const ClientPtr watcher = s.enter("watcher");
  s.later(0);
  s.later(2'000);
  s.f.take();
  s.hear(7, {far("ann"), far("bob")}, true);
  s.f.hub->begin_people("lobby");
  s.later(1'000);
  const auto notice = s.notices();
  assert_int_equal(notice.size(), 1);
  assert_true(notice[0]->listed && notice[0]->joined.empty());
  assert_true(users(notice[0]->people) == Users({"ann", "bob", "watcher"}));
  assert_int_equal(notice[0]->count, 3);
}

void who_comes_to_a_room_without_members_here_is_told(void**) {
  Servers s;
  assert_ok(s.f.hub->watch("lobby", 0, nullptr));
  s.hear(7, {far("ann")}, true);
  s.f.hub->begin_people("lobby");
  s.hear(7, {far("bob")});
  s.later(0);
  const auto notice = s.notices();
  assert_int_equal(notice.size(), 1);
  assert_true(users(notice[0]->joined) == Users({"bob"}));
  assert_int_equal(notice[0]->count, 2);
}

void members_hear_of_people_at_other_servers(void**) {
  Watched s;
  s.hear(7, {far("ann"), far_guest(99, "guest-99")});
  s.later(0);
  auto notice = s.notices();
  assert_true(users(notice.at(0)->joined) == Users({"ann", "guest 99"}));
  assert_int_equal(notice[0]->count, 3);
  s.hear(7, {left(far_guest(99, "guest-99"))});
  s.later(1'000);
  notice = s.notices();
  assert_true(users(notice.at(0)->left) == Users({"guest 99"}));
  assert_int_equal(notice[0]->count, 2);
}

void a_user_at_two_servers_is_one_person(void**) {
  Watched s;
  const ClientPtr here = s.enter("ann");
  s.hear(7, {far("ann")});
  s.hear(8, {far("ann")});
  s.later(0);
  auto notice = s.notices();
  assert_int_equal(notice.size(), 1);
  assert_int_equal(notice[0]->count, 2);
  s.f.hub->remove_client(here);
  s.hear(7, {left(far("ann"))});
  s.later(20'000);
  s.later(20'000);
  assert_true(s.notices().empty());
  assert_int_equal(s.now().count, 2);
  s.hear(8, {left(far("ann"))});  // it has had its grace time there
  s.later(0);
  notice = s.notices();
  assert_int_equal(notice.size(), 1);
  assert_true(users(notice[0]->left) == Users({"ann"}));
  assert_int_equal(s.now().count, 1);
}

void a_user_that_moves_is_not_told(void**) {
  Watched s;
  s.hear(7, {far("ann")});
  s.later(0);
  s.f.take();
  const ClientPtr here = s.enter("ann");
  s.hear(7, {left(far("ann"))});
  s.later(2'000);
  s.f.hub->remove_client(here);
  s.later(14'000);
  s.hear(8, {far("ann")});
  s.later(20'000);
  assert_true(s.notices().empty());
  assert_int_equal(s.now().count, 2);
}

void the_users_of_a_lost_server_have_a_grace_time(void**) {
  Watched s;
  s.hear(7, {far("ann"), far("bob"), far("eve"), far_guest(99, "guest-99")});
  s.hear(8, {far("eve")});
  s.later(0);
  s.f.take();
  s.f.hub->lose_people(7);
  s.later(1'000);
  auto notice = s.notices();
  assert_true(users(notice.at(0)->left) == Users({"guest 99"}));  // nobody comes back as this one
  s.hear(9, {far("ann")});
  s.later(14'000);
  assert_true(s.notices().empty());
  s.later(1'000);
  notice = s.notices();
  assert_int_equal(notice.size(), 1);
  assert_true(users(notice[0]->left) == Users({"bob"}));
  assert_true(users(s.now().people) == Users({"ann", "eve", "watcher"}));
  s.f.hub->lose_people(7);  // again
  s.later(30'000);
  assert_true(s.notices().empty());
}

void a_whole_list_replaces_what_was_there(void**) {
  Watched s;
  s.hear(7, {far("ann"), far("bob")});
  s.hear(8, {far("eve")});
  s.later(0);
  s.f.take();
  s.hear(7, {far("bob"), far("sam")}, true);
  s.later(1'000);
  const auto notice = s.notices();
  assert_true(users(notice.at(0)->left) == Users({"ann"}));
  assert_true(users(notice.at(0)->joined) == Users({"sam"}));
  assert_true(users(s.now().people) == Users({"bob", "eve", "sam", "watcher"}));
}

void the_newest_name_and_state_count(void**) {
  Watched s;
  const ClientPtr ann = s.enter("ann");
  assert_ok(s.f.hub->set_state(ann, "1"));
  const std::uint64_t version = s.own().people.at(0).version;
  FarPerson newer = far("ann", "Annabel", version + 1);
  newer.person.state = std::make_shared<const std::string>("2");
  s.hear(7, {newer});
  s.hear(7, {far("ann", "old", version)});  // at the same time as another one
  s.later(0);
  PresenceNotice now = s.now();
  const auto person = std::ranges::find(now.people, "ann", &Person::user_id);
  assert_text(person->name, "Annabel");
  assert_text(*person->state, "2");
  // This server tells it too, so that it outlives the other one.
  const OwnPeople own = s.own();
  assert_int_equal(own.people.size(), 1);
  assert_text(own.people[0].person.name, "Annabel");
  assert_int_equal(own.people[0].version, version + 1);
  // A client without a state takes over that of its user.
  const ClientPtr other = s.enter("ann");
  assert_text(**other->identity()->state, "2");
}

void a_person_that_comes_back_may_be_another_one(void**) {
  Watched s;
  s.hear(7, {far("ann", "Annabel", 9)});
  s.later(0);
  s.hear(7, {left(far("ann"))});
  s.hear(7, {far("ann", "Ann", 1)});  // the server has forgotten the versions
  s.later(1'000);
  assert_text(s.notices().back()->changed.at(0).name, "Ann");
}

void the_others_are_told_what_has_changed(void**) {
  Servers s;
  const ClientPtr ann = s.enter("ann");
  assert_true(s.store.changed == Users({"lobby"}));
  const ClientPtr bob = s.enter("bob");
  assert_int_equal(s.store.changed.size(), 1);  // once
  OwnPeople own = s.own();
  assert_true(own.whole && own.unread && own.count == 2 && own.more == 0);
  assert_true(told(own) == Users({"+ann", "+bob"}));
  s.f.hub->begin_people("lobby");
  own = s.own();
  assert_true(!own.whole && !own.unread && own.people.empty());
  const ClientPtr again = s.enter("bob");
  assert_true(s.own().people.empty());
  assert_ok(s.f.hub->rename(bob, "Bobby"));
  assert_true(told(s.own()) == Users({"+bob"}));
  s.f.hub->remove_client(bob);
  s.f.hub->remove_client(again);
  s.later(0);
  s.later(14'000);
  assert_true(s.own().people.empty());
  s.later(1'000);
  assert_true(s.store.changed == Users({"lobby"}));
  own = s.own();
  assert_true(told(own) == Users({"-bob"}));
  assert_int_equal(own.count, 1);
  assert_true(told(s.own(true)) == Users({"+ann"}));
}

void the_store_is_told_again_when_its_memory_failed(void**) {
  Watched s;
  s.store.failures = 100;
  const ClientPtr ann = s.enter("ann");
  assert_true(s.store.changed.empty());
  s.later(2'000);  // fails again
  assert_true(s.store.changed.empty());
  assert_true(s.f.hub->presence_due_ms() <= s.f.now.age_ms + 1'000);
  s.store.failures = 0;
  s.later(1'000);
  assert_true(s.store.changed == Users({"lobby"}));
  assert_true(told(s.own()) == Users({"+ann"}));
}

void who_comes_and_goes_in_between_is_not_told(void**) {
  Watched s;
  for (int i = 0; i < 100; ++i) s.f.hub->remove_client(s.enter(""));
  s.later(2'000);
  assert_true(s.own().people.empty());
  assert_int_equal(s.now().count, 1);
  // Also when the members hear of it first.
  const ClientPtr guest = s.enter("");
  assert_int_equal(s.own().people.size(), 1);
  s.f.hub->remove_client(guest);
  s.later(2'000);
  assert_int_equal(s.now().count, 1);
  assert_true(told(s.own()) == Users({"-guest " + std::to_string(guest->id())}));
}

void above_the_limit_people_are_only_counted(void**) {
  Servers s;
  std::vector<ClientPtr> clients;
  for (std::size_t i = 0; i < Presence::kMaxTold + 20; ++i) clients.push_back(s.enter("user" + std::to_string(i)));
  s.later(0);
  OwnPeople own = s.own();
  assert_int_equal(own.people.size(), Presence::kMaxTold);
  assert_int_equal(own.more, 20);
  assert_int_equal(own.count, Presence::kMaxTold + 20);
  assert_true(s.own().people.empty());
  assert_int_equal(s.own().more, 20);
  // Others take the places of those that go.
  std::size_t there = own.people.size();
  for (std::size_t i = 0; i < 30; ++i) s.f.hub->remove_client(clients[i]);
  s.later(0);
  s.later(15'000);
  own = s.own();
  for (const FarPerson& one : own.people) there += one.present ? 1 : std::size_t(-1);
  assert_int_equal(there, Presence::kMaxTold - 10);
  assert_int_equal(own.more, 0);
}

// One server hears of the other, with as many people as are named at most.
void above_the_limit_others_take_the_places_of_those_that_go(void**) {
  for (const bool whole : {false, true}) {
    Servers s;
    Watched other;
    std::vector<ClientPtr> clients;
    for (std::size_t i = 0; i < Presence::kMaxTold + 20; ++i) clients.push_back(s.enter("user" + std::to_string(i)));
    const auto tell = [&] {
      const OwnPeople own = s.own(whole);
      other.hear(7, own.people, own.whole, own.more);
    };
    tell();
    assert_int_equal(other.now().count, Presence::kMaxTold + 21);
    for (std::size_t i = 0; i < 30; ++i) s.f.hub->remove_client(clients[i]);
    s.later(0);
    s.later(15'000);
    tell();
    other.later(2'000);
    Users there = users(s.now().people);
    there.push_back("watcher");
    std::sort(there.begin(), there.end());
    assert_true(users(other.now().people) == there);
    assert_int_equal(other.now().count, Presence::kMaxTold - 9);
  }
}

void those_who_are_only_counted_are_in_the_number(void**) {
  Watched s;
  s.hear(7, {far("ann")}, false, 5'000);
  s.later(0);
  auto notice = s.notices();
  assert_int_equal(notice.at(0)->count, 5'002);
  assert_true(notice[0]->counts_only);
  s.hear(7, {}, false, 4'000);
  s.later(1'000);
  assert_int_equal(s.notices().at(0)->count, 4'002);
  assert_int_equal(s.now().count, 4'002);
  assert_int_equal(s.f.hub->rooms().at(0).people_count, 4'002);
  s.f.hub->lose_people(7);
  s.later(1'000);
  notice = s.notices();
  assert_true(notice.at(0)->listed);
  assert_true(users(notice[0]->people) == Users({"ann", "watcher"}));
}

void presence_that_begins_again_knows_nobody(void**) {
  Watched s;
  s.hear(7, {far("ann")});
  s.store.changed.clear();
  assert_ok(s.f.hub->set_presence("lobby", PresenceLevel::off));
  assert_true(s.store.changed == Users({"lobby"}));
  assert_false(s.f.hub->own_people("lobby", false).has_value());
  s.hear(7, {far("bob")});
  assert_ok(s.f.hub->set_presence("lobby", PresenceLevel::full));
  const OwnPeople own = s.own();
  assert_true(own.whole && own.unread);
  assert_true(users(s.now().people) == Users({"watcher"}));
}

void a_room_with_people_elsewhere_can_go(void**) {
  Watched s;
  s.hear(7, {far("ann")});
  s.f.hub->remove_client(s.watcher);
  s.later(0);
  s.later(16'000);
  s.later(1'000);
  assert_int_equal(s.f.hub->stats().rooms_now, 0);
  assert_false(s.f.hub->own_people("lobby", false).has_value());
}

// Names -------------------------------------------------------------------------------------------------------------------

ClientPtr with_name(Servers& s, std::string user, std::string name) {
  const ClientPtr client = s.f.open(0, std::move(user));
  Identity identity = *client->identity();
  identity.name = std::move(name);
  assert_ok(s.f.hub->set_identity(client, std::move(identity)));
  return client;
}

void a_name_is_taken_at_every_server(void**) {
  Watched s(true);
  s.hear(7, {far("ann", "Ann"), far_guest(50, "Guest")});
  assert_status(s.f.join(with_name(s, "other", "ANN"), "lobby"), Error::name_taken);
  const ClientPtr same = with_name(s, "ann", "Ann");
  assert_ok(s.f.join(same, "lobby"));
  // A guest gets its guest name in its first room, and cannot take the name of another one.
  const ClientPtr guest = with_name(s, "", "Ann");
  assert_ok(s.f.join(guest, "lobby"));
  assert_text(guest->identity()->name, "guest-" + std::to_string(guest->id()));
  assert_status(s.f.hub->rename(guest, "Guest"), Error::name_taken);
  // The guest of the other server gives way there.
  assert_ok(s.f.join(with_name(s, "user", "Guest"), "lobby"));
  s.hear(7, {left(far("ann"))});
  s.f.hub->remove_client(same);
  s.later(0);
  s.later(16'000);
  assert_ok(s.f.hub->rename(guest, "Ann"));
}

void a_user_at_two_servers_that_is_renamed_here_gives_the_name_free(void**) {
  Watched s(true);
  s.hear(7, {far("ann", "Ann")});
  const ClientPtr ann = with_name(s, "ann", "Ann");
  const ClientPtr other = with_name(s, "other", "Other");
  for (const ClientPtr& client : {ann, other}) assert_ok(s.f.join(client, "lobby"));
  assert_status(s.f.hub->rename(other, "Ann"), Error::name_taken);
  assert_ok(s.f.hub->rename(ann, "Annabel"));
  assert_ok(s.f.hub->rename(other, "Ann"));
  // The new name remains taken when the client here is gone.
  s.f.hub->remove_client(ann);
  s.later(0);
  s.later(16'000);
  assert_status(s.f.hub->rename(other, "Annabel"), Error::name_taken);
}

void a_guest_gives_way_to_people_of_other_servers(void**) {
  Watched s(true);
  const ClientPtr first = with_name(s, "", "First");
  const ClientPtr second = with_name(s, "", "Second");
  const ClientPtr user = with_name(s, "user", "Third");
  for (const ClientPtr& client : {first, second, user}) assert_ok(s.f.join(client, "lobby"));
  s.hear(7, {far("ann", "first"), far_guest(second->id() + 100, "Second"), far("bob", "Third")});
  assert_text(first->identity()->name, "guest-" + std::to_string(first->id()));
  assert_text(second->identity()->name, "Second");  // the other guest gives way
  assert_text(user->identity()->name, "Third");     // nobody does
  s.hear(7, {far_guest(1, "Second")});
  assert_text(second->identity()->name, "guest-" + std::to_string(second->id()));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(people_of_other_servers_are_in_the_snapshot),
      cmocka_unit_test(people_that_were_there_are_listed_to_members),
      cmocka_unit_test(who_comes_to_a_room_without_members_here_is_told),
      cmocka_unit_test(members_hear_of_people_at_other_servers),
      cmocka_unit_test(a_user_at_two_servers_is_one_person),
      cmocka_unit_test(a_user_that_moves_is_not_told),
      cmocka_unit_test(the_users_of_a_lost_server_have_a_grace_time),
      cmocka_unit_test(a_whole_list_replaces_what_was_there),
      cmocka_unit_test(the_newest_name_and_state_count),
      cmocka_unit_test(a_person_that_comes_back_may_be_another_one),
      cmocka_unit_test(the_others_are_told_what_has_changed),
      cmocka_unit_test(the_store_is_told_again_when_its_memory_failed),
      cmocka_unit_test(who_comes_and_goes_in_between_is_not_told),
      cmocka_unit_test(above_the_limit_people_are_only_counted),
      cmocka_unit_test(above_the_limit_others_take_the_places_of_those_that_go),
      cmocka_unit_test(those_who_are_only_counted_are_in_the_number),
      cmocka_unit_test(presence_that_begins_again_knows_nobody),
      cmocka_unit_test(a_room_with_people_elsewhere_can_go),
  };
  const CMUnitTest names[] = {
      cmocka_unit_test(a_name_is_taken_at_every_server),
      cmocka_unit_test(a_user_at_two_servers_that_is_renamed_here_gives_the_name_free),
      cmocka_unit_test(a_guest_gives_way_to_people_of_other_servers),
  };
  const int failed = cmocka_run_group_tests_name("hub/far_people", tests, nullptr, nullptr);
  if (!check_name_keys().ok()) return failed;  // this build has no ICU
  return failed + cmocka_run_group_tests_name("hub/far_people names", names, nullptr, nullptr);
}
