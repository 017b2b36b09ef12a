// See shards.h.
#include "cluster/shards.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "cluster/membership.h"
#include "model/surely.h"

namespace chat::cluster {

// Of parts that nobody has.
class Shards::Nowhere final : public RoomRedis {
 public:
  bool is_open() const override { return false; }
  std::optional<std::int64_t> lost_ms() const override { return std::nullopt; }
  Settled settled_part(std::uint32_t) const override { return Settled::no; }
  const std::string& run() const override {
    static const std::string none;
    return none;
  }
  bool is_full() const override { return true; }
  Status subscribe(std::string_view, redis::ReplyHandler) override { return none(); }
  void unsubscribe(std::string_view) override {}
  Status run_script(Script, const std::vector<std::string_view>&, const std::vector<std::string>&,
                    redis::ReplyHandler) override {
    return none();
  }
  void confirm(std::function<void(bool)>) override {}
  Refusal refused(const redis::Value&) override { return Refusal::of_place; }

 private:
  static Status none() { return {Error::unavailable, "no Redis has this part"}; }
};

Shards::Shards(uv_loop_t* loop, const ClusterSettings& settings, ShardUser& shard_user, User user, std::string channel,
               std::vector<std::string> channels)
    : loop_(loop),
      settings_(settings),
      target_(settings.target),
      shard_user_(shard_user),
      user_(std::move(user)),
      channel_(std::move(channel)),
      channels_(std::move(channels)),
      nowhere_(std::make_unique<Nowhere>()) {
  for (std::uint32_t part = 0; part < kPartitions; ++part) slots_[part] = redis::slot_of(std::to_string(part));
  slots_[kPartitions] = redis::slot_of(nodes_key(settings));
}

Status Shards::start() {
  Status status = redis::share_tls(target_);
  if (!status.ok()) return status;
  if (!is_redis_cluster()) {
    places_.fill(&add(target_, status));
    note_parts();
    user_.on_moved();
    return status;
  }
  redis::ScoutOptions options;
  options.target = target_;
  options.client_name = "libchat";
  scout_ = std::make_unique<redis::ClusterScout>(loop_, std::move(options), [this](Result<redis::SlotMap>&& map) {
    if (stopped_) return;
    if (map.ok()) {
      surely([&] { take(*map); });
    } else if (!all_open()) {
      user_.on_trouble(map.status());
    }
  });
  return scout_->start();
}

void Shards::stop() {
  stopped_ = true;
  if (scout_) scout_->stop();
  for (const auto& shard : shards_) shard->stop();
}

void Shards::clear() {
  scout_.reset();
  shards_.clear();
}

void Shards::flush() {
  for (const auto& shard : shards_) shard->flush();
}

void Shards::tick(std::int64_t late_ms) {
  for (const auto& shard : shards_) shard->tick(late_ms);
  if (!all_open()) look_again();
}

void Shards::look_again() {
  if (scout_) scout_->hurry();
}

RoomRedis& Shards::of(std::uint32_t partition) const {
  RedisShard* const shard = places_[partition];
  return shard != nullptr ? static_cast<RoomRedis&>(*shard) : *nowhere_;
}

bool Shards::all_open() const {
  return std::all_of(places_.begin(), places_.end(),
                     [](const RedisShard* shard) { return shard != nullptr && shard->is_open(); });
}

RedisShard* Shards::any_open(const RedisShard* except) const {
  const auto found = std::find_if(shards_.begin(), shards_.end(),
                                  [except](const auto& shard) { return shard->is_open() && shard.get() != except; });
  return found == shards_.end() ? nullptr : found->get();
}

RedisShard* Shards::open_after(const RedisShard& shard) const {
  auto next = std::find_if(shards_.begin(), shards_.end(), [&](const auto& one) { return one.get() == &shard; });
  if (next == shards_.end()) return nullptr;
  next = std::find_if(next + 1, shards_.end(), [](const auto& one) { return one->is_open(); });
  return next == shards_.end() ? nullptr : next->get();
}

RedisShard& Shards::add(const redis::RedisTarget& target, Status& started) {
  std::vector<std::string> channels = channels_;
  // Its sign of life must not come by way of another node.
  channels.insert(channels.begin(), is_redis_cluster() ? channel_ + ":" + std::to_string(++added_) : channel_);
  if (is_redis_cluster()) channels.push_back(channel_);
  shards_.reserve(shards_.size() + 1);
  auto shard = std::make_unique<RedisShard>(loop_, settings_, target, shard_user_, std::move(channels));
  started = shard->start();
  return *shards_.emplace_back(std::move(shard));
}

// nullptr: it cannot be started.
RedisShard* Shards::shard_at(const redis::RedisAddress& address) {
  for (const auto& shard : shards_) {
    if (shard->address() == address) return shard.get();
  }
  redis::RedisTarget target = target_;
  target.kind = redis::RedisTarget::Kind::single;
  target.addresses = {address};
  Status started;
  RedisShard& added = add(target, started);
  if (started.ok()) return &added;
  shards_.pop_back();  // the next map tries again
  user_.on_trouble(started);
  return nullptr;
}

void Shards::note_parts() {
  for (const auto& shard : shards_) {
    std::bitset<kPartitions> parts;
    for (std::size_t part = 0; part < kPartitions; ++part) parts[part] = places_[part] == shard.get();
    shard->set_parts(parts);
  }
}

// Repeated when memory fails: it finds the shards that it has added.
void Shards::take(const redis::SlotMap& map) {
  Places places{};
  for (std::size_t part = 0; part < places.size(); ++part) {
    const redis::RedisAddress* const address = map.primary_of(slots_[part]);
    places[part] = address != nullptr ? shard_at(*address) : nullptr;
  }
  if (places == places_ && !moving_) return;
  moving_ = true;
  places_ = places;
  note_parts();
  user_.on_moved();
  const auto is_left = [this](const auto& shard) {
    return std::find(places_.begin(), places_.end(), shard.get()) == places_.end();
  };
  for (const auto& shard : shards_) {
    if (is_left(shard)) shard->stop();  // tells those who wait for an answer
  }
  std::erase_if(shards_, is_left);
  moving_ = false;
}

}  // namespace chat::cluster
