// An accepted socket on its way to its loop. Closes the socket, and takes it out of the count of connections, unless the loop has
// taken it over. Any thread.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <utility>

#include "hub/source_table.h"

namespace chat::net {

class OwnedSocket {
 public:
  // Adds the socket to `connections`, which must outlive it.
  OwnedSocket(int fd, std::atomic<std::int64_t>& connections) : fd_(fd), connections_(connections) {
    connections_.fetch_add(1);
  }
  OwnedSocket(OwnedSocket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connections_(other.connections_), share_(std::move(other.share_)) {}
  OwnedSocket& operator=(OwnedSocket&&) = delete;
  ~OwnedSocket() {
    if (fd_ < 0) return;
    close(fd_);
    connections_.fetch_sub(1);
  }

  int fd() const { return fd_; }
  // The caller owns the descriptor from here on, and its place in the count.
  int take() { return std::exchange(fd_, -1); }

  void set_share(Share share) { share_ = std::move(share); }
  Share take_share() { return std::move(share_); }

 private:
  int fd_;
  std::atomic<std::int64_t>& connections_;
  Share share_;  // of the connections of its address
};

}  // namespace chat::net
