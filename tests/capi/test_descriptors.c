/*
 * A process with few file descriptors, with none left, or with a limit that changes: a start fails cleanly or works, no
 * descriptor is lost, and with TLS no socket reaches libwebsockets that its table has no place for.
 *
 * The limit that the library and libwebsockets see can be faked here: these two functions stand before those of libc.
 */
#define _DEFAULT_SOURCE /* syscall() */
#include "support/capi_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/tls_client.h"
#include "support/tls_options.h"
#include "support/ws_client.h"

#if defined(__SANITIZE_THREAD__)
#define CAN_FAKE 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CAN_FAKE 0 /* it calls them before it has started */
#endif
#endif
#ifndef CAN_FAKE
#define CAN_FAKE 1
#endif

static long faked_limit; /* 0: none */
/* The call of this number that asks for a descriptor fails, as if another thread had taken the last one; 0: none. */
static int failing_call;

#if CAN_FAKE

int getrlimit(int resource, struct rlimit *limit) {
  const int result = (int)syscall(SYS_prlimit64, 0, resource, NULL, limit);
  if (resource == RLIMIT_NOFILE && faked_limit != 0) limit->rlim_cur = limit->rlim_max = (rlim_t)faked_limit;
  return result;
}

/* glibc's own name for it: dlsym() would be too early for a sanitizer, which asks before it has started. */
long __sysconf(int name);

long sysconf(int name) { return name == _SC_OPEN_MAX && faked_limit != 0 ? faked_limit : __sysconf(name); }

static bool fails_now(void) {
  if (failing_call == 0 || --failing_call != 0) return false;
  errno = EMFILE;
  return true;
}

int eventfd(unsigned value, int flags) { return fails_now() ? -1 : (int)syscall(SYS_eventfd2, value, flags); }
int epoll_create1(int flags) { return fails_now() ? -1 : (int)syscall(SYS_epoll_create1, flags); }
int pipe2(int ends[2], int flags) { return fails_now() ? -1 : (int)syscall(SYS_pipe2, ends, flags); }
int timerfd_create(int clock, int flags) { return fails_now() ? -1 : (int)syscall(SYS_timerfd_create, clock, flags); }
int open(const char *path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    mode = (mode_t)va_arg(arguments, unsigned);
    va_end(arguments);
  }
  return fails_now() ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#endif

enum { MAX_FILES = 6000 };
static int files[MAX_FILES];
static int file_count;

/* Opens so many files, or as many as there may be. */
static void open_files(int count) {
  while (count-- != 0 && file_count < MAX_FILES) {
    const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    files[file_count++] = file;
  }
}

static void close_files(int count) {
  while (count-- != 0 && file_count != 0) close(files[--file_count]);
}

/* Whether the descriptor is one end of a TCP connection. */
static bool is_connection(int fd) {
  struct sockaddr_in peer;
  socklen_t size = sizeof(peer);
  return getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET;
}

/* Of the descriptors below 256. */
static int count_connections(void) {
  int fd, count = 0;
  for (fd = 0; fd < 256; fd++) count += is_connection(fd);
  return count;
}

/* The server closes its side of a connection a little later than the client. */
static void wait_for_no_connection(void) {
  int waited_ms;
  for (waited_ms = 0; count_connections() != 0 && waited_ms < WS_TIMEOUT_MS; waited_ms++) {
    usleep(1000); /* On purpose: between two looks. */
  }
  assert_int_equal(count_connections(), 0);
}

static void set_limit(int limit) {
  struct rlimit value;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &value), 0);
  value.rlim_cur = (rlim_t)limit;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &value), 0);
}

/* Whether the limit can be raised so far. */
static bool may_have(int limit) {
  struct rlimit value;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &value), 0);
  return value.rlim_max == RLIM_INFINITY || value.rlim_max >= (rlim_t)limit;
}

/* -------------------------------------------------------------------------------------------------- a start with few */

enum { SMALL_LIMIT = 96 };

static int count_free(void) {
  int count = 0, number;
  for (number = 0; number < SMALL_LIMIT; number++) count += fcntl(number, F_GETFD) < 0;
  return count;
}

enum { CHILD_STARTED = 0, CHILD_REFUSED = 1, CHILD_WRONG_ERROR = 2, CHILD_NO_MESSAGE = 3, CHILD_LEAK = 4 };

/* In a process that has started no server before: the libraries set up some things with the first one. */
static int start_with(int count, const chat_server_options *options) {
  chat_server *server = NULL;
  chat_error error;
  int before;
  alarm((unsigned)test_limit_s());
  set_limit(SMALL_LIMIT);
  open_files(-1);
  close_files(count);
  before = count_free();
  error = chat_server_start(options, &server);
  if (error != CHAT_OK) {
    if (error != CHAT_ERROR_SYSTEM) return CHILD_WRONG_ERROR;
    if (strstr(chat_error_message(), "file descriptors") == NULL) return CHILD_NO_MESSAGE;
    return count_free() == before ? CHILD_REFUSED : CHILD_LEAK;
  }
  if (options->threads == 0) chat_server_poll(server, 0);
  if (chat_server_free(server) != CHAT_OK) return CHILD_WRONG_ERROR;
  /* libuv keeps a pipe for signals. */
  return count_free() >= before - 2 ? CHILD_STARTED : CHILD_LEAK;
}

/* 1: it started, 0: it was refused. Anything else is a failure. */
static int starts_with(int count, const chat_server_options *options) {
  int status = 0;
  const pid_t child = fork();
  if (child == 0) _exit(start_with(count, options));
  assert_true(child > 0);
  assert_int_equal(waitpid(child, &status, 0), child);
  if (!WIFEXITED(status) || WEXITSTATUS(status) > CHILD_REFUSED) {
    fail_msg("%d free, threads = %d: %s %d", count, options->threads, WIFEXITED(status) ? "result" : "signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  }
  return WEXITSTATUS(status) == CHILD_STARTED;
}

static void starts_with_any_number(chat_server_options options) {
  static const int threads[] = {0, 1, 2, 4};
  size_t i;
  for (i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
    int count, started = 0;
    options.threads = threads[i];
    for (count = 0; count <= 30; count++) {
      const int now = starts_with(count, &options);
      assert_true(now >= started); /* more never hinder */
      started = now;
    }
    assert_int_equal(starts_with(50, &options), 1);
  }
}

static void a_start_with_few_descriptors_fails_cleanly(void **state) {
  (void)state;
  starts_with_any_number(test_options());
}

static void a_start_with_everything_on_fails_cleanly(void **state) {
  chat_server_options options = test_options();
  char unix_path[64];
  (void)state;
  snprintf(unix_path, sizeof(unix_path), "/tmp/chat-test-%ld.socket", (long)getpid());
  use_tls(&options);
  options.unix_path = unix_path;
  options.chat_page_path = "/";
  options.chat_script_path = "/chat.js";
  options.metrics_path = "/metrics";
  starts_with_any_number(options);
}

static int start_without_call(int number, const chat_server_options *options) {
  chat_server *server = NULL;
  chat_error error;
  alarm((unsigned)test_limit_s());
  failing_call = number;
  error = chat_server_start(options, &server);
  if (error != CHAT_OK) return failing_call == 0 ? CHILD_REFUSED : CHILD_WRONG_ERROR;
  if (chat_server_free(server) != CHAT_OK) return CHILD_WRONG_ERROR;
  return failing_call == 0 ? CHILD_REFUSED : CHILD_STARTED;
}

/* The check before a start has counted descriptors that are gone when they are needed. */
static void a_start_survives_the_loss_of_any_descriptor(void **state) {
  int round;
  (void)state;
  if (!CAN_FAKE) skip();
  for (round = 0; round < 6; round++) {
    chat_server_options options = test_options();
    chat_server *server = NULL;
    int number, result;
    options.threads = round % 3;
    if (round >= 3) use_tls(&options);
    assert_ok(chat_server_start(&options, &server)); /* libuv ends the process when its pipe for signals fails, once */
    assert_ok(chat_server_free(server));
    for (number = 1, result = CHILD_REFUSED; result != CHILD_STARTED && number < 200; number++) {
      int status = 0;
      const pid_t child = fork();
      if (child == 0) _exit(start_without_call(number, &options));
      assert_true(child > 0);
      assert_int_equal(waitpid(child, &status, 0), child);
      if (!WIFEXITED(status) || WEXITSTATUS(status) > CHILD_REFUSED) {
        fail_msg("without call %d, threads = %d: %s %d", number, options.threads,
                 WIFEXITED(status) ? "result" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
      }
      result = WEXITSTATUS(status);
    }
    assert_int_equal(result, CHILD_STARTED);
  }
}

static void tls_is_reloaded_or_the_call_says_why_not(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  struct rlimit before;
  int count;
  (void)state;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  use_tls(&options);
  assert_ok(chat_server_start(&options, &server));
  set_limit(SMALL_LIMIT);
  open_files(-1);
  for (count = 0; count <= 8; count++) {
    const chat_error error = chat_server_reload_tls(server);
    if (error == CHAT_OK) break;
    assert_string_equal(error_name(error), error_name(CHAT_ERROR_SYSTEM));
    assert_non_null(strstr(chat_error_message(), "file descriptors"));
    close_files(1);
  }
  assert_true(count > 0 && count <= 8);
  close_files(-1);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_ok(chat_server_reload_tls(server));
  assert_ok(chat_server_free(server));
}

/* --------------------------------------------------------------------------------------------------- while it serves */

static void talks(ws_client *client) {
  assert_int_equal(ws_send_text(client, "hello"), 0);
  assert_int_equal(ws_receive(client, WS_TIMEOUT_MS), WS_TEXT);
  assert_string_equal(client->data, "hello");
}

/* A host that raises the limit after the start, and opens many files. Only libwebsockets, for TLS, has a table. */
static void a_descriptor_of_any_number_is_served_without_tls(void **state) {
  int threads;
  struct rlimit before;
  (void)state;
  if (!may_have(MAX_FILES)) skip();
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  for (threads = 0; threads <= 2; threads++) {
    chat_server_options options = test_options();
    chat_server *server = NULL;
    ws_client client;
    struct sockaddr_in address;
    int i, status = 0;
    options.threads = threads;
    set_limit(256);
    assert_ok(chat_server_start(&options, &server));
    set_limit(MAX_FILES);
    open_files(4200); /* a table would have 4,096 places at such a limit */
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)chat_server_port(server));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (i = 0; i < 20; i++) {
      assert_int_equal(ws_begin(&client, (struct sockaddr *)&address, sizeof(address), "/chat", NULL), 0);
      do {
        if (threads == 0) assert_ok(chat_server_poll(server, 10));
        status = ws_finish(&client, threads == 0 ? 0 : WS_TIMEOUT_MS);
      } while (status == 0);
      assert_int_equal(status, 101);
      if (threads != 0) talks(&client);
      ws_end(&client);
    }
    close_files(-1);
    assert_ok(chat_server_free(server));
  }
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void a_tls_socket_above_the_table_is_closed(void **state) {
  int threads;
  struct rlimit before;
  (void)state;
  if (!may_have(MAX_FILES)) skip();
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  for (threads = 1; threads <= 2; threads++) {
    chat_server_options options = test_options();
    chat_server *server = NULL;
    chat_stats stats;
    int i;
    options.threads = threads;
    use_tls(&options);
    set_limit(256);
    assert_ok(chat_server_start(&options, &server));
    assert_int_equal(tls_get_health(chat_server_port(server)), 200);
    wait_for_no_connection();
    set_limit(MAX_FILES);
    open_files(4200); /* the table has 4,096 places at such a limit */
    for (i = 0; i < 20; i++) assert_int_equal(tls_get_health(chat_server_port(server)), -1);
    stats.struct_size = CHAT_STATS_SIZE;
    assert_ok(chat_server_stats(server, &stats));
    assert_int_equal(stats.refusals[CHAT_REFUSAL_DESCRIPTORS], 20);
    close_files(-1);
    assert_int_equal(tls_get_health(chat_server_port(server)), 200);
    assert_ok(chat_server_free(server));
  }
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* A container's limit. libwebsockets, for TLS, would make a table of 2,560 places. */
static void an_enormous_limit_serves_as_any_other(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL, *tls = NULL;
  ws_client client;
  struct rlimit before;
  (void)state;
  if (!CAN_FAKE) skip();
  if (!may_have(MAX_FILES)) skip();
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  set_limit(MAX_FILES);
  faked_limit = 1000000000;
  assert_ok(chat_server_start(&options, &server));
  use_tls(&options);
  assert_ok(chat_server_start(&options, &tls));
  open_files(3000);
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  talks(&client);
  ws_end(&client);
  assert_int_equal(tls_get_health(chat_server_port(tls)), 200);
  close_files(-1);
  assert_ok(chat_server_free(server));
  assert_ok(chat_server_free(tls));
  faked_limit = 0;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static long resident_kib(void) {
  long kib = 0;
  char line[256];
  FILE *file = fopen("/proc/self/status", "r");
  assert_non_null(file);
  while (fgets(line, sizeof(line), file) != NULL && sscanf(line, "VmRSS: %ld", &kib) != 1) continue;
  fclose(file);
  return kib;
}

/* What a server with TLS takes with an ordinary limit, which sanitizers make more, is what it takes with a large one. */
static void a_large_limit_costs_no_memory(void **state) {
  static const long limits[] = {4096, 1048576, 1000000000};
  long ordinary_kib = 0;
  size_t i;
  (void)state;
  if (!CAN_FAKE) skip();
  for (i = 0; i < 3; i++) {
    chat_server_options options = test_options();
    chat_server *server = NULL;
    const long before_kib = resident_kib();
    options.threads = 4;
    use_tls(&options); /* without, there is no table */
    faked_limit = limits[i];
    assert_ok(chat_server_start(&options, &server));
    faked_limit = 0;
    if (i == 0) ordinary_kib = resident_kib() - before_kib;
    assert_true(resident_kib() - before_kib - ordinary_kib < 4 * 2048); /* 16 MiB for each loop otherwise */
    assert_ok(chat_server_free(server));
  }
}

static void max_connections_follows_the_limit(void **state) {
  static ws_client clients[SMALL_LIMIT];
  struct rlimit before;
  int tls;
  (void)state;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  for (tls = 0; tls < 2; tls++) {
    chat_server_options options = test_options();
    chat_server *server = NULL;
    int count = 0, status = 101;
    if (tls) use_tls(&options);
    options.max_connections_per_address = CHAT_UNLIMITED; /* all are from one */
    set_limit(128);                                       /* 64 for the host */
    assert_ok(chat_server_start(&options, &server));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0); /* for the clients, which are in this process too */
    for (count = 0; count <= 64 && status != 503; count++) {
      if (!tls) {
        status = ws_open(&clients[count], chat_server_port(server), "/chat", NULL);
        assert_int_equal(status, count < 64 ? 101 : 503);
      } else {
        struct sockaddr_in address;
        memset(&address, 0, sizeof(address));
        address.sin_family = AF_INET;
        address.sin_port = htons((uint16_t)chat_server_port(server));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ws_init(&clients[count]);
        clients[count].fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(clients[count].fd, (struct sockaddr *)&address, sizeof(address)), 0);
      }
    }
    if (tls) { /* closed, as there is no TLS to answer through */
      char byte;
      assert_int_equal(recv(clients[64].fd, &byte, 1, 0), 0);
    } else {
      talks(&clients[0]);
    }
    while (count != 0) ws_end(&clients[--count]);
    assert_ok(chat_server_free(server));
  }
}

/* The listener rests, and those who are connected are served, until there are descriptors again. */
static void a_process_without_descriptors_goes_on(void **state) {
  int threads;
  struct rlimit before;
  (void)state;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  for (threads = 1; threads <= 2; threads++) {
    chat_server_options options = test_options();
    chat_server *server = NULL;
    ws_client talker, waiting;
    struct sockaddr_in address;
    clock_t cpu;
    int i;
    options.threads = threads;
    assert_ok(chat_server_start(&options, &server));
    assert_int_equal(ws_open(&talker, chat_server_port(server), "/chat", NULL), 101);
    set_limit(SMALL_LIMIT);
    open_files(-1);
    close_files(1); /* for the client's own end */
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)chat_server_port(server));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(ws_begin(&waiting, (struct sockaddr *)&address, sizeof(address), "/chat", NULL), 0);
    cpu = clock();
    for (i = 0; i < 5; i++) {
      assert_int_equal(ws_finish(&waiting, 100), 0); /* accept() fails meanwhile */
      talks(&talker);
    }
    /* On purpose: a loop that spins would take all of these 500 ms. */
    assert_true((double)(clock() - cpu) / CLOCKS_PER_SEC < 0.25);
    close_files(-1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(ws_finish(&waiting, WS_TIMEOUT_MS), 101);
    talks(&waiting);
    ws_end(&waiting);
    ws_end(&talker);
    assert_ok(chat_server_free(server));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      /* The first two before any server has started in this process. */
      cmocka_unit_test(a_start_with_few_descriptors_fails_cleanly),
      cmocka_unit_test(a_start_with_everything_on_fails_cleanly),
      cmocka_unit_test(a_start_survives_the_loss_of_any_descriptor),
      cmocka_unit_test(tls_is_reloaded_or_the_call_says_why_not),
      cmocka_unit_test(a_descriptor_of_any_number_is_served_without_tls),
      cmocka_unit_test(a_tls_socket_above_the_table_is_closed),
      cmocka_unit_test(an_enormous_limit_serves_as_any_other),
      cmocka_unit_test(a_large_limit_costs_no_memory),
      cmocka_unit_test(max_connections_follows_the_limit),
      cmocka_unit_test(a_process_without_descriptors_goes_on),
  };
  signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets that the server has closed */
  return cmocka_run_group_tests_name("capi/descriptors", tests, NULL, NULL);
}
