// The running daemon: starts the server, tells the service manager, and waits for the signals of a service.
#pragma once

#include "options.h"

namespace chatd {

// Returns the exit code. Called before the process has any other thread.
int run(Options& options);

}  // namespace chatd
