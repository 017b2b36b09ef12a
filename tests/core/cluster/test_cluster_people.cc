// The people of a room that several hubs share through a real Redis: who is there, who moves, and what fails.
#include "cluster/cluster_people.h"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "cluster/room_keys.h"
#include "support/redis_server.h"

// Last, because it defines macros with common names.
#include "cluster_node.h"

using namespace chat;
using namespace chat::test;

namespace {

using Users = std::vector<std::string>;

constexpr std::int64_t kGraceMs = 400;

HubOptions with_presence() {
  HubOptions options;
  options.presence = PresenceLevel::full;
  options.presence_grace_ms = kGraceMs;
  return options;
}

std::string name_of(const Person& person) {
  return person.user_id.empty() ? "guest " + std::to_string(person.client) : person.user_id;
}

struct Server : Node {
  explicit Server(const RedisServer& redis) : Node(redis.url(), 5'000, with_presence()) { assert_ok(opened); }

  // What the timer of a server does.
  void turn() {
    hub().tell_presence(real_moment());
    look();
  }
  Users people() {
    turn();
    Users names;
    const PresenceNotice now = *hub().presence("dev", true);
    for (const Person& person : now.people) names.push_back(name_of(person));
    std::sort(names.begin(), names.end());
    return names;
  }
  // "+ann" for each time that ann was told to have come, "-ann" for each time that she has left.
  Users told() {
    turn();
    Users names;
    for (const RoomMessage& event : only<RoomMessage>(events)) {
      if (!event.message->presence) continue;
      for (const Person& person : event.message->presence->joined) names.push_back("+" + name_of(person));
      for (const Person& person : event.message->presence->left) names.push_back("-" + name_of(person));
    }
    return names;
  }
  std::string state_of(const std::string& user) {
    const PresenceNotice now = *hub().presence("dev", true);
    const auto person = std::ranges::find(now.people, user, &Person::user_id);
    return person != now.people.end() && person->state ? *person->state : std::string();
  }
};

template <class... Servers>
void wait_for_people(const Users& users, Servers&... servers) {
  wait_until([&] {
    (servers.turn(), ...);
    return ((servers.people() == users) && ...);
  });
}

// Long enough for what is wrong to be told.
template <class... Servers>
void settle(Servers&... servers) {
  const std::int64_t until_ms = real_moment().age_ms + 3 * kGraceMs + 1'000;
  wait_until([&] {
    (servers.turn(), ...);
    return real_moment().age_ms >= until_ms;  // On purpose: nothing happens meanwhile.
  });
}

void everyone_is_known_at_every_server(void**) {
  RedisServer redis;
  Server first(redis), second(redis);
  const ClientPtr ann = first.member("dev", "ann"), bob = second.member("dev", "bob");
  const ClientPtr guest = second.member("dev");
  const Users all = {"ann", "bob", name_of({{}, guest->id(), {}, nullptr})};
  wait_for_people(all, first, second);
  // Who joins at a third server finds them in its snapshot.
  Server third(redis);
  const ClientPtr eve = third.member("dev", "eve");
  third.look();
  const MessagePtr snapshot = only<Joined>(third.events).at(0).presence;
  Users there;
  for (const Person& person : snapshot->presence->people) there.push_back(name_of(person));
  std::sort(there.begin(), there.end());
  assert_true(there == all);
  wait_until(
      [&] { return std::ranges::count(first.told(), "+eve") == 1 && std::ranges::count(second.told(), "+eve") == 1; });
  // A server without a member there reads them too.
  Server fourth(redis);
  {
    const KeptRangePtr opened = fourth.open("dev");
    assert_int_equal(fourth.hub().presence("dev", false)->count, 4);
  }
  second.hub().remove_client(guest);
  wait_for_people({"ann", "bob", "eve"}, first, second, third);
}

void a_user_with_clients_at_two_servers_leaves_once(void**) {
  RedisServer redis;
  Server first(redis), second(redis);
  const ClientPtr watcher = first.member("dev", "watcher"), other = second.member("dev", "other");
  const ClientPtr here = first.member("dev", "ann"), there = second.member("dev", "ann");
  wait_for_people({"ann", "other", "watcher"}, first, second);
  assert_int_equal(first.hub().rooms().at(0).people_count, 3);
  first.hub().remove_client(here);
  settle(first, second);
  assert_true(first.people() == Users({"ann", "other", "watcher"}));
  second.hub().remove_client(there);
  wait_for_people({"other", "watcher"}, first, second);
  settle(first, second);
  for (Server* server : {&first, &second}) {
    assert_int_equal(std::ranges::count(server->told(), "+ann"), 1);
    assert_int_equal(std::ranges::count(server->told(), "-ann"), 1);
  }
}

void a_user_that_moves_is_not_told(void**) {
  RedisServer redis;
  Server first(redis), second(redis);
  const ClientPtr watcher = first.member("dev", "watcher"), other = second.member("dev", "other");
  ClientPtr ann = first.member("dev", "ann");
  wait_for_people({"ann", "other", "watcher"}, first, second);
  for (int i = 0; i < 4; ++i) {
    Server& from = i % 2 == 0 ? first : second;
    Server& to = i % 2 == 0 ? second : first;
    from.hub().remove_client(ann);
    ann = to.member("dev", "ann");
    settle(first, second);
  }
  for (Server* server : {&first, &second}) {
    assert_int_equal(std::ranges::count(server->told(), "+ann"), 1);
    assert_int_equal(std::ranges::count(server->told(), "-ann"), 0);
  }
}

void a_state_is_that_of_the_user_everywhere(void**) {
  RedisServer redis;
  Server first(redis), second(redis);
  const ClientPtr ann = first.member("dev", "ann"), bob = second.member("dev", "bob");
  assert_ok(first.hub().set_state(ann, R"({"away":true})"));
  wait_until([&] { return second.state_of("ann") == R"({"away":true})"; });
  const ClientPtr again = second.member("dev", "ann");
  assert_text(**again->identity()->state, R"({"away":true})");
  assert_ok(second.hub().set_state(again, "2"));
  wait_until([&] { return first.state_of("ann") == "2"; });
  // It stays with the client that is left, and a later server learns it.
  second.hub().remove_client(again);
  settle(first, second);
  second.store->stop();
  Server third(redis);
  const ClientPtr eve = third.member("dev", "eve");
  assert_text(third.state_of("ann"), "2");
}

void a_server_that_stops_says_goodbye(void**) {
  RedisServer redis;
  Server first(redis);
  const ClientPtr watcher = first.member("dev", "watcher");
  {
    Server second(redis);
    const ClientPtr ann = second.member("dev", "ann"), bob = second.member("dev", "bob");
    wait_for_people({"ann", "bob", "watcher"}, first, second);
    wait_until([&] { return std::ranges::count(first.told(), "+bob") == 1; });
  }
  const ClientPtr ann = first.member("dev", "ann");
  wait_until([&] { return std::ranges::count(first.told(), "-bob") == 1; });
  settle(first);
  assert_int_equal(std::ranges::count(first.told(), "+ann"), 1);
  assert_int_equal(std::ranges::count(first.told(), "-ann"), 0);
  // It is in the list of servers for a while, but nobody is there.
  Server third(redis);
  const ClientPtr eve = third.member("dev", "eve");
  assert_true(third.people() == Users({"ann", "eve", "watcher"}));
}

void redis_may_go_and_come_back_empty(void**) {
  RedisServer redis;
  Server first(redis), second(redis);
  const ClientPtr ann = first.member("dev", "ann"), bob = second.member("dev", "bob");
  wait_for_people({"ann", "bob"}, first, second);
  settle(first, second);
  first.events.clear();
  second.events.clear();
  redis.kill();
  wait_until([&] { return !first.store->ready() && !second.store->ready(); });
  settle(first, second);
  const ClientPtr eve = [&] {
    const ClientPtr client = first.f->open(0, "eve");  // the room is there
    assert_ok(first.hub().join(client, "dev", std::nullopt, "j", real_moment()));
    return client;
  }();
  redis.restart(false);
  wait_for_people({"ann", "bob", "eve"}, first, second);
  settle(first, second);
  assert_true(first.told() == Users({"+eve"}));
  assert_true(second.told() == Users({"+eve"}));
  Server third(redis);
  const ClientPtr sam = third.member("dev", "sam");
  assert_true(third.people() == Users({"ann", "bob", "eve", "sam"}));
}

void a_lost_subscription_loses_nobody(void**) {
  RedisServer redis;
  Server first(redis), second(redis);
  const ClientPtr ann = first.member("dev", "ann"), bob = second.member("dev", "bob");
  wait_for_people({"ann", "bob"}, first, second);
  std::vector<ClientPtr> clients;
  Users all = {"ann", "bob"};
  for (int i = 0; i < 20; ++i) {
    if (i % 5 == 2) redis.command("CLIENT KILL TYPE pubsub");
    const ClientPtr client = (i % 2 == 0 ? first : second).f->open(0, "user" + std::to_string(10 + i));
    assert_ok((i % 2 == 0 ? first : second).hub().join(client, "dev", std::nullopt, "j", real_moment()));
    clients.push_back(client);
    all.push_back("user" + std::to_string(10 + i));
    for (int turn = 0; turn < 50; ++turn) {
      first.turn();
      second.turn();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // On purpose: the joins are spread.
    }
  }
  wait_for_people(all, first, second);
}

// A flood of joins and leaves becomes a few notices.
void a_flood_is_gathered(void**) {
  RedisServer redis;
  Server first(redis), second(redis);
  const ClientPtr ann = first.member("dev", "ann"), bob = second.member("dev", "bob");
  wait_for_people({"ann", "bob"}, first, second);
  const auto calls = [&] {
    const std::string text = redis.info("commandstats", "cmdstat_evalsha");
    return std::stoll(text.substr(text.find('=') + 1));
  };
  const std::int64_t before = calls();
  const std::int64_t begin_ms = real_moment().age_ms;
  std::vector<ClientPtr> guests;
  for (int i = 0; i < 2'000; ++i) {
    const ClientPtr client = first.f->open();
    assert_ok(first.hub().join(client, "dev", std::nullopt, "j", real_moment()));
    guests.push_back(client);
  }
  wait_until([&] { return second.hub().presence("dev", true)->count == 2'002; });
  for (const ClientPtr& guest : guests) first.hub().remove_client(guest);
  wait_for_people({"ann", "bob"}, first, second);
  // Four a second for the room, and a heartbeat of each server.
  const std::int64_t seconds = (real_moment().age_ms - begin_ms) / 1'000 + 1;
  assert_in_range(calls() - before, 1, 5 * seconds + 6);
}

// A call of Lua as a command without blanks and quotes, which the command has no room for: "_" is a blank.
std::string as_command(const std::string& call) {
  std::string script;
  bool quoted = false;
  for (const char byte : call) {
    if (byte == '\'') {
      script += quoted ? "]]" : "[[";
      quoted = !quoted;
    } else {
      script += byte == '_' ? "]]..string.char(32)..[[" : std::string(1, byte);
    }
  }
  return "EVAL return(redis.call(" + script + ")) 0";
}

// A server that is known from Redis alone: its lists are read, a hole in its notices is noticed, and its users have a grace
// time when its lease has ended.
void what_a_server_has_told_is_read_from_its_list(void**) {
  RedisServer redis;
  const std::string room = "chat:{" + std::to_string(cluster::partition_of("dev")) + "}dev";
  const auto run = [&](const std::string& call) {
    const std::string answer = redis.command(as_command(call));
    if (answer.starts_with("-")) fail_msg("%s", answer.c_str());
  };
  const auto list = [&](const std::string& stamp) {
    run("'HSET','" + room + ":p','ghost','" + stamp + "_0_'..redis.call('TIME')[1]");
  };
  run("'ZADD','chat:{nodes}','99999999999999','4000'");
  run("'HSET','chat:{nodes}:about','4000','ghost_-'");
  run("'HSET','" + room + ":p:ghost','uann','1_3_Ann{}','g77','1_5_Guest','broken','1_3_Ann','ubad','1_9999_Ann'");
  list("1");
  Server server(redis);
  const ClientPtr watcher = server.member("dev", "watcher");
  assert_true(server.people() == Users({"ann", "guest 77", "watcher"}));
  assert_text(server.state_of("ann"), "{}");

  run("'PUBLISH','" + room + ":c','pghost_1_2_0_4_ubob7_1_3_Bob'");
  wait_for_people({"ann", "bob", "guest 77", "watcher"}, server);
  const std::uint64_t dropped = server.store->stats().dropped;
  for (const char* text : {"p", "pghost", "pghost_2", "pghost_2_3_0_4_ubob", "pghost_2_3_0_99_u", "pghost_2_x_0_"}) {
    run("'PUBLISH','" + room + ":c','" + text + "'");
  }
  wait_until([&] { return server.store->stats().dropped == dropped + 6; });
  run("'HDEL','" + room + ":p:ghost','g77'");
  run("'HSET','" + room + ":p:ghost','ueve','1_3_Eve'");
  list("5");
  run("'PUBLISH','" + room + ":c','pghost_4_5_0_4_usam7_1_3_Sam'");  // notices 3 and 4 were lost
  wait_for_people({"ann", "eve", "watcher"}, server);
  wait_until([&] { return std::ranges::count(server.told(), "+eve") == 1; });

  run("'ZREM','chat:{nodes}','4000'");
  run("'HDEL','chat:{nodes}:about','4000'");
  wait_for_people({"watcher"}, server);
  settle(server);
  const Users told = server.told();
  for (const char* user : {"-ann", "-eve", "-guest 77"}) assert_int_equal(std::ranges::count(told, user), 1);
}

void nothing_is_kept_of_a_room_without_presence(void**) {
  RedisServer redis;
  Node node(redis.url());
  const ClientPtr ann = node.member("dev", "ann");
  node.say(ann, "hello");
  wait_until([&] { return node.texts().size() == 1; });
  assert_true(redis.command("KEYS chat:*:p*").starts_with("*0"));
  // It may begin later.
  assert_ok(node.hub().set_presence("dev", PresenceLevel::full));
  Server other(redis);
  const ClientPtr bob = other.member("dev", "bob");
  wait_for_people({"ann", "bob"}, other);
  wait_until([&] { return node.hub().presence("dev", true)->count == 2; });
  assert_ok(node.hub().set_presence("dev", PresenceLevel::off));
  wait_for_people({"bob"}, other);
}

}  // namespace

int main() {
  if (!RedisServer::installed()) {
    std::puts("SKIP: redis-server is not installed");
    return 77;
  }
  const CMUnitTest tests[] = {
      cmocka_unit_test(everyone_is_known_at_every_server),
      cmocka_unit_test(a_user_with_clients_at_two_servers_leaves_once),
      cmocka_unit_test(a_user_that_moves_is_not_told),
      cmocka_unit_test(a_state_is_that_of_the_user_everywhere),
      cmocka_unit_test(a_server_that_stops_says_goodbye),
      cmocka_unit_test(redis_may_go_and_come_back_empty),
      cmocka_unit_test(a_lost_subscription_loses_nobody),
      cmocka_unit_test(a_flood_is_gathered),
      cmocka_unit_test(what_a_server_has_told_is_read_from_its_list),
      cmocka_unit_test(nothing_is_kept_of_a_room_without_presence),
  };
  return cmocka_run_group_tests_name("cluster/cluster_people", tests, nullptr, nullptr);
}
