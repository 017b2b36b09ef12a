/*
 * A journal of events as lines of text. Callbacks on any thread write to it, and the test waits for a line, so it waits for
 * an event and not for time. Its size is fixed: a test that fills it fails.
 */
#ifndef TESTS_SUPPORT_JOURNAL_H
#define TESTS_SUPPORT_JOURNAL_H

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "support/limit.h"

enum { JOURNAL_LINES = 4096, JOURNAL_LINE_BYTES = 512 };

typedef struct journal {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int count;
  char lines[JOURNAL_LINES][JOURNAL_LINE_BYTES];
} journal;

#define JOURNAL_INIT                                          \
  {                                                           \
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, { \
      { 0 }                                                   \
    }                                                         \
  }

static inline void journal_clear(journal *self) {
  pthread_mutex_lock(&self->mutex);
  self->count = 0;
  pthread_mutex_unlock(&self->mutex);
}

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static inline void
journal_write(journal *self, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  pthread_mutex_lock(&self->mutex);
  if (self->count < JOURNAL_LINES) {
    vsnprintf(self->lines[self->count], JOURNAL_LINE_BYTES, format, arguments);
    self->count++;
  }
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->mutex);
  va_end(arguments);
}

static inline int journal_find_locked(const journal *self, const char *line, int from) {
  int i;
  for (i = from; i < self->count; i++) {
    if (strcmp(self->lines[i], line) == 0) return i;
  }
  return -1;
}

/* Waits for the line. Returns its position, or -1 when it does not come in time. */
static inline int journal_wait(journal *self, const char *line) {
  struct timespec deadline;
  int place;
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += test_limit_s();
  pthread_mutex_lock(&self->mutex);
  while ((place = journal_find_locked(self, line, 0)) < 0) {
    if (pthread_cond_timedwait(&self->changed, &self->mutex, &deadline) != 0) break;
  }
  if (place < 0) {
    int i;
    fprintf(stderr, "journal: \"%s\" did not come. What came:\n", line);
    for (i = 0; i < self->count; i++) fprintf(stderr, "  %s\n", self->lines[i]);
  }
  pthread_mutex_unlock(&self->mutex);
  return place;
}

/* The number of times that the line is in the journal now. */
static inline int journal_count(journal *self, const char *line) {
  int place = -1, count = 0;
  pthread_mutex_lock(&self->mutex);
  while ((place = journal_find_locked(self, line, place + 1)) >= 0) count++;
  pthread_mutex_unlock(&self->mutex);
  return count;
}

/* True when a line contains the text now. */
static inline int journal_contains(journal *self, const char *text) {
  int i, found = 0;
  pthread_mutex_lock(&self->mutex);
  for (i = 0; i < self->count && !found; i++) found = strstr(self->lines[i], text) != NULL;
  pthread_mutex_unlock(&self->mutex);
  return found;
}

#endif /* TESTS_SUPPORT_JOURNAL_H */
