// The history of rooms in a store of the application's own: chat_history_store as a StoreBackend. It tells the application what
// to drop for the limits in number and age. It knows the rooms. With keeps_changes it applies changes to the rows of messages,
// which it reads from the store unless it has changed them a short time ago.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "chat/chat.h"
#include "kept_row.h"
#include "model/string_map.h"
#include "store/store_backend.h"

namespace chat::capi {

// Messages that were changed a short time ago, as they are in the store. For one thread.
class RecentRows {
 public:
  const KeptRow* find(const store::StoredRoom& room, std::uint64_t seq) const;  // valid until the next note()
  // The rows of the room that were written.
  void note(const store::StoredRoom& room, const KeptRows& rows) noexcept;
  void clear() noexcept {
    rows_.clear();
    bytes_ = 0;
  }

 private:
  std::map<std::pair<std::string, std::uint64_t>, KeptRow> rows_;  // by room and seq
  std::size_t bytes_ = 0;                                          // at most; of replaced rows too
};

class ApplicationStore final : public store::StoreBackend {
 public:
  ApplicationStore(const chat_history_store& store, const HistoryLimits& limits) : store_(store), limits_(limits) {}

  Result<store::StoredRooms> load() override;
  // None without keeps_ids. Otherwise it reads each room from its newest message back.
  Result<std::vector<KeptMessageId>> message_ids(std::int64_t since_ms, std::size_t limit) override;
  Status write(std::span<store::RoomChange> changes, std::uint64_t last_client_number) override;
  bool release_space() override { return false; }
  void close(bool) override {}
  KeptRange read(const KeptQuery& query, Moment now) override;
  bool needs_upkeep() const override { return false; }
  void upkeep() override {}
  std::int64_t file_bytes() const override { return 0; }
  bool applies_changes() const override { return store_.keeps_changes != 0; }

 private:
  // What the reader needs of a room.
  struct Known {
    std::string epoch;
    std::uint64_t dropped_seq = 0;
    std::int64_t newest_ms = 0;  // when it was loaded
  };

  // The room as it is after the change.
  store::StoredRoom after(const store::RoomChange& change) const;
  // With keeps_changes: what each change writes.
  Result<std::vector<KeptRows>> rows_of(std::span<const store::RoomChange> changes);
  Status find_rows(const store::RoomChange& change, const std::vector<std::uint64_t>& seqs, KeptRows& found);
  std::size_t wanted(const KeptQuery& query) const;
  // Calls read() of the application once.
  Status read_page(const KeptQuery& query, std::uint64_t before_seq, std::size_t limit, chat_history_reply& reply);

  const chat_history_store store_;
  const HistoryLimits limits_;
  RecentRows recent_;      // of the writer
  std::mutex read_mutex_;  // one read() at a time: the writer reads too
  std::mutex known_mutex_;
  StringMap<Known> known_;
};

}  // namespace chat::capi
