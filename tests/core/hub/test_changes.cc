// Edits, redactions and reactions: what they do to the kept messages, who receives them, and what remains when memory fails.
#include "hub/message_change.h"

#include "hub_fixture.h"
#include "late_log.h"
#include "support/failing_allocations.h"

using namespace chat;
using namespace chat::test;

namespace {

using Seqs = std::vector<std::uint64_t>;

MessageDraft change(RoomEventKind kind, std::uint64_t target, std::string text = {}, std::string user = "ann") {
  MessageDraft event = draft("lobby", std::move(text));
  event.event_kind = kind;
  event.target_seq = target;
  event.sender.id = 1;
  event.sender.user_id = std::move(user);
  return event;
}

MessageDraft reaction(std::uint64_t target, std::string text, bool added, std::string user = "ann") {
  MessageDraft event = change(RoomEventKind::reaction, target, std::move(text), std::move(user));
  event.extra.make().added = added;
  return event;
}

struct Fixture : HubFixture {
  explicit Fixture(HubOptions options = {}) : HubFixture(std::move(options)), client(open()) {
    assert_ok(join(client, "lobby"));
    take();
  }

  Result<Published> change(MessageDraft event, Receipt receipt = {}) {
    return hub->publish(std::move(event), now, std::move(receipt));
  }
  std::vector<MessagePtr> history() { return hub->history("lobby", 0, 0, now)->messages; }
  MessagePtr message(std::uint64_t seq) {
    std::optional<KeptQuery> unread;
    const Result<MessagePtr> found = hub->find_message("lobby", seq, nullptr, unread);
    assert_ok(found.status());
    return *found;
  }
  // What a client that comes back after this message receives.
  std::vector<MessagePtr> missed_after(std::uint64_t seq) {
    const ClientPtr late = open();
    assert_ok(hub->join(late, "lobby", Position{message(1)->epoch, seq}, {}, now));
    const auto joined = only<Joined>(take());
    assert_int_equal(joined.size(), 1);
    hub->remove_client(late);
    return joined[0].missed;
  }
  std::vector<MessagePtr> heard() {
    std::vector<MessagePtr> messages;
    for (const RoomMessage& event : only<RoomMessage>(take())) messages.push_back(event.message);
    return messages;
  }

  ClientPtr client;
};

Seqs seqs(const std::vector<MessagePtr>& messages) {
  Seqs result;
  for (const MessagePtr& one : messages) result.push_back(one->seq);
  return result;
}

void an_edit_changes_the_kept_message(void**) {
  Fixture f;
  f.publish("lobby", "helo");
  f.publish("lobby", "second");
  const MessagePtr before = f.message(1);
  f.take();
  f.now += 50;
  const Result<Published> edited = f.change(change(RoomEventKind::edit, 1, "hello"));
  assert_int_equal(edited->seq, 3);

  assert_text(before->payload, "helo");  // whoever holds it still has what it was
  assert_text(f.message(1)->payload, "hello");
  assert_int_equal(f.message(1)->extra->edited_ms, f.now.time_ms);
  assert_int_equal(f.message(1)->time_ms, before->time_ms);
  assert_true(seqs(f.history()) == Seqs({1, 2}));
  assert_text(f.history()[0]->payload, "hello");

  const std::vector<MessagePtr> heard = f.heard();
  assert_int_equal(heard.size(), 1);
  assert_true(heard[0]->event_kind == RoomEventKind::edit);
  assert_int_equal(heard[0]->target_seq, 1);
  assert_text(heard[0]->payload, "hello");
  assert_int_equal(f.hub->stats().published, 2);
}

// Attachments and kind go with the text; attributes and the event stay.
void an_edit_replaces_the_whole_content(void**) {
  Fixture f;
  MessageDraft file = draft("lobby", R"(["a",{"_placeholder":true,"num":0}])");
  file.kind = PayloadKind::args;
  file.event = "file";
  file.attachments = {"bytes"};
  file.attributes = {{"k", "v"}};
  assert_ok(f.hub->publish(file, f.now).status());
  assert_ok(f.change(change(RoomEventKind::edit, 1, "gone")).status());
  const MessagePtr edited = f.message(1);
  assert_true(edited->kind == PayloadKind::text && edited->attachments.empty());
  assert_text(edited->event, "file");
  assert_int_equal(edited->attributes.size(), 1);
}

// Nothing of the text remains: neither in the message, nor in the edits, nor in the reactions.
void a_redaction_leaves_no_text(void**) {
  Fixture f;
  MessageDraft secret = draft("lobby", "secret");
  secret.attributes = {{"k", "secret"}};
  secret.extra.make().reply_to = 0;
  assert_ok(f.hub->publish(secret, f.now).status());
  assert_ok(f.change(change(RoomEventKind::edit, 1, "secret 2")).status());
  assert_ok(f.change(reaction(1, "secret 3", true)).status());
  f.take();
  assert_ok(f.change(change(RoomEventKind::redaction, 1)).status());
  const MessagePtr redacted = f.message(1);
  assert_true(redacted->extra->redacted);
  assert_true(redacted->payload.empty() && redacted->attributes.empty() && redacted->extra->reactions.empty());
  assert_int_equal(redacted->extra->edited_ms, 0);
  for (const std::uint64_t seq : {2, 3}) {
    assert_true(is_empty(*f.message(seq)));
    assert_true(f.message(seq)->payload.empty());
  }
  // A client that comes back receives the redaction, and not what it replaced.
  assert_true(seqs(f.missed_after(1)) == Seqs({4}));
  assert_true(seqs(f.missed_after(0)) == Seqs({1, 4}));

  for (MessageDraft event : {change(RoomEventKind::edit, 1, "x"), change(RoomEventKind::redaction, 1),
                             reaction(1, "x", true), change(RoomEventKind::edit, 2, "x")}) {
    assert_status(f.change(event).status(), Error::no_such_message);
  }
}

// Each edit takes the place of the one before.
void a_client_that_comes_back_receives_the_last_edit(void**) {
  Fixture f;
  f.publish("lobby", "1");
  assert_ok(f.change(change(RoomEventKind::edit, 1, "2")).status());
  f.publish("lobby", "next");
  assert_ok(f.change(change(RoomEventKind::edit, 1, "3")).status());
  const std::vector<MessagePtr> missed = f.missed_after(1);
  assert_true(seqs(missed) == Seqs({3, 4}));
  assert_text(missed[1]->payload, "3");
  assert_true(f.message(2)->payload.empty());
}

void reactions_are_counted_once_for_each_user(void**) {
  Fixture f;
  f.publish("lobby", "1");
  f.take();
  assert_int_equal(f.change(reaction(1, "+1", true))->seq, 2);
  assert_int_equal(f.change(reaction(1, "+1", true, "bob"))->seq, 3);
  assert_int_equal(f.change(reaction(1, "ok", true, {}))->seq, 4);  // a guest
  const Result<Published> again = f.change(reaction(1, "+1", true), {f.client, "r"});
  assert_ok(again.status());
  assert_true(again->seq == 0 && again->repeated);
  const auto acks = only<Acknowledged>(f.take());
  assert_true(acks.size() == 1 && acks[0].ref == "r" && acks[0].seq == 0);

  const std::vector<Reaction>& all = f.message(1)->extra->reactions;
  assert_int_equal(all.size(), 2);
  assert_text(all[0].text, "+1");
  assert_true(*all[0].users == Reaction::Users({"ann", "bob"}));
  assert_true(*all[1].users == Reaction::Users({"\n1"}));

  assert_int_equal(f.change(reaction(1, "+1", false))->seq, 5);
  assert_int_equal(f.change(reaction(1, "+1", false))->seq, 0);  // it is taken back already
  assert_int_equal(f.change(reaction(1, "ok", false, {}))->seq, 6);
  const std::vector<MessagePtr> heard = f.heard();
  assert_true(seqs(heard) == Seqs({5, 6}));
  assert_true(!heard[0]->extra->added && heard[0]->extra->count == 1);
  assert_int_equal(heard[1]->extra->count, 0);
  assert_int_equal(f.message(1)->extra->reactions.size(), 1);
  assert_int_equal(f.message(1)->extra->edited_ms, 0);
  // An edit leaves them.
  assert_ok(f.change(change(RoomEventKind::edit, 1, "x")).status());
  assert_int_equal(f.message(1)->extra->reactions.size(), 1);
}

void reactions_are_limited(void**) {
  HubOptions options;
  options.history.messages = kUnlimited;
  options.history.bytes = kUnlimited;
  Fixture f(options);
  f.publish("lobby", "1");
  for (std::size_t i = 0; i < kMaxReactions; ++i) assert_ok(f.change(reaction(1, std::to_string(i), true)).status());
  assert_status(f.change(reaction(1, "one more", true)).status(), Error::too_many);
  for (std::size_t i = 1; i < kMaxReactionUsers; ++i) {
    assert_ok(f.change(reaction(1, "0", true, "user" + std::to_string(i))).status());
  }
  assert_status(f.change(reaction(1, "0", true, "one more")).status(), Error::too_many);
  assert_ok(f.change(reaction(1, "0", false)).status());
  assert_ok(f.change(reaction(1, "0", true, "one more")).status());
}

// Reactions do not push the messages out so soon.
void events_do_not_count_as_messages(void**) {
  HubOptions options;
  options.history.messages = 3;
  Fixture f(options);
  for (int i = 1; i <= 3; ++i) f.publish("lobby", std::to_string(i));
  for (int i = 0; i < 9; ++i) assert_ok(f.change(reaction(3, "r", i % 2 == 0)).status());
  assert_true(seqs(f.history()) == Seqs({1, 2, 3}));
  assert_int_equal(f.hub->rooms()[0].history_count, 3);
  const Result<HistoryReply> newest = f.hub->history("lobby", 0, 2, f.now);
  assert_true(seqs(newest->messages) == Seqs({2, 3}) && !newest->complete);
  assert_ok(f.change(reaction(3, "r", false)).status());
  assert_true(seqs(f.history()) == Seqs({2, 3}));
}

void the_target_must_be_a_kept_message(void**) {
  HubOptions options;
  options.history.messages = 2;
  Fixture f(options);
  for (int i = 1; i <= 3; ++i) f.publish("lobby", std::to_string(i));
  for (const std::uint64_t target : {0, 1, 4}) {
    assert_status(f.change(change(RoomEventKind::edit, target, "x")).status(), Error::no_such_message);
  }
  MessageDraft elsewhere = change(RoomEventKind::redaction, 1);
  elsewhere.room = "new";
  assert_status(f.change(elsewhere).status(), Error::no_such_message);
  assert_false(f.hub->has_room("new"));

  MessageDraft reply = draft("lobby", "an answer");
  reply.extra.make().reply_to = 4;
  assert_status(f.hub->publish(reply, f.now).status(), Error::no_such_message);
  reply.extra.make().reply_to = 1;  // it need not be kept
  assert_int_equal(f.hub->publish(reply, f.now)->seq, 4);
  assert_int_equal(f.message(4)->extra->reply_to, 1);
}

// The same id is applied once, also for an edit, and another change with it is refused.
void a_repeated_edit_is_applied_once(void**) {
  Fixture f;
  f.publish("lobby", "1");
  f.publish("lobby", "2");
  MessageDraft edit = change(RoomEventKind::edit, 1, "x");
  edit.id = "id";
  assert_int_equal(f.change(edit)->seq, 3);
  assert_ok(f.change(change(RoomEventKind::edit, 1, "y")).status());
  const Result<Published> again = f.change(edit);
  assert_true(again->repeated && again->seq == 3);
  assert_text(f.message(1)->payload, "y");
  edit.target_seq = 2;
  assert_status(f.change(edit).status(), Error::wrong_state);
}

// The log commits later, and meanwhile the message is redacted.
void a_late_edit_does_not_bring_the_text_back(void**) {
  LateCommits commits;
  HubOptions options;
  options.make_log = commits.maker();
  Fixture f(options);
  assert_ok(f.hub->publish(draft("lobby", "1"), f.now).status());
  assert_true(commits.commit_one(*f.hub));
  f.take();
  assert_ok(f.change(change(RoomEventKind::redaction, 1)).status());
  assert_ok(f.change(change(RoomEventKind::edit, 1, "late"), {f.client, "r"}).status());
  assert_ok(f.change(reaction(1, "late", true)).status());
  while (commits.commit_one(*f.hub)) continue;
  assert_true(f.message(1)->payload.empty());
  assert_true(f.message(1)->extra->redacted);
  assert_true(f.message(3)->payload.empty());
  const auto events = f.take();
  assert_int_equal(only<RoomMessage>(events).size(), 1);
  assert_int_equal(only<Acknowledged>(events).size(), 1);
}

// After a failed allocation nothing has changed, and nobody was told anything.
void a_failed_allocation_changes_nothing(void**) {
  const std::string text = "a text that is too long to live inside of a string, so that it needs memory";
  for (const auto& make : {+[](const std::string& t) { return change(RoomEventKind::edit, 1, t); },
                           +[](const std::string&) { return change(RoomEventKind::redaction, 1); },
                           +[](const std::string&) { return reaction(1, "new", true, "carol"); },
                           +[](const std::string&) { return reaction(1, "old", false); }}) {
    for (long allocations = 0;; ++allocations) {
      HubOptions options;
      options.tells_published = true;
      Fixture f(options);
      f.publish("lobby", text);
      assert_ok(f.change(change(RoomEventKind::edit, 1, text + " edited")).status());
      assert_ok(f.change(reaction(1, "old", true)).status());
      f.take();
      const auto bytes = f.hub->stats().history_bytes_now;
      const MessagePtr before = f.message(1);
      Receipt receipt{f.client, "r"};
      const std::shared_ptr<Message> event = make_message(make(text));
      if (after(allocations, [&] { (void)f.hub->publish(event, f.now, receipt); }) == Came::through) {
        assert_int_equal(f.hub->rooms()[0].seq, 4);
        break;
      }
      assert_int_equal(f.hub->rooms()[0].seq, 3);
      assert_int_equal(f.hub->stats().history_bytes_now, bytes);
      assert_true(f.message(1) == before);
      assert_true(f.take().empty());
      assert_int_equal(f.inboxes[0]->reserved(), 0);
      assert_int_equal(f.change(change(RoomEventKind::edit, 1, "later"))->seq, 4);
    }
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_edit_changes_the_kept_message),
      cmocka_unit_test(an_edit_replaces_the_whole_content),
      cmocka_unit_test(a_redaction_leaves_no_text),
      cmocka_unit_test(a_client_that_comes_back_receives_the_last_edit),
      cmocka_unit_test(reactions_are_counted_once_for_each_user),
      cmocka_unit_test(reactions_are_limited),
      cmocka_unit_test(events_do_not_count_as_messages),
      cmocka_unit_test(the_target_must_be_a_kept_message),
      cmocka_unit_test(a_repeated_edit_is_applied_once),
      cmocka_unit_test(a_late_edit_does_not_bring_the_text_back),
      cmocka_unit_test(a_failed_allocation_changes_nothing),
  };
  return cmocka_run_group_tests_name("changes of messages", tests, nullptr, nullptr);
}
