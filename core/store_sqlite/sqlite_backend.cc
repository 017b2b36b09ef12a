// See sqlite_backend.h.
#include "store_sqlite/sqlite_backend.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace chat::store {
namespace {

// "chat" in ASCII.
constexpr std::int64_t kApplicationId = 0x63686174;

// Entry N brings the tables from version N to N + 1. Never changed once released.
constexpr std::array kMigrations = {
    R"(
CREATE TABLE server (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE room (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  dropped_seq INTEGER NOT NULL,
  count INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  oldest_ms INTEGER NOT NULL,
  newest_ms INTEGER NOT NULL
);
CREATE TABLE message (
  room INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  time_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  target_seq INTEGER NOT NULL,
  sender_id INTEGER NOT NULL,
  sender_name TEXT NOT NULL,
  sender_user TEXT NOT NULL,
  event TEXT NOT NULL,
  payload_kind INTEGER NOT NULL,
  payload TEXT NOT NULL,
  attributes BLOB,
  attachments BLOB,
  PRIMARY KEY (room, seq)
) WITHOUT ROWID;
)",
    "ALTER TABLE message ADD COLUMN id TEXT NOT NULL DEFAULT '';",
    R"(
CREATE TABLE value (
  room INTEGER NOT NULL,
  key TEXT NOT NULL,
  value BLOB NOT NULL,
  time_ms INTEGER NOT NULL,
  PRIMARY KEY (room, key)
) WITHOUT ROWID;
ALTER TABLE message ADD COLUMN reply_to INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN edited_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN redacted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN added INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN reactions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE room ADD COLUMN events INTEGER NOT NULL DEFAULT 0;
CREATE INDEX message_target ON message (room, target_seq) WHERE target_seq != 0;
CREATE TABLE reaction (
  room INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  reaction TEXT NOT NULL,
  user TEXT NOT NULL,
  event_seq INTEGER NOT NULL,
  PRIMARY KEY (room, seq, reaction, user)
) WITHOUT ROWID;
)",
    // The table `search` comes and goes with the option; see SearchIndex. A library that does not know it must not write.
    "",
};
static_assert(kMigrations.size() == SqliteBackend::kSchemaVersion);

// So many pages of the write-ahead log are moved into the database at a time, by the reader.
constexpr int kUpkeepPages = 1'000;
// At this size the writer waits until all of them are moved, so that the log begins again.
constexpr int kMaxWalPages = 16'384;
constexpr std::int64_t kFreePages = 256;
// One read brings at most so many bytes of messages, the newest ones.
constexpr std::int64_t kReadBytes = 4 << 20;
// One search looks at so many slices of SearchIndex::kMaxSlice messages, and for so long. The next one continues.
constexpr int kSearchSlices = 2'000;
constexpr std::chrono::milliseconds kSearchTime{300};
// A new room tries so many ids that may be in use.
constexpr int kRoomIds = 100'000;

// Strings in one blob: each one after its length, 4 bytes, the lowest first.
void pack(std::string& blob, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  for (unsigned shift = 0; shift < 32; shift += 8) blob += static_cast<char>(size >> shift & 0xFF);
  blob += text;
}

std::vector<std::string> unpack(std::string_view blob) {
  std::vector<std::string> texts;
  while (blob.size() >= 4) {
    std::uint32_t size = 0;
    for (unsigned i = 0; i < 4; ++i) size |= std::uint32_t{static_cast<unsigned char>(blob[i])} << (8 * i);
    blob.remove_prefix(4);
    texts.emplace_back(blob.substr(0, size));
    blob.remove_prefix(std::min<std::size_t>(size, blob.size()));
  }
  return texts;
}

std::int64_t to_sql(std::uint64_t seq) {
  return static_cast<std::int64_t>(
      std::min<std::uint64_t>(seq, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())));
}

constexpr std::string_view kMessageColumns =
    "seq, time_ms, kind, target_seq, sender_id, sender_name, sender_user, event, payload_kind, payload, attributes, "
    "attachments, bytes, id, reply_to, edited_ms, redacted, added, reactions";

RoomEventKind kind_of(std::int64_t number) {
  for (const RoomEventKind kind : {RoomEventKind::edit, RoomEventKind::redaction, RoomEventKind::reaction}) {
    if (number == static_cast<std::int64_t>(kind)) return kind;
  }
  return RoomEventKind::message;
}

std::shared_ptr<Message> message_of(const SqliteStatement& row) {
  auto message = std::make_shared<Message>();
  message->seq = static_cast<std::uint64_t>(row.number(0));
  message->time_ms = row.number(1);
  message->event_kind = kind_of(row.number(2));
  message->target_seq = static_cast<std::uint64_t>(row.number(3));
  message->sender.id = static_cast<ClientId>(row.number(4));
  message->sender.name = row.text(5);
  message->sender.user_id = row.text(6);
  message->event = row.text(7);
  message->kind = row.number(8) == 1 ? PayloadKind::args : PayloadKind::text;
  message->payload = row.text(9);
  std::vector<std::string> attributes = unpack(row.text(10));
  for (std::size_t i = 0; i + 1 < attributes.size(); i += 2) {
    message->attributes.push_back({std::move(attributes[i]), std::move(attributes[i + 1])});
  }
  message->attachments = unpack(row.text(11));
  message->id = row.text(13);
  const bool plain = row.number(14) == 0 && row.number(15) == 0 && row.number(16) == 0;
  if (plain && message->event_kind != RoomEventKind::reaction) return message;
  MessageExtra& extra = message->extra.make();
  extra.reply_to = static_cast<std::uint64_t>(row.number(14));
  extra.edited_ms = row.number(15);
  extra.redacted = row.number(16) != 0;
  extra.added = row.number(17) != 0;
  if (message->event_kind == RoomEventKind::reaction) extra.count = static_cast<std::uint64_t>(row.number(18));
  return message;
}

std::string packed(const Pairs& attributes) {
  std::string blob;
  for (const Pair& attribute : attributes) {
    pack(blob, attribute.name);
    pack(blob, attribute.value);
  }
  return blob;
}

std::string packed(const std::vector<std::string>& attachments) {
  std::string blob;
  for (const std::string& attachment : attachments) pack(blob, attachment);
  return blob;
}

}  // namespace

struct SqliteBackend::Statements {
  SqliteStatement has_room;
  SqliteStatement find_room;
  SqliteStatement add_room;
  SqliteStatement update_room;
  SqliteStatement remove_room;
  SqliteStatement add_message;
  SqliteStatement remove_messages;
  SqliteStatement oldest;
  SqliteStatement drop;
  SqliteStatement set_value;
  SqliteStatement remove_value;
  SqliteStatement remove_values;
  SqliteStatement drop_reactions;
  SqliteStatement remove_reactions;
  // What an event does to its target, and to earlier events of it.
  SqliteStatement find_target;
  SqliteStatement edit;
  SqliteStatement redact;
  SqliteStatement redact_reactions;
  SqliteStatement event_bytes;
  SqliteStatement empty_edits;
  SqliteStatement empty_events;
  SqliteStatement add_reaction;
  SqliteStatement take_reaction;
  SqliteStatement count_reactions;
  SqliteStatement count_reaction;
  SqliteStatement target_text;
  SqliteStatement oldest_texts;
  SqliteStatement all_texts;
  SqliteStatement set_last_client;
  SqliteStatement begin;
  SqliteStatement commit;
  // Of the reader.
  SqliteStatement read_begin;
  SqliteStatement read_end;
  SqliteStatement read_room;
  SqliteStatement read_messages;
  SqliteStatement read_reactions;
  SqliteStatement newest;
  SqliteStatement read_message;

  int prepare(sqlite3* writer, sqlite3* reader) {
    const std::string columns = "SELECT " + std::string(kMessageColumns) + " FROM message WHERE room = ?1 AND ";
    const std::string texts =
        "SELECT seq, payload_kind, payload FROM message WHERE room = ?1 AND kind = 0 AND redacted = 0";
    int code = SQLITE_OK;
    const auto add = [&](sqlite3* connection, SqliteStatement& statement, std::string_view sql) {
      if (code == SQLITE_OK) code = statement.prepare(connection, sql);
    };
    add(writer, begin, "BEGIN IMMEDIATE");
    add(writer, commit, "COMMIT");
    add(writer, has_room, "SELECT 1 FROM room WHERE id = ?1");
    add(writer, find_room, "SELECT id FROM room WHERE name = ?1");
    add(writer, add_room,
        "INSERT INTO room (name, epoch, seq, dropped_seq, count, bytes, oldest_ms, newest_ms, events, id) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    add(writer, update_room,
        "UPDATE room SET epoch = ?2, seq = ?3, dropped_seq = ?4, count = ?5, bytes = ?6, oldest_ms = ?7, newest_ms = "
        "?8, events = ?9 WHERE id = ?1");
    add(writer, remove_room, "DELETE FROM room WHERE id = ?1");
    add(writer, add_message,
        "INSERT INTO message (room, seq, time_ms, bytes, kind, target_seq, sender_id, sender_name, sender_user, event, "
        "payload_kind, payload, attributes, attachments, id, reply_to, edited_ms, redacted, added, reactions) VALUES "
        "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)");
    add(writer, remove_messages, "DELETE FROM message WHERE room = ?1");
    add(writer, oldest, "SELECT seq, bytes, time_ms, kind FROM message WHERE room = ?1 ORDER BY seq");
    add(writer, drop, "DELETE FROM message WHERE room = ?1 AND seq <= ?2");
    add(writer, set_value,
        "INSERT INTO value (room, key, value, time_ms) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (room, key) DO UPDATE SET value = excluded.value, time_ms = excluded.time_ms");
    add(writer, remove_value, "DELETE FROM value WHERE room = ?1 AND key = ?2");
    add(writer, remove_values, "DELETE FROM value WHERE room = ?1");
    add(writer, drop_reactions, "DELETE FROM reaction WHERE room = ?1 AND seq <= ?2");
    add(writer, remove_reactions, "DELETE FROM reaction WHERE room = ?1");
    add(writer, find_target,
        "SELECT kind, redacted, length(CAST(payload AS BLOB)) + ifnull(length(attachments), 0), length(attributes) "
        "FROM message WHERE room = ?1 AND seq = ?2");
    add(writer, edit,
        "UPDATE message SET payload_kind = ?3, payload = ?4, attachments = ?5, edited_ms = ?6, bytes = bytes + ?7 "
        "WHERE room = ?1 AND seq = ?2");
    add(writer, redact,
        "UPDATE message SET payload_kind = 0, payload = '', attachments = x'', attributes = x'', edited_ms = 0, "
        "redacted = 1, reactions = 0, bytes = bytes - ?3 WHERE room = ?1 AND seq = ?2");
    add(writer, redact_reactions, "DELETE FROM reaction WHERE room = ?1 AND seq = ?2");
    add(writer, event_bytes,
        "SELECT ifnull(sum(bytes), 0) FROM message WHERE room = ?1 AND target_seq = ?2 AND target_seq != 0");
    const std::string empty =
        "UPDATE message SET bytes = bytes - length(CAST(payload AS BLOB)) - ifnull(length(attachments), 0), "
        "payload_kind = 0, "
        "payload = '', attachments = x'', attributes = x'', redacted = 1 WHERE room = ?1 AND target_seq = ?2 AND "
        "target_seq != 0 AND redacted = 0 AND kind ";
    add(writer, empty_edits, empty + "= 1");
    add(writer, empty_events, empty + "IN (1, 4)");
    add(writer, add_reaction,
        "INSERT OR IGNORE INTO reaction (room, seq, reaction, user, event_seq) VALUES (?1, ?2, ?3, ?4, ?5)");
    add(writer, take_reaction, "DELETE FROM reaction WHERE room = ?1 AND seq = ?2 AND reaction = ?3 AND user = ?4");
    add(writer, count_reactions, "UPDATE message SET reactions = reactions + ?3 WHERE room = ?1 AND seq = ?2");
    add(writer, count_reaction, "SELECT count(*) FROM reaction WHERE room = ?1 AND seq = ?2 AND reaction = ?3");
    add(writer, target_text, texts + " AND seq = ?2");
    add(writer, oldest_texts, texts + " AND seq <= ?2");
    add(writer, all_texts, texts);
    add(writer, set_last_client, "UPDATE server SET value = ?1 WHERE key = 'last_client'");
    add(reader, read_begin, "BEGIN");
    add(reader, read_end, "COMMIT");
    add(reader, read_room, "SELECT id, epoch, dropped_seq FROM room WHERE name = ?1");
    add(reader, read_messages, columns + "seq > ?2 AND seq < ?3 ORDER BY seq DESC");
    add(reader, newest, "SELECT max(seq) FROM message WHERE room = ?1 AND seq > ?2 AND seq <= ?3");
    add(reader, read_message, columns + "seq = ?2 AND kind = 0 AND redacted = 0");
    add(reader, read_reactions, "SELECT reaction, user FROM reaction WHERE room = ?1 AND seq = ?2 ORDER BY event_seq");
    return code;
  }
};

SqliteBackend::SqliteBackend(SqliteOptions options) : options_(std::move(options)) {}

SqliteBackend::~SqliteBackend() { close(false); }

const char* SqliteBackend::library_version() { return sqlite3_libversion(); }

// Opening -----------------------------------------------------------------------------------------------------------------

Status SqliteBackend::lock_file() {
  std::error_code error;
  path_ = std::filesystem::weakly_canonical(options_.path, error).string();
  if (error) return {Error::system, options_.path + ": " + error.message()};
  const std::string lock_path = path_ + "-lock";
  lock_fd_ = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_fd_ == -1) {
    const int code = errno;
    return {code == EACCES || code == EPERM || code == EROFS ? Error::permission : Error::system,
            lock_path + ": " + std::strerror(code)};
  }
  if (::flock(lock_fd_, LOCK_EX | LOCK_NB) == 0) return {};
  const int code = errno;
  if (code == EWOULDBLOCK) return {Error::unavailable, path_ + ": another server uses this file"};
  return {Error::system, lock_path + ": " + std::strerror(code)};
}

Result<StoredRooms> SqliteBackend::load() {
  Status status = lock_file();
  if (status.ok()) status = open_database();
  if (status.ok()) status = migrate();
  if (status.ok()) status = begin_run();
  if (!status.ok()) {
    close(false);
    return status;
  }
  opened_ = true;
  Result<StoredRooms> rooms = load_rooms();
  if (rooms.ok()) return rooms;
  status = rooms.status();
  close(false);
  return status;
}

Status SqliteBackend::open_database() {
  Status status = writer_.open(path_, true);
  if (!status.ok()) return status;
  if (sqlite3_db_readonly(writer_.get(), "main") != 0) return {Error::permission, path_ + ": the file is read-only"};
  const Result<std::int64_t> tables = writer_.number("SELECT count(*) FROM sqlite_master");
  if (!tables.ok()) return tables.status();
  const Result<std::int64_t> owner = writer_.number("PRAGMA application_id");
  if (!owner.ok()) return owner.status();
  if (*tables != 0 && *owner != kApplicationId) {
    return {Error::unsupported, path_ + ": a database of another program"};
  }
  if (*tables == 0) status = writer_.run("PRAGMA auto_vacuum = INCREMENTAL");
  const Result<std::string> mode =
      status.ok() ? writer_.text("PRAGMA journal_mode = WAL") : Result<std::string>(status);
  if (!mode.ok()) return mode.status();
  if (*mode != "wal") return {Error::unsupported, path_ + ": the file system does not support SQLite's WAL mode"};
  status = writer_.run(options_.full_sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  if (status.ok()) status = writer_.run("PRAGMA cache_size = -8000; PRAGMA journal_size_limit = 16777216");
  sqlite3_wal_hook(
      writer_.get(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteBackend*>(self)->wal_pages_.store(pages, std::memory_order_relaxed);
        return SQLITE_OK;
      },
      this);
  return status;
}

Status SqliteBackend::migrate() {
  const Result<std::int64_t> version = writer_.number("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version > kSchemaVersion) {
    return {Error::unsupported, path_ + ": its tables have version " + std::to_string(*version) +
                                    ", and this library knows versions up to " + std::to_string(kSchemaVersion)};
  }
  for (auto from = static_cast<std::size_t>(*version); from < kMigrations.size(); ++from) {
    const std::string script = std::string("BEGIN IMMEDIATE;") + kMigrations[from] +
                               "PRAGMA application_id = " + std::to_string(kApplicationId) +
                               ";PRAGMA user_version = " + std::to_string(from + 1) + ";COMMIT";
    Status status = writer_.run(script.c_str());
    if (!status.ok()) {
      (void)writer_.run("ROLLBACK");
      return status;
    }
  }
  return {};
}

Status SqliteBackend::begin_run() {
  const auto value = [&](const char* key) {
    return writer_.text("SELECT value FROM server WHERE key = '" + std::string(key) + "'");
  };
  const Result<std::string> clean = value("clean");
  const Result<std::string> boot_id = value("boot_id");
  const Result<std::string> sync = value("synchronous");
  for (const Result<std::string>* one : {&clean, &boot_id, &sync}) {
    if (!one->ok()) return one->status();
  }
  const bool is_new = sync->empty();
  const bool may_have_lost = *clean != "1" && *sync == "normal" && (boot_id->empty() || *boot_id != options_.boot_id);
  Status status = writer_.run("BEGIN IMMEDIATE");
  if (status.ok() && !is_new && (may_have_lost || *boot_id == "restored")) {
    SqliteStatement ids;
    SqliteStatement update;
    int code = ids.prepare(writer_.get(), "SELECT id FROM room");
    if (code == SQLITE_OK) code = update.prepare(writer_.get(), "UPDATE room SET epoch = ?2 WHERE id = ?1");
    std::vector<std::int64_t> rooms;
    if (code == SQLITE_OK) {
      while ((code = ids.step()) == SQLITE_ROW) rooms.push_back(ids.number(0));
    }
    for (std::size_t i = 0; i < rooms.size() && (code == SQLITE_OK || code == SQLITE_DONE); ++i) {
      const std::string epoch = options_.make_epoch();
      code = update.bind(1, rooms[i]).bind_text(2, epoch).run();
    }
    status = writer_.status(code);
  }
  if (status.ok()) {
    SqliteStatement set;
    int code = set.prepare(writer_.get(),
                           "INSERT INTO server (key, value) VALUES (?1, ?2) "
                           "ON CONFLICT (key) DO UPDATE SET value = excluded.value");
    const std::array<std::pair<std::string_view, std::string_view>, 3> entries = {
        {{"clean", "0"}, {"boot_id", options_.boot_id}, {"synchronous", options_.full_sync ? "full" : "normal"}}};
    for (const auto& [key, text] : entries) {
      if (code == SQLITE_OK) code = set.bind_text(1, key).bind_text(2, text).run();
    }
    status = writer_.status(code);
  }
  if (status.ok()) status = writer_.run("INSERT OR IGNORE INTO server (key, value) VALUES ('last_client', 0); COMMIT");
  if (status.ok()) status = search_.open(writer_, options_.search);
  if (!status.ok()) return status;
  status = reader_.open(path_, false);
  if (!status.ok()) return status;
  // Only the writer's transactions need this setting; upkeep() is part of them.
  status = reader_.run("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -4000");
  if (!status.ok()) return status;
  statements_ = std::make_unique<Statements>();
  int code = statements_->prepare(writer_.get(), reader_.get());
  if (code == SQLITE_OK) code = search_.prepare(reader_.get());
  return writer_.status(code);
}

Result<StoredRooms> SqliteBackend::load_rooms() {
  StoredRooms result;
  SqliteStatement rows;
  int code = rows.prepare(
      writer_.get(), "SELECT id, name, epoch, seq, dropped_seq, count, bytes, oldest_ms, newest_ms, events FROM room");
  if (code == SQLITE_OK) {
    while ((code = rows.step()) == SQLITE_ROW) {
      result.rooms.push_back({rows.number(0), std::string(rows.text(1)), std::string(rows.text(2)),
                              static_cast<std::uint64_t>(rows.number(3)), static_cast<std::uint64_t>(rows.number(4)),
                              rows.number(5), rows.number(6), rows.number(7), rows.number(8), rows.number(9)});
    }
  }
  if (code != SQLITE_DONE) return writer_.status(code);
  for (const StoredRoom& room : result.rooms) next_room_ = std::max(next_room_, room.id + 1);
  if (const Status status = load_values(result); !status.ok()) return status;
  const Result<std::int64_t> last = writer_.number("SELECT value FROM server WHERE key = 'last_client'");
  if (!last.ok()) return last.status();
  result.last_client_number = last_client_number_ = static_cast<std::uint64_t>(*last);
  return result;
}

Status SqliteBackend::load_values(StoredRooms& loaded) {
  std::unordered_map<std::int64_t, std::size_t> by_id;
  SqliteStatement rows;
  int code = rows.prepare(writer_.get(), "SELECT room, key, value, time_ms FROM value");
  if (code != SQLITE_OK) return writer_.status(code);
  while ((code = rows.step()) == SQLITE_ROW) {
    if (by_id.empty()) {
      for (std::size_t i = 0; i < loaded.rooms.size(); ++i) by_id.emplace(loaded.rooms[i].id, i);
    }
    const auto room = by_id.find(rows.number(0));
    if (room == by_id.end()) continue;
    loaded.values.push_back({room->second, {std::string(rows.text(1)), std::string(rows.text(2)), rows.number(3)}});
  }
  return writer_.status(code);
}

// Reads each room from its newest message back, because the ids have no index.
Result<std::vector<KeptMessageId>> SqliteBackend::message_ids(std::int64_t since_ms, std::size_t limit) {
  std::vector<KeptMessageId> ids;
  SqliteStatement rooms;
  SqliteStatement rows;
  int code = rooms.prepare(writer_.get(), "SELECT id, name, epoch FROM room WHERE newest_ms >= ?1");
  if (code == SQLITE_OK) {
    code =
        rows.prepare(writer_.get(),
                     "SELECT seq, time_ms, sender_id, sender_user, id FROM message WHERE room = ?1 ORDER BY seq DESC");
  }
  if (code != SQLITE_OK) return writer_.status(code);
  rooms.bind(1, since_ms);
  while (ids.size() < limit && (code = rooms.step()) == SQLITE_ROW) {
    rows.bind(1, rooms.number(0));
    while (ids.size() < limit && (code = rows.step()) == SQLITE_ROW && rows.number(1) >= since_ms) {
      if (rows.text(4).empty()) continue;
      KeptMessageId& kept = ids.emplace_back();
      kept.room = rooms.text(1);
      kept.epoch = rooms.text(2);
      kept.seq = static_cast<std::uint64_t>(rows.number(0));
      kept.time_ms = rows.number(1);
      kept.sender.id = static_cast<ClientId>(rows.number(2));
      kept.sender.user_id = rows.text(3);
      kept.id = rows.text(4);
    }
    rows.reset();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return writer_.status(code);
  }
  if (code != SQLITE_ROW && code != SQLITE_DONE) return writer_.status(code);
  return ids;
}

void SqliteBackend::close(bool clean) {
  if (opened_ && clean) (void)writer_.run("UPDATE server SET value = '1' WHERE key = 'clean'");
  opened_ = false;
  statements_.reset();
  search_.close();
  reader_.close();
  writer_.close();
  if (lock_fd_ == -1) return;
  ::flock(lock_fd_, LOCK_UN);  // a child of fork() may have the descriptor too
  ::close(lock_fd_);
  lock_fd_ = -1;
}

// Writing -----------------------------------------------------------------------------------------------------------------

Status SqliteBackend::write(std::span<RoomChange> changes, std::uint64_t last_client_number) {
  after_.clear();
  for (const RoomChange& change : changes) after_.push_back(change.room);
  int code = statements_->begin.run();
  try {
    for (std::size_t i = 0; i < changes.size() && code == SQLITE_OK; ++i) code = apply(changes[i], after_[i]);
    if (code == SQLITE_OK) code = search_.write();
  } catch (...) {
    search_.forget();
    (void)writer_.run("ROLLBACK");
    throw;
  }
  if (code == SQLITE_OK && last_client_number > last_client_number_) {
    code = statements_->set_last_client.bind(1, to_sql(last_client_number)).run();
  }
  if (code == SQLITE_OK) code = statements_->commit.run();
  if (code != SQLITE_OK) {
    Status status = writer_.status(code);
    search_.forget();
    if (sqlite3_get_autocommit(writer_.get()) == 0) (void)writer_.run("ROLLBACK");
    // Whatever happened to the disk, the client may try again.
    if (status.code != Error::no_memory) status.code = Error::unavailable;
    return status;
  }
  last_client_number_ = std::max(last_client_number_, last_client_number);
  for (std::size_t i = 0; i < changes.size(); ++i) changes[i].room = std::move(after_[i]);
  if (wal_pages_.load(std::memory_order_relaxed) >= kMaxWalPages) {
    // It fails while another program reads. Then the log grows, and the next transaction tries again.
    sqlite3_wal_checkpoint_v2(writer_.get(), nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
  }
  return {};
}

int SqliteBackend::set_values(const RoomChange& change, std::int64_t room) {
  int code = SQLITE_OK;
  for (const RoomValue& one : change.values) {
    if (code != SQLITE_OK) break;
    SqliteStatement& statement = one.value.empty() ? statements_->remove_value : statements_->set_value;
    statement.bind(1, room).bind_text(2, one.key);
    if (!one.value.empty()) statement.bind_blob(3, one.value).bind(4, one.time_ms);
    code = statement.run();
  }
  return code;
}

int SqliteBackend::apply(const RoomChange& change, StoredRoom& room) {
  Statements& sql = *statements_;
  int code = SQLITE_OK;
  if (change.clear || room.id == 0) {
    // What is stored under this name is of an earlier epoch.
    code = sql.find_room.bind_text(1, room.name).step();
    const std::int64_t old = code == SQLITE_ROW ? sql.find_room.number(0) : 0;
    sql.find_room.reset();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return code;
    code = SQLITE_OK;
    if (old != 0) code = remove(old);
    room.id = 0;
    room.count = room.events = room.bytes = room.oldest_ms = 0;
    if (code != SQLITE_OK) return code;
  }
  if (change.remove) {
    if (room.id != 0) code = remove(room.id);
    room.id = 0;
    room.count = room.events = room.bytes = room.oldest_ms = 0;
    return code;
  }
  const bool is_new = room.id == 0;
  const bool sets_values =
      std::any_of(change.values.begin(), change.values.end(), [](const RoomValue& one) { return !one.value.empty(); });
  if (is_new && change.messages.empty() && !sets_values)
    return code;  // a room without messages and values is not stored
  const auto bind_room = [&](SqliteStatement& statement) -> SqliteStatement& {
    return statement.bind_text(2, room.epoch)
        .bind(3, to_sql(room.seq))
        .bind(4, to_sql(room.dropped_seq))
        .bind(5, room.count)
        .bind(6, room.bytes)
        .bind(7, room.oldest_ms)
        .bind(8, room.newest_ms)
        .bind(9, room.events);
  };
  if (is_new) {
    bind_room(sql.add_room).bind_text(1, room.name);
    code = add_room(room);
    if (code != SQLITE_OK) return code;
  }
  code = set_values(change, room.id);
  if (code != SQLITE_OK) return code;
  for (const MessagePtr& message : change.messages) {
    code = add(room, *message);
    if (code != SQLITE_OK) return code;
  }
  code = trim(change, room);
  if (code != SQLITE_OK) return code;
  return bind_room(sql.update_room).bind(1, room.id).run();
}

// Ids of removed rooms are used again, so that they stay low: see SearchIndex::kMaxRoom. The statement has all other values.
int SqliteBackend::add_room(StoredRoom& room) {
  Statements& sql = *statements_;
  sql.add_room.bind_blob(10, {});  // SQLite chooses a high one
  for (int tries = 0; tries < kRoomIds; ++tries) {
    if (next_room_ > SearchIndex::kMaxRoom) next_room_ = 1;
    const int code = sql.has_room.bind(1, next_room_).step();
    sql.has_room.reset();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return code;
    if (code == SQLITE_DONE) {
      sql.add_room.bind(10, next_room_);
      break;
    }
    ++next_room_;
  }
  const int code = sql.add_room.run();
  room.id = sqlite3_last_insert_rowid(writer_.get());
  return code;
}

int SqliteBackend::remove_texts(SqliteStatement& rows, std::int64_t room) {
  const SqliteReset reset(rows);
  int code = SQLITE_OK;
  while (code == SQLITE_OK && (code = rows.step()) == SQLITE_ROW) {
    code = search_.remove(room, rows.number(0), rows.number(1), rows.text(2));
  }
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

int SqliteBackend::remove(std::int64_t room) {
  int code = search_.is_open() ? remove_texts(statements_->all_texts.bind(1, room), room) : SQLITE_OK;
  if (code == SQLITE_OK) code = statements_->remove_messages.bind(1, room).run();
  if (code == SQLITE_OK) code = statements_->remove_reactions.bind(1, room).run();
  if (code == SQLITE_OK) code = statements_->remove_values.bind(1, room).run();
  if (code == SQLITE_OK) code = statements_->remove_room.bind(1, room).run();
  return code;
}

int SqliteBackend::add(StoredRoom& room, const Message& message) {
  const bool is_event = message.event_kind != RoomEventKind::message;
  Effect effect{message.extra->redacted, 0};
  int code = SQLITE_OK;
  if (is_event && !effect.is_empty) code = change_target(room, message, effect);
  if (code != SQLITE_OK) return code;
  const bool has_content = !is_event || !effect.is_empty;
  const std::string attributes = has_content ? packed(message.attributes) : std::string();
  const std::string attachments = has_content ? packed(message.attachments) : std::string();
  const std::int64_t bytes = stored_bytes(message);
  code = statements_->add_message.bind(1, room.id)
             .bind(2, to_sql(message.seq))
             .bind(3, message.time_ms)
             .bind(4, bytes)
             .bind(5, static_cast<std::int64_t>(message.event_kind))
             .bind(6, to_sql(message.target_seq))
             .bind(7, to_sql(message.sender.id))
             .bind_text(8, message.sender.name)
             .bind_text(9, message.sender.user_id)
             .bind_text(10, message.event)
             .bind(11, static_cast<std::int64_t>(message.kind))
             .bind_text(12, has_content ? std::string_view(message.payload) : std::string_view())
             .bind_blob(13, attributes)
             .bind_blob(14, attachments)
             .bind_text(15, message.id)
             .bind(16, to_sql(message.extra->reply_to))
             .bind(17, message.extra->edited_ms)
             .bind(18, effect.is_empty ? 1 : 0)
             .bind(19, message.extra->added ? 1 : 0)
             .bind(20, effect.count)
             .run();
  if (code == SQLITE_OK && !is_event && !effect.is_empty) {
    code = search_.add(room.id, to_sql(message.seq), static_cast<std::int64_t>(message.kind), message.payload);
  }
  if (code != SQLITE_OK) return code;
  room.seq = std::max(room.seq, message.seq);
  if (room.is_empty()) room.oldest_ms = message.time_ms;
  ++(is_event ? room.events : room.count);
  room.bytes += bytes;
  room.newest_ms = message.time_ms;
  return SQLITE_OK;
}

// The same as chat::changed() and History::append() do in memory.
int SqliteBackend::change_target(StoredRoom& room, const Message& event, Effect& effect) {
  Statements& sql = *statements_;
  const std::int64_t seq = to_sql(event.target_seq);
  int code = sql.find_target.bind(1, room.id).bind(2, seq).step();
  const bool found = code == SQLITE_ROW;
  const bool is_message = found && sql.find_target.number(0) == 0;
  const bool redacted = found && sql.find_target.number(1) != 0;
  const std::int64_t content_bytes = found ? sql.find_target.number(2) : 0;
  const std::int64_t attribute_bytes = found ? sql.find_target.number(3) : 0;
  sql.find_target.reset();
  if (code != SQLITE_ROW && code != SQLITE_DONE) return code;
  effect.is_empty = redacted;
  if (!is_message || redacted) return SQLITE_OK;
  if (event.event_kind == RoomEventKind::reaction) return change_reaction(room.id, event, effect);
  if (search_.is_open()) {
    code = remove_texts(sql.target_text.bind(1, room.id).bind(2, seq), room.id);
    if (code != SQLITE_OK) return code;
  }
  std::string attachments;
  if (event.event_kind == RoomEventKind::edit) {
    attachments = packed(event.attachments);
    const auto new_bytes = static_cast<std::int64_t>(event.payload.size() + attachments.size());
    room.bytes += new_bytes - content_bytes;
    code = sql.edit.bind(1, room.id)
               .bind(2, seq)
               .bind(3, static_cast<std::int64_t>(event.kind))
               .bind_text(4, event.payload)
               .bind_blob(5, attachments)
               .bind(6, event.time_ms)
               .bind(7, new_bytes - content_bytes)
               .run();
    if (code == SQLITE_OK) {
      code = search_.add(room.id, seq, static_cast<std::int64_t>(event.kind), event.payload);
    }
  } else {
    const std::int64_t bytes = content_bytes + attribute_bytes;
    room.bytes -= bytes;
    code = sql.redact.bind(1, room.id).bind(2, seq).bind(3, bytes).run();
    if (code == SQLITE_OK) code = sql.redact_reactions.bind(1, room.id).bind(2, seq).run();
    if (code == SQLITE_OK) code = search_.note_redaction();
  }
  const auto event_bytes = [&] {
    std::int64_t bytes = 0;
    if (code != SQLITE_OK) return bytes;
    code = sql.event_bytes.bind(1, room.id).bind(2, seq).step();
    if (code == SQLITE_ROW) {
      bytes = sql.event_bytes.number(0);
      code = SQLITE_OK;
    }
    sql.event_bytes.reset();
    return bytes;
  };
  const std::int64_t before = event_bytes();
  SqliteStatement& empty = event.event_kind == RoomEventKind::edit ? sql.empty_edits : sql.empty_events;
  if (code == SQLITE_OK) code = empty.bind(1, room.id).bind(2, seq).run();
  room.bytes += event_bytes() - before;
  return code;
}

int SqliteBackend::change_reaction(std::int64_t room, const Message& event, Effect& effect) {
  Statements& sql = *statements_;
  const std::int64_t seq = to_sql(event.target_seq);
  const std::string user = user_key(event.sender);
  SqliteStatement& change = event.extra->added ? sql.add_reaction : sql.take_reaction;
  change.bind(1, room).bind(2, seq).bind_text(3, event.payload).bind_text(4, user);
  if (event.extra->added) change.bind(5, to_sql(event.seq));
  int code = change.run();
  if (code != SQLITE_OK) return code;
  if (sqlite3_changes(writer_.get()) != 0) {
    code = sql.count_reactions.bind(1, room).bind(2, seq).bind(3, event.extra->added ? 1 : -1).run();
    if (code != SQLITE_OK) return code;
  }
  code = sql.count_reaction.bind(1, room).bind(2, seq).bind_text(3, event.payload).step();
  if (code == SQLITE_ROW) effect.count = sql.count_reaction.number(0);
  sql.count_reaction.reset();
  return code == SQLITE_ROW ? SQLITE_OK : code;
}

// Drops the oldest messages above the limits.
int SqliteBackend::trim(const RoomChange& change, StoredRoom& room) {
  const std::int64_t bytes_before = room.bytes;
  const auto too_many = [&](std::int64_t oldest_ms) {
    return above_limits(options_.limits, room.count, room.events, room.bytes) ||
           bytes_before - room.bytes < change.drop_bytes || oldest_ms < change.drop_before_ms;
  };
  if (room.is_empty() || !too_many(room.oldest_ms)) return SQLITE_OK;
  Statements& sql = *statements_;
  std::uint64_t last_dropped = 0;
  int code = SQLITE_OK;
  sql.oldest.bind(1, room.id);
  while ((code = sql.oldest.step()) == SQLITE_ROW) {
    room.oldest_ms = sql.oldest.number(2);
    if (!too_many(room.oldest_ms)) break;
    last_dropped = static_cast<std::uint64_t>(sql.oldest.number(0));
    room.bytes -= sql.oldest.number(1);
    --(sql.oldest.number(3) == 0 ? room.count : room.events);
  }
  sql.oldest.reset();
  if (code != SQLITE_ROW && code != SQLITE_DONE) return code;
  if (code == SQLITE_DONE) room.count = room.events = room.bytes = room.oldest_ms = 0;
  room.dropped_seq = std::max(room.dropped_seq, last_dropped);
  if (search_.is_open()) {
    code = remove_texts(sql.oldest_texts.bind(1, room.id).bind(2, to_sql(last_dropped)), room.id);
    if (code != SQLITE_OK) return code;
  }
  code = sql.drop.bind(1, room.id).bind(2, to_sql(last_dropped)).run();
  return code == SQLITE_OK ? sql.drop_reactions.bind(1, room.id).bind(2, to_sql(last_dropped)).run() : code;
}

bool SqliteBackend::release_space() {
  search_.purge();
  const Result<std::int64_t> free = writer_.number("PRAGMA freelist_count");
  if (!free.ok() || *free <= kFreePages) return false;
  const std::string vacuum = "PRAGMA incremental_vacuum(" + std::to_string(kFreePages) + ")";
  return writer_.run(vacuum.c_str()).ok() && *free > 2 * kFreePages;
}

// Reading -----------------------------------------------------------------------------------------------------------------

KeptRange SqliteBackend::read(const KeptQuery& query, Moment now) {
  KeptRange range;
  range.before_seq = query.before_seq;
  int code = statements_->read_begin.run();
  try {
    if (code == SQLITE_OK) code = read_room(query, now, range);
  } catch (...) {
    statements_->read_room.reset();
    statements_->read_messages.reset();
    statements_->read_reactions.reset();
    statements_->newest.reset();
    statements_->read_message.reset();
    search_.reset_find();
    (void)reader_.run("ROLLBACK");
    throw;
  }
  if (code == SQLITE_OK) code = statements_->read_end.run();
  if (code != SQLITE_OK) {
    range.status = reader_.status(code);
    if (range.status.code != Error::no_memory) range.status.code = Error::unavailable;
    range.messages.clear();
    if (sqlite3_get_autocommit(reader_.get()) == 0) (void)reader_.run("ROLLBACK");
  }
  return range;
}

int SqliteBackend::read_room(const KeptQuery& query, Moment now, KeptRange& range) {
  SqliteStatement& row = statements_->read_room;
  const int code = row.bind_text(1, query.room).step();
  std::int64_t room = 0;
  range.after_seq = query.after_seq;
  if (code == SQLITE_ROW) {
    room = row.number(0);
    range.epoch = row.text(1);
    range.after_seq = std::max(query.after_seq, static_cast<std::uint64_t>(row.number(2)));
  }
  row.reset();
  range.complete = range.after_seq == query.after_seq;
  if (code != SQLITE_ROW) return code == SQLITE_DONE ? SQLITE_OK : code;
  if (range.epoch != query.epoch) return SQLITE_OK;
  return query.text.empty() ? read_messages(query, now, room, range) : search(query, now, room, range);
}

int SqliteBackend::read_messages(const KeptQuery& query, Moment now, std::int64_t room, KeptRange& range) {
  SqliteStatement& rows = statements_->read_messages;
  rows.bind(1, room).bind(2, to_sql(range.after_seq)).bind(3, to_sql(query.before_seq));
  std::int64_t bytes = 0;
  std::size_t messages = 0;
  int code = SQLITE_OK;
  while ((code = rows.step()) == SQLITE_ROW) {
    bytes += rows.number(12);
    const bool enough =
        (query.limit != 0 && messages == query.limit) || (bytes > kReadBytes && !range.messages.empty());
    const bool too_old = exceeds(now.time_ms - rows.number(1), options_.limits.age_ms);
    if (enough || too_old) {
      range.after_seq = static_cast<std::uint64_t>(rows.number(0));
      range.complete = false;
      break;
    }
    code = take(rows, query, now, room, range);
    if (code != SQLITE_ROW) break;
    if (is_message(range.messages.back())) ++messages;
  }
  rows.reset();
  std::reverse(range.messages.begin(), range.messages.end());
  return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

int SqliteBackend::take(const SqliteStatement& row, const KeptQuery& query, Moment now, std::int64_t room,
                        KeptRange& range) {
  std::shared_ptr<Message> message = message_of(row);
  message->room = query.room;
  message->epoch = query.epoch;
  message->born_ms = now.age_ms - (now.time_ms - std::min(message->time_ms, now.time_ms));
  int code = SQLITE_ROW;
  if (message->event_kind == RoomEventKind::message && row.number(18) != 0) code = read_reactions(room, *message);
  if (code == SQLITE_ROW) range.messages.push_back(std::move(message));
  return code;
}

int SqliteBackend::search(const KeptQuery& query, Moment now, std::int64_t room, KeptRange& range) {
  if (!search_.is_open()) return SQLITE_MISUSE;  // the hub does not ask then
  const std::int64_t dropped = to_sql(range.after_seq);
  SqliteStatement& newest = statements_->newest;
  std::int64_t last = std::min(to_sql(query.before_seq) - 1, SearchIndex::kMaxSeq);
  int code = SQLITE_OK;
  bool stopped = room > SearchIndex::kMaxRoom;
  range.complete = true;
  const std::string words = SearchIndex::match_of(query.text);
  std::int64_t bytes = 0;
  const auto end = std::chrono::steady_clock::now() + kSearchTime;
  for (int slice = 0; !stopped && code == SQLITE_OK; ++slice) {
    // Where there are no messages there is nothing to look at.
    code = newest.bind(1, room).bind(2, dropped).bind(3, last).step();
    last = code == SQLITE_ROW ? newest.number(0) : 0;
    newest.reset();
    if (code != SQLITE_ROW || last == 0) break;
    if (slice == kSearchSlices || (slice != 0 && std::chrono::steady_clock::now() >= end)) {
      range.after_seq = static_cast<std::uint64_t>(last);
      range.complete = false;
      break;
    }
    const std::int64_t first = std::max(dropped + 1, last - SearchIndex::kMaxSlice + 1);
    SqliteStatement& rows = search_.find(words, SearchIndex::row_of(room, first), SearchIndex::row_of(room, last));
    code = search_slice(rows, query, now, room, range, bytes, stopped);
    last = first - 1;
  }
  std::reverse(range.messages.begin(), range.messages.end());
  return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

int SqliteBackend::search_slice(SqliteStatement& rows, const KeptQuery& query, Moment now, std::int64_t room,
                                KeptRange& range, std::int64_t& bytes, bool& stopped) {
  SqliteStatement& row = statements_->read_message;
  int code = SQLITE_OK;
  while (!stopped && (code = rows.step()) == SQLITE_ROW) {
    const std::int64_t seq = SearchIndex::seq_of(rows.number(0));
    code = row.bind(1, room).bind(2, seq).step();
    if (code == SQLITE_ROW) {
      bytes += row.number(12);
      const bool too_old = exceeds(now.time_ms - row.number(1), options_.limits.age_ms);  // and so are all before it
      const bool enough = range.messages.size() == query.limit || (bytes > kReadBytes && !range.messages.empty());
      stopped = too_old || enough;
      if (stopped) {
        range.after_seq = static_cast<std::uint64_t>(seq);
        range.complete = too_old;
      } else {
        code = take(row, query, now, room, range);
      }
    }
    row.reset();
    if (code != SQLITE_ROW && code != SQLITE_DONE) break;
  }
  rows.reset();
  return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

// SQLITE_ROW or an error.
int SqliteBackend::read_reactions(std::int64_t room, Message& message) {
  std::vector<std::pair<std::string, Reaction::Users>> all;
  SqliteStatement& rows = statements_->read_reactions;
  rows.bind(1, room).bind(2, to_sql(message.seq));
  int code = SQLITE_OK;
  while ((code = rows.step()) == SQLITE_ROW) {
    const std::string_view text = rows.text(0);
    auto reaction = std::ranges::find_if(all, [&](const auto& one) { return one.first == text; });
    if (reaction == all.end()) reaction = all.insert(all.end(), {std::string(text), {}});
    reaction->second.emplace_back(rows.text(1));
  }
  rows.reset();
  if (code != SQLITE_DONE) return code;
  std::vector<Reaction>& reactions = message.extra.make().reactions;
  for (auto& [text, users] : all) {
    reactions.push_back({std::move(text), std::make_shared<const Reaction::Users>(std::move(users))});
  }
  return SQLITE_ROW;
}

bool SqliteBackend::needs_upkeep() const {
  const int pages = wal_pages_.load(std::memory_order_relaxed);
  const int upkept = upkept_pages_.load(std::memory_order_relaxed);
  return pages >= kUpkeepPages && (pages < upkept || pages - upkept >= kUpkeepPages);
}

// This waits for the disk, which the writer would have to do otherwise.
void SqliteBackend::upkeep() {
  upkept_pages_.store(wal_pages_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  sqlite3_wal_checkpoint_v2(reader_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

std::int64_t SqliteBackend::file_bytes() const {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path_, error);
  return error ? 0 : static_cast<std::int64_t>(bytes);
}

}  // namespace chat::store
