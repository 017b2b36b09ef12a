// See cluster_store.h.
#include "cluster/cluster_store.h"

#include <chrono>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

#include "cluster/cluster_worker.h"
#include "hub/failed_range.h"

namespace chat::cluster {
namespace {

constexpr std::int64_t kMaxCommandBytes = 8 << 20;

FarListPtr failed_list(Status status) {
  auto list = std::make_shared<FarList>();
  list->status = std::move(status);
  return list;
}

}  // namespace

ClusterStore::ClusterStore(ClusterSettings settings)
    : settings_(std::move(settings)), far_(*this, settings_.prefix, settings_.id) {}

ClusterStore::~ClusterStore() { stop(); }

Status ClusterStore::open(const std::function<void(const char* name)>& prepare) {
  worker_ = std::make_unique<ClusterWorker>(*this, settings_);
  Status status = worker_->prepare();
  if (!status.ok()) return status;
  try {
    thread_ = std::thread([this, prepare] {
      if (prepare) prepare("chat-cluster");
      worker_->run();
    });
  } catch (const std::system_error& error) {
    return {Error::system, std::string("cluster: no thread: ") + error.what()};
  }
  std::unique_lock lock(mutex_);
  running_ = true;
  changed_.wait_for(lock, std::chrono::milliseconds(settings_.connect_ms), [this] {
    const bool hopeless = trouble_.code == Error::unsupported || trouble_.code == Error::invalid_argument;
    return opened_ || hopeless;
  });
  if (opened_) return {};
  status = trouble_.ok() ? Status{Error::unavailable, "no answer"} : trouble_;
  status.detail = "cluster: " + status.detail;
  lock.unlock();
  stop();
  return status;
}

void ClusterStore::start(Hub& hub) {
  const std::lock_guard lock(mutex_);
  hub_ = &hub;
  worker_->wake();
}

void ClusterStore::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    worker_->wake();
  }
  thread_.join();
}

Status ClusterStore::push(Step step, std::int64_t bytes, std::atomic<std::int64_t>& waiting) {
  const std::lock_guard lock(mutex_);
  if (!running_ || stopping_) return {Error::stopped, "the server is stopping"};
  const bool first = steps_.empty();
  steps_.push_back(std::move(step));
  waiting.fetch_add(bytes, std::memory_order_relaxed);
  if (first) worker_->wake();
  return {};
}

Status ClusterStore::submit(const std::string& room, Submission& submission) {
  const std::int64_t bytes = bytes_of(*submission.message);
  if (counters_.waiting_bytes.load(std::memory_order_relaxed) + bytes > settings_.queue_bytes) {
    ClusterCounters::add(counters_.failed);
    return {Error::unavailable, "too many messages wait for the cluster"};
  }
  Step step;
  step.room = room;
  const std::lock_guard lock(mutex_);
  if (!running_ || stopping_) return {Error::stopped, "the server is stopping"};
  const bool first = steps_.empty();
  Step& added = steps_.emplace_back(std::move(step));
  added.submission = std::move(submission);
  counters_.waiting_bytes.fetch_add(bytes, std::memory_order_relaxed);
  ClusterCounters::add(counters_.waiting);
  if (first) worker_->wake();
  return {};
}

void ClusterStore::tell_others(FarNotice notice) noexcept try {
  const std::int64_t bytes = notice.message ? bytes_of(*notice.message) : kStepBytes;
  Step step;
  step.kind = Step::Kind::notice;
  step.notice = std::move(notice);
  if (!reaches_others_ || counters_.waiting_bytes.load(std::memory_order_relaxed) + bytes > settings_.queue_bytes ||
      !push(std::move(step), bytes).ok()) {
    ClusterCounters::add(counters_.dropped);
  }
} catch (const std::bad_alloc&) {
  ClusterCounters::add(counters_.dropped);
}

Status ClusterStore::check_server(std::uint32_t node) const {
  if (node > kMaxNode || !others_[node]) return {Error::no_such_client, "no server has a client with this id"};
  if (!reaches_others_) return {Error::unavailable, "the other servers cannot be reached"};
  return {};
}

void ClusterStore::list(const std::string& room, std::int64_t within_ms, FarListDone done) {
  Step step;
  step.kind = Step::Kind::list;
  step.room = room;
  step.within_ms = within_ms;
  step.listed = done;
  if (Status status = push(std::move(step), kStepBytes); !status.ok()) done(failed_list(std::move(status)));
}

FarListPtr ClusterStore::list_now(const std::string& room, std::int64_t within_ms) {
  if (std::this_thread::get_id() == thread_.get_id())
    return failed_list({Error::wrong_thread, "in a callback of the cluster"});
  // As in read_now().
  struct Answer {
    std::mutex mutex;
    std::condition_variable came;
    FarListPtr list;
  };
  const auto answer = std::make_shared<Answer>();
  list(room, within_ms, [answer](FarListPtr list) {
    const std::lock_guard lock(answer->mutex);
    answer->list = std::move(list);
    answer->came.notify_all();
  });
  constexpr std::int64_t kLateMs = 1'000;  // the worker looks after its lists every 50 ms
  std::unique_lock lock(answer->mutex);
  const bool came = answer->came.wait_for(lock, std::chrono::milliseconds(within_ms + kLateMs),
                                          [&] { return answer->list != nullptr; });
  return came ? answer->list : failed_list({Error::timed_out, "no answer"});
}

// A room has one such step at a time.
bool ClusterStore::presence_changed(const std::string& room) noexcept try {
  Step step;
  step.kind = Step::Kind::people;
  step.room = room;
  return push(std::move(step), kStepBytes).ok();
} catch (const std::bad_alloc&) {
  return false;
}

std::int64_t ClusterStore::bytes_of(const std::vector<std::string>& words) {
  std::int64_t bytes = kStepBytes;
  for (const std::string& word : words) bytes += static_cast<std::int64_t>(word.size());
  return bytes;
}

Status ClusterStore::command(std::string key, std::vector<std::string> words, redis::ReplyHandler done) {
  const std::int64_t bytes = bytes_of(words);
  if (!reaches_others_) return {Error::unavailable, "the cluster is not available"};
  if (counters_.command_bytes.load(std::memory_order_relaxed) + bytes > kMaxCommandBytes) {
    return {Error::unavailable, "too many bytes wait for the cluster"};
  }
  Step step;
  step.kind = Step::Kind::command;
  step.room = std::move(key);
  step.words = std::move(words);
  step.reply = std::move(done);
  return push(std::move(step), bytes, counters_.command_bytes);
}

std::unique_ptr<RoomLog> ClusterStore::open_log(const std::string& room, std::string epoch) {
  Step step;
  step.kind = Step::Kind::log_opened;
  step.room = room;
  step.log = std::make_shared<LogState>();
  const LogStatePtr state = step.log;
  auto log = std::make_unique<ClusterLog>(*this, room, std::move(epoch), settings_.limits, state);
  state->announced = push(std::move(step), kStepBytes).ok();  // when the server stops, nothing is opened any more
  return log;
}

void ClusterStore::close_room(const std::string& room, const std::string& epoch) {
  Step step;
  step.kind = Step::Kind::close;
  step.room = room;
  step.epoch = epoch;
  values_.drop(room);
  (void)push(std::move(step), kStepBytes);
}

// When memory fails here, the worker keeps the room until the server stops.
void ClusterStore::log_closed(const std::string& room) noexcept try {
  Step step;
  step.kind = Step::Kind::log_closed;
  step.room = room;
  (void)push(std::move(step), kStepBytes);
} catch (const std::bad_alloc&) {
}

void ClusterStore::read(KeptQuery query, Done done) {
  Step step;
  step.kind = Step::Kind::read;
  step.room = query.room;
  step.done = done;
  Status status = push(std::move(step), kStepBytes);
  if (!status.ok()) done(failed_range(query, std::move(status)));
}

KeptRangePtr ClusterStore::read_now(const KeptQuery& query) {
  if (!open_parts_[partition_of(query.room)] && !settings_.islands)
    return failed_range(query, {Error::unavailable, "the cluster is not available"});
  if (std::this_thread::get_id() == thread_.get_id())
    return failed_range(query, {Error::wrong_thread, "in a callback of the cluster"});
  // A std::promise would make names of the standard library visible in libchat.a.
  struct Answer {
    std::mutex mutex;
    std::condition_variable came;
    KeptRangePtr range;
  };
  const auto answer = std::make_shared<Answer>();
  read(query, [answer](KeptRangePtr range) {
    const std::lock_guard lock(answer->mutex);
    answer->range = std::move(range);
    answer->came.notify_all();
  });
  const std::chrono::milliseconds most(settings_.hold_ms + settings_.settle_ms + 1'000);
  std::unique_lock lock(answer->mutex);
  if (answer->came.wait_for(lock, most, [&] { return answer->range != nullptr; })) return answer->range;
  return failed_range(query, {Error::timed_out, "no answer"});
}

Status ClusterStore::keep_value(std::string_view room, std::string_view key, std::string_view value, Moment now) {
  Step step;
  step.kind = Step::Kind::keep_value;
  step.room = room;
  step.value = {std::string(key), std::string(value), now.time_ms};
  return values_.keep(room, RoomValue(step.value), [&] { return push(std::move(step), kStepBytes); });
}

std::vector<RoomValue> ClusterStore::values(std::string_view room) const { return values_.of(room); }

net::ClusterStats ClusterStore::stats() const {
  net::ClusterStats stats;
  stats.published = counters_.published.load(std::memory_order_relaxed);
  stats.received = counters_.received.load(std::memory_order_relaxed);
  stats.failed = counters_.failed.load(std::memory_order_relaxed);
  stats.dropped = counters_.dropped.load(std::memory_order_relaxed);
  stats.batches = counters_.batches.load(std::memory_order_relaxed);
  stats.holes = counters_.holes.load(std::memory_order_relaxed);
  stats.losses = counters_.losses.load(std::memory_order_relaxed);
  stats.up_now = up_;
  stats.rooms_now = counters_.rooms.load(std::memory_order_relaxed);
  stats.servers_now = counters_.servers.load(std::memory_order_relaxed);
  stats.islands_now = counters_.islands.load(std::memory_order_relaxed);
  stats.merged = counters_.merged.load(std::memory_order_relaxed);
  stats.waiting_now = counters_.waiting.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace chat::cluster
