// See direct_links.h.
#include "net/deliver/direct_links.h"

#include <sys/socket.h>

namespace chat::net {

DirectLinks::Number DirectLinks::add() {
  if (free_ == kNone) {
    rows_.emplace_back();
    return static_cast<Number>(rows_.size() - 1);
  }
  const Number number = free_;
  free_ = rows_[number].next_free;
  rows_[number] = Row();
  return number;
}

void DirectLinks::remove(Number number) noexcept {
  rows_[number] = Row();
  rows_[number].next_free = free_;
  free_ = number;
}

std::size_t DirectLinks::write(Number number, std::string_view bytes) {
  Row& row = rows_[number];
  const ssize_t sent = send(row.socket_fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent <= 0) return 0;
  row.written_ms = loop_.now_ms();
  loop_.stats().bytes_out.add(static_cast<std::uint64_t>(sent));
  return static_cast<std::size_t>(sent);
}

}  // namespace chat::net
