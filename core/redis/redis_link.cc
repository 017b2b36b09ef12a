// See redis_link.h.
#include "redis/redis_link.h"

#include <algorithm>
#include <charconv>
#include <exception>
#include <optional>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include "redis/info_field.h"
#include "redis/redis_connection.h"
#include "redis/resp_command.h"
#include "redis/uv_handle.h"

namespace chat::redis {
namespace {

constexpr int kMinSentinelLimitMs = 500;
constexpr std::size_t kMaxHostBytes = 255;
constexpr std::size_t kMaxRunBytes = 64;

// Sentinel's answer: a host and a port.
std::optional<RedisAddress> parse_primary(const Value& value) {
  if (!value.is_array() || value.items.size() != 2 || !value.items[0].is_text() || !value.items[1].is_text()) return {};
  RedisAddress address;
  address.host = value.items[0].text;
  const std::string& port = value.items[1].text;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port == 0) return {};
  const bool clean = std::all_of(address.host.begin(), address.host.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!clean || address.host.empty() || address.host.size() > kMaxHostBytes) return {};
  return address;
}

}  // namespace

// One attempt at a time: with Sentinel first the sentinels in turn until one knows the primary; then the primary, which must
// say that it is one. An attempt that fails waits for the timer, and so does a connection that was up.
class RedisLink::Impl final : public ConnectionUser, public std::enable_shared_from_this<Impl> {
 public:
  Impl(uv_loop_t* loop, LinkOptions options, LinkListener& listener)
      : loop_(loop),
        options_(std::move(options)),
        listener_(&listener),
        timer_(make_timer(loop, this)),
        random_(static_cast<std::minstd_rand::result_type>(uv_hrtime())) {}

  Status start();
  void stop() noexcept;
  void abandon() noexcept;
  bool up() const { return state_ == State::up && connection_->ready(); }
  const std::string& run() const {
    static const std::string none;
    return up() ? run_ : none;
  }
  Status send(std::span<const std::string_view> args, ReplyHandler&& done) {
    if (!up()) return {Error::unavailable, "there is no connection to Redis"};
    return connection_->send(args, std::move(done));
  }
  void flush() {
    if (up()) connection_->flush();
  }
  std::size_t queued_bytes() const { return connection_ ? connection_->queued_bytes() : 0; }
  std::size_t waiting() const { return connection_ ? connection_->waiting() : 0; }
  void distrust(std::string_view reason);

 private:
  enum class State : std::uint8_t { created, pausing, asking, connecting, up, stopped };

  void on_ready() override;
  void on_closed(const Status& why) override;
  void on_push(Value&& value) override {
    if (listener_ && up()) listener_->on_push(std::move(value));
  }

  void attempt();
  void connect(const RedisAddress& address, bool to_sentinel);
  void ask_for_primary();
  void check_primary();
  void come_up();
  void on_down(const Status& why) noexcept;
  void pause() noexcept;
  void start_timer(int delay_ms) noexcept;
  void log(LogLevel level, std::string_view text) const;
  // Whether there is another sentinel to ask in this attempt.
  bool next_sentinel();

  uv_loop_t* loop_;
  LinkOptions options_;
  LinkListener* listener_;  // nullptr: nobody is called any more
  State state_ = State::created;
  UvHandle<uv_timer_t> timer_;
  std::unique_ptr<RedisConnection> connection_;
  std::size_t sentinels_asked_ = 0;  // in this attempt
  RedisAddress primary_;             // of this attempt, or connected
  std::string run_;
  std::string found_run_;  // while it is being checked
  Status last_fault_;      // since it was up
  int failures_ = 0;       // in a row
  std::minstd_rand random_;
};

Status RedisLink::Impl::start() {
  if (state_ != State::created) return {Error::wrong_state, "the link was started before"};
  if (options_.target.kind == RedisTarget::Kind::cluster) {
    return {Error::unsupported, "several hosts are a Redis Cluster: a link has one of its nodes"};
  }
  if (options_.target.addresses.empty()) return {Error::invalid_argument, "the address of Redis is missing"};
  if (Status status = share_tls(options_.target); !status.ok()) return status;
  uv_update_time(loop_);
  state_ = State::pausing;
  start_timer(0);
  return {};
}

void RedisLink::Impl::stop() noexcept {
  const std::shared_ptr<Impl> kept = shared_from_this();
  if (state_ == State::stopped) return;
  const bool was_up = state_ == State::up;
  state_ = State::stopped;
  listener_ = nullptr;
  timer_.reset();
  Status why{Error::stopped, {}};
  try {
    why.detail = "the connection to Redis was stopped";
    if (was_up) log(LogLevel::info, "stopped");
  } catch (...) {
    why.detail.clear();
  }
  // It stays until the end, because it may be telling those who wait already.
  if (connection_) connection_->close(why);
}

void RedisLink::Impl::abandon() noexcept {
  state_ = State::stopped;
  listener_ = nullptr;
  timer_.reset();
  connection_.reset();
}

void RedisLink::Impl::distrust(std::string_view reason) {
  if (!up()) return;
  connection_->close_later(
      {Error::unavailable, std::string("Redis at ").append(describe(primary_)).append(": ").append(printable(reason))});
}

void RedisLink::Impl::start_timer(int delay_ms) noexcept {
  uv_timer_start(
      timer_.get(),
      [](uv_timer_t* timer) {
        auto* const self = static_cast<Impl*>(timer->data);
        const std::shared_ptr<Impl> kept = self->shared_from_this();
        try {
          self->attempt();
        } catch (...) {
          if (self->state_ == State::stopped) return;
          self->connection_.reset();
          self->on_down({Error::no_memory, {}});
        }
      },
      static_cast<std::uint64_t>(delay_ms), 0);
}

void RedisLink::Impl::attempt() {
  sentinels_asked_ = 0;
  if (options_.target.kind == RedisTarget::Kind::sentinel) {
    connect(options_.target.addresses.front(), true);
  } else {
    primary_ = options_.target.addresses.front();
    connect(primary_, false);
  }
}

void RedisLink::Impl::connect(const RedisAddress& address, bool to_sentinel) {
  const RedisTarget& target = options_.target;
  ConnectionOptions connection;
  connection.address = address;
  connection.client_name = options_.client_name;
  connection.tls = target.tls_context;
  connection.connect_limit_ms = options_.connect_limit_ms;
  connection.reply_limit_ms = options_.reply_limit_ms;
  connection.max_reply_bytes = options_.max_reply_bytes;
  connection.max_queued_bytes = options_.max_queued_bytes;
  connection.max_waiting = options_.max_waiting;
  if (to_sentinel) {
    connection.password = target.sentinel_password;
    // A sentinel that has stopped must not keep the others from being asked.
    const int share = options_.connect_limit_ms / static_cast<int>(target.addresses.size());
    connection.connect_limit_ms = std::max(share, std::min(kMinSentinelLimitMs, options_.connect_limit_ms));
    connection.reply_limit_ms = std::min(connection.connect_limit_ms, options_.reply_limit_ms);
  } else {
    connection.user = target.user;
    connection.password = target.password;
    connection.db = target.db;
    connection.ping_interval_ms = options_.ping_interval_ms;
  }
  state_ = to_sentinel ? State::asking : State::connecting;
  // The old one may be the caller: it lives until its callback has returned.
  connection_ = std::make_unique<RedisConnection>(loop_, std::move(connection), *this);
  connection_->open();
}

void RedisLink::Impl::on_ready() {
  if (state_ == State::asking) {
    ask_for_primary();
  } else {
    check_primary();
  }
}

void RedisLink::Impl::ask_for_primary() {
  const std::string_view args[] = {"SENTINEL", "get-master-addr-by-name", options_.target.primary_name};
  const Status sent = connection_->send(args, [this](Reply&& reply) {
    if (!reply.answered()) return;  // on_closed() follows
    if (std::optional<RedisAddress> primary = parse_primary(reply.value)) {
      // The sentinel that knew is the first to be asked next time.
      std::vector<RedisAddress>& sentinels = options_.target.addresses;
      std::rotate(sentinels.begin(), sentinels.begin() + static_cast<std::ptrdiff_t>(sentinels_asked_),
                  sentinels.end());
      primary_ = std::move(*primary);
      return connect(primary_, false);
    }
    std::string why = "the sentinel at " + describe(options_.target.addresses[sentinels_asked_]);
    if (reply.value.is_nil()) {
      why += " does not know the primary " + printable(options_.target.primary_name);
    } else if (reply.value.is_error()) {
      why += " refused: " + printable(reply.value.text);
    } else {
      why += " gave no address";
    }
    connection_->close_later({Error::unavailable, std::move(why)});
  });
  if (!sent.ok()) connection_->close_later(sent);
}

void RedisLink::Impl::check_primary() {
  const auto refuse = [this](std::string_view what) {
    connection_->close_later({Error::unavailable, "Redis at " + describe(primary_) + std::string(what)});
  };
  found_run_.clear();
  const std::string_view role[] = {"ROLE"};
  const std::string_view info[] = {"INFO", "replication"};
  Status sent = connection_->send(role, [refuse](Reply&& reply) {
    if (!reply.answered()) return;
    const Value& value = reply.value;
    if (value.is_error()) return refuse(" refused ROLE: " + printable(value.text));
    const bool named = value.is_array() && !value.items.empty() && value.items[0].is_text();
    if (!named) return refuse(" did not say whether it is a primary");
    if (value.items[0].text != "master") {
      refuse(" is no primary: its role is " + printable(std::string_view(value.items[0].text).substr(0, 20)));
    }
  });
  if (sent.ok()) {
    sent = connection_->send(info, [this, refuse](Reply&& reply) {
      if (!reply.answered()) return;
      if (reply.value.is_error()) return refuse(" refused INFO: " + printable(reply.value.text));
      found_run_ = info_field(reply.value.text, "master_replid");
      if (found_run_.empty() || found_run_.size() > kMaxRunBytes || found_run_ != printable(found_run_)) {
        return refuse(" has no replication id");
      }
      come_up();
    });
  }
  if (!sent.ok()) connection_->close_later(sent);
}

void RedisLink::Impl::come_up() {
  run_ = std::move(found_run_);
  state_ = State::up;
  failures_ = 0;
  last_fault_ = {};
  log(LogLevel::info, "connected to " + describe(primary_) + ", replication id " + run_);
  listener_->on_up(run_);
}

bool RedisLink::Impl::next_sentinel() {
  return state_ == State::asking && ++sentinels_asked_ < options_.target.addresses.size();
}

void RedisLink::Impl::on_closed(const Status& why) {
  if (!listener_) return;
  if (next_sentinel()) {
    try {
      return connect(options_.target.addresses[sentinels_asked_], true);
    } catch (...) {
      return on_down({Error::no_memory, {}});
    }
  }
  on_down(why);
}

// The timer comes first, since nothing else is sure to have memory.
void RedisLink::Impl::on_down(const Status& why) noexcept {
  const bool was_up = state_ == State::up;
  pause();
  const bool news = was_up || why.code != last_fault_.code || why.detail != last_fault_.detail;
  if (!news) return;
  try {
    last_fault_ = why;
    const std::string_view reason = why.detail.empty() ? std::string_view("no memory") : std::string_view(why.detail);
    log(LogLevel::warning, std::string(was_up ? "lost: " : "cannot connect: ").append(reason));
  } catch (...) {
    last_fault_ = {};
  }
  try {
    if (listener_) listener_->on_down(why);
  } catch (...) {
    return;
  }
}

void RedisLink::Impl::pause() noexcept {
  state_ = State::pausing;
  std::int64_t longest = options_.first_backoff_ms;
  for (int i = 0; i < failures_ && longest < options_.max_backoff_ms; ++i) longest *= 2;
  longest = std::min<std::int64_t>(longest, options_.max_backoff_ms);
  if (longest < options_.max_backoff_ms) ++failures_;
  // At random, so that the nodes of a cluster do not come back all at once.
  std::uniform_int_distribution<int> delay(static_cast<int>((longest + 1) / 2), static_cast<int>(longest));
  start_timer(delay(random_));
}

void RedisLink::Impl::log(LogLevel level, std::string_view text) const {
  if (options_.log) options_.log(level, std::string(options_.name).append(": ").append(text));
}

RedisLink::RedisLink(uv_loop_t* loop, LinkOptions options, LinkListener& listener)
    : impl_(std::make_shared<Impl>(loop, std::move(options), listener)) {}
RedisLink::~RedisLink() { impl_->abandon(); }

Status RedisLink::start() { return impl_->start(); }
void RedisLink::stop() { impl_->stop(); }
bool RedisLink::up() const { return impl_->up(); }
const std::string& RedisLink::run() const { return impl_->run(); }
Status RedisLink::send(std::span<const std::string_view> args, ReplyHandler done) {
  return impl_->send(args, std::move(done));
}
void RedisLink::flush() { impl_->flush(); }
std::size_t RedisLink::queued_bytes() const { return impl_->queued_bytes(); }
std::size_t RedisLink::waiting() const { return impl_->waiting(); }
void RedisLink::distrust(std::string_view reason) { impl_->distrust(reason); }

}  // namespace chat::redis
