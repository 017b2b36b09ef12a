// The history of rooms in a store of the application's own: chat_history_store as a StoreBackend. It tells the application what
// to drop for the limits in number and age. It knows the rooms, and no messages.
#pragma once

#include <mutex>
#include <string>

#include "chat/chat.h"
#include "model/string_map.h"
#include "store/store_backend.h"

namespace chat::capi {

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
  bool applies_changes() const override { return false; }

 private:
  // What the reader needs of a room.
  struct Known {
    std::string epoch;
    std::uint64_t dropped_seq = 0;
    std::int64_t newest_ms = 0;  // when it was loaded
  };

  // The room as it is after the change.
  store::StoredRoom after(const store::RoomChange& change) const;

  const chat_history_store store_;
  const HistoryLimits limits_;
  std::mutex known_mutex_;
  StringMap<Known> known_;
};

}  // namespace chat::capi
