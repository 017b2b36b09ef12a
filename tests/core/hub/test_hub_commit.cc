// Publishing in two steps: the hub with a log that commits later, from the test or from another thread.
#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "hub_fixture.h"
#include "late_log.h"

using namespace chat;
using namespace chat::test;

namespace {

struct Fixture {
  explicit Fixture(std::size_t loops = 1, HubOptions options = {}) : f(with_log(std::move(options), commits), loops) {}

  static HubOptions with_log(HubOptions options, LateCommits& commits) {
    options.make_log = commits.maker();
    return options;
  }
  ClientPtr member(std::size_t loop = 0) {
    ClientPtr client = f.open(loop);
    assert_ok(f.join(client, "lobby"));
    f.take(loop);
    return client;
  }
  Result<Published> publish(std::string text, Receipt receipt = {}) {
    return f.hub->publish(draft("lobby", std::move(text)), f.now, std::move(receipt));
  }
  bool commit(std::size_t index = 0) { return commits.commit_one(*f.hub, index); }

  LateCommits commits;  // outlives the hub
  HubFixture f;
};

// The events as text, in order: "ack r 1", "lobby 1 text".
std::vector<std::string> told(const std::vector<LoopEvent>& events) {
  std::vector<std::string> result;
  for (const LoopEvent& event : events) {
    if (const auto* said = std::get_if<RoomMessage>(&event)) {
      result.push_back(said->message->room + " " + std::to_string(said->message->seq) + " " + said->message->payload);
    } else if (const auto* ack = std::get_if<Acknowledged>(&event)) {
      result.push_back((ack->status.ok() ? "ack " : "failed ") + ack->ref + " " + std::to_string(ack->seq));
    } else if (const auto* notice = std::get_if<PublishedNotice>(&event)) {
      result.push_back("published " + std::to_string(notice->message->seq));
    } else {
      result.emplace_back("other");
    }
  }
  return result;
}

using Told = std::vector<std::string>;

void nothing_is_told_before_the_commit(void**) {
  Fixture t;
  const ClientPtr client = t.member();
  const Result<Published> published = t.publish("one", {client, "r", false});
  assert_true(published.ok());
  assert_int_equal(published->seq, 0);
  assert_true(t.f.take().empty());
  assert_int_equal(t.f.hub->stats().published, 0);
  assert_true(t.f.hub->history("lobby", 0, 0, t.f.now)->messages.empty());
  assert_true(t.commit());
  assert_true(told(t.f.take()) == Told({"ack r 1", "lobby 1 one"}));
  assert_int_equal(t.f.hub->stats().published, 1);
  const Result<HistoryReply> history = t.f.hub->history("lobby", 0, 0, t.f.now);
  assert_int_equal(history->messages.size(), 1);
  assert_text(history->messages[0]->epoch, history->epoch);
  assert_int_equal(history->messages[0]->time_ms, t.f.now.time_ms);
}

void the_receipt_says_on_which_side_the_acknowledgement_is(void**) {
  Fixture t;
  const ClientPtr client = t.member();
  assert_true(t.publish("first", {client, "a", false}).ok());
  assert_true(t.publish("last", {client, "b", true}).ok());
  assert_true(t.publish("none", {client, "", true}).ok());
  while (t.commit()) continue;
  assert_true(told(t.f.take()) == Told({"ack a 1", "lobby 1 first", "lobby 2 last", "ack b 2", "lobby 3 none"}));
  // The same with the log in memory, and for unnumbered messages.
  HubFixture f;
  const ClientPtr other = f.open();
  assert_ok(f.join(other, "lobby"));
  f.take();
  assert_int_equal(f.hub->publish(draft("lobby", "x"), f.now, {other, "a", false})->seq, 1);
  assert_int_equal(f.hub->publish(draft("lobby", "y"), f.now, {other, "b", true})->seq, 2);
  MessageDraft typing = draft("lobby", "z");
  typing.ephemeral = true;
  assert_int_equal(f.hub->publish(typing, f.now, {other, "c", true})->seq, 0);
  assert_true(told(f.take()) == Told({"ack a 1", "lobby 1 x", "lobby 2 y", "ack b 2", "lobby 0 z", "ack c 0"}));
}

void numbers_are_in_the_order_of_the_commits(void**) {
  Fixture t;
  const ClientPtr client = t.member();
  for (const char* text : {"a", "b", "c"}) assert_true(t.publish(text, {client, text, false}).ok());
  assert_true(t.commit(2));
  assert_true(t.commit(0));
  assert_true(t.commit(0));
  assert_true(told(t.f.take()) == Told({"ack c 1", "lobby 1 c", "ack a 2", "lobby 2 a", "ack b 3", "lobby 3 b"}));
}

void a_message_that_fails_is_told_to_its_sender_alone(void**) {
  Fixture t;
  const ClientPtr client = t.member();
  assert_true(t.publish("a", {client, "r", true}).ok());
  assert_true(t.publish("b", {client, "", true}).ok());
  assert_true(t.publish("c").ok());
  t.commits.fail_one(*t.f.hub, {Error::system, "the disk is full"});
  const auto failed = only<Acknowledged>(t.f.take());
  assert_int_equal(failed.size(), 1);
  assert_text(failed[0].ref, "r");
  assert_status(failed[0].status, Error::system);
  assert_text(failed[0].status.detail, "the disk is full");
  t.commits.fail_one(*t.f.hub, {Error::system, "again"});
  assert_true(told(t.f.take()) == Told({"failed  0"}));  // also when no acknowledgement was requested
  t.commits.fail_one(*t.f.hub, {Error::system, "again"});
  assert_true(t.f.take().empty());
  assert_int_equal(t.f.hub->stats().published, 0);
  assert_true(t.publish("d").ok());
  assert_true(t.commit());
  assert_true(told(t.f.take()) == Told({"lobby 1 d"}));
}

void a_log_may_refuse_at_once(void**) {
  Fixture t;
  const ClientPtr client = t.member();
  t.commits.refuse({Error::too_many, "too many messages wait for the disk"});
  assert_status(t.publish("a", {client, "r", true}).status(), Error::too_many);
  assert_true(t.f.take().empty());
  MessageDraft elsewhere = draft("elsewhere", "x");
  assert_status(t.f.hub->publish(elsewhere, t.f.now).status(), Error::too_many);
  assert_false(t.f.hub->has_room("elsewhere"));
}

// Otherwise the room would be recreated with another epoch, and the message would be lost.
void a_room_stays_for_what_is_submitted(void**) {
  Fixture t;
  const ClientPtr client = t.member();
  assert_true(t.publish("a").ok());
  t.f.hub->remove_client(client);
  assert_true(t.f.hub->has_room("lobby"));
  t.f.hub->expire(t.f.now);
  assert_true(t.f.hub->has_room("lobby"));
  t.commits.fail_one(*t.f.hub, {Error::system, "x"});
  assert_false(t.f.hub->has_room("lobby"));
  assert_true(t.publish("b").ok());
  assert_true(t.commit());
  assert_int_equal(t.f.hub->history("lobby", 0, 0, t.f.now)->messages.size(), 1);
}

// A client that joins between the two steps receives the message once, and its position at the join is before the
// message.
void a_join_between_the_steps_has_no_gap_and_no_twin(void**) {
  Fixture t;
  const ClientPtr early = t.member();
  assert_true(t.publish("a").ok());
  assert_true(t.commit());
  assert_true(t.publish("b").ok());
  t.f.take();
  const ClientPtr late = t.f.open();
  const std::string epoch = t.f.hub->rooms()[0].epoch;
  assert_ok(t.f.hub->join(late, "lobby", Position{epoch, 0}, {}, t.f.now));
  const auto joined = only<Joined>(t.f.take());
  assert_int_equal(joined[0].seq, 1);
  assert_true(joined[0].complete);
  assert_int_equal(joined[0].missed.size(), 1);
  assert_true(t.commit());
  assert_true(told(t.f.take()) == Told({"lobby 2 b"}));
}

void an_acknowledgement_follows_its_client_to_another_loop(void**) {
  Fixture t(2);
  const ClientPtr client = t.member(0);
  assert_true(t.publish("a", {client, "r", true}).ok());
  t.f.hub->move_client(client, 1);
  t.f.take(0);
  t.f.take(1);
  assert_true(t.commit());
  assert_true(t.f.take(0).empty());
  assert_true(told(t.f.take(1)) == Told({"lobby 1 a", "ack r 1"}));
  // The loop of a client that is gone receives no event.
  assert_true(t.publish("b", {client, "r", true}).ok());
  t.f.hub->remove_client(client);
  assert_true(t.commit());
}

// All notices of a room go to one loop, in the room's order. What has a number is reported.
void the_application_is_told_what_is_published(void**) {
  HubOptions options;
  options.tells_published = true;
  Fixture t(4, options);
  for (int i = 0; i < 3; ++i) assert_true(t.publish(std::to_string(i)).ok());
  MessageDraft typing = draft("lobby", "x");
  typing.ephemeral = true;
  assert_true(t.f.hub->publish(typing, t.f.now).ok());
  assert_true(t.f.hub->publish(draft({}, "to everyone"), t.f.now).ok());
  while (t.commit()) continue;
  MessageDraft edit = draft("lobby", "x");
  edit.event_kind = RoomEventKind::edit;
  edit.target_seq = 1;
  assert_true(t.f.hub->publish(edit, t.f.now).ok());
  assert_true(t.commit());
  int loops = 0;
  for (std::size_t loop = 0; loop < 4; ++loop) {
    const auto notices = only<PublishedNotice>(t.f.take(loop));
    if (notices.empty()) continue;
    ++loops;
    assert_int_equal(notices.size(), 4);
    for (std::size_t i = 0; i < 4; ++i) assert_int_equal(notices[i].message->seq, i + 1);
  }
  assert_int_equal(loops, 1);
}

// Several threads publish and one commits: every member sees one order without gaps, each sender gets its
// acknowledgements at their positions, and the history is the same.
void a_thread_that_commits_keeps_the_order(void**) {
  constexpr std::size_t kSenders = 3;
  constexpr std::size_t kEach = 300;
  HubOptions options;
  options.tells_published = true;
  options.history.messages = kUnlimited;
  Fixture t(kSenders, options);
  std::vector<ClientPtr> clients;
  for (std::size_t i = 0; i < kSenders; ++i) clients.push_back(t.member(i));
  for (std::size_t i = 0; i < kSenders; ++i) t.f.take(i);
  std::atomic<bool> failed = false;
  std::thread committer([&] { t.commits.commit_many(*t.f.hub, kSenders * kEach); });
  std::vector<std::thread> senders;
  for (std::size_t i = 0; i < kSenders; ++i) {
    senders.emplace_back([&, i] {
      for (std::size_t n = 0; n < kEach; ++n) {
        const std::string text = std::to_string(i) + "/" + std::to_string(n);
        if (!t.publish(text, {clients[i], text, i % 2 == 0}).ok()) failed = true;
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  committer.join();
  assert_false(failed);
  assert_int_equal(t.commits.waiting(), 0);

  Told first;
  std::size_t notices = 0;
  for (std::size_t i = 0; i < kSenders; ++i) {
    Told heard;
    std::map<std::string, std::uint64_t> seq_of;
    std::map<std::string, std::uint64_t> ack_of;
    std::uint64_t last_ack = 0;
    for (const LoopEvent& event : t.f.take(i)) {
      if (const auto* said = std::get_if<RoomMessage>(&event)) {
        assert_int_equal(said->message->seq, heard.size() + 1);
        heard.push_back(said->message->payload);
        seq_of[said->message->payload] = said->message->seq;
      } else if (const auto* ack = std::get_if<Acknowledged>(&event)) {
        assert_true(ack->client == clients[i]->id());
        assert_true(ack->seq > last_ack);
        last_ack = ack->seq;
        // Directly before or after its message.
        assert_int_equal(ack->seq, heard.size() + (i % 2 == 0 ? 0 : 1));
        ack_of[ack->ref] = ack->seq;
      } else {
        assert_int_equal(std::get<PublishedNotice>(event).message->seq, ++notices);
      }
    }
    assert_int_equal(heard.size(), kSenders * kEach);
    assert_int_equal(ack_of.size(), kEach);
    for (const auto& [ref, seq] : ack_of) assert_int_equal(seq, seq_of[ref]);
    if (first.empty()) first = heard;
    assert_true(heard == first);
  }
  assert_int_equal(notices, kSenders * kEach);
  const Result<HistoryReply> history = t.f.hub->history("lobby", 0, 0, t.f.now);
  assert_int_equal(history->messages.size(), first.size());
  for (std::size_t i = 0; i < first.size(); ++i) assert_text(history->messages[i]->payload, first[i]);
}

// The log tries again, and the message is told once.
void a_commit_without_memory_is_repeated(void**) {
  for (int post = 1; post <= 3; ++post) {
    HubOptions options;
    options.tells_published = true;
    Fixture t(1, options);
    const ClientPtr client = t.member();
    assert_true(t.publish("one", {client, "r", false}).ok());
    t.f.inboxes[0]->fail_at(post);
    assert_no_memory(t.commit());
    assert_true(t.f.take().empty());
    assert_int_equal(t.f.inboxes[0]->reserved(), 0);
    assert_true(t.f.hub->history("lobby", 0, 0, t.f.now)->messages.empty());
    assert_true(t.commit());
    assert_true(told(t.f.take()) == Told({"ack r 1", "lobby 1 one", "published 1"}));
    assert_false(t.commit());
    // The room does not wait for it any more.
    assert_ok(t.f.hub->leave(client, "lobby", ""));
    assert_ok(t.f.hub->close_room("lobby", ""));
    assert_false(t.f.hub->has_room("lobby"));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_told_before_the_commit),
      cmocka_unit_test(the_receipt_says_on_which_side_the_acknowledgement_is),
      cmocka_unit_test(numbers_are_in_the_order_of_the_commits),
      cmocka_unit_test(a_message_that_fails_is_told_to_its_sender_alone),
      cmocka_unit_test(a_log_may_refuse_at_once),
      cmocka_unit_test(a_room_stays_for_what_is_submitted),
      cmocka_unit_test(a_join_between_the_steps_has_no_gap_and_no_twin),
      cmocka_unit_test(an_acknowledgement_follows_its_client_to_another_loop),
      cmocka_unit_test(a_commit_without_memory_is_repeated),
      cmocka_unit_test(the_application_is_told_what_is_published),
      cmocka_unit_test(a_thread_that_commits_keeps_the_order),
  };
  return cmocka_run_group_tests_name("hub/hub_commit", tests, nullptr, nullptr);
}
