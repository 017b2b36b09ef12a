// Who holds how much of the server. A source is an address: an IPv6 one stands for its /64, IPv4 inside IPv6 is IPv4. Each
// resource has a limit for one source and one for all of them together, so that no source can lock the others out and all of
// them together cannot take all memory. A source is looked up once for each connection, session or client; after that taking
// and giving back takes no lock. Any thread.
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

#include "model/refusal.h"
#include "model/string_map.h"
#include "model/types.h"

namespace chat {

// Sessions are counted by their own table (net/session/session_table.h), which also chooses which one is evicted.
enum class Resource : std::uint8_t { connections, clients, rooms, memberships, queued_bytes };
inline constexpr std::size_t kResourceCount = 5;

// Queued bytes are charged in such steps, so that the counters, which all loops share, seldom change.
inline constexpr std::size_t kChargedBytes = 4'096;
constexpr std::int64_t charged_bytes(std::size_t held) {
  return static_cast<std::int64_t>(held / kChargedBytes * kChargedBytes);
}

struct ResourceLimit {
  std::int64_t per_source = kUnlimited;
  std::int64_t total = kUnlimited;
};
using ResourceLimits = std::array<ResourceLimit, kResourceCount>;  // by Resource

class Source;
using SourcePtr = std::shared_ptr<Source>;

class SourceTable {
 public:
  explicit SourceTable(const ResourceLimits& limits);

  // The source of an address, as IpAddress::text() writes it. One that is empty or no address (a UNIX socket) has no share of
  // its own: the limits in all apply alone.
  SourcePtr find(std::string_view address);
  // By which an address is counted: "192.0.2.1", "2001:db8:0:1::/64".
  static std::string key_of(std::string_view address);

  std::int64_t total(Resource resource) const;
  // Sources that hold something, or are held.
  std::size_t size() const;

 private:
  friend class Source;
  struct Shard {
    mutable std::mutex mutex;
    StringMap<std::weak_ptr<Source>> sources;
  };
  // Lives as long as any source does.
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

class Source {
 public:
  Source(std::shared_ptr<SourceTable::State> state, std::string key, bool limited);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Nothing is taken when a limit is in the way: which one.
  [[nodiscard]] std::optional<Refusal> take(Resource resource, std::int64_t amount = 1);
  void give(Resource resource, std::int64_t amount = 1);
  std::int64_t held(Resource resource) const;
  // Whether one more would exceed the source's own limit.
  bool at_limit(Resource resource) const;
  const std::string& key() const { return key_; }

  // Of its rooms so many have become unused since they were looked at: see RoomTable.
  std::atomic<std::int64_t> unused_rooms = 0;

 private:
  const std::shared_ptr<SourceTable::State> state_;
  const std::string key_;
  const bool limited_;
  std::array<std::atomic<std::int64_t>, kResourceCount> held_{};
};

// What somebody has taken of one resource; given back when it goes.
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

  // Of a source, whose share is empty as yet. take() in one step: `refusal` is set when there is none.
  static Share take(SourcePtr source, Resource resource, std::optional<Refusal>& refusal);
  // Nothing yet; resize() takes.
  Share(SourcePtr source, Resource resource) : source_(std::move(source)), resource_(resource) {}

  // To this amount. What is above stays as it was when it is refused; giving back always works.
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
