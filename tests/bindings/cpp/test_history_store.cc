// A history in a store of the application's own, by the C++ headers.
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
      for (const chat::MessageView& message : change.messages) {
        messages_[change.room.room].push_back({message.seq(), std::string(message.epoch()), chat::Message(message)});
      }
    }
    return {};
  }

  bool reachable = true;
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
      cmocka_unit_test(a_store_that_cannot_be_loaded_starts_no_server),
  };
  return cmocka_run_group_tests_name("cpp/history_store", tests, nullptr, nullptr);
}
