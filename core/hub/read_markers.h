// How far the users have read in one room. A marker only rises. With a store the markers are values of the room (RoomStore,
// minor ones) with the keys "~seen/USER", so that they survive a restart; they are written some seconds after a change, all of
// a room together. What the store refuses is in memory only.
//
// The hub calls it with the room's lock held. It reads no clock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "hub/age_list.h"
#include "hub/moment.h"
#include "hub/room_store.h"
#include "model/string_map.h"
#include "model/types.h"

namespace chat {

class ReadMarkers {
 public:
  // Of one room: then the marker that was set longest ago goes. Bytes are counted as those of values.
  static constexpr std::size_t kMaxUsers = 10'000;
  static constexpr std::size_t kMaxBytes = RoomStore::kMaxRoomValueBytes;
  // Of all rooms.
  static constexpr std::size_t kMaxAllBytes = RoomStore::kMaxAllValueBytes;
  // A marker is written so long after it was set.
  static constexpr std::int64_t kKeepAfterMs = 5'000;
  // So many markers are written at a time.
  static constexpr int kKeepSlice = 2'000;
  static constexpr std::int64_t kNeverMs = INT64_MAX;
  // Of the keys of its values, before the user.
  static constexpr std::string_view kKeyPrefix = "~seen/";
  // The marker that a value tells; 0: none.
  static std::uint64_t seq_in(std::string_view value);

  // The bytes of all rooms. Any thread.
  using Total = std::shared_ptr<std::atomic<std::size_t>>;

  // Takes the markers of the room from the store, if there is one. last_seq: the newest message of the room; no marker is
  // above it. The name and the store must outlive this.
  ReadMarkers(Total total, RoomStore* store, const std::string& room, std::uint64_t last_seq);
  ~ReadMarkers();
  ReadMarkers(const ReadMarkers&) = delete;
  ReadMarkers& operator=(const ReadMarkers&) = delete;

  // 0: the user has none.
  std::uint64_t of(std::string_view user_id) const;
  // Sets the marker of a user, above the one that there is. Errors: too_many when the markers of all rooms have too many
  // bytes. When it fails or throws, nothing has changed.
  // is_kept: the store has it already.
  Status raise(std::string_view user_id, std::uint64_t seq, Moment now, bool is_kept = false);

  // Some markers are not written yet.
  bool unkept() const { return unkept_.oldest() != nullptr; }
  // When keep() is due, by Moment::age_ms.
  std::int64_t keep_due_ms() const { return keep_due_ms_; }
  // Gives markers to the store, at most kKeepSlice. When the store or the memory fails for now, they are due again later.
  void keep(Moment now) noexcept;
  // The same for all of them. What fails is not kept.
  void keep_all() noexcept;

 private:
  struct Marker {
    const std::string* user = nullptr;  // in markers_
    std::uint64_t seq = 0;
    std::int64_t time_ms = 0;  // when it was set, Unix milliseconds
    AgeLink<Marker> age{this};
    AgeLink<Marker> unkept{this};
  };

  void load(std::uint64_t last_seq);
  // Adds a marker without a seq, which is the newest one.
  Result<Marker*> add(std::string_view user_id);
  void drop(Marker& marker) noexcept;
  // Removes the oldest marker, also from the store.
  void forget_oldest() noexcept;
  Status keep_value(const Marker& marker, bool remove) noexcept;

  const Total total_;
  RoomStore* const store_;
  const std::string& room_;
  StringMap<Marker> markers_;
  AgeList<Marker> ages_;
  AgeList<Marker> unkept_;
  std::size_t bytes_ = 0;
  std::int64_t keep_due_ms_ = kNeverMs;
};

}  // namespace chat
