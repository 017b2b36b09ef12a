// Edits, redactions and reactions of messages that are kept in a file: what a restart leaves of them, and what is gone from it.
#include "history_fixture.h"
#include "hub/dispatcher.h"
#include "hub/message_change.h"

using namespace chat;
using namespace chat::test;

namespace {

using Settings = HistoryRun::Settings;

MessageDraft change(RoomEventKind kind, std::uint64_t target, std::string text = {}) {
  MessageDraft event = draft("lobby", std::move(text));
  event.event_kind = kind;
  event.target_seq = target;
  return event;
}

MessageDraft reaction(std::uint64_t target, std::string text, bool added) {
  MessageDraft event = change(RoomEventKind::reaction, target, std::move(text));
  event.extra.make().added = added;
  return event;
}

std::int64_t count_in_file(const std::string& path, const std::string& sql) {
  store::SqliteConnection file;
  assert_ok(file.open(path, false));
  const Result<std::int64_t> number = file.number(sql);
  assert_ok(number.status());
  return *number;
}

void changes_are_kept(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  {
    HistoryRun run(settings);
    MessageDraft reply = draft("lobby", "one");
    run.publish("lobby", "helo");
    reply.extra.make().reply_to = 1;
    run.publish(reply);
    run.pass(10);
    assert_ok(run.publish(change(RoomEventKind::edit, 1, "hello")).status);
    assert_ok(run.publish(reaction(1, "+1", true)).status);
    assert_ok(run.publish(reaction(1, "ok", true)).status);
    assert_ok(run.publish(reaction(1, "ok", false)).status);
    assert_ok(run.publish(reaction(2, "-1", true)).status);
  }
  HistoryRun run(settings);
  run.pass(10);
  const HistoryReply reply = run.read("lobby");
  assert_true(run.was_read);
  assert_int_equal(reply.seq, 7);
  assert_true(texts(reply.messages) == Texts({"1 hello", "2 one"}));
  const MessageExtra& first = *reply.messages[0]->extra;
  assert_int_equal(first.edited_ms, run.now.time_ms);
  assert_int_equal(first.reactions.size(), 1);
  assert_text(first.reactions[0].text, "+1");
  assert_true(*first.reactions[0].users == Reaction::Users({"ann"}));
  assert_int_equal(reply.messages[1]->extra->reply_to, 1);
  // A client that comes back receives the events.
  const ClientPtr client = run.f->open();
  assert_ok(run.hub().join(client, "lobby", Position{reply.epoch, 2}, {}, run.moment()));
  const auto joined = only<Joined>(run.f->take());
  assert_true(texts(joined[0].missed) == Texts({"3 hello", "4 +1", "5 ok", "6 ok", "7 -1"}));
  assert_true(joined[0].missed[1]->extra->added && joined[0].missed[1]->extra->count == 1);
  assert_true(!joined[0].missed[3]->extra->added && joined[0].missed[3]->extra->count == 0);
  // What was known before is known now.
  assert_int_equal(run.publish(reaction(1, "+1", true)).seq, 0);
}

void nothing_of_a_redacted_message_is_in_the_file(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  std::int64_t bytes = 0;
  {
    HistoryRun run({path});
    MessageDraft message = draft("lobby", R"(["secret",{"_placeholder":true,"num":0}])");
    message.kind = PayloadKind::args;
    message.attachments = {"secret"};
    message.attributes = {{"secret", "secret"}};
    run.publish(message);
    assert_ok(run.publish(change(RoomEventKind::edit, 1, "secret too")).status);
    assert_ok(run.publish(reaction(1, "secret", true)).status);
    assert_ok(run.publish(change(RoomEventKind::redaction, 1)).status);
    assert_status(run.publish(change(RoomEventKind::edit, 1, "secret")).status, Error::no_such_message);
  }
  for (const char* column : {"payload", "attributes", "attachments"}) {
    assert_int_equal(count_in_file(path, std::string("SELECT count(*) FROM message WHERE instr(") + column +
                                             ", CAST('secret' AS BLOB)) OR " + column + " LIKE '%secret%'"),
                     0);
  }
  assert_int_equal(count_in_file(path, "SELECT count(*) FROM reaction"), 0);
  bytes = count_in_file(path, "SELECT sum(bytes) FROM message");
  assert_int_equal(count_in_file(path, "SELECT bytes FROM room"), bytes);
  assert_int_equal(count_in_file(path, "SELECT count FROM room"), 1);
  assert_int_equal(count_in_file(path, "SELECT events FROM room"), 3);
  HistoryRun run({path});
  const HistoryReply reply = run.read("lobby");
  assert_int_equal(reply.messages.size(), 1);
  assert_true(reply.messages[0]->extra->redacted);
  const ClientPtr client = run.f->open();
  assert_ok(run.hub().join(client, "lobby", Position{reply.epoch, 1}, {}, run.moment()));
  const auto joined = only<Joined>(run.f->take());
  assert_int_equal(joined[0].missed.size(), 1);
  assert_int_equal(joined[0].missed[0]->seq, 4);
}

// The memory holds a few messages, and the file all of them.
void a_message_that_is_only_in_the_file_can_be_changed(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  settings.hub.history.messages = kUnlimited;
  settings.hub.history_total_bytes = 2'000;
  std::string epoch;
  {
    HistoryRun run(settings);
    for (int i = 1; i <= 30; ++i) epoch = run.publish("lobby", std::to_string(i)).epoch;
    assert_status(run.publish_change(change(RoomEventKind::edit, 31, "x")), Error::no_such_message);
    assert_ok(run.publish_change(change(RoomEventKind::edit, 2, "two")));
    assert_ok(run.publish_change(reaction(3, "+1", true)));
    assert_ok(run.publish_change(change(RoomEventKind::redaction, 4)));
    assert_status(run.publish_change(change(RoomEventKind::edit, 4, "x")), Error::no_such_message);
    const HistoryReply first = run.read("lobby", 0, 3, 5);
    assert_true(run.was_read);
    assert_true(texts(first.messages) == Texts({"2 two", "3 3", "4 "}));
    assert_int_equal(first.messages[1]->extra->reactions.size(), 1);
  }
  HistoryRun run(settings);
  assert_true(texts(run.read("lobby", 0, 3, 5).messages) == Texts({"2 two", "3 3", "4 "}));
}

// What was read before a change must not bring the old text into memory after it.
void what_was_read_before_a_change_is_not_shown(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  {
    HistoryRun run(settings);
    run.publish("lobby", "secret");
    run.publish("lobby", "two");
  }
  HistoryRun run(settings);
  const auto query = run.hub().unread("lobby", 0, 0, 0);
  const KeptRangePtr before = run.hub().read_now(*query);
  assert_ok(run.publish_change(change(RoomEventKind::redaction, 1)));
  assert_ok(run.publish_change(change(RoomEventKind::edit, 2, "2")));
  const Result<HistoryReply> shown = run.hub().history("lobby", 0, 0, run.moment(), 0, before.get());
  assert_true(texts(shown->messages) == Texts({"1 ", "2 2"}));
  assert_true(texts(run.read("lobby").messages) == Texts({"1 ", "2 2"}));
}

void reactions_go_with_their_message(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  settings.hub.history.messages = 2;
  HistoryRun run(settings);
  run.publish("lobby", "1");
  assert_ok(run.publish(reaction(1, "+1", true)).status);
  for (int i = 2; i <= 3; ++i) run.publish("lobby", std::to_string(i));
  assert_true(texts(run.read("lobby").messages) == Texts({"3 2", "4 3"}));
  wait_until([&] { return count_in_file(settings.path, "SELECT count(*) FROM reaction") == 0; });
  run.publish("lobby", "4");
  assert_int_equal(count_in_file(settings.path, "SELECT count FROM room"), 2);
}

struct Undecided final : Application {
  bool decides_requests() const override { return false; }
  bool decides_messages() const override { return false; }
};

// The dispatcher reads the message first.
void a_command_waits_for_its_message(void**) {
  const TemporaryFolder folder;
  const Settings settings{folder.file("chat.db")};
  { HistoryRun(settings).publish("lobby", "1"); }
  HistoryRun run(settings);
  const ClientPtr client = run.f->add();
  Identity identity;
  identity.user_id = "ann";
  assert_ok(run.hub().accept(client, std::move(identity)));
  assert_ok(run.hub().open(client));
  assert_ok(run.f->join(client, "lobby"));
  run.f->take();
  Undecided application;
  Dispatcher dispatcher(run.hub(), application);
  AckTable acks;
  for (const std::uint64_t target : {1, 9}) {
    SendCommand edit;
    edit.draft() = change(RoomEventKind::edit, target, "edited");
    edit.ref = "e";
    Outcome outcome = dispatcher.execute(client, std::move(edit), acks, run.moment());
    while (std::holds_alternative<Suspended>(outcome)) {
      std::vector<DecisionGiven> given;
      wait_until([&] {
        for (DecisionGiven& one : only<DecisionGiven>(run.f->take())) given.push_back(std::move(one));
        return !given.empty();
      });
      outcome =
          dispatcher.resume(client, std::get<Suspended>(std::move(outcome)), *given[0].decision, acks, run.moment());
    }
    if (target == 9) {
      assert_status(Status({std::get<ErrorReply>(std::get<Reply>(outcome)).code, {}}), Error::no_such_message);
    } else {
      assert_true(std::holds_alternative<std::monostate>(outcome));
      wait_until([&] { return only<RoomMessage>(run.f->take()).size() == 1; });
    }
  }
  assert_true(texts(run.read("lobby").messages) == Texts({"1 edited"}));
}

// More than one slice, all of it in the file only.
void all_messages_of_a_person_can_be_deleted(void**) {
  const TemporaryFolder folder;
  Settings settings{folder.file("chat.db")};
  settings.hub.history.messages = 1'000;
  constexpr std::size_t kAll = 2 * Clearing::kSlice + 20;
  {
    HistoryRun run(settings);
    for (std::size_t i = 0; i < kAll; ++i) run.publish("lobby", "spam");
    run.sender = nullptr;
    assert_ok(run.hub().publish(draft("lobby", "of the application"), run.moment()).status());
  }
  HistoryRun run(settings);
  Moderation what;
  what.room = "lobby";
  what.action = ModerationAction::clear;
  what.user_id = "ann";
  assert_ok(run.hub().moderate(what, *run.hub().find_target(what), nullptr, run.moment()));
  int turns = 0;
  wait_until([&] {
    for (const ClearWork& work : only<ClearWork>(run.f->take())) {
      ++turns;
      assert_ok(run.hub().clear_some(work.clearing, run.moment()));
    }
    const HistoryReply reply = run.read("lobby");
    return reply.seq == 2 * kAll + 1;  // each has its redaction
  });
  assert_true(turns > 4);  // each slice is read first
  std::size_t left = 0;
  for (const MessagePtr& message : run.read("lobby").messages) {
    if (!message->extra->redacted) ++left;
  }
  assert_int_equal(left, 1);
  run.history->stop();
  assert_int_equal(
      count_in_file(settings.path, "SELECT count(*) FROM message WHERE instr(payload, CAST('spam' AS BLOB)) > 0"), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(changes_are_kept),
      cmocka_unit_test(nothing_of_a_redacted_message_is_in_the_file),
      cmocka_unit_test(a_message_that_is_only_in_the_file_can_be_changed),
      cmocka_unit_test(what_was_read_before_a_change_is_not_shown),
      cmocka_unit_test(reactions_go_with_their_message),
      cmocka_unit_test(a_command_waits_for_its_message),
      cmocka_unit_test(all_messages_of_a_person_can_be_deleted),
  };
  return cmocka_run_group_tests_name("changes of stored messages", tests, nullptr, nullptr);
}
