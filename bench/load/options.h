// The command line of bench_load.
#pragma once

#include <cstddef>
#include <string>

namespace bench {

struct Options {
  int port = 0;
  std::string form = "plain";            // of the receivers
  std::string publisher_form = "plain";  // default: that of the receivers
  std::size_t members = 100;             // publishers included
  std::size_t group = 0;                 // members of a room; 0: all are in one room
  std::size_t first_member = 0;          // the first member's number, which is unique among all loads of a server
  std::size_t first_room = 0;            // the number in the first room's name
  std::size_t publishers = 8;            // in each room
  std::size_t message_bytes = 96;        // of the text
  std::size_t inbound = 0;               // messages that the server does not publish, before each message
  bool spread = false;                   // these are sent one by one, each publisher in turn
  std::size_t stalled = 0;               // more clients of the first room, which do not read
  double limit_s = 20;                   // for the messages in flight at the end of a turn
  bool tls = false;
};

Options parse_options(int argc, char** argv);

}  // namespace bench
