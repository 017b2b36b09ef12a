// Makes the store of a server whose options name a file for the history, or a store of the application.
#pragma once

#include <memory>

#include "hub/application.h"
#include "net/base/server_options.h"
#include "store/stored_history.h"

namespace chat::net {

// Opens `backend`, or the file if it is nullptr. nullptr: there is no file in the options either. unsupported for a file when this build has no SQLite; otherwise the errors
// of StoreBackend::load(). `application` must outlive the store; it gets the log.
Result<std::unique_ptr<store::StoredHistory>> open_history_store(const ServerOptions& options, Application& application,
                                                                 std::unique_ptr<store::StoreBackend> backend);

}  // namespace chat::net
