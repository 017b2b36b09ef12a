// The callback and the log function that libwebsockets calls.
#pragma once

#include <libwebsockets.h>

namespace chat::net {

// Runs on the loop's thread; during LwsContext::create() on the thread that starts the server.
int on_lws_callback(lws* wsi, lws_callback_reasons reason, void* user, void* in, size_t size);
// Process-wide: assigns a line to the server of the calling thread, and drops lines from other threads.
void on_lws_log(int level, const char* line);

}  // namespace chat::net
