// chat_server_options to what core/net starts a server with: every field checked, every default filled in. What only
// the operating system can judge (is the address ours, is the certificate good) is left to core/net.
#pragma once

#include "application.h"
#include "chat/chat.h"
#include "net/server_options.h"

namespace chat::capi {

struct Settings {
  net::ServerOptions server;
  ApplicationSettings application;
};

// invalid_argument (or unsupported, for what a newer header knows), with a sentence that begins with the field's name.
Result<Settings> read_options(const chat_server_options* options);

}  // namespace chat::capi
