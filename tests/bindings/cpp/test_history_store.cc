// A history in a store of the application's own, by the C++ headers.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "cpp_test.h"

namespace {

// Keeps everything in memory.
class MemoryStore : public chat::HistoryStore {
 public:
  std::string load(chat::HistoryReply& reply) override {
    if (!reachable) return "no database";
    const std::lock_guard lock(mutex_);
    for (const auto& [name, room] : rooms_) {
      SUCCEEDED(reply.room(room));
      SUCCEEDED(reply.value({"key", "value", 1}));
    }
    return {};
  }

  std::string read(const chat::HistoryQuery& query, chat::HistoryReply& reply) override {
    const std::lock_guard lock(mutex_);
    std::size_t found = 0;
    auto& messages = messages_[std::string(query.room)];
    for (auto one = messages.rbegin(); one != messages.rend() && found < query.limit; ++one) {
      if (one->seq <= query.after_seq || one->seq >= query.before_seq || one->epoch != query.epoch) continue;
      if (!reply.message(one->message)) return {};
      ++found;
    }
    return {};
  }

  std::string write(const std::vector<chat::HistoryChange>& changes) override {
    const std::lock_guard lock(mutex_);
    if (throws) throw std::runtime_error("the database is full");
    for (const chat::HistoryChange& change : changes) {
      if (change.clear || change.remove) messages_.erase(change.room.room);
      if (change.remove) {
        rooms_.erase(change.room.room);
        continue;
      }
      rooms_[change.room.room] = change.room;
      auto& rows = messages_[change.room.room];
      for (const chat::MessageView& message : change.messages) {
        Kept row{message.seq(), std::string(message.epoch()), chat::Message(message)};
        const auto old = std::find_if(rows.begin(), rows.end(), [&](const Kept& one) { return one.seq == row.seq; });
        if (old == rows.end()) {
          rows.push_back(std::move(row));
        } else {
          assert_true(changing);
          *old = std::move(row);
        }
      }
    }
    return {};
  }

  bool keeps_changes() const noexcept override { return changing; }

  bool reachable = true;
  bool changing = false;
  std::atomic<bool> throws = false;

 private:
  struct Kept {
    std::uint64_t seq;
    std::string epoch;
    chat::Message message;
  };
  std::mutex mutex_;
  std::map<std::string, chat::HistoryRoom> rooms_;
  std::map<std::string, std::deque<Kept>> messages_;
};

void publish(const chat::Server& server, const char* text) {
  SUCCEEDED(server.publish(chat::Message::text(text).room("dev").from_name("Ann").attribute("a", "b")));
}

void wait_counted(const chat::Server& server, std::uint64_t stored, std::uint64_t failed) {
  for (int tries = 0; tries < 20'000; ++tries) {
    const chat_stats stats = *SUCCEEDED(server.stats());
    if (stats.history_stored == stored && stats.history_failed == failed) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // On purpose: another thread writes.
  }
  fail_msg("it was not written");
}

std::string history(const chat::Server& server, std::string& epoch) {
  std::string texts;
  SUCCEEDED(server.history("dev", 0, 0, [&](const chat::MessageView& message) {
    texts += std::to_string(message.seq()) + std::string(message.text()) + " ";
    epoch = message.epoch();
    assert_true(message.from_name() == "Ann" && message.attributes().size() == 1);
  }));
  return texts;
}

void a_room_continues_with_its_epoch(void**) {
  const auto store = std::make_shared<MemoryStore>();
  chat::Options options = free_port();
  options.history_store = store;
  std::string first_epoch;
  std::string epoch;
  {
    const chat::Server server = start(options);
    publish(server, "one");
    wait_counted(server, 1, 0);
    store->throws = true;
    publish(server, "two");
    wait_counted(server, 1, 1);
    store->throws = false;
    publish(server, "three");
    wait_counted(server, 2, 1);
    assert_string_equal(history(server, first_epoch).c_str(), "1one 2three ");
  }
  const chat::Server server = start(options);
  assert_string_equal(history(server, epoch).c_str(), "1one 2three ");
  assert_string_equal(epoch.c_str(), first_epoch.c_str());
}

std::string changed_history(const chat::Server& server) {
  std::string texts;
  SUCCEEDED(server.history("dev", 0, 0, [&](const chat::MessageView& message) {
    assert_int_equal(message.event_kind(), CHAT_EVENT_MESSAGE);
    texts += std::to_string(message.seq()) + std::string(message.data());
    if (message.edited_ms() != 0) texts += "*";
    if (message.redacted()) texts += "-";
    for (const auto& [reaction, users] : message.reactions()) {
      texts += std::string(reaction) + "=" + std::to_string(users);
    }
    texts += " ";
  }));
  return texts;
}

void changes_are_kept(void**) {
  const auto store = std::make_shared<MemoryStore>();
  store->changing = true;
  chat::Options options = free_port();
  options.history_store = store;
  {
    const chat::Server server = start(options);
    for (const char* text : {"one", "two", "three"}) publish(server, text);
    wait_counted(server, 3, 0);
    SUCCEEDED(server.edit("dev", 1, chat::Message::args(R"([1,{"_placeholder":true,"num":0}])").attach("x")));
    SUCCEEDED(server.redact("dev", 2));
    SUCCEEDED(server.react("dev", 3, "ann", "+1"));
    wait_counted(server, 6, 0);
  }
  const chat::Server server = start(options);
  const char* const expected = R"(1[1,{"_placeholder":true,"num":0}]* 2- 3three+1=1 )";
  assert_string_equal(changed_history(server).c_str(), expected);
  SUCCEEDED(server.react("dev", 3, "bob", "+1"));
  SUCCEEDED(server.react("dev", 3, "ann", "+1", false));
  wait_counted(server, 2, 0);
  assert_string_equal(changed_history(server).c_str(), expected);
  const auto refused = server.edit("dev", 2, chat::Message::text("x"));
  assert_string_equal(error_name(refused.error().code()), error_name(CHAT_ERROR_NO_SUCH_MESSAGE));
}

void a_store_that_cannot_be_loaded_starts_no_server(void**) {
  const auto store = std::make_shared<MemoryStore>();
  store->reachable = false;
  chat::Options options = free_port();
  options.history_store = store;
  const auto started = chat::Server::start(options);
  assert_string_equal(error_name(started.error().code()), error_name(CHAT_ERROR_UNAVAILABLE));
  assert_non_null(std::strstr(started.error().message().c_str(), "no database"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_room_continues_with_its_epoch),
      cmocka_unit_test(changes_are_kept),
      cmocka_unit_test(a_store_that_cannot_be_loaded_starts_no_server),
  };
  return cmocka_run_group_tests_name("cpp/history_store", tests, nullptr, nullptr);
}
