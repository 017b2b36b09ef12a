// See source_table.h.
#include "hub/source_table.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace chat {
namespace {

struct Reasons {
  Refusal per_source;
  Refusal total;
};

// Indexed by Resource.
constexpr std::array<Reasons, kResourceCount> kReasons = {{
    {Refusal::connections_per_address, Refusal::connections},
    {Refusal::clients_per_address, Refusal::clients},
    {Refusal::rooms_per_address, Refusal::rooms},
    {Refusal::memberships_per_address, Refusal::memberships},
    {Refusal::queued_bytes_per_address, Refusal::queued_bytes},
}};

constexpr std::size_t index_of(Resource resource) { return static_cast<std::size_t>(resource); }

// The counter never exceeds the limit, not even briefly: a refused caller must not make another one fail.
bool add_below(std::atomic<std::int64_t>& counter, std::int64_t amount, std::int64_t limit) {
  std::int64_t before = counter.load(std::memory_order_relaxed);
  while (!exceeds(before + amount, limit)) {
    if (counter.compare_exchange_weak(before, before + amount, std::memory_order_relaxed)) return true;
  }
  return false;
}

}  // namespace

SourceTable::SourceTable(const ResourceLimits& limits) : state_(std::make_shared<State>(limits)) {}

std::string SourceTable::key_of(std::string_view address) {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::string text(address);
  in6_addr v6;
  if (address.find(':') == std::string_view::npos || inet_pton(AF_INET6, text.c_str(), &v6) != 1) return text;
  char buffer[INET6_ADDRSTRLEN] = "";
  if (std::equal(kMapped.begin(), kMapped.end(), std::begin(v6.s6_addr))) {
    inet_ntop(AF_INET, v6.s6_addr + 12, buffer, sizeof buffer);
    return buffer;
  }
  std::memset(v6.s6_addr + 8, 0, 8);
  inet_ntop(AF_INET6, &v6, buffer, sizeof buffer);
  return std::string(buffer) + "/64";
}

SourcePtr SourceTable::find(std::string_view address) {
  std::string key = key_of(address);
  Shard& shard = state_->shard_of(key);
  const std::lock_guard lock(shard.mutex);
  std::weak_ptr<Source>& entry = shard.sources[key];
  SourcePtr source = entry.lock();
  if (!source) {
    const bool limited = !key.empty();
    source = std::make_shared<Source>(state_, std::move(key), limited);
    entry = source;
  }
  return source;
}

std::int64_t SourceTable::total(Resource resource) const {
  return state_->totals[index_of(resource)].load(std::memory_order_relaxed);
}

std::size_t SourceTable::size() const {
  std::size_t sum = 0;
  for (const Shard& shard : state_->shards) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.sources.size();
  }
  return sum;
}

Source::Source(std::shared_ptr<SourceTable::State> state, std::string key, bool limited)
    : state_(std::move(state)), key_(std::move(key)), limited_(limited) {}

Source::~Source() {
  SourceTable::Shard& shard = state_->shard_of(key_);
  const std::lock_guard lock(shard.mutex);
  // A new source of the same address may already be in the table.
  const auto found = shard.sources.find(key_);
  if (found != shard.sources.end() && found->second.expired()) shard.sources.erase(found);
}

std::optional<Refusal> Source::take(Resource resource, std::int64_t amount) {
  const std::size_t index = index_of(resource);
  const ResourceLimit& limit = state_->limits[index];
  if (!add_below(held_[index], amount, limited_ ? limit.per_source : kUnlimited)) return kReasons[index].per_source;
  if (add_below(state_->totals[index], amount, limit.total)) return std::nullopt;
  held_[index].fetch_sub(amount, std::memory_order_relaxed);
  return kReasons[index].total;
}

void Source::give(Resource resource, std::int64_t amount) {
  const std::size_t index = index_of(resource);
  held_[index].fetch_sub(amount, std::memory_order_relaxed);
  state_->totals[index].fetch_sub(amount, std::memory_order_relaxed);
}

std::int64_t Source::held(Resource resource) const { return held_[index_of(resource)].load(std::memory_order_relaxed); }

bool Source::at_limit(Resource resource) const {
  return limited_ && exceeds(held(resource) + 1, state_->limits[index_of(resource)].per_source);
}

Share Share::take(SourcePtr source, Resource resource, std::optional<Refusal>& refusal) {
  Share share(std::move(source), resource);
  refusal = share.resize(1);
  return share;
}

std::optional<Refusal> Share::resize(std::int64_t amount) {
  if (!source_ || amount == amount_) return std::nullopt;
  if (amount < amount_) {
    source_->give(resource_, amount_ - amount);
  } else if (const std::optional<Refusal> refusal = source_->take(resource_, amount - amount_)) {
    return refusal;
  }
  amount_ = amount;
  return std::nullopt;
}

void Share::give_back() {
  if (amount_ != 0) source_->give(resource_, std::exchange(amount_, 0));
}

}  // namespace chat
