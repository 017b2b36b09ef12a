// A server of a cluster in a test: a hub with its cluster store, which has a thread.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/cluster_store.h"

// Last, because it defines macros with common names.
#include "../hub/hub_fixture.h"

namespace chat::test {

inline void wait_until(const std::function<bool()>& condition, int line = __builtin_LINE()) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) fail_msg("waited in vain at line %d", line);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // On purpose: the worker is another thread.
  }
}

inline Moment real_moment() {
  using std::chrono::duration_cast, std::chrono::milliseconds;
  return {duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count(),
          duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count()};
}

inline std::string random_word() {
  static std::atomic<int> last = 0;
  return "w" + std::to_string(++last) + "x" + std::to_string(real_moment().age_ms);
}

// What other servers tell this one.
class Ear final : public net::FarListener {
 public:
  void on_far_text(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    heard_ += std::string(text) + ";";
  }
  std::string heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  std::mutex mutex_;
  std::string heard_;
};

// Waits for an answer that comes on another thread.
template <class Value>
Value wait_for(const std::function<void(std::function<void(Value)>)>& ask) {
  std::mutex mutex;
  std::optional<Value> answer;
  ask([&](Value value) {
    const std::lock_guard lock(mutex);
    answer.emplace(std::move(value));
  });
  const auto came = [&] {
    const std::lock_guard lock(mutex);
    return answer.has_value();
  };
  wait_until(came);
  return *std::move(answer);
}

// A server of the cluster.
struct Node {
  explicit Node(const std::string& url, std::int64_t hold_ms = 5'000) : Node(url, hold_ms, {}) {}
  Node(const std::string& url, std::int64_t hold_ms, HubOptions options, bool islands = false) {
    cluster::ClusterSettings settings;
    settings.target = *redis::parse_redis_url(url);
    settings.id = random_word();
    settings.clock = real_moment;
    settings.make_epoch = random_word;
    settings.hold_ms = hold_ms;
    settings.islands = islands;
    store = std::make_unique<cluster::ClusterStore>(std::move(settings));
    opened = store->open();
    if (!opened.ok()) return;
    options.store = store.get();
    options.node = store->node();
    options.epoch_seed = static_cast<std::uint64_t>(real_moment().age_ms) + store->node();
    f.emplace(std::move(options));
    store->far().listen(ear);
    store->start(*f->hub);
  }
  ~Node() { store->stop(); }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Hub& hub() { return *f->hub; }
  // A client that is in the room, after its position was read.
  ClientPtr member(const std::string& room, std::string user = {}) {
    const ClientPtr client = f->open(0, std::move(user));
    const KeptRangePtr earlier = open(room);
    assert_ok(hub().join(client, room, std::nullopt, "j", real_moment(), earlier.get()));
    return client;
  }
  // Reads the room, if the hub does not have it.
  KeptRangePtr open(const std::string& room) {
    KeptRangePtr earlier;
    if (const auto query = hub().unread(room, std::optional<Position>())) earlier = hub().read_now(*query);
    if (earlier) assert_ok(earlier->status);
    return earlier;
  }
  void say(const ClientPtr& client, std::string text, std::string id = {}) {
    MessageDraft message = draft("dev", std::move(text));
    message.sender = {client->id(), "Ann", "ann"};
    message.id = std::move(id);
    const Result<Published> published = hub().publish(std::move(message), real_moment(), Receipt{client, "r"});
    assert_ok(published.status());
  }
  // Keeps what the loop received.
  void look() {
    for (LoopEvent& event : f->take()) events.push_back(std::move(event));
  }
  std::vector<std::string> texts() {
    look();
    std::vector<std::string> result;
    for (const RoomMessage& one : only<RoomMessage>(events)) {
      result.push_back(std::to_string(one.message->seq) + " " + one.message->payload);
    }
    return result;
  }
  Acknowledged acknowledged() {
    wait_until([this] {
      look();
      return !only<Acknowledged>(events).empty();
    });
    return only<Acknowledged>(events).back();
  }

  // What the key has, or is agreed on; "-": nothing.
  std::string take(const std::string& key) {
    return wait_for<std::optional<std::string>>([&](const auto& done) { store->far().take(key, done); }).value_or("-");
  }
  std::string agree(const std::string& key, const std::string& value) {
    return wait_for<std::optional<std::string>>([&](const auto& done) { store->far().agree(key, value, 60'000, done); })
        .value_or("-");
  }
  net::FarServers::Told tell(const std::string& server, const std::string& text) {
    return wait_for<net::FarServers::Told>([&](const auto& done) { store->far().tell(server, text, done); });
  }

  Status opened;
  Ear ear;
  std::unique_ptr<cluster::ClusterStore> store;
  std::optional<HubFixture> f;
  std::vector<LoopEvent> events;
};

}  // namespace chat::test
