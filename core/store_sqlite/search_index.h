// The index of the words in kept messages: a table of SQLite's FTS5 that has no text of its own. What a transaction changes is
// noted and then written in the order of its rows, because FTS5 is slow in any other order. Every change must tell the text
// that the index has, so the notes come from whoever changes the table `message`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hub/kept_range.h"
#include "store_sqlite/sqlite_handle.h"

namespace chat::store {

class SearchIndex {
 public:
  SearchIndex();
  ~SearchIndex();
  SearchIndex(const SearchIndex&) = delete;
  SearchIndex& operator=(const SearchIndex&) = delete;

  // The index has so much of a text.
  static constexpr std::size_t kTextBytes = 16 << 10;
  // The row of a message is its room's id before so many bits of its seq. Messages with higher numbers are not in the index.
  static constexpr int kSeqBits = 42;
  static constexpr std::int64_t kMaxSeq = (std::int64_t{1} << kSeqBits) - 1;
  static constexpr std::int64_t kMaxRoom = (std::int64_t{1} << (63 - kSeqBits)) - 1;
  static std::int64_t row_of(std::int64_t room, std::int64_t seq) { return room << kSeqBits | seq; }
  static std::int64_t seq_of(std::int64_t row) { return row & kMaxSeq; }

  // Makes the table and fills it from the messages, or drops it. Waits for the disk, which may take minutes. Outside of a
  // transaction. Errors: unsupported when SQLite has no FTS5, and those of a database.
  Status open(SqliteConnection& writer, HistorySearch kind);
  bool is_open() const { return sql_ != nullptr; }
  // After open(). An SQLite code, as from all that follow.
  int prepare(sqlite3* reader);

  // Before its connections are closed.
  void close();

  // These within a transaction. payload_kind and payload: as in the table `message`, of a message that is not redacted.
  int add(std::int64_t room, std::int64_t seq, std::int64_t payload_kind, std::string_view payload);
  int remove(std::int64_t room, std::int64_t seq, std::int64_t payload_kind, std::string_view payload);
  // The text of a message was redacted: nothing of it may stay.
  int note_redaction();
  // Writes what was noted.
  int write();
  // The transaction has failed.
  void forget();

  // Removes what is left of redacted texts, a little at a time. Outside of a transaction.
  void purge();

  // The rows that have all words, from last_row down to first_row; those are at most kMaxSlice apart. words: see match_of().
  static constexpr std::int64_t kMaxSlice = 250;  // FTS5 cannot be stopped within one
  SqliteStatement& find(std::string_view words, std::int64_t first_row, std::int64_t last_row);
  void reset_find();
  // What FTS5 looks for: each word as a string of its own, so that nothing in it has a meaning.
  static std::string match_of(std::string_view text);

 private:
  struct Note {
    std::int64_t row;
    std::string text;
    bool removes;
  };

  struct Statements;

  int prepare_writer();
  Status build();
  int note(std::int64_t room, std::int64_t seq, std::int64_t payload_kind, std::string_view payload, bool removes);

  SqliteConnection* writer_ = nullptr;
  bool has_redacted_ = false;  // texts whose words may be in the index still
  bool purging_ = false;
  std::vector<Note> notes_;
  std::size_t noted_bytes_ = 0;
  std::unique_ptr<Statements> sql_;  // nullptr: it is off
};

}  // namespace chat::store
