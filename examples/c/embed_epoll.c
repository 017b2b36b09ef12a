/*
 * A chat inside a program with its own epoll loop, together with the program's other descriptors: here a timer that sends
 * the time to all clients each second, and the signals that end it. threads = 0: the library starts no thread, and all
 * callbacks run inside chat_server_poll(). Linux only, like epoll.
 *
 *   embed_epoll [PORT]        the default is 3000; 0 takes any free port
 */
#include <chat/chat.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static void watch(int epoll, int descriptor) {
  struct epoll_event interest = {.events = EPOLLIN, .data.fd = descriptor};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &interest) != 0) {
    perror("embed_epoll: epoll_ctl");
    exit(1);
  }
}

/* Room NULL means all clients; such a message is neither numbered nor kept. */
static void tell_time(chat_server *server, int timer) {
  uint64_t expirations;
  char text[32];
  time_t now = time(NULL);
  if (read(timer, &expirations, sizeof(expirations)) != sizeof(expirations)) return;

  strftime(text, sizeof(text), "%H:%M:%S", localtime(&now));
  chat_message message = CHAT_MESSAGE_INIT;
  message.event = "time";
  message.data = text;
  message.data_size = strlen(text);
  message.from_name = "clock";
  chat_publish(server, &message, NULL);
}

int main(int argc, char **argv) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_server *server;
  options.port = argc > 1 ? atoi(argv[1]) : 3000;
  options.threads = 0;
  if (chat_server_start(&options, &server) != CHAT_OK) {
    fprintf(stderr, "embed_epoll: %s\n", chat_error_message());
    return 1;
  }

  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGINT);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, NULL);

  const struct itimerspec every_second = {{1, 0}, {1, 0}};
  int signals = signalfd(-1, &end, SFD_CLOEXEC);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  int chat = chat_server_fd(server);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  timerfd_settime(timer, 0, &every_second, NULL);
  watch(epoll, signals);
  watch(epoll, timer);
  watch(epoll, chat);
  printf("listening on port %d\n", chat_server_port(server));
  fflush(stdout);

  int running = 1;
  while (running) {
    struct epoll_event events[8];
    int count = epoll_wait(epoll, events, 8, -1);
    for (int i = 0; i < count; i++) {
      if (events[i].data.fd == timer) {
        tell_time(server, timer);
      } else if (events[i].data.fd == signals) {
        /* Closing the connections takes a few more rounds. */
        struct signalfd_siginfo information;
        if (read(signals, &information, sizeof(information)) > 0) chat_server_stop(server);
      } else if (chat_server_poll(server, 0) == CHAT_ERROR_STOPPED) {
        running = 0;
      }
    }
  }

  close(epoll);
  close(timer);
  close(signals);
  chat_server_free(server);
  return 0;
}
