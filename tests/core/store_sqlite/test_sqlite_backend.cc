// The file of a kept history: versions of its tables, and files that cannot be used.
#include "store_sqlite/sqlite_backend.h"

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "../store/history_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

using store::SqliteBackend;
using store::SqliteConnection;

store::SqliteOptions options(const std::string& path) {
  store::SqliteOptions result;
  result.path = path;
  result.boot_id = "this boot";
  result.make_epoch = [] { return std::string("changed"); };
  return result;
}

Status opened(const std::string& path) { return SqliteBackend(options(path)).load().status(); }

void run_sql(const std::string& path, const char* sql) {
  SqliteConnection file;
  assert_ok(file.open(path, true));
  assert_ok(file.run(sql));
}

void assert_mentions(const Status& status, const std::string& text) {
  if (status.detail.find(text) == std::string::npos) fail_msg("%s: no %s", status.detail.c_str(), text.c_str());
}

// The tables of version 1 with a room, as the first release wrote them. A later version must read them.
constexpr const char* kVersion1 = R"(
PRAGMA application_id = 1667785076;
PRAGMA user_version = 1;
CREATE TABLE server (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE room (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
  dropped_seq INTEGER NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL, oldest_ms INTEGER NOT NULL,
  newest_ms INTEGER NOT NULL);
CREATE TABLE message (room INTEGER NOT NULL, seq INTEGER NOT NULL, time_ms INTEGER NOT NULL, bytes INTEGER NOT NULL,
  kind INTEGER NOT NULL, target_seq INTEGER NOT NULL, sender_id INTEGER NOT NULL, sender_name TEXT NOT NULL,
  sender_user TEXT NOT NULL, event TEXT NOT NULL, payload_kind INTEGER NOT NULL, payload TEXT NOT NULL,
  attributes BLOB, attachments BLOB, PRIMARY KEY (room, seq)) WITHOUT ROWID;
INSERT INTO server VALUES ('boot_id', 'another boot'), ('clean', '1'), ('last_client', 77), ('synchronous', 'normal');
INSERT INTO room VALUES (3, 'lobby', 'e1', 9, 7, 2, 700, 1700000000000, 1700000000001);
INSERT INTO message VALUES (3, 8, 1700000000000, 350, 0, 0, 5, 'Ann', 'ann', 'chat message', 0, 'hello',
  x'02000000' || 'ab' || x'01000000' || 'c', NULL);
INSERT INTO message VALUES (3, 9, 1700000000001, 350, 0, 0, 0, '', '', 'drawn', 1, '[{"_placeholder":true,"num":0}]',
  NULL, x'02000000' || x'00ff');
)";

void version_1_is_read(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  run_sql(path, kVersion1);
  SqliteBackend backend(options(path));
  const Result<store::StoredRooms> rooms = backend.load();
  assert_ok(rooms.status());
  assert_int_equal(rooms->last_client_number, 77);
  assert_int_equal(rooms->rooms.size(), 1);
  assert_text(rooms->rooms[0].name, "lobby");
  assert_int_equal(rooms->rooms[0].seq, 9);
  const KeptRange range = backend.read({"lobby", "e1", 7, RoomLog::kNoSeq, 0}, {1'700'000'000'010, 100});
  assert_ok(range.status);
  assert_true(range.complete);
  assert_int_equal(range.messages.size(), 2);
  const Message& hello = *range.messages[0];
  assert_text(hello.payload, "hello");
  assert_text(hello.sender.name, "Ann");
  assert_true(hello.attributes == Pairs({{"ab", "c"}}));
  assert_int_equal(hello.born_ms, 90);
  const Message& drawn = *range.messages[1];
  assert_text(drawn.event, "drawn");
  assert_true(drawn.kind == PayloadKind::args);
  assert_true(drawn.attachments == std::vector<std::string>({std::string("\0\xFF", 2)}));
}

// What the second release added to them.
constexpr const char* kVersion2 = R"(
ALTER TABLE message ADD COLUMN id TEXT NOT NULL DEFAULT '';
UPDATE message SET id = 'an id' WHERE seq = 9;
PRAGMA user_version = 2;
)";

void version_2_is_read(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  run_sql(path, kVersion1);
  run_sql(path, kVersion2);
  {
    SqliteBackend backend(options(path));
    Result<store::StoredRooms> rooms = backend.load();
    assert_ok(rooms.status());
    assert_true(rooms->values.empty());
    assert_text(backend.read({"lobby", "e1", 8, RoomLog::kNoSeq, 0}, {}).messages[0]->id, "an id");
    std::vector<store::RoomChange> changes(1);
    changes[0].room = rooms->rooms[0];
    changes[0].values = {{"a", "1", 5}};
    assert_ok(backend.write(changes, 0));
    backend.close(true);
  }
  SqliteBackend backend(options(path));
  const Result<store::StoredRooms> rooms = backend.load();
  assert_int_equal(rooms->values.size(), 1);
  assert_int_equal(rooms->values[0].first, 0);
  assert_true(rooms->values[0].second == RoomValue({"a", "1", 5}));
}

void messages_of_version_2_can_be_changed(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  run_sql(path, kVersion1);
  run_sql(path, kVersion2);
  const auto change = [](RoomEventKind kind, std::uint64_t target, std::string text) {
    MessageDraft event = draft("lobby", std::move(text));
    event.event_kind = kind;
    event.target_seq = target;
    if (kind == RoomEventKind::reaction) event.extra.make().added = true;
    return event;
  };
  {
    HistoryRun run({path});
    assert_ok(run.opened);
    const HistoryReply reply = run.read("lobby", 7);
    assert_text(reply.epoch, "e1");
    assert_int_equal(reply.messages.size(), 2);
    for (const MessagePtr& message : reply.messages) {
      const MessageExtra& extra = *message->extra;
      assert_true(is_message(message) && extra.reply_to == 0 && extra.edited_ms == 0 && !extra.redacted);
      assert_true(extra.reactions.empty());
    }
    assert_int_equal(run.publish(change(RoomEventKind::edit, 8, "changed")).seq, 10);
    assert_int_equal(run.publish(change(RoomEventKind::reaction, 8, "+1")).seq, 11);
    assert_int_equal(run.publish(change(RoomEventKind::redaction, 9, "")).seq, 12);
  }
  {
    HistoryRun run({path});
    const HistoryReply reply = run.read("lobby", 7);
    assert_text(reply.epoch, "e1");
    assert_int_equal(reply.seq, 12);
    assert_int_equal(reply.messages.size(), 2);
    const Message& changed = *reply.messages[0];
    assert_text(changed.payload, "changed");
    assert_text(changed.sender.name, "Ann");
    assert_true(changed.extra->edited_ms != 0);
    assert_text(changed.extra->reactions.at(0).text, "+1");
    const Message& redacted = *reply.messages[1];
    assert_true(redacted.extra->redacted && redacted.payload.empty() && redacted.attachments.empty());
  }
  SqliteConnection file;
  assert_ok(file.open(path, false));
  assert_int_equal(*file.number("SELECT count(*) FROM message"), 5);
  assert_int_equal(*file.number("SELECT events FROM room"), 3);
  assert_int_equal(*file.number("SELECT bytes FROM room"), *file.number("SELECT sum(bytes) FROM message"));
}

void a_new_file_has_the_tables_of_an_old_one(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  assert_ok(opened(path));
  SqliteConnection made;
  assert_ok(made.open(path, false));
  assert_int_equal(*made.number("PRAGMA user_version"), SqliteBackend::kSchemaVersion);
  assert_int_equal(*made.number("PRAGMA application_id"), 0x63686174);
  assert_int_equal(*made.number("PRAGMA auto_vacuum"), 2);
  run_sql(folder.file("v1.db"), kVersion1);
  assert_ok(opened(folder.file("v1.db")));
  SqliteConnection first;
  assert_ok(first.open(folder.file("v1.db"), false));
  for (const char* table : {"server", "room", "message", "value", "reaction"}) {
    const std::string columns =
        "SELECT group_concat(name || ' ' || type || ' ' || pk || ' ' || \"notnull\") FROM pragma_table_info('" +
        std::string(table) + "')";
    assert_text(*made.text(columns), *first.text(columns));
  }
}

void a_newer_version_is_refused(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  assert_ok(opened(path));
  run_sql(path, "PRAGMA user_version = 99");
  const Status status = opened(path);
  assert_status(status, Error::unsupported);
  assert_mentions(status, path);
  assert_mentions(status, "version 99");
}

void another_programs_database_is_refused(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  run_sql(path, "CREATE TABLE accounts (name)");
  assert_status(opened(path), Error::unsupported);
  SqliteConnection file;
  assert_ok(file.open(path, false));
  assert_int_equal(*file.number("SELECT count(*) FROM sqlite_master"), 1);  // it is as it was
}

void what_is_no_database_is_refused(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("notes.txt");
  std::ofstream(path) << std::string(10'000, 'x');
  const Status status = opened(path);
  assert_status(status, Error::system);
  assert_mentions(status, "not a database");
  assert_status(opened(folder.file("missing/chat.db")), Error::system);
  assert_false(opened("/").ok());
}

void a_damaged_file_is_refused(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  assert_ok(opened(path));
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file << std::string(4'000, '\x55');
  }
  const Status status = opened(path);
  assert_status(status, Error::system);
  assert_mentions(status, "malformed");
}

void two_servers_cannot_use_one_file(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  SqliteBackend first(options(path));
  assert_ok(first.load().status());
  const Status status = opened(path);
  assert_status(status, Error::unavailable);
  assert_mentions(status, "another server");
  std::filesystem::create_symlink(path, folder.file("alias.db"));
  assert_status(opened(folder.file("alias.db")), Error::unavailable);
  first.close(true);
  assert_ok(opened(path));
}

void another_program_that_holds_the_file_is_named(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  assert_ok(opened(path));
  SqliteConnection other;
  assert_ok(other.open(path, false));
  assert_ok(other.run("BEGIN IMMEDIATE; INSERT INTO server VALUES ('x', 1)"));
  const Status status = opened(path);
  assert_status(status, Error::unavailable);
  assert_mentions(status, "locked");
  assert_ok(other.run("COMMIT"));
  assert_ok(opened(path));
}

// In a process without capabilities, because root may write everything.
void a_read_only_file_is_refused(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  assert_ok(opened(path));
  ::chmod(path.c_str(), 0444);
  const pid_t child = fork();
  if (child == 0) {
    __user_cap_header_struct process{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    if (::syscall(SYS_capset, &process, none.data()) != 0) _exit(9);
    const Status status = opened(path);
    _exit(status.code == Error::permission && status.detail.find("read-only") != std::string::npos ? 0 : 1);
  }
  int ended = 0;
  assert_int_equal(waitpid(child, &ended, 0), child);
  assert_int_equal(ended, 0);
}

void a_restored_backup_starts_new_epochs(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  run_sql(path, kVersion1);
  run_sql(path, "UPDATE server SET value = 'restored' WHERE key = 'boot_id'");
  SqliteBackend backend(options(path));
  assert_text(backend.load()->rooms[0].epoch, "changed");
}

void a_transaction_fails_as_a_whole(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  SqliteBackend backend(options(path));
  assert_ok(backend.load().status());
  const auto change = [](const char* room, std::uint64_t seq) {
    store::RoomChange result;
    result.room.name = room;
    result.room.epoch = "e";
    const std::shared_ptr<Message> message = make_message(draft(room, std::string(20'000, 'x')));
    message->seq = seq;
    message->time_ms = 1;
    result.messages = {message};
    return result;
  };
  std::vector<store::RoomChange> changes = {change("a", 1)};
  assert_ok(backend.write(changes, 1));
  assert_int_equal(changes[0].room.count, 1);
  {
    SqliteConnection other;
    assert_ok(other.open(path, false));
    assert_ok(other.run(
        "CREATE TRIGGER full BEFORE INSERT ON message WHEN new.seq = 3 BEGIN SELECT RAISE(ABORT, 'full'); END"));
    assert_ok(other.run("PRAGMA wal_checkpoint"));
  }
  std::vector<store::RoomChange> failing = {change("b", 1), change("a", 3)};
  failing[1].room = changes[0].room;
  const Status status = backend.write(failing, 1);
  assert_status(status, Error::unavailable);
  assert_int_equal(failing[0].room.id, 0);
  assert_int_equal(failing[1].room.count, 1);
  assert_text(backend.read({"b", "e", 0, RoomLog::kNoSeq, 0}, {}).epoch, "");
  failing[1].messages.clear();
  assert_ok(backend.write(failing, 1));
  assert_int_equal(backend.read({"b", "e", 0, RoomLog::kNoSeq, 0}, {}).messages.size(), 1);
}

void space_is_given_back(void**) {
  const TemporaryFolder folder;
  const std::string path = folder.file("chat.db");
  store::SqliteOptions limited = options(path);
  SqliteBackend backend(limited);
  assert_ok(backend.load().status());
  std::vector<store::RoomChange> changes(1);
  changes[0].room.name = "a";
  changes[0].room.epoch = "e";
  for (std::uint64_t seq = 1; seq <= 400; ++seq) {
    const std::shared_ptr<Message> message = make_message(draft("a", std::string(9'000, 'x')));
    message->seq = seq;
    message->time_ms = 1;
    changes[0].messages.push_back(message);
  }
  assert_ok(backend.write(changes, 0));
  backend.upkeep();
  const std::int64_t full = backend.file_bytes();
  changes[0].messages.clear();
  changes[0].remove = true;
  assert_ok(backend.write(changes, 0));
  while (backend.release_space()) continue;
  backend.upkeep();
  assert_true(backend.file_bytes() < full);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(version_1_is_read),
      cmocka_unit_test(version_2_is_read),
      cmocka_unit_test(messages_of_version_2_can_be_changed),
      cmocka_unit_test(a_new_file_has_the_tables_of_an_old_one),
      cmocka_unit_test(a_newer_version_is_refused),
      cmocka_unit_test(another_programs_database_is_refused),
      cmocka_unit_test(what_is_no_database_is_refused),
      cmocka_unit_test(a_damaged_file_is_refused),
      cmocka_unit_test(two_servers_cannot_use_one_file),
      cmocka_unit_test(another_program_that_holds_the_file_is_named),
      cmocka_unit_test(a_read_only_file_is_refused),
      cmocka_unit_test(a_restored_backup_starts_new_epochs),
      cmocka_unit_test(a_transaction_fails_as_a_whole),
      cmocka_unit_test(space_is_given_back),
  };
  return cmocka_run_group_tests_name("store_sqlite/sqlite_backend", tests, nullptr, nullptr);
}
