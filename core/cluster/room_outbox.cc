// See room_outbox.h.
#include "cluster/room_outbox.h"

#include <iterator>
#include <optional>
#include <utility>

#include "cluster/message_format.h"
#include "cluster/words.h"
#include "hub/message_change.h"
#include "model/surely.h"

namespace chat::cluster {
void RoomOutbox::add(Submission& submission, bool is_held) {
  const Status full{Error::unavailable, "the cluster is not available: too many messages wait"};
  Waiting& added = waiting_.emplace_back();
  added.submission = std::move(submission);
  added.since_ms = host_.loop_ms();
  added.bytes = bytes_of(*added.submission.message);
  if (!is_held || waiting_.size() <= host_.settings.hold_messages) return;
  fail(waiting_.back(), full);
  waiting_.pop_back();
}

// When it throws, nothing has changed.
Status RoomOutbox::refer(Message& message, const std::string& epoch, const PlaceOf& place_of) {
  if (!refers(message) || message.epoch == epoch) return {};
  const std::uint64_t target = message.changes_message() ? place_of(message.epoch, message.target_seq) : 0;
  if (message.changes_message() && target == 0) return no_such_message(message.target_seq, message.room);
  const std::uint64_t reply_to = message.extra->reply_to;
  const std::uint64_t answered = reply_to != 0 ? place_of(message.epoch, reply_to) : 0;
  message.epoch = epoch;
  message.target_seq = target;
  if (reply_to != 0) message.extra.get().reply_to = answered;
  return {};
}

void RoomOutbox::refer_in(const std::string& epoch, const PlaceOf& place_of) {
  bool failed = false;
  for (Waiting& one : waiting_) {
    Status status;
    surely([&] { status = refer(*one.submission.message, epoch, place_of); });
    if (status.ok()) continue;
    fail(one, status);
    one.submission = {};
    failed = true;
  }
  if (failed) std::erase_if(waiting_, [](const Waiting& one) { return !one.submission.message; });
}

RoomOutbox::Parcel RoomOutbox::next() {
  Parcel parcel;
  while (!waiting_.empty() && sent_.size() < kBatchMessages && parcel.messages.size() < kBatchBytes) {
    const Message& message = *waiting_.front().submission.message;
    write_message(message, parcel.messages);
    parcel.ids.push_back(id_of(message));
    sent_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  token_ = host_.make_token();
  confirmed_ = host_.settings.ack_replicas == 0;
  return parcel;
}

void RoomOutbox::take_back() {
  waiting_.insert(waiting_.begin(), std::make_move_iterator(sent_.begin()), std::make_move_iterator(sent_.end()));
  sent_.clear();
}

void RoomOutbox::commit(const Batch& batch, const std::string& epoch) {
  std::uint64_t seq = batch.first;
  for (const Waiting& one : sent_) {
    one.submission.message->time_ms = batch.time_ms;
    surely([&] { host_.commit(one.submission, Position{epoch, seq}); });
    ++seq;
    finished(one);
  }
  ClusterCounters::add(host_.counters.published, sent_.size());
  sent_.clear();
}

void RoomOutbox::acknowledge(std::uint64_t first, const std::string& epoch) {
  for (const Waiting& one : std::exchange(sent_, {})) {
    surely([&] { host_.acknowledge(one.submission, {epoch, first}, false); });
    ++first;
    finished(one);
  }
}

void RoomOutbox::acknowledge_known(const std::vector<redis::Value>& items, const std::string& epoch) {
  std::vector<Waiting> sent = std::exchange(sent_, {});
  for (std::size_t i = 1; i + 1 < items.size(); i += 2) {
    const auto index = number_in<std::size_t>(items[i]);
    const auto seq = number_in<std::uint64_t>(items[i + 1]);
    if (!index || !seq || *index == 0 || *index > sent.size()) continue;
    Waiting& known = sent[*index - 1];
    if (!known.submission.message) continue;
    surely([&] { host_.acknowledge(known.submission, {epoch, *seq}, true); });
    finished(known);
    known.submission = {};
  }
  std::erase_if(sent, [](const Waiting& one) { return !one.submission.message; });
  waiting_.insert(waiting_.begin(), std::make_move_iterator(sent.begin()), std::make_move_iterator(sent.end()));
}

MessagePtr RoomOutbox::number_first(const Position& place) {
  Submission submission = std::move(waiting_.front().submission);
  waiting_.pop_front();
  submission.message->time_ms = host_.settings.clock().time_ms;
  surely([&] { host_.commit(submission, place); });
  return submission.message;
}

void RoomOutbox::fail_first(const Status& status) {
  fail(waiting_.front(), status);
  waiting_.pop_front();
}

void RoomOutbox::fail_all(const Status& status) {
  fail_sent(status);
  for (const Waiting& one : std::exchange(waiting_, {})) fail(one, status);
}

void RoomOutbox::fail_sent(const Status& status) {
  for (const Waiting& one : std::exchange(sent_, {})) fail(one, status);
}

void RoomOutbox::fail_old(const Status& status, std::int64_t before_ms) {
  if (!sent_.empty() && sent_.front().since_ms <= before_ms) fail_sent(status);
  while (sent_.empty() && !waiting_.empty() && waiting_.front().since_ms <= before_ms) {
    fail_first(status);
  }
}

void RoomOutbox::fail(const Waiting& waiting, const Status& status) {
  surely([&] { host_.commit(waiting.submission, status); });
  finished(waiting);
  ClusterCounters::add(host_.counters.failed);
}

void RoomOutbox::finished(const Waiting& waiting) {
  host_.counters.waiting_bytes.fetch_sub(waiting.bytes, std::memory_order_relaxed);
  host_.counters.waiting.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace chat::cluster
