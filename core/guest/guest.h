// A server that is the guest of a Socket.IO cluster: what is published here goes to the cluster, and what the cluster
// says comes into the hub. This class is what the hub sees (any thread); a worker with a thread of its own speaks with
// Redis (guest_worker.h). See docs/guest.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "guest/guest_acks.h"
#include "guest/guest_rooms.h"
#include "guest/guest_settings.h"
#include "hub/application.h"
#include "hub/hub.h"
#include "hub/hub_tap.h"
#include "net/base/stats.h"

namespace chat::guest {

class GuestWorker;

class Guest final : public HubTap {
 public:
  explicit Guest(GuestSettings settings);
  ~Guest() override;
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  // Begins to connect, and does not wait for it. The hub must exist until stop(). prepare: runs first on the worker's
  // thread. Once. Errors: certificate for a file of TLS that cannot be used, system.
  Status start(Hub& hub, const std::function<void(const char* name)>& prepare = {});
  // Publishes what waits if that is quick, says goodbye, and ends the thread. Once.
  void stop();

  void on_message(const MessagePtr& message) noexcept override;
  void on_room(const std::string& room, bool is_there) noexcept override;
  bool on_ack(const AckOutcome& outcome) noexcept override;

  net::GuestStats stats() const;

 private:
  friend class GuestWorker;

  // A message that waits until Redis has taken it, and is counted as long as it exists.
  struct Held {
    Held(Guest& owner, MessagePtr what, std::string where);
    ~Held();
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    Guest& guest;
    const MessagePtr message;
    const std::string nsp;  // of a message to everyone; empty: all
    const std::int64_t bytes;
  };
  using HeldPtr = std::shared_ptr<const Held>;

  // What the worker has to do.
  struct Step {
    enum class Kind : std::uint8_t { message, ack, room_opened, room_closed };
    Kind kind = Kind::message;
    HeldPtr held = nullptr;           // a message
    AckRequestPtr request = nullptr;  // of an ack
    std::string text = {};            // the room, or the arguments of an ack
    std::vector<std::string> attachments = {};
  };

  void push(Step&& step);  // throws std::bad_alloc
  void drop(net::GuestDrop why, std::uint64_t count = 1) noexcept {
    dropped_[static_cast<std::size_t>(why)].fetch_add(count, std::memory_order_relaxed);
  }

  const GuestSettings settings_;
  const GuestRooms rooms_;
  GuestAcks acks_;
  std::atomic<std::int64_t> waiting_bytes_ = 0;
  std::atomic<std::uint64_t> waiting_ = 0;
  std::unique_ptr<GuestWorker> worker_;
  std::thread thread_;

  std::mutex mutex_;
  std::vector<Step> steps_;
  bool running_ = false;       // steps are taken
  bool stopping_ = false;      // the worker ends when nothing waits
  bool rooms_missed_ = false;  // a step about a room was lost

  std::atomic<std::uint64_t> published_ = 0;
  std::atomic<std::uint64_t> received_ = 0;
  std::atomic<std::uint64_t> answers_ = 0;
  std::atomic<std::uint64_t> losses_ = 0;
  std::array<std::atomic<std::uint64_t>, net::kGuestDrops> dropped_{};
  std::atomic<bool> up_ = false;
};

}  // namespace chat::guest
