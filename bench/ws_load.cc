// The load: N receivers and a few publishers in one room of a WebSocket server on this machine. Each publisher keeps a
// number of messages in flight and sends the next one when its own message comes back. The program measures the
// messages received per second of the server's CPU time, and checks that every client receives all messages, each
// publisher's in order.
//
// One thread; frames are counted in the receive buffer. Prints one line of JSON. It does not use libchat.
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
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load.h"
#include "websocket.h"

namespace {

using bench::fail;
using bench::kMaskKey;

constexpr std::size_t kMaxHandshakes = 64;  // concurrent handshakes, below any server's backlog
constexpr double kDrainSeconds = 5;
constexpr unsigned kSetUpSeconds = 60;

// A message consists of "PP SSSSSSSSSS " and padding: the publisher and the sequence number.
constexpr std::size_t kSeqAt = 3;
constexpr std::size_t kSeqDigits = 10;
constexpr std::size_t kLabelBytes = kSeqAt + kSeqDigits + 1;

double seconds_on(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) fail("the server's CPU time: %s", std::strerror(errno));
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double now_s() { return seconds_on(CLOCK_MONOTONIC); }

std::uint64_t parse_digits(std::string_view digits) {
  std::uint64_t number = 0;
  for (const char digit : digits) number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  return number;
}

struct Options {
  int port = 0;
  std::size_t receivers = 100;
  std::size_t publishers = 8;
  std::size_t in_flight = 1;
  double seconds = 3;
  double warm_up_seconds = 1;
  std::size_t message_bytes = 96;
  pid_t server_pid = 0;
  std::string path = "/chat";
};

struct Publisher {
  std::size_t number = 0;
  std::string frame;  // the next message, masked
  std::size_t payload_at = 0;
  std::uint64_t sent = 0;
  std::uint64_t heard = 0;               // own messages received
  std::vector<double> sent_at;           // by number, modulo in_flight
  std::vector<std::uint64_t> last_seqs;  // for each publisher
};

struct Connection {
  int fd = -1;
  bool open = false;
  std::uint64_t messages = 0;
  std::string carry;  // the start of an incomplete frame
  std::unique_ptr<Publisher> publisher;
};

struct Counts {
  double wall_s = 0;
  double cpu_s = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t reads = 0;
};

class Load {
 public:
  explicit Load(Options options);

  void open_all();
  void start_publishing();
  void run_until(double end_s);
  Counts counts() const;
  void collect_latencies(bool on) { collecting_ = on; }
  // Returns how many messages were not received within a few seconds after the last one was sent.
  std::uint64_t stop_and_drain();
  void print(const Counts& before, const Counts& after, std::uint64_t lost);

 private:
  void connect(Connection& connection);
  void make_publisher(Connection& connection, std::size_t number);
  void wait(double end_s);
  void read_from(Connection& connection);
  std::string_view take_handshake(Connection& connection, std::string_view bytes);
  std::size_t take_frames(Connection& connection, std::string_view bytes);
  void hear(Publisher& publisher, std::string_view payload);
  void publish(Connection& connection);
  void pong(const Connection& connection, std::string_view payload);
  void write(const Connection& connection, std::string_view bytes);
  double latency_ms(double quantile);

  const Options options_;
  clockid_t server_clock_{};
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections_;
  std::vector<Connection*> publishers_;
  std::vector<epoll_event> events_ = std::vector<epoll_event>(1024);
  std::vector<char> buffer_ = std::vector<char>(1 << 18);
  std::size_t handshakes_ = 0;
  bool publishing_ = false;
  bool collecting_ = false;
  std::uint64_t deliveries_ = 0;  // to receivers
  std::uint64_t reads_ = 0;       // reads that contained them
  std::vector<float> latencies_ms_;
  std::string out_;
};

Load::Load(Options options) : options_(std::move(options)), connections_(options_.receivers + options_.publishers) {
  if (const int error = clock_getcpuclockid(options_.server_pid, &server_clock_)) {
    fail("process %d: %s", static_cast<int>(options_.server_pid), std::strerror(error));
  }
  // Publishers are spread among the receivers, because the position in the server's order determines how early a client
  // receives.
  for (std::size_t number = 0; number < options_.publishers; ++number) {
    const std::size_t at = (2 * number + 1) * connections_.size() / (2 * options_.publishers);
    make_publisher(connections_[at], number);
    publishers_.push_back(&connections_[at]);
  }
}

void Load::make_publisher(Connection& connection, std::size_t number) {
  auto publisher = std::make_unique<Publisher>();
  publisher->number = number;
  publisher->sent_at.resize(options_.in_flight);
  publisher->last_seqs.resize(options_.publishers);
  std::string& frame = publisher->frame;
  bench::append_frame_head(frame, bench::kFinal | bench::kText, options_.message_bytes, bench::kMasked);
  frame.append(kMaskKey.begin(), kMaskKey.end());
  publisher->payload_at = frame.size();
  std::string payload(options_.message_bytes, 'x');
  char label[kLabelBytes + 1];
  std::snprintf(label, sizeof label, "%02u 0000000000 ", static_cast<unsigned>(number % 100));
  payload.replace(0, kLabelBytes, label);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    frame += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ kMaskKey[i % 4]);
  }
  connection.publisher = std::move(publisher);
}

void Load::open_all() {
  const double end_s = now_s() + kSetUpSeconds;
  for (Connection& connection : connections_) {
    while (handshakes_ >= kMaxHandshakes && now_s() < end_s) wait(end_s);
    connect(connection);
  }
  while (handshakes_ != 0 && now_s() < end_s) wait(end_s);
  if (handshakes_ != 0) fail("%zu handshakes were not answered", handshakes_);
}

void Load::connect(Connection& connection) {
  connection.fd = bench::connect_to_loopback(options_.port);
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = &connection}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
  ++handshakes_;
  write(connection, bench::handshake_request(options_.path));
}

// Returns the bytes after the response's head when it is complete.
std::string_view Load::take_handshake(Connection& connection, std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return bytes;
  if (!bytes.starts_with("HTTP/1.1 101 ")) fail("refused: %.60s", std::string(bytes).c_str());
  connection.open = true;
  --handshakes_;
  return bytes.substr(end + 4);
}

void Load::run_until(double end_s) {
  while (now_s() < end_s) wait(end_s);
}

void Load::wait(double end_s) {
  const int timeout_ms = std::max(0, static_cast<int>((end_s - now_s()) * 1000) + 1);
  const int count = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
  for (int i = 0; i < count; ++i) read_from(*static_cast<Connection*>(events_[static_cast<std::size_t>(i)].data.ptr));
}

// Edge-triggered: a read that does not fill the buffer has taken all data.
void Load::read_from(Connection& connection) {
  ssize_t count = 0;
  do {
    count = recv(connection.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) fail("the server closed the connection");
    std::string_view bytes(buffer_.data(), static_cast<std::size_t>(count));
    const bool carried = !connection.carry.empty();
    if (carried) bytes = connection.carry.append(bytes);
    if (!connection.open) bytes = take_handshake(connection, bytes);
    if (connection.open) bytes.remove_prefix(take_frames(connection, bytes));
    // `bytes` may point into the carry itself.
    if (carried || !bytes.empty()) connection.carry = std::string(bytes);
  } while (static_cast<std::size_t>(count) == buffer_.size());
}

std::size_t Load::take_frames(Connection& connection, std::string_view bytes) {
  std::size_t used = 0;
  std::uint64_t messages = 0;
  while (const auto frame = bench::first_frame(bytes.substr(used))) {
    used += frame->frame_bytes;
    if (frame->opcode == bench::kPing) pong(connection, frame->payload);
    if (frame->opcode == bench::kClose) fail("the server sent a close frame");
    if (frame->opcode >= bench::kClose) continue;
    ++messages;
    if (connection.publisher) hear(*connection.publisher, frame->payload);
  }
  connection.messages += messages;
  if (!connection.publisher) {
    deliveries_ += messages;
    if (messages != 0) ++reads_;
  } else if (publishing_ && messages != 0) {
    publish(connection);
  }
  return used;
}

void Load::hear(Publisher& publisher, std::string_view payload) {
  if (payload.size() != options_.message_bytes) fail("a message of %zu bytes", payload.size());
  const std::size_t from = parse_digits(payload.substr(0, 2));
  const std::uint64_t seq = parse_digits(payload.substr(kSeqAt, kSeqDigits));
  if (from >= options_.publishers || seq != ++publisher.last_seqs[from]) {
    fail("a message is lost or out of order: \"%s\"", std::string(payload.substr(0, kLabelBytes)).c_str());
  }
  if (from != publisher.number) return;
  publisher.heard = seq;
  if (collecting_) {
    latencies_ms_.push_back(static_cast<float>((now_s() - publisher.sent_at[seq % options_.in_flight]) * 1000));
  }
}

// Sends messages up to the in-flight limit in one write.
void Load::publish(Connection& connection) {
  Publisher& publisher = *connection.publisher;
  const double time_s = now_s();
  out_.clear();
  while (publisher.sent - publisher.heard < options_.in_flight) {
    std::uint64_t seq = ++publisher.sent;
    publisher.sent_at[seq % options_.in_flight] = time_s;
    for (std::size_t i = kSeqAt + kSeqDigits; i-- > kSeqAt; seq /= 10) {
      publisher.frame[publisher.payload_at + i] =
          static_cast<char>(static_cast<unsigned char>('0' + seq % 10) ^ kMaskKey[i % 4]);
    }
    out_ += publisher.frame;
  }
  if (!out_.empty()) write(connection, out_);
}

void Load::pong(const Connection& connection, std::string_view payload) {
  std::string frame;
  bench::append_frame_head(frame, bench::kFinal | bench::kPong, payload.size(), bench::kMasked);
  frame.append(4, '\0').append(payload);
  write(connection, frame);
}

// The data in flight is small and bounded, so a socket that does not accept it belongs to a server that does not read.
void Load::write(const Connection& connection, std::string_view bytes) {
  const ssize_t count = send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count != static_cast<ssize_t>(bytes.size())) fail("the server does not read: %s", std::strerror(errno));
}

void Load::start_publishing() {
  publishing_ = true;
  for (Connection* connection : publishers_) publish(*connection);
}

Counts Load::counts() const { return {now_s(), seconds_on(server_clock_), deliveries_, reads_}; }

std::uint64_t Load::stop_and_drain() {
  publishing_ = false;
  std::uint64_t sent = 0;
  for (const Connection* connection : publishers_) sent += connection->publisher->sent;
  const double end_s = now_s() + kDrainSeconds;
  for (;;) {
    std::uint64_t missing = 0;
    for (const Connection& connection : connections_) missing += sent - connection.messages;
    if (missing == 0 || now_s() >= end_s) return missing;
    run_until(std::min(end_s, now_s() + 0.05));
  }
}

double Load::latency_ms(double quantile) {
  if (latencies_ms_.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(static_cast<double>(latencies_ms_.size() - 1) * quantile);
  std::nth_element(latencies_ms_.begin(), latencies_ms_.begin() + at, latencies_ms_.end());
  return latencies_ms_[static_cast<std::size_t>(at)];
}

void Load::print(const Counts& before, const Counts& after, std::uint64_t lost) {
  const double wall_s = after.wall_s - before.wall_s;
  const double cpu_s = std::max(1e-9, after.cpu_s - before.cpu_s);
  const auto deliveries = static_cast<double>(after.deliveries - before.deliveries);
  const auto reads = static_cast<double>(std::max<std::uint64_t>(1, after.reads - before.reads));
  std::printf(
      "{\"receivers\":%zu,\"publishers\":%zu,\"in_flight\":%zu,\"message_bytes\":%zu,\"seconds\":%."
      "3f,"
      "\"deliveries\":%.0f,\"deliveries_per_second\":%.0f,\"deliveries_per_cpu_second\":%.0f,"
      "\"deliveries_per_read\":%.2f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"server_load\":%.3f,\"lost\":%"
      "llu}\n",
      options_.receivers, options_.publishers, options_.in_flight, options_.message_bytes, wall_s, deliveries,
      deliveries / wall_s, deliveries / cpu_s, deliveries / reads, latency_ms(0.5), latency_ms(0.99), cpu_s / wall_s,
      static_cast<unsigned long long>(lost));
}

Options parse(int argc, char** argv) {
  std::map<std::string_view, std::string> given;
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  Options options;
  std::size_t known = 0;
  auto number = [&](std::string_view name, double fallback) {
    const auto found = given.find(name);
    if (found == given.end()) return fallback;
    ++known;
    return std::strtod(found->second.c_str(), nullptr);
  };
  auto count = [&](std::string_view name, std::size_t fallback) {
    return static_cast<std::size_t>(std::max(0.0, number(name, static_cast<double>(fallback))));
  };
  options.port = static_cast<int>(number("--port", 0));
  options.receivers = count("--receivers", options.receivers);
  options.publishers = count("--publishers", options.publishers);
  options.in_flight = count("--in-flight", options.in_flight);
  options.seconds = number("--seconds", options.seconds);
  options.warm_up_seconds = number("--warm-up-seconds", options.warm_up_seconds);
  options.message_bytes = count("--message-bytes", options.message_bytes);
  options.server_pid = static_cast<pid_t>(number("--server-pid", 0));
  if (const auto path = given.find("--path"); path != given.end()) {
    options.path = path->second;
    ++known;
  }
  if (argc % 2 == 0 || known != given.size() || options.port <= 0 || options.server_pid <= 0 ||
      options.publishers < 1 || options.publishers > 100 || options.in_flight < 1 ||
      options.message_bytes < kLabelBytes || options.seconds <= 0 || options.seconds > 600) {
    fail(
        "usage: --port P --server-pid PID [--receivers N] [--publishers 1..100] [--in-flight N] "
        "[--seconds S]\n"
        "         [--warm-up-seconds S] [--message-bytes 14...] [--path /chat]");
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  // Ends the program in any case. The set-up and the drain have their own shorter limits.
  alarm(2 * kSetUpSeconds + static_cast<unsigned>(options.seconds + options.warm_up_seconds));

  Load load(options);
  load.open_all();
  load.start_publishing();
  load.run_until(now_s() + options.warm_up_seconds);
  const Counts before = load.counts();
  load.collect_latencies(true);
  load.run_until(before.wall_s + options.seconds);
  load.collect_latencies(false);
  const Counts after = load.counts();
  load.print(before, after, load.stop_and_drain());
  return 0;
}
