/*
 * The event "script" of testd: its arguments are steps that the application executes, so a test can make it behave like any
 * program. Each step is reported as a line of type "result" with the command "script VERB".
 */
#ifndef TESTS_SUPPORT_TESTD_SCRIPT_H
#define TESTS_SUPPORT_TESTD_SCRIPT_H

#include <chat/chat.h>

#include "support/json_line.h"
#include "support/testd_speech.h"

typedef struct instance {
  int number;
  chat_server *server;
} instance;

static json_line begin(const char *type, const instance *self) {
  json_line line = json_begin(type);
  json_number(&line, "server", self->number);
  return line;
}

static void print_ack_result(const instance *self, const char *command, chat_error error, uint64_t ack_id) {
  json_line line = begin("result", self);
  json_string(&line, "command", command);
  json_string(&line, "error", chat_error_name(error));
  json_string(&line, "message", error == CHAT_OK ? "" : chat_error_message());
  json_id(&line, "ack_id", ack_id);
  json_end(&line);
}

static void print_result(const instance *self, const char *command, chat_error error) {
  print_ack_result(self, command, error, 0);
}

/* Answers with the message's arguments. The argument of a binary message is its attachment. */
static chat_error reply(chat_server *server, chat_client_id client, uint64_t ack_id, const chat_message *message) {
  if (message->payload == CHAT_PAYLOAD_BINARY) {
    static const char args[] = "[{\"_placeholder\":true,\"num\":0}]";
    const chat_blob bytes = {.data = message->data, .size_bytes = message->data_size};
    return chat_reply(server, client, ack_id, args, sizeof(args) - 1, &bytes, 1);
  }
  return chat_reply(server, client, ack_id, message->data, message->data_size, message->attachments,
                    message->attachment_count);
}

/* Removes the first element of a step, a string or a number, and copies it to `word`. */
static void take_word(cJSON *step, char *word, size_t size) {
  cJSON *item = cJSON_DetachItemFromArray(step, 0);
  word[0] = '\0';
  if (cJSON_IsString(item)) snprintf(word, size, "%s", item->valuestring);
  if (cJSON_IsNumber(item)) snprintf(word, size, "%.0f", item->valuedouble);
  cJSON_Delete(item);
}

/*
 * Executes one step of the event "script", an array that begins with a verb. EVENT ARG... is an event with any arguments, in
 * which "bin:HEX" stands for bytes.
 *
 *   reply ARG...                  answers the script's own acknowledgement
 *   emit EVENT ARG...             to the sender only
 *   ask TIMEOUT_MS EVENT ARG...   the same, to be acknowledged; the result has the ack_id
 *   room EVENT ARG...             to the script's room in the sender's name; broadcast: but not to the sender
 *   to ROOM EVENT ARG...          to another room; everyone EVENT ARG...: to all rooms
 *   replace EVENT ARG...          published in place of the script; pass: the script itself is
 *   refuse REASON, kick REASON, close-connection REASON, join ROOM, leave ROOM
 */
static void take_step(chat_server *server, chat_message_event *event, const instance *self, cJSON *step,
                      chat_verdict *verdict) {
  const chat_client_id client = event->client;
  char verb[32], word[CHAT_REASON_BYTES] = "", name[160] = "", command[64];
  chat_error error = CHAT_ERROR_UNSUPPORTED;
  uint64_t ack_id = 0;
  speech said;
  take_word(step, verb, sizeof(verb));
  if (strstr(" refuse kick close-connection join leave to ask ", verb) != NULL) take_word(step, word, sizeof(word));
  if (strstr(" emit ask room broadcast to everyone replace ", verb) != NULL) take_word(step, name, sizeof(name));
  speech_from_json(&said, NULL, name, step);

  if (strcmp(verb, "reply") == 0) error = reply(server, client, event->ack_id, &said.message);
  if (strcmp(verb, "emit") == 0) error = chat_send(server, client, &said.message);
  if (strcmp(verb, "ask") == 0) error = chat_send_with_ack(server, client, &said.message, atoll(word), &ack_id);
  if (strcmp(verb, "room") == 0 || strcmp(verb, "broadcast") == 0) {
    said.message.room = event->message->room;
    said.message.from = client;
    said.message.except = strcmp(verb, "broadcast") == 0 ? client : 0;
    error = chat_publish(server, &said.message, NULL);
  }
  if (strcmp(verb, "to") == 0) {
    said.message.room = word;
    error = chat_publish(server, &said.message, NULL);
  }
  if (strcmp(verb, "everyone") == 0) error = chat_publish(server, &said.message, NULL);
  if (strcmp(verb, "replace") == 0) {
    error = chat_message_event_replace(event, &said.message);
    *verdict = CHAT_PASS;
  }
  if (strcmp(verb, "pass") == 0) {
    *verdict = CHAT_PASS;
    error = CHAT_OK;
  }
  if (strcmp(verb, "refuse") == 0) {
    snprintf(event->reason, sizeof(event->reason), "%s", word);
    *verdict = CHAT_REFUSE;
    error = CHAT_OK;
  }
  if (strcmp(verb, "kick") == 0) error = chat_kick(server, client, word);
  if (strcmp(verb, "close-connection") == 0) error = chat_close_connection(server, client, word);
  if (strcmp(verb, "join") == 0) error = chat_join(server, client, word);
  if (strcmp(verb, "leave") == 0) error = chat_leave(server, client, word);
  snprintf(command, sizeof(command), "script %s", verb);
  print_ack_result(self, command, error, ack_id);
  free_speech(&said);
}

/* The verdict is CHAT_CONSUME unless a step sets another one. */
static chat_verdict play_script(chat_server *server, chat_message_event *event, const instance *self) {
  chat_verdict verdict = CHAT_CONSUME;
  cJSON *script = cJSON_ParseWithLength(event->message->data, event->message->data_size);
  for (cJSON *step = script == NULL ? NULL : script->child; step != NULL; step = step->next) {
    take_step(server, event, self, step, &verdict);
  }
  cJSON_Delete(script);
  return verdict;
}

#endif
