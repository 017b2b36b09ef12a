// Writes lines to a descriptor on a thread of its own, so a blocked reader (a full pipe, a stopped terminal, a slow
// disk) does not block other threads. Lines are dropped and counted while the queue is full. The descriptor stays in
// blocking mode, because the mode is shared with other processes.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace chatd {

// Every write contains whole lines and at most PIPE_BUF bytes, so lines of several processes do not mix in a pipe.
inline constexpr std::size_t kMaxLineBytes = 4096;

class LogWriter {
 public:
  // Starts the thread, which inherits the signal mask. `dropped` formats the line that reports the number of missing
  // lines.
  LogWriter(int fd, std::function<std::string(std::size_t)> dropped);
  // Waits a bounded time for queued lines to be written.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Queues a line without blocking; any thread may call it. `line` ends with a newline and has at most kMaxLineBytes.
  void write(std::string_view line);

 private:
  struct Queue;
  std::shared_ptr<Queue> queue_;  // shared with the thread, which may outlive this object when the descriptor blocks
};

// Writes text without the thread, and blocks only for a short time in total. For output without a log.
void write_briefly(int fd, std::string_view text);

}  // namespace chatd
