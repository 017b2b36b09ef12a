// Compiles when chat.h is C++11 by itself, with everything noexcept and C linkage. Never run.
#include <chat/chat.h>

static_assert(noexcept(chat_server_stop(nullptr)), "every function is noexcept");
static_assert(noexcept(chat_error_message()), "every function is noexcept");
static_assert(static_cast<int>(CHAT_OK) == 0, "0 is success");

chat_server_options header_cxx_options = CHAT_SERVER_OPTIONS_INIT;
chat_endpoint header_cxx_endpoint = CHAT_ENDPOINT_INIT;
chat_static_mount header_cxx_mount = CHAT_STATIC_MOUNT_INIT;
chat_identity header_cxx_identity = CHAT_IDENTITY_INIT;
chat_message header_cxx_message = CHAT_MESSAGE_INIT;

chat_error header_cxx_start(chat_server **server);
chat_error header_cxx_start(chat_server **server) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  options.callbacks.on_message = [](chat_server *, chat_message_event *, void *) { return CHAT_PASS; };
  options.callbacks.on_ack = [](chat_server *, const chat_ack_event *, void *) {};
  return chat_server_start(&options, server);
}
