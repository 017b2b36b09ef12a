/*
 * Builds the events that testd sends, with arguments and attachments, from a command's words or from the JSON of a client. In
 * both "bin:HEX" stands for bytes. It does not know callbacks and commands.
 */
#ifndef TESTS_SUPPORT_TESTD_SPEECH_H
#define TESTS_SUPPORT_TESTD_SPEECH_H

#include <chat/chat.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ATTACHMENTS = 12 /* more than allowed, to test the limit */ };

typedef struct speech {
  chat_message message; /* points to the fields below and to the input */
  chat_blob attachments[MAX_ATTACHMENTS];
} speech;

static int begins_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

static chat_message text_message(const char *room, const char *text) {
  chat_message message = CHAT_MESSAGE_INIT;
  message.room = room;
  message.data = text;
  message.data_size = strlen(text);
  return message;
}

static chat_message args_message(const char *room, const char *event, const char *args) {
  chat_message message = text_message(room, args == NULL ? "[]" : args);
  message.event = event;
  message.payload = CHAT_PAYLOAD_ARGS;
  return message;
}

/* Decodes `hex` in place into bytes. Returns the attachment's number. */
static size_t attach_hex(speech *said, char *hex) {
  const size_t number = said->message.attachment_count;
  const size_t size = strlen(hex) / 2;
  if (number == MAX_ATTACHMENTS) return number;
  for (size_t i = 0; i < size; i++) {
    const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
    hex[i] = (char)strtol(digits, NULL, 16);
  }
  said->attachments[number].data = hex;
  said->attachments[number].size_bytes = size;
  said->message.attachments = said->attachments;
  said->message.attachment_count++;
  return number;
}

/* Parses the flags after ARGS: "bin:HEX" the next attachment, "ephemeral", "except:ID", "from:ID", "name:TEXT". */
static void take_flags(speech *said, char **words, int count) {
  chat_message *message = &said->message;
  for (int i = 0; i < count; i++) {
    if (words[i] == NULL) continue;
    if (begins_with(words[i], "bin:")) attach_hex(said, words[i] + 4);
    if (strcmp(words[i], "ephemeral") == 0) message->ephemeral = 1;
    if (begins_with(words[i], "except:")) message->except = strtoull(words[i] + 7, NULL, 10);
    if (begins_with(words[i], "from:")) message->from = strtoull(words[i] + 5, NULL, 10);
    if (begins_with(words[i], "name:")) message->from_name = words[i] + 5;
  }
}

/* Replaces every string "bin:HEX" below `parent` by a placeholder. The bytes stay in the string's memory. */
static void take_attachments(speech *said, cJSON *parent) {
  for (cJSON *item = parent->child; item != NULL; item = item->next) {
    if (!cJSON_IsString(item) || !begins_with(item->valuestring, "bin:")) {
      take_attachments(said, item);
      continue;
    }
    char *bytes = item->valuestring;
    item->type = cJSON_Object;
    item->valuestring = NULL;
    memmove(bytes, bytes + 4, strlen(bytes + 4) + 1);
    cJSON_AddTrueToObject(item, "_placeholder");
    cJSON_AddNumberToObject(item, "num", (double)attach_hex(said, bytes));
  }
}

/* Uses the rest of a JSON array as the arguments of an event. Call free_speech() afterwards. */
static void speech_from_json(speech *said, const char *room, const char *event, cJSON *rest) {
  memset(said, 0, sizeof(*said));
  said->message.attachment_count = 0;
  take_attachments(said, rest);
  chat_message message = args_message(room, event, cJSON_PrintUnformatted(rest));
  message.attachments = said->attachments;
  message.attachment_count = said->message.attachment_count;
  said->message = message;
}

static void free_speech(speech *said) {
  free((void *)said->message.data);
  for (size_t i = 0; i < said->message.attachment_count; i++) free((void *)said->attachments[i].data);
}

#endif
