// The sockets of one loop. It waits until some are ready and lets them read and write one after the other until the
// loop's time budget ends; the rest are served first next time. libuv cannot do this: it calls all ready handles, and
// repeats up to 48 times while more than a thousand are ready. libuv's own descriptor is therefore one of those watched
// here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "net/base/platform.h"
#include "net/base/time_budget.h"

namespace chat::net {

// A socket that ReadySockets serves.
class ReadySocket {
 public:
  // Performs one read and handles its data, or writes as much as the socket accepts. ended: error or hang-up.
  virtual void on_ready(unsigned events, bool ended) = 0;

 protected:
  ~ReadySocket() = default;
};

class ReadySockets {
 public:
  // `loop_fd` is libuv's descriptor, which is only watched. Returns false when no descriptors are left. for_host:
  // whether fd() and set_timeout() are used.
  bool open(int loop_fd, bool for_host);

  // The key identifies the socket until forget(). watch() changes its watched events. add() throws std::bad_alloc, and
  // nothing has changed then.
  std::uint64_t add(ReadySocket& socket);
  bool watch(std::uint64_t key, int socket_fd, unsigned before, unsigned now) {
    return poller_.watch(socket_fd, key, before, now);
  }
  void forget(std::uint64_t key);

  // For one read of any socket of the loop. The next read overwrites it.
  std::span<char> read_buffer() const { return {buffer_.get(), kReadBufferBytes}; }

  // Waits for ready sockets, unless some remain from the last time.
  void wait(int timeout_ms);
  // Serves the ready sockets. Returns false when the time budget ended first.
  bool serve(TimeBudget& budget);
  // Whether libuv's own descriptor was ready at the last wait().
  bool loop_is_ready() const { return loop_is_ready_; }
  // True when ready sockets remain unserved because enough sockets are closing.
  bool pending() const { return next_ < end_; }

  // Counts a closing socket of libwebsockets. libuv completes the closing in its next turn, which cannot be postponed.
  void note_closing() { ++closing_; }
  // True when no more such sockets should be closed in this turn. Without a time limit, any number may be.
  bool closing_enough(const TimeBudget& budget) const { return budget.limited() && closing_ >= kMaxClosing; }
  // That turn of libuv is over.
  void closed() { closing_ = 0; }

  // For loops that the host drives: see Poller.
  int fd() const { return poller_.fd(); }
  void set_timeout(int timeout_ms) { poller_.set_timeout(timeout_ms); }
  void wait_readable(int timeout_ms) const { poller_.wait_readable(timeout_ms); }

 private:
  static constexpr std::size_t kReadBufferBytes = 65'536;
  // The number of closes per turn. Each may take 50 microseconds, because libwebsockets searches its table of sockets.
  static constexpr std::size_t kMaxClosing = 16;

  struct Place {
    ReadySocket* socket;  // nullptr: free
    std::uint32_t uses;   // distinguishes events of an earlier socket in this place
  };

  ReadySocket* find(std::uint64_t key) const;

  Poller poller_;
  std::vector<Place> places_;
  std::vector<std::uint32_t> free_;  // has capacity for every place
  std::unique_ptr<char[]> buffer_;
  std::array<Poller::Ready, 1024> ready_;
  std::size_t next_ = 0;
  std::size_t end_ = 0;
  std::size_t closing_ = 0;
  bool loop_is_ready_ = false;
};

}  // namespace chat::net
