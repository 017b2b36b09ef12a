// A client of the load: one connection, and the publisher that it may have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bench {

// Each message contains "@PPPPP SSSSSSSSSS " once: the publisher's number and the sequence number. '@' occurs nowhere else.
inline constexpr std::size_t kPublisherDigits = 5;
inline constexpr std::size_t kSeqAt = 1 + kPublisherDigits + 1;
inline constexpr std::size_t kSeqDigits = 10;
inline constexpr std::size_t kLabelBytes = kSeqAt + kSeqDigits + 1;
inline constexpr std::size_t kServerPublisher = 99'999;  // of messages that the server publishes by itself

struct Publisher {
  std::size_t number = 0;    // in its room
  std::size_t index = 0;     // among all publishers
  std::string prefix;        // messages that the server does not publish; sent before each message
  std::size_t owed = 0;      // how many of them are still to be sent one by one
  std::string frame;         // the next message, masked
  std::size_t label_at = 0;  // in the frame
  std::size_t mask_at = 0;   // the label's offset in the masked payload
  std::uint64_t sent = 0;
  std::uint64_t heard = 0;               // own messages received
  std::vector<double> sent_at;           // in seconds, by sequence number, modulo the size
  std::vector<std::uint64_t> last_seqs;  // for each publisher of the room
  std::string unsent;                    // what the socket has not accepted
};

struct Client {
  int fd = -1;
  std::size_t number = 0;
  std::size_t room = 0;       // its index among the rooms of this load
  std::size_t room_name = 0;  // its number in the room's name
  std::uint8_t step = 0;      // of the form's set-up
  bool member = false;        // the set-up is complete
  std::uint64_t messages = 0;
  std::string carry;    // the start of an incomplete unit
  std::string session;  // of Socket.IO's polling
  std::unique_ptr<Publisher> publisher;
};

}  // namespace bench
