// See cluster_scout.h.
#include "redis/cluster_scout.h"

#include <algorithm>
#include <new>
#include <utility>

#include "redis/resp_command.h"

namespace chat::redis {
namespace {

constexpr int kMaxHurries = 100;  // in a row; then it asks less often
constexpr std::size_t kMaxReplyBytes = std::size_t{8} << 20;

}  // namespace

ClusterScout::ClusterScout(uv_loop_t* loop, ScoutOptions options, Told told)
    : loop_(loop), options_(std::move(options)), told_(std::move(told)), nodes_(options_.target.addresses) {}

Status ClusterScout::start() {
  if (Status status = share_tls(options_.target); !status.ok()) return status;
  timer_ = make_timer(loop_, this);
  uv_update_time(loop_);
  wait(0);
  return {};
}

void ClusterScout::stop() {
  timer_.reset();
  connection_.reset();
}

void ClusterScout::hurry() {
  if (std::exchange(hurried_, true) || !timer_) return;
  if (!asking_ && hurries_ <= kMaxHurries && static_cast<int>(uv_timer_get_due_in(timer_.get())) > options_.hurried_ms)
    wait(options_.hurried_ms);
}

void ClusterScout::wait(int delay_ms) noexcept {
  if (!timer_) return;
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        if (timer->data != nullptr) static_cast<ClusterScout*>(timer->data)->on_timer();
      },
      static_cast<std::uint64_t>(delay_ms), 0);
}

void ClusterScout::on_timer() try {
  asking_ = true;
  if (std::exchange(hurried_, false)) connection_.reset();
  if (connection_ && connection_->ready()) {
    ask();
  } else {
    connect();
  }
} catch (const std::bad_alloc&) {
  asking_ = false;
  wait(options_.hurried_ms);
}

void ClusterScout::connect() {
  const RedisTarget& target = options_.target;
  asked_ = nodes_[next_++ % nodes_.size()];
  ConnectionOptions connection;
  connection.address = asked_;
  connection.user = target.user;
  connection.password = target.password;
  connection.client_name = options_.client_name;
  connection.tls = target.tls_context;
  connection.connect_limit_ms = options_.limit_ms;
  connection.reply_limit_ms = options_.limit_ms;
  connection.max_reply_bytes = kMaxReplyBytes;
  connection_ = std::make_unique<RedisConnection>(loop_, std::move(connection), *this);
  connection_->open();
}

void ClusterScout::ask() {
  asking_ = true;
  const std::string_view info[] = {"CLUSTER", "INFO"};
  const std::string_view slots[] = {"CLUSTER", "SLOTS"};
  // on_closed() follows where there is no answer.
  Status sent = connection_->send(info, [this](Reply&& reply) {
    if (reply.answered()) cluster_is_well_ = reply.value.text.find("cluster_state:ok") != std::string::npos;
  });
  if (sent.ok()) {
    sent = connection_->send(slots, [this](Reply&& reply) {
      if (!reply.answered()) return;
      const std::string node = "Redis at " + describe(asked_);
      if (reply.value.is_error()) return tell({Error::unavailable, node + ": " + printable(reply.value.text)});
      if (!cluster_is_well_) return tell({Error::unavailable, node + " says that its cluster is down"});
      tell(parse_slots(reply.value, asked_));
    });
  }
  if (!sent.ok()) connection_->close_later(sent);
}

void ClusterScout::on_closed(const Status& why) {
  wait(options_.hurried_ms);
  tell(why);
}

// The timer first, since nothing else is sure to have memory.
void ClusterScout::tell(Result<SlotMap>&& result) {
  asking_ = false;
  hurried_ = hurried_ || !result.ok();
  hurries_ = hurried_ ? hurries_ + 1 : 0;
  wait(hurried_ && hurries_ <= kMaxHurries ? options_.hurried_ms : options_.interval_ms);
  if (result.ok()) {
    std::vector<RedisAddress> nodes = options_.target.addresses;
    for (const RedisAddress& node : result->nodes) {
      if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
    }
    nodes_ = std::move(nodes);
  }
  told_(std::move(result));
}

}  // namespace chat::redis
