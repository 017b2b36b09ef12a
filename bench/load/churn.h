// Connections that come and go beside the clients that stay.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "form.h"

namespace bench {

class Churn {
 public:
  Churn(int port, const Form& form) : port_(port), form_(form) {}

  // Connects, performs the handshake and disconnects, so many at a time, until `end_s`. Returns how many handshakes were made.
  std::size_t handshakes_until(double end_s, std::size_t at_once);

  // Opens one connection every 1/rate s until `end_s`, and closes the oldest one when there are more than `most`. Calls
  // wait(due_s) between them. Returns how many were opened.
  std::size_t join_until(double end_s, double rate, std::size_t most, const std::function<void(double)>& wait);

  // Opens connections that send nothing, and keeps them until release().
  void connect_silent(std::size_t count);
  void release();

 private:
  int connect();
  // Reads the answer to the handshake.
  static void expect_upgrade(int fd);

  const int port_;
  const Form& form_;
  unsigned source_ = 0;
  std::vector<int> open_;
};

}  // namespace bench
