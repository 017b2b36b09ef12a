/* The least that a user's program does: include, link, run. */
#include <chat/chat.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  printf("%s\n", chat_version());
  return strcmp(chat_version(), CHAT_VERSION_STRING) != 0;
}
