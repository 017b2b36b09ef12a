// See listener_url.h.
#include "listener_url.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>

namespace chatd {
namespace {

constexpr std::string_view kEveryAddress[] = {"", "0.0.0.0", "::"};

std::string unix_url(const sockaddr_un& address, socklen_t size) {
  const std::size_t begin = offsetof(sockaddr_un, sun_path);
  std::string path(address.sun_path, size > begin ? size - begin : 0);
  if (path.starts_with('\0')) {
    path[0] = '@';
  } else {
    path.resize(std::min(path.find('\0'), path.size()));
  }
  return "unix:" + path;
}

}  // namespace

std::string listener_url(const chat_server* server, const Options& options) {
  if (!options.unix_path.empty()) return "unix:" + options.unix_path;
  std::string host = options.address;
  if (options.server.listen_fd != 0) {
    // The socket was passed in, so its address is not in the options.
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    char text[NI_MAXHOST] = "";
    if (getsockname(options.server.listen_fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
    if (address.ss_family == AF_UNIX) return unix_url(reinterpret_cast<const sockaddr_un&>(address), size);
    getnameinfo(reinterpret_cast<sockaddr*>(&address), size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    host = text;
  }
  if (std::find(std::begin(kEveryAddress), std::end(kEveryAddress), host) != std::end(kEveryAddress)) {
    host = "localhost";
  } else if (host.find(':') != std::string::npos) {
    host = "[" + host + "]";
  }
  const std::string scheme = options.tls_certificate.empty() ? "http://" : "https://";
  return scheme + host + ":" + std::to_string(chat_server_port(server)) + "/";
}

}  // namespace chatd
