// See check.h. Faults in a file are reported here with their line. Then the library checks the rest: it is started on a
// socket that has no name in the network or the file system.
#include "check.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <set>

#include "users.h"

namespace chatd {
namespace {

// Closes the socket at the end of its scope, unless the library has taken it over.
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

using Faults = std::vector<Fault>;

void check_directory(const Options& options, const char* option, const std::string& path, Faults& faults) {
  struct stat status;
  if (path.empty()) return;
  if (stat(path.c_str(), &status) != 0) {
    faults.push_back(options.fault_of(option, path + ": " + std::strerror(errno)));
  } else if (!S_ISDIR(status.st_mode)) {
    faults.push_back(options.fault_of(option, path + " is not a directory"));
  }
}

void check_readable(const Options& options, const char* option, const std::string& path, Faults& faults) {
  if (path.empty() || access(path.c_str(), R_OK) == 0) return;
  faults.push_back(options.fault_of(option, path + ": " + std::strerror(errno)));
}

void check_users(const Options& options, Faults& faults) {
  if (options.users.empty()) return;
  const std::string wrong = Users().load(options.users);
  if (!wrong.empty()) faults.push_back(options.fault_of("users", wrong));
}

// Returns 0 or the error. Uses SO_REUSEADDR like the library, so a port counts as in use only while a socket listens on
// it.
int try_bind(const sockaddr* address, socklen_t size) {
  const Socket socket(address->sa_family);
  const int on = 1;
  if (socket.get() < 0) return errno;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return bind(socket.get(), address, size) == 0 ? 0 : errno;
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  void set_port(int port) {
    const in_port_t number = htons(static_cast<std::uint16_t>(port));
    if (storage.ss_family == AF_INET6) {
      reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = number;
    } else {
      reinterpret_cast<sockaddr_in*>(&storage)->sin_port = number;
    }
  }
};

// Parses a numeric address; the port is 0. Returns false when the text is not one.
bool read_address(const std::string& text, Address& result) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(text.c_str(), "0", &hints, &found) != 0) return false;
  std::memcpy(&result.storage, found->ai_addr, found->ai_addrlen);
  result.size = found->ai_addrlen;
  freeaddrinfo(found);
  return true;
}

// Checks that a numeric address belongs to this machine and that the port is free. Binding a socket shows this without
// listening.
void check_address(const Options& options, Findings& found) {
  if (!options.unix_path.empty() || options.server.listen_fd != 0) return;
  const std::string& host = options.address;
  Address address;
  if (!read_address(host.empty() ? "::" : host, address)) {
    found.faults.push_back(options.fault_of("address", host + " is not an address"));
    return;
  }
  int error = try_bind(address.get(), address.size);
  if (error != 0 && host.empty()) {  // no IPv6 on this machine
    read_address("0.0.0.0", address);
    error = 0;
  }
  if (error != 0) {
    found.faults.push_back(options.fault_of("address", host + ": " + std::strerror(error)));
    return;
  }
  address.set_port(options.server.port);
  error = try_bind(address.get(), address.size);
  if (error == 0) return;
  const std::string what = error == EADDRINUSE
                               ? " is in use: a start fails, unless this service or its socket unit uses it"
                               : std::string(": ") + std::strerror(error) + ": a start fails without a socket unit";
  const char* option = options.port_of_address ? "address" : "port";
  found.warnings.push_back(options.fault_of(option, std::to_string(options.server.port) + what));
}

void check_unix_path(const Options& options, Findings& found) {
  const std::string& path = options.unix_path;
  if (path.empty()) return;
  const auto refuse = [&](const std::string& what) { found.faults.push_back(options.fault_of("unix", path + what)); };
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) return refuse(" is too long for a UNIX socket");
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (access(folder.c_str(), W_OK | X_OK) != 0) return refuse(std::string(": ") + std::strerror(errno));
  // A start replaces the socket file of a program that has ended.
  const Socket socket(AF_UNIX);
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    found.warnings.push_back(
        options.fault_of("unix", path + " is in use; a start fails, unless it is this service that uses it"));
  }
}

void check_listen_fd(const Options& options, Faults& faults) {
  const int fd = options.server.listen_fd;
  int listens = 0;
  socklen_t size = sizeof listens;
  if (fd == 0 || (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0)) return;
  faults.push_back(options.fault_of("listen-fd", std::to_string(fd) + " is not a listening socket"));
}

// Returns the fault that a start reports, if any.
std::optional<Fault> try_start(const Options& options) {
  // If a UNIX socket is bound without a path, Linux gives it a unique name (unix(7), autobind).
  Socket socket(AF_UNIX);
  sockaddr_un nowhere{};
  nowhere.sun_family = AF_UNIX;
  if (socket.get() < 0 || bind(socket.get(), reinterpret_cast<sockaddr*>(&nowhere), sizeof nowhere.sun_family) != 0 ||
      listen(socket.get(), 1) != 0) {
    return Fault{"", std::string("cannot create a socket for the check: ") + std::strerror(errno)};
  }
  chat_server_options server_options = options.server;
  server_options.address = nullptr;
  server_options.unix_path = nullptr;
  server_options.listen_fd = socket.get();
  chat_server* server = nullptr;
  if (chat_server_start(&server_options, &server) != CHAT_OK) return options.explain(chat_error_message());
  socket.release();
  chat_server_free(server);
  return std::nullopt;
}

// The library reports one fault for each start, so the faulty option is reset and the next start shows the next one.
void check_starts(Options& options, Faults& faults) {
  std::set<std::string> seen;
  while (std::optional<Fault> fault = try_start(options)) {
    faults.push_back(*fault);
    if (!seen.insert(fault->option).second || !options.reset(fault->option)) return;
    options.derive();
  }
}

}  // namespace

Findings check(Options& options) {
  Findings found;
  found.faults = options.faults;
  check_address(options, found);
  check_unix_path(options, found);
  check_listen_fd(options, found.faults);
  check_directory(options, "www", options.www, found.faults);
  check_directory(options, "socket-io-client", options.socket_io_client, found.faults);
  check_users(options, found.faults);
  check_readable(options, "tls-cert", options.tls_certificate, found.faults);
  check_readable(options, "tls-key", options.tls_private_key, found.faults);
  for (const Fault& fault : found.faults) options.reset(fault.option);
  options.derive();
  check_starts(options, found.faults);
  return found;
}

}  // namespace chatd
