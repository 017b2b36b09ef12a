// See direct_links.h.
#include "net/deliver/direct_links.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>

#include "net/deliver/frame.h"

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
  return note_sent(row, send(row.socket_fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

std::size_t DirectLinks::write(Number number, const Frame& frame) {
  if (frame.segments() == 1) return write(number, frame.segment(0));
  std::array<iovec, kMaxSegments>
      pieces;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled as far as it is used
  const std::size_t count = std::min(frame.segments(), kMaxSegments);
  for (std::size_t index = 0; index < count; ++index) {
    const std::string_view bytes = frame.segment(index);
    pieces[index] = {const_cast<char*>(bytes.data()), bytes.size()};
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  Row& row = rows_[number];
  return note_sent(row, sendmsg(row.socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

std::size_t DirectLinks::note_sent(Row& row, std::ptrdiff_t sent) {
  if (sent <= 0) return 0;
  row.written_ms = loop_.now_ms();
  loop_.stats().bytes_out.add(static_cast<std::uint64_t>(sent));
  return static_cast<std::size_t>(sent);
}

}  // namespace chat::net
