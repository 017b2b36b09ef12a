// See guest.h.
#include "guest/guest.h"

#include <new>
#include <system_error>
#include <utility>

#include "guest/guest_worker.h"

namespace chat::guest {

using net::GuestDrop;

namespace {

constexpr std::int64_t kHeldBytes = 256;  // what a message that waits takes beside itself

std::int64_t bytes_of(const Message& message) { return kHeldBytes + static_cast<std::int64_t>(message.memory_bytes()); }

}  // namespace

Guest::Held::Held(Guest& owner, MessagePtr what, std::string where)
    : guest(owner), message(std::move(what)), nsp(std::move(where)), bytes(bytes_of(*message)) {
  guest.waiting_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  guest.waiting_.fetch_add(1, std::memory_order_relaxed);
}

Guest::Held::~Held() {
  guest.waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  guest.waiting_.fetch_sub(1, std::memory_order_relaxed);
}

Guest::Guest(GuestSettings settings)
    : settings_(std::move(settings)), rooms_(settings_.namespaces, settings_.default_room, settings_.room_prefix) {}

Guest::~Guest() { stop(); }

Status Guest::start(Hub& hub, const std::function<void(const char* name)>& prepare) {
  worker_ = std::make_unique<GuestWorker>(*this, hub);
  Status status = worker_->prepare();
  if (!status.ok()) return status;
  {
    const std::lock_guard lock(mutex_);
    running_ = true;
    rooms_missed_ = true;  // those that exist already
  }
  try {
    thread_ = std::thread([this, prepare] {
      if (prepare) prepare("chat-guest");
      worker_->run();
    });
  } catch (const std::system_error& error) {
    return {Error::system, std::string("socket_io_cluster: no thread: ") + error.what()};
  }
  return {};
}

void Guest::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    worker_->wake();
  }
  thread_.join();
  const std::lock_guard lock(mutex_);
  running_ = false;
}

void Guest::push(Step&& step) {
  const std::lock_guard lock(mutex_);
  if (!running_ || stopping_) return;
  const bool first = steps_.empty();
  steps_.push_back(std::move(step));
  if (first) worker_->wake();
}

void Guest::on_message(const MessagePtr& message) noexcept try {
  if (waiting_bytes_.load(std::memory_order_relaxed) + bytes_of(*message) > settings_.queue_bytes) {
    drop(GuestDrop::queue_full);
    return;
  }
  Step step;
  step.held = std::make_shared<const Held>(*this, message, std::string());
  push(std::move(step));
} catch (const std::bad_alloc&) {
  drop(GuestDrop::no_memory);
}

// Only the sharded adapter has channels for rooms.
void Guest::on_room(const std::string& room, bool is_there) noexcept {
  if (settings_.adapter != Adapter::sharded || !settings_.dynamic) return;
  try {
    Step step;
    step.kind = is_there ? Step::Kind::room_opened : Step::Kind::room_closed;
    step.text = room;
    push(std::move(step));
  } catch (const std::bad_alloc&) {
    const std::lock_guard lock(mutex_);
    rooms_missed_ = true;
  }
}

bool Guest::on_ack(const AckOutcome& outcome) noexcept {
  AckRequestPtr request = acks_.take(outcome.ack_id);
  if (!request) return false;
  if (outcome.error != Error::ok) return true;  // the node that asked has a time-out of its own
  try {
    Step step;
    step.kind = Step::Kind::ack;
    step.request = std::move(request);
    step.text = outcome.args;
    step.attachments = outcome.attachments;
    push(std::move(step));
  } catch (const std::bad_alloc&) {
    drop(GuestDrop::no_memory);
  }
  return true;
}

net::GuestStats Guest::stats() const {
  net::GuestStats stats;
  stats.published = published_.load(std::memory_order_relaxed);
  stats.received = received_.load(std::memory_order_relaxed);
  stats.answers = answers_.load(std::memory_order_relaxed);
  stats.losses = losses_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < net::kGuestDrops; ++i) stats.dropped[i] = dropped_[i].load(std::memory_order_relaxed);
  stats.up_now = up_.load(std::memory_order_relaxed);
  stats.waiting_now = waiting_.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace chat::guest
