// How many descriptors a server may use in its process: the size of libwebsockets' table, the default of max_connections, and
// whether enough descriptors are free at the start. libuv and libwebsockets cannot handle a missing descriptor, so this is
// checked before they need any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/types.h"

namespace chat::net {

// The soft RLIMIT_NOFILE; kUnlimited for no limit.
std::int64_t open_file_limit();

// The default of max_connections: the limit, less a reserve for the host's own files and sockets.
std::int64_t default_max_connections(std::int64_t file_limit);

// The number of entries in libwebsockets' table, which finds a socket by the number of its descriptor. Each loop has a table,
// with 16 bytes for each entry, all in use from the start. The table is large enough for max_connections, for what the host
// has open now, and for what it opens later. It exceeds the limit only if the limit is small, because the host may raise it.
int descriptor_table_size(std::int64_t file_limit, std::int64_t max_connections, int first_free);

// Holds descriptors while it exists.
class HeldDescriptors {
 public:
  explicit HeldDescriptors(std::size_t count);
  ~HeldDescriptors();
  HeldDescriptors(const HeldDescriptors&) = delete;
  HeldDescriptors& operator=(const HeldDescriptors&) = delete;

  // Error::system if fewer than `count` were free.
  Status status() const;
  int lowest() const;
  int highest() const;

 private:
  std::size_t wanted_;
  int error_ = 0;
  std::vector<int> held_;
};

}  // namespace chat::net
