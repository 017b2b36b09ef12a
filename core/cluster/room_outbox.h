// The messages of this server that wait for a number in one room. One batch at a time is with Redis, so their order is that in
// which they were submitted. The worker's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "cluster/batch.h"
#include "cluster/room_host.h"

namespace chat::cluster {

class RoomOutbox {
 public:
  explicit RoomOutbox(RoomHost& host) : host_(host) {}
  RoomOutbox(const RoomOutbox&) = delete;
  RoomOutbox& operator=(const RoomOutbox&) = delete;

  // Of a batch; the last message may exceed the bytes.
  static constexpr std::size_t kBatchMessages = 256;
  static constexpr std::size_t kBatchBytes = 1 << 20;

  // What a message counts among the bytes that wait.
  static constexpr std::int64_t kStepBytes = 128;
  static std::int64_t bytes_of(const Message& message) {
    return kStepBytes + static_cast<std::int64_t>(message.size_bytes());
  }

  // Moves the submission away. is_held: Redis does not take it now; then it fails when too many wait. When it throws, nothing
  // has changed.
  void add(Submission& submission, bool is_held);

  // Where the message with a number of another epoch is in the present one; 0: nowhere. Does not throw.
  using PlaceOf = std::function<std::uint64_t(const std::string& epoch, std::uint64_t seq)>;
  // It names another message by a number, which is of message.epoch while it waits.
  static bool refers(const Message& message) { return message.changes_message() || message.extra->reply_to != 0; }
  // What waits refers to others by numbers of `epoch` from now on. A reply to a message that is nowhere loses its reference, and
  // a change of it fails.
  void refer_in(const std::string& epoch, const PlaceOf& place_of);
  // The same of the first that waits. Errors: no_such_message; it waits still.
  Status refer_first_in(const std::string& epoch, const PlaceOf& place_of) {
    return refer(*waiting_.front().submission.message, epoch, place_of);
  }

  bool empty() const { return waiting_.empty() && sent_.empty(); }
  bool waits() const { return !waiting_.empty(); }
  // Redis has not answered for a batch; token() names it.
  bool is_sent() const { return !sent_.empty(); }
  const std::string& token() const { return token_; }
  std::size_t sent_count() const { return sent_.size(); }
  // So many replicas have the sent batch as have to.
  bool is_confirmed() const { return confirmed_; }
  void set_confirmed(bool confirmed) { confirmed_ = confirmed; }
  bool is_sent(const Batch& batch) const { return is_sent() && batch.token == token_ && batch.count == sent_.size(); }

  struct Parcel {
    std::string messages;          // see message_format.h
    std::vector<std::string> ids;  // "": none
  };
  // The next batch, which is sent from now on. Something must wait, and nothing be sent. When it throws, take_back().
  Parcel next();
  // What was sent waits again, before the rest.
  void take_back();

  // The sent batch has its numbers: the hub delivers it.
  void commit(const Batch& batch, const std::string& epoch);
  // The hub has the sent messages already, from `first` on.
  void acknowledge(std::uint64_t first, const std::string& epoch);
  // Nothing of the batch was published, because some of its messages have been before: index (from 1), seq, index, seq... from
  // items[1] on. The others wait again.
  void acknowledge_known(const std::vector<redis::Value>& items, const std::string& epoch);

  // The first that waits; something must wait.
  std::int64_t first_bytes() const { return waiting_.front().bytes; }
  std::int64_t first_ms() const { return waiting_.front().since_ms; }
  // The hub delivers it under this number. It still counts among what waits.
  MessagePtr number_first(const Position& place);
  void fail_first(const Status& status);

  void fail_all(const Status& status);
  void fail_sent(const Status& status);
  // Those that have waited since before_ms or longer. A batch is published whole or not at all, so it fails as a whole.
  void fail_old(const Status& status, std::int64_t before_ms);

 private:
  struct Waiting {
    Submission submission;
    std::int64_t since_ms = 0;
    std::int64_t bytes = 0;
  };

  static Status refer(Message& message, const std::string& epoch, const PlaceOf& place_of);
  void fail(const Waiting& waiting, const Status& status);
  void finished(const Waiting& waiting);

  RoomHost& host_;
  std::deque<Waiting> waiting_;
  std::vector<Waiting> sent_;
  std::string token_;
  bool confirmed_ = false;
};

}  // namespace chat::cluster
