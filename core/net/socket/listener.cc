// See listener.h.
#include "net/socket/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "model/address.h"
#include "net/base/fork_guard.h"
#include "net/base/loop_context.h"
#include "net/base/platform.h"

namespace chat::net {
namespace {

constexpr int kBacklog = 4096;
// After this many accepts, the other sockets of the loop get their turn.
constexpr int kAcceptsPerTurn = 64;
// The delay after running out of descriptors. Without it the pending connections would make the loop spin.
constexpr std::uint64_t kRetryMs = 100;

Status system_status(int error, const std::string& what) {
  const std::string detail = what + ": " + std::strerror(error);
  switch (error) {
    case EADDRINUSE:
      return {Error::address_in_use, detail};
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return {Error::address_invalid, detail};
    case EACCES:
    case EPERM:
      return {Error::permission, detail};
    default:
      return {Error::system, detail};
  }
}

bool set_flag(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value) == 0; }

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_un local;
};

// An all-zero sun_path is the address of an unnamed socket. A live server accepts a connection; a stale file refuses
// it.
bool is_stale(const SocketAddress& address) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const int result = connect(probe, &address.any, sizeof address.local);
  const bool stale = result != 0 && errno == ECONNREFUSED;
  close(probe);
  return stale;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(AcceptUser& user, Application& application,
                                                 const ServerOptions& options) {
  std::unique_ptr<Listener> listener(new Listener(user, application, options));
  Status status;
  if (options.listen_fd > 0) {
    status = listener->take(options.listen_fd);
  } else if (!options.unix_path.empty()) {
    status = listener->open_unix(options.unix_path);
  } else {
    status = listener->open_tcp(options);
  }
  if (!status.ok()) return status;
  return listener;
}

Listener::~Listener() { close_socket(); }

void Listener::close_socket() {
  if (fd_ >= 0 && close_fd_) close(fd_);
  fd_ = -1;
  struct stat status;
  // Remove only our own socket: another process may have replaced it.
  if (!unix_path_.empty() && stat(unix_path_.c_str(), &status) == 0 && status.st_ino == unix_inode_) {
    unlink(unix_path_.c_str());
  }
  unix_path_.clear();
}

Status Listener::open_tcp(const ServerOptions& options) {
  SocketAddress address;
  std::memset(&address, 0, sizeof address);
  const auto port = htons(static_cast<std::uint16_t>(options.port));
  const std::string shown =
      "port " + std::to_string(options.port) + " on " + (options.address.empty() ? "every address" : options.address);
  bool v6 = true;
  if (options.address.empty()) {
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_addr = in6addr_any;
  } else if (inet_pton(AF_INET6, options.address.c_str(), &address.v6.sin6_addr) == 1) {
    address.v6.sin6_family = AF_INET6;
  } else if (inet_pton(AF_INET, options.address.c_str(), &address.v4.sin_addr) == 1) {
    v6 = false;
  } else {
    return {Error::address_invalid, "address " + options.address + " is not an IPv4 or IPv6 address"};
  }
  if (v6) {
    address.v6.sin6_port = port;
    fd_ = open_socket(AF_INET6, SOCK_STREAM);
    if (fd_ < 0 && options.address.empty()) {  // no IPv6 on this machine
      v6 = false;
      address.v4.sin_addr.s_addr = htonl(INADDR_ANY);
    }
  }
  if (!v6) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = port;
    fd_ = open_socket(AF_INET, SOCK_STREAM);
  }
  if (fd_ < 0) return system_status(errno, shown);
  set_flag(fd_, SOL_SOCKET, SO_REUSEADDR, 1);
  if (v6) set_flag(fd_, IPPROTO_IPV6, IPV6_V6ONLY, options.address.empty() ? 0 : 1);
  set_options(fd_, true);
  inherited_ = true;
  if (bind(fd_, &address.any, v6 ? sizeof address.v6 : sizeof address.v4) != 0 || listen(fd_, kBacklog) != 0) {
    return system_status(errno, shown);
  }
  socklen_t size = sizeof address;
  if (getsockname(fd_, &address.any, &size) != 0) return system_status(errno, shown);
  port_ = ntohs(v6 ? address.v6.sin6_port : address.v4.sin_port);
  return {};
}

Status Listener::open_unix(const std::string& path) {
  SocketAddress address;
  std::memset(&address, 0, sizeof address);
  if (path.size() >= sizeof address.local.sun_path) {
    return {Error::address_invalid, "unix_path " + path + " is too long"};
  }
  address.local.sun_family = AF_UNIX;
  path.copy(address.local.sun_path, path.size());
  fd_ = open_socket(AF_UNIX, SOCK_STREAM);
  if (fd_ < 0) return system_status(errno, path);
  int result = bind(fd_, &address.any, sizeof address.local);
  struct stat status;
  if (result != 0 && errno == EADDRINUSE && lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) &&
      is_stale(address)) {
    unlink(path.c_str());
    result = bind(fd_, &address.any, sizeof address.local);
  } else if (result != 0) {
    errno = errno == ECONNREFUSED ? EADDRINUSE : errno;
  }
  if (result != 0) return system_status(errno, path);
  unix_path_ = path;
  if (stat(path.c_str(), &status) == 0) unix_inode_ = status.st_ino;
  if (listen(fd_, kBacklog) != 0) return system_status(errno, path);
  return {};
}

void Listener::set_options(int fd, bool tcp) const {
  if (tcp) set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (const std::int64_t bytes = options_.send_buffer_bytes; bytes != kUnlimited) {
    set_flag(fd, SOL_SOCKET, SO_SNDBUF, static_cast<int>(bytes));
  }
}

Status Listener::take(int fd) {
  int listening = 0;
  socklen_t size = sizeof listening;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening != 1) {
    return {Error::invalid_argument, "listen_fd " + std::to_string(fd) + " is not a listening socket"};
  }
  SocketAddress address;
  socklen_t address_size = sizeof address;
  if (getsockname(fd, &address.any, &address_size) == 0) {
    if (address.any.sa_family == AF_INET) port_ = ntohs(address.v4.sin_port);
    if (address.any.sa_family == AF_INET6) port_ = ntohs(address.v6.sin6_port);
  }
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  ForkGuard::Making().add(fd);
  fd_ = fd;
  handed_in_ = true;
  return {};
}

Status Listener::start(ReadySockets& sockets, uv_loop_t* loop) {
  watch_.start(sockets, *this, fd_);
  if (!watch_.set(Poller::kRead)) {
    watch_.forget();
    return {Error::system, "the listening socket cannot be watched"};
  }
  uv_timer_init(loop, &retry_);
  retry_.data = this;
  running_ = true;
  return {};
}

// Logs one line per shortage, however long it lasts.
void Listener::pause(int error) {
  if (!std::exchange(short_, true)) {
    application_.log(LogLevel::error, std::string("accept: ") + std::strerror(error));
  }
  watch_.set(0);
  retry_later();
}

void Listener::retry_later() {
  uv_timer_start(
      &retry_,
      [](uv_timer_t* handle) {
        auto* const self = static_cast<Listener*>(handle->data);
        if (!self->watch_.set(Poller::kRead)) self->retry_later();
      },
      kRetryMs, 0);
}

void Listener::stop() {
  if (!running_) return;
  running_ = false;
  watch_.stop();
  uv_close(reinterpret_cast<uv_handle_t*>(&retry_), nullptr);
  close_socket();
}

void Listener::on_ready(unsigned, bool) {
  for (int i = 0; i < kAcceptsPerTurn && running_; ++i) {
    SocketAddress address;
    unsigned size = sizeof address;
    const int fd = accept_socket(fd_, &address.any, &size);
    if (fd < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      pause(errno);
      return;
    }
    if (std::exchange(short_, false)) application_.log(LogLevel::info, "connections are accepted again");
    const std::optional<IpAddress> ip = IpAddress::from(&address.any);
    std::string remote_address = ip ? ip->text() : std::string();
    if (!inherited_) set_options(fd, ip.has_value());
    user_.on_accepted(fd, std::move(remote_address));
    if (LoopContext* const loop = LoopContext::current(); loop && loop->budget().over()) return;
  }
}

}  // namespace chat::net
