// The minimal server for this work, and thus the reference for the others: epoll, one thread, rooms. The messages that a room
// received in one round of the loop are sent to each member with a single send(). No library, no limits, no checks. It must
// not use libchat.
//
//   --port P         0, the default: any
//   --frame-bytes N  the size of the frames that it sends, for a comparison with a form that has longer ones; 0: as received
//   --consume 1      messages that begin with '!' are not published
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loopback.h"
#include "websocket.h"

namespace {

struct Options {
  int port = 0;
  std::size_t frame_bytes = 0;
  bool consume = false;
};

struct Connection;

struct Room {
  std::string round;  // the frames of this round
  std::vector<Connection*> members;
};

struct Connection {
  int fd = -1;
  std::size_t index = 0;  // in Room::members
  Room* room = nullptr;   // once the handshake is complete
  std::string in;         // an incomplete frame
  std::string out;        // bytes that the socket did not accept
};

class Server {
 public:
  explicit Server(const Options& options) : options_(options) {}

  // Returns the port, on the loopback address only; 0 on failure.
  int listen_on(int port);
  [[noreturn]] void run();

 private:
  void accept_all();
  void read_from(Connection& connection);
  void answer_handshake(Connection& connection);
  void take_frames(Connection& connection);
  void publish(Room& room, const bench::FrameView& frame);
  void write_rest(Connection& connection);
  void write_rounds();
  void write_round(Room& room);
  void watch(Connection& connection, int operation, std::uint32_t events);
  void drop(Connection& connection);

  const Options options_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  int listener_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  std::map<std::string, Room, std::less<>> rooms_;
  std::vector<Room*> published_;                      // rooms that received messages in this round
  std::vector<std::unique_ptr<Connection>> dropped_;  // freed at the end of the round
};

// The value of `room` in the request's address.
std::string room_of(std::string_view request) {
  const std::string_view line = request.substr(0, request.find(" HTTP/"));
  const std::size_t at = line.find("room=");
  if (at == std::string_view::npos) return {};
  const std::string_view name = line.substr(at + 5);
  return std::string(name.substr(0, name.find('&')));
}

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
    write_rounds();
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
  if (connection.room) {
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
  Room& room = rooms_[room_of(connection.in)];
  connection.in.clear();
  connection.room = &room;
  connection.index = room.members.size();
  room.members.push_back(&connection);
}

void Server::take_frames(Connection& connection) {
  std::string_view left = connection.in;
  while (const auto frame = bench::first_frame(left)) {
    if (frame->opcode == bench::kClose) {
      drop(connection);
      return;
    }
    if (frame->opcode < bench::kClose && frame->mask_key) publish(*connection.room, *frame);
    left.remove_prefix(frame->frame_bytes);
  }
  connection.in.erase(0, connection.in.size() - left.size());
}

void Server::publish(Room& room, const bench::FrameView& frame) {
  const std::size_t size = frame.payload.size();
  if (options_.consume && size != 0 && (frame.payload[0] ^ frame.mask_key[0]) == '!') return;
  if (room.round.empty()) published_.push_back(&room);
  std::size_t sent_size = size;
  if (options_.frame_bytes != 0) {
    const std::size_t frame_bytes = options_.frame_bytes;
    sent_size = frame_bytes - (frame_bytes < 128 ? 2 : frame_bytes < 65'540 ? 4 : 10);
  }
  bench::append_frame_head(room.round, bench::kFinal | bench::kText, sent_size);
  for (std::size_t i = 0; i < std::min(size, sent_size); ++i) {
    room.round += static_cast<char>(frame.payload[i] ^ frame.mask_key[i % 4]);
  }
  if (sent_size > size) room.round.append(sent_size - size, 'x');
}

void Server::write_rounds() {
  for (Room* room : published_) write_round(*room);
  published_.clear();
}

void Server::write_round(Room& room) {
  for (std::size_t i = 0; i < room.members.size();) {
    Connection& connection = *room.members[i];
    if (connection.out.empty()) {
      const ssize_t count = send(connection.fd, room.round.data(), room.round.size(), MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN) {
        drop(connection);  // the last member moves to its index
        continue;
      }
      const std::size_t taken = count < 0 ? 0 : static_cast<std::size_t>(count);
      if (taken < room.round.size()) {
        connection.out.assign(room.round, taken);
        watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      }
    } else {
      connection.out += room.round;
    }
    ++i;
  }
  room.round.clear();
}

void Server::write_rest(Connection& connection) {
  const ssize_t count = send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
  if (count > 0) connection.out.erase(0, static_cast<std::size_t>(count));
  if (connection.out.empty()) watch(connection, EPOLL_CTL_MOD, EPOLLIN);
}

void Server::drop(Connection& connection) {
  const int fd = std::exchange(connection.fd, -1);
  close(fd);
  if (connection.room) {
    std::vector<Connection*>& members = connection.room->members;
    members[connection.index] = members.back();
    members[connection.index]->index = connection.index;
    members.pop_back();
  }
  dropped_.push_back(std::move(connections_[static_cast<std::size_t>(fd)]));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const long number = std::atol(argv[i + 1]);
    if (name == "--port") {
      options.port = static_cast<int>(number);
    } else if (name == "--frame-bytes") {
      options.frame_bytes = static_cast<std::size_t>(number);
    } else if (name == "--consume") {
      options.consume = number != 0;
    } else {
      bench::fail("unknown option: %s", argv[i]);
    }
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  Server server(options);
  const int port = server.listen_on(options.port);
  if (port == 0) {
    std::perror("floor_server");
    return 1;
  }
  std::printf("listening on port %d\n", port);
  std::fflush(stdout);
  server.run();
}
