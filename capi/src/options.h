// chat_server_options to what core/net starts a server with: every field checked, every default filled in. What only
// the operating system can judge (is the address ours, is the certificate good) is left to core/net.
#pragma once

#include "application.h"
#include "chat/chat.h"
#include "net/base/server_options.h"

namespace chat::capi {

// The longest time that chat.h takes: far above any use, and far below where sums and conversions of units overflow.
inline constexpr std::int64_t kMaxMs = 100LL * 366 * 24 * 3600 * 1000;

struct Settings {
  net::ServerOptions server;
  ApplicationSettings application;
};

// invalid_argument (or unsupported, for what a newer header knows), with a sentence that begins with the field's name.
Result<Settings> read_options(const chat_server_options* options);

}  // namespace chat::capi
