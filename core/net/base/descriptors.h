// How many descriptors a server may use in the process that it lives in: the size of libwebsockets' table, the default of
// max_connections, and whether enough descriptors are free before libuv and libwebsockets ask for them, which do not bear it
// when one is missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/types.h"

namespace chat::net {

// The soft RLIMIT_NOFILE; kUnlimited for no limit.
std::int64_t open_file_limit();

// What max_connections is by default: the limit without a reserve for the host's own files and sockets.
std::int64_t default_max_connections(std::int64_t file_limit);

// The number of places in the table of libwebsockets, which finds a socket by its descriptor's number: 16 bytes each, for
// every loop, all of them in use from the start. Enough for max_connections, for what the host has open now, and for what it
// opens later; more than the limit only while that is small, because a host may raise it.
int descriptor_table_size(std::int64_t file_limit, std::int64_t max_connections, int first_free);

// Descriptors that are held while this lives.
class HeldDescriptors {
 public:
  explicit HeldDescriptors(std::size_t count);
  ~HeldDescriptors();
  HeldDescriptors(const HeldDescriptors&) = delete;
  HeldDescriptors& operator=(const HeldDescriptors&) = delete;

  // system, when fewer than `count` were free.
  Status status() const;
  int lowest() const;
  int highest() const;

 private:
  std::size_t wanted_;
  int error_ = 0;
  std::vector<int> held_;
};

}  // namespace chat::net
