// The sockets of one loop: waits until some are ready, and lets them read and write, one after the other, until the loop's
// time is over. Those that were not served then are the first next time. libuv cannot do that: it calls whatever is ready, and
// calls it again, up to 48 times, while more than a thousand are. So its own descriptor is one of those waited for here.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "net/base/platform.h"
#include "net/base/time_budget.h"

namespace chat::net {

// A socket, as this sees it.
class ReadySocket {
 public:
  // One read, and what it brings, or as much writing as the socket takes.
  virtual void on_ready(unsigned events, bool ended) = 0;

 protected:
  ~ReadySocket() = default;
};

class ReadySockets {
 public:
  // `loop_fd` is libuv's, and only waited for. False when the system has no descriptors left. for_host: fd() and set_timeout()
  // are used.
  bool open(int loop_fd, bool for_host);

  // The socket is known by the key until forget(), and watched for what watch() says.
  std::uint64_t add(ReadySocket& socket);
  bool watch(std::uint64_t key, int socket_fd, unsigned before, unsigned now) {
    return poller_.watch(socket_fd, key, before, now);
  }
  void forget(std::uint64_t key);

  // Finds out which are ready, unless there are some left of the last time.
  void wait(int timeout_ms);
  // False when the time was over before all of them had been served.
  bool serve(TimeBudget& budget);
  // Some are left, which were not served because enough is to be closed.
  bool pending() const { return next_ < end_; }

  // A socket is being closed: libuv does the rest in its next turn, where nothing can be put off.
  void note_closing() { ++closing_; }
  // Without a limit of time any number can be closed in one turn.
  bool closing_enough(const TimeBudget& budget) const { return budget.limited() && closing_ >= kMaxClosing; }
  // That turn is over.
  void closed() { closing_ = 0; }

  int fd() const { return poller_.fd(); }
  void set_timeout(int timeout_ms) { poller_.set_timeout(timeout_ms); }
  void wait_readable(int timeout_ms) const { poller_.wait_readable(timeout_ms); }

 private:
  // So many are closed in one turn: each may take 50 microseconds, because libwebsockets looks through its table of sockets.
  static constexpr std::size_t kMaxClosing = 16;

  struct Place {
    ReadySocket* socket;  // nullptr: free
    std::uint32_t uses;   // what was ready for an earlier socket here is not for this one
  };

  ReadySocket* find(std::uint64_t key) const;

  Poller poller_;
  std::vector<Place> places_;
  std::vector<std::uint32_t> free_;
  std::array<Poller::Ready, 1024> ready_;
  std::size_t next_ = 0;
  std::size_t end_ = 0;
  std::size_t closing_ = 0;
};

}  // namespace chat::net
