// Two hubs that share their rooms through a real Redis, each with its cluster store and thread.
#include "cluster/cluster_store.h"

#include <string>
#include <thread>

#include "cluster/room_keys.h"
#include "support/redis_server.h"

// Last, because it defines macros with common names.
#include "cluster_node.h"

using namespace chat;
using namespace chat::test;

namespace {

void two_servers_have_one_order(void**) {
  RedisServer redis;
  Node first(redis.url()), second(redis.unix_url());
  assert_ok(first.opened);
  assert_ok(second.opened);
  assert_int_not_equal(first.store->node(), second.store->node());
  const ClientPtr ann = first.member("dev"), bob = second.member("dev");
  constexpr int kCount = 500;
  std::thread other([&] {
    for (int i = 0; i < kCount; ++i) second.say(bob, "b" + std::to_string(i));
  });
  for (int i = 0; i < kCount; ++i) first.say(ann, "a" + std::to_string(i));
  other.join();
  wait_until([&] { return first.texts().size() == 2 * kCount && second.texts().size() == 2 * kCount; });
  assert_true(first.texts() == second.texts());
  int a = 0, b = 0;
  for (int i = 0; i < 2 * kCount; ++i) {
    const std::string text = first.texts()[static_cast<std::size_t>(i)];
    const bool is_a = text.find(" a") != std::string::npos;
    assert_text(text, std::to_string(i + 1) + (is_a ? " a" + std::to_string(a++) : " b" + std::to_string(b++)));
  }
  const net::ClusterStats stats = first.store->stats();
  assert_true(stats.up_now && stats.rooms_now == 1);
  assert_int_equal(stats.published, kCount);
  assert_int_equal(stats.received, kCount);
  assert_true(stats.batches <= kCount && stats.waiting_now == 0);
}

void a_repeated_message_is_known_at_the_other_server(void**) {
  RedisServer redis;
  Node first(redis.url()), second(redis.url());
  const ClientPtr ann = first.member("dev"), again = second.member("dev");
  first.say(ann, "once", "id");
  assert_int_equal(first.acknowledged().seq, 1);
  second.say(again, "once", "id");
  const Acknowledged repeated = second.acknowledged();
  assert_ok(repeated.status);
  assert_true(repeated.repeated && repeated.seq == 1);
  second.say(again, "other", "another id");
  wait_until([&] { return first.texts().size() == 2 && second.texts().size() == 2; });
  assert_true(first.texts() == second.texts());
}

void unnumbered_messages_reach_the_other_server(void**) {
  RedisServer redis;
  Node first(redis.url()), second(redis.url());
  const ClientPtr ann = first.member("dev"), bob = second.member("dev");
  MessageDraft typing = draft("dev", "");
  typing.event = "typing";
  typing.ephemeral = true;
  assert_ok(first.hub().publish(std::move(typing), real_moment()).status());
  assert_ok(first.hub().publish(draft("", "to everyone"), real_moment()).status());
  wait_until([&] {
    second.look();
    return only<RoomMessage>(second.events).size() == 1 && only<EveryoneMessage>(second.events).size() == 1;
  });
  first.look();
  assert_int_equal(only<RoomMessage>(first.events).size(), 1);  // its own only
  assert_int_equal(only<EveryoneMessage>(first.events).size(), 1);
}

void a_user_is_reached_at_every_server(void**) {
  RedisServer redis;
  Node first(redis.url()), second(redis.url());
  const ClientPtr far = second.f->open(0, "bob");
  const ClientPtr other = second.f->open(0, "eve");
  const ClientPtr ann = second.member("dev");  // the room is open, so the worker knows the hub
  MessageDraft message = draft("", "for bob");
  assert_ok(first.hub().send_to_user("bob", message, real_moment()));
  wait_until([&] {
    second.look();
    return !only<DirectMessage>(second.events).empty();
  });
  const std::vector<DirectMessage> direct = only<DirectMessage>(second.events);
  assert_int_equal(direct.size(), 1);
  assert_true(direct[0].client == far->id() && direct[0].message->payload == "for bob");
}

void a_kick_reaches_every_server(void**) {
  RedisServer redis;
  Node first(redis.url()), second(redis.url());
  const ClientPtr ann = first.member("dev"), bob = second.member("dev"), eve = second.member("dev");
  Moderation kick;
  kick.room = "dev";
  kick.action = ModerationAction::kick;
  kick.client = bob->id();
  const Result<Hub::Target> target = first.hub().find_target(kick);
  assert_ok(target.status());
  assert_ok(first.hub().moderate(kick, *target, nullptr, real_moment()));
  wait_until([&] {
    second.look();
    return !only<Left>(second.events).empty();
  });
  assert_int_equal(only<Left>(second.events).size(), 1);
  assert_int_equal(only<Left>(second.events)[0].client, bob->id());
  assert_text(only<Left>(second.events)[0].reason, "kicked");
}

void messages_wait_for_redis_and_fail_after_a_time(void**) {
  RedisServer redis;
  Node node(redis.url(), 300);
  const ClientPtr ann = node.member("dev");
  node.say(ann, "one");
  assert_int_equal(node.acknowledged().seq, 1);
  redis.kill();
  wait_until([&] { return !node.store->ready(); });
  node.events.clear();
  node.say(ann, "two");
  assert_status(node.acknowledged().status, Error::unavailable);
  redis.restart(false);
  wait_until([&] { return node.store->ready(); });
  node.events.clear();
  node.say(ann, "three");
  assert_int_equal(node.acknowledged().seq, 2);  // the room is as it was, although Redis had lost it
  assert_int_equal(node.store->stats().losses, 1);
}

void without_redis_an_island_goes_on_with_what_it_has(void**) {
  RedisServer redis;
  Node node(redis.url(), 300, {}, true);
  const ClientPtr ann = node.member("dev");
  node.say(ann, "one");
  const std::string shared = node.acknowledged().epoch;
  redis.kill();
  wait_until([&] { return !node.store->stats().up_now; });
  assert_true(node.store->ready());
  node.events.clear();
  node.say(ann, "two");
  const Acknowledged alone = node.acknowledged();
  assert_ok(alone.status);
  assert_int_equal(alone.seq, 2);
  assert_true(alone.epoch != shared);
  std::vector<Joined> told = only<Joined>(node.events);
  assert_int_equal(told.size(), 1);
  assert_true(told[0].renumbered && told[0].already && !told[0].resumed && told[0].complete && told[0].missed.empty());
  assert_text(told[0].epoch, alone.epoch);
  assert_int_equal(told[0].seq, 1);
  const Result<HistoryReply> history = node.hub().history("dev", 0, 0, real_moment());
  assert_ok(history.status());
  assert_text(history->epoch, alone.epoch);
  assert_int_equal(history->messages.size(), 2);
  for (const MessagePtr& message : history->messages) assert_text(message->epoch, alone.epoch);
  assert_ok(node.open("elsewhere")->status);
  assert_int_equal(node.store->stats().islands_now, 2);
  assert_int_equal(node.store->stats().waiting_now, 1);
  node.events.clear();
  redis.restart(false);
  wait_until([&] { return node.store->stats().islands_now == 0; });
  node.say(ann, "three");
  const Acknowledged together = node.acknowledged();
  assert_text(together.epoch, shared);
  assert_int_equal(together.seq, 3);
  told = only<Joined>(node.events);
  assert_int_equal(told.size(), 1);
  assert_true(told[0].renumbered && told[0].resumed && !told[0].complete);
  assert_int_equal(told[0].missed.size(), 2);
  assert_int_equal(node.store->stats().merged, 1);
  assert_int_equal(node.store->stats().waiting_now, 0);
  assert_int_equal(node.store->stats().failed, 0);
}

void values_are_those_of_all_servers(void**) {
  RedisServer redis;
  Node first(redis.url()), second(redis.url());
  const ClientPtr ann = first.member("dev"), bob = second.member("dev");
  Moderation mode;
  mode.room = "dev";
  mode.action = ModerationAction::read_only;
  mode.value = 1;
  assert_ok(first.hub().moderate(mode, {}, nullptr, real_moment()));
  const MessageDraft message = draft("dev", "x");
  wait_until([&] {
    return second.hub().check_message(*bob, message, nullptr, real_moment(), false).code == Error::read_only;
  });
  Node late(redis.url());
  const ClientPtr eve = late.member("dev");
  assert_status(late.hub().check_message(*eve, message, nullptr, real_moment(), false), Error::read_only);
}

void a_closed_room_is_another_one(void**) {
  RedisServer redis;
  Node first(redis.url()), second(redis.url());
  const ClientPtr ann = first.member("dev"), bob = second.member("dev");
  first.say(ann, "before");
  wait_until([&] { return second.texts().size() == 1; });
  assert_ok(first.hub().close_room("dev", "over", real_moment()));
  wait_until([&] {
    second.look();
    return !only<Left>(second.events).empty();
  });
  second.member("dev");
  first.member("dev");
  wait_until([&] {
    const auto of_first = first.hub().history("dev", 0, 0, real_moment());
    const auto of_second = second.hub().history("dev", 0, 0, real_moment());
    return of_first->epoch == of_second->epoch && of_first->seq == 0 && of_second->seq == 0;
  });
}

// As after a fail-over that lost what a server has delivered: the numbering goes on under another name.
void members_are_told_of_another_numbering(void**) {
  RedisServer redis;
  Node node(redis.url());
  const ClientPtr ann = node.member("dev");
  node.say(ann, "one");
  assert_int_equal(node.acknowledged().seq, 1);
  const std::string key = "chat:{" + std::to_string(cluster::partition_of("dev")) + "}dev:m";
  redis.command("HSET " + key + " e other s 7 st 7");
  node.events.clear();
  node.say(ann, "two");
  const Acknowledged acknowledged = node.acknowledged();
  assert_ok(acknowledged.status);
  assert_text(acknowledged.epoch, "other");
  assert_int_equal(acknowledged.seq, 8);
  const std::vector<Joined> told = only<Joined>(node.events);
  assert_int_equal(told.size(), 1);
  assert_true(told[0].renumbered && told[0].already && told[0].resumed && !told[0].complete);
  assert_text(told[0].epoch, "other");
  assert_int_equal(told[0].seq, 7);
  assert_int_equal(told[0].missed.size(), 1);
  assert_text(told[0].missed[0]->payload, "one");
  // Its author chose it by its earlier number, and the application decides only now.
  auto chosen = std::make_shared<Message>(*told[0].missed[0]);
  chosen->epoch = "earlier";
  for (const bool is_late : {true, false}) {
    MessageDraft change = draft("dev", {});
    change.event_kind = RoomEventKind::redaction;
    change.target_seq = 1;
    Receipt receipt{ann, "r"};
    receipt.target = is_late ? chosen : told[0].missed[0];
    const Result<Published> changed = node.hub().publish(std::move(change), real_moment(), std::move(receipt));
    assert_int_equal(static_cast<int>(changed.status().code),
                     static_cast<int>(is_late ? Error::no_such_message : Error::ok));
  }
}

void a_value_is_taken_once_by_one_server(void**) {
  RedisServer redis;
  Node first(redis.url()), second(redis.url());
  first.store->far().keep("key", std::string("a\0b", 3), 60'000);
  assert_text(first.agree("key", ""), std::string("a\0b", 3));  // and it is there
  assert_text(second.take("key"), std::string("a\0b", 3));
  assert_text(second.take("key"), "-");
  assert_text(first.take("key"), "-");
  first.store->far().keep("key", "again", 60'000);
  first.store->far().drop("key");
  assert_text(first.take("key"), "-");
  // What is no key is not in Redis.
  first.store->far().keep("no key", "value", 60'000);
  for (const char* none : {"no key", "", "a:b", "a}b", "\n"}) assert_text(first.take(none), "-");
}

void servers_agree_on_a_value(void**) {
  RedisServer redis;
  Node first(redis.url()), second(redis.url());
  assert_text(first.agree("session", ""), "");
  assert_text(first.agree("session", "first"), "first");
  assert_text(second.agree("session", "second"), "first");
  assert_text(second.agree("session", ""), "first");
  second.store->far().drop_if("session", "second");
  assert_text(second.agree("session", ""), "first");
  second.store->far().drop_if("session", "first");
  assert_text(second.agree("session", ""), "");
}

void a_server_hears_what_another_tells_it(void**) {
  RedisServer redis;
  Node first(redis.url()), second(redis.url());
  using Told = net::FarServers::Told;
  wait_until([&] { return first.store->settled() && second.store->settled(); });
  const std::string& name = second.store->far().name();
  assert_int_equal(name.size(), 8);
  assert_true(second.tell(name, "self") == Told::heard);  // and it listens by then
  for (const char* text : {"one", "two", "three"}) assert_true(first.tell(name, text) == Told::heard);
  wait_until([&] { return second.ear.heard() == "self;one;two;three;"; });
  assert_text(first.ear.heard(), "");
  assert_true(first.tell(first.store->far().name(), "self") == Told::heard);
  wait_until([&] { return first.ear.heard() == "self;"; });
  assert_true(first.tell("nobody", "text") == Told::nobody);
  assert_true(first.tell("no name", "text") == Told::nobody);
  assert_true(first.tell("", "text") == Told::nobody);
  second.store->stop();
  wait_until([&] { return first.tell(name, "text") == Told::nobody; });
  redis.kill();
  assert_true(first.tell(first.store->far().name(), "text") == Told::failed);
  assert_text(first.take("key"), "-");
  assert_text(first.agree("key", "value"), "-");
}

void it_does_not_open_without_redis(void**) {
  RedisServer redis;
  const std::string url = redis.url();
  redis.kill();
  const Node node(url);
  assert_status(node.opened, Error::unavailable);
  assert_true(node.opened.detail.starts_with("cluster: "));
}

void it_stops_while_messages_wait(void**) {
  RedisServer redis;
  {
    Node node(redis.url());
    const ClientPtr ann = node.member("dev");
    redis.stop();
    for (int i = 0; i < 10; ++i) node.say(ann, "never");
    node.store->stop();
    node.look();
    const std::vector<Acknowledged> told = only<Acknowledged>(node.events);
    assert_int_equal(told.size(), 10);
    for (const Acknowledged& one : told) assert_false(one.status.ok());
    MessageDraft late = draft("dev", "late");
    assert_status(node.hub().publish(std::move(late), real_moment()).status(), Error::stopped);
  }
  redis.cont();
}

}  // namespace

int main() {
  if (!RedisServer::installed()) {
    std::puts("SKIP: redis-server is not installed");
    return 77;
  }
  const CMUnitTest tests[] = {
      cmocka_unit_test(two_servers_have_one_order),
      cmocka_unit_test(a_repeated_message_is_known_at_the_other_server),
      cmocka_unit_test(unnumbered_messages_reach_the_other_server),
      cmocka_unit_test(a_user_is_reached_at_every_server),
      cmocka_unit_test(a_kick_reaches_every_server),
      cmocka_unit_test(messages_wait_for_redis_and_fail_after_a_time),
      cmocka_unit_test(without_redis_an_island_goes_on_with_what_it_has),
      cmocka_unit_test(values_are_those_of_all_servers),
      cmocka_unit_test(a_closed_room_is_another_one),
      cmocka_unit_test(members_are_told_of_another_numbering),
      cmocka_unit_test(a_value_is_taken_once_by_one_server),
      cmocka_unit_test(servers_agree_on_a_value),
      cmocka_unit_test(a_server_hears_what_another_tells_it),
      cmocka_unit_test(it_does_not_open_without_redis),
      cmocka_unit_test(it_stops_while_messages_wait),
  };
  return cmocka_run_group_tests_name("cluster/cluster_store", tests, nullptr, nullptr);
}
