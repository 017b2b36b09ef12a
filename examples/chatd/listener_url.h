// The address of a running server as a URL for a browser.
#pragma once

#include <chat/chat.h>

#include <string>

#include "options.h"

namespace chatd {

// "http://127.0.0.1:3000/". When it listens on every address, the host is localhost. "unix:/run/chatd/socket" for a UNIX socket.
std::string listener_url(const chat_server* server, const Options& options);

}  // namespace chatd
