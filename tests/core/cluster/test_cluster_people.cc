// The people of a room that several hubs share: who is there, who moves, and what fails. First without Redis, then through a
// real one.
#include "cluster/cluster_people.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../hub/fake_store.h"
#include "cluster/room_keys.h"
#include "support/redis_server.h"
#include "support/redis_values.h"

// Last, because it defines macros with common names.
#include "cluster_node.h"

using namespace chat;
using namespace chat::test;

namespace {

using Texts = std::vector<std::string>;
using Users = Texts;

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

// Without Redis ----------------------------------------------------------------------------------------------------------

using redis::Value;

// An answer to Script::people: without a list, or with that of one server, whose guest 77 is there.
Value lists(const std::string& own, const std::string& id = {}, const std::string& stamp = "1",
            const std::string& guest = "g77", bool has_more = false) {
  std::vector<Value> items = {text(own), text(has_more ? "1" : "0")};
  if (!id.empty())
    items.insert(items.end(), {text(id), text(stamp), text(stamp.empty() ? "" : "0"), texts({guest, "1 5 Guest"})});
  return list(std::move(items));
}

class SharedStore : public FakeStore {
 public:
  bool is_shared() const override { return true; }
};

struct FakeHost final : cluster::PeopleHost {
  struct Command {
    cluster::Script script;
    std::vector<std::string> args;
    redis::ReplyHandler done;
  };

  explicit FakeHost(Hub& hub) : its_hub(hub) {}
  Hub& hub() override { return its_hub; }
  std::int64_t loop_ms() const override { return now_ms; }
  bool takes_commands(const std::string&) const override {
    ++looks;
    return up;
  }
  Status run_script(const std::string&, cluster::Script script, const std::vector<std::string_view>&,
                    const std::vector<std::string>& args, redis::ReplyHandler done) override {
    commands.push_back({script, args, std::move(done)});
    return {};
  }
  void refused(const std::string&, const Value&) override {}
  void ask_servers() override { ++asked; }
  void tell_servers(const std::string&) override {}
  void dropped() override {}

  // Of the oldest command without an answer.
  std::vector<std::string> answer(cluster::Script script, redis::Reply reply) {
    assert_false(commands.empty());
    const Command command = std::move(commands.front());
    commands.pop_front();
    assert_int_equal(static_cast<int>(command.script), static_cast<int>(script));
    command.done(std::move(reply));
    return command.args;
  }

  Hub& its_hub;
  std::int64_t now_ms = 1'000'000;
  bool up = true;
  mutable int looks = 0;
  int asked = 0;
  std::deque<Command> commands;
};

// One server, whose hub has the room.
struct Alone {
  static HubOptions options(SharedStore& store) {
    HubOptions options;
    options.presence = PresenceLevel::full;
    options.store = &store;
    options.node = 1;
    return options;
  }
  static cluster::ClusterSettings its_settings() {
    cluster::ClusterSettings settings;
    settings.id = "me";
    return settings;
  }
  Alone() { assert_ok(f.hub->watch("dev", 0, nullptr)); }

  void open(int* calls = nullptr) {
    people.opened("dev", [calls] {
      if (calls != nullptr) ++*calls;
    });
  }
  void tick(std::int64_t ms = 50) {
    host.now_ms += ms;
    people.on_timer();
  }
  std::vector<std::string> answer_read(Value value) {
    return host.answer(cluster::Script::people, reply(std::move(value)));
  }
  std::vector<std::string> answer_notice(Value value) {
    return host.answer(cluster::Script::tell_people, reply(std::move(value)));
  }
  static redis::Reply reply(Value value) { return {redis::Reply::Outcome::answered, std::move(value), {}}; }
  static redis::Reply lost() { return {redis::Reply::Outcome::lost, {}, {}}; }
  // A guest has come, and the others know.
  ClientPtr guest() {
    const ClientPtr client = f.open();
    assert_ok(f.join(client, "dev"));
    people.changed("dev", true);
    tick(1'000);
    answer_notice(text("OK"));
    return client;
  }
  std::size_t count() { return f.hub->presence("dev", true)->count; }

  SharedStore store;
  HubFixture f{options(store)};
  const cluster::ClusterSettings settings = its_settings();
  FakeHost host{*f.hub};
  cluster::ClusterPeople people{host, settings};
};

void assert_tells_nobody(const std::vector<std::string>& args) {
  assert_text(args.at(2), "0");
  assert_int_equal(args.size(), 6);
}

void that_nobody_is_there_is_told_until_redis_has_it(void**) {
  Alone a;
  a.open();
  a.answer_read(lists(""));
  const ClientPtr guest = a.guest();
  a.f.hub->remove_client(guest);
  a.people.changed("dev", true);
  a.tick(1'000);
  a.host.answer(cluster::Script::tell_people, Alone::lost());
  a.people.lost("dev");
  a.open();
  a.answer_read(lists("1"));
  a.tick();
  assert_tells_nobody(a.answer_notice(error("OOM no memory")));
  a.tick();
  assert_true(a.host.commands.empty());
  a.tick(1'000);
  const std::string stamp = a.host.commands.front().args.at(1);
  assert_tells_nobody(a.answer_notice(text("OK")));
  // Redis is replaced by one that has an earlier notice, with people.
  a.people.check("dev");
  a.tick();
  assert_text(a.answer_read(lists("1")).at(1), stamp);
  a.tick(1'000);
  const std::string later = a.host.commands.front().args.at(1);
  assert_tells_nobody(a.answer_notice(text("OK")));
  a.people.check("dev");
  a.tick();
  a.answer_read(lists(later));
  a.tick(1'000);
  assert_true(a.host.commands.empty());
}

void of_a_dropped_room_that_is_told_too(void**) {
  Alone a;
  a.open();
  a.answer_read(lists(""));
  a.f.hub->remove_client(a.guest());
  a.people.dropped("dev");
  a.tick(1'000);
  assert_tells_nobody(a.answer_notice(error("OOM no memory")));
  a.tick(1'000);
  a.host.answer(cluster::Script::tell_people, Alone::lost());
  a.host.up = false;
  a.tick(1'000);
  assert_true(a.host.commands.empty());
  a.host.up = true;
  a.tick(1'000);
  assert_tells_nobody(a.answer_notice(text("OK")));
  a.tick(1'000);
  assert_true(a.host.commands.empty());
  // It is another one when it comes back.
  a.open();
  assert_text(a.answer_read(lists("")).at(1), "");
}

void the_people_of_a_list_that_was_removed_have_left(void**) {
  Alone a;
  a.people.take_servers({"me", "other"});
  a.open();
  a.answer_read(lists("", "other"));
  a.tick();
  assert_int_equal(a.count(), 1);
  a.people.check("dev");
  a.tick();
  assert_int_equal(a.answer_read(lists("", "other", "")).size(), 7);
  assert_int_equal(a.count(), 0);
  a.people.check("dev");
  a.tick();
  assert_int_equal(a.answer_read(lists("", "other", "5")).size(), 5);  // it is not known any more
  assert_int_equal(a.count(), 1);
}

void lists_are_read_once_at_a_time(void**) {
  Alone a;
  int calls = 0;
  a.open(&calls);
  for (int i = 0; i < 5; ++i) {
    a.people.check("dev");
    a.open(&calls);
    a.tick();
  }
  assert_int_equal(a.host.commands.size(), 1);
  assert_int_equal(calls, 0);
  a.answer_read(lists(""));
  assert_int_equal(calls, 6);
  a.tick();  // check() may have been later than what was read
  assert_int_equal(a.host.commands.size(), 1);
  a.answer_read(lists(""));
  a.tick();
  assert_true(a.host.commands.empty());
}

void lists_come_in_several_answers(void**) {
  Alone a;
  a.people.take_servers({"me", "one", "three", "two"});
  int calls = 0;
  a.open(&calls);
  assert_int_equal(a.answer_read(lists("", "one", "1", "g77", true)).size(), 5);
  a.people.check("dev");  // a notice was missed meanwhile
  // Nothing is asked for twice, whether or not its list was taken.
  Texts asked = a.answer_read(lists("", "dead", "1", "g78", true));
  assert_true(Texts(asked.begin() + 5, asked.end()) == Texts({"one", "*"}));
  assert_int_equal(calls, 0);
  asked = a.answer_read(lists("", "two", "1", "g79"));
  assert_true(Texts(asked.begin() + 5, asked.end()) == Texts({"dead", "*", "one", "*"}));
  assert_int_equal(a.host.asked, 1);  // one of them is not known
  assert_int_equal(calls, 0);
  a.people.take_servers({"me", "one", "three", "two"});
  asked = a.answer_read(lists("", "dead", "1", "g78", true));
  assert_true(Texts(asked.begin() + 5, asked.end()) == Texts({"one", "1", "two", "1"}));
  assert_int_equal(calls, 0);
  a.answer_read(lists("", "three", "1", "g80"));
  assert_int_equal(calls, 1);
  assert_int_equal(a.count(), 3);
}

void what_was_missed_between_two_answers_is_read_again(void**) {
  Alone a;
  a.people.take_servers({"me", "one", "two"});
  a.open();
  a.answer_read(lists("", "one", "1", "g77", true));
  a.people.check("dev");
  a.answer_read(lists("", "two", "1", "g78"));
  a.tick();
  const Texts asked = a.answer_read(lists(""));
  assert_true(Texts(asked.begin() + 5, asked.end()) == Texts({"one", "1", "two", "1"}));
  a.tick();
  assert_true(a.host.commands.empty());
  // What Redis could not answer to the end is read again, too.
  a.people.check("dev");
  a.tick();
  a.answer_read(lists("", "one", "2", "g77", true));
  a.answer_read(error("OOM no memory"));
  a.tick(1'000);
  a.answer_read(lists("", "two", "2", "g78"));
  a.tick();
  assert_true(a.host.commands.empty());
  assert_int_equal(a.count(), 2);
}

void servers_have_time_to_come_back_after_redis(void**) {
  Alone a;
  a.people.take_servers({"me", "other"});
  a.open();
  a.answer_read(lists("", "other"));
  a.host.now_ms += 60'000;
  a.people.lost_servers();
  a.people.take_servers({"me", "other"});
  a.host.now_ms += 1'000;
  a.people.take_servers({"me"});  // its lease ran out while Redis was away
  a.host.now_ms += a.settings.lease_ms - 1'001;
  a.people.take_servers({"me"});
  assert_int_equal(a.count(), 1);
  a.host.now_ms += 1;
  a.people.take_servers({"me"});
  assert_int_equal(a.count(), 0);
}

void a_list_of_a_dead_server_is_asked_about_once(void**) {
  Alone a;
  a.people.take_servers({"me"});
  int calls = 0;
  a.open(&calls);
  a.answer_read(lists("", "dead"));
  assert_int_equal(a.host.asked, 1);
  a.open(&calls);
  a.tick();
  assert_true(a.host.commands.empty());
  a.people.take_servers({"me"});
  a.answer_read(lists("", "dead"));
  assert_int_equal(calls, 2);
  assert_ok(a.f.hub->watch("other", 0, nullptr));
  a.people.opened("other", [&] { ++calls; });
  a.answer_read(lists("", "dead"));
  assert_int_equal(calls, 3);
  assert_int_equal(a.host.asked, 1);
  assert_int_equal(a.count(), 0);
  // It was only slow.
  a.people.take_servers({"me", "dead"});
  a.tick();
  a.answer_read(lists("", "dead"));
  a.answer_read(lists("", "dead"));
  assert_int_equal(a.count(), 1);
}

void what_was_read_for_an_earlier_room_is_of_no_use(void**) {
  Alone a;
  a.people.take_servers({"me", "other"});
  int calls = 0;
  a.open(&calls);
  a.people.forgot("dev");
  a.answer_read(lists("", "other"));
  assert_int_equal(calls, 0);
  a.open(&calls);
  assert_int_equal(a.answer_read(lists("", "other")).size(), 5);
  assert_int_equal(calls, 1);
  assert_int_equal(a.count(), 1);
}

void a_presence_that_begins_again_reads_every_list(void**) {
  Alone a;
  a.people.take_servers({"me", "other"});
  a.open();
  a.answer_read(lists("", "other"));
  a.tick();
  a.people.check("dev");
  a.tick();
  assert_ok(a.f.hub->set_presence("dev", PresenceLevel::off));
  assert_ok(a.f.hub->set_presence("dev", PresenceLevel::full));
  assert_int_equal(a.answer_read(lists("")).size(), 7);
  a.people.changed("dev", true);
  a.tick(1'000);
  a.tick();
  assert_int_equal(a.answer_read(lists("", "other")).size(), 5);
  assert_int_equal(a.count(), 1);
  assert_false(a.f.hub->own_people("dev", false)->unread);
}

void a_tick_looks_after_some_rooms(void**) {
  Alone a;
  for (int i = 0; i < 500; ++i) a.people.opened("room" + std::to_string(i), [] {});
  a.host.up = false;
  for (int i = 0; i < 10; ++i) {
    a.host.looks = 0;
    a.tick();
    assert_int_equal(a.host.looks, 200);
  }
}

// Through Redis ----------------------------------------------------------------------------------------------------------

struct Server : Node {
  explicit Server(const RedisServer& redis, std::int64_t hold_ms = 5'000)
      : Node(redis.url(), hold_ms, with_presence()) {
    assert_ok(opened);
  }

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
  const std::string index = "chat:{" + std::to_string(cluster::partition_of("dev")) + "}dev:p";
  wait_until([&] { return redis.command("HLEN " + index).starts_with(":1\r"); });  // without its list
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

void who_leaves_while_redis_is_silent_is_gone_everywhere(void**) {
  for (const bool keeps : {true, false}) {
    RedisOptions options;
    options.append_only = true;
    RedisServer redis(options);
    Server first(redis), second(redis);
    const ClientPtr ann = first.member("dev", "ann"), bob = second.member("dev", "bob");
    wait_for_people({"ann", "bob"}, first, second);
    settle(first, second);
    redis.stop();
    first.hub().remove_client(ann);
    settle(first);
    redis.kill();
    redis.restart(keeps);
    wait_for_people({"bob"}, second);
  }
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

// More than the connection takes in one answer: 70 servers with 1,000 people of a kilobyte.
void the_lists_of_many_servers_are_read_in_parts(void**) {
  RedisServer redis;
  const std::string room = "chat:{" + std::to_string(cluster::partition_of("dev")) + "}dev";
  const std::string filled = redis.command(
      "EVAL \"local state, now = string.rep('x', 1000), redis.call('TIME')[1] "
      "for i = 1, 70 do local id, list = 'ghost' .. i, {} "
      "for j = 1, 1000 do list[2 * j - 1] = 'g' .. (i * 1000 + j) list[2 * j] = '1 5 Guest' .. state end "
      "redis.call('ZADD', 'chat:{nodes}', '99999999999999', 4000 + i) "
      "redis.call('HSET', 'chat:{nodes}:about', 4000 + i, id .. ' -') "
      "redis.call('HSET', '" +
      room +
      ":p', id, '1 0 ' .. now) "
      "redis.call('HSET', '" +
      room + ":p:' .. id, unpack(list)) end return 'OK'\" 0");
  assert_true(filled.starts_with("$2"));
  Server server(redis, 60'000);  // a sanitized one needs more than 5 s for so many people
  const ClientPtr watcher = server.member("dev", "watcher");
  wait_until([&] { return server.hub().presence("dev", false)->count == 70'001; });
  assert_int_equal(server.store->stats().losses, 0);
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
  const CMUnitTest alone[] = {
      cmocka_unit_test(that_nobody_is_there_is_told_until_redis_has_it),
      cmocka_unit_test(of_a_dropped_room_that_is_told_too),
      cmocka_unit_test(the_people_of_a_list_that_was_removed_have_left),
      cmocka_unit_test(lists_are_read_once_at_a_time),
      cmocka_unit_test(lists_come_in_several_answers),
      cmocka_unit_test(what_was_missed_between_two_answers_is_read_again),
      cmocka_unit_test(servers_have_time_to_come_back_after_redis),
      cmocka_unit_test(a_list_of_a_dead_server_is_asked_about_once),
      cmocka_unit_test(what_was_read_for_an_earlier_room_is_of_no_use),
      cmocka_unit_test(a_presence_that_begins_again_reads_every_list),
      cmocka_unit_test(a_tick_looks_after_some_rooms),
  };
  const int failed = cmocka_run_group_tests_name("cluster/cluster_people alone", alone, nullptr, nullptr);
  if (failed != 0) return failed;
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
      cmocka_unit_test(who_leaves_while_redis_is_silent_is_gone_everywhere),
      cmocka_unit_test(a_lost_subscription_loses_nobody),
      cmocka_unit_test(a_flood_is_gathered),
      cmocka_unit_test(what_a_server_has_told_is_read_from_its_list),
      cmocka_unit_test(the_lists_of_many_servers_are_read_in_parts),
      cmocka_unit_test(nothing_is_kept_of_a_room_without_presence),
  };
  return cmocka_run_group_tests_name("cluster/cluster_people", tests, nullptr, nullptr);
}
