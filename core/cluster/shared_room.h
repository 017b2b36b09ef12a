// A room of the cluster, as one server has it: a state machine that brings it from closed to open, publishes what waits for it
// in one batch at a time, and gives the hub every message in its order, from whichever is first: the answer, the notice, or the
// stream when a notice is missing. Without Redis it can be an island for a time. It decides from the answers and notices of its
// Redis; see room_host.h. The worker's thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/batch.h"
#include "cluster/batches_ahead.h"
#include "cluster/position_answer.h"
#include "cluster/room_host.h"
#include "cluster/room_island.h"
#include "cluster/room_keys.h"
#include "cluster/room_outbox.h"

namespace chat::cluster {

class SharedRoom : public std::enable_shared_from_this<SharedRoom> {
 public:
  enum class State : std::uint8_t {
    closed,       // nothing is known in Redis of this server and the room
    subscribing,  // its channel
    opening,      // asked for its position
    settling,     // not all servers have handed over after a restart or a fail-over of Redis
    merging,      // the messages of the island are being published
    open,
  };

  // `host` must outlive it, `redis` until move_to().
  SharedRoom(RoomHost& host, RoomRedis& redis, std::string room_name);

  const std::string name;
  const RoomKeys keys;

  State state() const { return state_; }
  bool is_open() const { return state_ == State::open; }

  // What the store wants. When one throws, nothing has changed.
  void submit(Submission& submission);
  void log_opened(bool adopted);
  void log_closed();
  void close(std::string epoch);
  void read(RoomStore::Done done);
  void set_value(const RoomValue& value);

  // Another Redis has it now. The earlier one may be gone after this.
  void move_to(RoomRedis& redis);
  const RoomRedis& redis() const { return *redis_; }
  // Its Redis is gone; every answer to a command has come or will not come.
  void on_lost();
  // Of the room's channel, of any kind but those of far_notices.h.
  void on_notice(char kind, std::string_view text);

  // Takes the next step towards an open room, or publishes. What is not done for lack of memory is done by look_after().
  void attend() noexcept;
  // Of the timer, while the room is busy: refuses what has waited too long, fetches a hole, and attends.
  void look_after();
  // Asks whether there is more than what came, because a notice may have been lost.
  void compare();
  // Refuses everything that waits.
  void stop(const Status& status);

  // Messages of the island that the shared room does not have.
  std::size_t missing() const { return island_ ? island_->missing() : 0; }

  // Something waits, or the room is not open.
  bool is_busy() const;
  // Changes that Redis has to have before the server stops.
  bool has_changes() const { return !unwritten_.empty() || !close_epoch_.empty(); }
  // Its Redis has been given what this server knows, as far as it wants it.
  bool has_handed_over() const;
  // Nothing here needs the room.
  bool is_unused() const;
  // The hub has just made its room, and tells so a little later: it stays until then.
  std::int64_t keep_ms() const { return keep_ms_; }
  // Its channel is not needed any more.
  void unsubscribe();

 private:
  struct Reader {
    RoomStore::Done done;
    std::int64_t since_ms = 0;
  };

  void advance();
  template <class Taken>
  redis::ReplyHandler step(Taken taken);
  void subscribe();
  void restart();
  RoomRedis::Refusal refuse(const redis::Value& answer);
  void must_adopt();
  void drop_content();

  RoomRedis::Settled settled() const { return redis_->settled_part(partition_of(name)); }
  void ask_position();
  std::string unanswered_token() const;
  std::vector<std::string> position_query(bool from_start);
  void on_position(redis::Value& answer, bool from_start);
  void take_position(PositionAnswer position, bool from_start);
  RoomHold adopt(const PositionAnswer& position, const std::vector<RoomValue>& values);
  void answer_readers(const Status& status, const RoomHold& hold = nullptr);

  bool may_be_island() const { return host_.settings.islands && redis_->lost_ms(); }
  // Of the hub's room.
  const std::string& hub_epoch() const { return island_ ? island_->epoch : epoch_; }
  std::uint64_t place_now(const std::string& epoch, std::uint64_t seq) const;
  void refer_in_hub_epoch();

  void live_alone();
  void serve_alone();
  bool become_island();
  void number_here();
  void merge(const PositionAnswer& position);
  void merge_next();
  void on_merged(const std::string& token, const redis::Value& answer);
  void end_island(const std::string& shared_epoch);

  void publish();
  void send_batch();
  Status send(RoomOutbox::Parcel parcel, std::size_t count, const std::string& token, redis::ReplyHandler answered);
  void on_published(const std::string& token, const redis::Value& answer);
  void ask_replicas();
  void on_confirmed(bool enough);
  bool is_held(const Batch& batch) const { return outbox_.is_sent(batch) && !outbox_.is_confirmed(); }
  void on_batch(std::string_view notice);
  void on_closed(std::string_view notice);
  void on_values(std::string_view notice);
  void write_values();

  void take_batch(Batch batch);
  void take_ahead();
  void deliver(const Batch& batch);

  RoomHost& host_;
  RoomRedis* redis_;
  State state_ = State::closed;
  std::uint64_t attempt_ = 0;  // answers to earlier ones are ignored
  std::uint64_t session_ = 0;  // of its Redis: counts its losses
  bool subscribed_ = false;
  std::int64_t logs_ = 0;               // of the hub: one, two for a moment
  std::string epoch_;                   // empty: the position is not known
  std::uint64_t seq_ = 0;               // everything up to here has been given to the hub
  std::string run_;                     // the Redis that gave the position
  std::string close_epoch_;             // not empty: the room is to be closed first, and continues in this epoch
  std::unique_ptr<RoomIsland> island_;  // the hub's room is in its epoch; epoch_ and seq_ are those of the shared room
  std::optional<FormerPlaces> former_;  // of the last island, for what was submitted before its end
  std::int64_t former_until_ms_ = 0;
  RoomOutbox outbox_;
  std::uint64_t own_first_ = 0;      // not 0: the first seq of the sent batch, which the hub may have already
  std::vector<redis::Value> known_;  // Redis' answer that messages of the sent batch have been before
  BatchesAhead ahead_;
  std::vector<Reader> readers_;
  std::optional<std::uint64_t> tell_above_;  // Redis wants what this server has above this seq
  std::int64_t open_ms_ = 0;                 // when look_after() saw it open last
  std::int64_t keep_ms_ = 0;
  bool must_adopt_ = false;          // the hub has a new room
  std::int64_t retry_ms_ = 0;        // Redis has refused something: not before this time again
  bool values_changed_ = false;      // by a notice, while the position is asked for
  std::string values_version_;       // of the values that this server has read
  std::uint64_t known_version_ = 0;  // the highest one, also of an earlier Redis
  bool ruled_ = false;               // the hub's room has the values
  bool writing_values_ = false;      // Redis has not answered for some of these:
  RoomValues::Unwritten unwritten_;  // values that Redis does not have yet
};
using SharedRoomPtr = std::shared_ptr<SharedRoom>;

}  // namespace chat::cluster
