// The subscriptions of one STOMP client, and which of their messages it has not acknowledged. Knows nothing of frames: its caller
// has read the headers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/vector_queue.h"
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
    std::uint64_t last_message = 0;  // the numbers are 1, 2, 3...
    VectorQueue<Message> unacknowledged;
  };

  // max_unacknowledged: of all subscriptions together.
  explicit StompSubscriptions(std::size_t max_unacknowledged) : max_unacknowledged_(max_unacknowledged) {}

  // Gives the entry its number. The references that the functions return hold until the next change.
  const Entry& add(Entry entry);
  void remove(stomp::Subscription number);
  std::size_t size() const { return entries_.size(); }
  const std::vector<Entry>& entries() const { return entries_; }
  // The memory that they take, about.
  std::size_t held_bytes() const { return bytes_; }

  const Entry* find(stomp::Subscription number) const;
  const Entry* find_id(std::string_view id) const;
  // Without an id.
  const Entry* find_destination(std::string_view destination) const;

  // A message is sent to a subscription that wants acknowledgements. Returns what an ACK frame of version 1.2 calls it. When too
  // many wait, an old one counts as acknowledged.
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
  // Counts the oldest message as acknowledged: of this entry or, when it has none, of that with the most.
  void forget_one(Entry& entry);

  const std::size_t max_unacknowledged_;
  std::size_t unacknowledged_ = 0;
  std::size_t bytes_ = 0;
  stomp::Subscription last_number_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace chat::session
