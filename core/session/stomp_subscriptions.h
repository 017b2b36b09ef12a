// The subscriptions of one STOMP client, and which of their messages it has not acknowledged. Knows nothing of frames: its caller
// has read the headers.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "session/stomp_action.h"

namespace chat::session {

class StompSubscriptions {
 public:
  struct Entry {
    stomp::Subscription number = 0;
    bool has_id = true;  // version 1.0 allows subscriptions without
    std::string id;
    std::string destination;  // as the client wrote it
    bool is_error_queue = false;
    StompAckMode ack = StompAckMode::automatic;

    struct Message {
      std::uint64_t number = 0;
      std::string id;
    };
    std::uint64_t last_message = 0;  // numbers are 1, 2, 3...
    std::deque<Message> unacknowledged;
  };

  explicit StompSubscriptions(std::size_t max_unacknowledged) : max_unacknowledged_(max_unacknowledged) {}

  // Gives the entry its number. The references that the functions return hold until the next change.
  const Entry& add(Entry entry);
  void remove(stomp::Subscription number);
  std::size_t size() const { return entries_.size(); }
  const std::deque<Entry>& entries() const { return entries_; }

  const Entry* find(stomp::Subscription number) const;
  const Entry* find_id(std::string_view id) const;
  // Without an id.
  const Entry* find_destination(std::string_view destination) const;

  // A message is sent to a subscription that wants acknowledgements: what an ACK frame of version 1.2 calls it. When too many
  // wait, the oldest counts as acknowledged.
  std::string add_message(stomp::Subscription number, std::string_view message_id);

  // A message that was sent.
  struct Mark {
    stomp::Subscription subscription = 0;
    std::uint64_t message = 0;  // 0: one that is not waiting any more
  };
  // By that name. False: no message was ever called so.
  bool find_message(std::string_view ack_id, Mark& mark) const;
  // By the message's own id, of a subscription or, with 0, of any.
  Mark find_message_id(stomp::Subscription number, std::string_view message_id) const;

  // Takes it, and with the mode `client` all before it, out of those that wait. Returns their ids, the oldest first.
  std::vector<std::string> acknowledge(const Mark& mark);

 private:
  Entry* find_mutable(stomp::Subscription number);

  const std::size_t max_unacknowledged_;
  stomp::Subscription last_number_ = 0;
  std::deque<Entry> entries_;
};

}  // namespace chat::session
