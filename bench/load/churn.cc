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

void Churn::expect_upgrade(int fd) {
  char buffer[4096];
  std::string answer;
  while (answer.find("\r\n\r\n") == std::string::npos) {
    const ssize_t count = recv(fd, buffer, sizeof buffer, 0);
    if (count <= 0) fail("the server closed a connection during its handshake");
    answer.append(buffer, static_cast<std::size_t>(count));
  }
  if (!answer.starts_with("HTTP/1.1 101 ")) fail("refused: %.60s", answer.c_str());
}

std::size_t Churn::handshakes_until(double end_s, std::size_t at_once) {
  std::size_t made = 0;
  const std::string hello = form_.hello(Client{});
  while (now_s() < end_s) {
    while (open_.size() < at_once) connect();
    for (const int fd : open_) {
      if (send(fd, hello.data(), hello.size(), MSG_NOSIGNAL) < 0) fail("the server closed a connection");
    }
    for (const int fd : open_) expect_upgrade(fd);
    release();
    made += at_once;
  }
  return made;
}

std::size_t Churn::join_until(double end_s, double rate, std::size_t most, const std::function<void(double)>& wait) {
  const std::string hello = form_.hello(Client{});
  const double begin_s = now_s();
  std::size_t made = 0;
  for (double due_s = begin_s; due_s < end_s; due_s = begin_s + static_cast<double>(++made) / rate) {
    wait(due_s);
    const int fd = connect();
    if (send(fd, hello.data(), hello.size(), MSG_NOSIGNAL) < 0) fail("the server closed a connection");
    expect_upgrade(fd);
    if (open_.size() <= most) continue;
    close(open_.front());
    open_.erase(open_.begin());
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
