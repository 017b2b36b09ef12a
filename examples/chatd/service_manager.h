// Tells systemd, or whatever else set NOTIFY_SOCKET, that chatd is ready, alive or stopping: the protocol of sd_notify(3), which
// is one datagram for each message. libsystemd would bring liblzma, liblz4, libzstd and libgcrypt into a process that strangers
// talk to; its manual promises that the protocol is stable, and recommends implementing it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace chatd {

class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Without NOTIFY_SOCKET everything below does nothing.
  ServiceManager();

  void ready(std::string_view status) const;
  void stopping() const;
  void alive() const;

  // The longest time between two calls of alive(); 0: there is no watchdog.
  std::chrono::milliseconds watchdog() const { return watchdog_; }

 private:
  void send(std::string_view message) const;

  std::string socket_path_;
  std::chrono::milliseconds watchdog_{0};
};

}  // namespace chatd
