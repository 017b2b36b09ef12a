// The players of bench/game_server.cc. Talkers send messages periodically and receive their own messages back, from the
// game ("input ...") or from the room. A crowd only listens; it can connect and disconnect all at once. The program
// checks that no message is missing or out of order, and measures how long each talker waits for its own messages.
//
// One thread. Prints one line of JSON. It knows nothing of libchat.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "loopback.h"
#include "websocket.h"

namespace {

using bench::fail;
using bench::kMaskKey;

constexpr std::size_t kMaxHandshakes = 1'000;  // concurrent handshakes, below the server's backlog
constexpr double kSetUpMs = 60'000;
constexpr double kLateMs = 10'000;  // a message that takes longer counts as lost

double now_ms() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

struct Options {
  int port = 0;
  std::size_t talkers = 100;
  std::size_t crowd = 0;
  int visits = 1;  // how often the crowd connects
  double seconds = 5;
  double interval_ms = 100;  // between two messages of a talker
  bool to_room = false;
};

struct Player {
  int fd = -1;
  std::size_t number = 0;
  bool talks = false;
  bool open = false;
  std::string carry;  // the start of an incomplete frame
  double next_ms = 0;
  unsigned long sent = 0;
  unsigned long heard = 0;     // own messages received
  unsigned long from_all = 0;  // messages of all talkers, when they are sent to the room
  unsigned long tick = 0;      // the game's last tick; 0: none yet
  std::deque<double> sent_ms;  // send times of messages that have not come back
  std::vector<float> waits_ms;
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options), players_(options.talkers + options.crowd) {
    for (std::size_t i = 0; i < players_.size(); ++i) {
      players_[i].number = i;
      players_[i].talks = i < options.talkers;
    }
  }

  void run();

 private:
  void open(std::size_t first, std::size_t end);
  void close_crowd();
  void connect(Player& player);
  void wait(double until_ms);
  void talk(double time_ms);
  void read_from(Player& player);
  void take_frames(Player& player, std::string_view bytes);
  void hear(Player& player, std::string_view text);
  void write(const Player& player, unsigned char opcode, std::string_view payload);
  bool all_back() const;
  void print();

  const Options options_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Player> players_;
  std::vector<epoll_event> events_ = std::vector<epoll_event>(1024);
  std::vector<char> buffer_ = std::vector<char>(1 << 18);
  std::size_t handshakes_ = 0;
  bool talking_ = false;
  unsigned long last_tick_ = 0;  // the last tick that any player had received when the talking ended
  unsigned long ticks_heard_ = 0;
};

void Load::open(std::size_t first, std::size_t end) {
  const double end_ms = now_ms() + kSetUpMs;
  for (std::size_t i = first; i < end; ++i) {
    while (handshakes_ >= kMaxHandshakes && now_ms() < end_ms) wait(end_ms);
    connect(players_[i]);
  }
  while (handshakes_ != 0 && now_ms() < end_ms) wait(end_ms);
  if (handshakes_ != 0) fail("%zu handshakes were not answered", handshakes_);
}

void Load::connect(Player& player) {
  player.fd = bench::connect_to_loopback(options_.port);
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = &player}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, player.fd, &event);
  ++handshakes_;
  const std::string request = bench::handshake_request("/chat");
  if (send(player.fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    fail("a request was not taken");
  }
}

void Load::close_crowd() {
  for (std::size_t i = options_.talkers; i < players_.size(); ++i) {
    ::close(players_[i].fd);
    players_[i] = Player{.number = i};
  }
}

void Load::run() {
  open(0, options_.talkers);
  talking_ = true;
  for (std::size_t i = 0; i < options_.talkers; ++i) {
    // The start times are spread over the interval.
    players_[i].next_ms =
        now_ms() + options_.interval_ms * static_cast<double>(i) / static_cast<double>(options_.talkers);
  }
  for (int visit = 0; visit < options_.visits; ++visit) {
    if (visit != 0) close_crowd();
    open(options_.talkers, players_.size());
    const double end_ms = now_ms() + options_.seconds * 1e3 / options_.visits;
    while (now_ms() < end_ms) wait(end_ms);
  }
  talking_ = false;
  for (const Player& player : players_) last_tick_ = std::max(last_tick_, player.tick);
  const double end_ms = now_ms() + kLateMs;
  while (!all_back() && now_ms() < end_ms) wait(now_ms() + 10);
  print();
}

void Load::wait(double until_ms) {
  talk(now_ms());
  const int timeout_ms = talking_ ? 1 : std::clamp(static_cast<int>(until_ms - now_ms()) + 1, 0, 100);
  const int count = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
  for (int i = 0; i < count; ++i) read_from(*static_cast<Player*>(events_[static_cast<std::size_t>(i)].data.ptr));
}

void Load::talk(double time_ms) {
  if (!talking_) return;
  for (std::size_t i = 0; i < options_.talkers; ++i) {
    Player& player = players_[i];
    if (time_ms < player.next_ms) continue;
    player.next_ms += options_.interval_ms;
    char text[64];
    const int size =
        std::snprintf(text, sizeof text, "%s%zu %lu", options_.to_room ? "talk " : "input ", i, ++player.sent);
    player.sent_ms.push_back(now_ms());
    write(player, bench::kText, {text, static_cast<std::size_t>(size)});
  }
}

// Edge-triggered: a read that does not fill the buffer has taken all data.
void Load::read_from(Player& player) {
  ssize_t count = 0;
  do {
    count = recv(player.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) fail("the server closed a connection");
    player.carry.append(buffer_.data(), static_cast<std::size_t>(count));
    std::string bytes = std::move(player.carry);
    player.carry.clear();
    std::string_view rest = bytes;
    if (!player.open) {
      const std::size_t end = rest.find("\r\n\r\n");
      if (end == std::string_view::npos) {
        player.carry = rest;
        continue;
      }
      if (!rest.starts_with("HTTP/1.1 101 ")) fail("refused: %.60s", bytes.c_str());
      player.open = true;
      --handshakes_;
      rest.remove_prefix(end + 4);
    }
    take_frames(player, rest);
  } while (static_cast<std::size_t>(count) == buffer_.size());
}

void Load::take_frames(Player& player, std::string_view bytes) {
  while (const auto frame = bench::first_frame(bytes)) {
    bytes.remove_prefix(frame->frame_bytes);
    if (frame->opcode == bench::kPing) write(player, bench::kPong, frame->payload);
    if (frame->opcode == bench::kClose) fail("the server sent a close frame");
    if (frame->opcode == bench::kText) hear(player, frame->payload);
  }
  player.carry = bytes;
}

void Load::hear(Player& player, std::string_view text) {
  char word[8];
  unsigned long first = 0;
  unsigned long second = 0;
  const int fields = std::sscanf(std::string(text).c_str(), "%7s %lu %lu", word, &first, &second);
  if (fields == 2 && std::string_view(word) == "tick") {
    if (player.tick != 0 && first != player.tick + 1) fail("tick %lu came behind %lu", first, player.tick);
    player.tick = first;
    ++ticks_heard_;
    return;
  }
  if (fields != 3) fail("what is \"%.40s\"?", std::string(text).c_str());
  ++player.from_all;
  if (!player.talks || first != player.number) return;
  if (second != ++player.heard) fail("message %lu of player %zu came where %lu was due", second, first, player.heard);
  player.waits_ms.push_back(static_cast<float>(now_ms() - player.sent_ms.front()));
  player.sent_ms.pop_front();
}

void Load::write(const Player& player, unsigned char opcode, std::string_view payload) {
  std::string frame;
  bench::append_frame_head(frame, static_cast<unsigned char>(bench::kFinal | opcode), payload.size(), bench::kMasked);
  frame.append(kMaskKey.begin(), kMaskKey.end());
  for (std::size_t i = 0; i < payload.size(); ++i) {
    frame += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ kMaskKey[i % 4]);
  }
  if (send(player.fd, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT) != static_cast<ssize_t>(frame.size())) {
    fail("the server does not read");
  }
}

bool Load::all_back() const {
  unsigned long sent = 0;
  for (const Player& player : players_) sent += player.sent;
  // All players except a crowd were present when the talking began.
  return std::all_of(players_.begin(), players_.end(), [&](const Player& player) {
    return player.heard == player.sent && (!options_.to_room || !player.talks || player.from_all == sent) &&
           player.tick >= last_tick_;
  });
}

void Load::print() {
  if (!all_back()) fail("something was lost");
  unsigned long sent = 0;
  std::vector<float> all;
  std::vector<float> worst;  // the 99th percentile of each talker
  for (Player& player : players_) {
    sent += player.sent;
    if (player.waits_ms.empty()) continue;
    std::sort(player.waits_ms.begin(), player.waits_ms.end());
    all.insert(all.end(), player.waits_ms.begin(), player.waits_ms.end());
    worst.push_back(player.waits_ms[(player.waits_ms.size() - 1) * 99 / 100]);
  }
  std::sort(all.begin(), all.end());
  const auto at = [&](std::size_t percent) { return all.empty() ? 0.0F : all[(all.size() - 1) * percent / 100]; };
  std::printf(
      "{\"sent\":%lu,\"ticks_heard\":%lu,\"wait_p50_ms\":%.1f,\"wait_p99_ms\":%.1f,\"wait_max_ms\":%.1f,"
      "\"worst_talker_p99_ms\":%.1f}\n",
      sent, ticks_heard_, static_cast<double>(at(50)), static_cast<double>(at(99)), static_cast<double>(at(100)),
      worst.empty() ? 0.0 : static_cast<double>(*std::max_element(worst.begin(), worst.end())));
}

Options parse(int argc, char** argv) {
  std::map<std::string_view, double> given;
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = std::strtod(argv[i + 1], nullptr);
  const auto number = [&](std::string_view name, double fallback) {
    const auto found = given.find(name);
    return found == given.end() ? fallback : found->second;
  };
  Options options;
  options.port = static_cast<int>(number("--port", 0));
  options.talkers = static_cast<std::size_t>(number("--talkers", 100));
  options.crowd = static_cast<std::size_t>(number("--crowd", 0));
  options.visits = static_cast<int>(number("--visits", 1));
  options.seconds = number("--seconds", 5);
  options.interval_ms = number("--interval-ms", 100);
  options.to_room = number("--to-room", 0) != 0;
  if (argc % 2 == 0 || options.port <= 0 || options.visits < 1) {
    fail("usage: --port P [--talkers N] [--crowd N] [--visits N] [--seconds S] [--interval-ms MS] [--to-room 0|1]");
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  // Ends the program in any case.
  alarm(600);
  Load(options).run();
  return 0;
}
