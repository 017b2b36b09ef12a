// See log_writer.h.
#include "log_writer.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace chatd {
namespace {

// The first limit guards against long lines, the second against many short ones. The writer may hold the same amount
// again.
constexpr std::size_t kMaxQueuedBytes = 1 << 20;
constexpr std::size_t kMaxQueuedLines = 10'000;

constexpr std::chrono::milliseconds kLastWait{2000};

std::size_t count_lines(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// Returns as many whole lines as one write accepts. A single line is never longer than that.
std::string_view next_piece(std::string_view text) {
  if (text.size() <= kMaxLineBytes) return text;
  const std::size_t end = text.rfind('\n', kMaxLineBytes - 1);
  return text.substr(0, end == std::string_view::npos ? kMaxLineBytes : end + 1);
}

// Returns false when the descriptor fails, for example a pipe without a reader.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // Another process has set O_NONBLOCK on the shared descriptor.
      pollfd wanted{fd, POLLOUT, 0};
      poll(&wanted, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

struct LogWriter::Queue {
  const int fd;
  const std::function<std::string(std::size_t)> dropped_line;

  std::mutex mutex;
  std::condition_variable changed;
  std::string text;  // complete lines
  std::size_t lines = 0;
  std::size_t dropped = 0;
  bool closing = false;
  bool finished = false;

  Queue(int descriptor, std::function<std::string(std::size_t)> line) : fd(descriptor), dropped_line(std::move(line)) {}

  void push(std::string_view line) {
    const std::lock_guard lock(mutex);
    if (lines >= kMaxQueuedLines || text.size() + line.size() > kMaxQueuedBytes) {
      ++dropped;
      return;
    }
    text += line;
    ++lines;
    changed.notify_one();
  }

  // Runs on the thread. Returns after the destructor was called and everything is written.
  void run() {
    std::string taken;
    std::size_t missing = 0;  // lines dropped but not reported yet
    bool last = false;
    for (;;) {
      taken.clear();
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return !text.empty() || dropped > 0 || closing; });
        missing += std::exchange(dropped, 0);
        if (text.empty() && missing == 0) break;
        last = closing;
        taken.swap(text);
        lines = 0;
      }
      for (std::string_view left = taken; !left.empty();) {
        const std::string_view piece = next_piece(left);
        left.remove_prefix(piece.size());
        if (!write_all(fd, piece)) missing += count_lines(piece);
      }
      // The missing lines belong after these.
      if (missing > 0 && (write_all(fd, dropped_line(missing)) || last)) missing = 0;
    }
    const std::lock_guard lock(mutex);
    finished = true;
    changed.notify_all();
  }
};

LogWriter::LogWriter(int fd, std::function<std::string(std::size_t)> dropped)
    : queue_(std::make_shared<Queue>(fd, std::move(dropped))) {
  std::thread([queue = queue_] { queue->run(); }).detach();
}

LogWriter::~LogWriter() {
  std::unique_lock lock(queue_->mutex);
  queue_->closing = true;
  queue_->changed.notify_all();
  queue_->changed.wait_for(lock, kLastWait, [this] { return queue_->finished; });
}

void LogWriter::write(std::string_view line) { queue_->push(line); }

void write_briefly(int fd, std::string_view text) {
  using std::chrono::steady_clock;
  const auto end = steady_clock::now() + kLastWait;
  while (!text.empty()) {
    const auto left_ms = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now()).count();
    pollfd wanted{fd, POLLOUT, 0};
    // A pipe is writable when it accepts PIPE_BUF bytes without blocking.
    if (left_ms <= 0 || poll(&wanted, 1, static_cast<int>(left_ms)) <= 0) return;
    const std::string_view piece = next_piece(text);
    const ssize_t written = ::write(fd, piece.data(), piece.size());
    if (written < 0 && errno != EAGAIN && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace chatd
