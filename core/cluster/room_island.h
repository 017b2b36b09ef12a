// A room of a server that is without Redis: its epoch, and the messages that the server has numbered in it. When Redis is back they
// are published in the shared room, once each: by the tokens of their batches and by their ids, which Redis knows. The worker's
// thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cluster/batch.h"
#include "cluster/cluster_counters.h"
#include "cluster/cluster_settings.h"
#include "cluster/room_outbox.h"
#include "model/message.h"
#include "redis/redis_value.h"

namespace chat::cluster {

// Where the messages of an island that has ended are in the shared room.
struct FormerPlaces {
  std::string epoch;         // of the island
  std::string shared_epoch;  // of the places
  std::uint64_t base = 0;    // numbers up to here are those of the shared room, or with !has_base of nothing
  bool has_base = false;
  std::vector<std::uint64_t> places;  // of the numbers after base; 0: nowhere

  // 0: nowhere.
  std::uint64_t place_of(std::uint64_t seq) const {
    if (seq <= base) return has_base ? seq : 0;
    return seq - base <= places.size() ? places[seq - base - 1] : 0;
  }
};

class RoomIsland {
 public:
  // Goes on after `base`, a number of the shared room. lost_token: of a batch whose answer did not come; its messages are the
  // first of the island. The counters and settings must outlive it.
  RoomIsland(const ClusterSettings& settings, ClusterCounters& counters, std::string its_epoch, std::uint64_t base,
             std::string lost_token);
  ~RoomIsland();  // its messages do not wait any more
  RoomIsland(const RoomIsland&) = delete;
  RoomIsland& operator=(const RoomIsland&) = delete;

  const std::string epoch;
  const std::string lost_token;
  std::uint64_t seq() const { return base_ + messages_.size(); }
  bool empty() const { return messages_.empty(); }
  std::vector<MessagePtr> messages() const;
  // That the shared room does not have, as far as it is known.
  std::size_t missing() const;
  // The shared room has taken so many.
  std::size_t merged() const;
  // Numbers up to that at which the island began mean the same messages in the shared room.
  bool has_base() const { return has_base_; }
  // Where its messages are. Of a merged island, in this epoch of the shared room.
  FormerPlaces places(std::string shared_epoch) const;

  // A further message with so many bytes is above the limits. The bytes are among those that wait already.
  bool is_full(std::int64_t bytes) const;
  // Memory for one more: add() does not throw then.
  void reserve() {
    if (messages_.size() == messages_.capacity()) messages_.reserve(2 * messages_.size() + 1);
  }
  // The message has the number seq() + 1. The counters of what waits have it already.
  void add(MessagePtr message, std::int64_t bytes) noexcept;
  // The next message is not in the island.
  void skip() noexcept { note_lost(kNowhere); }
  // The lost batch had the next `count` messages. Before the first add().
  void was_sent(std::size_t count);

  // Redis is gone: what it has of the messages is not known.
  void interrupt();
  // The position of the shared room is known, with these batches. same_epoch: as when the island began. lost_first: where the
  // batch with the lost token is; 0: nowhere.
  void match(const std::vector<Batch>& batches, bool same_epoch, std::uint64_t lost_first);
  // The shared room has everything.
  bool is_merged() const { return matched_ && missing() == 0; }

  // Redis has not answered for a batch; token() names it.
  bool is_sent() const { return !sent_.empty(); }
  const std::string& token() const { return token_; }
  std::size_t sent_count() const { return sent_.size(); }
  // The next messages that are missing; none when what is left can be nothing in the shared room. After match(), when nothing
  // is sent. When it throws, take_back().
  RoomOutbox::Parcel next(std::string token);
  // What was sent is missing again. Redis has not published it.
  void take_back();
  // Answers of Script::publish.
  void published(std::uint64_t first);
  void known(const std::vector<redis::Value>& items);

 private:
  struct Kept {
    MessagePtr message;
    std::int64_t bytes = 0;
    std::uint64_t place = 0;  // in the shared room; 0: it is not there
    bool left_out = false;    // it changes a message that the shared room does not have
    // An earlier place, of the same epoch, before Redis was lost. Another Redis may have the message there.
    std::uint64_t former_place = 0;
    std::size_t hash = 0;  // of what was published
  };
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

  void note_lost(std::size_t index) noexcept;
  void match_handed_over(const std::vector<Batch>& batches);
  std::optional<std::uint64_t> place_of(std::uint64_t seq) const;
  void place(const std::vector<std::size_t>& indexes, std::uint64_t first);

  const ClusterSettings& settings_;
  ClusterCounters& counters_;
  const std::uint64_t base_;
  bool has_base_ = true;
  bool matched_ = false;
  std::vector<Kept> messages_;
  std::int64_t bytes_ = 0;
  std::string token_;
  std::size_t lost_left_ = 0;                                           // of the lost batch, not added or skipped yet
  std::vector<std::size_t> sent_;                                       // indexes of messages_
  std::unordered_map<std::string, std::vector<std::size_t>> by_token_;  // of batches that Redis may have
};

}  // namespace chat::cluster
