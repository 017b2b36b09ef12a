// The kept history of all rooms: a store with two threads in front of a database (StoreBackend). The writer takes all
// messages that wait, numbers and stores them in one transaction, and then commits them to the hub in their order. So a message
// is delivered and acknowledged after it is written. The reader reads what is not in memory. In memory there is one small
// entry for each room, and the hub's logs.
//
// When a transaction fails, its messages fail too (the default), or they are committed without being stored (`forget`). The
// next transaction tries the disk again. Steps other than messages, such as the restart of a numbering, wait until one
// succeeds.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "hub/moment.h"
#include "hub/room_store.h"
#include "model/string_map.h"
#include "store/kept_room.h"
#include "store/store_backend.h"

namespace chat::store {

struct StoredHistoryOptions {
  HistoryLimits limits;                   // of each room
  std::int64_t total_bytes = kUnlimited;  // of all rooms; the longest silent rooms lose messages first
  std::int64_t max_rooms = kUnlimited;    // above it the longest silent rooms without members are dropped
  std::int64_t queue_bytes = 32 << 20;    // of messages that wait for the writer
  bool forget = false;                    // go on in memory when the disk fails
  std::uint32_t node = 0;                 // of the client ids
  std::int64_t sweep_ms = 1'000;          // how often limits of age and size are checked
};

// A message is counted when the hub has committed or refused it.
struct StoredHistoryStats {
  std::uint64_t stored = 0;     // messages
  std::uint64_t failed = 0;     // messages that were refused because they could not be stored
  std::uint64_t forgotten = 0;  // messages that were published without being stored
  std::uint64_t file_bytes_now = 0;
};

class StoredHistory final : public RoomStore {
 public:
  using Clock = std::function<Moment()>;
  using Log = std::function<void(LogLevel, std::string_view)>;  // called on any thread
  // Hub::commit(). May throw std::bad_alloc, and is called again then.
  using Commit = std::function<void(const Submission&, const Result<Position>&)>;

  StoredHistory(std::unique_ptr<StoreBackend> backend, StoredHistoryOptions options, Clock clock, Log log);
  ~StoredHistory() override;
  StoredHistory(const StoredHistory&) = delete;
  StoredHistory& operator=(const StoredHistory&) = delete;

  // Opens the database. Call it before all others.
  Status load();
  // The highest number of a client that sent a kept message; see HubOptions::last_client_number.
  std::uint64_t last_client_number() const { return last_client_number_; }
  // Starts the threads. prepare: runs first on each of them. Throws std::system_error.
  void start(Commit commit, const std::function<void(const char* name)>& prepare = {});
  // Stores and commits what waits, ends the threads and closes the database. The hub must exist until then.
  void stop();

  std::unique_ptr<RoomLog> open_log(const std::string& room, std::string epoch) override;
  bool applies_changes() const override { return backend_->applies_changes(); }
  bool has(std::string_view room) const override;
  std::vector<RoomInfo> closed_rooms(std::size_t limit) const override;
  Result<std::vector<KeptMessageId>> message_ids(std::int64_t since_ms) override;
  void read(KeptQuery query, Done done) override;
  KeptRangePtr read_now(const KeptQuery& query) override;
  bool can_search() const override { return backend_->can_search(); }
  Status keep_value(std::string_view room, std::string_view key, std::string_view value, Moment now) override;
  std::vector<RoomValue> values(std::string_view room) const override;
  std::vector<std::string> rooms_with_values() const override;

  StoredHistoryStats stats() const;

  // For the logs -----------------------------------------------------------------------------------------------------

  // unavailable when too many bytes wait, stopped. Moves the submission away unless it fails.
  Status submit(const KeptRoomPtr& room, Submission& submission);
  // When these throw, nothing has changed.
  void restart(const KeptRoomPtr& room, const std::string& epoch);
  void restore(const KeptRoomPtr& room, const std::string& epoch, std::uint64_t seq, std::vector<MessagePtr> messages);
  void log_closed(const KeptRoomPtr& room) noexcept;

 private:
  // The numbering restarts, with these messages.
  struct Restart {
    std::string epoch;
    std::uint64_t seq = 0;
    std::vector<MessagePtr> messages;
    bool done = false;  // the room's `stored` has it
  };
  struct Step {
    KeptRoomPtr room;
    Submission submission;             // without a message: only the others
    std::unique_ptr<Restart> restart;  // nullptr: the numbering continues
    RoomValues values;                 // to keep; with a restart, all that the room has afterwards
    std::size_t bytes = 0;
    bool overtaken = false;  // the numbering was restarted after the message
  };
  struct Read {
    KeptQuery query;
    Done done;
  };

  void run_writer();
  void run_reader();
  void push(Step step, std::uint64_t seq, bool keeps_values);
  // Stores the next steps and commits their messages.
  void store(std::vector<Step>& steps, std::size_t first, std::size_t last);
  Status write(std::vector<Step>& steps, std::size_t first, std::size_t last);
  void add(std::vector<Step>& steps, std::size_t first, std::size_t index);
  RoomChange& change_of(const KeptRoomPtr& room);
  Status write_changes();
  void finish(const Step& step, const Result<Position>& place);
  void restart_stored(Step& step);
  void keep_restart(Step& step);
  void keep_values(Step& step) noexcept;
  void drop_values(KeptRoom& room) noexcept;
  void keep_dirty(const KeptRoomPtr& room);
  void note(LogLevel level, std::string_view text) noexcept;
  void note_failure(const Status& status, std::size_t messages);
  // Enforces the limits of age and size, a slice at a time. True when there is more to do.
  bool sweep();
  bool sweep_old(Moment now);
  bool sweep_excess();
  std::vector<KeptRoomPtr> longest_silent(std::size_t count, bool closed_only);
  // Takes the room out of the list if it has no log. False when it has one.
  bool forget_room(const KeptRoomPtr& room, bool only_empty);
  KeptRangePtr read_locked(const KeptQuery& query);
  void answer(std::vector<Read>& reads);

  const std::unique_ptr<StoreBackend> backend_;
  const StoredHistoryOptions options_;
  const HistoryLimits memory_limits_;
  const Clock clock_;
  const Log log_;
  Commit commit_;
  std::uint64_t last_client_number_ = 0;

  mutable std::mutex rooms_mutex_;
  StringMap<KeptRoomPtr> rooms_;
  std::array<std::size_t, 2> value_bytes_{};  // as KeptRoom::value_bytes, of all rooms; guarded by rooms_mutex_

  std::mutex queue_mutex_;
  std::condition_variable queue_changed_;
  std::vector<Step> queue_;
  std::int64_t queued_bytes_ = 0;  // with those that the writer has taken
  bool stopping_ = false;
  bool stopped_ = true;

  std::mutex reads_mutex_;
  std::condition_variable reads_changed_;
  std::vector<Read> reads_;   // searches come after all others
  std::size_t searches_ = 0;  // of reads_
  bool reads_ended_ = true;
  std::mutex reader_mutex_;  // one read at a time

  // For the writer's thread.
  std::vector<RoomChange> changes_;
  std::vector<KeptRoomPtr> changed_;  // the rooms of changes_
  std::vector<KeptRoomPtr> dirty_;    // steps of these rooms wait for a transaction that succeeds
  std::vector<KeptRoomPtr> to_sweep_;
  std::int64_t total_bytes_ = 0;
  bool failing_ = false;
  std::int64_t logged_ms_ = 0;
  std::size_t failures_since_ = 0;

  std::atomic<std::uint64_t> stored_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  std::atomic<std::uint64_t> forgotten_ = 0;

  std::thread writer_;
  std::thread reader_;
};

}  // namespace chat::store
