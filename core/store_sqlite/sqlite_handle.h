// RAII for SQLite: a connection, a prepared statement, and errors as Status.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "model/types.h"

namespace chat::store {

// unavailable for what may pass (locked, full, I/O), permission, unsupported or system otherwise.
Status sqlite_status(int code, sqlite3* connection, const std::string& path);

class SqliteStatement {
 public:
  SqliteStatement() = default;
  ~SqliteStatement() { sqlite3_finalize(statement_); }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  int prepare(sqlite3* connection, std::string_view sql);
  // The bound data must live until reset().
  SqliteStatement& bind(int index, std::int64_t value);
  SqliteStatement& bind_text(int index, std::string_view value);
  SqliteStatement& bind_blob(int index, std::string_view value);
  // SQLITE_ROW, SQLITE_DONE or an error; the error of a bind() before it.
  int step();
  void reset();
  // Runs a statement that returns no rows, and resets it. SQLITE_OK or an error.
  int run();

  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string_view text(int column) const;

 private:
  sqlite3_stmt* statement_ = nullptr;
  int bind_error_ = SQLITE_OK;
};

// Resets a statement at the end of a block.
class SqliteReset {
 public:
  explicit SqliteReset(SqliteStatement& statement) : statement_(statement) {}
  ~SqliteReset() { statement_.reset(); }
  SqliteReset(const SqliteReset&) = delete;
  SqliteReset& operator=(const SqliteReset&) = delete;

 private:
  SqliteStatement& statement_;
};

class SqliteConnection {
 public:
  SqliteConnection() = default;
  ~SqliteConnection() { close(); }
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // Creates the file if `create`.
  Status open(const std::string& path, bool create);
  // All its statements must be finalized.
  void close();
  Status run(const char* sql);
  // The first column of the first row; 0 without a row.
  Result<std::int64_t> number(std::string_view sql);
  Result<std::string> text(std::string_view sql);
  Status status(int code) const { return sqlite_status(code, connection_, path_); }
  sqlite3* get() const { return connection_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  sqlite3* connection_ = nullptr;
};

}  // namespace chat::store
