// The thread of a cluster store: it takes the store's steps, connects to Redis, and brings the rooms, the notices and the timer
// together. What each part does is in a file of its own:
//
//   shards        which Redis has which rooms: one, or the primaries of a Redis Cluster
//   redis_shard   one Redis: its links, its scripts, its signs of life
//   membership    this server among the others: number, lease, who has handed over
//   shared_room   a room; it decides from answers and notices, without connections (room_host.h)
//   room_island   what a room has of its own while its Redis is gone
//   far_notices   what servers tell each other beside the messages of rooms
//   far_lists     lists of the members of a room, and of the rooms, of all servers
//   cluster_people  who is in the rooms, at all servers
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "cluster/cluster_people.h"
#include "cluster/cluster_store.h"
#include "cluster/far_lists.h"
#include "cluster/membership.h"
#include "cluster/notice_filter.h"
#include "cluster/redis_shard.h"
#include "cluster/room_host.h"
#include "cluster/shards.h"
#include "cluster/shared_room.h"
#include "redis/worker_loop.h"

namespace chat::cluster {

class ClusterWorker final : public RoomHost, public ShardUser, private PeopleHost, private ListsHost {
 public:
  ClusterWorker(ClusterStore& store, const ClusterSettings& settings);
  ~ClusterWorker() override;

  // Before run(). Errors: system.
  Status prepare();
  // The thread's function: until the store stops.
  void run();
  // The store has steps, or a hub, or stops. Any thread, with the store's lock held.
  void wake();

 private:
  using Step = ClusterStore::Step;

  // Redis
  void on_up(RedisShard& shard) override;
  void on_down(RedisShard& shard, const Status& why, bool was_open) override;
  void on_trouble(RedisShard& shard, const Status& why) override { note_trouble(why), (void)shard; }
  void on_elsewhere(RedisShard& shard) override { shards_.look_again(), (void)shard; }
  void on_message(RedisShard& shard, std::string_view channel, std::string_view text) override;
  void on_moved();
  void open(RedisShard& shard);
  void note_state();
  void beat();
  void on_beat(bool first);
  void note_others();
  void greet(std::string_view text);
  void settle();
  void agree_on_secret();
  void note_trouble(Status status);

  // Steps
  void take_steps();
  void take(Step& step);
  void send(const Step& step);
  void send_to(RedisShard* shard, const std::vector<std::string>& words, const redis::ReplyHandler& done);
  void send_to_any(RedisShard* shard, const std::vector<std::string>& words, const redis::ReplyHandler& done);
  void tell(const FarNotice& notice);
  std::string channel_of_room(const std::string& room) const;
  std::string channel_of_server(const std::string& id) const { return settings.prefix + "n:" + id; }
  void pass_on(std::string channel, std::string text, const RedisShard* lost);
  bool is_news(std::string_view origin);
  void hear_list(void (FarLists::*hears)(std::string_view), std::string_view text);
  void hear(char kind, std::string_view text, SharedRoom* room);

  // Rooms
  SharedRoom& room_of(const std::string& name);
  void drop_if_unused(const std::string& name);
  void compare_rooms();
  void look_after_rooms();
  void tell_islands();
  void on_timer();
  void end();

  // What the rooms need.
  std::int64_t loop_ms() const override { return loop_.now_ms(); }
  std::string make_token() override;
  void is_busy(SharedRoom& room) override { busy_.insert(&room); }
  void commit(const Submission& submission, const Result<Position>& place) override;
  void acknowledge(const Submission& submission, const Position& place, bool repeated) override;
  void receive(const std::shared_ptr<Message>& message) override;
  Result<RoomHold> adopt(const std::string& room, const Position& top, const std::vector<MessagePtr>& messages,
                         const std::vector<RoomValue>& changed) override;
  Result<RoomHold> renumber(const std::string& room, const Position& top) override;
  std::vector<MessagePtr> kept(const std::string& room) override;
  void take_values(const std::string& room, const std::vector<RoomValue>& changed) override;
  void close_shared(const std::string& room, const std::string& epoch) override;
  void forget_people(const std::string& room) override { people_.forgot(room); }
  void read_people(const std::string& room, std::function<void()> then) override;

  // What the people of rooms need.
  Hub& hub() override { return *hub_; }
  bool takes_commands(const std::string& room) const override;
  Status run_script(const std::string& room, Script script, const std::vector<std::string_view>& keys,
                    const std::vector<std::string>& args, redis::ReplyHandler done) override;
  void refused(const std::string& room, const redis::Value& error) override;
  void ask_servers() override { membership_.beat_soon(); }
  void tell_servers(const std::string& text) override;
  void dropped() override { ClusterCounters::add(counters.dropped); }

  // What lists need.
  Hub* listed_hub() override { return hub_; }
  Moment now() const override { return settings.clock(); }
  bool publish_question(const std::string& room, const std::string& text, Heard heard) override;
  bool publish_answer(const std::string& server, const std::string& text) override;

  void log(LogLevel level, const std::string& text);

  ClusterStore& store_;
  Hub* hub_ = nullptr;

  redis::WorkerLoop loop_{{[this] { take_steps(); }, [this] { on_timer(); }}};

  const std::string own_channel_;
  const std::string all_channel_;
  Shards shards_;
  Membership membership_;
  RedisShard* home_ = nullptr;  // has the lease
  bool told_up_ = false;
  bool told_islands_ = false;
  std::uint64_t told_merged_ = 0;
  bool asks_secret_ = false;
  bool asked_secret_ = false;    // Redis has answered once
  bool refused_secret_ = false;  // what it had was none
  std::int64_t last_tick_ms_ = 0;
  std::uint64_t tokens_ = 0;
  std::uint64_t told_ = 0;  // notices
  NoticeFilter heard_;
  std::int64_t stop_ms_ = 0;  // not 0: the time at which the worker ends

  std::unordered_map<std::string, SharedRoomPtr> rooms_;
  std::unordered_map<std::string, SharedRoom*> by_channel_;
  std::unordered_set<SharedRoom*> busy_;  // rooms that are not open, or in which something waits
  std::deque<std::pair<std::int64_t, std::weak_ptr<SharedRoom>>> comparisons_;  // by their times
  ClusterPeople people_;
  FarLists lists_;
};

}  // namespace chat::cluster
