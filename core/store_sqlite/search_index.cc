// See search_index.h.
#include "store_sqlite/search_index.h"

#include <algorithm>
#include <utility>

#include "model/search_words.h"

namespace chat::store {
namespace {

// Texts that wait for write() are at most so much, so that the removal of many rooms needs little memory.
constexpr std::size_t kNotedBytes = 4 << 20;
// Messages in one transaction of the first build.
constexpr int kBuildRows = 10'000;
// So many pages of the index are written in one step of a purge.
constexpr int kPurgePages = 250;

const char* tokenizer_of(HistorySearch kind) {
  return kind == HistorySearch::parts ? "trigram" : "unicode61 remove_diacritics 2";
}
const char* name_of(HistorySearch kind) { return kind == HistorySearch::parts ? "parts" : "words"; }

}  // namespace

struct SearchIndex::Statements {
  SqliteStatement strings;  // in a JSON array of arguments
  SqliteStatement add;
  SqliteStatement remove;
  SqliteStatement set_redacted;
  SqliteStatement begin_purge;
  SqliteStatement purge;
  SqliteStatement find;  // of the reader
};

SearchIndex::SearchIndex() = default;
SearchIndex::~SearchIndex() = default;

void SearchIndex::close() { sql_.reset(); }

std::string SearchIndex::match_of(std::string_view text) {
  std::string match;
  for (const std::string_view word : search_words(text)) {
    match += match.empty() ? "\"" : " \"";
    for (const char c : word) match.append(c == '"' ? 2 : 1, c);
    match += '"';
  }
  return match;
}

Status SearchIndex::open(SqliteConnection& writer, HistorySearch kind) {
  writer_ = &writer;
  const Result<std::string> built = writer.text("SELECT value FROM server WHERE key = 'search'");
  const Result<std::int64_t> tables = writer.number("SELECT count(*) FROM sqlite_master WHERE name = 'search'");
  const Result<std::int64_t> redacted = writer.number("SELECT value FROM server WHERE key = 'search_redacted'");
  if (!built.ok()) return built.status();
  if (!tables.ok()) return tables.status();
  if (!redacted.ok()) return redacted.status();
  has_redacted_ = *redacted != 0;
  const bool is_on = kind != HistorySearch::off;
  const bool is_built = *tables != 0 && is_on && *built == name_of(kind);
  if (*tables != 0 && !is_built) {
    // It lacks what was written without it, and has what was redacted meanwhile.
    Status status = writer.run(
        "BEGIN IMMEDIATE; DELETE FROM server WHERE key IN ('search', 'search_redacted'); DROP TABLE search; COMMIT");
    if (!status.ok()) {
      (void)writer.run("ROLLBACK");
      return status;
    }
    has_redacted_ = false;
  }
  if (!is_on) return {};
  if (!is_built) {
    const std::string create = "CREATE VIRTUAL TABLE search USING fts5(text, content='', columnsize=0, tokenize='" +
                               std::string(tokenizer_of(kind)) + "')";
    Status status = writer.run(create.c_str());
    if (!status.ok() && status.detail.find("no such") != std::string::npos) status.code = Error::unsupported;
    if (!status.ok()) return status;
  }
  Status status = writer.status(prepare_writer());
  if (!status.ok() || is_built) return status;
  status = build();
  if (!status.ok()) return status;
  // Until then another start would begin again.
  const std::string done =
      "INSERT OR REPLACE INTO server (key, value) VALUES ('search', '" + std::string(name_of(kind)) + "')";
  return writer.run(done.c_str());
}

int SearchIndex::prepare_writer() {
  sql_ = std::make_unique<Statements>();
  int code = SQLITE_OK;
  const auto prepare_one = [&](SqliteStatement& statement, std::string_view sql) {
    if (code == SQLITE_OK) code = statement.prepare(writer_->get(), sql);
  };
  // Strings of a JSON array, however deep, without the names of members.
  prepare_one(
      sql_->strings,
      "SELECT CASE WHEN json_valid(?1) THEN (SELECT group_concat(atom, char(10)) FROM json_tree(?1) WHERE type = "
      "'text') END");
  prepare_one(sql_->add, "INSERT INTO search (rowid, text) VALUES (?1, ?2)");
  prepare_one(sql_->remove, "INSERT INTO search (search, rowid, text) VALUES ('delete', ?1, ?2)");
  prepare_one(sql_->set_redacted, "INSERT OR REPLACE INTO server (key, value) VALUES ('search_redacted', ?1)");
  prepare_one(sql_->begin_purge, "INSERT INTO search (search, rank) VALUES ('merge', -?1)");
  prepare_one(sql_->purge, "INSERT INTO search (search, rank) VALUES ('merge', ?1)");
  return code;
}

int SearchIndex::prepare(sqlite3* reader) {
  if (!is_open()) return SQLITE_OK;
  return sql_->find.prepare(
      reader, "SELECT rowid FROM search WHERE search MATCH ?1 AND rowid >= ?2 AND rowid <= ?3 ORDER BY rowid DESC");
}

Status SearchIndex::build() {
  SqliteStatement rows;
  int code =
      rows.prepare(writer_->get(),
                   "SELECT room, seq, payload_kind, payload FROM message WHERE (room, seq) > (?1, ?2) AND kind = 0 "
                   "AND redacted = 0 ORDER BY room, seq LIMIT ?3");
  std::int64_t room = -1;
  std::int64_t seq = 0;
  for (int count = kBuildRows; count == kBuildRows && code == SQLITE_OK;) {
    count = 0;
    if (Status status = writer_->run("BEGIN IMMEDIATE"); !status.ok()) return status;
    rows.bind(1, room).bind(2, seq).bind(3, kBuildRows);
    while (code == SQLITE_OK && (code = rows.step()) == SQLITE_ROW) {
      ++count;
      room = rows.number(0);
      seq = rows.number(1);
      code = add(room, seq, rows.number(2), rows.text(3));
    }
    rows.reset();
    if (code == SQLITE_DONE) code = write();
    if (code != SQLITE_OK) break;
    if (Status status = writer_->run("COMMIT"); !status.ok()) return status;
    // Nobody else does this yet. It fails while another program reads, and the log grows then.
    sqlite3_wal_checkpoint_v2(writer_->get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  }
  Status status = writer_->status(code);
  if (!status.ok()) (void)writer_->run("ROLLBACK");
  return status;
}

int SearchIndex::add(std::int64_t room, std::int64_t seq, std::int64_t payload_kind, std::string_view payload) {
  return note(room, seq, payload_kind, payload, false);
}

int SearchIndex::remove(std::int64_t room, std::int64_t seq, std::int64_t payload_kind, std::string_view payload) {
  return note(room, seq, payload_kind, payload, true);
}

int SearchIndex::note(std::int64_t room, std::int64_t seq, std::int64_t payload_kind, std::string_view payload,
                      bool removes) {
  if (!is_open() || room > kMaxRoom || seq > kMaxSeq) return SQLITE_OK;
  const SqliteReset reset(sql_->strings);
  if (payload_kind == 1) {
    const int code = sql_->strings.bind_text(1, payload).step();
    if (code != SQLITE_ROW) return code;
    payload = sql_->strings.text(0);
  }
  notes_.push_back({row_of(room, seq), std::string(payload.substr(0, kTextBytes)), removes});
  noted_bytes_ += notes_.back().text.size() + sizeof(Note);
  return noted_bytes_ >= kNotedBytes ? write() : SQLITE_OK;
}

int SearchIndex::write() {
  std::ranges::stable_sort(notes_, {}, &Note::row);
  int code = SQLITE_OK;
  for (auto first = notes_.begin(); first != notes_.end() && code == SQLITE_OK;) {
    const auto end = std::find_if(first, notes_.end(), [&](const Note& one) { return one.row != first->row; });
    // Between the first and the last note of a row the texts come and go.
    if (first->removes) code = sql_->remove.bind(1, first->row).bind_text(2, first->text).run();
    const Note& last = *std::prev(end);
    if (code == SQLITE_OK && !last.removes) code = sql_->add.bind(1, last.row).bind_text(2, last.text).run();
    first = end;
  }
  notes_.clear();
  noted_bytes_ = 0;
  return code;
}

void SearchIndex::forget() {
  notes_.clear();
  noted_bytes_ = 0;
}

// FTS5 marks what is removed, and drops it when it merges the part that has it with all older ones.
int SearchIndex::note_redaction() {
  if (!is_open()) return SQLITE_OK;
  has_redacted_ = true;
  return sql_->set_redacted.bind(1, 1).run();
}

void SearchIndex::purge() {
  if (!is_open() || (!has_redacted_ && !purging_)) return;
  const bool begins = !purging_;
  if (begins) {
    purging_ = true;
    has_redacted_ = false;  // those that come from now on need another purge
  }
  const int before = sqlite3_total_changes(writer_->get());
  const int code = (begins ? sql_->begin_purge : sql_->purge).bind(1, kPurgePages).run();
  if (code != SQLITE_OK) {
    has_redacted_ = true;
    purging_ = false;
    return;
  }
  if (begins || sqlite3_total_changes(writer_->get()) - before >= 2) return;
  purging_ = false;
  if (!has_redacted_ && sql_->set_redacted.bind(1, 0).run() != SQLITE_OK) has_redacted_ = true;
}

void SearchIndex::reset_find() {
  if (is_open()) sql_->find.reset();
}

SqliteStatement& SearchIndex::find(std::string_view words, std::int64_t first_row, std::int64_t last_row) {
  return sql_->find.bind_text(1, words).bind(2, first_row).bind(3, last_row);
}

}  // namespace chat::store
