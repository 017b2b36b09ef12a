// bench_load: the load of all benchmarks but the game's. It opens its clients, prints a line, and then executes commands from
// standard input. Each is answered with one line of JSON. At the end of the input it ends. It does not use libchat.
//
//   turn ms=100 in_flight=1        publishes for 100 ms, then waits until everything is received
//   turn ms=100 rate=500           the same at a fixed rate of messages per second; latencies count from the scheduled time
//   receive count=1000             waits until the first room has received so many messages of others
//   handshakes ms=100 at_once=100  connections that open and close beside the others
//   joins ms=5000 rate=100         connections that open at a fixed rate and close a second later
//   silent count=500               connections that send nothing, until `release`
//   reconnect                      closes and opens all clients
#include <poll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "../loopback.h"
#include "churn.h"
#include "crowd.h"
#include "options.h"

namespace {

using bench::fail;
using bench::now_s;

// A turn begins with one message in the server's first round, until all publishers are in step. So that this does not decide
// the result, a turn is longer, within limits, until each publisher has sent what it keeps in flight several times.
constexpr double kMaxStretch = 10;
constexpr std::uint64_t kMinGenerations = 4;

class Session {
 public:
  explicit Session(const bench::Options& options)
      : limit_s_(options.limit_s),
        crowd_(options),
        form_(bench::make_form(options.form)),
        churn_(options.port, *form_) {}

  void run();

 private:
  void execute(std::string_view line);
  void turn();
  void receive();
  void publish_at_rate(double begin_s, double end_s, double rate);
  // Returns how many deliveries are missing or doubled.
  std::uint64_t drain();
  void print_counts(double begin_s, std::uint64_t lost);
  double number(const std::string& name, double fallback) const;

  const double limit_s_;
  bench::Crowd crowd_;
  std::unique_ptr<bench::Form> form_;
  bench::Churn churn_;
  std::map<std::string, double> arguments_;
  bench::Counts before_;  // at the last answer
  double cpu_before_s_ = 0;
};

double cpu_s() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void answer(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

void Session::run() {
  const double begin_s = now_s();
  crowd_.open_all();
  answer("{\"open\":" + std::to_string(crowd_.size()) + ",\"payload_bytes\":" + std::to_string(crowd_.payload_bytes()) +
         ",\"seconds\":" + std::to_string(now_s() - begin_s) + "}");
  cpu_before_s_ = cpu_s();
  std::string input;
  char buffer[4096];
  for (;;) {
    // Pings of the server are answered between commands.
    while (!crowd_.wait(now_s() + 1, STDIN_FILENO)) {
    }
    const ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);
    if (count <= 0) return;
    input.append(buffer, static_cast<std::size_t>(count));
    for (std::size_t end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
      execute(std::string_view(input).substr(0, end));
      input.erase(0, end + 1);
    }
  }
}

double Session::number(const std::string& name, double fallback) const {
  const auto found = arguments_.find(name);
  return found == arguments_.end() ? fallback : found->second;
}

void Session::execute(std::string_view line) {
  std::string command;
  arguments_.clear();
  while (!line.empty()) {
    const std::string word(line.substr(0, line.find(' ')));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    if (const std::size_t equals = word.find('='); equals != std::string::npos) {
      arguments_[word.substr(0, equals)] = std::strtod(word.c_str() + equals + 1, nullptr);
    } else {
      command = word;
    }
  }
  const double begin_s = now_s();
  if (command == "turn") {
    turn();
  } else if (command == "receive") {
    receive();
  } else if (command == "handshakes") {
    const double end_s = begin_s + number("ms", 100) / 1000;
    const std::size_t made = churn_.handshakes_until(end_s, static_cast<std::size_t>(number("at_once", 100)));
    answer("{\"handshakes\":" + std::to_string(made) + ",\"seconds\":" + std::to_string(now_s() - begin_s) + "}");
  } else if (command == "joins") {
    const double rate = number("rate", 100);
    const auto wait = [this](double due_s) {
      while (now_s() < due_s) crowd_.wait(due_s);
    };
    const std::size_t made =
        churn_.join_until(begin_s + number("ms", 5000) / 1000, rate, static_cast<std::size_t>(rate), wait);
    answer("{\"joins\":" + std::to_string(made) + ",\"seconds\":" + std::to_string(now_s() - begin_s) + "}");
  } else if (command == "silent") {
    churn_.connect_silent(static_cast<std::size_t>(number("count", 100)));
    answer("{}");
  } else if (command == "release") {
    churn_.release();
    answer("{}");
  } else if (command == "reconnect") {
    crowd_.reconnect_all();
    answer("{\"reconnected\":" + std::to_string(crowd_.size()) + ",\"seconds\":" + std::to_string(now_s() - begin_s) +
           "}");
  } else {
    fail("unknown command: %s", command.c_str());
  }
}

void Session::turn() {
  crowd_.latencies_us().clear();
  const double begin_s = now_s();
  const double end_s = begin_s + number("ms", 100) / 1000;
  if (const double rate = number("rate", 0); rate > 0) {
    publish_at_rate(begin_s, end_s, rate);
  } else {
    crowd_.publish_closed(static_cast<std::size_t>(number("in_flight", 1)));
    const double latest_s = begin_s + kMaxStretch * (end_s - begin_s);
    while (now_s() < end_s || (now_s() < latest_s && !crowd_.has_published_each(kMinGenerations, before_.published))) {
      crowd_.wait(std::max(end_s, std::min(latest_s, now_s() + 0.01)));
    }
    crowd_.stop_publishing();
  }
  print_counts(begin_s, drain());
}

void Session::publish_at_rate(double begin_s, double end_s, double rate) {
  const auto count = static_cast<std::uint64_t>((end_s - begin_s) * rate);
  for (std::uint64_t i = 0; i < count; ++i) {
    const double due_s = begin_s + static_cast<double>(i) / rate;
    while (now_s() < due_s) crowd_.wait_precisely(due_s);
    crowd_.publish_one(due_s);
  }
}

void Session::receive() {
  const double begin_s = now_s();
  crowd_.latencies_us().clear();
  crowd_.expect(static_cast<std::uint64_t>(number("count", 0)));
  print_counts(begin_s, drain());
}

std::uint64_t Session::drain() {
  const double end_s = now_s() + limit_s_;
  while (!crowd_.idle() && now_s() < end_s) crowd_.wait(end_s);
  return crowd_.idle() ? 0 : std::max<std::uint64_t>(1, crowd_.faults());
}

void Session::print_counts(double begin_s, std::uint64_t lost) {
  const double seconds = now_s() - begin_s;
  const double load_s = cpu_s() - cpu_before_s_;
  if (lost == 0) lost = crowd_.faults();
  const bench::Counts& now = crowd_.counts();
  std::string line = "{\"seconds\":" + std::to_string(seconds) + ",\"load_cpu_s\":" + std::to_string(load_s) +
                     ",\"published\":" + std::to_string(now.published - before_.published) +
                     ",\"deliveries\":" + std::to_string(now.deliveries - before_.deliveries) +
                     ",\"reads\":" + std::to_string(now.reads - before_.reads) +
                     ",\"bytes\":" + std::to_string(now.bytes - before_.bytes) + ",\"receiver_deliveries\":" +
                     std::to_string(now.receiver_deliveries - before_.receiver_deliveries) +
                     ",\"lost\":" + std::to_string(lost) + ",\"latencies_us\":[";
  char value[32];
  const char* separator = "";
  for (const double latency_us : crowd_.latencies_us().values()) {
    std::snprintf(value, sizeof value, "%s%.1f", separator, latency_us);
    line += value;
    separator = ",";
  }
  answer(line + "]}");
  before_ = crowd_.counts();
  cpu_before_s_ = cpu_s();
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  Session(options).run();
  return 0;
}
