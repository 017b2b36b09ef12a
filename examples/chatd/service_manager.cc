// See service_manager.h.
#include "service_manager.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace chatd {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

// When WATCHDOG_PID is set, the watchdog applies to that process only.
std::chrono::milliseconds read_watchdog() {
  const std::string_view process = environment("WATCHDOG_PID");
  const std::string_view text = environment("WATCHDOG_USEC");
  if (!process.empty() && process != std::to_string(getpid())) return {};
  std::int64_t microseconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), microseconds);
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::microseconds(microseconds));
}

}  // namespace

ServiceManager::ServiceManager() : socket_path_(environment("NOTIFY_SOCKET")) {
  // Supports only systemd's AF_UNIX addresses: a path, or '@' and an abstract name.
  const bool usable = socket_path_.starts_with('/') || socket_path_.starts_with('@');
  if (!usable || socket_path_.size() >= sizeof(sockaddr_un::sun_path)) socket_path_.clear();
  if (!socket_path_.empty()) watchdog_ = read_watchdog();
}

void ServiceManager::ready(std::string_view status) const { send("READY=1\nSTATUS=" + std::string(status)); }
void ServiceManager::stopping() const { send("STOPPING=1\nSTATUS=Closing connections"); }
void ServiceManager::alive() const { send("WATCHDOG=1"); }

void ServiceManager::send(std::string_view message) const {
  if (socket_path_.empty()) return;
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_path_.data(), socket_path_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_path_.size());
  // A service manager that does not read must not prevent chatd from stopping.
  const timeval limit{2, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  // Failures are ignored; systemd's own timeouts detect them.
  [[maybe_unused]] const ssize_t sent =
      sendto(fd, message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
  close(fd);
}

}  // namespace chatd
