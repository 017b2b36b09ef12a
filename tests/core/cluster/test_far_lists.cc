// Lists of the members of a room and of the rooms of all servers: several hubs whose questions and answers the test carries. Then
// what servers tell a single client of another one, and texts that no server writes.
#include "cluster/far_lists.h"

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../hub/fake_store.h"
#include "cluster/far_notices.h"

// Last, because it defines macros with common names.
#include "../hub/hub_fixture.h"

using namespace chat;
using namespace chat::test;
using cluster::FarLists;

namespace {

using Names = std::vector<std::string>;

class SharedStore : public FakeStore {
 public:
  bool is_shared() const override { return true; }
  Status check_server(std::uint32_t node) const override {
    return node == 2 ? Status{} : Status{Error::no_such_client, {}};
  }
  void tell_others(FarNotice notice) noexcept override { told.push_back(std::move(notice)); }

  std::vector<FarNotice> told;
};

struct Server;

// The channels: everyone's, of rooms, and of servers.
struct Cluster {
  std::vector<Server*> servers;
  std::int64_t now_ms = 1'000'000;
  int questions = 0;
};

struct Server final : cluster::ListsHost {
  Server(Cluster& its_cluster, std::uint32_t node) : cluster(its_cluster) {
    HubOptions options;
    options.store = &store;
    options.node = node;
    f.emplace(std::move(options));
    settings.id = "server" + std::to_string(node);
    lists = std::make_unique<FarLists>(*this, settings);
    cluster.servers.push_back(this);
  }

  Hub* listed_hub() override { return started ? f->hub.get() : nullptr; }
  std::int64_t loop_ms() const override { return cluster.now_ms; }
  Moment now() const override { return {cluster.now_ms, cluster.now_ms}; }
  bool publish_question(const std::string& room, const std::string& text, Heard done) override {
    if (!up) return false;
    ++cluster.questions;
    last_question = text;
    std::uint64_t count = 0;
    for (Server* server : cluster.servers) {
      if (!room.empty() && !server->f->hub->has_room(room)) continue;
      ++count;
      if (!server->silent) server->heard.push_back(text);
    }
    reply = [this, done = std::move(done), count] { done(count, settled); };
    return true;
  }
  bool publish_answer(const std::string& server, const std::string& text) override {
    for (Server* one : cluster.servers) {
      if (one->settings.id == server) one->heard.push_back(text);
    }
    return true;
  }
  void dropped() override { ++drops; }

  ClientPtr member(const std::string& room, std::string user = {}) {
    const ClientPtr client = f->open(0, std::move(user));
    assert_ok(f->hub->join(client, room, std::nullopt, std::nullopt, now()));
    return client;
  }
  void ask(const std::string& room, std::int64_t within_ms = 1'000) {
    lists->list(room, within_ms, [this](FarListPtr list) { answers.push_back(std::move(list)); });
  }
  void take(const std::string& text) {
    const std::string rest = text.substr(1);
    if (text.front() == 'l') lists->take_question(rest);
    if (text.front() == 'a') lists->take_answer(rest);
  }
  void hear() {
    for (; !heard.empty(); heard.pop_front()) take(heard.front());
  }
  // Redis' answer to the question.
  void answer_question() {
    if (reply) std::exchange(reply, nullptr)();
  }

  Cluster& cluster;
  SharedStore store;
  std::optional<HubFixture> f;
  cluster::ClusterSettings settings;
  std::unique_ptr<FarLists> lists;
  std::deque<std::string> heard;
  std::function<void()> reply;
  std::string last_question;
  std::vector<FarListPtr> answers;
  bool up = true;
  bool silent = false;
  bool settled = true;
  bool started = true;
  int drops = 0;
};

struct Three {
  // Until nothing is on its way.
  void carry() {
    for (bool moved = true; moved;) {
      moved = false;
      for (Server* server : cluster.servers) {
        moved = moved || server->reply != nullptr || !server->heard.empty();
        server->answer_question();
        server->hear();
      }
    }
  }
  void pass(std::int64_t ms) {
    cluster.now_ms += ms;
    for (Server* server : cluster.servers) server->lists->on_timer();
  }
  FarListPtr list(Server& server, const std::string& room) {
    server.answers.clear();
    server.ask(room);
    carry();
    assert_int_equal(server.answers.size(), 1);
    return server.answers.front();
  }

  Cluster cluster;
  Server one{cluster, 1};
  Server two{cluster, 2};
  Server three{cluster, 3};
};

std::vector<ClientId> ids(const FarListPtr& list) {
  std::vector<ClientId> result;
  for (const MemberInfo& member : list->members->items) result.push_back(member.id);
  return result;
}

// "room members", ...
std::string rooms(const FarListPtr& list) {
  std::string result;
  for (const RoomInfo& room : list->rooms->items) {
    result += room.name + " " + std::to_string(room.member_count) + ",";
  }
  return result;
}

void members_of_all_servers_are_listed(void**) {
  Three s;
  const ClientId a = s.one.member("dev", "ann")->id();
  const ClientId b = s.two.member("dev")->id();
  const ClientId c = s.two.member("dev", "cid")->id();
  (void)s.three.member("other");
  const FarListPtr list = s.list(s.two, "dev");
  assert_ok(list->status);
  assert_true(list->members->complete);
  assert_true(ids(list) == std::vector<ClientId>({b, c, a}));  // the own ones first
  const MemberInfo& ann = list->members->items.back();
  assert_text(ann.user_id, "ann");
  assert_int_equal(static_cast<int>(ann.role), static_cast<int>(Role::member));
  assert_int_equal(static_cast<int>(ann.protocol), static_cast<int>(Protocol::plain));
  assert_int_equal(node_of(ann.id), 1);
  // A server that does not have the room learns it too.
  s.pass(2'000);
  assert_true(ids(s.list(s.three, "dev")) == std::vector<ClientId>({a, b, c}));
}

void a_room_that_no_server_has_is_unknown(void**) {
  Three s;
  const FarListPtr list = s.list(s.one, "nowhere");
  assert_ok(list->status);
  assert_true(list->members == nullptr);
  (void)s.two.member("nowhere");
  s.pass(2'000);
  assert_int_equal(s.list(s.one, "nowhere")->members->items.size(), 1);
}

void rooms_of_all_servers_are_merged(void**) {
  Three s;
  (void)s.one.member("dev");
  (void)s.two.member("dev");
  (void)s.two.member("b");
  (void)s.three.member("a");
  const FarListPtr list = s.list(s.one, "");
  assert_ok(list->status);
  assert_text(rooms(list), "a 1,b 1,dev 2,");
  // A server that is starting has no rooms.
  s.three.started = false;
  s.pass(2'000);
  assert_text(rooms(s.list(s.one, "")), "b 1,dev 2,");
}

void a_silent_server_makes_the_list_incomplete_in_time(void**) {
  Three s;
  const ClientId a = s.one.member("dev")->id();
  const ClientId b = s.two.member("dev")->id();
  (void)s.three.member("dev");
  s.three.silent = true;
  s.one.ask("dev");
  s.one.ask("dev", 300);
  s.carry();
  assert_true(s.one.answers.empty());
  s.pass(299);
  assert_true(s.one.answers.empty());
  s.pass(1);  // the hasty one
  assert_int_equal(s.one.answers.size(), 1);
  s.pass(700);
  assert_int_equal(s.one.answers.size(), 2);
  for (const FarListPtr& list : s.one.answers) {
    assert_status(list->status, Error::timed_out);
    assert_false(list->members->complete);
    assert_true(ids(list) == std::vector<ClientId>({a, b}));
  }
  // Who asks within the next second does not wait.
  assert_status(s.list(s.one, "dev")->status, Error::timed_out);
  assert_int_equal(s.cluster.questions, 1);
  // Its answer is too late now.
  s.three.take(s.one.last_question);
  s.one.hear();
  assert_int_equal(s.one.drops, 1);
  s.three.silent = false;
  s.pass(1'001);
  assert_int_equal(s.list(s.one, "dev")->members->items.size(), 3);
}

void without_redis_the_own_members_are_listed(void**) {
  Three s;
  const ClientId a = s.one.member("dev")->id();
  (void)s.two.member("dev");
  s.one.up = false;
  FarListPtr list = s.list(s.one, "dev");
  assert_status(list->status, Error::unavailable);
  assert_true(ids(list) == std::vector<ClientId>({a}));
  assert_false(list->members->complete);
  assert_status(s.list(s.one, "")->status, Error::unavailable);
  assert_text(rooms(s.one.answers.front()), "dev 1,");
  // It is lost while the answers are awaited.
  s.one.up = true;
  s.pass(2'000);
  s.one.answers.clear();
  s.one.ask("dev");
  s.one.reply = nullptr;
  s.one.lists->stop();
  assert_status(s.one.answers.front()->status, Error::stopped);
}

// However many ask meanwhile, and however short or long they wait.
void a_question_ends_after_a_second(void**) {
  Three s;
  (void)s.one.member("dev");
  (void)s.two.member("dev");
  s.two.silent = true;
  s.one.ask("dev", 1);  // alone
  s.carry();
  s.pass(50);
  assert_status(s.one.answers.front()->status, Error::timed_out);
  for (int i = 0; i < 40; ++i) {  // some always wait
    s.one.ask("dev");
    s.carry();
    s.pass(100);
  }
  assert_in_range(s.cluster.questions, 4, 6);  // in 4 s
  assert_true(s.one.answers.size() >= 30);
  s.pass(2'000);
  s.pass(2'000);
  s.one.answers.clear();
  s.one.ask("dev", 5'000);
  s.carry();
  s.pass(1'000);
  assert_true(s.one.answers.empty());
  s.two.silent = false;  // it comes back while somebody still waits
  s.pass(1'000);
  s.carry();
  assert_int_equal(s.one.answers.size(), 1);
  assert_ok(s.one.answers.front()->status);
  assert_int_equal(s.one.answers.front()->members->items.size(), 2);
}

void servers_that_are_not_back_make_the_list_incomplete(void**) {
  Three s;
  (void)s.one.member("dev");
  s.one.settled = false;
  assert_status(s.list(s.one, "dev")->status, Error::unavailable);
  assert_int_equal(s.one.answers.front()->members->items.size(), 1);
  s.one.settled = true;
  s.pass(2'000);
  assert_ok(s.list(s.one, "dev")->status);
  // Redis is lost while a server is silent.
  (void)s.two.member("dev");
  s.two.silent = true;
  s.pass(2'000);
  s.one.answers.clear();
  s.one.ask("dev");
  s.one.lists->lost();
  assert_status(s.one.answers.front()->status, Error::unavailable);
}

void what_other_servers_say_is_bounded_in_all(void**) {
  Three s;
  s.two.silent = true;
  std::string entries;
  for (int i = 0; i < 5'000; ++i) {
    entries +=
        std::to_string(make_client_id(2, static_cast<std::uint64_t>(i) + 1)) + " 0 1 100 " + std::string(100, 'n');
    entries += "100 " + std::string(100, 'u');
  }
  std::size_t kept = 0;
  for (int room = 1; room <= 40; ++room) {  // each has about 1.7 MB
    (void)s.one.member("room" + std::to_string(room));
    (void)s.two.member("room" + std::to_string(room));
    s.one.answers.clear();
    s.one.ask("room" + std::to_string(room));
    s.one.answer_question();
    s.one.take("aserver2 " + std::to_string(room) + " 1 1 " + entries);
    s.one.hear();
    assert_int_equal(s.one.answers.size(), 1);
    const FarListPtr list = s.one.answers.front();
    assert_status(list->status, Error::too_many);  // 5,001, or none of the others
    if (list->members->items.size() > 1) ++kept;
  }
  assert_in_range(kept, 5, FarLists::kMaxAllBytes / entries.size());
}

void one_question_serves_all_who_ask_meanwhile(void**) {
  Three s;
  (void)s.one.member("dev");
  (void)s.two.member("dev");
  for (int i = 0; i < 10'000; ++i) s.one.ask("dev");
  s.carry();
  assert_int_equal(s.cluster.questions, 1);
  assert_int_equal(s.one.answers.size(), 10'000);
  assert_true(s.one.answers.front() == s.one.answers.back());
  // The others' part is used again, and the own one is as it is now.
  (void)s.one.member("dev");
  assert_int_equal(s.list(s.one, "dev")->members->items.size(), 3);
  assert_int_equal(s.cluster.questions, 1);
  s.pass(FarLists::kFewMs);
  (void)s.list(s.one, "dev");
  assert_int_equal(s.cluster.questions, 2);
}

void a_long_list_is_made_once_a_second(void**) {
  Three s;
  for (int i = 0; i < 60; ++i) {
    (void)s.one.member("dev");
    (void)s.two.member("dev");
  }
  const FarListPtr first = s.list(s.one, "dev");
  assert_int_equal(first->members->items.size(), 120);
  s.pass(999);
  assert_true(s.list(s.one, "dev") == first);
  s.pass(1);
  assert_false(s.list(s.one, "dev") == first);
  assert_int_equal(s.cluster.questions, 2);
}

void a_list_is_bounded(void**) {
  Three s;
  std::string answer = "aserver2 1 1 1 ";
  for (int i = 0; i < 5'001; ++i) {
    answer += std::to_string(make_client_id(2, static_cast<std::uint64_t>(i) + 1)) + " 0 1 1 x0 ";
  }
  (void)s.one.member("dev");
  (void)s.two.member("dev");
  s.two.silent = true;
  s.one.ask("dev");
  s.one.answer_question();
  s.one.take(answer);
  s.one.hear();
  assert_int_equal(s.one.answers.size(), 1);
  const FarListPtr list = s.one.answers.front();
  assert_status(list->status, Error::too_many);
  assert_int_equal(list->members->items.size(), FarLists::kMaxEntries);
  // So are the lists that are under way.
  s.one.answers.clear();
  for (std::size_t i = 0; i < FarLists::kMaxLists + 10; ++i) s.one.ask("room" + std::to_string(i));
  assert_true(s.one.answers.size() >= 10);
  for (const FarListPtr& one : s.one.answers) assert_status(one->status, Error::too_many);
}

// Whatever comes: nothing is believed that was not asked for, and the question goes on.
void texts_that_no_server_writes_are_dropped(void**) {
  Three s;
  (void)s.one.member("dev");
  (void)s.two.member("dev");
  s.two.silent = true;
  s.one.ask("dev");
  s.one.answer_question();
  s.one.hear();
  const std::string id = std::to_string(make_client_id(2, 7));
  const Names texts = {
      "a",
      "a ",
      "a 1",
      "aserver2",
      "aserver2 x 1 1 ",
      "aserver2 2 1 1 ",
      "aserver1 1 1 1 ",
      std::string("a") + std::string(65, 'i') + " 1 1 1 ",
      "aserver2 1 1 1 " + id,
      "aserver2 1 1 1 " + id + " 0 1 5 Ann",
      "aserver2 1 1 1 " + id + " 9 1 3 Ann0 ",
      "aserver2 1 1 1 " + id + " 0 0 3 Ann0 ",
      "aserver2 1 1 1 " + id + " 0 6 3 Ann0 ",
      "aserver2 1 1 1 0 0 1 3 Ann0 ",
      "aserver2 1 1 1 99999999999999999 0 1 3 Ann0 ",
      "aserver2 1 1 1 " + id + " 0 1 0 0 ",
      "aserver2 1 1 1 " + id +
          " 0 1 2 \xff\xfe"
          "0 ",
      "aserver2 1 1 1 " + id + " 0 1 2 \x01x0 ",
      "aserver2 1 1 1 " + id + " 0 1 129 " + std::string(129, 'n') + "0 ",
      "aserver2 1 1 1 " + id + " 0 1 18446744073709551615 x0 ",
      "l",
      "l ",
      "lserver2",
      "lserver2 1",
      "lserver2 x 3 dev",
      "lserver2 1 9 dev",
      "lserver2 1 3 devx",
      "lserver2 1 3 a/b",
      "l 1 3 dev",
  };
  int expected = 0;
  for (const std::string& text : texts) {
    s.one.take(text);
    assert_int_equal(s.one.drops, ++expected);
  }
  assert_true(s.one.answers.empty());
  s.one.take("aserver2 1 1 1 " + id + " 0 1 3 Ann3 ann");
  assert_int_equal(s.one.answers.size(), 1);
  assert_int_equal(s.one.answers.front()->members->items.size(), 2);
  s.one.take("aserver2 1 1 1 ");  // twice
  assert_int_equal(s.one.drops, ++expected);
}

void changed_texts_do_no_harm(void**) {
  std::mt19937 random(7);
  Three s;
  for (int i = 0; i < 5; ++i) (void)s.two.member("dev", "user" + std::to_string(i));
  (void)s.one.member("dev");
  for (int round = 0; round < 3'000; ++round) {
    const std::string room = round % 2 == 0 ? "dev" : "";
    s.one.ask(room);
    s.one.answer_question();
    for (Server* server : {&s.one, &s.two}) {
      for (; !server->heard.empty(); server->heard.pop_front()) {
        std::string text = server->heard.front();
        for (int change = 0; change < 3; ++change) {
          const std::size_t at = 1 + random() % (text.size() - 1);
          if (random() % 3 == 0) {
            text.erase(at, random() % 9);
          } else {
            text[at] = static_cast<char>(random() % 2 == 0 ? random() % 256 : '0' + random() % 10);
          }
          if (text.size() < 2) text = "ax";
        }
        server->take(text);
      }
    }
    s.three.heard.clear();
    s.pass(3'000);
  }
  for (const FarListPtr& list : s.one.answers) {
    if (list->members) assert_true(list->members->items.size() <= FarLists::kMaxEntries);
  }
  assert_int_equal(s.one.answers.size(), 3'000);
}

// One client of another server -------------------------------------------------------------------------------------------

cluster::HeardNotice heard_of(const FarNotice& notice) {
  const std::string text = cluster::write_far_notice(notice, "me");
  assert_true(cluster::is_far_notice(text.front()));
  const std::optional<cluster::HeardNotice> heard =
      cluster::read_far_notice(text.front(), std::string_view(text).substr(4), {});
  assert_true(heard.has_value());
  return *heard;
}

void a_client_of_another_server_is_told_and_closed(void**) {
  SharedStore first_store;
  SharedStore second_store;
  const auto options = [](SharedStore& store, std::uint32_t node) {
    HubOptions result;
    result.store = &store;
    result.node = node;
    result.tells_audit = true;
    return result;
  };
  HubFixture first(options(first_store, 1));
  HubFixture second(options(second_store, 2));
  const ClientPtr bob = second.open(0, "bob");

  assert_status(first.hub->close_far(7, "x", false), Error::no_such_client);
  assert_status(first.hub->close_far(make_client_id(1, 7), "x", false), Error::no_such_client);
  assert_status(first.hub->close_far(make_client_id(3, 7), "x", false), Error::no_such_client);
  assert_status(first.hub->send_far(bob->id(),
                                    [] {
                                      MessageDraft bad = draft("", "x");
                                      bad.event = "connect";
                                      return bad;
                                    }()),
                Error::invalid_event);
  assert_true(first_store.told.empty());

  assert_ok(first.hub->send_far(bob->id(), draft("", "only you")));
  assert_ok(first.hub->close_far(bob->id(), "enough", true));
  assert_int_equal(first_store.told.size(), 2);
  for (const FarNotice& notice : first_store.told) {
    assert_true(cluster::is_for_server(notice));
    cluster::HeardNotice heard = heard_of(notice);
    second.hub->take_notice(heard.notice, std::move(heard.message), {});
  }
  const std::vector<LoopEvent> events = second.take();
  const auto messages = only<DirectMessage>(events);
  assert_int_equal(messages.size(), 1);
  assert_text(messages[0].message->payload, "only you");
  assert_int_equal(messages[0].client, bob->id());
  const auto closed = only<CloseClient>(events);
  assert_int_equal(closed.size(), 1);
  assert_int_equal(closed[0].client, bob->id());
  assert_int_equal(closed[0].code, 1008);
  assert_text(closed[0].reason, "enough");
  assert_true(closed[0].whole_connection);
  assert_int_equal(only<AuditNotice>(events).size(), 1);  // where the client is

  // A moderator names a client by an id that no server can have.
  Moderation kick;
  kick.room = "dev";
  kick.client = make_client_id(3, 7);
  assert_status(first.hub->find_target(kick).status(), Error::no_such_client);
  kick.client = bob->id();
  assert_ok(first.hub->find_target(kick).status());
}

void notices_for_a_client_that_no_server_writes_are_refused(void**) {
  const std::string long_reason(124, 'r');
  const std::vector<std::pair<char, std::string>> texts = {
      {'e', ""},           {'e', "0 1 x"},       {'e', "x 1 x"},   {'e', "7 1 " + long_reason}, {'e', "7 0 \xff"},
      {'d', "7"},          {'d', "7 3 dev"},     {'d', "7 9 dev"}, {'d', "7 3 a/bgarbage"},     {'d', "0 0 "},
      {'u', "3 bob3 a/b"}, {'d', "7 0 garbage"},
  };
  for (const auto& [kind, text] : texts) assert_false(cluster::read_far_notice(kind, text, {}).has_value());
  assert_false(cluster::read_far_notice('e', "7 1 x", "dev").has_value());  // on the channel of a room
  assert_false(cluster::read_far_notice('k', "7 3 0 \xff", "dev").has_value());
  assert_true(cluster::read_far_notice('e', "7 1 x", {}).has_value());
  assert_true(cluster::read_far_notice('k', "7 3 0 x", "dev").has_value());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(members_of_all_servers_are_listed),
      cmocka_unit_test(a_room_that_no_server_has_is_unknown),
      cmocka_unit_test(rooms_of_all_servers_are_merged),
      cmocka_unit_test(a_silent_server_makes_the_list_incomplete_in_time),
      cmocka_unit_test(without_redis_the_own_members_are_listed),
      cmocka_unit_test(a_question_ends_after_a_second),
      cmocka_unit_test(servers_that_are_not_back_make_the_list_incomplete),
      cmocka_unit_test(what_other_servers_say_is_bounded_in_all),
      cmocka_unit_test(one_question_serves_all_who_ask_meanwhile),
      cmocka_unit_test(a_long_list_is_made_once_a_second),
      cmocka_unit_test(a_list_is_bounded),
      cmocka_unit_test(texts_that_no_server_writes_are_dropped),
      cmocka_unit_test(changed_texts_do_no_harm),
      cmocka_unit_test(a_client_of_another_server_is_told_and_closed),
      cmocka_unit_test(notices_for_a_client_that_no_server_writes_are_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
