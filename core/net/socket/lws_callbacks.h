// The one function that libwebsockets calls, and its log function.
#pragma once

#include <libwebsockets.h>

namespace chat::net {

int on_lws_callback(lws* wsi, lws_callback_reasons reason, void* user, void* in, size_t size);
// Process-wide: finds the server by the thread that it runs on, and drops what comes from others.
void on_lws_log(int level, const char* line);

}  // namespace chat::net
