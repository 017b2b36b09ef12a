// Each allocation in a transaction and in a read fails once: the first, the second, and so on. Either nothing has happened
// afterwards or all of it has, and the next call works.
#include "../store/history_fixture.h"
#include "store_sqlite/sqlite_backend.h"
#include "support/failing_allocations.h"

using namespace chat;
using namespace chat::test;

namespace {

struct Fixture {
  Fixture() : backend(options(folder.file("chat.db"))) { assert_ok(backend.load().status()); }
  static store::SqliteOptions options(const std::string& path) {
    store::SqliteOptions result;
    result.path = path;
    result.make_epoch = [] { return std::string("changed"); };
    return result;
  }
  static std::vector<store::RoomChange> changes(std::uint64_t seq) {
    std::vector<store::RoomChange> result(2);
    for (std::size_t i = 0; i < result.size(); ++i) {
      result[i].room.name = kLongRoom + std::to_string(i);
      result[i].room.epoch = "an-epoch-that-is-too-long-to-live-inside-of-a-string";
      const std::shared_ptr<Message> message = make_message(draft(result[i].room.name, std::string(100, 'x')));
      message->seq = seq;
      message->time_ms = 1;
      message->attributes = {{"a name that is too long to live inside of a string", "value"}};
      message->attachments = {std::string(100, 'y')};
      result[i].messages = {message};
      result[i].values = {{"a key that is too long to live inside of a string", std::string(100, 'v'), 1}};
    }
    return result;
  }
  KeptRange read() { return backend.read({kLongRoom + "0", changes(1)[0].room.epoch, 0, RoomLog::kNoSeq, 0}, {2, 2}); }

  TemporaryFolder folder;
  store::SqliteBackend backend;
};

void a_transaction_without_memory_changes_nothing(void**) {
  int failures = 0;
  for (Came came = Came::to_a_failure; came == Came::to_a_failure; ++failures) {
    Fixture f;
    std::vector<store::RoomChange> changes = Fixture::changes(1);
    bool written = false;
    came = after(failures, [&] { written = f.backend.write(changes, 1).ok(); });
    assert_int_equal(changes[0].room.count, written ? 1 : 0);
    assert_int_equal(f.read().messages.size(), written ? 1 : 0);
    if (!written) assert_ok(f.backend.write(changes, 1));
    assert_int_equal(f.read().messages.size(), 1);
    f.backend.close(true);
    assert_int_equal(f.backend.load()->values.size(), 2);
  }
  assert_true(failures > 3);
}

// The store in front of it: a value without memory is not kept, and nothing else has changed.
void a_value_without_memory_is_not_kept(void**) {
  int failures = 0;
  for (Came came = Came::to_a_failure; came == Came::to_a_failure; ++failures) {
    const TemporaryFolder folder;
    store::StoredHistory history(
        std::make_unique<store::SqliteBackend>(Fixture::options(folder.file("chat.db"))), {},
        [] {
          return Moment{2, 2};
        },
        [](LogLevel, std::string_view) {});
    assert_ok(history.load());
    history.start([](const Submission&, const Result<Position>&) {});
    const std::unique_ptr<RoomLog> log = history.open_log(kLongRoom, "e");
    bool kept = false;
    came = after(failures, [&] { kept = history.keep_value(kLongRoom, kLongRoom, kLongRoom, {2, 2}).ok(); });
    assert_int_equal(history.values(kLongRoom).size(), kept ? 1 : 0);
    assert_ok(history.keep_value(kLongRoom, kLongRoom, "again", {2, 2}));
    assert_text(history.values(kLongRoom)[0].value, "again");
    history.stop();
  }
  assert_true(failures > 3);
}

void a_read_without_memory_can_be_repeated(void**) {
  Fixture f;
  std::vector<store::RoomChange> changes = Fixture::changes(1);
  assert_ok(f.backend.write(changes, 1));
  int failures = 0;
  for (Came came = Came::to_a_failure; came == Came::to_a_failure; ++failures) {
    came = after(failures, [&] { (void)f.read(); });
    assert_int_equal(f.read().messages.size(), 1);
    changes[0].messages.clear();
    changes[1].messages.clear();
    assert_ok(f.backend.write(changes, 1));  // and no lock is left
  }
  assert_true(failures > 5);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_transaction_without_memory_changes_nothing),
      cmocka_unit_test(a_value_without_memory_is_not_kept),
      cmocka_unit_test(a_read_without_memory_can_be_repeated),
  };
  return cmocka_run_group_tests_name("store_sqlite/sqlite_memory", tests, nullptr, nullptr);
}
