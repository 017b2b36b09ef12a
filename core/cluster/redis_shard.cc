// See redis_shard.h.
#include "cluster/redis_shard.h"

#include <utility>

#include "cluster/words.h"
#include "model/surely.h"
#include "redis/info_field.h"

namespace chat::cluster {
namespace {

constexpr std::int64_t kSignMs = 1'000;
constexpr std::int64_t kLogMs = 10'000;
constexpr std::size_t kMaxQueuedBytes = 16 << 20;
constexpr std::size_t kMaxAsked = 1'000;
constexpr int kMaxBackoffMs = 1'000;  // so that a new primary is found soon

redis::LinkOptions link_options(const ClusterSettings& settings, const redis::RedisTarget& target, bool subscribes) {
  redis::LinkOptions options;
  options.target = target;
  options.client_name = "libchat";
  options.max_backoff_ms = kMaxBackoffMs;
  options.name = subscribes ? "cluster, subscriptions" : "cluster, commands";
  if (!subscribes) options.log = settings.log;  // one line for each loss is enough
  return options;
}

// Redis is another one now, or does not know the script any more.
bool is_of_another(const redis::Value& answer) {
  const std::string_view code = answer.error_code();
  return code == "READONLY" || code == "NOSCRIPT" || code == "LOADING" || code == "MASTERDOWN";
}

// A node of a Redis Cluster does not have the slot, or the slot moves, or the cluster is down.
bool is_elsewhere(const redis::Value& answer) {
  const std::string_view code = answer.error_code();
  return code == "MOVED" || code == "ASK" || code == "TRYAGAIN" || code == "CLUSTERDOWN";
}

template <class... Args>
Status command(redis::RedisLink& link, const redis::ReplyHandler& done, const Args&... args) {
  const std::array<std::string_view, sizeof...(Args)> words = {std::string_view(args)...};
  return link.send(words, done);
}

}  // namespace

RedisShard::RedisShard(uv_loop_t* loop, const ClusterSettings& settings, const redis::RedisTarget& target,
                       ShardUser& user, std::vector<std::string> channels)
    : loop_(loop),
      settings_(settings),
      user_(user),
      address_(target.addresses.front()),
      channels_(std::move(channels)),
      commands_(loop, link_options(settings, target, false), command_listener_),
      subscriber_(loop, link_options(settings, target, true), subscriber_listener_),
      prepare_(redis::make_prepare(loop, this)) {}

Status RedisShard::start() {
  lost_ms_ = loop_ms();
  Status status = commands_.start();
  return status.ok() ? subscriber_.start() : status;
}

void RedisShard::stop() {
  up_ = open_ = false;
  commands_.stop();
  subscriber_.stop();
}

void RedisShard::Listener::on_push(redis::Value&& value) {
  if (!is_subscriber || value.items.size() != 3 || value.items[0].text != "message") return;
  shard.heard_ms_ = shard.loop_ms();
  shard.user_.on_message(shard, value.items[1].text, value.items[2].text);
}

void RedisShard::lost(const Status& why) {
  ++session_;
  run_.clear();
  to_confirm_.clear();
  asking_replicas_ = false;
  const bool was_open = std::exchange(open_, false);
  if (was_open) lost_ms_ = loop_ms();
  up_ = handed_over_ = settled_ = false;
  unsettled_parts_.reset();
  user_.on_down(*this, why, was_open);
}

// Both links have to be with the same Redis.
void RedisShard::check_links() {
  if (!commands_.up() || !subscriber_.up()) return;
  if (commands_.run() != subscriber_.run()) {
    // Nobody knows which of the two is right.
    commands_.distrust("it is not the primary that the subscriptions are with");
    subscriber_.distrust("it is not the primary that the commands go to");
    return;
  }
  ++session_;
  run_ = commands_.run();
  scripts_left_ = kScripts;
  check_settings();
  load_scripts();
}

// A cluster needs a Redis that does not forget by itself.
void RedisShard::check_settings() {
  const auto checked = [this, session = session_](redis::Reply&& reply) {
    if (session != session_ || !reply.answered() || reply.value.items.size() != 2) return;  // not every Redis tells
    const std::string& policy = reply.value.items[1].text;
    if (policy == "noeviction") return;
    const std::string why = "Redis may drop keys (maxmemory-policy " + policy + "): set it to noeviction";
    user_.on_trouble(*this, {Error::invalid_argument, why});
    if (settings_.log) settings_.log(LogLevel::error, "cluster: " + why);
    run_.clear();
  };
  (void)command(commands_, checked, "CONFIG", "GET", "maxmemory-policy");
}

void RedisShard::load_scripts() {
  for (std::size_t i = 0; i < kScripts; ++i) {
    const auto loaded = [this, i, session = session_](redis::Reply&& reply) {
      if (session != session_ || !reply.answered() || run_.empty()) return;
      if (!reply.value.is_text()) {
        user_.on_trouble(*this, {Error::unavailable, "Redis refuses scripts: " + reply.value.text});
        commands_.distrust(reply.value.text);
        return;
      }
      hashes_[i] = std::move(reply.value.text);
      if (--scripts_left_ == 0) subscribe_own();
    };
    (void)command(commands_, loaded, "SCRIPT", "LOAD", source_of(static_cast<Script>(i)));
  }
}

void RedisShard::subscribe_own() {
  const auto subscribed = [this, session = session_](redis::Reply&& reply) {
    if (session != session_ || !reply.answered()) return;
    if (reply.value.is_error()) {
      user_.on_trouble(*this, {Error::unavailable, "Redis refuses subscriptions: " + reply.value.text});
      subscriber_.distrust(reply.value.text);
      return;
    }
    heard_ms_ = loop_ms();
    next_sign_ms_ = 0;
    unanswered_signs_ = 0;
    up_ = true;
    user_.on_up(*this);
  };
  std::vector<std::string_view> words = {"SUBSCRIBE"};
  words.insert(words.end(), channels_.begin(), channels_.end());
  (void)subscriber_.send(words, subscribed);
}

void RedisShard::set_parts(const std::bitset<kPartitions>& parts) {
  if (parts == parts_) return;
  const std::bitset<kPartitions> gained = parts & ~parts_;
  parts_ = parts;
  handed_over_ = false;
  if (!settled_) return;
  unsettled_parts_ = (unsettled_parts_ | gained) & parts;
  if (gained.any()) open_ms_ = loop_ms();
}

std::string RedisShard::assignment() const {
  std::string text = run_;
  if (parts_.all()) return text;
  text += '.';
  for (std::size_t part = 0; part < kPartitions; part += 4) {
    std::size_t digit = 0;
    for (std::size_t i = 0; i < 4; ++i) digit = 2 * digit + (parts_[part + i] ? 1 : 0);
    text += "0123456789abcdef"[digit];
  }
  return text;
}

RoomRedis::Settled RedisShard::settled_part(std::uint32_t partition) const {
  if (!settled_) return Settled::no;
  return unsettled_parts_[partition] ? Settled::with_data : Settled::yes;
}

void RedisShard::tick(std::int64_t late_ms) {
  if (!up_) return;
  if (late_ms > 0) heard_ms_ += late_ms;
  const std::int64_t ms = loop_ms();
  if (ms - heard_ms_ > settings_.alive_ms) {
    heard_ms_ = ms;
    // Or Redis does not take commands. Those that wait are repeated elsewhere, before newer ones overtake them.
    if (unanswered_signs_ != 0) commands_.distrust("it does not answer");
    subscriber_.distrust("nothing was heard on the subscription");
    return;
  }
  if (ms < next_sign_ms_) return;
  next_sign_ms_ = ms + kSignMs;
  const auto answered = [this, session = session_](redis::Reply&&) {
    if (session == session_) --unanswered_signs_;
  };
  if (publish(channels_.front(), "h", answered).ok()) ++unanswered_signs_;
  check_role();
}

// A primary that becomes a replica keeps its connections, and takes the state of another one. It may be a primary again since.
void RedisShard::check_role() {
  const auto checked = [this, session = session_](redis::Reply&& reply) {
    if (session != session_ || !reply.answered() || reply.value.is_error()) return;
    const bool is_same = redis::info_field(reply.value.text, "role") == "master" &&
                         redis::info_field(reply.value.text, "master_replid") == run_;
    if (is_same) return;
    commands_.distrust("its role has changed");
    subscriber_.distrust("its role has changed");
  };
  (void)command(commands_, checked, "INFO", "replication");
}

bool RedisShard::is_full() const {
  return commands_.queued_bytes() > kMaxQueuedBytes || commands_.waiting() > kMaxAsked + sent_;
}

bool RedisShard::has_many_bytes() const { return commands_.queued_bytes() > kMaxQueuedBytes / 2; }

Status RedisShard::subscribe(std::string_view channel, redis::ReplyHandler done) {
  return command(subscriber_, done, "SUBSCRIBE", channel);
}

void RedisShard::unsubscribe(std::string_view channel) { (void)command(subscriber_, nullptr, "UNSUBSCRIBE", channel); }

Status RedisShard::run_script(Script script, const std::vector<std::string_view>& keys,
                              const std::vector<std::string>& args, redis::ReplyHandler done) {
  const std::string count = text_of(std::uint64_t{keys.size()});
  std::vector<std::string_view> words = {"EVALSHA", hashes_[static_cast<std::size_t>(script)], count};
  words.insert(words.end(), keys.begin(), keys.end());
  words.insert(words.end(), args.begin(), args.end());
  return commands_.send(words, std::move(done));
}

void RedisShard::confirm(std::function<void(bool)> done) {
  to_confirm_.push_back(std::move(done));
  if (asking_replicas_) return;
  uv_prepare_start(prepare_.get(), [](uv_prepare_t* prepare) {
    auto* const shard = static_cast<RedisShard*>(prepare->data);
    surely([&] { shard->ask_replicas(); });
  });
}

// One question for all batches of a round, after them. Redis executes no other command of this connection until it has
// answered, so there is one question at a time: the next one is for all batches of the meantime.
void RedisShard::ask_replicas() {
  uv_prepare_stop(prepare_.get());
  if (to_confirm_.empty()) return;
  const auto confirmed = [this, session = session_, waiting = to_confirm_](redis::Reply&& reply) {
    if (session != session_ || !reply.answered()) return;
    asking_replicas_ = false;
    if (reply.value.is_error()) (void)refused(reply.value);
    const bool enough = reply.value.is_integer() && reply.value.integer >= std::int64_t{settings_.ack_replicas};
    for (const std::function<void(bool)>& done : waiting) done(enough);
    surely([this] { ask_replicas(); });
  };
  const std::string replicas = text_of(std::uint64_t{settings_.ack_replicas});
  asking_replicas_ = command(commands_, confirmed, "WAIT", replicas, text_of(settings_.replica_ms)).ok();
  if (!asking_replicas_) commands_.distrust("it does not take a question for its replicas");
  to_confirm_.clear();
  commands_.flush();
}

RoomRedis::Refusal RedisShard::refused(const redis::Value& error) {
  if (is_elsewhere(error)) {
    user_.on_elsewhere(*this);
    return Refusal::of_place;
  }
  const bool is_of_it = is_of_another(error);
  if (is_of_it) commands_.distrust(error.text);
  if (loop_ms() >= next_log_ms_) {
    next_log_ms_ = loop_ms() + kLogMs;
    if (settings_.log) {
      settings_.log(LogLevel::error, "cluster: Redis refuses a command for a room: " + error.text);
    }
  }
  return is_of_it ? Refusal::of_redis : Refusal::of_command;
}

Status RedisShard::send(const std::vector<std::string>& words, redis::ReplyHandler done) {
  const std::vector<std::string_view> views(words.begin(), words.end());
  Status status = commands_.send(views, [this, done = std::move(done)](redis::Reply&& reply) {
    --sent_;
    if (done) done(std::move(reply));
  });
  if (status.ok()) ++sent_;
  return status;
}

Status RedisShard::publish(std::string_view channel, std::string_view text, const redis::ReplyHandler& done) {
  return command(commands_, done, "PUBLISH", channel, text);
}

}  // namespace chat::cluster
