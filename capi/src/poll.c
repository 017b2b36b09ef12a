/*
 * chat_server_poll(): a host may end the thread that waits in it by pthread_cancel(). The C library unwinds the thread's stack
 * for that, and ends the process at a C++ function that is noexcept, as every other entry point is. So this one is in C. Its
 * wait is the only place where the thread is cancelled, because there nothing is in the middle of anything.
 */
#include "poll_parts.h"

#include <poll.h>
#include <pthread.h>

chat_error chat_server_poll(chat_server *server, int timeout_ms) {
  chat_error error = CHAT_OK;
  int fd = -1, cancel_state = 0;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
  error = chat_poll_begin(server, timeout_ms, &fd);
  if (error == CHAT_OK) {
    if (timeout_ms != 0) {
      struct pollfd readable;
      readable.fd = fd;
      readable.events = POLLIN;
      readable.revents = 0;
      pthread_cleanup_push(chat_poll_cancelled, server);
      pthread_setcancelstate(cancel_state, NULL);
      poll(&readable, 1, timeout_ms);
      pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
      pthread_cleanup_pop(0);
    }
    error = chat_poll_end(server);
  }
  pthread_setcancelstate(cancel_state, NULL);
  return error;
}
