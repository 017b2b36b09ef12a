// How many file descriptors a server may use: the size of libwebsockets' table for TLS, the default of max_connections,
// and whether enough descriptors are free at the start. libuv and libwebsockets cannot handle a shortage, so it is checked
// before they need descriptors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/types.h"

namespace chat::net {

// The soft limit RLIMIT_NOFILE; kUnlimited when there is none.
std::int64_t open_file_limit();

// The default of max_connections: the limit minus a reserve for the host's own files and sockets.
std::int64_t default_max_connections(std::int64_t file_limit);

// The number of entries in libwebsockets' table, which is indexed by descriptor. Only servers with TLS have it: one table
// for each loop, with 16 bytes per entry, all allocated at the start. It has entries for max_connections, for the descriptors that the host has
// open, and for those it opens later. It exceeds the limit only when the limit is low, because the host may raise it.
int descriptor_table_size(std::int64_t file_limit, std::int64_t max_connections, int first_free);

// Reserves descriptors for its lifetime.
class HeldDescriptors {
 public:
  // Opens `count` descriptors.
  explicit HeldDescriptors(std::size_t count);
  ~HeldDescriptors();
  HeldDescriptors(const HeldDescriptors&) = delete;
  HeldDescriptors& operator=(const HeldDescriptors&) = delete;

  // Error::system when fewer than `count` descriptors were free.
  Status status() const;
  int lowest() const;
  int highest() const;

 private:
  std::size_t wanted_;
  int error_ = 0;
  std::vector<int> held_;
};

}  // namespace chat::net
