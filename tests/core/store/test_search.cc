// Messages of a file are found by their text: what is found, what is no longer found, and what a query may say.
#include "history_fixture.h"
#include "hub/dispatcher.h"

using namespace chat;
using namespace chat::test;

namespace {

using Settings = HistoryRun::Settings;

Settings with_search(const TemporaryFolder& folder, HistorySearch kind = HistorySearch::words) {
  Settings settings{folder.file("chat.db")};
  settings.search = kind;
  return settings;
}

Texts found(HistoryRun& run, std::string_view text, std::string_view room = "lobby") {
  return texts(run.search(room, text).messages);
}

Status change(HistoryRun& run, RoomEventKind kind, std::uint64_t target, std::string text = {}) {
  MessageDraft event = draft("lobby", std::move(text));
  event.event_kind = kind;
  event.target_seq = target;
  return run.publish_change(std::move(event));
}

std::int64_t number_in_file(const std::string& path, const std::string& sql) {
  store::SqliteConnection file;
  assert_ok(file.open(path, false));
  const Result<std::int64_t> number = file.number(sql);
  assert_ok(number.status());
  return *number;
}

// Whether the tables of the index have these bytes anywhere.
bool index_has(const std::string& path, const std::string& bytes) {
  return number_in_file(path, "SELECT count(*) FROM search_data WHERE instr(block, CAST('" + bytes + "' AS BLOB))") !=
         0;
}

void messages_are_found_by_their_words(void**) {
  const TemporaryFolder folder;
  const Settings settings = with_search(folder);
  {
    HistoryRun run(settings);
    assert_ok(run.opened);
    run.publish("lobby", "The cat sat on the mat");
    run.publish("dev", "a cat in another room");
    run.publish("lobby", "Der Käse, die CATS");
    run.publish("lobby", "cat-and-mouse");
    MessageDraft list = draft("lobby", R"(["dog",{"key":["b\u00e4r\nfox",5,"Cat"]}])");
    list.kind = PayloadKind::args;
    run.publish(list);
    assert_true(found(run, "cat") == Texts({"1 The cat sat on the mat", "3 cat-and-mouse", "4 " + list.payload}));
    assert_true(found(run, "CAT  mat") == Texts({"1 The cat sat on the mat"}));
    assert_true(found(run, "kase") == Texts({"2 Der Käse, die CATS"}));
    assert_true(found(run, "and-mouse") == Texts({"3 cat-and-mouse"}));
    assert_true(found(run, "mouse-and").empty());
    assert_true(found(run, "bär fox") == Texts({"4 " + list.payload}));
    assert_true(found(run, "key").empty());  // the name of a member
    assert_true(found(run, "ca").empty());
    assert_true(found(run, "cat", "dev") == Texts({"1 a cat in another room"}));
    assert_true(found(run, "cat", "nowhere").empty());
    HistoryReply page = run.search("lobby", "cat", 2);
    assert_true(texts(page.messages) == Texts({"3 cat-and-mouse", "4 " + list.payload}));
    assert_false(page.complete);
    assert_int_equal(page.before_seq, 2);  // the next one that has the word is 1
    page = run.search("lobby", "cat", 2, page.before_seq);
    assert_true(texts(page.messages) == Texts({"1 The cat sat on the mat"}));
    assert_true(page.complete);
    assert_int_equal(page.seq, 4);
  }
  HistoryRun again(settings);
  assert_true(found(again, "mat") == Texts({"1 The cat sat on the mat"}));
  again.publish("lobby", "a new mat");
  assert_true(found(again, "mat") == Texts({"1 The cat sat on the mat", "5 a new mat"}));
}

void nothing_in_a_query_has_a_meaning(void**) {
  const TemporaryFolder folder;
  HistoryRun run(with_search(folder));
  run.publish("lobby", "one two");
  for (const char* text : {"NOT one",
                           "one OR three",
                           "one NEAR(two)",
                           "text:one",
                           "one*",
                           "on*",
                           "\"one three\"",
                           "one AND",
                           "(one",
                           "one)",
                           "^two",
                           "-three",
                           "one + two",
                           "{text}:one",
                           "* *",
                           "\"",
                           "\"\"\"",
                           "search",
                           "rank",
                           "one'--",
                           "%",
                           "\\",
                           ";"}) {
    (void)found(run, text);  // no error
  }
  assert_true(found(run, "one*") == Texts({"1 one two"}));  // the star is no letter
  assert_true(found(run, "on*").empty());
  assert_true(found(run, "\"two\" (one)") == Texts({"1 one two"}));
  assert_true(found(run, "one OR three").empty());
  assert_true(found(run, "!!!").empty());
  assert_true(found(run, "!!! one") == Texts({"1 one two"}));
  assert_true(found(run, std::string_view("one\0two", 7)) == Texts({"1 one two"}));
  assert_true(found(run, std::string(256, 'x')).empty());
  std::string many;
  for (int i = 0; i < 85; ++i) many += "a-b";
  (void)found(run, many);
  const auto fault = [&](std::string_view text) { return run.hub().search("lobby", text, 0, 0).status().code; };
  assert_true(fault("") == Error::invalid_argument);
  assert_true(fault(" \t\xE3\x80\x80") == Error::invalid_argument);
  assert_true(fault(std::string(257, 'x')) == Error::invalid_argument);
  assert_true(fault("\xFF") == Error::invalid_utf8);
  assert_true(run.hub().search("a,b", "x", 0, 0).status().code == Error::invalid_room);
}

void edits_and_redactions_change_what_is_found(void**) {
  const TemporaryFolder folder;
  const Settings settings = with_search(folder);
  HistoryRun run(settings);
  run.publish("lobby", "apples and pears");
  run.publish("lobby", "secretword in the open");
  assert_ok(change(run, RoomEventKind::edit, 1, "apples and plums"));
  assert_ok(change(run, RoomEventKind::edit, 1, "figs and plums"));
  assert_true(found(run, "pears").empty());
  assert_true(found(run, "apples").empty());
  assert_true(found(run, "plums") == Texts({"1 figs and plums"}));
  assert_true(index_has(settings.path, "secretword"));
  assert_ok(change(run, RoomEventKind::redaction, 2));
  assert_true(found(run, "secretword").empty());
  assert_true(found(run, "open").empty());
  wait_until([&] { return !index_has(settings.path, "secretword"); });
  assert_true(found(run, "plums") == Texts({"1 figs and plums"}));
  wait_until(
      [&] { return number_in_file(settings.path, "SELECT value FROM server WHERE key = 'search_redacted'") == 0; });
}

// The process ends before the words of a redacted text have left the index.
void a_purge_continues_after_a_restart(void**) {
  const TemporaryFolder folder;
  Settings settings = with_search(folder);
  {
    HistoryRun run(settings);
    run.publish("lobby", "secretword");
    run.publish("lobby", "another");
  }
  {
    store::SqliteConnection file;
    assert_ok(file.open(settings.path, false));
    assert_ok(
        file.run("INSERT INTO search (search, rowid, text) VALUES ('delete', (SELECT id FROM room) << 42 | 1, "
                 "'secretword'); UPDATE message SET redacted = 1, payload = '' WHERE seq = 1;"
                 "INSERT OR REPLACE INTO server (key, value) VALUES ('search_redacted', 1)"));
  }
  assert_true(index_has(settings.path, "secretword"));
  HistoryRun run(settings);
  wait_until([&] { return !index_has(settings.path, "secretword"); });
  assert_true(found(run, "another") == Texts({"2 another"}));
}

void what_is_dropped_is_not_found(void**) {
  const TemporaryFolder folder;
  Settings settings = with_search(folder);
  settings.hub.history.messages = 3;
  HistoryRun run(settings);
  for (const char* text : {"word a", "word b", "word c", "word d", "word e"}) run.publish("lobby", text);
  assert_true(found(run, "word") == Texts({"3 word c", "4 word d", "5 word e"}));
  const std::string rows = "SELECT count(*) FROM search('word')";
  assert_int_equal(number_in_file(settings.path, rows), 3);
  run.publish("dev", "word f");
  assert_int_equal(number_in_file(settings.path, rows), 4);
  assert_ok(run.hub().close_room("lobby", {}));
  wait_until([&] { return number_in_file(settings.path, rows) == 1; });
  run.publish("lobby", "a word again");
  assert_true(found(run, "word") == Texts({"1 a word again"}));
  assert_true(found(run, "word", "dev") == Texts({"1 word f"}));
  run.pass(25 * 3600 * 1000LL);
  assert_true(found(run, "word").empty());  // too old, and not dropped yet perhaps
  wait_until([&] { return number_in_file(settings.path, rows) == 0; });
}

void the_index_comes_and_goes_with_the_option(void**) {
  const TemporaryFolder folder;
  Settings settings = with_search(folder, HistorySearch::off);
  const std::string tables = "SELECT count(*) FROM sqlite_master WHERE name LIKE 'search%'";
  {
    HistoryRun run(settings);
    assert_true(run.hub().search("lobby", "x", 0, 0).status().code == Error::unsupported);
    for (int i = 1; i <= 300; ++i) run.publish("lobby", "number " + std::to_string(i));
    run.publish("dev", "number 7");
    assert_ok(change(run, RoomEventKind::edit, 299, "other 299"));
    assert_ok(change(run, RoomEventKind::redaction, 298));
  }
  assert_int_equal(number_in_file(settings.path, tables), 0);
  settings.search = HistorySearch::words;
  {
    HistoryRun run(settings);
    assert_ok(run.opened);
    assert_true(found(run, "300") == Texts({"300 number 300"}));
    assert_true(found(run, "299") == Texts({"299 other 299"}));
    assert_true(found(run, "298").empty());
    assert_true(found(run, "7", "dev") == Texts({"1 number 7"}));
    run.publish("lobby", "number 301");
  }
  settings.search = HistorySearch::parts;
  {
    HistoryRun run(settings);
    assert_true(found(run, "ber 301") == Texts({"303 number 301"}));
    run.publish("lobby", "東京都に住んでいます");
    assert_true(found(run, "京都に") == Texts({"304 東京都に住んでいます"}));
    assert_true(found(run, "京都").empty());  // too short
  }
  settings.search = HistorySearch::off;
  {
    HistoryRun run(settings);
    assert_int_equal(number_in_file(settings.path, tables), 0);
    assert_ok(change(run, RoomEventKind::redaction, 303));
  }
  settings.search = HistorySearch::words;
  HistoryRun run(settings);
  assert_true(found(run, "301").empty());
  assert_true(found(run, "300") == Texts({"300 number 300"}));
}

// A build that was interrupted begins again.
void an_unfinished_index_is_made_again(void**) {
  const TemporaryFolder folder;
  const Settings settings = with_search(folder);
  { HistoryRun(settings).publish("lobby", "a word"); }
  {
    store::SqliteConnection file;
    assert_ok(file.open(settings.path, false));
    assert_ok(file.run("DELETE FROM server WHERE key = 'search'; INSERT INTO search (search) VALUES ('delete-all')"));
  }
  HistoryRun run(settings);
  assert_true(found(run, "word") == Texts({"1 a word"}));
}

// The rows of the index have the room's id, which must stay low.
void ids_of_rooms_are_used_again(void**) {
  const TemporaryFolder folder;
  const Settings settings = with_search(folder);
  { HistoryRun(settings).publish("first", "a word"); }
  {
    store::SqliteConnection file;
    assert_ok(file.open(settings.path, false));
    const std::string high = std::to_string(store::SearchIndex::kMaxRoom);
    assert_ok(file.run(("UPDATE room SET id = " + high + "; UPDATE message SET room = " + high +
                        "; DELETE FROM server WHERE key = 'search'")
                           .c_str()));
  }
  HistoryRun run(settings);
  assert_true(found(run, "word", "first") == Texts({"1 a word"}));
  run.publish("second", "a word too");
  run.publish("third", "a word as well");
  assert_true(found(run, "word", "second") == Texts({"1 a word too"}));
  assert_true(found(run, "word", "third") == Texts({"1 a word as well"}));
  assert_true(found(run, "word", "first") == Texts({"1 a word"}));
  assert_int_equal(number_in_file(settings.path, "SELECT sum(id) FROM room WHERE name != 'first'"), 1 + 2);
}

// One search looks at a bounded number of messages.
void a_search_of_a_long_room_ends_and_continues(void**) {
  const TemporaryFolder folder;
  Settings settings = with_search(folder, HistorySearch::off);
  settings.hub.history = {kUnlimited, 1 << 30, kUnlimited};
  { HistoryRun(settings).publish("lobby", "needle"); }
  constexpr std::int64_t kMessages = 500'010;
  {
    store::SqliteConnection file;
    assert_ok(file.open(settings.path, false));
    const std::string last = std::to_string(kMessages);
    assert_ok(
        file.run(("BEGIN; WITH RECURSIVE n(seq) AS (SELECT 2 UNION ALL SELECT seq + 1 FROM n WHERE seq < " + last +
                  ") INSERT INTO message SELECT room, n.seq, time_ms, bytes, kind, target_seq, sender_id, "
                  "sender_name, sender_user, event, payload_kind, 'hay', attributes, attachments, id, reply_to, "
                  "edited_ms, redacted, added, reactions FROM message, n WHERE message.seq = 1; "
                  "UPDATE room SET seq = " +
                  last + ", count = " + last + "; COMMIT")
                     .c_str()));
  }
  settings.search = HistorySearch::words;
  HistoryRun run(settings);
  HistoryReply reply = run.search("lobby", "needle");
  assert_true(reply.messages.empty());
  assert_false(reply.complete);
  assert_true(reply.before_seq >= 11);  // or sooner, when its time was over
  while (!reply.complete) {
    const std::uint64_t before_seq = reply.before_seq;
    reply = run.search("lobby", "needle", 0, before_seq);
    assert_true(reply.complete || (reply.before_seq < before_seq && reply.messages.empty()));
  }
  assert_true(texts(reply.messages) == Texts({"1 needle"}));
}

struct Undecided final : Application {
  bool decides_requests() const override { return false; }
  bool decides_messages() const override { return false; }
};

void a_command_waits_for_what_is_found(void**) {
  const TemporaryFolder folder;
  HistoryRun run(with_search(folder));
  run.publish("lobby", "a needle in hay");
  Undecided application;
  Dispatcher dispatcher(run.hub(), application);
  AckTable acks;
  const ClientPtr client = run.f->open();
  run.f->take();
  HistoryCommand command;
  command.room = "lobby";
  command.ref = "7";
  command.search.make() = "needle";
  Outcome outcome = dispatcher.execute(client, Command(command), acks, run.moment());
  assert_true(std::holds_alternative<Suspended>(outcome));
  std::vector<DecisionGiven> given;
  wait_until([&] {
    for (DecisionGiven& one : only<DecisionGiven>(run.f->take())) given.push_back(std::move(one));
    return !given.empty();
  });
  outcome = dispatcher.resume(client, std::get<Suspended>(std::move(outcome)), *given[0].decision, acks, run.moment());
  const auto& reply = std::get<HistoryReply>(std::get<Reply>(outcome));
  assert_true(reply.searched && reply.complete);
  assert_string_equal(reply.ref.c_str(), "7");
  assert_true(texts(reply.messages) == Texts({"1 a needle in hay"}));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(messages_are_found_by_their_words),
      cmocka_unit_test(nothing_in_a_query_has_a_meaning),
      cmocka_unit_test(edits_and_redactions_change_what_is_found),
      cmocka_unit_test(a_purge_continues_after_a_restart),
      cmocka_unit_test(what_is_dropped_is_not_found),
      cmocka_unit_test(the_index_comes_and_goes_with_the_option),
      cmocka_unit_test(an_unfinished_index_is_made_again),
      cmocka_unit_test(ids_of_rooms_are_used_again),
      cmocka_unit_test(a_search_of_a_long_room_ends_and_continues),
      cmocka_unit_test(a_command_waits_for_what_is_found),
  };
  return cmocka_run_group_tests_name("search", tests, nullptr, nullptr);
}
