// A program that has a namespace chat of its own, in which names of libchat's inside mean something else. It links to libchat.a,
// whose names must not meet these.
#include <chat/chat.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace chat {

// As core/model/utf8.h and core/model/names.h declare them.
bool is_utf8(std::string_view) { return false; }
std::string_view utf8_prefix(std::string_view, std::size_t) { return "not libchat's"; }

}  // namespace chat

int main() {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_server *server = nullptr;
  options.address = "127.0.0.1";
  if (chat_server_start(&options, &server) != CHAT_OK || chat_broadcast(server, "lobby", "hello", 5) != CHAT_OK) {
    std::fprintf(stderr, "%s\n", chat_error_message());
    return 1;
  }
  chat_server_free(server);
  return chat::is_utf8("hello");
}
