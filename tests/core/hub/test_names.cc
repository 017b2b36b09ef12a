// Names that belong to one person of a room: who gets them, who gives way, what is told, and what happens when memory fails.
// With ICU only. Reserved names without it too.
#include <algorithm>
#include <thread>

#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

HubOptions unique() {
  HubOptions options;
  options.unique_names = true;
  options.presence = PresenceLevel::full;
  return options;
}

struct Fixture : HubFixture {
  explicit Fixture(HubOptions options = unique(), std::size_t loops = 1) : HubFixture(std::move(options), loops) {}

  // An open client in no room.
  ClientPtr named(std::string user_id, std::string name, std::size_t loop = 0) {
    ClientPtr client = add(loop);
    assert_ok(hub->accept(client, Identity{std::move(user_id), std::move(name), {}}));
    assert_ok(hub->open(client));
    take(loop);
    return client;
  }
  ClientPtr member(std::string user_id, std::string name, std::size_t loop = 0) {
    ClientPtr client = named(std::move(user_id), std::move(name), loop);
    assert_ok(join(client, "dev"));
    take(loop);
    return client;
  }
  static std::string guest_name(const ClientPtr& client) { return "guest-" + std::to_string(client->id()); }
};

void nobody_takes_the_name_of_another(void**) {
  Fixture f;
  const ClientPtr ann = f.member("", "");
  const ClientPtr bob = f.member("", "");
  assert_ok(f.hub->rename(ann, "Ann"));
  assert_ok(f.hub->rename(ann, "Ann"));
  assert_ok(f.hub->rename(ann, "ANN"));  // its own
  for (const char* name : {"Ann", "ann", "\xD0\x90nn", "A\xE2\x80\x8Bnn"}) {
    assert_status(f.hub->rename(bob, name), Error::name_taken);
  }
  assert_text(bob->identity()->name, Fixture::guest_name(bob));
  assert_ok(f.hub->rename(bob, "Annie"));
  assert_ok(f.hub->rename(ann, "Al"));
  assert_ok(f.hub->rename(bob, "Ann"));  // free again
  assert_status(f.hub->rename(ann, "ANN"), Error::name_taken);
  f.hub->remove_client(bob);
  assert_ok(f.hub->rename(ann, "ann"));
  assert_ok(f.hub->leave(ann, "dev", {}));
  assert_ok(f.hub->rename(f.member("", ""), "Ann"));
}

void a_name_is_free_elsewhere_and_when_the_option_is_off(void**) {
  Fixture f;
  assert_ok(f.hub->rename(f.member("", ""), "Ann"));
  const ClientPtr elsewhere = f.named("", "");
  assert_ok(f.join(elsewhere, "other"));
  assert_ok(f.hub->rename(elsewhere, "Ann"));
  // Then one of both cannot come into the room of the other, and keeps its name.
  assert_status(f.join(elsewhere, "dev"), Error::name_taken);
  assert_false(elsewhere->has_joined("dev"));
  assert_text(elsewhere->identity()->name, "Ann");

  Fixture off{HubOptions()};
  assert_ok(off.hub->rename(off.member("", ""), "Ann"));
  assert_ok(off.hub->rename(off.member("", ""), "Ann"));
  assert_false(off.member("", "Ann")->identity()->keys.made());
}

void a_guest_comes_with_its_guest_name_when_its_own_is_taken(void**) {
  Fixture f;
  f.member("", "Ann");
  const ClientPtr second = f.add();
  assert_ok(f.hub->accept(second, Identity{{}, "Ann", {}}));
  assert_ok(f.hub->open(second, "dev", std::nullopt, f.now));
  assert_text(second->identity()->name, Fixture::guest_name(second));
  assert_true(only<Renamed>(f.take()).empty());  // the welcome has the name
  assert_status(f.hub->rename(second, "Ann"), Error::name_taken);

  const ClientPtr open = f.named("", "Ann");
  assert_ok(f.join(open, "dev"));
  const auto renamed = only<Renamed>(f.take());
  assert_int_equal(renamed.size(), 1);
  assert_int_equal(renamed[0].client, open->id());
  assert_text(renamed[0].name, Fixture::guest_name(open));
}

void guests_give_way_to_users(void**) {
  Fixture f;
  const ClientPtr guest = f.member("", "Ann");
  assert_ok(f.join(guest, "other"));
  const ClientPtr user = f.named("ann", "ann");
  f.take();
  assert_ok(f.join(user, "dev"));
  const auto events = f.take();
  assert_int_equal(only<Renamed>(events).at(0).client, guest->id());
  assert_text(guest->identity()->name, Fixture::guest_name(guest));
  assert_true(std::holds_alternative<Renamed>(events.at(0)));  // before the user comes
  assert_status(f.hub->rename(guest, "Ann"), Error::name_taken);
  assert_ok(f.hub->rename(f.member("", ""), "Anna"));
  // The name of the guest is free in its other room too.
  const ClientPtr third = f.named("", "");
  assert_ok(f.join(third, "other"));
  assert_ok(f.hub->rename(third, "Ann"));
  // Also when a user that is in the room gets the name.
  const ClientPtr eve = f.member("eve", "Eve");
  assert_ok(f.hub->set_identity(eve, {"eve", "Anna", {}}));
  assert_text(eve->identity()->name, "Anna");
}

void clients_of_a_user_share_its_name_and_other_users_do_not(void**) {
  Fixture f;
  const ClientPtr one = f.member("ann", "Ann");
  const ClientPtr two = f.member("ann", "Ann");
  const ClientPtr other = f.named("other", "Ann");
  const Status refused = f.join(other, "dev");
  assert_status(refused, Error::name_taken);
  assert_text(refused.detail, "the name Ann, or one that looks like it, is taken in the room dev");
  f.hub->remove_client(one);
  assert_status(f.join(other, "dev"), Error::name_taken);
  const ClientPtr bob = f.member("bob", "Bob");
  assert_status(f.hub->set_identity(bob, {"bob", "Ann", {}}), Error::name_taken);
  assert_text(bob->identity()->name, "Bob");
  f.hub->remove_client(two);
  assert_ok(f.join(other, "dev"));
}

void a_guest_that_logs_in_keeps_its_name(void**) {
  Fixture f;
  const ClientPtr ann = f.member("", "Ann");
  assert_ok(f.hub->set_identity(ann, {"ann", "Ann", {}}));
  assert_ok(f.join(f.named("ann", "Ann"), "dev"));
  const ClientPtr guest = f.member("", "");
  assert_status(f.hub->rename(guest, "Ann"), Error::name_taken);
  // And a user that logs out is a guest with this name.
  const ClientPtr bob = f.member("bob", "Bob");
  assert_ok(f.hub->set_identity(bob, {"", "Bob", {}}));
  assert_ok(f.join(f.named("bob2", "Bob"), "dev"));
  assert_text(bob->identity()->name, Fixture::guest_name(bob));
}

void a_name_changes_in_all_rooms_or_in_none(void**) {
  Fixture f;
  const ClientPtr ann = f.named("", "");
  for (const char* room : {"one", "two", "three"}) assert_ok(f.join(ann, room));
  const ClientPtr bob = f.named("bob", "Bob");
  assert_ok(f.join(bob, "three"));
  f.take();
  assert_status(f.hub->rename(ann, "Bob"), Error::name_taken);
  const ClientPtr eve = f.named("", "");
  for (const char* room : {"one", "two"}) {
    assert_ok(f.join(eve, room));
  }
  assert_ok(f.hub->rename(eve, "Bob"));  // nothing is left there of the name that was refused
  assert_ok(f.hub->rename(ann, "Ann"));
  assert_status(f.hub->rename(eve, "Ann"), Error::name_taken);
}

void who_cannot_come_takes_no_name(void**) {
  Fixture f;
  const ClientPtr guest = f.member("", "Ann");
  assert_ok(f.hub->ban("user:ann", "dev", 60'000, {}, f.now));
  assert_status(f.join(f.named("ann", "Ann"), "dev"), Error::banned);
  assert_text(guest->identity()->name, "Ann");
}

void guest_names_belong_to_their_guests(void**) {
  Fixture f;
  const ClientPtr one = f.member("", "");
  const ClientPtr two = f.member("", "");
  assert_status(f.hub->rename(two, "guest-999"), Error::forbidden);
  assert_status(f.hub->rename(two, "GUEST-" + std::to_string(one->id())), Error::forbidden);
  assert_ok(f.hub->rename(two, "Bob"));
  assert_ok(f.hub->rename(two, Fixture::guest_name(two)));
  // A user whom the application gave such a name cannot drive the guest out.
  assert_status(f.join(f.named("x", Fixture::guest_name(one)), "dev"), Error::name_taken);
  assert_ok(f.hub->rename(f.member("y", "Y"), "guest-999"));  // a user may, if it may rename itself
}

void reserved_names_are_for_no_guest(void**) {
  HubOptions options;
  options.reserved_names = {"Admin", "server"};
  Fixture f{options};
  const ClientPtr guest = f.member("", "");
  const ClientPtr user = f.member("ann", "Ann");
  for (const char* name : {"Admin", "aDMIN", "SERVER"}) {
    assert_status(f.hub->rename(guest, name), Error::forbidden);
  }
  if (check_name_keys().ok())
    assert_status(f.hub->rename(guest,
                                "\xD0\x90"
                                "dmin"),
                  Error::forbidden);
  assert_text(guest->identity()->name, Fixture::guest_name(guest));
  assert_ok(f.hub->rename(guest, "Admins"));
  assert_ok(f.hub->rename(user, "Admin"));
  assert_ok(f.hub->set_identity(guest, {"", "Server", {}}));  // the application decides
}

// Each failure leaves the old names, and the new ones are free.
void a_lack_of_memory_changes_no_name(void**) {
  for (int post = 1;; ++post) {
    Fixture f;
    const ClientPtr guest = f.member("", "Ann");
    const ClientPtr user = f.named("ann", "Ann");
    f.inboxes[0]->fail_at(post);
    bool failed = false;
    try {
      assert_ok(f.join(user, "dev"));
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    f.inboxes[0]->fail_at(0);
    assert_int_equal(f.inboxes[0]->reserved(), 0);
    const bool renamed = guest->identity()->name != "Ann";
    assert_int_equal(only<Renamed>(f.take()).size(), renamed ? 1 : 0);
    if (user->has_joined("dev")) assert_true(renamed);
    assert_ok(f.join(user, "dev"));
    assert_text(guest->identity()->name, Fixture::guest_name(guest));
    if (!failed) return;
  }
}

void many_threads_never_share_a_name(void**) {
  constexpr int kThreads = 4;
  HubOptions options = unique();
  options.presence = PresenceLevel::off;
  Fixture f{options, kThreads};
  std::vector<ClientPtr> clients;
  for (int i = 0; i < kThreads; ++i) clients.push_back(f.named(i == 0 ? "ann" : "", "", static_cast<std::size_t>(i)));
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const ClientPtr& client = clients[static_cast<std::size_t>(i)];
      for (int round = 0; round < 300; ++round) {
        (void)f.join(client, "dev");
        (void)f.join(client, "other");
        (void)f.hub->rename(client, round % 3 == 0 ? "Bob" : "Ann");
        if (round % 5 == 0) (void)f.hub->leave(client, "dev", {});
        if (round % 7 == 0) (void)f.hub->leave(client, "other", {});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const char* room : {"dev", "other"}) {
    std::vector<std::string> names;
    const auto members = f.hub->members(room);
    if (!members.ok()) continue;
    for (const ClientPtr& member : *members) names.push_back(member->identity()->name);
    std::sort(names.begin(), names.end());
    assert_true(std::adjacent_find(names.begin(), names.end()) == names.end());
  }
  // Nothing is left of them.
  for (const ClientPtr& client : clients) f.hub->remove_client(client);
  for (const char* room : {"dev", "other"}) {
    for (const char* name : {"Ann", "Bob"}) {
      const ClientPtr client = f.named("", name);
      assert_ok(f.join(client, room));
      assert_text(client->identity()->name, name);
    }
  }
}

}  // namespace

int main() {
  if (!check_name_keys().ok()) {
    const CMUnitTest without_icu[] = {cmocka_unit_test(reserved_names_are_for_no_guest)};
    return cmocka_run_group_tests_name("hub/names", without_icu, nullptr, nullptr);
  }
  const CMUnitTest tests[] = {
      cmocka_unit_test(nobody_takes_the_name_of_another),
      cmocka_unit_test(a_name_is_free_elsewhere_and_when_the_option_is_off),
      cmocka_unit_test(a_guest_comes_with_its_guest_name_when_its_own_is_taken),
      cmocka_unit_test(guests_give_way_to_users),
      cmocka_unit_test(clients_of_a_user_share_its_name_and_other_users_do_not),
      cmocka_unit_test(a_guest_that_logs_in_keeps_its_name),
      cmocka_unit_test(a_name_changes_in_all_rooms_or_in_none),
      cmocka_unit_test(who_cannot_come_takes_no_name),
      cmocka_unit_test(guest_names_belong_to_their_guests),
      cmocka_unit_test(reserved_names_are_for_no_guest),
      cmocka_unit_test(a_lack_of_memory_changes_no_name),
      cmocka_unit_test(many_threads_never_share_a_name),
  };
  return cmocka_run_group_tests_name("hub/names", tests, nullptr, nullptr);
}
