// The links of one loop that take bytes at once: nothing waits in their outboxes, and their sockets are plain. The
// fan-out writes to these without a look at the link. One row for each link, side by side in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "net/base/loop_context.h"

namespace chat::net {

class Frame;

class DirectLinks {
 public:
  using Number = std::uint32_t;
  static constexpr Number kNone = 0;  // a row that never takes bytes

  explicit DirectLinks(LoopContext& loop) : loop_(loop) {}

  // A row for a link. It takes no bytes before open().
  Number add();
  void remove(Number number) noexcept;

  // Bytes may be written to this socket from now on; -1: not, as after close().
  void open(Number number, int socket_fd) { rows_[number].socket_fd = socket_fd; }
  void close(Number number) noexcept { rows_[number].socket_fd = -1; }
  bool is_open(Number number) const { return rows_[number].socket_fd >= 0; }

  // Writes what the socket takes at once. Returns how many bytes that were. Only for a row that is open. A broken socket
  // takes nothing: the link finds out when it writes the rest.
  std::size_t write(Number number, std::string_view bytes);
  // The same with the segments of a frame, in one system call. It takes the first kMaxSegments of them.
  std::size_t write(Number number, const Frame& frame);
  static constexpr std::size_t kMaxSegments = 128;

  // When something was last written to the link, by whomever; -1: never.
  std::int64_t written_ms(Number number) const { return rows_[number].written_ms; }
  void note_written(Number number) { rows_[number].written_ms = loop_.now_ms(); }

 private:
  struct Row {
    std::int64_t written_ms = -1;
    int socket_fd = -1;
    Number next_free = kNone;
  };

  std::size_t note_sent(Row& row, std::ptrdiff_t sent);

  LoopContext& loop_;
  std::vector<Row> rows_{Row()};
  Number free_ = kNone;  // the first of a list
};

}  // namespace chat::net
