/*
 * Compiles if chat.h is complete by itself: nothing is included before it, every macro expands, every function has a
 * prototype. check_languages.py compiles this file as C89 to C17 and as C++98 to C++20. Never run.
 */
#include <chat/chat.h>

chat_server_options header_options = CHAT_SERVER_OPTIONS_INIT;
chat_endpoint header_endpoint = CHAT_ENDPOINT_INIT;
chat_static_mount header_mount = CHAT_STATIC_MOUNT_INIT;
chat_identity header_identity = CHAT_IDENTITY_INIT;
chat_message header_message = CHAT_MESSAGE_INIT;

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
