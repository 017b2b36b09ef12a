#include "churn.h"

#include <unistd.h>

#include <string>

#include "../loopback.h"
#include "crowd.h"

namespace bench {

// From many addresses of the loopback network, because closed connections keep their ports for a while.
int Churn::connect() {
  source_ = (source_ + 1) % 4'000;
  const int fd = connect_to_loopback(port_, 0x7f010001 + source_ / 200 * 256 + source_ % 200);
  open_.push_back(fd);
  return fd;
}

std::size_t Churn::handshakes_until(double end_s, std::size_t at_once) {
  std::size_t made = 0;
  const std::string hello = form_.hello(Client{});
  while (now_s() < end_s) {
    while (open_.size() < at_once) connect();
    for (const int fd : open_) {
      if (send(fd, hello.data(), hello.size(), MSG_NOSIGNAL) < 0) fail("the server closed a connection");
    }
    for (const int fd : open_) {
      char buffer[4096];
      std::string answer;
      while (answer.find("\r\n\r\n") == std::string::npos) {
        const ssize_t count = recv(fd, buffer, sizeof buffer, 0);
        if (count <= 0) fail("the server closed a connection during its handshake");
        answer.append(buffer, static_cast<std::size_t>(count));
      }
      if (!answer.starts_with("HTTP/1.1 101 ")) fail("refused: %.60s", answer.c_str());
    }
    release();
    made += at_once;
  }
  return made;
}

void Churn::connect_silent(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) connect();
}

void Churn::release() {
  for (const int fd : open_) close(fd);
  open_.clear();
}

}  // namespace bench
