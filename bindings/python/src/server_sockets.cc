// See server_sockets.h.
#include "server_sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace pychat {
namespace {

struct LocalAddress {
  int port = 0;
  std::string ip;
  std::string unix_path;
};

bool is_wildcard(const std::string& ip) {
  return ip == std::string(16, '\0') || ip == std::string(10, '\0') + "\xff\xff" + std::string(4, '\0');
}

std::string mapped(const in_addr& address) {
  return std::string(10, '\0') + "\xff\xff" + std::string(reinterpret_cast<const char*>(&address), sizeof(address));
}

// Returns false for descriptors that are not sockets, and for other address families.
bool local_address(int fd, LocalAddress& local) {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return false;
  if (storage.ss_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
    local.port = ntohs(address.sin_port);
    local.ip = mapped(address.sin_addr);
    return true;
  }
  if (storage.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
    local.port = ntohs(address.sin6_port);
    local.ip.assign(reinterpret_cast<const char*>(&address.sin6_addr), sizeof(address.sin6_addr));
    return true;
  }
  if (storage.ss_family == AF_UNIX) {
    constexpr std::size_t kBefore = offsetof(sockaddr_un, sun_path);
    if (size <= kBefore) return false;  // an unnamed socket, such as a client's end
    local.unix_path.assign(reinterpret_cast<const sockaddr_un&>(storage).sun_path, size - kBefore);
    return true;
  }
  return false;
}

}  // namespace

void ServerSockets::remember(const chat_server_options& options, int port) {
  LocalAddress local;
  if (options.listen_fd > 0 && local_address(options.listen_fd, local)) {
    port_ = local.port;
    if (!is_wildcard(local.ip)) ip_ = local.ip;
    unix_path_ = local.unix_path;
    return;
  }
  if (options.unix_path != nullptr && *options.unix_path != '\0') {
    unix_path_ = options.unix_path;
    // The kernel's path includes the terminating NUL.
    unix_path_.push_back('\0');
    return;
  }
  port_ = port;
  in_addr ipv4 = {};
  in6_addr ipv6 = {};
  if (options.address != nullptr && inet_pton(AF_INET, options.address, &ipv4) == 1) {
    ip_ = mapped(ipv4);
  } else if (options.address != nullptr && inet_pton(AF_INET6, options.address, &ipv6) == 1) {
    ip_.assign(reinterpret_cast<const char*>(&ipv6), sizeof(ipv6));
  }
  if (is_wildcard(ip_)) ip_.clear();
}

bool ServerSockets::belongs(int socket_fd) const {
  LocalAddress local;
  if (!local_address(socket_fd, local)) return false;
  if (!unix_path_.empty()) return local.unix_path == unix_path_;
  return port_ != 0 && local.port == port_ && (ip_.empty() || local.ip == ip_);
}

void ServerSockets::close_all() const {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return;
  std::vector<int> found;
  while (const dirent* entry = readdir(directory)) {
    char* end = nullptr;
    const long fd = std::strtol(entry->d_name, &end, 10);
    if (end != entry->d_name && *end == '\0' && belongs(static_cast<int>(fd))) found.push_back(static_cast<int>(fd));
  }
  closedir(directory);
  for (const int fd : found) ::close(fd);
}

}  // namespace pychat
