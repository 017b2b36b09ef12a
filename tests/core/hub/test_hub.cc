// The hub without loops or sockets: clients and identities, rooms and members, events and their order, and every limit.
#include "hub/hub.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

std::vector<std::uint64_t> seqs(const std::vector<MessagePtr>& messages) {
  std::vector<std::uint64_t> result;
  for (const MessagePtr& one : messages) result.push_back(one->seq);
  return result;
}

using Seqs = std::vector<std::uint64_t>;

// Clients

void a_client_begins_as_a_connecting_guest(void**) {
  HubFixture f;
  const ClientPtr client = f.add();
  assert_true(client->id() != 0);
  assert_true(client->state() == ClientState::connecting);
  assert_text(client->identity()->user_id, "");
  assert_text(client->identity()->name, "guest-" + std::to_string(client->id()));
  assert_true(f.hub->find_client(client->id()) == client);
  assert_true(f.hub->clients().empty());  // not open yet
  assert_null(client->user());
}

void ids_are_never_used_again(void**) {
  HubFixture f;
  std::set<ClientId> ids;
  for (int i = 0; i < 100; ++i) {
    const ClientPtr client = f.add();
    assert_true(ids.insert(client->id()).second);
    f.hub->remove_client(client);
    assert_null(f.hub->find_client(client->id()).get());
  }
}

void a_client_is_found_by_its_socket_id(void**) {
  HubFixture f;
  const ClientPtr plain = f.add();
  assert_text(plain->socket_id(), std::to_string(plain->id()));
  assert_true(f.hub->find_client(plain->socket_id()) == plain);

  ClientOrigin origin;
  origin.socket_id = "Fgh_1-";
  const ClientPtr older = *f.hub->add_client(origin);
  assert_true(f.hub->find_client("Fgh_1-") == older);
  assert_true(f.hub->find_client(std::to_string(older->id())) == older);
  const ClientPtr newer = *f.hub->add_client(origin);  // continues the first client
  assert_true(f.hub->find_client("Fgh_1-") == newer);
  f.hub->remove_client(older);
  assert_true(f.hub->find_client("Fgh_1-") == newer);
  f.hub->remove_client(newer);
  for (const char* nobody : {"Fgh_1-", "", "0", "01", "+1", "-1", "1x", " 1", "18446744073709551616"}) {
    assert_null(f.hub->find_client(std::string_view(nobody)).get());
  }
}

void a_verdict_that_does_not_come(void**) {
  HubFixture f;
  const ClientPtr client = f.add();
  assert_false(client->timed_out());
  assert_ok(f.hub->time_out(client));
  assert_true(client->timed_out());
  assert_true(client->state() == ClientState::refused);
  const ClientPtr decided = f.add();
  assert_ok(f.hub->refuse(decided, "no", {}));
  assert_true(f.hub->time_out(decided).code == Error::wrong_state);
  assert_false(decided->timed_out());
}

void accept_then_open(void**) {
  HubFixture f;
  const ClientPtr client = f.add();
  assert_status(f.hub->open(client), Error::wrong_state);
  assert_true(client->state() == ClientState::connecting);  // no verdict, no opening
  assert_ok(f.hub->accept(client, Identity{"u1", "Ann", {{"role", "admin"}}}));
  assert_true(client->state() == ClientState::accepted);
  const auto verdicts = only<DecisionGiven>(f.take());
  assert_int_equal(verdicts.size(), 1);
  assert_int_equal(verdicts[0].client, client->id());
  assert_ok(f.hub->open(client));
  assert_int_equal(only<Opened>(f.take()).size(), 1);
  assert_true(client->state() == ClientState::open);
  assert_true(client->rooms().empty());
  assert_status(f.hub->open(client), Error::wrong_state);
  assert_text(client->identity()->name, "Ann");
  assert_text(client->identity()->attributes.at(0).value, "admin");
  assert_int_equal(f.hub->clients().size(), 1);
}

void opening_joins_the_first_room_before_any_other(void**) {
  HubFixture f;
  const std::string epoch = f.publish("lobby", "1").epoch;
  f.publish("lobby", "2");
  const ClientPtr client = f.add();
  assert_status(f.hub->open(client, "lobby", std::nullopt, f.now), Error::wrong_state);  // no verdict yet
  assert_ok(f.hub->accept(client, std::nullopt));
  f.take();
  assert_status(f.join(client, "other"), Error::wrong_state);
  assert_status(f.hub->open(client, "a/b", std::nullopt, f.now), Error::invalid_room);
  assert_true(client->state() == ClientState::accepted);
  assert_ok(f.hub->open(client, "lobby", Position{epoch, 1}, f.now));
  assert_true(client->state() == ClientState::open);
  const auto joined = only<Joined>(f.take());
  assert_int_equal(joined.size(), 1);
  assert_text(joined[0].room, "lobby");
  assert_true(joined[0].resumed && joined[0].complete);
  assert_true(seqs(joined[0].missed) == Seqs({2}));
  assert_status(f.hub->open(client, "lobby", std::nullopt, f.now), Error::wrong_state);  // only once
  assert_ok(f.join(client, "other"));
  assert_true(client->rooms() == std::vector<std::string>({"lobby", "other"}));
}

void opening_into_a_room_that_bans_it_fails(void**) {
  HubFixture f;
  const ClientPtr client = f.add();
  assert_ok(f.hub->accept(client, Identity{"ann", "", {}}));
  assert_ok(f.hub->ban("user:ann", "lobby", 1'000, "", f.now));
  assert_status(f.hub->open(client, "lobby", std::nullopt, f.now), Error::banned);
  assert_true(client->state() == ClientState::accepted);
  assert_true(f.hub->remove_client(client) == ClientState::accepted);
}

// When several callers give a verdict at the same time, one of them wins entirely.
void one_of_several_verdicts_counts(void**) {
  for (int round = 0; round < 200; ++round) {
    HubFixture f;
    const ClientPtr client = f.add();
    std::atomic<int> accepted = 0;
    std::atomic<int> winner = -1;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        const std::string user = "user-" + std::to_string(t);
        if (!f.hub->accept(client, Identity{user, "name of " + user, {}}).ok()) return;
        ++accepted;
        winner = t;
      });
    }
    for (std::thread& thread : threads) thread.join();
    assert_int_equal(accepted.load(), 1);
    const std::string user = "user-" + std::to_string(winner.load());
    assert_text(client->identity()->user_id, user);
    assert_text(client->identity()->name, "name of " + user);
    assert_int_equal(f.hub->clients_of_user(user).size(), 1);
  }
}

void a_verdict_is_given_once(void**) {
  HubFixture f;
  const ClientPtr first = f.add();
  assert_ok(f.hub->accept(first, std::nullopt));
  assert_status(f.hub->accept(first, std::nullopt), Error::wrong_state);
  assert_status(f.hub->refuse(first, "no", ""), Error::wrong_state);

  const ClientPtr second = f.add();
  assert_ok(f.hub->refuse(second, "no", R"({"why":1})"));
  assert_true(second->state() == ClientState::refused);
  assert_text(second->refusal_reason(), "no");
  assert_text(second->refusal_data(), R"({"why":1})");
  assert_status(f.hub->accept(second, std::nullopt), Error::wrong_state);
  assert_status(f.hub->open(second), Error::wrong_state);
  assert_true(second->state() == ClientState::refused);
}

void accept_keeps_an_identity_set_before(void**) {
  HubFixture f;
  const ClientPtr client = f.add();
  assert_ok(f.hub->set_identity(client, Identity{"u1", "Ann", {}}));
  assert_ok(f.hub->accept(client, std::nullopt));
  assert_text(client->identity()->user_id, "u1");
}

void an_ill_formed_identity_is_refused_and_changes_nothing(void**) {
  HubFixture f;
  const ClientPtr client = f.add();
  assert_status(f.hub->accept(client, Identity{"u", "a\nb", {}}), Error::invalid_argument);
  assert_status(f.hub->accept(client, Identity{"u", "\xff", {}}), Error::invalid_utf8);
  assert_status(f.hub->accept(client, Identity{std::string(129, 'u'), "", {}}), Error::invalid_argument);
  assert_status(f.hub->accept(client, Identity{"u", "", Pairs(33, Pair{"n", "v"})}), Error::too_many);
  assert_true(client->state() == ClientState::connecting);
  assert_text(client->identity()->user_id, "");
  assert_true(f.hub->clients_of_user("u").empty());
}

void a_user_has_several_clients(void**) {
  HubFixture f;
  const ClientPtr a = f.open(0, "ann");
  const ClientPtr b = f.open(0, "ann");
  const ClientPtr c = f.open(0, "bob");
  assert_int_equal(f.hub->clients_of_user("ann").size(), 2);
  assert_true(f.hub->clients_of_user("ann")[0] == a && f.hub->clients_of_user("ann")[1] == b);

  assert_ok(f.hub->set_identity(b, Identity{"bob", "", {}}));
  assert_text(b->identity()->name, "bob");  // defaults to the user id
  assert_int_equal(f.hub->clients_of_user("ann").size(), 1);
  assert_int_equal(f.hub->clients_of_user("bob").size(), 2);

  f.hub->remove_client(a);
  assert_true(f.hub->clients_of_user("ann").empty());
  assert_status(f.hub->set_identity(a, Identity{"ann", "", {}}), Error::no_such_client);
  assert_true(f.hub->clients_of_user("ann").empty());

  assert_ok(f.hub->set_identity(c, Identity{}));
  assert_text(c->identity()->name, "guest-" + std::to_string(c->id()));
  assert_true(f.hub->clients_of_user("").empty());  // guests belong to no user
}

void rename_keeps_the_rest_of_the_identity(void**) {
  HubFixture f;
  const ClientPtr client = f.add();
  assert_ok(f.hub->accept(client, Identity{"u1", "Ann", {{"k", "v"}}}));
  assert_ok(f.hub->rename(client, "Anna"));
  assert_text(client->identity()->name, "Anna");
  assert_text(client->identity()->user_id, "u1");
  assert_int_equal(client->identity()->attributes.size(), 1);
  assert_int_equal(f.hub->clients_of_user("u1").size(), 1);
}

void clients_are_limited(void**) {
  HubOptions options;
  options.max_clients = 2;
  HubFixture f(options);
  const ClientPtr first = f.add();
  f.add();
  const Result<ClientPtr> third = f.hub->add_client({});
  assert_status(third.status(), Error::too_many);
  f.hub->remove_client(first);
  f.add();
  assert_int_equal(f.hub->stats().clients_now, 2);
  assert_int_equal(f.hub->stats().clients_total, 3);
}

void clients_of_one_address_are_limited(void**) {
  HubOptions options;
  options.max_clients_per_address = 2;
  HubFixture f(options);
  const ClientPtr first = f.add(0, "192.0.2.1");
  f.add(0, "192.0.2.1");
  ClientOrigin origin;
  origin.address = "192.0.2.1";
  assert_status(f.hub->add_client(origin).status(), Error::too_many);
  assert_status(f.hub->add_client(origin).status(), Error::too_many);  // a refused client is not counted
  f.add(0, "192.0.2.2");
  f.hub->remove_client(first);
  f.hub->remove_client(first);  // a repeated call changes nothing
  f.add(0, "192.0.2.1");
  assert_status(f.hub->add_client(origin).status(), Error::too_many);
  for (int i = 0; i < 5; ++i) f.add(0, "");  // a UNIX socket has no address
}

// Rooms

void only_an_open_client_joins(void**) {
  HubFixture f;
  const ClientPtr client = f.add();
  assert_status(f.join(client, "lobby"), Error::wrong_state);
  assert_ok(f.hub->accept(client, std::nullopt));
  assert_status(f.join(client, "lobby"), Error::wrong_state);
  assert_false(f.hub->has_room("lobby"));  // a failed join leaves no room behind
  assert_ok(f.hub->open(client));
  assert_ok(f.join(client, "lobby"));
  f.hub->remove_client(client);
  assert_status(f.join(client, "lobby"), Error::no_such_client);
  assert_false(f.hub->has_room("lobby"));
}

void join_tells_the_loop(void**) {
  HubFixture f;
  f.publish("lobby", "before");
  const ClientPtr client = f.open();
  assert_ok(f.hub->join(client, "lobby", std::nullopt, "7", f.now));
  const auto joined = only<Joined>(f.take());
  assert_int_equal(joined.size(), 1);
  assert_int_equal(joined[0].client, client->id());
  assert_text(joined[0].room, "lobby");
  assert_int_equal(joined[0].seq, 1);
  assert_false(joined[0].epoch.empty());
  assert_text(joined[0].ref, "7");
  assert_true(joined[0].asked);
  assert_false(joined[0].resumed);
  assert_true(joined[0].complete);
  assert_false(joined[0].already);
  assert_true(joined[0].missed.empty());
  assert_text(client->rooms().at(0), "lobby");
}

void join_refuses_what_is_no_room_name(void**) {
  HubFixture f;
  const ClientPtr client = f.open();
  for (const std::string& name : {std::string(), std::string("a/b"), std::string(" a"), std::string("a?"),
                                  std::string(129, 'a'), std::string("\xc3"), std::string("a\0b", 3)}) {
    assert_status(f.join(client, name), Error::invalid_room);
  }
  assert_true(f.take().empty());
  assert_int_equal(f.hub->stats().rooms_now, 0);
}

void joining_again_is_fine(void**) {
  HubFixture f;
  const ClientPtr client = f.open();
  assert_ok(f.join(client, "lobby"));
  f.publish("lobby", "one");
  assert_ok(f.hub->join(client, "lobby", std::nullopt, "", f.now));
  assert_ok(f.hub->join(client, "lobby", std::nullopt, std::nullopt, f.now));
  const auto joined = only<Joined>(f.take());
  assert_int_equal(joined.size(), 3);
  assert_true(joined[1].already);
  assert_true(joined[1].missed.empty());
  assert_true(joined[1].asked);  // by the client, without a ref
  assert_true(joined[2].already);
  assert_false(joined[2].asked);  // by the application
  assert_int_equal(client->rooms().size(), 1);
  assert_int_equal(f.hub->members("lobby")->size(), 1);
}

// docs/protocol.md, join: "A client may join a room that it is in; with `epoch` and `seq` that fetches what it missed."
void joining_again_with_a_position_fetches_what_was_missed(void**) {
  HubFixture f;
  const ClientPtr client = f.open();
  assert_ok(f.join(client, "lobby"));
  for (int i = 1; i <= 5; ++i) f.publish("lobby", std::to_string(i));
  const std::string epoch = only<Joined>(f.take()).at(0).epoch;
  assert_ok(f.hub->join(client, "lobby", Position{epoch, 3}, "r", f.now));
  const auto joined = only<Joined>(f.take());
  assert_int_equal(joined.size(), 1);
  assert_true(joined[0].already);
  assert_true(joined[0].resumed);
  assert_true(joined[0].complete);
  assert_true(seqs(joined[0].missed) == Seqs({4, 5}));
}

struct Resume {
  bool complete;
  Seqs seqs;
};

Resume resume(HubFixture& f, const std::string& epoch, std::uint64_t seq) {
  const ClientPtr client = f.open();
  assert_ok(f.hub->join(client, "lobby", Position{epoch, seq}, {}, f.now));
  const auto joined = only<Joined>(f.take());
  assert_int_equal(joined.size(), 1);
  assert_true(joined[0].resumed);
  f.hub->remove_client(client);
  return {joined[0].complete, seqs(joined[0].missed)};
}

void resuming_gives_what_was_missed_or_says_that_it_cannot(void**) {
  HubOptions options;
  options.history.messages = 3;
  HubFixture f(options);
  std::string epoch;
  for (int i = 1; i <= 5; ++i) epoch = f.publish("lobby", std::to_string(i)).epoch;

  Resume r = resume(f, epoch, 5);
  assert_true(r.complete && r.seqs.empty());
  r = resume(f, epoch, 3);
  assert_true(r.complete && r.seqs == Seqs({4, 5}));
  r = resume(f, epoch, 2);
  assert_true(r.complete && r.seqs == Seqs({3, 4, 5}));
  r = resume(f, epoch, 1);  // 2 is gone
  assert_true(!r.complete && r.seqs == Seqs({3, 4, 5}));
  r = resume(f, epoch, 0);
  assert_true(!r.complete && r.seqs == Seqs({3, 4, 5}));
  r = resume(f, "another", 4);  // a position of another epoch is ignored
  assert_true(!r.complete && r.seqs == Seqs({3, 4, 5}));
  r = resume(f, epoch, 6);  // a number that this epoch has not reached
  assert_true(!r.complete && r.seqs == Seqs({3, 4, 5}));
  r = resume(f, epoch, UINT64_MAX);
  assert_true(!r.complete);
}

void resuming_does_not_give_what_is_too_old(void**) {
  HubOptions options;
  options.history.age_ms = 1'000;
  HubFixture f(options);
  const std::string epoch = f.publish("lobby", "1").epoch;
  f.now += 900;
  f.publish("lobby", "2");
  f.now += 900;
  const Resume r = resume(f, epoch, 0);
  assert_true(!r.complete && r.seqs == Seqs({2}));
}

void resuming_into_a_room_that_has_gone_is_not_complete(void**) {
  HubOptions options;
  options.history.messages = 0;
  HubFixture f(options);
  const ClientPtr client = f.open();
  assert_ok(f.join(client, "lobby"));
  const std::string epoch = f.publish("lobby", "1").epoch;
  f.hub->remove_client(client);
  assert_false(f.hub->has_room("lobby"));
  f.take();
  const Resume r = resume(f, epoch, 1);
  assert_false(r.complete);
}

void leave_tells_the_loop_and_ends_the_room(void**) {
  HubFixture f;
  const ClientPtr client = f.open();
  assert_status(f.hub->leave(client, "lobby", "x"), Error::not_joined);
  assert_ok(f.join(client, "lobby"));
  f.take();
  assert_ok(f.hub->leave(client, "lobby", "bye", "3"));
  const auto left = only<Left>(f.take());
  assert_int_equal(left.size(), 1);
  assert_text(left[0].room, "lobby");
  assert_text(left[0].reason, "bye");
  assert_text(left[0].ref, "3");
  assert_true(client->rooms().empty());
  assert_status(f.hub->leave(client, "lobby", "x"), Error::not_joined);
  assert_false(f.hub->has_room("lobby"));
  assert_status(f.hub->members("lobby").status(), Error::no_such_room);
}

void removing_a_client_takes_it_out_of_its_rooms(void**) {
  HubFixture f;
  const ClientPtr client = f.open();
  const ClientPtr other = f.open();
  assert_ok(f.join(client, "a"));
  assert_ok(f.join(client, "b"));
  assert_ok(f.join(other, "b"));
  f.take();
  assert_true(f.hub->remove_client(client) == ClientState::open);
  assert_true(client->rooms().empty());
  assert_true(f.take().empty());  // the client is gone, so nobody is notified
  assert_false(f.hub->has_room("a"));
  assert_int_equal(f.hub->members("b")->size(), 1);
  assert_true(client->state() == ClientState::gone);
  assert_true(f.hub->remove_client(client) == ClientState::gone);
}

void rooms_of_a_client_are_limited(void**) {
  HubOptions options;
  options.max_rooms_per_client = 2;
  HubFixture f(options);
  const ClientPtr client = f.open();
  assert_ok(f.join(client, "a"));
  assert_ok(f.join(client, "b"));
  assert_status(f.join(client, "c"), Error::too_many);
  assert_false(f.hub->has_room("c"));
  assert_ok(f.join(client, "b"));
  assert_ok(f.hub->leave(client, "a", ""));
  assert_ok(f.join(client, "c"));
}

void rooms_in_all_are_limited(void**) {
  HubOptions options;
  options.max_rooms = 2;
  HubFixture f(options);
  const ClientPtr client = f.open();
  assert_ok(f.hub->ban("user:u", "a", 1'000, "", f.now));
  assert_ok(f.join(client, "b"));
  assert_status(f.join(client, "c"), Error::too_many);
  assert_status(f.hub->publish(draft("c", "x"), f.now).status(), Error::too_many);
  assert_status(f.hub->ban("user:u", "c", 1'000, "", f.now), Error::too_many);
  f.publish("a", "x");  // existing rooms still work
  assert_ok(f.hub->leave(client, "b", ""));
  assert_ok(f.join(client, "c"));
}

// Rooms that have only a history are removed for new ones, longest silent first.
void silent_rooms_give_way_to_new_ones(void**) {
  HubOptions options;
  options.max_rooms = 3;
  HubFixture f(options);
  const ClientPtr client = f.open();
  f.publish("oldest", "x");
  f.now += 1'000;
  f.publish("old", "x");
  f.now += 1'000;
  f.publish("busy", "x");
  f.publish("oldest", "y");  // no longer the longest silent one
  assert_ok(f.join(client, "new"));
  assert_false(f.hub->has_room("old"));
  assert_true(f.hub->has_room("oldest") && f.hub->has_room("busy"));
  assert_ok(f.join(client, "oldest"));
  assert_ok(f.join(client, "busy"));
  assert_status(f.hub->publish(draft("another", "x"), f.now).status(), Error::too_many);  // all rooms have members
  assert_int_equal(f.hub->history("oldest", 0, 0, f.now)->messages.size(), 2);
  assert_int_equal(f.hub->stats().rooms_now, 3);
}

// Searching for such rooms is slow when there are many, so a failed search is not repeated at once. Yet no such room is
// missed.
void a_room_that_falls_silent_gives_way_at_once(void**) {
  HubOptions options;
  options.max_rooms = 2;
  HubFixture f(options);
  const ClientPtr client = f.open();
  for (const char* room : {"a", "b"}) {
    assert_ok(f.join(client, room));
    f.publish(room, "x");
  }
  for (int i = 0; i < 3; ++i) assert_status(f.join(client, "c"), Error::too_many);
  assert_ok(f.hub->leave(client, "a", ""));
  assert_ok(f.join(client, "c"));
  assert_false(f.hub->has_room("a"));

  assert_status(f.join(client, "d"), Error::too_many);
  assert_ok(f.hub->ban("user:u", "c", 1'000, "", f.now));
  f.publish("c", "x");
  assert_ok(f.hub->leave(client, "c", ""));
  assert_status(f.join(client, "d"), Error::too_many);
  f.hub->expire(f.now + 1'000);  // the ban has expired
  assert_ok(f.join(client, "d"));
  assert_false(f.hub->has_room("c"));

  assert_status(f.join(client, "e"), Error::too_many);
  f.publish("d", "x");
  f.publish("b", "x");
  f.hub->remove_client(client);
  const ClientPtr other = f.open();
  assert_ok(f.join(other, "e"));
  assert_ok(f.join(other, "f"));
}

void a_room_without_members_and_history_goes(void**) {
  HubOptions options;
  options.history.age_ms = 1'000;
  HubFixture f(options);
  f.publish("lobby", "x");
  assert_true(f.hub->has_room("lobby"));
  f.hub->expire(f.now + 500);
  assert_true(f.hub->has_room("lobby"));
  f.hub->expire(f.now + 1'001);
  assert_false(f.hub->has_room("lobby"));
  assert_int_equal(f.hub->stats().history_bytes_now, 0);
}

void a_room_that_only_heard_something_ephemeral_goes_at_once(void**) {
  HubFixture f;
  MessageDraft typing = draft("lobby", "x");
  typing.ephemeral = true;
  assert_true(f.hub->publish(typing, f.now).ok());
  assert_false(f.hub->has_room("lobby"));
}

void rooms_are_listed_by_name(void**) {
  HubFixture f;
  const ClientPtr client = f.open();
  assert_ok(f.join(client, "b"));
  f.publish("a", "x");
  f.publish("a", "y");
  const std::vector<RoomInfo> rooms = f.hub->rooms();
  assert_int_equal(rooms.size(), 2);
  assert_text(rooms[0].name, "a");
  assert_int_equal(rooms[0].seq, 2);
  assert_int_equal(rooms[0].history_count, 2);
  assert_int_equal(rooms[0].member_count, 0);
  assert_text(rooms[1].name, "b");
  assert_int_equal(rooms[1].member_count, 1);
  assert_false(rooms[0].epoch == rooms[1].epoch);
}

// Bans

void a_ban_takes_out_every_client_of_the_user(void**) {
  HubFixture f({}, 2);
  const ClientPtr a = f.open(0, "ann");
  const ClientPtr b = f.open(1, "ann");
  const ClientPtr c = f.open(0, "bob");
  for (const ClientPtr& client : {a, b, c}) assert_ok(f.join(client, "lobby"));
  f.take(0), f.take(1);

  assert_ok(f.hub->ban(a->ban_key(), "lobby", 1'000, "spam", f.now));
  assert_int_equal(f.hub->members("lobby")->size(), 1);
  assert_true(a->rooms().empty() && b->rooms().empty());
  const auto left0 = only<Left>(f.take(0));
  assert_int_equal(left0.size(), 1);
  assert_text(left0[0].reason, "spam");
  assert_int_equal(only<Left>(f.take(1)).size(), 1);

  assert_status(f.join(a, "lobby"), Error::banned);
  assert_ok(f.join(a, "other"));
  // A client that connects later is banned too, until the ban expires.
  assert_status(f.join(f.open(0, "ann"), "lobby"), Error::banned);
  f.now += 999;
  assert_status(f.join(a, "lobby"), Error::banned);
  f.now += 1;
  assert_ok(f.join(a, "lobby"));
}

void a_guest_is_banned_by_address(void**) {
  HubFixture f;
  const ClientPtr guest = f.open();
  const ClientPtr user = f.open(0, "ann");  // from the same address
  assert_ok(f.hub->ban(guest->ban_key(), "lobby", 1'000, "", f.now));
  assert_status(f.join(guest, "lobby"), Error::banned);
  assert_ok(f.join(user, "lobby"));
}

void a_user_id_that_looks_like_an_address_is_none(void**) {
  HubFixture f;
  const ClientPtr guest = f.open();
  const ClientPtr user = f.open(0, guest->origin().address);
  assert_false(guest->ban_key() == user->ban_key());
}

void a_ban_can_be_lifted(void**) {
  HubFixture f;
  const ClientPtr client = f.open(0, "ann");
  assert_ok(f.hub->ban("user:ann", "lobby", INT64_MAX, "", f.now));
  assert_status(f.join(client, "lobby"), Error::banned);
  assert_ok(f.hub->ban("user:ann", "lobby", 0, "", f.now));
  assert_ok(f.join(client, "lobby"));
}

void a_ban_keeps_its_room_until_it_is_over(void**) {
  HubFixture f;
  assert_ok(f.hub->ban("user:ann", "lobby", 1'000, "", f.now));
  assert_true(f.hub->has_room("lobby"));
  f.hub->expire(f.now + 1'000);
  assert_false(f.hub->has_room("lobby"));
  assert_ok(f.hub->ban("user:ann", "lobby", 0, "", f.now));
  assert_false(f.hub->has_room("lobby"));
}

void bans_of_a_room_are_limited(void**) {
  HubFixture f;
  for (std::size_t i = 0; i < RoomRules::kMaxBans; ++i) {
    assert_ok(f.hub->ban("user:" + std::to_string(i), "lobby", 1'000, "", f.now));
  }
  assert_status(f.hub->ban("user:one-more", "lobby", 1'000, "", f.now), Error::too_many);
  assert_ok(f.hub->ban("user:0", "lobby", 5'000, "", f.now));  // an existing ban may be extended
}

// Closing

void closing_a_room_begins_anew(void**) {
  HubFixture f({}, 2);
  const ClientPtr a = f.open(0);
  const ClientPtr b = f.open(1);
  assert_status(f.hub->close_room("lobby", ""), Error::no_such_room);
  assert_ok(f.join(a, "lobby"));
  assert_ok(f.join(b, "lobby"));
  const std::string epoch = f.publish("lobby", "x").epoch;
  f.take(0), f.take(1);

  assert_ok(f.hub->close_room("lobby", "over"));
  assert_text(only<Left>(f.take(0)).at(0).reason, "over");
  assert_text(only<Left>(f.take(1)).at(0).reason, "over");
  assert_true(a->rooms().empty() && b->rooms().empty());
  assert_false(f.hub->has_room("lobby"));
  assert_int_equal(f.hub->stats().history_bytes_now, 0);

  const Published again = f.publish("lobby", "y");
  assert_int_equal(again.seq, 1);
  assert_false(again.epoch == epoch);
  const Resume r = resume(f, epoch, 1);
  assert_true(!r.complete && r.seqs == Seqs({1}));
}

// Messages

void publish_numbers_keeps_and_tells(void**) {
  HubFixture f;
  const ClientPtr client = f.open();
  assert_ok(f.join(client, "lobby"));
  f.take();
  const Published first = f.publish("lobby", "one");
  const Published second = f.publish("lobby", "two");
  assert_int_equal(first.seq, 1);
  assert_int_equal(second.seq, 2);
  assert_text(first.epoch, second.epoch);
  assert_int_equal(f.publish("other", "three").seq, 1);  // each room has its own numbering

  const auto told = only<RoomMessage>(f.take());
  assert_int_equal(told.size(), 2);
  assert_text(told[0].message->payload, "one");
  assert_int_equal(told[0].message->seq, 1);
  assert_int_equal(told[0].message->time_ms, f.now.time_ms);
  assert_text(told[0].message->epoch, first.epoch);
  assert_int_equal(told[1].message->seq, 2);
  assert_int_equal(f.hub->stats().published, 3);
}

void publish_refuses_bad_names(void**) {
  HubFixture f;
  assert_status(f.hub->publish(draft("a/b", "x"), f.now).status(), Error::invalid_room);
  for (const char* event : {"", "connect", "connect_error", "disconnect", "disconnecting", "newListener",
                            "removeListener", "a\x01", "\xc0\x80"}) {
    MessageDraft bad = draft("lobby", "x");
    bad.event = event;
    assert_status(f.hub->publish(bad, f.now).status(), Error::invalid_event);
    assert_status(f.hub->send(f.open(), bad, f.now), Error::invalid_event);
  }
  assert_false(f.hub->has_room("lobby"));
  assert_int_equal(f.hub->stats().published, 0);
}

void only_loops_with_members_are_told(void**) {
  HubFixture f({}, 3);
  const ClientPtr a = f.open(0);
  const ClientPtr b = f.open(2);
  assert_ok(f.join(a, "lobby"));
  assert_ok(f.join(b, "lobby"));
  for (std::size_t loop = 0; loop < 3; ++loop) f.take(loop);
  f.publish("lobby", "one");
  assert_int_equal(f.take(0).size(), 1);
  assert_int_equal(f.take(1).size(), 0);
  assert_int_equal(f.take(2).size(), 1);
  assert_ok(f.hub->leave(b, "lobby", ""));
  f.take(2);
  f.publish("lobby", "two");
  assert_int_equal(f.take(0).size(), 1);
  assert_int_equal(f.take(2).size(), 0);
}

void one_message_is_shared_by_all_loops(void**) {
  HubFixture f({}, 2);
  assert_ok(f.join(f.open(0), "lobby"));
  assert_ok(f.join(f.open(1), "lobby"));
  f.take(0), f.take(1);
  f.publish("lobby", "one");
  assert_true(only<RoomMessage>(f.take(0)).at(0).message == only<RoomMessage>(f.take(1)).at(0).message);
}

void an_ephemeral_message_is_neither_numbered_nor_kept(void**) {
  HubOptions options;
  options.ephemeral_events = {"typing"};
  HubFixture f(options);
  const ClientPtr client = f.open();
  assert_ok(f.join(client, "lobby"));
  f.take();
  f.publish("lobby", "one");
  MessageDraft by_field = draft("lobby", "x");
  by_field.ephemeral = true;
  assert_int_equal(f.hub->publish(by_field, f.now)->seq, 0);
  MessageDraft by_name = draft("lobby", "y");
  by_name.event = "typing";
  assert_int_equal(f.hub->publish(by_name, f.now)->seq, 0);
  assert_int_equal(f.publish("lobby", "two").seq, 2);

  const auto told = only<RoomMessage>(f.take());
  assert_int_equal(told.size(), 4);
  assert_true(told[1].message->ephemeral && told[2].message->ephemeral);
  assert_int_equal(told[2].message->seq, 0);
  assert_true(seqs(f.hub->history("lobby", 0, 0, f.now)->messages) == Seqs({1, 2}));
}

void to_everyone(void**) {
  HubFixture f({}, 2);
  const Result<Published> published = f.hub->publish(draft("", "hear ye"), f.now);
  assert_true(published.ok());
  assert_int_equal(published->seq, 0);
  for (std::size_t loop = 0; loop < 2; ++loop) {
    const auto told = only<EveryoneMessage>(f.take(loop));
    assert_int_equal(told.size(), 1);
    assert_int_equal(told[0].message->seq, 0);
    assert_text(told[0].message->payload, "hear ye");
  }
  assert_int_equal(f.hub->stats().rooms_now, 0);
}

void to_one_client(void**) {
  HubFixture f({}, 2);
  const ClientPtr client = f.open(1);
  assert_ok(f.join(client, "first"));
  assert_ok(f.join(client, "second"));
  f.take(1);
  assert_ok(f.hub->send(client, draft("", "psst"), f.now));
  assert_ok(f.hub->send(client, draft("label", "psst"), f.now));
  assert_true(f.take(0).empty());
  const auto told = only<DirectMessage>(f.take(1));
  assert_int_equal(told.size(), 2);
  assert_int_equal(told[0].client, client->id());
  assert_text(told[0].message->room, "first");
  assert_text(told[1].message->room, "label");
  assert_int_equal(told[0].message->seq, 0);
  f.hub->remove_client(client);
  assert_status(f.hub->send(client, draft("", "psst"), f.now), Error::no_such_client);
}

void answers_and_closes_go_to_the_clients_loop(void**) {
  HubFixture f({}, 2);
  const ClientPtr client = f.open(1);
  assert_ok(f.hub->answer(client, Answer{0, 9, "[1]", {}}));
  assert_ok(f.hub->close_client(client, 1008, "out"));
  assert_true(f.take(0).empty());
  const std::vector<LoopEvent> events = f.take(1);
  const auto answers = only<Answer>(events);
  assert_int_equal(answers.at(0).client, client->id());
  assert_int_equal(answers.at(0).ack_id, 9);
  const auto closes = only<CloseClient>(events);
  assert_int_equal(closes.at(0).code, 1008);
  assert_text(closes.at(0).reason, "out");
  f.hub->remove_client(client);
  assert_status(f.hub->answer(client, Answer{}), Error::no_such_client);
  assert_status(f.hub->close_client(client, 1008, ""), Error::no_such_client);
}

// Node 0 numbers from 1, like a single server.
void client_ids_tell_their_node(void**) {
  HubFixture alone;
  assert_int_equal(alone.add()->id(), 1);
  assert_int_equal(alone.add()->id(), 2);
  HubOptions options;
  options.node = kMaxNode;
  HubFixture last(options);
  options.node = 1;
  HubFixture first(options);
  const ClientPtr one = first.open();
  assert_int_equal(node_of(one->id()), 1);
  assert_int_equal(node_of(last.add()->id()), kMaxNode);
  assert_int_equal(last.hub->stats().clients_total, 1);
  // Each id is found at its own node, also by its digits, and is exact as a JavaScript number.
  assert_ptr_equal(first.hub->find_client(std::to_string(one->id())).get(), one.get());
  assert_null(last.hub->find_client(one->id()).get());
  assert_true(make_client_id(kMaxNode, (std::uint64_t{1} << kClientNumberBits) - 1) == (std::uint64_t{1} << 53) - 1);
  // `except` with a client id of another node does not exclude the local client with the same number.
  assert_ok(first.join(one, "lobby"));
  first.take();
  MessageDraft message = draft("lobby", "x");
  message.except = make_client_id(2, 1);
  assert_true(first.hub->publish(message, first.now).ok());
  assert_true(only<RoomMessage>(first.take())[0].message->except != one->id());
}

// History

void history_is_what_is_kept(void**) {
  HubOptions options;
  options.history.messages = 4;
  HubFixture f(options);
  for (int i = 1; i <= 6; ++i) f.publish("lobby", std::to_string(i));
  Result<HistoryReply> all = f.hub->history("lobby", 0, 0, f.now);
  assert_true(seqs(all->messages) == Seqs({3, 4, 5, 6}));
  assert_false(all->complete);
  assert_int_equal(all->seq, 6);
  all = f.hub->history("lobby", 2, 0, f.now);
  assert_true(seqs(all->messages) == Seqs({3, 4, 5, 6}));
  assert_true(all->complete);
  all = f.hub->history("lobby", 2, 2, f.now);
  assert_true(seqs(all->messages) == Seqs({5, 6}));
  assert_false(all->complete);
  all = f.hub->history("lobby", 0, 2, f.now, 6);
  assert_true(seqs(all->messages) == Seqs({4, 5}));
  assert_int_equal(all->seq, 6);
  all = f.hub->history("lobby", 0, 2, f.now, 4);
  assert_true(seqs(all->messages) == Seqs({3}));
  assert_false(all->complete);  // 1 and 2 are not kept
  all = f.hub->history("lobby", 2, 2, f.now, 5);
  assert_true(seqs(all->messages) == Seqs({3, 4}));
  assert_true(all->complete);
  all = f.hub->history("lobby", 0, 0, f.now, 1);
  assert_true(all->messages.empty() && all->complete);
  all = f.hub->history("lobby", 6, 0, f.now);
  assert_true(all->messages.empty() && all->complete);
  all = f.hub->history("lobby", 99, 0, f.now);
  assert_true(all->messages.empty());
}

void history_of_an_unknown_room_is_empty(void**) {
  HubFixture f;
  const Result<HistoryReply> none = f.hub->history("nowhere", 0, 0, f.now);
  assert_true(none.ok());
  assert_true(none->messages.empty());
  assert_false(f.hub->has_room("nowhere"));
  assert_status(f.hub->history("a/b", 0, 0, f.now).status(), Error::invalid_room);
}

void history_shows_nothing_too_old(void**) {
  HubOptions options;
  options.history.age_ms = 1'000;
  HubFixture f(options);
  f.publish("lobby", "1");
  f.now += 800;
  f.publish("lobby", "2");
  const Result<HistoryReply> reply = f.hub->history("lobby", 0, 0, f.now + 300);
  assert_true(seqs(reply->messages) == Seqs({2}));
  assert_false(reply->complete);
}

// Edits and redactions are numbered like messages; presence is not. Clients receive them, and a history has messages only.
void events_of_a_room_share_one_order(void**) {
  HubFixture f;
  const ClientPtr client = f.open();
  assert_ok(f.join(client, "lobby"));
  f.take();
  const auto publish = [&](RoomEventKind kind, std::uint64_t target) {
    MessageDraft event = draft("lobby", "changed");
    event.event_kind = kind;
    event.target_seq = target;
    return f.hub->publish(std::move(event), f.now);
  };
  assert_int_equal(f.publish("lobby", "1").seq, 1);
  assert_int_equal(publish(RoomEventKind::edit, 1)->seq, 2);
  assert_int_equal(publish(RoomEventKind::presence, 0)->seq, 0);
  assert_int_equal(f.publish("lobby", "3").seq, 3);
  assert_int_equal(publish(RoomEventKind::redaction, 3)->seq, 4);
  assert_int_equal(f.hub->stats().published, 2);

  const auto heard = only<RoomMessage>(f.take());
  assert_int_equal(heard.size(), 4);
  for (std::size_t i = 0; i < heard.size(); ++i) assert_int_equal(heard[i].message->seq, i + 1);
  const Result<HistoryReply> history = f.hub->history("lobby", 0, 0, f.now);
  assert_true(seqs(history->messages) == Seqs({1, 3}));
  assert_true(history->complete);
  assert_int_equal(history->seq, 4);
  assert_int_equal(f.hub->rooms()[0].history_count, 2);
  const Resume resumed = resume(f, history->epoch, 1);
  assert_true(resumed.complete && resumed.seqs == Seqs({2, 3, 4}));

  // The message that they refer to must exist.
  assert_status(publish(RoomEventKind::edit, 0).status(), Error::no_such_message);
  assert_status(publish(RoomEventKind::redaction, 5).status(), Error::no_such_message);
  MessageDraft nowhere = draft("", "x");
  nowhere.event_kind = RoomEventKind::redaction;
  assert_status(f.hub->publish(nowhere, f.now).status(), Error::invalid_argument);
  nowhere.room = "new";
  nowhere.target_seq = 1;
  assert_status(f.hub->publish(nowhere, f.now).status(), Error::no_such_message);
  assert_false(f.hub->has_room("new"));
  assert_int_equal(f.publish("lobby", "5").seq, 5);
}

std::vector<std::shared_ptr<Message>> kept_elsewhere(std::initializer_list<std::uint64_t> numbers,
                                                     const HubFixture& f) {
  std::vector<std::shared_ptr<Message>> messages;
  for (const std::uint64_t seq : numbers) {
    messages.push_back(std::make_shared<Message>());
    messages.back()->seq = seq;
    messages.back()->time_ms = f.now.time_ms - 1'000 + static_cast<std::int64_t>(seq);
    messages.back()->except = 1;
  }
  return messages;
}

// Clients of an earlier run resume after their positions, and the numbering continues.
void a_restored_room_continues(void**) {
  HubFixture f;
  assert_ok(f.hub->restore_room("lobby", "old", 9, kept_elsewhere({4, 5, 8}, f), f.now));
  Resume r = resume(f, "old", 5);
  assert_true(r.complete && r.seqs == Seqs({8}));
  r = resume(f, "old", 6);
  assert_true(r.complete && r.seqs == Seqs({8}));
  r = resume(f, "old", 9);
  assert_true(r.complete && r.seqs.empty());
  r = resume(f, "old", 2);
  assert_true(!r.complete && r.seqs == Seqs({4, 5, 8}));
  const Published next = f.publish("lobby", "x");
  assert_int_equal(next.seq, 10);
  assert_text(next.epoch, "old");
  const Result<HistoryReply> history = f.hub->history("lobby", 3, 0, f.now);
  assert_true(history->complete && seqs(history->messages) == Seqs({4, 5, 8, 10}));
  for (const MessagePtr& message : history->messages) {
    assert_text(message->room, "lobby");
    assert_text(message->epoch, "old");
    assert_int_equal(message->except, 0);
  }
  assert_int_equal(f.hub->stats().published, 1);
}

// Restored messages age from their original time of publication.
void what_is_restored_grows_old(void**) {
  HubOptions options;
  options.history.age_ms = 1'000;
  HubFixture f(options);
  assert_ok(f.hub->restore_room("lobby", "old", 0, kept_elsewhere({1, 500, 900}, f), f.now));
  f.now += 400;
  f.hub->expire(f.now);
  assert_true(seqs(f.hub->history("lobby", 0, 0, f.now)->messages) == Seqs({500, 900}));
  f.now += 501;
  f.hub->expire(f.now);
  assert_false(f.hub->has_room("lobby"));
  assert_int_equal(f.hub->stats().history_bytes_now, 0);
  assert_ok(f.hub->restore_room("lobby", "old", 0, kept_elsewhere({1}, f), f.now + 10'000));
  assert_false(f.hub->has_room("lobby"));  // expired by now
}

// An existing member receives later messages. The restored numbers are not reported to it as missed.
void a_room_with_members_may_be_restored(void**) {
  HubFixture f;
  const ClientPtr early = f.open();
  assert_ok(f.join(early, "lobby"));
  const std::string first_epoch = only<Joined>(f.take())[0].epoch;
  assert_ok(f.hub->restore_room("lobby", "old", 0, kept_elsewhere({3}, f), f.now));
  assert_true(f.take().empty());
  assert_int_equal(f.publish("lobby", "x").seq, 4);
  assert_int_equal(only<RoomMessage>(f.take()).size(), 1);
  const Resume r = resume(f, first_epoch, 0);
  assert_true(!r.complete && r.seqs == Seqs({3, 4}));
}

void history_over_all_rooms_is_bounded(void**) {
  HubOptions options;
  options.history_total_bytes = 200'000;
  HubFixture f(options);
  for (int round = 0; round < 20; ++round) {
    for (int room = 0; room < 10; ++room) {
      f.now += 1;
      f.publish("room-" + std::to_string(room), std::string(5'000, 'x'));
      assert_true(f.hub->stats().history_bytes_now <= 200'000);
    }
  }
  // The newest messages were kept, and the counter matches their size.
  std::uint64_t kept = 0;
  for (const RoomInfo& info : f.hub->rooms()) {
    const Result<HistoryReply> reply = f.hub->history(info.name, 0, 0, f.now);
    for (const MessagePtr& message : reply->messages) kept += message->memory_bytes();
  }
  assert_int_equal(kept, f.hub->stats().history_bytes_now);
  assert_true(kept > 100'000);
}

void the_longest_silent_room_loses_its_history_first(void**) {
  HubOptions options;
  options.history_total_bytes = 100'000;
  HubFixture f(options);
  f.publish("silent", std::string(20'000, 'x'));
  for (int i = 0; i < 5; ++i) {
    f.now += 1'000;
    f.publish("busy", std::string(20'000, 'x'));
  }
  assert_false(f.hub->has_room("silent"));
  assert_true(f.hub->history("busy", 0, 0, f.now)->messages.size() >= 3);
}

void epochs_differ_between_rooms_and_runs(void**) {
  std::set<std::string> epochs;
  for (std::uint64_t seed : {1, 2, 3}) {
    HubOptions options;
    options.epoch_seed = seed * 0x123456789ABCDEFULL;
    HubFixture f(options);
    for (int i = 0; i < 100; ++i) {
      const std::string epoch = f.publish("room-" + std::to_string(i), "x").epoch;
      assert_true(epoch.size() <= 64 && !epoch.empty());
      assert_true(epochs.insert(epoch).second);
    }
  }
}

// Memory

void a_join_that_the_loop_does_not_hear_of_is_none(void**) {
  HubFixture f;
  const ClientPtr client = f.open();
  f.inboxes[0]->fail_at(1);
  assert_no_memory(f.join(client, "lobby"));
  assert_false(client->has_joined("lobby"));
  f.hub->expire(f.now);
  assert_false(f.hub->has_room("lobby"));  // it has no member left
  assert_ok(f.join(client, "lobby"));
  assert_false(only<Joined>(f.take()).at(0).already);
}

void whose_leave_the_loop_does_not_hear_of_is_still_in(void**) {
  HubFixture f;
  const ClientPtr client = f.open();
  assert_ok(f.join(client, "lobby"));
  f.inboxes[0]->fail_at(1);
  assert_no_memory(f.hub->leave(client, "lobby", ""));
  assert_true(client->has_joined("lobby"));
  f.take();
  f.publish("lobby", "hi");
  assert_int_equal(only<RoomMessage>(f.take()).size(), 1);
  assert_ok(f.hub->leave(client, "lobby", ""));
  assert_int_equal(only<Left>(f.take()).size(), 1);
}

void a_room_that_is_closed_by_half_may_be_closed_again(void**) {
  HubFixture f;
  const std::vector<ClientPtr> clients = {f.open(), f.open(), f.open()};
  for (const ClientPtr& client : clients) assert_ok(f.join(client, "lobby"));
  f.take();
  f.inboxes[0]->fail_at(2);
  assert_no_memory(f.hub->close_room("lobby", ""));
  // The client and the room agree on the membership.
  std::size_t joined = 0;
  for (const ClientPtr& client : clients) joined += client->has_joined("lobby") ? 1 : 0;
  assert_int_equal(joined, 2);
  assert_int_equal(f.hub->members("lobby")->size(), 2);
  assert_ok(f.hub->close_room("lobby", ""));
  assert_int_equal(only<Left>(f.take()).size(), 3);
  assert_false(f.hub->has_room("lobby"));
}

void a_verdict_that_the_loop_does_not_hear_of_is_none(void**) {
  HubFixture f;
  const ClientPtr accepted = f.add();
  f.inboxes[0]->fail_at(1);
  assert_no_memory(f.hub->accept(accepted, Identity{"ann", "", {}}));
  assert_true(accepted->state() == ClientState::connecting);
  assert_text(accepted->identity()->user_id, "");
  assert_true(f.hub->clients_of_user("ann").empty());
  assert_ok(f.hub->accept(accepted, Identity{"ann", "", {}}));
  const ClientPtr refused = f.add();
  f.inboxes[0]->fail_at(1);
  assert_no_memory(f.hub->refuse(refused, "no", ""));
  assert_true(refused->state() == ClientState::connecting);
  assert_ok(f.hub->refuse(refused, "no", ""));
  assert_int_equal(only<DecisionGiven>(f.take()).size(), 2);
}

void a_client_is_not_dismissed_without_its_event(void**) {
  HubFixture f;
  const ClientPtr client = f.open();
  f.inboxes[0]->fail_at(1);
  assert_no_memory(f.hub->close_client(client, 1008, "out"));
  assert_false(client->dismissed());
  f.inboxes[0]->fail_at(1);
  assert_no_memory(f.hub->set_identity(client, {"u1", "Ann", {}}));
  assert_true(f.hub->clients_of_user("u1").empty());
  assert_ok(f.hub->close_client(client, 1008, "out"));
  assert_true(client->dismissed());
  assert_int_equal(f.take().size(), 1);
  assert_int_equal(f.inboxes[0]->reserved(), 0);
}

void a_client_does_not_open_without_its_event(void**) {
  HubFixture f;
  const ClientPtr client = f.add();
  assert_ok(f.hub->accept(client, std::nullopt));
  f.inboxes[0]->fail_at(1);
  assert_no_memory(f.hub->open(client));
  assert_true(client->state() == ClientState::accepted);
  f.inboxes[0]->fail_at(1);
  assert_no_memory(f.hub->open(client, "lobby", std::nullopt, f.now));
  assert_true(client->state() == ClientState::accepted);
  assert_ok(f.hub->open(client));
  f.take();
  assert_int_equal(f.inboxes[0]->reserved(), 0);
}

// No loop is told of a message when there is no memory to tell one of them.
void a_message_goes_to_all_of_its_loops_or_to_none(void**) {
  for (const char* const room : {"lobby", ""}) {
    for (std::size_t failing = 0; failing < 3; ++failing) {
      HubFixture f({}, 3);
      for (std::size_t loop = 0; loop < 3; ++loop) {
        assert_ok(f.join(f.open(loop), "lobby"));
        f.take(loop);
      }
      f.inboxes[failing]->fail_at(1);
      assert_no_memory(f.hub->publish(draft(room, "one"), f.now));
      for (std::size_t loop = 0; loop < 3; ++loop) {
        assert_true(f.take(loop).empty());
        assert_int_equal(f.inboxes[loop]->reserved(), 0);
      }
      assert_true(f.hub->history("lobby", 0, 0, f.now)->messages.empty());
      assert_int_equal(f.hub->stats().published, 0);
      f.publish(room, "two");
      for (std::size_t loop = 0; loop < 3; ++loop) assert_int_equal(f.take(loop).size(), 1);
    }
  }
}

// Order

// Simulates a loop's handling of its inbox: every member receives each message between its Joined and its Left.
class Listener {
 public:
  void hear(const LoopEvent& event) {
    if (const auto* joined = std::get_if<Joined>(&event)) {
      assert_false(joined->already);
      Membership& membership = members_[joined->room][joined->client];
      assert_false(membership.joined);
      membership = {true, joined->seq};
    } else if (const auto* left = std::get_if<Left>(&event)) {
      Membership& membership = members_[left->room][left->client];
      assert_true(membership.joined);
      membership.joined = false;
    } else if (const auto* said = std::get_if<RoomMessage>(&event)) {
      // The loop sees one order: always the next number, since one loop receives all messages while it has a member.
      for (auto& [id, membership] : members_[said->message->room]) {
        if (!membership.joined) continue;
        assert_int_equal(said->message->seq, membership.last_seq + 1);
        ++membership.last_seq;
        ++heard;
      }
    }
  }

  // At the end every remaining member has received all messages.
  void check(const std::map<std::string, std::uint64_t>& last_seqs) const {
    for (const auto& [room, members] : members_) {
      for (const auto& [id, membership] : members) {
        if (membership.joined) assert_int_equal(membership.last_seq, last_seqs.at(room));
      }
    }
  }

  std::uint64_t heard = 0;

 private:
  struct Membership {
    bool joined = false;
    std::uint64_t last_seq = 0;
  };
  std::map<std::string, std::map<ClientId, Membership>> members_;
};

void every_member_hears_everything_once_and_in_order(void**) {
  constexpr std::size_t kLoops = 3;
  constexpr int kThreads = 4;
  constexpr int kSteps = 4'000;
  const std::vector<std::string> rooms = {"a", "b", "c"};
  HubOptions options;
  options.history.messages = 50;
  HubFixture f(options, kLoops);
  // Keeps the rooms and their numbering alive.
  const ClientPtr keeper = f.open(0);
  for (const std::string& room : rooms) assert_ok(f.join(keeper, room));

  std::vector<std::vector<ClientPtr>> clients(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    for (std::size_t i = 0; i < 6; ++i) {
      ClientOrigin origin;
      origin.loop = i % kLoops;
      ClientPtr client = *f.hub->add_client(origin);
      assert_ok(f.hub->accept(client, std::nullopt));
      assert_ok(f.hub->open(client));
      clients[t].push_back(std::move(client));
    }
  }

  std::atomic<int> faults = 0;  // cmocka's assertions may run only on the main thread
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t) + 1);
      std::set<std::pair<ClientId, std::string>> joined;
      for (int step = 0; step < kSteps; ++step) {
        const ClientPtr& client = clients[t][random() % clients[t].size()];
        const std::string& room = rooms[random() % rooms.size()];
        const auto key = std::make_pair(client->id(), room);
        switch (random() % 8) {
          case 0:
            if (!joined.insert(key).second) break;
            if (!f.hub->join(client, room, std::nullopt, {}, f.now).ok()) ++faults;
            break;
          case 1:
            if (joined.erase(key) == 0) break;
            if (!f.hub->leave(client, room, "").ok()) ++faults;
            break;
          default:
            if (!f.hub->publish(draft(room, std::to_string(step)), f.now).ok()) ++faults;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  assert_int_equal(faults.load(), 0);

  std::map<std::string, std::uint64_t> last_seqs;
  for (const RoomInfo& info : f.hub->rooms()) last_seqs[info.name] = info.seq;
  std::uint64_t heard = 0;
  for (std::size_t loop = 0; loop < kLoops; ++loop) {
    Listener listener;
    for (const LoopEvent& event : f.take(loop)) listener.hear(event);
    listener.check(last_seqs);
    heard += listener.heard;
  }
  assert_true(heard > f.hub->stats().published);
}

void resuming_while_others_publish_leaves_no_gap_and_no_twin(void**) {
  HubOptions options;
  options.history.messages = kUnlimited;
  options.history.bytes = 100 << 20;
  HubFixture f(options, 2);
  std::string epoch = f.publish("lobby", "0").epoch;
  std::atomic<bool> done = false;
  std::thread publisher([&] {
    for (int i = 0; i < 20'000; ++i) (void)f.hub->publish(draft("lobby", "x"), f.now);
    done = true;
  });
  const ClientPtr client = f.open(1);
  std::uint64_t last = 1;
  std::uint64_t rejoins = 0;
  bool member = false;
  const auto hear = [&] {
    for (const LoopEvent& event : f.take(1)) {
      if (const auto* joined = std::get_if<Joined>(&event)) {
        assert_true(joined->complete);
        for (const MessagePtr& missed : joined->missed) assert_int_equal(missed->seq, ++last);
        assert_int_equal(joined->seq, last);
        member = true;
      } else if (const auto* said = std::get_if<RoomMessage>(&event)) {
        if (member) assert_int_equal(said->message->seq, ++last);
      } else if (std::holds_alternative<Left>(event)) {
        member = false;
      }
    }
  };
  while (!done.load()) {
    assert_ok(f.hub->join(client, "lobby", Position{epoch, last}, {}, f.now));
    hear();
    assert_ok(f.hub->leave(client, "lobby", ""));
    hear();
    ++rejoins;
  }
  publisher.join();
  assert_ok(f.hub->join(client, "lobby", Position{epoch, last}, {}, f.now));
  hear();
  assert_int_equal(last, 20'001);
  assert_true(rejoins > 0);
}

// Clients connect and disconnect on all threads; afterwards the tables are empty.
void nothing_is_left_behind(void**) {
  HubOptions options;
  options.history.messages = 0;
  options.max_clients_per_address = 1'000;
  HubFixture f(options, 2);
  std::atomic<int> faults = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t) + 100);
      for (int i = 0; i < 500; ++i) {
        ClientOrigin origin;
        origin.loop = random() % 2;
        origin.address = "192.0.2.1";
        const Result<ClientPtr> client = f.hub->add_client(origin);
        if (!client.ok() || !f.hub->accept(*client, Identity{"user" + std::to_string(random() % 3), "", {}}).ok()) {
          ++faults;
          continue;
        }
        assert_ok(f.hub->open(*client));
        for (int j = 0; j < 4; ++j) {
          const std::string room(1, static_cast<char>('a' + random() % 4));
          switch (random() % 4) {
            case 0:
              (void)f.hub->close_room(room, "");
              break;
            case 1:
              (void)f.hub->publish(draft(room, "x"), f.now);
              break;
            default:
              (void)f.hub->join(*client, room, std::nullopt, {}, f.now);
          }
        }
        f.hub->remove_client(*client);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  assert_int_equal(faults.load(), 0);
  assert_int_equal(f.hub->stats().clients_now, 0);
  assert_int_equal(f.hub->stats().clients_total, 2'000);
  assert_int_equal(f.hub->stats().rooms_now, 0);
  assert_int_equal(f.hub->stats().history_bytes_now, 0);
  for (int user = 0; user < 3; ++user) assert_true(f.hub->clients_of_user("user" + std::to_string(user)).empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_join_that_the_loop_does_not_hear_of_is_none),
      cmocka_unit_test(whose_leave_the_loop_does_not_hear_of_is_still_in),
      cmocka_unit_test(a_room_that_is_closed_by_half_may_be_closed_again),
      cmocka_unit_test(a_verdict_that_the_loop_does_not_hear_of_is_none),
      cmocka_unit_test(a_client_is_not_dismissed_without_its_event),
      cmocka_unit_test(a_client_does_not_open_without_its_event),
      cmocka_unit_test(a_message_goes_to_all_of_its_loops_or_to_none),
      cmocka_unit_test(a_client_begins_as_a_connecting_guest),
      cmocka_unit_test(ids_are_never_used_again),
      cmocka_unit_test(a_client_is_found_by_its_socket_id),
      cmocka_unit_test(a_verdict_that_does_not_come),
      cmocka_unit_test(accept_then_open),
      cmocka_unit_test(opening_joins_the_first_room_before_any_other),
      cmocka_unit_test(opening_into_a_room_that_bans_it_fails),
      cmocka_unit_test(one_of_several_verdicts_counts),
      cmocka_unit_test(a_verdict_is_given_once),
      cmocka_unit_test(accept_keeps_an_identity_set_before),
      cmocka_unit_test(an_ill_formed_identity_is_refused_and_changes_nothing),
      cmocka_unit_test(a_user_has_several_clients),
      cmocka_unit_test(rename_keeps_the_rest_of_the_identity),
      cmocka_unit_test(clients_are_limited),
      cmocka_unit_test(clients_of_one_address_are_limited),
      cmocka_unit_test(only_an_open_client_joins),
      cmocka_unit_test(join_tells_the_loop),
      cmocka_unit_test(join_refuses_what_is_no_room_name),
      cmocka_unit_test(joining_again_is_fine),
      cmocka_unit_test(joining_again_with_a_position_fetches_what_was_missed),
      cmocka_unit_test(resuming_gives_what_was_missed_or_says_that_it_cannot),
      cmocka_unit_test(resuming_does_not_give_what_is_too_old),
      cmocka_unit_test(resuming_into_a_room_that_has_gone_is_not_complete),
      cmocka_unit_test(leave_tells_the_loop_and_ends_the_room),
      cmocka_unit_test(removing_a_client_takes_it_out_of_its_rooms),
      cmocka_unit_test(rooms_of_a_client_are_limited),
      cmocka_unit_test(rooms_in_all_are_limited),
      cmocka_unit_test(silent_rooms_give_way_to_new_ones),
      cmocka_unit_test(a_room_that_falls_silent_gives_way_at_once),
      cmocka_unit_test(a_room_without_members_and_history_goes),
      cmocka_unit_test(a_room_that_only_heard_something_ephemeral_goes_at_once),
      cmocka_unit_test(rooms_are_listed_by_name),
      cmocka_unit_test(a_ban_takes_out_every_client_of_the_user),
      cmocka_unit_test(a_guest_is_banned_by_address),
      cmocka_unit_test(a_user_id_that_looks_like_an_address_is_none),
      cmocka_unit_test(a_ban_can_be_lifted),
      cmocka_unit_test(a_ban_keeps_its_room_until_it_is_over),
      cmocka_unit_test(bans_of_a_room_are_limited),
      cmocka_unit_test(closing_a_room_begins_anew),
      cmocka_unit_test(publish_numbers_keeps_and_tells),
      cmocka_unit_test(publish_refuses_bad_names),
      cmocka_unit_test(only_loops_with_members_are_told),
      cmocka_unit_test(one_message_is_shared_by_all_loops),
      cmocka_unit_test(an_ephemeral_message_is_neither_numbered_nor_kept),
      cmocka_unit_test(to_everyone),
      cmocka_unit_test(to_one_client),
      cmocka_unit_test(answers_and_closes_go_to_the_clients_loop),
      cmocka_unit_test(history_is_what_is_kept),
      cmocka_unit_test(history_of_an_unknown_room_is_empty),
      cmocka_unit_test(history_shows_nothing_too_old),
      cmocka_unit_test(client_ids_tell_their_node),
      cmocka_unit_test(events_of_a_room_share_one_order),
      cmocka_unit_test(a_restored_room_continues),
      cmocka_unit_test(what_is_restored_grows_old),
      cmocka_unit_test(a_room_with_members_may_be_restored),
      cmocka_unit_test(history_over_all_rooms_is_bounded),
      cmocka_unit_test(the_longest_silent_room_loses_its_history_first),
      cmocka_unit_test(epochs_differ_between_rooms_and_runs),
      cmocka_unit_test(every_member_hears_everything_once_and_in_order),
      cmocka_unit_test(resuming_while_others_publish_leaves_no_gap_and_no_twin),
      cmocka_unit_test(nothing_is_left_behind),
  };
  return cmocka_run_group_tests_name("hub/hub", tests, nullptr, nullptr);
}
