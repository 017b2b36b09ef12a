// Clients over TLS, which only stay open: for the memory and the idle work of a server.
#pragma once

#include "client.h"
#include "form.h"

namespace bench {

// Returns the socket of a client that is a member of its room. The TLS state is freed, so nothing can be read or sent.
int open_over_tls(int port, Client& client, const Form& form);

}  // namespace bench
