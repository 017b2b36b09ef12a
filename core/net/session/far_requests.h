// How many requests go between the servers of a cluster, of all loops of this server: those that are held here for sessions of
// other servers, with a limit in total and for each address, and those of other servers that are held here, with a limit in
// total. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "model/refusal.h"
#include "model/string_map.h"
#include "net/base/server_options.h"

namespace chat::net {

// Current values.
struct FarStats {
  std::uint64_t forwarded_now = 0;  // requests that are held here for sessions of other servers
  std::uint64_t foreign_now = 0;    // requests of other servers that are held here
};

class FarRequests {
 public:
  // In each direction.
  static constexpr std::int64_t kMax = 65'536;
  // A polling session has a GET and a POST.
  static constexpr std::int64_t kPerSession = 2;

  explicit FarRequests(const ServerOptions& options) : sessions_(options.max_polling_sessions_per_address) {}
  FarRequests(const FarRequests&) = delete;
  FarRequests& operator=(const FarRequests&) = delete;

  // The place of one request, which is free again at its end. It must not outlive the FarRequests. Not thread-safe.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept : of_(std::exchange(other.of_, nullptr)), source_(std::move(other.source_)) {}
    Place& operator=(Place&& other) noexcept {
      release();
      of_ = std::exchange(other.of_, nullptr);
      source_ = std::move(other.source_);
      return *this;
    }
    ~Place() { release(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    void release() noexcept;
    explicit operator bool() const { return of_ != nullptr; }

   private:
    friend class FarRequests;
    FarRequests* of_ = nullptr;
    std::optional<std::string> source_ = {};  // nullopt: a request of another server
  };

  // A request to another server. source: SourceTable::key_of(); empty: no limit of its own. At a limit the place is empty, and
  // `refusal` names it.
  Place forward(std::string source, std::optional<Refusal>& refusal);
  // A request of another server. An empty place: there are too many.
  Place receive();

  FarStats stats() const {
    return {static_cast<std::uint64_t>(forwarded_.load(std::memory_order_relaxed)),
            static_cast<std::uint64_t>(foreign_.load(std::memory_order_relaxed))};
  }

 private:
  const std::int64_t sessions_;
  std::mutex mutex_;
  StringMap<std::int64_t> by_source_;  // requests to other servers
  std::atomic<std::int64_t> forwarded_ = 0;
  std::atomic<std::int64_t> foreign_ = 0;
};

}  // namespace chat::net
