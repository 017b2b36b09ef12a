// The thread of a guest: connections to Redis for commands, for subscriptions and for streams. It publishes the guest's
// steps, gives what comes from the cluster to GuestHub, and publishes its answers.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "guest/guest.h"
#include "guest/guest_hub.h"
#include "guest/guest_wire.h"
#include "redis/redis_link.h"
#include "redis/worker_loop.h"

namespace chat::guest {

class GuestWorker {
 public:
  GuestWorker(Guest& guest, Hub& hub);
  ~GuestWorker();
  GuestWorker(const GuestWorker&) = delete;
  GuestWorker& operator=(const GuestWorker&) = delete;

  // Before run(). Errors: system, certificate.
  Status prepare();
  // The thread's function: until the guest stops.
  void run();
  // The guest has steps, or stops. Any thread, with the guest's lock held.
  void wake();

 private:
  using Step = Guest::Step;
  using HeldPtr = Guest::HeldPtr;

  enum class Task : std::uint8_t { commands, subscriptions, stream };
  struct Listener : redis::LinkListener {
    Listener(GuestWorker& owner, Task what) : worker(owner), task(what) {}
    void on_up(const std::string& run) override;
    void on_down(const Status& why) override { worker.lost(task, why); }
    void on_push(redis::Value&& value) override { worker.on_push(value); }
    GuestWorker& worker;
    const Task task;
  };
  // A stream that is read, and the id of the newest entry that was read; empty: unknown.
  struct Stream {
    std::string name;
    std::string offset;
  };

  // Links -------------------------------------------------------------------------------------------------------------
  void check_links();
  void compare_again();
  void check_up();
  void check_role();
  void lost(Task task, const Status& why);
  void subscribe();
  void subscribe_rooms();
  void on_timer();
  void log(LogLevel level, const std::string& text);
  void log_seldom(const std::string& text);

  // From the cluster --------------------------------------------------------------------------------------------------
  void on_push(const redis::Value& value);
  void take(Result<std::optional<Incoming>>&& incoming);
  void refuse(net::GuestDrop why, const Status& problem);
  void find_offsets();
  void read_streams();
  void on_entries(redis::Reply&& reply);

  // To the cluster ----------------------------------------------------------------------------------------------------
  void take_steps();
  void take(Step& step);
  void publish_waiting();
  void publish(const HeldPtr& held);
  void answer(const AckRequest& to, wire::ClusterBody&& body);
  void tell_nodes(const wire::ClusterBody& body);
  // Sends; counts it in `sent` when Redis has taken it. held: waits on when the link is lost before anything was sent. False: the
  // cluster has no form for it, or it is too large. That is counted as dropped.
  bool send(const wire::ClusterMessage& message, Way way, std::string_view to, std::atomic<std::uint64_t>* sent,
            HeldPtr held = nullptr);
  void finish_if_done();

  Status command(redis::RedisLink& link, const GuestWire::Words& words, redis::ReplyHandler done);
  template <class Action>
  void or_drop(Action action) noexcept;
  std::int64_t loop_ms() const { return loop_.now_ms(); }

  Guest& guest_;
  const GuestSettings& settings_;
  Hub& hub_;
  const GuestWire wire_;
  GuestHub there_;

  redis::WorkerLoop loop_{{[this] { take_steps(); }, [this] { on_timer(); }}};

  Listener command_listener_{*this, Task::commands};
  Listener subscriber_listener_{*this, Task::subscriptions};
  Listener stream_listener_{*this, Task::stream};
  std::unique_ptr<redis::RedisLink> commands_;
  std::unique_ptr<redis::RedisLink> subscriber_;
  std::unique_ptr<redis::RedisLink> reader_;  // nullptr: there are no streams
  std::size_t unconfirmed_ = 0;               // subscriptions
  bool subscribing_ = false;                  // or subscribed
  bool up_ = false;
  bool told_up_ = false;
  bool told_down_ = false;

  std::deque<HeldPtr> waiting_;               // oldest first
  std::vector<HeldPtr> returned_;             // of the link that is being lost: they were not sent
  bool link_ends_ = false;                    // the one for commands: it takes no more
  std::unordered_set<std::string> channels_;  // of rooms
  std::vector<Stream> streams_;
  std::size_t read_count_;
  bool reading_ = false;
  std::int64_t next_read_ms_ = 0;
  std::int64_t next_heartbeat_ms_ = 0;
  std::int64_t next_role_ms_ = 0;
  std::int64_t next_log_ms_ = 0;
  std::uint64_t left_out_ = 0;  // that were logged
  std::int64_t stop_ms_ = 0;    // not 0: the time at which the worker ends
  bool said_goodbye_ = false;
};

}  // namespace chat::guest
