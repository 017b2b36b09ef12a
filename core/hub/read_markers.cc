// See read_markers.h.
#include "hub/read_markers.h"

#include <algorithm>
#include <charconv>
#include <new>
#include <utility>
#include <vector>

namespace chat {
namespace {

constexpr std::string_view kPrefix = ReadMarkers::kKeyPrefix;
static_assert(RoomStore::is_minor(kPrefix));
constexpr std::size_t kMaxDigits = 20;

std::size_t bytes_of(std::string_view user_id) {
  return RoomStore::kValueBytes + kPrefix.size() + user_id.size() + kMaxDigits;
}

}  // namespace

std::uint64_t ReadMarkers::seq_in(std::string_view value) {
  std::uint64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

ReadMarkers::ReadMarkers(Total total, RoomStore* store, const std::string& room, std::uint64_t last_seq)
    : total_(std::move(total)), store_(store), room_(room) {
  try {
    if (store_ != nullptr) load(last_seq);
  } catch (...) {
    total_->fetch_sub(bytes_);
    throw;
  }
}

ReadMarkers::~ReadMarkers() { total_->fetch_sub(bytes_); }

void ReadMarkers::load(std::uint64_t last_seq) {
  std::vector<RoomValue> kept = store_->values(room_);
  std::erase_if(kept, [](const RoomValue& value) { return !value.key.starts_with(kPrefix); });
  std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.time_ms < b.time_ms; });
  for (const RoomValue& value : kept) {
    const std::uint64_t seq = std::min(seq_in(value.value), last_seq);
    if (seq == 0) continue;
    const Result<Marker*> marker = add(std::string_view(value.key).substr(kPrefix.size()));
    if (!marker.ok()) return;
    (*marker)->seq = seq;
    (*marker)->time_ms = value.time_ms;
  }
}

std::uint64_t ReadMarkers::of(std::string_view user_id) const {
  const auto found = markers_.find(user_id);
  return found == markers_.end() ? 0 : found->second.seq;
}

Status ReadMarkers::raise(std::string_view user_id, std::uint64_t seq, Moment now, bool is_kept) {
  const auto found = markers_.find(user_id);
  Marker* marker = found == markers_.end() ? nullptr : &found->second;
  if (marker == nullptr) {
    const Result<Marker*> added = add(user_id);
    if (!added.ok()) return added.status();
    marker = *added;
  }
  marker->seq = seq;
  marker->time_ms = now.time_ms;
  ages_.touch(marker->age);
  if (store_ == nullptr || is_kept) return {};
  if (!marker->unkept.linked()) unkept_.touch(marker->unkept);
  keep_due_ms_ = std::min(keep_due_ms_, now.age_ms + kKeepAfterMs);
  return {};
}

Result<ReadMarkers::Marker*> ReadMarkers::add(std::string_view user_id) {
  const auto [place, added] = markers_.try_emplace(std::string(user_id));
  Marker& marker = place->second;
  if (!added) return &marker;
  marker.user = &place->first;
  const std::size_t bytes = bytes_of(user_id);
  bytes_ += bytes;
  const bool full = total_->fetch_add(bytes) + bytes > kMaxAllBytes;
  if (full && ages_.oldest() == nullptr) {
    drop(marker);
    return Status{Error::too_many, "the rooms have the maximum number of read markers"};
  }
  if (full) forget_oldest();
  while (markers_.size() > kMaxUsers || bytes_ > kMaxBytes) forget_oldest();
  ages_.touch(marker.age);
  return &marker;
}

void ReadMarkers::drop(Marker& marker) noexcept {
  const std::size_t bytes = bytes_of(*marker.user);
  bytes_ -= bytes;
  total_->fetch_sub(bytes);
  markers_.erase(markers_.find(*marker.user));
}

// If the store still has it after this, the next start drops the oldest again.
void ReadMarkers::forget_oldest() noexcept {
  Marker& oldest = *ages_.oldest();
  if (store_ != nullptr) (void)keep_value(oldest, true);
  drop(oldest);
}

Status ReadMarkers::keep_value(const Marker& marker, bool remove) noexcept {
  try {
    const std::string key = std::string(kPrefix) + *marker.user;
    return store_->keep_value(room_, key, remove ? std::string() : std::to_string(marker.seq), {marker.time_ms, 0});
  } catch (const std::bad_alloc&) {
    return {Error::no_memory, {}};
  }
}

void ReadMarkers::keep(Moment now) noexcept {
  keep_due_ms_ = kNeverMs;
  for (int count = 0; Marker* const marker = unkept_.oldest(); ++count) {
    const Error error = count < kKeepSlice ? keep_value(*marker, false).code : Error::unavailable;
    if (error == Error::unavailable || error == Error::no_memory) {
      keep_due_ms_ = now.age_ms + kKeepAfterMs;
      return;
    }
    marker->unkept.unlink();
  }
}

void ReadMarkers::keep_all() noexcept {
  keep_due_ms_ = kNeverMs;
  while (Marker* const marker = unkept_.oldest()) {
    (void)keep_value(*marker, false);
    marker->unkept.unlink();
  }
}

}  // namespace chat
