// See room_island.h.
#include "cluster/room_island.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "cluster/message_format.h"
#include "cluster/words.h"

namespace chat::cluster {
namespace {

// Of a batch with one message that a server has handed over; see SharedRoom::position_query().
constexpr std::string_view kHandedOver = "-";

}  // namespace

RoomIsland::RoomIsland(const ClusterSettings& settings, ClusterCounters& counters, std::string its_epoch,
                       std::uint64_t base, std::string its_lost_token)
    : epoch(std::move(its_epoch)),
      lost_token(std::move(its_lost_token)),
      settings_(settings),
      counters_(counters),
      base_(base) {
  ClusterCounters::add(counters_.islands);
}

RoomIsland::~RoomIsland() {
  counters_.islands.fetch_sub(1, std::memory_order_relaxed);
  counters_.waiting.fetch_sub(messages_.size(), std::memory_order_relaxed);
  counters_.waiting_bytes.fetch_sub(bytes_, std::memory_order_relaxed);
}

std::vector<MessagePtr> RoomIsland::messages() const {
  std::vector<MessagePtr> result;
  result.reserve(messages_.size());
  for (const Kept& one : messages_) result.push_back(one.message);
  return result;
}

std::size_t RoomIsland::missing() const {
  return std::ranges::count_if(messages_, [](const Kept& one) { return one.place == 0 && !one.left_out; });
}

std::size_t RoomIsland::merged() const {
  return std::ranges::count_if(messages_, [](const Kept& one) { return one.place != 0; });
}

// The rooms of other primaries need a part of queue_bytes too.
bool RoomIsland::is_full(std::int64_t bytes) const {
  return messages_.size() >= settings_.island_messages || bytes_ + bytes > settings_.island_bytes ||
         counters_.waiting_bytes.load(std::memory_order_relaxed) > settings_.queue_bytes / 2;
}

FormerPlaces RoomIsland::places(std::string shared_epoch) const {
  FormerPlaces result{epoch, std::move(shared_epoch), base_, has_base_, {}};
  result.places.reserve(messages_.size());
  for (const Kept& one : messages_) result.places.push_back(one.place);
  return result;
}

void RoomIsland::add(MessagePtr message, std::int64_t bytes) noexcept {
  note_lost(messages_.size());
  messages_.push_back({std::move(message), bytes});
  bytes_ += bytes;
}

// was_sent() has the memory for it.
void RoomIsland::note_lost(std::size_t index) noexcept {
  if (lost_left_ == 0) return;
  --lost_left_;
  by_token_.find(lost_token)->second.push_back(index);
}

void RoomIsland::was_sent(std::size_t count) {
  by_token_[lost_token].reserve(count);
  lost_left_ = count;
}

void RoomIsland::interrupt() {
  matched_ = false;
  sent_.clear();
  for (Kept& one : messages_) one.place = 0;
}

void RoomIsland::match(const std::vector<Batch>& batches, bool same_epoch, std::uint64_t lost_first) {
  interrupt();
  has_base_ = has_base_ && same_epoch;
  if (!same_epoch) {
    for (Kept& one : messages_) one.former_place = 0;
  }
  if (const auto lost = by_token_.find(lost_token); lost != by_token_.end() && lost_first != 0) {
    place(lost->second, lost_first);
  }
  for (const Batch& batch : batches) {
    const auto found = by_token_.find(batch.token);
    if (found != by_token_.end() && found->second.size() <= batch.count) place(found->second, batch.first);
  }
  match_handed_over(batches);
  matched_ = true;
}

// After another Redis was given what servers had: one message in each batch, without the token, and without a name if it has no
// id.
void RoomIsland::match_handed_over(const std::vector<Batch>& batches) {
  std::unordered_map<std::uint64_t, std::size_t> by_place;
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    if (messages_[i].former_place != 0) by_place.emplace(messages_[i].former_place, i);
  }
  for (const Batch& batch : batches) {
    if (batch.token != kHandedOver || batch.count != 1) continue;
    const auto found = by_place.find(batch.first);
    if (found == by_place.end()) continue;
    Kept& one = messages_[found->second];
    if (one.hash == std::hash<std::string_view>()(batch.messages)) one.place = batch.first;
  }
}

void RoomIsland::place(const std::vector<std::size_t>& indexes, std::uint64_t first) {
  for (const std::size_t index : indexes) {
    if (index != kNowhere) messages_[index].place = messages_[index].former_place = first;
    ++first;
  }
}

// Where the message with this number of the island is in the shared room; 0: nowhere. nullopt: it will get its place.
std::optional<std::uint64_t> RoomIsland::place_of(std::uint64_t seq) const {
  if (seq == 0) return 0;
  if (seq <= base_) return has_base_ ? seq : 0;
  if (seq > this->seq()) return 0;
  const Kept& one = messages_[seq - base_ - 1];
  if (one.place == 0 && !one.left_out) return std::nullopt;
  return one.place;
}

RoomOutbox::Parcel RoomIsland::next(std::string token) {
  RoomOutbox::Parcel parcel;
  token_ = std::move(token);
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    Kept& one = messages_[i];
    if (one.place != 0 || one.left_out) continue;
    if (sent_.size() == RoomOutbox::kBatchMessages || parcel.messages.size() >= RoomOutbox::kBatchBytes) break;
    const std::optional<std::uint64_t> target = place_of(one.message->target_seq);
    const std::optional<std::uint64_t> answered = place_of(one.message->extra->reply_to);
    if (!target || !answered) break;  // of this batch: the next one has it
    if (one.message->changes_message() && *target == 0) {
      one.left_out = true;
      ClusterCounters::add(counters_.dropped);
      continue;
    }
    Message message = *one.message;
    message.target_seq = *target;
    if (message.extra->reply_to != *answered) message.extra.make().reply_to = *answered;
    const std::size_t before = parcel.messages.size();
    write_message(message, parcel.messages);
    one.hash = std::hash<std::string_view>()(std::string_view(parcel.messages).substr(before));
    // Names of messages without an id are like no others: an id has no space.
    parcel.ids.push_back(message.id.empty() ? epoch + ' ' + text_of(base_ + i + 1) : id_of(message));
    sent_.push_back(i);
  }
  if (!sent_.empty()) by_token_[token_] = sent_;
  return parcel;
}

void RoomIsland::take_back() {
  if (sent_.empty()) return;  // the token is that of an earlier batch
  sent_.clear();
  by_token_.erase(token_);
}

void RoomIsland::published(std::uint64_t first) {
  place(sent_, first);
  sent_.clear();
}

void RoomIsland::known(const std::vector<redis::Value>& items) {
  for (std::size_t i = 1; i + 1 < items.size(); i += 2) {
    const auto index = number_in<std::size_t>(items[i]);
    const auto seq = number_in<std::uint64_t>(items[i + 1]);
    if (index && seq && *index != 0 && *index <= sent_.size()) messages_[sent_[*index - 1]].place = *seq;
  }
  take_back();
}

}  // namespace chat::cluster
