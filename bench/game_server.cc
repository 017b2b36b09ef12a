// A game that embeds libchat: 60 frames per second with one chat_server_poll() each, and no other work. Measures the
// CPU time of each poll, which other programs on the machine do not change. Uses only chat.h.
//
// The game answers messages that begin with "input "; others go to the room. Every --broadcast-frames-th frame the game
// sends a message to everyone. A line on stdin ends a phase: the CPU times of its polls are printed as one line of
// JSON. At the end of stdin the server is stopped and polled until the drain ends.
#include <chat/chat.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr double kFrameMs = 1000.0 / 60;

double now_ms(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

chat_verdict on_message(chat_server* server, chat_message_event* event, void*) {
  const chat_message* const message = event->message;
  if (message->data_size < 6 || std::memcmp(message->data, "input ", 6) != 0) return CHAT_PASS;
  chat_message answer = CHAT_MESSAGE_INIT;
  answer.data = message->data;
  answer.data_size = message->data_size;
  chat_send(server, event->client, &answer);
  return CHAT_CONSUME;
}

// The CPU times of the polls in a phase.
class Phase {
 public:
  void add(double cpu_ms) { cpu_ms_.push_back(cpu_ms); }

  void print(std::string_view name, const chat_stats& stats) {
    std::sort(cpu_ms_.begin(), cpu_ms_.end());
    double sum_ms = 0;
    for (const double one : cpu_ms_) sum_ms += one;
    const auto above = cpu_ms_.end() - std::upper_bound(cpu_ms_.begin(), cpu_ms_.end(), 4.0);
    std::printf(
        "{\"phase\":\"%.*s\",\"polls\":%zu,\"cpu_s\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,"
        "\"above_4_ms\":%td,\"clients\":%llu}\n",
        static_cast<int>(name.size()), name.data(), cpu_ms_.size(), sum_ms / 1e3, at(0.5), at(0.99), at(1), above,
        static_cast<unsigned long long>(stats.clients_now));
    std::fflush(stdout);
    cpu_ms_.clear();
  }

 private:
  double at(double quantile) const {
    return cpu_ms_.empty() ? 0 : cpu_ms_[static_cast<std::size_t>(static_cast<double>(cpu_ms_.size() - 1) * quantile)];
  }

  std::vector<double> cpu_ms_;
};

class Game {
 public:
  Game(chat_server* server, int broadcast_frames) : server_(server), broadcast_frames_(broadcast_frames) {}

  void run() {
    bool stopping = false;
    double next_ms = now_ms(CLOCK_MONOTONIC);
    for (int frame = 1; poll() == CHAT_OK; ++frame) {
      if (!stopping && !take_commands()) {
        stopping = true;
        chat_server_stop(server_);
      }
      if (broadcast_frames_ != 0 && frame % broadcast_frames_ == 0) broadcast();
      next_ms += kFrameMs;
      sleep_until(next_ms);
    }
    print("stop");
  }

 private:
  chat_error poll() {
    const double begin_ms = now_ms(CLOCK_THREAD_CPUTIME_ID);
    const chat_error error = chat_server_poll(server_, 0);
    phase_.add(now_ms(CLOCK_THREAD_CPUTIME_ID) - begin_ms);
    return error;
  }

  void broadcast() {
    const std::string text = "tick " + std::to_string(++ticks_);
    chat_broadcast(server_, "lobby", text.data(), text.size());
  }

  void print(std::string_view name) {
    chat_stats stats{};
    stats.struct_size = CHAT_STATS_SIZE;
    chat_server_stats(server_, &stats);
    phase_.print(name, stats);
  }

  // Returns false at the end of stdin.
  bool take_commands() {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, 0) <= 0) return true;
    char line[64];
    const ssize_t size = read(STDIN_FILENO, line, sizeof line);
    if (size <= 0) return false;
    print({line, static_cast<std::size_t>(std::find(line, line + size, '\n') - line)});
    return true;
  }

  // A late frame is not made up for.
  static void sleep_until(double& next_ms) {
    const double left_ms = next_ms - now_ms(CLOCK_MONOTONIC);
    if (left_ms <= 0) {
      next_ms -= left_ms;
      return;
    }
    const timespec time{0, static_cast<long>(left_ms * 1e6)};
    nanosleep(&time, nullptr);
  }

  chat_server* const server_;
  const int broadcast_frames_;
  int ticks_ = 0;
  Phase phase_;
};

}  // namespace

int main(int argc, char** argv) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  options.address = "127.0.0.1";
  options.threads = 0;
  // All clients connect from this machine.
  options.max_clients_per_address = CHAT_UNLIMITED;
  options.max_connections_per_address = CHAT_UNLIMITED;
  options.max_queued_bytes_per_address = CHAT_UNLIMITED;
  options.callbacks.on_message = on_message;
  int broadcast_frames = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const int value = std::atoi(argv[i + 1]);
    if (name == "--poll-budget-ms") options.poll_budget_ms = value;
    if (name == "--ping-interval-ms") options.ping_interval_ms = value;
    if (name == "--broadcast-frames") broadcast_frames = value;
  }
  chat_server* server = nullptr;
  if (chat_server_start(&options, &server) != CHAT_OK) {
    std::fprintf(stderr, "game_server: %s\n", chat_error_message());
    return 1;
  }
  std::printf("listening on port %d\n", chat_server_port(server));
  std::fflush(stdout);
  Game(server, broadcast_frames).run();
  chat_server_free(server);
  return 0;
}
