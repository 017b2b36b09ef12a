/* The parts of chat_server_poll() in C++. See poll.c. */
#ifndef CHAT_CAPI_POLL_PARTS_H
#define CHAT_CAPI_POLL_PARTS_H

#include "chat/chat.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Checks the arguments, and keeps other threads from polling until one of the other two is called. *fd: what to wait for. */
chat_error chat_poll_begin(chat_server *server, int timeout_ms, int *fd) CHAT_NOEXCEPT;
/* Instead of chat_poll_end(). */
void chat_poll_cancelled(void *server) CHAT_NOEXCEPT;
/* Handles what is ready. */
chat_error chat_poll_end(chat_server *server) CHAT_NOEXCEPT;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* CHAT_CAPI_POLL_PARTS_H */
