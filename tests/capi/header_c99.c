/*
 * Compiles when chat.h is C99 by itself: nothing is included before it, every macro expands, every function has a
 * prototype. Never run.
 */
#include <chat/chat.h>

const chat_server_options header_options = CHAT_SERVER_OPTIONS_INIT;
const chat_endpoint header_endpoint = CHAT_ENDPOINT_INIT;
const chat_static_mount header_mount = CHAT_STATIC_MOUNT_INIT;
const chat_identity header_identity = CHAT_IDENTITY_INIT;
const chat_message header_message = CHAT_MESSAGE_INIT;

static chat_verdict on_message(chat_server *server, chat_message_event *event, void *user) {
  char reason[CHAT_REASON_BYTES] = "";
  (void)user;
  (void)reason;
  return chat_broadcast(server, event->message->room, "", 0) == CHAT_OK ? CHAT_CONSUME : CHAT_PASS;
}

static void on_ack(chat_server *server, const chat_ack_event *event, void *user) {
  chat_message message = CHAT_MESSAGE_INIT;
  uint64_t ack_id;
  (void)user;
  if (event->error == CHAT_ERROR_TIMED_OUT) chat_send_with_ack(server, event->client, &message, 0, &ack_id);
}

chat_error header_start(chat_server **server);
chat_error header_start(chat_server **server) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  options.max_clients = CHAT_UNLIMITED;
  options.callbacks.on_message = on_message;
  options.callbacks.on_ack = on_ack;
  return chat_server_start(&options, server);
}
