// Converts chat_server_options to the options of the server and of the application: checks every field and fills in the
// defaults. What only the operating system knows (addresses, certificates) is checked when the server starts.
#pragma once

#include <memory>
#include <string_view>

#include "application.h"
#include "chat/chat.h"
#include "net/base/server_options.h"
#include "store/store_backend.h"

namespace chat::capi {

// The longest time that chat.h accepts: far above any use, and sums and conversions of units cannot overflow.
inline constexpr std::int64_t kMaxMs = 100LL * 366 * 24 * 3600 * 1000;

struct Settings {
  net::ServerOptions server;
  ApplicationSettings application;
  std::unique_ptr<store::StoreBackend> history;  // of history_store; nullptr: none
};

// Whether names in Redis may begin with it.
bool is_cluster_prefix(std::string_view prefix);

// invalid_argument, or unsupported for a field of a newer header. The detail begins with the field's name.
Result<Settings> read_options(const chat_server_options* options);

}  // namespace chat::capi
