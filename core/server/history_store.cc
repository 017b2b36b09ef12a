// See history_store.h.
#include "server/history_store.h"

#include <utility>

#include "hub/epoch.h"
#include "net/base/clock.h"
#include "net/base/platform.h"
#ifdef CHAT_WITH_SQLITE
#include "store_sqlite/sqlite_backend.h"
#endif

namespace chat::net {
namespace {

Result<std::unique_ptr<store::StoreBackend>> file_backend(const ServerOptions& options) {
#ifdef CHAT_WITH_SQLITE
  store::SqliteOptions file;
  file.path = options.history_path;
  file.full_sync = options.history_full_sync;
  file.limits = options.hub.history;
  file.boot_id = boot_id();
  file.search = options.history_search;
  // The rooms that are opened get their epochs from the same seed, from the other end.
  file.make_epoch = [seed = options.hub.epoch_seed, number = std::uint64_t{0}]() mutable {
    return make_epoch(seed, --number);
  };
  return std::unique_ptr<store::StoreBackend>(std::make_unique<store::SqliteBackend>(std::move(file)));
#else
  (void)options;
  return {Error::unsupported, "history_path: this build has no SQLite"};
#endif
}

}  // namespace

Result<std::unique_ptr<store::StoredHistory>> open_history_store(const ServerOptions& options, Application& application,
                                                                 std::unique_ptr<store::StoreBackend> backend) {
  std::unique_ptr<store::StoredHistory> history;
  if (!backend && !options.history_path.empty()) {
    Result<std::unique_ptr<store::StoreBackend>> file = file_backend(options);
    if (!file.ok()) return file.status();
    backend = std::move(*file);
  }
  if (!backend) return history;
  store::StoredHistoryOptions settings;
  settings.limits = options.hub.history;
  settings.total_bytes = options.history_file_bytes;
  settings.max_rooms = options.hub.max_rooms;
  settings.forget = options.history_forget;
  settings.node = options.hub.node;
  history = std::make_unique<store::StoredHistory>(
      std::move(backend), settings, current_moment,
      [&application](LogLevel level, std::string_view text) { application.log(level, text); });
  Status status = history->load();
  if (!status.ok()) return status;
  return history;
}

}  // namespace chat::net
