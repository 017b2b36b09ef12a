// See sqlite_handle.h.
#include "store_sqlite/sqlite_handle.h"

namespace chat::store {
namespace {

// How long a statement waits for another program that uses the file.
constexpr int kBusyTimeoutMs = 2'000;

Error error_of(int code) {
  switch (code & 0xFF) {
    case SQLITE_NOMEM:
      return Error::no_memory;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
      return Error::unavailable;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return Error::permission;
    default:
      return Error::system;
  }
}

}  // namespace

Status sqlite_status(int code, sqlite3* connection, const std::string& path) {
  if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return {};
  std::string detail = path + ": " + sqlite3_errstr(code);
  // The connection's own text says more, when it is about this error.
  if (connection != nullptr && (sqlite3_errcode(connection) & 0xFF) == (code & 0xFF)) {
    const std::string_view more = sqlite3_errmsg(connection);
    if (more != sqlite3_errstr(code)) detail.append(" (").append(more).append(")");
  }
  return {error_of(code), std::move(detail)};
}

int SqliteStatement::prepare(sqlite3* connection, std::string_view sql) {
  return sqlite3_prepare_v3(connection, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                            &statement_, nullptr);
}

SqliteStatement& SqliteStatement::bind(int index, std::int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_, index, value); code != SQLITE_OK) bind_error_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::bind_text(int index, std::string_view value) {
  const int code = sqlite3_bind_text64(statement_, index, value.empty() ? "" : value.data(), value.size(),
                                       SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::bind_blob(int index, std::string_view value) {
  const int code = value.empty() ? sqlite3_bind_null(statement_, index)
                                 : sqlite3_bind_blob64(statement_, index, value.data(), value.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

int SqliteStatement::step() { return bind_error_ != SQLITE_OK ? bind_error_ : sqlite3_step(statement_); }

void SqliteStatement::reset() {
  sqlite3_reset(statement_);
  bind_error_ = SQLITE_OK;
}

int SqliteStatement::run() {
  const int code = step();
  reset();
  return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

std::string_view SqliteStatement::text(int column) const {
  const void* const data = sqlite3_column_blob(statement_, column);
  const int bytes = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(bytes));
}

Status SqliteConnection::open(const std::string& path, bool create) {
  path_ = path;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(path.c_str(), &connection_, flags, nullptr);
  if (code != SQLITE_OK) return status(code);
  sqlite3_extended_result_codes(connection_, 1);
  sqlite3_busy_timeout(connection_, kBusyTimeoutMs);
  return {};
}

void SqliteConnection::close() {
  sqlite3_close(connection_);
  connection_ = nullptr;
}

Status SqliteConnection::run(const char* sql) {
  return status(sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr));
}

Result<std::int64_t> SqliteConnection::number(std::string_view sql) {
  SqliteStatement statement;
  int code = statement.prepare(connection_, sql);
  if (code == SQLITE_OK) code = statement.step();
  if (code == SQLITE_ROW) return statement.number(0);
  if (code == SQLITE_DONE) return std::int64_t{0};
  return status(code);
}

Result<std::string> SqliteConnection::text(std::string_view sql) {
  SqliteStatement statement;
  int code = statement.prepare(connection_, sql);
  if (code == SQLITE_OK) code = statement.step();
  if (code == SQLITE_ROW) return std::string(statement.text(0));
  if (code == SQLITE_DONE) return std::string();
  return status(code);
}

}  // namespace chat::store
