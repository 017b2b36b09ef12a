// The minimal server for this work, and thus the reference for the others: epoll, one thread, one room. The data
// received in one round of the loop is sent to each connection with a single send(). No library, no limits, no checks.
// It must not use libchat.
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load.h"
#include "websocket.h"

namespace {

struct Connection {
  int fd = -1;
  std::size_t index = 0;  // in Server::open_, once the handshake is complete
  bool open = false;
  std::string in;   // an incomplete frame
  std::string out;  // bytes that the socket did not accept
};

class Server {
 public:
  // Returns the port, on the loopback address only; 0 on failure.
  int listen_on(int port);
  [[noreturn]] void run();

 private:
  void accept_all();
  void read_from(Connection& connection);
  void answer_handshake(Connection& connection);
  void take_frames(Connection& connection);
  void write_rest(Connection& connection);
  void write_round();
  void watch(Connection& connection, int operation, std::uint32_t events);
  void drop(Connection& connection);

  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  int listener_ = -1;
  std::string round_;                                     // the frames of this round
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  std::vector<Connection*> open_;
  std::vector<std::unique_ptr<Connection>> dropped_;  // freed at the end of the round
};

int Server::listen_on(int port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = bench::loopback_address(port);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, SOMAXCONN) != 0) return 0;
  getsockname(listener_, generic, &size);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
  return ntohs(address.sin_port);
}

void Server::run() {
  std::vector<epoll_event> events(1024);
  for (;;) {
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      auto* connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (!connection) {
        accept_all();
        continue;
      }
      if (connection->fd < 0) continue;
      if (events[static_cast<std::size_t>(i)].events & EPOLLOUT) write_rest(*connection);
      if (events[static_cast<std::size_t>(i)].events & ~EPOLLOUT) read_from(*connection);
    }
    write_round();
    dropped_.clear();
  }
}

void Server::watch(Connection& connection, int operation, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.ptr = &connection}};
  epoll_ctl(epoll_, operation, connection.fd, &event);
}

void Server::accept_all() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto connection = std::make_unique<Connection>();
    connection->fd = fd;
    watch(*connection, EPOLL_CTL_ADD, EPOLLIN);
    const auto slot = static_cast<std::size_t>(fd);
    if (connections_.size() <= slot) connections_.resize(slot + 1);
    connections_[slot] = std::move(connection);
  }
}

void Server::read_from(Connection& connection) {
  char buffer[65'536];
  const ssize_t count = recv(connection.fd, buffer, sizeof buffer, 0);
  if (count <= 0) {
    if (count == 0 || errno != EAGAIN) drop(connection);
    return;
  }
  connection.in.append(buffer, static_cast<std::size_t>(count));
  if (connection.open) {
    take_frames(connection);
  } else {
    answer_handshake(connection);
  }
}

void Server::answer_handshake(Connection& connection) {
  if (connection.in.find("\r\n\r\n") == std::string::npos) return;
  const std::string answer = bench::handshake_answer(connection.in);
  if (answer.empty() || send(connection.fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) {
    drop(connection);
    return;
  }
  connection.in.clear();
  connection.open = true;
  connection.index = open_.size();
  open_.push_back(&connection);
}

void Server::take_frames(Connection& connection) {
  std::string_view left = connection.in;
  while (const auto frame = bench::first_frame(left)) {
    if (frame->opcode == bench::kClose) {
      drop(connection);
      return;
    }
    if (frame->opcode < bench::kClose && frame->mask_key) {
      bench::append_frame_head(round_, bench::kFinal | bench::kText, frame->payload.size());
      for (std::size_t i = 0; i < frame->payload.size(); ++i) {
        round_ += static_cast<char>(frame->payload[i] ^ frame->mask_key[i % 4]);
      }
    }
    left.remove_prefix(frame->frame_bytes);
  }
  connection.in.erase(0, connection.in.size() - left.size());
}

void Server::write_round() {
  if (round_.empty()) return;
  for (std::size_t i = 0; i < open_.size();) {
    Connection& connection = *open_[i];
    if (connection.out.empty()) {
      const ssize_t count = send(connection.fd, round_.data(), round_.size(), MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN) {
        drop(connection);  // the last connection moves to its index
        continue;
      }
      const std::size_t taken = count < 0 ? 0 : static_cast<std::size_t>(count);
      if (taken < round_.size()) {
        connection.out.assign(round_, taken);
        watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      }
    } else {
      connection.out += round_;
    }
    ++i;
  }
  round_.clear();
}

void Server::write_rest(Connection& connection) {
  const ssize_t count = send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
  if (count > 0) connection.out.erase(0, static_cast<std::size_t>(count));
  if (connection.out.empty()) watch(connection, EPOLL_CTL_MOD, EPOLLIN);
}

void Server::drop(Connection& connection) {
  const int fd = std::exchange(connection.fd, -1);
  close(fd);
  if (connection.open) {
    open_[connection.index] = open_.back();
    open_[connection.index]->index = connection.index;
    open_.pop_back();
  }
  dropped_.push_back(std::move(connections_[static_cast<std::size_t>(fd)]));
}

}  // namespace

int main(int argc, char** argv) {
  Server server;
  const int port = server.listen_on(argc > 1 ? std::atoi(argv[1]) : 0);
  if (port == 0) {
    std::perror("floor_server");
    return 1;
  }
  std::printf("listening on port %d\n", port);
  std::fflush(stdout);
  server.run();
}
