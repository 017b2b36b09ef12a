/*
 * Writes a JSON object as one line of standard output, atomically, from any thread. The programs in this folder report
 * events this way to the tests that start them. A line is built on the caller's stack and written in one piece.
 */
#ifndef TESTS_SUPPORT_JSON_LINE_H
#define TESTS_SUPPORT_JSON_LINE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct json_line {
  char *text;
  size_t size, capacity;
  int separate; /* a comma is needed before the next member */
} json_line;

static inline void json_append(json_line *line, const char *text, size_t size) {
  if (line->size + size > line->capacity) {
    line->capacity = (line->size + size) * 2;
    line->text = realloc(line->text, line->capacity);
    if (line->text == NULL) abort();
  }
  memcpy(line->text + line->size, text, size);
  line->size += size;
}

static inline void json_put(json_line *line, const char *text) { json_append(line, text, strlen(text)); }

static inline void json_quote(json_line *line, const char *text, size_t size) {
  json_put(line, "\"");
  for (size_t i = 0; i < size; i++) {
    const unsigned char byte = (unsigned char)text[i];
    char escape[8];
    if (byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7f) {
      snprintf(escape, sizeof(escape), "\\u%04x", byte);
      json_put(line, escape);
    } else {
      json_append(line, text + i, 1);
    }
  }
  json_put(line, "\"");
}

/* Writes the name of the next member; in an array (name NULL), only the comma. */
static inline void json_name(json_line *line, const char *name) {
  if (line->separate) json_put(line, ",");
  line->separate = 1;
  if (name == NULL) return;
  json_quote(line, name, strlen(name));
  json_put(line, ":");
}

static inline void json_bytes(json_line *line, const char *name, const void *text, size_t size) {
  json_name(line, name);
  json_quote(line, text, size);
}

static inline void json_string(json_line *line, const char *name, const char *text) {
  json_name(line, name);
  if (text == NULL) {
    json_put(line, "null");
  } else {
    json_quote(line, text, strlen(text));
  }
}

static inline void json_number(json_line *line, const char *name, int64_t number) {
  char text[32];
  snprintf(text, sizeof(text), "%lld", (long long)number);
  json_name(line, name);
  json_put(line, text);
}

/* Ids are written as strings, because they may exceed 2^53. */
static inline void json_id(json_line *line, const char *name, uint64_t id) {
  char text[32];
  snprintf(text, sizeof(text), "%llu", (unsigned long long)id);
  json_string(line, name, text);
}

static inline void json_hex(json_line *line, const char *name, const void *data, size_t size) {
  const unsigned char *bytes = data;
  json_name(line, name);
  json_put(line, "\"");
  for (size_t i = 0; i < size; i++) {
    char digits[4];
    snprintf(digits, sizeof(digits), "%02x", bytes[i]);
    json_put(line, digits);
  }
  json_put(line, "\"");
}

static inline void json_open(json_line *line, const char *name, const char *bracket) {
  json_name(line, name);
  json_put(line, bracket);
  line->separate = 0;
}

static inline void json_close(json_line *line, const char *bracket) {
  json_put(line, bracket);
  line->separate = 1;
}

static inline json_line json_begin(const char *type) {
  json_line line = {NULL, 0, 0, 0};
  json_put(&line, "{");
  json_string(&line, "type", type);
  return line;
}

static inline void json_end(json_line *line) {
  json_put(line, "}\n");
  flockfile(stdout);
  fwrite(line->text, 1, line->size, stdout);
  fflush(stdout);
  funlockfile(stdout);
  free(line->text);
}

#endif
