// The shares of one address, the reserve for new clients, reports of refusals, lists that are shared for a second, and
// jumps of the wall clock.
#include <thread>

#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

// Calls the hub in each report, like an application's log callback. With a lock held, that would deadlock.
class Refusals : public RefusalReport {
 public:
  void note(Refusal reason, std::string_view address, std::string_view) override {
    if (hub != nullptr) {
      (void)hub->stats();
      (void)hub->rooms();
      (void)hub->members("r0");
    }
    noted.emplace_back(reason, address);
  }

  Hub* hub = nullptr;
  std::vector<std::pair<Refusal, std::string>> noted;
};

struct Fixture : HubFixture {
  explicit Fixture(HubOptions options) : HubFixture(std::move(options), 1, &refusals) { refusals.hub = hub.get(); }

  // Asserts exactly one refusal since the last call.
  void assert_noted(Refusal reason, const char* address) {
    assert_int_equal(refusals.noted.size(), 1);
    assert_true(refusals.noted[0].first == reason);
    assert_text(refusals.noted[0].second, address);
    refusals.noted.clear();
  }

  Refusals refusals;
};

// Clients

void an_ipv6_network_is_one_address(void**) {
  HubOptions options;
  options.max_clients_per_address = 2;
  Fixture f(options);
  f.add(0, "2001:db8::1");
  f.add(0, "2001:db8::2");
  ClientOrigin origin;
  origin.address = "2001:db8::3";
  assert_status(f.hub->add_client(origin).status(), Error::too_many);
  f.assert_noted(Refusal::clients_per_address, "2001:db8::3");
  f.add(0, "2001:db8:0:1::1");
}

void a_full_server_says_so(void**) {
  HubOptions options;
  options.max_clients = 1;
  Fixture f(options);
  f.add(0, "192.0.2.1");
  ClientOrigin origin;
  origin.address = "192.0.2.2";
  assert_status(f.hub->add_client(origin).status(), Error::too_many);
  f.assert_noted(Refusal::clients, "192.0.2.2");
}

// Rooms

void a_room_is_charged_to_the_address_that_created_it(void**) {
  HubOptions options;
  options.max_rooms = 4;
  options.max_rooms_per_address = 2;
  Fixture f(options);
  const ClientPtr one = f.open(0, {}, "192.0.2.1");
  const ClientPtr two = f.open(0, {}, "192.0.2.2");
  assert_ok(f.join(one, "r0"));
  assert_ok(f.join(one, "r1"));
  assert_status(f.join(one, "r2"), Error::too_many);
  f.assert_noted(Refusal::rooms_per_address, "192.0.2.1");
  assert_ok(f.join(two, "r2"));
  assert_ok(f.join(one, "r2"));  // it exists already
  // The room stays charged to its creator while it exists, whoever is in it.
  assert_ok(f.join(two, "r0"));
  assert_ok(f.hub->leave(one, "r0", ""));
  assert_status(f.join(one, "r3"), Error::too_many);
  f.assert_noted(Refusal::rooms_per_address, "192.0.2.1");
  assert_ok(f.hub->leave(two, "r0", ""));
  assert_ok(f.join(one, "r3"));
  // The total is the same as before.
  assert_ok(f.join(two, "r4"));
  assert_status(f.join(two, "r5"), Error::too_many);
  f.refusals.noted.clear();
  assert_int_equal(f.hub->sources().find("192.0.2.1")->held(Resource::rooms), 2);
  f.hub->remove_client(one);
  f.hub->remove_client(two);
  assert_int_equal(f.hub->sources().total(Resource::rooms), 0);
}

void rooms_of_the_application_are_charged_to_nobody(void**) {
  HubOptions options;
  options.max_rooms_per_address = 0;
  Fixture f(options);
  f.publish("r0", "x");
  assert_ok(f.hub->ban("user:u", "r1", 1'000, "", f.now));
  const ClientPtr client = f.open();
  assert_ok(f.join(client, "r0"));
  assert_status(f.join(client, "r2"), Error::too_many);
  assert_int_equal(f.hub->sources().total(Resource::rooms), 0);
}

// Rooms of one source that exist only for their history are removed for its own new rooms, but not for those of others.
void silent_rooms_of_an_address_give_way_to_its_new_ones(void**) {
  HubOptions options;
  options.max_rooms_per_address = 2;
  Fixture f(options);
  const ClientPtr one = f.open(0, {}, "192.0.2.1");
  const ClientPtr two = f.open(0, {}, "192.0.2.2");
  const auto leave_history = [&](const ClientPtr& client, const char* room) {
    assert_ok(f.join(client, room));
    f.publish(room, "x");
    assert_ok(f.hub->leave(client, room, ""));
    f.now += 1'000;
  };
  leave_history(two, "others");
  leave_history(one, "old");
  leave_history(one, "older than new");
  assert_ok(f.join(one, "new"));
  assert_false(f.hub->has_room("old"));
  assert_true(f.hub->has_room("others"));
  assert_true(f.hub->has_room("older than new"));
  assert_ok(f.join(one, "new too"));
  assert_false(f.hub->has_room("older than new"));
  assert_status(f.join(one, "one more"), Error::too_many);
  assert_true(f.hub->has_room("others"));
}

void newcomers_find_the_default_room_though_there_are_too_many(void**) {
  HubOptions options;
  options.max_rooms = 2;
  options.max_rooms_per_address = 2;
  options.default_room = "lobby";
  Fixture f(options);
  const ClientPtr greedy = f.open(0, {}, "192.0.2.1");
  assert_ok(f.join(greedy, "r0"));
  assert_ok(f.join(greedy, "r1"));
  assert_status(f.join(greedy, "r2"), Error::too_many);
  const ClientPtr newcomer = f.open(0, {}, "192.0.2.2");
  assert_status(f.join(newcomer, "r2"), Error::too_many);
  assert_ok(f.join(newcomer, "lobby"));
  assert_ok(f.join(greedy, "lobby"));
  assert_int_equal(f.hub->sources().total(Resource::rooms), 2);
  f.publish("lobby", "x");
  f.hub->remove_client(newcomer);
  f.hub->remove_client(greedy);  // its history is not removed for new rooms
  const ClientPtr third = f.open(0, {}, "192.0.2.3");
  assert_ok(f.join(third, "r3"));
  assert_true(f.hub->has_room("lobby"));
}

// Memberships

void a_client_s_first_room_goes_with_it_and_others_are_charged(void**) {
  HubOptions options;
  options.max_memberships_per_address = 2;
  options.max_memberships = 3;
  options.max_rooms_per_client = 3;
  Fixture f(options);
  const ClientPtr one = f.open(0, {}, "192.0.2.1");
  for (const char* room : {"r0", "r1", "r2"}) assert_ok(f.join(one, room));
  assert_status(f.join(one, "r3"), Error::too_many);
  f.assert_noted(Refusal::rooms_per_client, "192.0.2.1");
  const ClientPtr same = f.open(0, {}, "192.0.2.1");
  assert_ok(f.join(same, "r0"));
  assert_status(f.join(same, "r1"), Error::too_many);
  f.assert_noted(Refusal::memberships_per_address, "192.0.2.1");
  const ClientPtr two = f.open(0, {}, "192.0.2.2");
  assert_ok(f.join(two, "r0"));
  assert_ok(f.join(two, "r1"));
  assert_status(f.join(two, "r2"), Error::too_many);
  f.assert_noted(Refusal::memberships, "192.0.2.2");
  // Leaving any room reduces the charge by one, until one room is left.
  assert_ok(f.hub->leave(one, "r0", ""));
  assert_int_equal(f.hub->sources().total(Resource::memberships), 2);
  assert_ok(f.join(same, "r1"));
  assert_ok(f.hub->close_room("r1", ""));
  assert_int_equal(f.hub->sources().total(Resource::memberships), 0);
  assert_ok(f.join(one, "r1"));
  assert_int_equal(f.hub->sources().total(Resource::memberships), 1);
  f.hub->remove_client(one);
  assert_int_equal(f.hub->sources().total(Resource::memberships), 0);
}

// Lists

void a_short_list_is_always_fresh(void**) {
  Fixture f({});
  const ClientPtr one = f.open();
  assert_ok(f.join(one, "r0"));
  assert_int_equal((*f.hub->list_members("r0", f.now))->items.size(), 1);
  assert_int_equal(f.hub->list_rooms(f.now)->items.size(), 1);
  const ClientPtr two = f.open();
  assert_ok(f.join(two, "r0"));
  assert_ok(f.join(two, "r1"));
  const MemberListPtr members = *f.hub->list_members("r0", f.now);
  assert_int_equal(members->items.size(), 2);
  assert_int_equal(members->items[0].id, one->id());
  assert_text(members->items[1].name, two->identity()->name);
  assert_true(members->complete);
  assert_int_equal(f.hub->list_rooms(f.now)->items.size(), 2);
  assert_status(f.hub->list_members("nowhere", f.now).status(), Error::no_such_room);
}

void a_long_list_is_made_once_a_second(void**) {
  Fixture f({});
  std::vector<ClientPtr> clients;
  const auto come = [&] {
    clients.push_back(f.open());
    assert_ok(f.join(clients.back(), "r0"));
    assert_ok(f.join(clients.back(), "room " + std::to_string(clients.size())));
  };
  for (std::size_t i = 0; i <= Hub::kAlwaysFresh; ++i) come();
  const MemberListPtr members = *f.hub->list_members("r0", f.now);
  const RoomListPtr rooms = f.hub->list_rooms(f.now);
  int encodings = 0;
  const auto encode = [&](const auto& list) {
    ++encodings;
    return std::to_string(list.items.size());
  };
  assert_text(members->encoded(encode), std::to_string(clients.size()));
  come();
  f.now += Hub::kListAgeMs - 1;
  assert_true(*f.hub->list_members("r0", f.now) == members);
  assert_true(f.hub->list_rooms(f.now) == rooms);
  assert_text((*f.hub->list_members("r0", f.now))->encoded(encode), std::to_string(members->items.size()));
  assert_int_equal(encodings, 1);
  f.now += 1;
  assert_int_equal((*f.hub->list_members("r0", f.now))->items.size(), clients.size());
  assert_int_equal(f.hub->list_rooms(f.now)->items.size(), clients.size() + 1);
}

void a_list_has_an_end(void**) {
  HubOptions options;
  options.max_rooms_per_client = kUnlimited;
  Fixture f(options);
  const ClientPtr client = f.open();
  for (std::size_t i = 0; i < Hub::kMaxListed + 10; ++i) assert_ok(f.join(client, "r" + std::to_string(i)));
  const ClientPtr other = f.open();
  assert_ok(f.join(other, "r5009"));
  const RoomListPtr rooms = f.hub->list_rooms(f.now);
  assert_int_equal(rooms->items.size(), Hub::kMaxListed);
  assert_false(rooms->complete);
  std::size_t busy = 0;
  for (const RoomInfo& room : rooms->items) busy += room.name == "r5009" && room.member_count == 2 ? 1 : 0;
  assert_int_equal(busy, 1);  // the largest room is in the list

  ClientId first = 0;
  for (std::size_t i = 0; i < Hub::kMaxListed + 10; ++i) {
    const ClientPtr member = f.open();
    if (i == 0) first = member->id();
    assert_ok(f.join(member, "crowd"));
  }
  const MemberListPtr members = *f.hub->list_members("crowd", f.now);
  assert_int_equal(members->items.size(), Hub::kMaxListed);
  assert_int_equal(members->items.front().id, first);
  assert_false(members->complete);
}

// Time

void a_time_of_day_that_jumps_empties_no_history(void**) {
  HubOptions options;
  options.history.age_ms = 3'600'000;
  Fixture f(options);
  f.publish("r0", "before");
  const ClientPtr client = f.open();
  assert_ok(f.hub->ban("user:u", "r0", 3'600'000, "", f.now));
  const auto kept = [&] { return f.hub->history("r0", 0, 0, f.now)->messages.size(); };
  constexpr std::int64_t kDayMs = 24LL * 3'600'000;
  const std::int64_t before_ms = f.now.time_ms;
  for (const std::int64_t jump_ms : {kDayMs, -400 * kDayMs, 399 * kDayMs}) {
    f.now.time_ms += jump_ms;
    f.hub->expire(f.now);
    f.publish("r0", "after");
    assert_ok(f.hub->join(client, "r0", Position{"", 0}, {}, f.now));  // expires old messages, too
  }
  assert_int_equal(kept(), 4);
  assert_int_equal(f.hub->history("r0", 0, 0, f.now)->messages[1]->time_ms, before_ms + kDayMs);  // by the wall clock
  const ClientPtr banned = f.open(0, "u");
  assert_status(f.join(banned, "r0"), Error::banned);
  // A wall clock that stands still does not keep messages.
  f.now.age_ms += 3'600'001;
  assert_int_equal(kept(), 0);
  f.hub->expire(f.now);
  assert_ok(f.join(banned, "r0"));
  assert_int_equal(f.hub->stats().history_bytes_now, 0);
}

// Outboxes

void messages_are_refused_while_the_outboxes_are_full(void**) {
  HubOptions options;
  options.max_queued_bytes = 10 * kChargedBytes;
  Fixture f(options);
  const ClientPtr reader = f.open(0, {}, "192.0.2.1");
  assert_ok(f.join(reader, "a"));
  f.take();
  // What a link charges for its outbox.
  Share held(reader->source(), Resource::queued_bytes);
  assert_false(held.resize(9 * kChargedBytes).has_value());
  f.publish("a", "");
  f.take();
  assert_status(f.hub->publish(draft("a", std::string(kChargedBytes, 'x')), f.now).status(), Error::too_many);
  f.assert_noted(Refusal::queued_bytes, "the application");
  assert_false(held.resize(10 * kChargedBytes).has_value());

  MessageDraft to_all = draft("", "x");
  MessageDraft ephemeral = draft("a", "x");
  ephemeral.ephemeral = true;
  for (const MessageDraft& refused : {draft("a", "x"), draft("new", "x"), to_all, ephemeral}) {
    assert_status(f.hub->publish(refused, f.now).status(), Error::too_many);
    f.assert_noted(Refusal::queued_bytes, "the application");
  }
  assert_status(f.hub->send(reader, draft("", "x"), f.now), Error::too_many);
  f.assert_noted(Refusal::queued_bytes, "the application");
  assert_status(f.hub->publish(draft("a", "x"), f.now, {}, reader->source()).status(), Error::too_many);
  f.assert_noted(Refusal::queued_bytes, "192.0.2.1");
  // Nothing has happened.
  assert_true(f.take().empty());
  assert_false(f.hub->has_room("new"));
  assert_int_equal(f.hub->history("a", 0, 0, f.now)->messages.size(), 1);
  // Other events go on.
  assert_ok(f.hub->answer(reader, {}));
  assert_ok(f.hub->close_client(reader, 1008, "bye"));
  assert_ok(f.hub->leave(reader, "a", ""));
  assert_int_equal(f.take().size(), 3);

  held.give_back();
  assert_int_equal(f.publish("a", "fits again").seq, 2);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_ipv6_network_is_one_address),
      cmocka_unit_test(a_full_server_says_so),
      cmocka_unit_test(a_room_is_charged_to_the_address_that_created_it),
      cmocka_unit_test(rooms_of_the_application_are_charged_to_nobody),
      cmocka_unit_test(silent_rooms_of_an_address_give_way_to_its_new_ones),
      cmocka_unit_test(newcomers_find_the_default_room_though_there_are_too_many),
      cmocka_unit_test(a_client_s_first_room_goes_with_it_and_others_are_charged),
      cmocka_unit_test(a_short_list_is_always_fresh),
      cmocka_unit_test(a_long_list_is_made_once_a_second),
      cmocka_unit_test(a_list_has_an_end),
      cmocka_unit_test(a_time_of_day_that_jumps_empties_no_history),
      cmocka_unit_test(messages_are_refused_while_the_outboxes_are_full),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
