// Asks the nodes of a Redis Cluster which primary has which slots: one node at a time, the next one when it does not answer. It
// begins with those of the URL, and knows the others from the answers. Everything happens on the thread of the loop.
#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/types.h"
#include "redis/cluster_slots.h"
#include "redis/redis_connection.h"
#include "redis/redis_url.h"
#include "redis/uv_handle.h"

namespace chat::redis {

struct ScoutOptions {
  RedisTarget target;
  std::string client_name;
  int limit_ms = 1'000;     // of a connection, and of an answer
  int interval_ms = 1'000;  // between two questions
  int hurried_ms = 100;     // the same after hurry(), and when a node does not answer
};

class ClusterScout final : public ConnectionUser {
 public:
  // Receives each answer of a node that says that its cluster is well, or why a node gave none. From the loop, never inside of
  // start() or hurry(). It may not destroy the scout.
  using Told = std::function<void(Result<SlotMap>&&)>;

  // `loop` must outlive it. Run the loop afterwards until libuv has closed its handles.
  ClusterScout(uv_loop_t* loop, ScoutOptions options, Told told);
  ~ClusterScout() override = default;

  // Errors: certificate for a file of TLS that cannot be used.
  Status start();
  void stop();
  // The last answer is perhaps not true any more: asks another node soon.
  void hurry();

 private:
  void on_ready() override { ask(); }
  void on_closed(const Status& why) override;
  void on_push(Value&&) override {}

  void on_timer();
  void connect();
  void ask();
  void tell(Result<SlotMap>&& result);
  void wait(int delay_ms) noexcept;

  uv_loop_t* loop_;
  ScoutOptions options_;
  const Told told_;
  UvHandle<uv_timer_t> timer_;
  std::vector<RedisAddress> nodes_;  // those of the URL first
  std::size_t next_ = 0;
  RedisAddress asked_;
  std::unique_ptr<RedisConnection> connection_;
  bool hurried_ = false;
  int hurries_ = 0;  // in a row
  bool asking_ = false;
  bool cluster_is_well_ = false;  // says the node that is asked
};

}  // namespace chat::redis
