/*
 * A server's life: what it listens on, what its start refuses and why, how it stops and ends, alone and beside
 * others, with threads of its own and without.
 */
#define _GNU_SOURCE /* syscall(), pthread_tryjoin_np() */
#include "support/capi_test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/certificate.h"
#include "support/journal.h"
#include "support/ws_client.h"

static char folder[] = "/tmp/chat-test-XXXXXX";

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state) {
  (void)state;
  return rmdir(folder);
}

static const char *in_folder(const char *name) {
  static char paths[4][64];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
  return path;
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static chat_server *start(const chat_server_options *options) {
  chat_server *server = NULL;
  if (chat_server_start(options, &server) != CHAT_OK) fail_msg("%s", chat_error_message());
  assert_non_null(server);
  return server;
}

static void refused(const chat_server_options *options, chat_error error, const char *thing) {
  chat_server *server = (chat_server *)options;
  assert_string_equal(error_name(chat_server_start(options, &server)), error_name(error));
  assert_null(server);
  if (strstr(chat_error_message(), thing) == NULL) fail_msg("\"%s\" is not in: %s", thing, chat_error_message());
}

/* A client comes in and is heard. */
static void talks(int port) {
  ws_client client;
  assert_int_equal(ws_open(&client, port, "/chat", NULL), 101);
  assert_int_equal(ws_send_text(&client, "hello"), 0);
  assert_int_equal(ws_receive(&client, WS_TIMEOUT_MS), WS_TEXT);
  assert_string_equal(client.data, "hello");
  ws_end(&client);
}

static void every_number_of_threads(void **state) {
  int threads;
  (void)state;
  for (threads = 1; threads <= 4; threads++) {
    chat_server_options options = test_options();
    chat_server *server;
    options.threads = threads;
    server = start(&options);
    assert_true(chat_server_port(server) > 0);
    talks(chat_server_port(server));
    assert_ok(chat_server_free(server));
  }
}

static void stop_is_idempotent(void **state) {
  chat_server_options options = test_options();
  chat_server *server = start(&options);
  (void)state;
  chat_server_stop(server);
  chat_server_stop(server);
  assert_ok(chat_server_free(server));
  server = start(&options);
  assert_ok(chat_server_free(server)); /* without a stop */
}

static void *free_it(void *server) {
  assert_ok(chat_server_free(server));
  return NULL;
}

static void any_thread_may_free(void **state) {
  chat_server_options options = test_options();
  pthread_t thread;
  (void)state;
  assert_int_equal(pthread_create(&thread, NULL, free_it, start(&options)), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
}

static int count_client(const chat_client *client, void *user) {
  (void)client;
  ++*(int *)user;
  return 0;
}

static void a_stopped_server_says_so(void **state) {
  chat_server_options options = test_options();
  chat_server *server = start(&options);
  chat_message message = CHAT_MESSAGE_INIT;
  chat_identity identity = CHAT_IDENTITY_INIT;
  chat_stats stats;
  int clients = 0;
  (void)state;
  assert_ok(chat_broadcast(server, "lobby", "x", 1));
  chat_server_stop(server);
#define STOPPED(call) assert_error(call, ERROR_STOPPED)
  STOPPED(chat_broadcast(server, "lobby", "x", 1));
  STOPPED(chat_publish(server, &message, NULL));
  STOPPED(chat_send(server, 1, &message));
  STOPPED(chat_send_user(server, "u", &message));
  STOPPED(chat_reply(server, 1, 1, "[]", 2, NULL, 0));
  STOPPED(chat_accept(server, 1, NULL));
  STOPPED(chat_refuse(server, 1, NULL, NULL));
  STOPPED(chat_set_identity(server, 1, &identity));
  STOPPED(chat_kick(server, 1, NULL));
  STOPPED(chat_join(server, 1, "lobby"));
  STOPPED(chat_leave(server, 1, "lobby"));
  STOPPED(chat_ban(server, 1, "lobby", 1, NULL));
  STOPPED(chat_ban_user(server, "u", "lobby", 1, NULL));
  STOPPED(chat_close_room(server, "lobby", NULL));
  STOPPED(chat_room_restore(server, "lobby", "e", 0, &message, 1));
  STOPPED(chat_server_reload_tls(server));
#undef STOPPED
  /* Looking is still fine. */
  stats.struct_size = sizeof(stats);
  assert_ok(chat_server_stats(server, &stats));
  assert_int_equal(stats.messages_published, 1);
  assert_ok(chat_members(server, NULL, count_client, &clients));
  assert_ok(chat_server_free(server));
}

static void clients_are_told_when_it_stops(void **state) {
  chat_server_options options = test_options();
  chat_server *server = start(&options);
  ws_client client;
  (void)state;
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  assert_int_equal(ws_send_text(&client, "last words"), 0);
  assert_int_equal(ws_receive(&client, WS_TIMEOUT_MS), WS_TEXT);
  chat_server_stop(server);
  assert_int_equal(ws_receive(&client, WS_TIMEOUT_MS), WS_CLOSE);
  assert_int_equal(client.close_code, 1001);
  assert_ok(chat_server_free(server));
  ws_end(&client);
}

static void *stop_it(void *server) {
  chat_server_stop(server);
  return NULL;
}

static void the_end_of_the_drain_is_waited_for(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  chat_stats stats;
  pthread_t thread;
  ws_client client;
  (void)state;
  options.threads = 2;
  server = start(&options);
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  assert_error(chat_server_wait(server, 0), ERROR_TIMED_OUT);
  assert_error(chat_server_wait(server, -2), ERROR_INVALID_ARGUMENT);
  assert_int_equal(pthread_create(&thread, NULL, stop_it, server), 0);
  assert_ok(chat_server_wait(server, -1));
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_ok(chat_server_wait(server, 0));
  stats.struct_size = sizeof(stats);
  assert_ok(chat_server_stats(server, &stats));
  assert_int_equal(stats.clients_now, 0);
  assert_int_equal(stats.clients_total, 1);
  assert_ok(chat_server_free(server));
  ws_end(&client);

  options.threads = 0;
  server = start(&options);
  assert_error(chat_server_wait(server, -1), ERROR_WRONG_STATE);
  assert_ok(chat_server_free(server));
}

static int64_t end_with_a_client_that_hangs(void) {
  chat_server_options options = test_options();
  chat_server *server;
  ws_client client;
  int64_t begin_ms;
  options.drain_timeout_ms = 200;
  server = start(&options);
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  begin_ms = ws_clock_ms();
  assert_ok(chat_server_free(server)); /* the client never answers the close */
  begin_ms = ws_clock_ms() - begin_ms;
  ws_end(&client);
  return begin_ms;
}

/* Sooner than a close frame without an answer would end it. The machine itself may hang now and then. */
static void a_client_that_hangs_does_not_hang_the_end(void **state) {
  int tries = 5;
  (void)state;
  while (end_with_a_client_that_hangs() >= 5000) assert_int_not_equal(--tries, 0);
}

/* Where it listens --------------------------------------------------------------------------------------------------*/

static void a_taken_port_is_told(void **state) {
  chat_server_options options = test_options();
  chat_server *server = start(&options);
  char port[16];
  (void)state;
  options.port = chat_server_port(server);
  snprintf(port, sizeof(port), "%d", options.port);
  refused(&options, CHAT_ERROR_ADDRESS_IN_USE, port);
  assert_ok(chat_server_free(server));
  /* Free again, at once. */
  server = start(&options);
  assert_int_equal(chat_server_port(server), options.port);
  talks(options.port);
  assert_ok(chat_server_free(server));
  server = start(&options);
  assert_ok(chat_server_free(server));
}

static void a_bad_address_is_told(void **state) {
  static const char *const bad[] = {"localhost", "256.0.0.1", "192.0.2.77", "::zz", "127.0.0.1:80", ""};
  chat_server_options options = test_options();
  size_t i;
  (void)state;
  for (i = 0; i < 5; i++) {
    options.address = bad[i];
    refused(&options, CHAT_ERROR_ADDRESS_INVALID, bad[i]);
  }
}

static void every_address(void **state) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_server *server = start(&options);
  (void)state;
  talks(chat_server_port(server));
  assert_ok(chat_server_free(server));
}

typedef struct {
  chat_server *server;
  chat_error error;
} privileged_start;

/* The system call changes this thread alone, and with it what the thread may do. */
static void *start_as_an_ordinary_user(void *result) {
  privileged_start *of = result;
  chat_server_options options = test_options();
  options.port = 1;
  if (geteuid() == 0 && syscall(SYS_setresuid, -1, 65534, -1) != 0) return NULL;
  of->error = chat_server_start(&options, &of->server);
  return NULL;
}

static void a_privileged_port_needs_permission(void **state) {
  privileged_start start = {NULL, CHAT_OK};
  pthread_t thread;
  (void)state;
  assert_int_equal(pthread_create(&thread, NULL, start_as_an_ordinary_user, &start), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  if (start.error == CHAT_OK) { /* in some containers no port is privileged */
    assert_ok(chat_server_free(start.server));
    print_message("SKIPPED: no port is privileged here\n");
    skip();
  }
  assert_string_equal(error_name(start.error), "ERROR_PERMISSION");
  assert_null(start.server);
}

static void a_unix_socket(void **state) {
  chat_server_options options = test_options();
  const char *path = in_folder("socket");
  chat_server *server;
  ws_client client;
  struct stat status;
  (void)state;
  options.unix_path = path;
  server = start(&options);
  assert_int_equal(chat_server_port(server), 0);
  refused(&options, CHAT_ERROR_ADDRESS_IN_USE, path);
  assert_int_equal(ws_open_unix(&client, path, "/chat"), 101);
  assert_int_equal(ws_send_text(&client, "hello"), 0);
  assert_int_equal(ws_receive(&client, WS_TIMEOUT_MS), WS_TEXT);
  ws_end(&client);
  assert_ok(chat_server_free(server));
  assert_int_equal(stat(path, &status), -1); /* it cleans up after itself */
}

static void a_stale_unix_socket_is_replaced(void **state) {
  chat_server_options options = test_options();
  const char *path = in_folder("stale");
  struct sockaddr_un address;
  ws_client client;
  chat_server *server;
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  (void)state;
  memset(&address, 0, sizeof(address));
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
  close(fd); /* nobody listens any more, but the file is there */
  options.unix_path = path;
  server = start(&options);
  assert_int_equal(ws_open_unix(&client, path, "/chat"), 101);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void what_is_no_socket_is_not_replaced(void **state) {
  chat_server_options options = test_options();
  const char *path = in_folder("precious");
  chat_server *server = NULL;
  (void)state;
  write_file(path, "data");
  options.unix_path = path;
  assert_int_not_equal(chat_server_start(&options, &server), CHAT_OK);
  assert_null(server);
  assert_non_null(strstr(chat_error_message(), path));
  assert_int_equal(unlink(path), 0); /* still there */
}

static void a_unix_path_that_is_too_long_is_told(void **state) {
  chat_server_options options = test_options();
  char path[300];
  (void)state;
  memset(path, 'x', sizeof(path));
  path[0] = '/';
  path[sizeof(path) - 1] = '\0';
  options.unix_path = path;
  refused(&options, CHAT_ERROR_ADDRESS_INVALID, "xxx");
  options.unix_path = "/nowhere/at/all/socket";
  refused(&options, CHAT_ERROR_SYSTEM, options.unix_path);
}

static int listening_socket(int *port) {
  struct sockaddr_in address;
  socklen_t size = sizeof(address);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
  assert_int_equal(listen(fd, 10), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

static void a_socket_handed_in(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  int port;
  (void)state;
  options.listen_fd = listening_socket(&port);
  server = start(&options);
  assert_int_equal(chat_server_port(server), port);
  talks(port);
  assert_ok(chat_server_free(server));
  assert_int_equal(fcntl(options.listen_fd, F_GETFD), -1); /* taken over, and closed */
}

static void a_socket_stays_the_callers_when_the_start_fails(void **state) {
  chat_server_options options = test_options();
  int port;
  (void)state;
  options.listen_fd = listening_socket(&port);
  options.tls_certificate_file = options.tls_private_key_file = "/nowhere.pem";
  refused(&options, CHAT_ERROR_CERTIFICATE, "/nowhere.pem");
  assert_int_not_equal(fcntl(options.listen_fd, F_GETFD), -1);
  close(options.listen_fd);
}

static void what_is_no_listening_socket_is_told(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  (void)state;
  options.listen_fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_not_equal(chat_server_start(&options, &server), CHAT_OK);
  assert_null(server);
  assert_int_not_equal(fcntl(options.listen_fd, F_GETFD), -1);
  close(options.listen_fd);
  options.listen_fd = 1000; /* not open */
  assert_int_not_equal(chat_server_start(&options, &server), CHAT_OK);
  assert_null(server);
}

/* TLS ---------------------------------------------------------------------------------------------------------------*/

static void unusable_certificates_are_told(void **state) {
  chat_server_options options = test_options();
  const char *certificate = in_folder("certificate.pem"), *key = in_folder("key.pem");
  (void)state;
  write_file(certificate, TEST_CERTIFICATE);
  write_file(key, TEST_PRIVATE_KEY);
  options.tls_certificate_file = "/nowhere/certificate.pem";
  options.tls_private_key_file = key;
  refused(&options, CHAT_ERROR_CERTIFICATE, "/nowhere/certificate.pem");
  options.tls_certificate_file = certificate;
  options.tls_private_key_file = "/nowhere/key.pem";
  refused(&options, CHAT_ERROR_CERTIFICATE, "/nowhere/key.pem");
  write_file(key, "junk");
  options.tls_private_key_file = key;
  refused(&options, CHAT_ERROR_CERTIFICATE, key);
  write_file(key, TEST_OTHER_PRIVATE_KEY);
  refused(&options, CHAT_ERROR_CERTIFICATE, key);
  write_file(key, TEST_PRIVATE_KEY);
  write_file(certificate, "");
  refused(&options, CHAT_ERROR_CERTIFICATE, certificate);
  unlink(certificate), unlink(key);
}

static void tls_is_reloaded_or_stays(void **state) {
  chat_server_options options = test_options();
  const char *certificate = in_folder("certificate.pem"), *key = in_folder("key.pem");
  chat_server *server;
  (void)state;
  write_file(certificate, TEST_CERTIFICATE);
  write_file(key, TEST_PRIVATE_KEY);
  options.tls_certificate_file = certificate;
  options.tls_private_key_file = key;
  options.threads = 2;
  server = start(&options);
  assert_ok(chat_server_reload_tls(server));
  write_file(key, TEST_OTHER_PRIVATE_KEY);
  assert_error_about(chat_server_reload_tls(server), ERROR_CERTIFICATE, key);
  unlink(key);
  assert_error_about(chat_server_reload_tls(server), ERROR_CERTIFICATE, key);
  write_file(key, TEST_PRIVATE_KEY);
  assert_ok(chat_server_reload_tls(server));
  assert_ok(chat_server_free(server));
  unlink(certificate), unlink(key);
}

/* Several servers ---------------------------------------------------------------------------------------------------*/

static void two_servers_know_nothing_of_each_other(void **state) {
  chat_server_options options = test_options();
  chat_server *one = start(&options), *two = start(&options);
  ws_client client_of_one, client_of_two;
  int count = 0;
  (void)state;
  assert_int_not_equal(chat_server_port(one), chat_server_port(two));
  assert_int_equal(ws_open(&client_of_one, chat_server_port(one), "/chat", NULL), 101);
  assert_int_equal(ws_open(&client_of_two, chat_server_port(two), "/chat", NULL), 101);
  assert_int_equal(ws_send_text(&client_of_one, "one"), 0);
  assert_int_equal(ws_send_text(&client_of_two, "two"), 0);
  assert_int_equal(ws_receive(&client_of_one, WS_TIMEOUT_MS), WS_TEXT);
  assert_string_equal(client_of_one.data, "one");
  assert_int_equal(ws_receive(&client_of_two, WS_TIMEOUT_MS), WS_TEXT);
  assert_string_equal(client_of_two.data, "two");

  assert_ok(chat_server_free(one));
  assert_ok(chat_members(two, NULL, count_client, &count));
  assert_int_equal(count, 1);
  assert_int_equal(ws_send_text(&client_of_two, "still here"), 0);
  assert_int_equal(ws_receive(&client_of_two, WS_TIMEOUT_MS), WS_TEXT);
  assert_string_equal(client_of_two.data, "still here");
  ws_end(&client_of_one);
  ws_end(&client_of_two);
  assert_ok(chat_server_free(two));
}

/* failure: a buffer for the first message of one. */
static void *start_and_free(void *failure) {
  int i;
  for (i = 0; i < 10; i++) {
    chat_server_options options = test_options();
    chat_server *server = NULL;
    if (chat_server_start(&options, &server) != CHAT_OK || chat_server_free(server) != CHAT_OK) {
      snprintf(failure, 256, "%s", chat_error_message());
      break;
    }
  }
  return NULL;
}

static void servers_start_side_by_side(void **state) {
  pthread_t threads[4];
  char failures[4][256] = {"", "", "", ""};
  int i;
  (void)state;
  for (i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, start_and_free, failures[i]), 0);
  for (i = 0; i < 4; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  for (i = 0; i < 4; i++) assert_string_equal(failures[i], "");
}

/* The log -----------------------------------------------------------------------------------------------------------*/

static journal lines = JOURNAL_INIT;

static void on_log(chat_server *server, chat_log_level level, const char *text, void *user) {
  /* While the start has not returned there is a handle, but no server yet: everything says so and nothing crashes. */
  if (chat_broadcast(server, "lobby", "x", 1) != CHAT_OK) (void)chat_server_port(server);
  journal_write(user, strchr(text, '\n') == NULL ? "%d" : "%d, and a newline", (int)level);
}

static void the_log_is_filtered_by_level(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  (void)state;
  options.callbacks.on_log = on_log;
  options.user = &lines;
  options.log_level = CHAT_LOG_DEBUG;
  server = start(&options);
  talks(chat_server_port(server));
  assert_ok(chat_server_free(server));

  assert_false(journal_contains(&lines, "newline"));
  journal_clear(&lines);
  options.log_level = CHAT_LOG_ERROR;
  server = start(&options);
  talks(chat_server_port(server));
  assert_ok(chat_server_free(server));
  assert_int_equal(journal_count(&lines, "2") + journal_count(&lines, "3") + journal_count(&lines, "4"), 0);
}

struct gate {
  sem_t entered;
  sem_t left;
};

/* One message holds its loop until the test lets it go. */
static chat_verdict hold(chat_server *server, chat_message_event *event, void *user) {
  struct gate *gate = user;
  (void)server, (void)event;
  sem_post(&gate->entered);
  while (sem_wait(&gate->left) != 0) {
  }
  return CHAT_PASS;
}

static void loops_that_run_are_told_from_one_that_does_not(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  ws_client client;
  struct gate gate;
  (void)state;
  sem_init(&gate.entered, 0, 0);
  sem_init(&gate.left, 0, 0);
  options.threads = 3;
  options.user = &gate;
  options.callbacks.on_message = hold;
  server = start(&options);
  assert_ok(chat_server_check_loops(server, WS_TIMEOUT_MS));
  assert_error(chat_server_check_loops(server, -1), ERROR_INVALID_ARGUMENT);
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  assert_int_equal(ws_send_text(&client, "hold"), 0);
  assert_int_equal(sem_wait(&gate.entered), 0);
  assert_error_about(chat_server_check_loops(server, 50), ERROR_TIMED_OUT, "1 of 3 loops");
  sem_post(&gate.left);
  assert_ok(chat_server_check_loops(server, WS_TIMEOUT_MS));
  ws_end(&client);
  assert_ok(chat_server_free(server));
  sem_destroy(&gate.entered);
  sem_destroy(&gate.left);
}

static void *check_loops(void *server) {
  assert_ok(chat_server_check_loops(server, WS_TIMEOUT_MS));
  return NULL;
}

static void a_polled_loop_runs_while_it_is_polled(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  pthread_t thread;
  chat_error error;
  (void)state;
  options.threads = 0;
  server = start(&options);
  assert_error(chat_server_check_loops(server, 0), ERROR_TIMED_OUT); /* nobody polls */
  assert_int_equal(pthread_create(&thread, NULL, check_loops, server), 0);
  while (pthread_tryjoin_np(thread, NULL) != 0) assert_ok(chat_server_poll(server, 10));
  chat_server_stop(server);
  while ((error = chat_server_poll(server, 10)) == CHAT_OK) {
  }
  assert_error(error, ERROR_STOPPED);
  assert_error(chat_server_check_loops(server, 0), ERROR_STOPPED);
  assert_ok(chat_server_free(server));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_number_of_threads),
      cmocka_unit_test(stop_is_idempotent),
      cmocka_unit_test(any_thread_may_free),
      cmocka_unit_test(a_stopped_server_says_so),
      cmocka_unit_test(clients_are_told_when_it_stops),
      cmocka_unit_test(the_end_of_the_drain_is_waited_for),
      cmocka_unit_test(a_client_that_hangs_does_not_hang_the_end),
      cmocka_unit_test(a_taken_port_is_told),
      cmocka_unit_test(a_bad_address_is_told),
      cmocka_unit_test(every_address),
      cmocka_unit_test(a_privileged_port_needs_permission),
      cmocka_unit_test(a_unix_socket),
      cmocka_unit_test(a_stale_unix_socket_is_replaced),
      cmocka_unit_test(what_is_no_socket_is_not_replaced),
      cmocka_unit_test(a_unix_path_that_is_too_long_is_told),
      cmocka_unit_test(a_socket_handed_in),
      cmocka_unit_test(a_socket_stays_the_callers_when_the_start_fails),
      cmocka_unit_test(what_is_no_listening_socket_is_told),
      cmocka_unit_test(unusable_certificates_are_told),
      cmocka_unit_test(tls_is_reloaded_or_stays),
      cmocka_unit_test(two_servers_know_nothing_of_each_other),
      cmocka_unit_test(servers_start_side_by_side),
      cmocka_unit_test(the_log_is_filtered_by_level),
      cmocka_unit_test(loops_that_run_are_told_from_one_that_does_not),
      cmocka_unit_test(a_polled_loop_runs_while_it_is_polled),
  };
  return cmocka_run_group_tests_name("capi/lifecycle", tests, make_folder, remove_folder);
}
