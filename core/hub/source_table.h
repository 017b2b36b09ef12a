// Resource accounting by source. A source is an IPv4 address (also when mapped into IPv6) or an IPv6 /64 prefix. Each
// resource has a limit per source and a limit in total, so one source cannot exclude the others, and all of them
// together cannot exhaust the memory. A source is looked up once per connection, session or client; charging and
// releasing take no lock. Any thread may call it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hub/age_list.h"
#include "model/refusal.h"
#include "model/string_map.h"
#include "model/types.h"

namespace chat {

// Sessions are counted by their own table (net/session/session_table.h), which also chooses which one is evicted.
enum class Resource : std::uint8_t { connections, clients, rooms, memberships, queued_bytes };
inline constexpr std::size_t kResourceCount = 5;

// Queued bytes are charged in steps of this size, so the counters, which all loops share, change rarely.
inline constexpr std::size_t kChargedBytes = 4'096;
constexpr std::int64_t charged_bytes(std::size_t held) {
  return static_cast<std::int64_t>(held / kChargedBytes * kChargedBytes);
}

struct ResourceLimit {
  std::int64_t per_source = kUnlimited;
  std::int64_t total = kUnlimited;
};
using ResourceLimits = std::array<ResourceLimit, kResourceCount>;  // by Resource

struct Room;
class Source;
using SourcePtr = std::shared_ptr<Source>;

class SourceTable {
 public:
  explicit SourceTable(const ResourceLimits& limits);

  // Returns the source of an address in the form of IpAddress::text(). An empty or invalid address (a UNIX socket) has
  // no limit of its own; only the totals apply.
  SourcePtr find(std::string_view address);
  // The key that identifies an address's source: "192.0.2.1", "2001:db8:0:1::/64".
  static std::string key_of(std::string_view address);

  std::int64_t total(Resource resource) const;
  // The number of sources that hold a resource or are referenced.
  std::size_t size() const;

 private:
  friend class Source;
  struct Shard {
    mutable std::mutex mutex;
    StringMap<std::weak_ptr<Source>> sources;
  };
  // Lives until the last source is destroyed.
  struct State {
    explicit State(const ResourceLimits& given) : limits(given) {}
    static constexpr std::size_t kShards = 16;
    Shard& shard_of(std::string_view key) { return shards[std::hash<std::string_view>()(key) % kShards]; }

    const ResourceLimits limits;
    std::array<std::atomic<std::int64_t>, kResourceCount> totals{};
    std::array<Shard, kShards> shards;
  };

  const std::shared_ptr<State> state_;
};

// One source and its held amounts. Any thread may call it.
class Source {
 public:
  Source(std::shared_ptr<SourceTable::State> state, std::string key, bool limited);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Charges `amount`. Returns the limit that was reached, and charges nothing in that case.
  [[nodiscard]] std::optional<Refusal> take(Resource resource, std::int64_t amount = 1);
  void give(Resource resource, std::int64_t amount = 1);
  // Returns an amount that take() charged.
  std::int64_t held(Resource resource) const;
  // True when one more would exceed the source's own limit.
  bool at_limit(Resource resource) const;
  const std::string& key() const { return key_; }

  // The rooms of this source that may give way to its new ones. Belongs to RoomAges.
  AgeList<Room> unused_rooms;

 private:
  const std::shared_ptr<SourceTable::State> state_;
  const std::string key_;
  const bool limited_;
  std::array<std::atomic<std::int64_t>, kResourceCount> held_{};
};

// An amount of one resource, charged to a source and released on destruction. Not thread-safe.
class Share {
 public:
  Share() = default;
  Share(Share&& other) noexcept
      : source_(std::move(other.source_)), resource_(other.resource_), amount_(std::exchange(other.amount_, 0)) {}
  Share& operator=(Share&& other) noexcept {
    give_back();
    source_ = std::move(other.source_);
    resource_ = other.resource_;
    amount_ = std::exchange(other.amount_, 0);
    return *this;
  }
  ~Share() { give_back(); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  // Charges one unit and returns it as a share. On failure the share is empty and `refusal` names the limit.
  static Share take(SourcePtr source, Resource resource, std::optional<Refusal>& refusal);
  // An empty share; resize() charges.
  Share(SourcePtr source, Resource resource) : source_(std::move(source)), resource_(resource) {}

  // Changes the amount. When an increase is refused, the amount stays as it was; a decrease always succeeds.
  [[nodiscard]] std::optional<Refusal> resize(std::int64_t amount);
  void give_back();
  std::int64_t amount() const { return amount_; }
  const SourcePtr& source() const { return source_; }

 private:
  SourcePtr source_;
  Resource resource_ = Resource::connections;
  std::int64_t amount_ = 0;
};

}  // namespace chat
