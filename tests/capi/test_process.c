/*
 * What a server does to the process that it lives in: nothing. No descriptor, thread or byte is left, no signal's
 * disposition, mask, limit or locale is changed, and nothing is printed.
 */
#define _DEFAULT_SOURCE /* syscall() */
#include "support/capi_test.h"

#include <dirent.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "support/tls_options.h"
#include "support/ws_client.h"

static int count_entries(const char *path) {
  DIR *folder = opendir(path);
  int count = 0;
  assert_non_null(folder);
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count;
}

static void serve_once(int threads) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  ws_client client;
  options.threads = threads;
  options.drain_timeout_ms = 50; /* the client stays silent when the end comes */
  assert_ok(chat_server_start(&options, &server));
  if (threads != 0) {
    assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
    assert_int_equal(ws_send_text(&client, "x"), 0);
    assert_int_equal(ws_receive(&client, WS_TIMEOUT_MS), WS_TEXT);
    ws_end(&client);
  } else {
    assert_ok(chat_server_poll(server, 0));
  }
  assert_ok(chat_server_free(server));
}

/* libwebsockets serves TLS. The client's bytes are none. */
static void serve_tls_once(int threads) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  ws_client client;
  options.threads = threads;
  options.drain_timeout_ms = 50;
  use_tls(&options);
  assert_ok(chat_server_start(&options, &server));
  if (threads != 0) {
    ws_open(&client, chat_server_port(server), "/chat", NULL);
    ws_end(&client);
  } else {
    assert_ok(chat_server_poll(server, 0));
  }
  assert_ok(chat_server_free(server));
}

/* A thread that has been joined may be seen for a moment more. */
static void wait_for_threads(int count) {
  const int64_t deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  const struct timespec moment = {0, 1000000};
  /* On purpose: between two looks. */
  while (count_entries("/proc/self/task") != count && ws_clock_ms() < deadline_ms) nanosleep(&moment, NULL);
  assert_int_equal(count_entries("/proc/self/task"), count);
}

static void a_hundred_starts_leave_nothing(void **state) {
  int descriptors, threads, i;
  (void)state;
  for (i = 0; i < 3; i++) { /* libraries keep some things once for the process */
    serve_once(i);
    serve_tls_once(i);
  }
  descriptors = count_entries("/proc/self/fd");
  threads = count_entries("/proc/self/task");
  for (i = 0; i < 100; i++) {
    serve_once(i % 4);
    serve_tls_once(i % 4);
  }
  assert_int_equal(count_entries("/proc/self/fd"), descriptors);
  wait_for_threads(threads);
}

static void failed_starts_leave_nothing(void **state) {
  chat_server_options options = test_options();
  chat_server *taken = NULL, *server = NULL;
  int descriptors, threads, i;
  (void)state;
  assert_ok(chat_server_start(&options, &taken));
  descriptors = count_entries("/proc/self/fd");
  threads = count_entries("/proc/self/task");
  for (i = 0; i < 20; i++) {
    options.port = chat_server_port(taken);
    assert_error(chat_server_start(&options, &server), ERROR_ADDRESS_IN_USE);
    options.port = 0;
    options.address = "192.0.2.77";
    assert_error(chat_server_start(&options, &server), ERROR_ADDRESS_INVALID);
    options.address = "127.0.0.1";
    options.tls_certificate_file = options.tls_private_key_file = "/nowhere.pem";
    assert_error(chat_server_start(&options, &server), ERROR_CERTIFICATE);
    options.tls_certificate_file = options.tls_private_key_file = NULL;
  }
  assert_int_equal(count_entries("/proc/self/fd"), descriptors);
  wait_for_threads(threads);
  assert_ok(chat_server_free(taken));
}

static atomic_int lost_descriptors;
static atomic_bool hosts_thread_ends;

/* Opens whatever number is free, and finds it still open. By system calls, as libuv closes its own: ThreadSanitizer, which
   sees neither, would take the other thread's next use of a number for a race. */
static void *open_and_close(void *unused) {
  int opened[8];
  size_t i;
  while (!hosts_thread_ends) {
    for (i = 0; i < 8; i++) opened[i] = (int)syscall(SYS_dup, STDIN_FILENO);
    sched_yield();
    for (i = 0; i < 8; i++) lost_descriptors += syscall(SYS_close, opened[i]) != 0;
  }
  return unused;
}

static void descriptors_of_the_host_stay_open(void **state) {
  pthread_t thread;
  int i;
  (void)state;
  assert_int_equal(pthread_create(&thread, NULL, open_and_close, NULL), 0);
  for (i = 0; i < 400; i++) {
    chat_server_options options = test_options();
    chat_server *server = NULL;
    options.threads = 0;
    if (i % 2 == 0) use_tls(&options);
    assert_ok(chat_server_start(&options, &server));
    assert_ok(chat_server_free(server));
  }
  hosts_thread_ends = true;
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(lost_descriptors, 0);
}

static void on_signal(int number) { (void)number; }

static void same_signals(void (*handler)(int)) {
  struct sigaction action;
  sigset_t mask;
  int number;
  assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
  assert_true(action.sa_handler == handler);
  assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
  for (number = 1; number < 32; number++) assert_int_equal(sigismember(&mask, number), number == SIGUSR1);
}

static void signals_stay_as_they_are(void **state) {
  void (*const handlers[])(int) = {SIG_DFL, SIG_IGN, on_signal};
  struct sigaction action, before[32], after;
  sigset_t mask, old_mask;
  int threads, number;
  size_t i;
  (void)state;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  assert_int_equal(pthread_sigmask(SIG_SETMASK, &mask, &old_mask), 0);
  for (i = 0; i < 3; i++) {
    memset(&action, 0, sizeof(action));
    action.sa_handler = handlers[i];
    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(SIGPIPE, &action, NULL), 0);
    for (number = 1; number < 32; number++) sigaction(number, NULL, &before[number]);
    for (threads = 0; threads < 3; threads++) {
      chat_server_options options = test_options();
      chat_server *server = NULL;
      options.threads = threads;
      assert_ok(chat_server_start(&options, &server));
      same_signals(handlers[i]);
      if (threads == 0) assert_ok(chat_server_poll(server, 0));
      same_signals(handlers[i]);
      assert_ok(chat_server_free(server));
      same_signals(handlers[i]);
      serve_once(threads);
      same_signals(handlers[i]);
      serve_tls_once(threads);
      same_signals(handlers[i]);
    }
    for (number = 1; number < 32; number++) {
      assert_int_equal(sigaction(number, NULL, &after), 0);
      assert_true(after.sa_handler == before[number].sa_handler);
    }
  }
  memset(&action, 0, sizeof(action));
  action.sa_handler = SIG_DFL;
  assert_int_equal(sigaction(SIGPIPE, &action, NULL), 0);
  assert_int_equal(pthread_sigmask(SIG_SETMASK, &old_mask, NULL), 0);
}

/* A client that goes while it is written to: with SIGPIPE at its default the process would end here. */
static void a_vanished_client_raises_no_sigpipe(void **state) {
  static char text[60000];
  int threads;
  (void)state;
  memset(text, 'x', sizeof(text));
  for (threads = 0; threads < 2; threads++) {
    chat_server_options options = test_options();
    chat_server *server = NULL;
    int client;
    options.threads = threads;
    options.drain_timeout_ms = 50;
    assert_ok(chat_server_start(&options, &server));
    for (client = 0; client < 20; client++) {
      const struct linger reset = {1, 0};
      ws_client socket;
      struct sockaddr_in address;
      int i;
      memset(&address, 0, sizeof(address));
      address.sin_family = AF_INET;
      address.sin_port = htons((uint16_t)chat_server_port(server));
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      assert_int_equal(ws_begin(&socket, (struct sockaddr *)&address, sizeof(address), "/chat", NULL), 0);
      if (threads == 0) {
        for (i = 0; i < 1000 && ws_finish(&socket, 0) == 0; i++) assert_ok(chat_server_poll(server, 10));
      } else {
        ws_finish(&socket, WS_TIMEOUT_MS);
      }
      assert_int_equal(socket.status, 101);
      assert_ok(chat_broadcast(server, "lobby", text, sizeof(text)));
      setsockopt(socket.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
      ws_end(&socket);
      for (i = 0; i < 5; i++) {
        assert_ok(chat_broadcast(server, "lobby", text, sizeof(text)));
        if (threads == 0) assert_ok(chat_server_poll(server, 0));
      }
    }
    assert_ok(chat_server_free(server));
  }
}

static void limits_and_locale_stay_as_they_are(void **state) {
  struct rlimit before, after;
  char locale[128];
  (void)state;
  snprintf(locale, sizeof(locale), "%s", setlocale(LC_ALL, NULL));
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  serve_once(1);
  serve_tls_once(1);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
  assert_true(before.rlim_cur == after.rlim_cur && before.rlim_max == after.rlim_max);
  assert_string_equal(setlocale(LC_ALL, NULL), locale);
}

/* Without on_log there is silence, on good days and on bad ones. */
static void nothing_is_printed(void **state) {
  FILE *caught = tmpfile();
  int saved_out, saved_err, i;
  long size;
  (void)state;
  assert_non_null(caught);
  fflush(stdout);
  fflush(stderr);
  saved_out = dup(STDOUT_FILENO);
  saved_err = dup(STDERR_FILENO);
  dup2(fileno(caught), STDOUT_FILENO);
  dup2(fileno(caught), STDERR_FILENO);
  for (i = 0; i < 3; i++) {
    chat_server_options options = test_options();
    chat_server *server = NULL;
    ws_client client;
    static const char junk[] = "\x16\x03\x01 junk that is no HTTP\r\n\r\n";
    options.log_level = CHAT_LOG_DEBUG;
    options.threads = i;
    if (chat_server_start(&options, &server) != CHAT_OK) break;
    if (i != 0) {
      ws_open(&client, chat_server_port(server), "/chat", NULL);
      ws_send(&client, WS_TEXT, "\xff", 1); /* closed with 1007 */
      ws_receive(&client, WS_TIMEOUT_MS);
      ws_end(&client);
      ws_open(&client, chat_server_port(server), "/nowhere", NULL);
      ws_end(&client);
      ws_open(&client, chat_server_port(server), "/chat", "Origin: http://elsewhere.example\r\n");
      ws_write(&client, junk, sizeof(junk));
      ws_end(&client);
    }
    chat_server_free(server);
    use_tls(&options);
    if (chat_server_start(&options, &server) != CHAT_OK) break;
    if (i != 0) {
      ws_open(&client, chat_server_port(server), "/chat", NULL); /* the handshake fails */
      ws_end(&client);
    }
    chat_server_free(server);
    options.address = "192.0.2.77";
    chat_server_start(&options, &server);
    options.address = NULL;
    options.tls_certificate_file = options.tls_private_key_file = "/proc/self/status";
    chat_server_start(&options, &server);
  }
  fflush(stdout);
  fflush(stderr);
  dup2(saved_out, STDOUT_FILENO);
  dup2(saved_err, STDERR_FILENO);
  close(saved_out);
  close(saved_err);
  fseek(caught, 0, SEEK_END);
  size = ftell(caught);
  if (size != 0) {
    char text[2000];
    size_t got;
    rewind(caught);
    got = fread(text, 1, sizeof(text) - 1, caught);
    text[got] = '\0';
    fail_msg("printed: %s", text);
  }
  fclose(caught);
  assert_int_equal(i, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_hundred_starts_leave_nothing),
      cmocka_unit_test(failed_starts_leave_nothing),
      cmocka_unit_test(descriptors_of_the_host_stay_open),
      cmocka_unit_test(signals_stay_as_they_are),
      cmocka_unit_test(a_vanished_client_raises_no_sigpipe),
      cmocka_unit_test(limits_and_locale_stay_as_they_are),
      cmocka_unit_test(nothing_is_printed),
  };
  return cmocka_run_group_tests_name("capi/process", tests, NULL, NULL);
}
