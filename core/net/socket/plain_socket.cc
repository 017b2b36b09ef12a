// See plain_socket.h.
#include "net/socket/plain_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace chat::net {

PlainSocket::~PlainSocket() {
  watch_.forget();
  if (fd_ >= 0) ::close(fd_);
}

bool PlainSocket::open(ReadySockets& sockets, int fd) {
  fd_ = fd;
  watch_.start(sockets, *this, fd_);
  return apply_interest();
}

void PlainSocket::on_ready(unsigned events, bool ended) {
  // A call of the system returns the error or the end.
  if (ended) events = watch_.events();
  events &= watch_.events();
  if ((events & Poller::kRead) != 0 && !read()) return;
  if ((events & Poller::kWrite) == 0) return;
  wants_writable_ = false;
  user_.on_writable();
  apply_interest();
}

// Returns false when the socket has ended; it may be destroyed then.
bool PlainSocket::read() {
  const std::span<char> buffer = watch_.sockets().read_buffer();
  const ssize_t count = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count > 0) {
    try {
      user_.on_input(buffer.first(static_cast<std::size_t>(count)));
    } catch (...) {
      shutdown(fd_, SHUT_RDWR);  // a stream that has lost bytes cannot continue
      throw;
    }
    return true;
  }
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return true;
  close();
  return false;
}

bool PlainSocket::apply_interest() {
  if (!watch_.started()) return false;
  return watch_.set((reading_ ? Poller::kRead : 0U) | (wants_writable_ ? Poller::kWrite : 0U));
}

std::optional<std::size_t> PlainSocket::write(std::string_view bytes) {
  if (fd_ < 0 || finished_) return std::nullopt;
  // The system would report here that the client has gone, though everything was written before.
  if (bytes.empty()) return 0;
  for (;;) {
    // Fewer bytes than given: the system's buffer is full.
    const ssize_t count = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    if (errno != EINTR) return std::nullopt;
  }
}

void PlainSocket::want_writable() {
  wants_writable_ = true;
  apply_interest();
}

void PlainSocket::set_reading(bool on) {
  reading_ = on;
  apply_interest();
}

void PlainSocket::finish_writing() {
  if (fd_ < 0 || std::exchange(finished_, true)) return;
  shutdown(fd_, SHUT_WR);
}

void PlainSocket::reset_on_close() {
  const linger at_once{1, 0};
  if (fd_ >= 0) setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

// on_released() may destroy the socket.
void PlainSocket::close() {
  if (fd_ < 0) return;
  user_.on_stream_closed();  // when it throws, the socket is still open, and the next event ends it
  watch_.forget();
  ::close(std::exchange(fd_, -1));
  user_.on_released();
}

}  // namespace chat::net
