// What a room of the cluster needs of its server: the Redis that has it, the hub, the time and counters. A room knows neither
// connections nor threads; tests give it others. The worker's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/cluster_counters.h"
#include "cluster/cluster_settings.h"
#include "cluster/room_values.h"
#include "cluster/scripts.h"
#include "hub/room.h"
#include "hub/room_log.h"
#include "hub/room_store.h"
#include "model/types.h"
#include "redis/redis_value.h"

namespace chat::cluster {

class SharedRoom;

class RoomRedis {
 public:
  RoomRedis() = default;
  RoomRedis(const RoomRedis&) = delete;
  RoomRedis& operator=(const RoomRedis&) = delete;
  virtual ~RoomRedis() = default;

  // Rooms are opened there.
  virtual bool is_open() const = 0;
  // When it was lost, in RoomHost::loop_ms(). nullopt: it is open, or rooms wait for another one.
  virtual std::optional<std::int64_t> lost_ms() const = 0;
  // Whether all servers have handed over what they know above its logs of a part of the rooms.
  enum class Settled : std::uint8_t {
    no,
    with_data,  // the part came here after the others: its rooms whose logs came too are complete
    yes,
  };
  virtual Settled settled_part(std::uint32_t partition) const = 0;
  // Identifies its state: another one after a restart, and each time that it becomes a primary. Empty while there is none.
  virtual const std::string& run() const = 0;
  // So much waits for answers that rooms ask for their positions later.
  virtual bool is_full() const = 0;

  // Answers come in the order of the commands, and never inside of these calls. Errors: those of RedisLink::send(). They throw
  // std::bad_alloc; nothing is sent then.
  virtual Status subscribe(std::string_view channel, redis::ReplyHandler done) = 0;
  virtual void unsubscribe(std::string_view channel) = 0;
  virtual Status run_script(Script script, const std::vector<std::string_view>& keys,
                            const std::vector<std::string>& args, redis::ReplyHandler done) = 0;
  // Calls done(whether settings.ack_replicas of its replicas have everything that was sent in this round of the loop); never,
  // when the connection is lost before. Throws std::bad_alloc.
  virtual void confirm(std::function<void(bool)> done) = 0;
  // The answer to a command of a room is an error. Says why.
  enum class Refusal : std::uint8_t {
    of_command,  // as it is
    of_redis,    // which is left: the room will be told that it is lost. The command may be repeated after that
    of_place,    // the room is in another Redis, or moves there: the command may be repeated a moment later
  };
  virtual Refusal refused(const redis::Value& error) = 0;
};

class RoomHost {
 public:
  RoomHost(const ClusterSettings& its_settings, RoomValues& its_values, ClusterCounters& its_counters)
      : settings(its_settings), values(its_values), counters(its_counters) {}
  RoomHost(const RoomHost&) = delete;
  RoomHost& operator=(const RoomHost&) = delete;
  virtual ~RoomHost() = default;

  const ClusterSettings& settings;
  RoomValues& values;
  ClusterCounters& counters;

  virtual std::int64_t loop_ms() const = 0;  // steady
  // Unique in the cluster.
  virtual std::string make_token() = 0;
  // The room is not open, or something waits in it: look_after() is called soon.
  virtual void is_busy(SharedRoom& room) = 0;

  // Of the hub; see its functions of the same names. They repeat what memory refuses, except kept(), which throws
  // std::bad_alloc.
  virtual void commit(const Submission& submission, const Result<Position>& place) = 0;
  virtual void acknowledge(const Submission& submission, const Position& place, bool repeated) = 0;
  virtual void receive(const std::shared_ptr<Message>& message) = 0;
  virtual Result<RoomHold> adopt(const std::string& room, const Position& top, const std::vector<MessagePtr>& messages,
                                 const std::vector<RoomValue>& values) = 0;
  virtual Result<RoomHold> renumber(const std::string& room, const Position& top) = 0;
  virtual std::vector<MessagePtr> kept(const std::string& room) = 0;
  virtual void take_values(const std::string& room, const std::vector<RoomValue>& values) = 0;
  virtual void close_shared(const std::string& room, const std::string& epoch) = 0;

  // The hub has another room of this name, which knows nobody.
  virtual void forget_people(const std::string& room) = 0;
  // Calls then() when the hub has the people of the other servers; never after the room's Redis was lost. Repeats what memory
  // refuses.
  virtual void read_people(const std::string& room, std::function<void()> then) = 0;
};

}  // namespace chat::cluster
