// A hub whose history is kept in a file of a temporary folder, and what happens when the server is restarted.
#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../hub/hub_fixture.h"
#include "store/stored_history.h"
#include "store_sqlite/sqlite_backend.h"

namespace chat::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "libchat-history-XXXXXX").string();
    assert_non_null(mkdtemp(pattern.data()));
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Waits until the condition holds, at most 20 s.
inline void wait_until(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    assert_true(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // On purpose: the writer is another thread.
  }
}

inline std::vector<std::string> texts(const std::vector<MessagePtr>& messages) {
  std::vector<std::string> result;
  for (const MessagePtr& one : messages) result.push_back(std::to_string(one->seq) + " " + one->payload);
  return result;
}
using Texts = std::vector<std::string>;

// One run of a server.
struct HistoryRun {
  struct Settings {
    std::string path;
    HubOptions hub = {};
    store::StoredHistoryOptions history = {};
    bool full_sync = false;
    std::string boot_id = "this boot";
    HistorySearch search = HistorySearch::off;
  };

  explicit HistoryRun(Settings settings) : now{1'700'000'000'000, 5'000'000} {
    store::SqliteOptions file;
    file.path = settings.path;
    file.limits = settings.hub.history;
    file.full_sync = settings.full_sync;
    file.boot_id = settings.boot_id;
    file.search = settings.search;
    file.make_epoch = [] { return std::string("changed"); };
    settings.history.limits = settings.hub.history;
    settings.history.sweep_ms = 10;
    history = std::make_unique<store::StoredHistory>(
        std::make_unique<store::SqliteBackend>(std::move(file)), settings.history, [this] { return moment(); },
        [this](LogLevel, std::string_view text) {
          const std::lock_guard lock(mutex_);
          log_ += std::string(text) + "\n";
        });
    opened = history->load();
    if (!opened.ok()) return;
    settings.hub.store = history.get();
    settings.hub.last_client_number = history->last_client_number();
    settings.hub.epoch_seed = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    f.emplace(settings.hub);
    opened = hub().load(now);
    history->start(
        [this](const Submission& submission, const Result<Position>& place) { hub().commit(submission, place); });
  }
  ~HistoryRun() { history->stop(); }  // before the hub
  HistoryRun(const HistoryRun&) = delete;
  HistoryRun& operator=(const HistoryRun&) = delete;

  Hub& hub() { return *f->hub; }
  Moment moment() {
    const std::lock_guard lock(mutex_);
    return now;
  }
  void pass(std::int64_t ms) {
    const std::lock_guard lock(mutex_);
    now += ms;
  }
  std::string log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  // Publishes and waits for the acknowledgement.
  Acknowledged publish(std::string room, std::string text) { return publish(draft(std::move(room), std::move(text))); }
  Acknowledged publish(MessageDraft message, MessagePtr target = nullptr) {
    if (!sender) sender = f->open();
    message.sender = {sender->id(), "Ann", "ann"};
    Receipt receipt{sender, "r"};
    receipt.target = std::move(target);
    const Result<Published> published = hub().publish(std::move(message), moment(), std::move(receipt));
    if (!published.ok()) return {sender->id(), "r", 0, {}, published.status()};
    std::optional<Acknowledged> result;
    wait_until([&] {
      for (Acknowledged& one : only<Acknowledged>(f->take())) result = std::move(one);
      return result.has_value();
    });
    return *std::move(result);
  }

  // Publishes a change of a message that may be in the file only.
  Status publish_change(MessageDraft event) {
    std::optional<KeptQuery> unread;
    Result<MessagePtr> target = hub().find_message(event.room, event.target_seq, nullptr, unread);
    if (unread) {
      const KeptRangePtr range = hub().read_now(*unread);
      unread.reset();
      target = hub().find_message(event.room, event.target_seq, range.get(), unread);
    }
    if (!target.ok()) return target.status();
    return publish(std::move(event), *target).status;
  }

  // The history as the C API reads it, from the file if necessary.
  HistoryReply read(std::string_view room, std::uint64_t after_seq = 0, std::size_t limit = 0,
                    std::uint64_t before_seq = 0) {
    KeptRangePtr earlier;
    if (const auto query = hub().unread(room, after_seq, limit, before_seq)) earlier = hub().read_now(*query);
    was_read = earlier != nullptr;
    return *hub().history(room, after_seq, limit, moment(), before_seq, earlier.get());
  }

  // What a search finds, as the C API reads it.
  HistoryReply search(std::string_view room, std::string_view text, std::size_t limit = 0,
                      std::uint64_t before_seq = 0) {
    const Result<std::optional<KeptQuery>> query = hub().search(room, text, limit, before_seq);
    assert_true(query.ok());
    const KeptRangePtr range = *query ? hub().read_now(**query) : nullptr;
    if (range) assert_true(range->status.ok());
    return hub().found(room, range.get(), moment());
  }

  Moment now;
  Status opened;
  bool was_read = false;  // the last read() has used the file
  std::unique_ptr<store::StoredHistory> history;
  std::optional<HubFixture> f;
  ClientPtr sender;

 private:
  std::mutex mutex_;
  std::string log_;
};

}  // namespace chat::test
