// Writes lines to a descriptor on a thread of its own, so that a reader that has stopped (a full pipe, a terminal on hold, a
// slow disk) delays nobody else. Lines that come while the queue is full are dropped and counted. The descriptor stays in
// blocking mode, because its mode is shared with other processes.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace chatd {

// Every write is whole lines and no more than a pipe takes in one piece (PIPE_BUF), so that lines of several processes do not
// mix in it.
inline constexpr std::size_t kMaxLineBytes = 4096;

class LogWriter {
 public:
  // `dropped` makes the line that reports how many lines are missing. Starts the thread, which inherits the signal mask.
  LogWriter(int fd, std::function<std::string(std::size_t)> dropped);
  // Waits for what is queued to be written, but only for a short time.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Any thread; never waits for the descriptor. `line` ends with a newline and has at most kMaxLineBytes.
  void write(std::string_view line);

 private:
  struct Queue;
  std::shared_ptr<Queue> queue_;  // shared with the thread, which may outlive this when its descriptor is stuck
};

// Writes text without the thread, but waits for the descriptor only for a short time in all. For what is written before or
// without a log.
void write_briefly(int fd, std::string_view text);

}  // namespace chatd
