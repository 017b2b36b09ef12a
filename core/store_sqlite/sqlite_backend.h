// The kept history in a file of SQLite 3 in WAL mode. docs/history.md describes its tables. Other programs may read the file
// meanwhile; a second server is kept away by a lock on a file beside it (path + "-lock").
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "store/store_backend.h"
#include "store_sqlite/search_index.h"
#include "store_sqlite/sqlite_handle.h"

namespace chat::store {

struct SqliteOptions {
  std::string path;
  bool full_sync = false;  // wait until the disk has each transaction; otherwise a power loss may lose the last ones
  HistoryLimits limits;    // of each room
  // Identifies the time since the system started; empty: unknown. After an unclean end under another one, the last
  // transactions may be lost, so all epochs change.
  std::string boot_id;
  std::function<std::string()> make_epoch;
  HistorySearch search = HistorySearch::off;
};

class SqliteBackend final : public StoreBackend {
 public:
  explicit SqliteBackend(SqliteOptions options);
  ~SqliteBackend() override;

  Result<StoredRooms> load() override;
  Result<std::vector<KeptMessageId>> message_ids(std::int64_t since_ms, std::size_t limit) override;
  Status write(std::span<RoomChange> changes, std::uint64_t last_client_number) override;
  bool release_space() override;
  void close(bool clean) override;
  KeptRange read(const KeptQuery& query, Moment now) override;
  bool needs_upkeep() const override;
  void upkeep() override;
  std::int64_t file_bytes() const override;
  bool can_search() const override { return search_.is_open(); }

  // The version of the tables that this library writes (PRAGMA user_version).
  static constexpr int kSchemaVersion = 4;
  // "3.40.1", of the loaded library.
  static const char* library_version();

 private:
  struct Statements;

  Status lock_file();
  Status open_database();
  Status migrate();
  Status begin_run();  // notes this run in the table `server`, and changes the epochs if necessary
  Result<StoredRooms> load_rooms();
  Status load_values(StoredRooms& loaded);
  // These within a transaction. They return an SQLite code.
  int apply(const RoomChange& change, StoredRoom& room);
  int set_values(const RoomChange& change, std::int64_t room);
  int trim(const RoomChange& change, StoredRoom& room);
  int remove(std::int64_t room);
  int add_room(StoredRoom& room);
  int add(StoredRoom& room, const Message& message);
  // The texts of messages leave the index: of all that are selected, with payload_kind, payload and seq.
  int remove_texts(SqliteStatement& rows, std::int64_t room);
  // What becomes of an event that is stored.
  struct Effect {
    bool is_empty = false;   // its target is redacted, so it says nothing
    std::int64_t count = 0;  // of a reaction: the users that have given it
  };
  int change_target(StoredRoom& room, const Message& event, Effect& effect);
  int change_reaction(std::int64_t room, const Message& event, Effect& effect);
  int read_reactions(std::int64_t room, Message& message);
  int read_room(const KeptQuery& query, Moment now, KeptRange& range);
  int read_messages(const KeptQuery& query, Moment now, std::int64_t room, KeptRange& range);
  // From the newest message down, slice by slice.
  int search(const KeptQuery& query, Moment now, std::int64_t room, KeptRange& range);
  // One slice, whose rows were found. Adds the messages to the range, the newest first, and their sizes to bytes. stopped: no
  // more slices are wanted.
  int search_slice(SqliteStatement& rows, const KeptQuery& query, Moment now, std::int64_t room, KeptRange& range,
                   std::int64_t& bytes, bool& stopped);
  // Takes a message out of its row. SQLITE_ROW or an error.
  int take(const SqliteStatement& row, const KeptQuery& query, Moment now, std::int64_t room, KeptRange& range);

  const SqliteOptions options_;
  std::string path_;  // without symbolic links
  int lock_fd_ = -1;
  bool opened_ = false;
  SqliteConnection writer_;
  SqliteConnection reader_;
  SearchIndex search_;
  std::unique_ptr<Statements> statements_;
  std::uint64_t last_client_number_ = 0;  // as stored
  std::int64_t next_room_ = 1;            // ids up to here may be in use
  std::vector<StoredRoom> after_;         // scratch of write()
  std::atomic<int> wal_pages_ = 0;
  std::atomic<int> upkept_pages_ = 0;  // wal_pages_ when upkeep() ran last
};

}  // namespace chat::store
