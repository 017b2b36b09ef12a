// The thread of a cluster store: two connections to Redis, one for commands and one for subscriptions, and the state of each room that
// this server has. It takes the store's steps, publishes what waits for a room in one batch at a time, and gives the hub every message
// of the room in its order, from whichever is first: the answer, the notice, or the stream when a notice is missing.
#pragma once

#include <uv.h>

#include <array>
#include <cstddef>
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

#include "cluster/cluster_store.h"
#include "cluster/scripts.h"
#include "cluster/shared_room.h"
#include "redis/redis_link.h"

namespace chat::cluster {

class ClusterWorker {
 public:
  ClusterWorker(ClusterStore& store, const ClusterSettings& settings);
  ~ClusterWorker();
  ClusterWorker(const ClusterWorker&) = delete;
  ClusterWorker& operator=(const ClusterWorker&) = delete;

  // Before run(). Errors: system, unsupported.
  Status prepare();
  // The thread's function: until the store stops.
  void run();
  // The store has steps, or a hub, or stops. Any thread, with the store's lock held.
  void wake();

 private:
  using Step = ClusterStore::Step;

  struct Listener : redis::LinkListener {
    Listener(ClusterWorker& owner, bool subscribes) : worker(owner), is_subscriber(subscribes) {}
    void on_up(const std::string& run_id) override;
    void on_down(const Status& why) override;
    void on_push(redis::Value&& value) override;
    ClusterWorker& worker;
    const bool is_subscriber;
  };

  // Links -------------------------------------------------------------------------------------------------------------
  void check_links();
  void lost(const Status& why);
  void load_scripts();
  void check_settings();
  void came_up();
  void beat();
  void on_beat(const redis::Value& answer);
  void settle();
  void refuse(SharedRoom& room, const redis::Value& answer);
  void note_trouble(Status status);
  template <class... Args>
  Status command(redis::RedisLink& link, const redis::ReplyHandler& done, const Args&... args);
  Status run_script(Script script, const std::vector<std::string_view>& keys, const std::vector<std::string>& args,
                    redis::ReplyHandler done);
  void on_message(std::string_view channel, std::string_view text);
  void on_notice(SharedRoom& room, char kind, std::string_view text);

  // Steps -------------------------------------------------------------------------------------------------------------
  void take_steps();
  void take(Step& step);
  void tell(const FarNotice& notice);
  void take_notice(SharedRoom* room, char kind, std::string_view text);
  SharedRoom& room_of(const std::string& name);
  void drop_if_unused(const std::string& name);
  void on_timer();

  void look_after_rooms();
  void check_rooms();

  // Rooms -------------------------------------------------------------------------------------------------------------
  void attend(SharedRoom& room) noexcept;
  void advance(SharedRoom& room);
  template <class Taken>
  redis::ReplyHandler step_of(SharedRoom& room, Taken taken);
  void subscribe(SharedRoom& room);
  void close(SharedRoom& room);
  void ask_position(SharedRoom& room);
  void on_position(SharedRoom& room, const redis::Value& answer);
  void set_values(SharedRoom& room);
  std::vector<RoomValue> merge_values(SharedRoom& room, const std::vector<redis::Value>& items, bool keeps);
  bool is_coming(const std::string& room, const std::string& key);
  void on_values(SharedRoom& room, std::string_view notice);
  void must_adopt(SharedRoom& room);
  void drop_content(SharedRoom& room);
  void send_batch(SharedRoom& room);
  RoomHold adopt(SharedRoom& room, const Position& top, const std::vector<Batch>& batches,
                 const std::vector<RoomValue>& values, std::int64_t redis_ms);
  void answer_readers(SharedRoom& room, const Status& status, const RoomHold& hold = nullptr);
  void publish(SharedRoom& room);
  void on_published(SharedRoom& room, const std::string& token, const redis::Value& answer);
  void on_twice(SharedRoom& room, const redis::Value& answer);
  void take_batch(SharedRoom& room, Batch batch);
  void take_ahead(SharedRoom& room);
  void deliver(SharedRoom& room, Batch& batch);
  void take_sent_back(SharedRoom& room);
  void fail(SharedRoom::Waiting& waiting, const Status& status);
  void fail_old(SharedRoom& room, const Status& status, std::int64_t before_ms);
  void finished(const SharedRoom::Waiting& waiting);

  template <class Action>
  void surely(Action action);
  Moment now() const { return settings_.clock(); }
  std::int64_t loop_ms() const { return static_cast<std::int64_t>(uv_now(&loop_)); }
  void log(LogLevel level, const std::string& text);

  ClusterStore& store_;
  const ClusterSettings& settings_;
  Hub* hub_ = nullptr;

  uv_loop_t loop_{};
  uv_async_t async_{};
  uv_timer_t timer_{};
  bool prepared_ = false;

  Listener command_listener_{*this, false};
  Listener subscriber_listener_{*this, true};
  std::unique_ptr<redis::RedisLink> commands_;
  std::unique_ptr<redis::RedisLink> subscriber_;
  std::array<std::string, kScripts> hashes_;  // of the scripts in Redis
  std::size_t scripts_left_ = kScripts;
  std::string run_;            // of the Redis that both links have; empty: they have none, or two
  std::uint64_t session_ = 0;  // counts the times that Redis was found
  bool claimed_ = false;       // this server has its number in this Redis
  bool up_ = false;            // rooms are opened
  bool told_up_ = false;
  std::int64_t up_ms_ = 0;
  std::int64_t next_beat_ms_ = 0;
  std::int64_t heard_ms_ = 0;  // the last sign of life on the subscription
  std::int64_t next_sign_ms_ = 0;
  std::int64_t last_tick_ms_ = 0;
  bool beating_ = false;      // an answer is awaited
  bool handed_over_ = false;  // this server has told all that it knows to this Redis
  bool settled_ = false;      // all servers have
  std::uint32_t node_ = 0;
  std::uint64_t servers_before_ = 0;  // that were there when Redis was lost; until the rooms are settled
  std::int64_t next_log_ms_ = 0;
  std::uint64_t tokens_ = 0;
  std::string own_channel_;
  std::string all_channel_;
  std::string nodes_key_;
  std::string about_key_;
  std::int64_t stop_ms_ = 0;  // not 0: the time at which the worker ends

  std::unordered_map<std::string, SharedRoomPtr> rooms_;
  std::unordered_map<std::string, SharedRoom*> by_channel_;
  std::unordered_set<SharedRoom*> busy_;  // rooms that are not open, or in which something waits
  std::deque<std::pair<std::int64_t, std::weak_ptr<SharedRoom>>> checks_;  // by their times
};

}  // namespace chat::cluster
