// Messages that are sent again with the same id: in the table of ids, through the hub, and through the dispatcher.
#include "hub/message_ids.h"

#include <functional>

#include "hub/dispatcher.h"
#include "hub_fixture.h"
#include "late_log.h"

using namespace chat;
using namespace chat::test;

namespace {

using Found = MessageIds::Found;

int number(Found found) { return static_cast<int>(found); }
#define assert_found(answer, expected) assert_int_equal(number((answer).found), number(expected))

MessageDraft with_id(std::string id, std::string text = "hello", std::string room = "lobby",
                     Sender sender = {1, "", ""}) {
  MessageDraft result = draft(std::move(room), std::move(text));
  result.id = std::move(id);
  result.sender = std::move(sender);
  return result;
}

struct Table {
  explicit Table(const MessageIds::Limits& limits = {})
      : ids(limits, [this](const MessageIds::Waiter& waiter) { woken.push_back(waiter.client); }) {}

  // Publishes a message with this id.
  void publish(const MessageDraft& message, std::uint64_t seq, const std::string& source = "s",
               std::int64_t now_ms = 0) {
    const MessageIds::Answer answer = ids.claim(message, source, now_ms);
    assert_found(answer, Found::fresh);
    answer.claim->prepare("e");
    answer.claim->settle(seq, now_ms);
  }
  Found find(const MessageDraft& message, std::int64_t now_ms = 0) { return ids.claim(message, "s", now_ms).found; }

  std::vector<ClientId> woken;
  MessageIds ids;
};

void a_published_id_is_known(void**) {
  Table t;
  t.publish(with_id("a"), 7);
  const MessageIds::Answer again = t.ids.claim(with_id("a"), "s", 0);
  assert_found(again, Found::known);
  assert_int_equal(again.position.seq, 7);
  assert_text(again.position.epoch, "e");
  assert_found(t.ids.claim(with_id("a", "another text"), "s", 0), Found::differs);
}

void an_id_belongs_to_a_user_and_a_room(void**) {
  Table t;
  t.publish(with_id("a"), 1);
  assert_int_equal(number(t.find(with_id("a", "hello", "dev"))), number(Found::fresh));
  assert_int_equal(number(t.find(with_id("a", "hello", "lobby", {1, "", "ann"}))), number(Found::fresh));
  assert_int_equal(number(t.find(with_id("a", "hello", "lobby", {0, "", ""}))), number(Found::fresh));
  assert_int_equal(number(t.find(with_id("a", "hello", "lobby", {2, "", ""}))), number(Found::known));  // another guest
}

void a_claim_that_ends_frees_the_id_and_wakes(void**) {
  Table t;
  MessageIds::Answer first = t.ids.claim(with_id("a"), "s", 0);
  const MessageIds::Waiter waiter{5, 1};
  assert_found(t.ids.claim(with_id("a"), "s", 0, &waiter), Found::pending);
  assert_true(t.woken.empty());
  first.claim.reset();
  assert_true(t.woken == std::vector<ClientId>{5});
  assert_int_equal(t.ids.size(), 0);
  assert_int_equal(number(t.find(with_id("a"))), number(Found::fresh));
}

void ids_are_forgotten_after_the_window(void**) {
  Table t({.window_ms = 100});
  t.publish(with_id("a"), 1, "s", 0);
  t.publish(with_id("b"), 2, "s", 50);
  assert_int_equal(number(t.find(with_id("a"), 99)), number(Found::known));
  assert_false(t.ids.expire(100));
  assert_int_equal(t.ids.size(), 1);
  assert_int_equal(number(t.find(with_id("b"), 149)), number(Found::known));
  assert_int_equal(number(t.find(with_id("b"), 150)), number(Found::fresh));
}

void the_oldest_ids_are_forgotten_first(void**) {
  Table t({.ids = 3, .ids_per_source = 2});
  t.publish(with_id("a"), 1, "x");
  t.publish(with_id("b"), 2, "y");
  t.publish(with_id("c"), 3, "y");
  t.publish(with_id("d"), 4, "y");  // the source's oldest goes
  assert_int_equal(number(t.find(with_id("a"))), number(Found::known));
  assert_int_equal(t.ids.size(), 3);
  t.publish(with_id("e"), 5, "z");  // the oldest of all goes
  assert_int_equal(t.ids.size(), 3);
  assert_int_equal(number(t.find(with_id("c"))), number(Found::known));
}

void ids_that_are_pending_are_not_forgotten(void**) {
  Table t({.ids = 2, .ids_per_source = 1});
  const MessageIds::Answer first = t.ids.claim(with_id("a"), "x", 0);
  assert_found(t.ids.claim(with_id("b"), "x", 0), Found::full);
  const MessageIds::Answer second = t.ids.claim(with_id("b"), "y", 0);
  assert_found(second, Found::fresh);
  assert_found(t.ids.claim(with_id("c"), "", 0), Found::full);
  first.claim->settle(1, 0);  // known, and its claim is still held
  assert_found(t.ids.claim(with_id("c"), "", 0), Found::full);
}

void kept_ids_are_known(void**) {
  Table t;
  t.ids.restore({"lobby", {3, "", "ann"}, "a", "e9", 12, 0}, 100);
  const MessageIds::Answer answer = t.ids.claim(with_id("a", "any", "lobby", {8, "", "ann"}), "s", 99);
  assert_found(answer, Found::known);
  assert_int_equal(answer.position.seq, 12);
  assert_text(answer.position.epoch, "e9");
}

// Through the hub -----------------------------------------------------------------------------------------------------

void the_application_publishes_an_id_once(void**) {
  HubFixture f;
  const Result<Published> first = f.hub->publish(with_id("a", "1", "lobby", {}), f.now);
  const Result<Published> again = f.hub->publish(with_id("a", "1", "lobby", {}), f.now);
  assert_ok(first.status());
  assert_ok(again.status());
  assert_false(first->repeated);
  assert_true(again->repeated);
  assert_int_equal(again->seq, first->seq);
  assert_text(again->epoch, first->epoch);
  assert_status(f.hub->publish(with_id("a", "2", "lobby", {}), f.now).status(), Error::wrong_state);
  assert_int_equal(f.hub->stats().published, 1);
}

void a_message_for_which_memory_fails_may_be_sent_again(void**) {
  HubFixture f;
  const ClientPtr reader = f.open();
  assert_ok(f.join(reader, "lobby"));
  f.take();
  f.inboxes[0]->fail_at(1);
  assert_no_memory(f.hub->publish(with_id("a"), f.now));
  f.inboxes[0]->fail_at(0);
  const Result<Published> again = f.hub->publish(with_id("a"), f.now);
  assert_ok(again.status());
  assert_false(again->repeated);
  assert_int_equal(only<RoomMessage>(f.take()).size(), 1);
}

// Through the dispatcher ----------------------------------------------------------------------------------------------

struct Judge : Application {
  bool decides_messages() const override { return decides; }
  Decision on_message(MessageRequest& request) override {
    ++messages;
    last = request.decision;
    return {verdict, "no"};
  }
  bool decides = true;
  int messages = 0;
  DecisionId last = 0;
  Verdict verdict = Verdict::pass;
};

struct Fixture : HubFixture {
  explicit Fixture(HubOptions options = {}) : HubFixture(std::move(options)), dispatcher(*hub, application) {
    for (ClientPtr* const client : {&ann, &ann_again}) {
      *client = open(0, "ann");
      assert_ok(join(*client, "lobby"));
    }
    take();
  }
  Outcome say(const ClientPtr& client, std::string id, std::string ref = "1", std::string text = "hello") {
    SendCommand command;
    command.draft() = draft("lobby", std::move(text));
    command.draft().id = std::move(id);
    command.ref = std::move(ref);
    return dispatcher.execute(client, std::move(command), acks, now);
  }
  // The waiting message goes on, with the decision in the inbox.
  Outcome go_on(const ClientPtr& client, Outcome&& outcome) {
    const std::vector<DecisionGiven> given = only<DecisionGiven>(take());
    Suspended suspended = std::get<Suspended>(std::move(outcome));
    assert_int_equal(given.size(), 1);
    assert_int_equal(given[0].client, client->id());
    assert_int_equal(given[0].id, suspended.decision);
    return dispatcher.resume(client, std::move(suspended), *given[0].decision, acks, now);
  }

  Judge application;
  Dispatcher dispatcher;
  AckTable acks;
  ClientPtr ann;
  ClientPtr ann_again;
};

#define assert_nothing(outcome) assert_true(std::holds_alternative<std::monostate>(outcome))

void a_repeated_message_is_acknowledged_with_the_first_position(void**) {
  Fixture f;
  assert_nothing(f.say(f.ann, "a"));
  f.take();
  assert_nothing(f.say(f.ann_again, "a", "9"));
  const std::vector<LoopEvent> events = f.take();
  assert_true(only<RoomMessage>(events).empty());
  const std::vector<Acknowledged> acks = only<Acknowledged>(events);
  assert_int_equal(acks.size(), 1);
  assert_int_equal(acks[0].client, f.ann_again->id());
  assert_text(acks[0].ref, "9");
  assert_int_equal(acks[0].seq, 1);
  assert_true(acks[0].repeated);
  assert_int_equal(f.application.messages, 1);
}

void another_message_with_the_id_is_refused(void**) {
  Fixture f;
  assert_nothing(f.say(f.ann, "a"));
  const Outcome outcome = f.say(f.ann, "a", "2", "another");
  assert_int_equal(test::number(std::get<ErrorReply>(std::get<Reply>(outcome)).code), test::number(Error::wrong_state));
  assert_int_equal(f.application.messages, 1);
}

void a_malformed_id_is_refused(void**) {
  Fixture f;
  for (const std::string& id : {std::string("a b"), std::string(256, 'x'), std::string("\xC3\xA9")}) {
    const Outcome outcome = f.say(f.ann, id);
    assert_int_equal(test::number(std::get<ErrorReply>(std::get<Reply>(outcome)).code),
                     test::number(Error::invalid_argument));
  }
  assert_nothing(f.say(f.ann, std::string(255, 'x')));
}

void a_repeated_message_waits_for_the_verdict(void**) {
  Fixture f;
  f.application.verdict = Verdict::defer;
  Outcome first = f.say(f.ann, "a");
  const DecisionId verdict = f.application.last;
  Outcome again = f.say(f.ann_again, "a", "9");
  assert_int_equal(f.application.messages, 1);
  assert_true(f.take().empty());
  assert_nothing(f.dispatcher.resume(f.ann, std::get<Suspended>(std::move(first)), {}, f.acks, f.now));
  assert_true(verdict != 0);
  assert_nothing(f.go_on(f.ann_again, std::move(again)));
  const std::vector<Acknowledged> acks = only<Acknowledged>(f.take());
  assert_int_equal(acks.size(), 1);
  assert_int_equal(acks[0].seq, 1);
  assert_int_equal(f.application.messages, 1);
}

void after_a_refusal_the_waiting_message_is_judged(void**) {
  Fixture f;
  f.application.verdict = Verdict::defer;
  Outcome first = f.say(f.ann, "a");
  Outcome again = f.say(f.ann_again, "a", "9");
  Outcome refused =
      f.dispatcher.resume(f.ann, std::get<Suspended>(std::move(first)), {Verdict::refuse, "no"}, f.acks, f.now);
  assert_true(std::holds_alternative<Reply>(refused));
  f.application.verdict = Verdict::refuse;
  const Outcome second = f.go_on(f.ann_again, std::move(again));
  assert_int_equal(test::number(std::get<ErrorReply>(std::get<Reply>(second)).code), test::number(Error::forbidden));
  assert_int_equal(f.application.messages, 2);
  f.application.verdict = Verdict::pass;
  assert_nothing(f.say(f.ann, "a"));
  assert_int_equal(f.hub->stats().published, 1);
}

void a_consumed_message_is_known(void**) {
  Fixture f;
  f.application.verdict = Verdict::consume;
  assert_nothing(f.say(f.ann, "a"));
  assert_nothing(f.say(f.ann, "a"));
  assert_int_equal(f.application.messages, 1);
  const std::vector<Acknowledged> acks = only<Acknowledged>(f.take());
  assert_int_equal(acks.size(), 1);
  assert_int_equal(acks[0].seq, 0);
}

void a_repeated_message_waits_until_the_first_one_is_stored(void**) {
  LateCommits commits;
  HubOptions options;
  options.make_log = commits.maker();
  Fixture f(std::move(options));
  f.application.decides = false;
  assert_nothing(f.say(f.ann, "a"));
  Outcome again = f.say(f.ann_again, "a", "9");
  assert_int_equal(commits.waiting(), 1);
  assert_true(commits.commit_one(*f.hub));
  assert_nothing(f.go_on(f.ann_again, std::move(again)));
  const std::vector<Acknowledged> acks = only<Acknowledged>(f.take());
  assert_int_equal(acks.size(), 1);
  assert_text(acks[0].ref, "9");
  assert_int_equal(acks[0].seq, 1);

  // When the first one cannot be stored, the waiting one is tried.
  assert_nothing(f.say(f.ann, "b"));
  Outcome other = f.say(f.ann_again, "b", "10");
  commits.fail_one(*f.hub, {Error::unavailable, "full"});
  assert_nothing(f.go_on(f.ann_again, std::move(other)));
  assert_int_equal(commits.waiting(), 1);
  assert_true(commits.commit_one(*f.hub));
  assert_int_equal(f.hub->stats().published, 2);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_published_id_is_known),
      cmocka_unit_test(an_id_belongs_to_a_user_and_a_room),
      cmocka_unit_test(a_claim_that_ends_frees_the_id_and_wakes),
      cmocka_unit_test(ids_are_forgotten_after_the_window),
      cmocka_unit_test(the_oldest_ids_are_forgotten_first),
      cmocka_unit_test(ids_that_are_pending_are_not_forgotten),
      cmocka_unit_test(kept_ids_are_known),
      cmocka_unit_test(the_application_publishes_an_id_once),
      cmocka_unit_test(a_message_for_which_memory_fails_may_be_sent_again),
      cmocka_unit_test(a_repeated_message_is_acknowledged_with_the_first_position),
      cmocka_unit_test(another_message_with_the_id_is_refused),
      cmocka_unit_test(a_malformed_id_is_refused),
      cmocka_unit_test(a_repeated_message_waits_for_the_verdict),
      cmocka_unit_test(after_a_refusal_the_waiting_message_is_judged),
      cmocka_unit_test(a_consumed_message_is_known),
      cmocka_unit_test(a_repeated_message_waits_until_the_first_one_is_stored),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
