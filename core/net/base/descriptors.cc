// See descriptors.h.
#include "net/base/descriptors.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace chat::net {
namespace {

// The largest table without max_connections: 1 MiB for each loop.
constexpr std::int64_t kDefaultPlaces = 65'536;
// The smallest table, for hosts that raise a low limit after the start: 64 KiB.
constexpr std::int64_t kLeastPlaces = 4'096;
// The largest table when max_connections has no limit: 16 MiB. Linux allows no higher limit on open files unless an
// administrator raises fs.nr_open.
constexpr std::int64_t kMostPlaces = 1 << 20;
// Spare entries for files and sockets that the host opens later.
constexpr std::int64_t kPlacesForHost = 4'096;

}  // namespace

std::int64_t open_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kUnlimited;
  constexpr rlim_t kLargest = 1U << 30;
  return limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > kLargest ? kUnlimited
                                                                      : static_cast<std::int64_t>(limit.rlim_cur);
}

std::int64_t default_max_connections(std::int64_t file_limit) {
  const std::int64_t limit = file_limit == kUnlimited ? kDefaultPlaces : std::min(file_limit, kDefaultPlaces);
  const std::int64_t reserve = std::min(std::max<std::int64_t>(limit / 16, 64), limit / 2);
  return std::max<std::int64_t>(limit - reserve, 1);
}

int descriptor_table_size(std::int64_t file_limit, std::int64_t max_connections, int first_free) {
  std::int64_t places = kMostPlaces;
  if (max_connections != kUnlimited) {
    places = std::min(std::max(kDefaultPlaces, max_connections + first_free + kPlacesForHost), kMostPlaces);
  }
  if (file_limit != kUnlimited) places = std::min(places, std::max(file_limit, kLeastPlaces));
  return static_cast<int>(places);
}

HeldDescriptors::HeldDescriptors(std::size_t count) : wanted_(count) {
  held_.reserve(count);
  while (held_.size() < count) {
    const int fd = eventfd(0, EFD_CLOEXEC);
    if (fd < 0) {
      error_ = errno;
      return;
    }
    held_.push_back(fd);
  }
}

HeldDescriptors::~HeldDescriptors() {
  for (const int fd : held_) close(fd);
}

Status HeldDescriptors::status() const {
  if (held_.size() == wanted_) return {};
  return {Error::system, std::string("too few free file descriptors (") + std::strerror(error_) + "): " +
                             std::to_string(wanted_) + " are needed, " + std::to_string(held_.size()) + " are free"};
}

int HeldDescriptors::lowest() const { return held_.empty() ? 0 : *std::min_element(held_.begin(), held_.end()); }
int HeldDescriptors::highest() const { return held_.empty() ? 0 : *std::max_element(held_.begin(), held_.end()); }

}  // namespace chat::net
