// See check.h. Faults in a file are reported here with their line. Then the library checks the rest: it is started on a
// socket that has no name in the network or the file system.
#include "check.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace chatd {
namespace {

// Closed at the end of its scope, unless the library took it over.
class Socket {
 public:
  explicit Socket(int family) : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return fd_; }
  void release() { fd_ = -1; }

 private:
  int fd_;
};

std::string check_directory(const Options& options, const char* option, const std::string& path) {
  struct stat status;
  if (path.empty()) return {};
  if (stat(path.c_str(), &status) != 0) return options.place_of(option) + path + ": " + std::strerror(errno);
  if (!S_ISDIR(status.st_mode)) return options.place_of(option) + path + " is not a directory";
  return {};
}

std::string check_readable(const Options& options, const char* option, const std::string& path) {
  if (path.empty() || access(path.c_str(), R_OK) == 0) return {};
  return options.place_of(option) + path + ": " + std::strerror(errno);
}

// Whether the address is a literal and belongs to this machine. Binding a socket shows this without listening.
std::string check_address(const Options& options) {
  if (options.address.empty()) return {};
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string place = options.place_of("address") + options.address;
  if (getaddrinfo(options.address.c_str(), "0", &hints, &found) != 0) return place + " is not an address";
  const Socket socket(found->ai_family);
  const bool bound = socket.get() >= 0 && bind(socket.get(), found->ai_addr, found->ai_addrlen) == 0;
  const std::string reason = bound ? "" : std::strerror(errno);
  freeaddrinfo(found);
  return bound ? "" : place + ": " + reason;
}

std::string check_unix_path(const Options& options) {
  if (options.unix_path.empty()) return {};
  const std::string place = options.place_of("unix") + options.unix_path;
  if (options.unix_path.size() >= sizeof(sockaddr_un::sun_path)) return place + " is too long for a UNIX socket";
  const std::size_t slash = options.unix_path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : options.unix_path.substr(0, slash + 1);
  return access(folder.c_str(), W_OK | X_OK) == 0 ? "" : place + ": " + std::strerror(errno);
}

std::string check_listen_fd(const Options& options) {
  const int fd = options.server.listen_fd;
  int listens = 0;
  socklen_t size = sizeof listens;
  if (fd == 0 || (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0)) return {};
  return options.place_of("listen-fd") + std::to_string(fd) + " is not a listening socket";
}

std::string check_start(Options& options) {
  // If a UNIX socket is bound without a path, Linux gives it a unique name (unix(7), autobind).
  Socket socket(AF_UNIX);
  sockaddr_un nowhere{};
  nowhere.sun_family = AF_UNIX;
  if (socket.get() < 0 || bind(socket.get(), reinterpret_cast<sockaddr*>(&nowhere), sizeof nowhere.sun_family) != 0 ||
      listen(socket.get(), 1) != 0) {
    return std::string("cannot create a socket for the check: ") + std::strerror(errno);
  }
  options.server.address = nullptr;
  options.server.unix_path = nullptr;
  options.server.listen_fd = socket.get();
  chat_server* server = nullptr;
  if (chat_server_start(&options.server, &server) != CHAT_OK) return options.explain(chat_error_message());
  socket.release();
  chat_server_free(server);
  return {};
}

}  // namespace

std::string find_fault(Options& options) {
  for (const std::string& fault : {check_address(options), check_unix_path(options), check_listen_fd(options),
                                   check_directory(options, "www", options.www),
                                   check_directory(options, "socket-io-client", options.socket_io_client),
                                   check_readable(options, "tls-cert", options.tls_certificate),
                                   check_readable(options, "tls-key", options.tls_private_key)}) {
    if (!fault.empty()) return fault;
  }
  return check_start(options);
}

}  // namespace chatd
