// A StoredHistory whose database fails: what is refused, what is forgotten, and how it goes on.
#include <atomic>
#include <cstring>
#include <map>

#include "history_fixture.h"
#include "hub/dispatcher.h"

using namespace chat;
using namespace chat::test;

namespace {

// A database in memory that fails when it is told to.
class FakeBackend final : public store::StoreBackend {
 public:
  struct Disk {
    std::atomic<bool> write_fails = false;
    std::atomic<bool> clear_fails = false;
    std::atomic<bool> read_fails = false;
    std::atomic<bool> no_memory = false;
    std::atomic<bool> stalls = false;
    std::atomic<bool> closed_clean = false;
    std::mutex mutex;
    std::map<std::string, std::pair<store::StoredRoom, std::vector<MessagePtr>>> rooms;
    std::map<std::string, std::map<std::string, RoomValue>> values;
  };
  explicit FakeBackend(Disk& disk) : disk_(disk) {}

  Result<store::StoredRooms> load() override {
    store::StoredRooms result;
    for (const auto& [name, room] : disk_.rooms) {
      for (const auto& [key, value] : disk_.values[name]) result.values.push_back({result.rooms.size(), value});
      result.rooms.push_back(room.first);
    }
    return result;
  }
  Status write(std::span<store::RoomChange> changes, std::uint64_t) override {
    while (disk_.stalls) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // On purpose: a slow disk.
    if (disk_.no_memory) throw std::bad_alloc();
    if (disk_.write_fails) return {Error::unavailable, "the disk is full"};
    const std::lock_guard lock(disk_.mutex);
    for (const store::RoomChange& change : changes) {
      if (change.clear && disk_.clear_fails) return {Error::unavailable, "the disk is full"};
    }
    for (store::RoomChange& change : changes) {
      if (change.clear || change.remove) {
        disk_.rooms.erase(change.room.name);
        disk_.values.erase(change.room.name);
      }
      if (change.remove) continue;
      for (const RoomValue& value : change.values) {
        disk_.values[change.room.name][value.key] = value;
        if (value.value.empty()) disk_.values[change.room.name].erase(value.key);
      }
      auto& [stored, messages] = disk_.rooms[change.room.name];
      for (const MessagePtr& message : change.messages) {
        messages.push_back(message);
        change.room.seq = std::max(change.room.seq, message->seq);
      }
      change.room.id = 1;
      change.room.count = static_cast<std::int64_t>(messages.size());
      stored = change.room;
    }
    return {};
  }
  Result<std::vector<KeptMessageId>> message_ids(std::int64_t, std::size_t) override {
    return std::vector<KeptMessageId>();
  }
  bool release_space() override { return false; }
  void close(bool clean) override { disk_.closed_clean = clean; }
  KeptRange read(const KeptQuery& query, Moment) override {
    KeptRange range;
    if (disk_.read_fails) {
      range.status = {Error::unavailable, "the disk is gone"};
      return range;
    }
    const std::lock_guard lock(disk_.mutex);
    const auto& [stored, messages] = disk_.rooms[query.room];
    range.epoch = stored.epoch;
    range.before_seq = query.before_seq;
    range.after_seq = std::max(query.after_seq, stored.dropped_seq);
    range.complete = range.after_seq == query.after_seq;
    for (const MessagePtr& one : messages) {
      if (one->seq > range.after_seq && one->seq < query.before_seq) range.messages.push_back(one);
    }
    return range;
  }
  bool needs_upkeep() const override { return false; }
  void upkeep() override {}
  std::int64_t file_bytes() const override { return 0; }

 private:
  Disk& disk_;
};

struct Run {
  explicit Run(FakeBackend::Disk& disk, store::StoredHistoryOptions options = {}) {
    options.sweep_ms = 10;
    history = std::make_unique<store::StoredHistory>(
        std::make_unique<FakeBackend>(disk), options,
        [] {
          return Moment{1'700'000'000'000, 5'000};
        },
        [this](LogLevel, std::string_view text) {
          const std::lock_guard lock(mutex);
          log += std::string(text) + "\n";
        });
    assert_ok(history->load());
    HubOptions hub;
    hub.store = history.get();
    hub.epoch_seed = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&disk)) + ++runs;
    f.emplace(hub);
    client = f->open();
    history->start(
        [this](const Submission& submission, const Result<Position>& place) { f->hub->commit(submission, place); });
  }
  ~Run() { history->stop(); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Acknowledged publish(const std::string& text) {
    const Result<Published> published = f->hub->publish(draft("lobby", text), f->now, {client, "r", false});
    if (!published.ok()) return {0, "r", 0, {}, published.status()};
    return acknowledged();
  }
  Acknowledged acknowledged() {
    std::optional<Acknowledged> result;
    wait_until([&] {
      for (Acknowledged& one : only<Acknowledged>(f->take())) result = std::move(one);
      return result.has_value();
    });
    return *std::move(result);
  }
  std::string logged() {
    const std::lock_guard lock(mutex);
    return log;
  }

  static inline std::uint64_t runs = 0;
  std::unique_ptr<store::StoredHistory> history;
  std::optional<HubFixture> f;
  ClientPtr client;
  std::mutex mutex;
  std::string log;
};

void what_cannot_be_written_is_refused(void**) {
  FakeBackend::Disk disk;
  Run run(disk);
  assert_int_equal(run.publish("one").seq, 1);
  disk.write_fails = true;
  const Acknowledged failed = run.publish("two");
  assert_status(failed.status, Error::unavailable);
  assert_non_null(std::strstr(failed.status.detail.c_str(), "the disk is full"));
  assert_status(run.publish("two").status, Error::unavailable);
  assert_true(texts(run.f->hub->history("lobby", 0, 0, run.f->now)->messages) == Texts({"1 one"}));
  disk.write_fails = false;
  assert_int_equal(run.publish("two").seq, 2);  // the numbers of refused messages are used again
  assert_int_equal(run.history->stats().failed, 2);
  assert_int_equal(run.history->stats().stored, 2);
  const std::string log = run.logged();
  assert_non_null(std::strstr(log.c_str(), "the disk is full"));
  assert_true(log.find("cannot be written") == log.rfind("cannot be written"));  // one line for both
  assert_non_null(std::strstr(log.c_str(), "written again"));
}

void what_cannot_be_written_is_forgotten(void**) {
  FakeBackend::Disk disk;
  std::string epoch;
  store::StoredHistoryOptions options;
  options.forget = true;
  {
    Run run(disk, options);
    epoch = run.publish("one").epoch;
    disk.write_fails = true;
    assert_int_equal(run.publish("two").seq, 2);
    assert_int_equal(run.publish("three").seq, 3);
    assert_int_equal(run.f->hub->history("lobby", 0, 0, run.f->now)->messages.size(), 3);
    disk.write_fails = false;
    assert_int_equal(run.publish("four").seq, 4);
    assert_int_equal(run.history->stats().forgotten, 2);
    assert_int_equal(run.history->stats().failed, 0);
  }
  Run run(disk, options);
  const auto query = run.f->hub->unread("lobby", Position{epoch, 1});
  const ClientPtr client = run.f->open();
  const KeptRangePtr earlier = run.f->hub->read_now(*query);
  assert_ok(run.f->hub->join(client, "lobby", Position{epoch, 1}, "j", run.f->now, earlier.get()));
  const auto joined = only<Joined>(run.f->take());
  assert_true(texts(joined[0].missed) == Texts({"4 four"}));
  assert_false(joined[0].complete);  // a part is missing, and the client is told so
  assert_int_equal(run.publish("five").seq, 5);
}

// It would come undone with the next start, while everyone has seen it.
void a_change_that_cannot_be_written_is_refused_by_both_policies(void**) {
  for (const bool forget : {false, true}) {
    FakeBackend::Disk disk;
    store::StoredHistoryOptions options;
    options.forget = forget;
    Run run(disk, options);
    const auto change = [&](RoomEventKind kind, std::string text) {
      MessageDraft event = draft("lobby", std::move(text));
      event.event_kind = kind;
      event.target_seq = 1;
      if (kind == RoomEventKind::reaction) event.extra.make().added = true;
      const Result<Published> published = run.f->hub->publish(std::move(event), run.f->now, {run.client, "r", false});
      return published.ok() ? run.acknowledged() : Acknowledged{0, "r", 0, {}, published.status()};
    };
    assert_int_equal(run.publish("one").seq, 1);
    disk.write_fails = true;
    for (const RoomEventKind kind : {RoomEventKind::edit, RoomEventKind::redaction, RoomEventKind::reaction}) {
      assert_status(change(kind, "x").status, Error::unavailable);
    }
    const MessagePtr kept = run.f->hub->history("lobby", 0, 0, run.f->now)->messages.at(0);
    assert_text(kept->payload, "one");
    assert_true(!kept->extra->redacted && kept->extra->edited_ms == 0 && kept->extra->reactions.empty());
    wait_until([&] { return run.history->stats().failed == 3; });
    assert_int_equal(run.history->stats().forgotten, 0);
    disk.write_fails = false;
    assert_int_equal(change(RoomEventKind::edit, "uno").seq, 2);
    assert_true(texts(run.f->hub->history("lobby", 0, 0, run.f->now)->messages) == Texts({"1 uno"}));
  }
}

void a_restart_of_the_numbering_waits_for_the_disk(void**) {
  FakeBackend::Disk disk;
  {
    Run run(disk);
    const std::string epoch = run.publish("old").epoch;
    disk.write_fails = true;
    assert_ok(run.f->hub->close_room("lobby", ""));
    assert_status(run.publish("new").status, Error::unavailable);
    wait_until([&] { return run.logged().find("the disk is full") != std::string::npos; });
    disk.write_fails = false;
    wait_until([&] {
      const std::lock_guard lock(disk.mutex);
      return disk.rooms["lobby"].second.empty();
    });
    const Acknowledged ack = run.publish("new");
    assert_int_equal(ack.seq, 1);
    assert_true(ack.epoch != epoch);
  }
  assert_true(disk.closed_clean);
  assert_int_equal(disk.rooms["lobby"].second.size(), 1);
}

void a_restart_waits_also_when_other_steps_succeed(void**) {
  FakeBackend::Disk disk;
  Run run(disk);
  run.publish("old");
  const auto rows = [&](const char* room) {
    const std::lock_guard lock(disk.mutex);
    return disk.rooms.count(room);
  };
  assert_ok(run.f->join(run.client, "empty"));
  assert_ok(run.history->keep_value("empty", "a", "1", run.f->now));
  wait_until([&] { return rows("empty") == 1; });
  disk.clear_fails = true;
  assert_ok(run.f->hub->close_room("lobby", ""));
  wait_until([&] { return !run.logged().empty(); });
  // The sweep would remove this one from the database.
  assert_ok(run.history->keep_value("empty", "a", "", run.f->now));
  assert_ok(run.f->hub->leave(run.client, "empty", "", ""));
  // A room of the same name of which nothing is written.
  assert_ok(run.f->join(run.client, "lobby"));
  assert_int_equal(rows("lobby"), 1);
  disk.clear_fails = false;
  wait_until([&] { return rows("empty") == 0; });
  const std::lock_guard lock(disk.mutex);
  assert_true(disk.rooms["lobby"].second.empty());
}

void values_wait_for_the_disk(void**) {
  FakeBackend::Disk disk;
  const auto stored = [&](const std::string& key) {
    const std::lock_guard lock(disk.mutex);
    const auto found = disk.values["lobby"].find(key);
    return found == disk.values["lobby"].end() ? std::string() : found->second.value;
  };
  Run run(disk);
  run.publish("one");
  const auto keep = [&](const char* key, const char* value) {
    assert_ok(run.history->keep_value("lobby", key, value, run.f->now));
  };
  keep("a", "1");
  keep("b", "1");
  wait_until([&] { return stored("b") == "1"; });
  disk.write_fails = true;
  keep("a", "2");
  keep("b", "");
  assert_status(run.publish("two").status, Error::unavailable);
  assert_int_equal(run.history->stats().failed, 1);
  keep("a", "3");
  keep("c", "1");
  assert_int_equal(run.history->values("lobby").size(), 2);
  assert_text(stored("a"), "1");
  disk.write_fails = false;
  wait_until([&] { return stored("c") == "1"; });
  assert_text(stored("a"), "3");
  assert_text(stored("b"), "");
  // A room that was closed meanwhile has none of them.
  disk.write_fails = true;
  keep("d", "1");
  assert_ok(run.f->hub->close_room("lobby", ""));
  assert_status(run.publish("two").status, Error::unavailable);
  disk.write_fails = false;
  run.publish("two");
  assert_text(stored("a") + stored("c") + stored("d"), "");
}

void a_message_that_a_restart_overtakes_is_refused(void**) {
  FakeBackend::Disk disk;
  Run run(disk);
  run.publish("one");
  disk.stalls = true;
  assert_true(run.f->hub->publish(draft("lobby", "two"), run.f->now, {run.client, "r", false}).ok());
  assert_ok(run.f->hub->close_room("lobby", ""));
  disk.stalls = false;
  assert_status(run.acknowledged().status, Error::no_such_room);
  const Acknowledged ack = run.publish("three");
  assert_int_equal(ack.seq, 1);
  assert_true(texts(run.f->hub->history("lobby", 0, 0, run.f->now)->messages) == Texts({"1 three"}));
}

void the_queue_is_bounded(void**) {
  FakeBackend::Disk disk;
  store::StoredHistoryOptions options;
  options.queue_bytes = 20'000;
  Run run(disk, options);
  disk.stalls = true;
  int accepted = 0;
  Status status;
  while (status.ok() && accepted < 1'000) {
    status = run.f->hub->publish(draft("lobby", std::string(1'000, 'x')), run.f->now).status();
    accepted += status.ok() ? 1 : 0;
  }
  assert_status(status, Error::unavailable);
  assert_in_range(accepted, 10, 20);
  disk.stalls = false;
  wait_until([&] { return run.history->stats().stored == static_cast<std::uint64_t>(accepted); });
  assert_int_equal(run.publish("again").seq, accepted + 1);
}

void without_memory_nothing_is_lost(void**) {
  FakeBackend::Disk disk;
  Run run(disk);
  disk.no_memory = true;
  assert_status(run.publish("one").status, Error::no_memory);
  disk.no_memory = false;
  assert_int_equal(run.publish("one").seq, 1);
  // The hub has no memory for the commit, and is asked again.
  assert_ok(run.f->join(run.client, "lobby"));
  run.f->take();
  run.f->inboxes[0]->fail_at(1);
  assert_true(run.f->hub->publish(draft("lobby", "two"), run.f->now, {}).ok());
  std::vector<RoomMessage> heard;
  wait_until([&] {
    heard = only<RoomMessage>(run.f->take());
    return !heard.empty();
  });
  assert_int_equal(heard[0].message->seq, 2);
}

void what_cannot_be_read_is_refused(void**) {
  FakeBackend::Disk disk;
  { Run(disk).publish("one"); }
  Run run(disk);
  disk.read_fails = true;
  const DecisionId id = run.client->begin_decision(false);
  run.f->hub->read(run.client, id, *run.f->hub->unread("lobby", 0, 0, 0));
  std::vector<DecisionGiven> given;
  wait_until([&] {
    given = only<DecisionGiven>(run.f->take());
    return !given.empty();
  });
  assert_status(given[0].decision->earlier->status, Error::unavailable);
  disk.read_fails = false;
  assert_int_equal(run.f->hub->read_now(*run.f->hub->unread("lobby", 0, 0, 0))->messages.size(), 1);
}

struct NoApplication : Application {};

// What a client is answered that asks for messages in the file.
Outcome execute_and_wait(Run& run, Dispatcher& dispatcher, AckTable& acks, Command command) {
  Outcome outcome = dispatcher.execute(run.client, std::move(command), acks, run.f->now);
  assert_true(std::holds_alternative<Suspended>(outcome));
  Suspended suspended = std::get<Suspended>(std::move(outcome));
  std::vector<DecisionGiven> given;
  wait_until([&] {
    given = only<DecisionGiven>(run.f->take());
    return !given.empty();
  });
  assert_int_equal(given[0].id, suspended.decision);
  return dispatcher.resume(run.client, std::move(suspended), *given[0].decision, acks, run.f->now);
}

void commands_wait_for_what_is_read(void**) {
  FakeBackend::Disk disk;
  std::string epoch;
  { epoch = Run(disk).publish("one").epoch; }
  Run run(disk);
  NoApplication application;
  Dispatcher dispatcher(*run.f->hub, application);
  AckTable acks;
  HistoryCommand history;
  history.room = "lobby";
  history.ref = "h";
  JoinCommand join;
  join.room = "lobby";
  join.since = Position{epoch, 0};
  join.ref = "j";

  disk.read_fails = true;
  for (const Command& command : {Command(history), Command(join)}) {
    const Outcome refused = execute_and_wait(run, dispatcher, acks, command);
    const auto& error = std::get<ErrorReply>(std::get<Reply>(refused));
    assert_int_equal(number(error.code), number(Error::unavailable));
  }
  assert_true(run.client->rooms().empty());
  disk.read_fails = false;

  const Outcome read = execute_and_wait(run, dispatcher, acks, history);
  const auto& reply = std::get<HistoryReply>(std::get<Reply>(read));
  assert_text(reply.ref, "h");
  assert_true(texts(reply.messages) == Texts({"1 one"}));
  // Now it is in memory, and the next command does not wait.
  assert_true(std::holds_alternative<std::monostate>(dispatcher.execute(run.client, join, acks, run.f->now)));
  const auto joined = only<Joined>(run.f->take());
  assert_true(joined[0].complete);
  assert_true(texts(joined[0].missed) == Texts({"1 one"}));
  // A position of another epoch asks for everything.
  history.epoch = "another";
  history.after_seq = 1;
  Outcome outcome = dispatcher.execute(run.client, history, acks, run.f->now);
  const auto& all = std::get<HistoryReply>(std::get<Reply>(outcome));
  assert_int_equal(all.messages.size(), 1);
  assert_false(all.complete);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_cannot_be_written_is_refused),
      cmocka_unit_test(what_cannot_be_written_is_forgotten),
      cmocka_unit_test(a_change_that_cannot_be_written_is_refused_by_both_policies),
      cmocka_unit_test(a_restart_of_the_numbering_waits_for_the_disk),
      cmocka_unit_test(a_restart_waits_also_when_other_steps_succeed),
      cmocka_unit_test(values_wait_for_the_disk),
      cmocka_unit_test(a_message_that_a_restart_overtakes_is_refused),
      cmocka_unit_test(the_queue_is_bounded),
      cmocka_unit_test(without_memory_nothing_is_lost),
      cmocka_unit_test(what_cannot_be_read_is_refused),
      cmocka_unit_test(commands_wait_for_what_is_read),
  };
  return cmocka_run_group_tests_name("store/store_failures", tests, nullptr, nullptr);
}
