// Tells systemd, or another program that set NOTIFY_SOCKET, that chatd is ready, alive or stopping. It implements the
// protocol of sd_notify(3), one datagram per message. libsystemd would add liblzma, liblz4, libzstd and libgcrypt to a
// process that is exposed to the network; its manual guarantees that the protocol is stable, and recommends
// implementing it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace chatd {

class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Without NOTIFY_SOCKET the other functions do nothing.
  ServiceManager();

  void ready(std::string_view status) const;
  void stopping() const;
  void alive() const;

  // The maximum time between two calls of alive(); 0: no watchdog.
  std::chrono::milliseconds watchdog() const { return watchdog_; }

 private:
  void send(std::string_view message) const;

  std::string socket_path_;
  std::chrono::milliseconds watchdog_{0};
};

}  // namespace chatd
