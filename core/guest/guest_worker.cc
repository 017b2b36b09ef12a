// See guest_worker.h.
#include "guest/guest_worker.h"

#include <algorithm>
#include <new>
#include <utility>
#include <variant>

#include "redis/info_field.h"
#include "redis/redis_tls.h"
#include "wire/json/json.h"

namespace chat::guest {
namespace {

using net::GuestDrop;

constexpr int kTickMs = 250;
constexpr std::int64_t kStopMs = 2'000;
constexpr std::int64_t kLogMs = 10'000;
constexpr std::int64_t kRetryMs = 1'000;
constexpr std::int64_t kRoleMs = 2'000;
constexpr std::size_t kMaxQueuedBytes = 64 << 10;  // in the link; further messages wait here
constexpr const char* kBlockMs = "1000";           // of XREAD; less than the limit for answers
constexpr std::size_t kReadCount = 100;            // entries
constexpr std::size_t kSubscribeAtOnce = 256;      // channels of rooms in one command

GuestDrop drop_of(Error error) {
  switch (error) {
    case Error::too_large:
      return GuestDrop::too_large;
    case Error::encoding:
    case Error::invalid_json:
    case Error::invalid_utf8:
    case Error::invalid_argument:
    case Error::unsupported:
      return GuestDrop::malformed;
    default:
      return GuestDrop::refused;
  }
}

}  // namespace

GuestWorker::GuestWorker(Guest& guest, Hub& hub)
    : guest_(guest),
      settings_(guest.settings_),
      hub_(hub),
      wire_(settings_),
      there_(hub, guest.rooms_, guest.acks_, settings_.max_message_bytes, settings_.clock),
      read_count_(kReadCount) {
  for (const std::string& name : wire_.streams()) streams_.push_back({name, {}});
}

GuestWorker::~GuestWorker() = default;

Status GuestWorker::prepare() {
  const auto failure = [](const Status& status) { return Status{status.code, "socket_io_cluster: " + status.detail}; };
  if (const Status status = loop_.prepare(); !status.ok()) return failure(status);
  redis::LinkOptions options;
  options.target = settings_.target;
  if (const Status status = redis::share_tls(options.target); !status.ok()) return failure(status);
  options.client_name = "libchat-guest";
  options.max_reply_bytes = settings_.max_reply_bytes;
  options.name = "socket_io_cluster";
  options.log = settings_.log;
  commands_ = std::make_unique<redis::RedisLink>(loop_.get(), options, command_listener_);
  options.log = nullptr;  // one line for each loss is enough
  subscriber_ = std::make_unique<redis::RedisLink>(loop_.get(), options, subscriber_listener_);
  if (!streams_.empty()) reader_ = std::make_unique<redis::RedisLink>(loop_.get(), options, stream_listener_);
  // Nothing runs before run(), which is after the start of the thread.
  for (const auto& link : {commands_.get(), subscriber_.get(), reader_.get()}) {
    if (const Status status = link == nullptr ? Status() : link->start(); !status.ok()) return failure(status);
  }
  return {};
}

void GuestWorker::run() {
  loop_.run(kTickMs);
  stop_ms_ = 0;  // whoever is told now must not stop the loop again
  commands_->stop();
  subscriber_->stop();
  if (reader_) reader_->stop();
}

void GuestWorker::wake() { loop_.wake(); }

void GuestWorker::log(LogLevel level, const std::string& text) {
  if (settings_.log) settings_.log(level, "socket_io_cluster: " + text);
}

void GuestWorker::log_seldom(const std::string& text) {
  if (loop_ms() < next_log_ms_) return;
  next_log_ms_ = loop_ms() + kLogMs;
  log(LogLevel::warning, text);
}

// What fails for lack of memory is dropped.
template <class Action>
void GuestWorker::or_drop(Action action) noexcept {
  try {
    action();
  } catch (const std::bad_alloc&) {
    guest_.drop(GuestDrop::no_memory);
  }
}

// Links
// -------------------------------------------------------------------------------------------------------------------

void GuestWorker::Listener::on_up(const std::string&) {
  if (task == Task::stream) {
    worker.find_offsets();
  } else {
    worker.check_links();
  }
}

void GuestWorker::lost(Task task, const Status& why) {
  if (task == Task::stream) {
    reading_ = false;
    // The next attempt asks for fewer of them.
    if (why.code == Error::too_large) {
      guest_.drop(GuestDrop::too_large);
      if (read_count_ == 1) {
        for (Stream& stream : streams_) stream.offset.clear();
      }
      read_count_ = std::max<std::size_t>(1, read_count_ / 4);
      log_seldom("entries of the stream are too large: " + why.detail);
    }
  } else if (task == Task::subscriptions) {
    subscribing_ = false;
    channels_.clear();
    if (why.code == Error::too_large) guest_.drop(GuestDrop::too_large);
  } else {
    // A subscriber that cannot answer would make the requests of the whole cluster time out.
    subscriber_->distrust("answers cannot be sent");
    or_drop([&] { waiting_.insert(waiting_.begin(), returned_.begin(), returned_.end()); });
    returned_.clear();
    link_ends_ = false;
  }
  if (!std::exchange(up_, false)) return;
  guest_.up_ = false;
  guest_.losses_.fetch_add(1, std::memory_order_relaxed);
  told_down_ = true;
  log(LogLevel::error, "Redis is lost: " + why.detail + "; messages do not reach the cluster");
}

// Both links have to be with the same Redis.
void GuestWorker::check_links() {
  if (!commands_->up() || !subscriber_->up()) return;
  if (commands_->run() != subscriber_->run()) return compare_again();
  subscribe();
  check_up();
}

// A primary takes another replication id when its first replica comes, and long after its last one has gone: the commands may
// have come before that.
void GuestWorker::compare_again() {
  (void)command(*commands_, {"INFO", "replication"}, [this](redis::Reply&& reply) {
    if (!reply.answered() || !subscriber_->up()) return;
    if (redis::info_field(reply.value.text, "master_replid") == subscriber_->run()) {
      subscribe();
      check_up();
      return;
    }
    // Nobody knows which of the two is right.
    commands_->distrust("it is not the primary that the subscriptions are with");
    subscriber_->distrust("it is not the primary that the commands go to");
  });
}

// A primary that becomes a replica keeps its connections and takes what is published, and nobody hears it.
void GuestWorker::check_role() {
  next_role_ms_ = loop_ms() + kRoleMs;
  (void)command(*commands_, {"ROLE"}, [this](redis::Reply&& reply) {
    if (!reply.answered()) return;
    const redis::Value& value = reply.value;
    if (value.is_array() && !value.items.empty() && value.items[0].text == "master") return;
    commands_->distrust("it is no primary any more");  // the subscriptions follow
    if (reader_) reader_->distrust("it is no primary any more");
  });
}

void GuestWorker::subscribe() {
  if (std::exchange(subscribing_, true)) return;
  unconfirmed_ = 0;
  for (const GuestWire::Words& words : wire_.subscriptions()) {
    ++unconfirmed_;
    Status status = command(*subscriber_, words, [this](redis::Reply&& reply) {
      if (!reply.answered()) return;  // on_down() follows
      if (reply.value.is_error()) {
        log_seldom("Redis refuses a subscription: " + reply.value.text);
        return;
      }
      --unconfirmed_;
      check_up();
    });
    if (!status.ok()) log_seldom("cannot subscribe: " + status.detail);
  }
  subscribe_rooms();
}

// The rooms that are open now.
void GuestWorker::subscribe_rooms() {
  if (!wire_.rooms_have_channels()) return;
  GuestWire::Words words = {"SSUBSCRIBE"};
  const auto flush = [&] {
    if (words.size() > 1) (void)command(*subscriber_, words, nullptr);
    words.resize(1);
  };
  for (const RoomInfo& room : hub_.rooms()) {
    const GuestRooms::Place place = guest_.rooms_.place_of(room.name);
    if (place.room.empty() || guest_.rooms_.room_of(place.nsp, place.room) != room.name) continue;
    if (!there_.is_open(room.name)) continue;
    std::string channel = wire_.channel_of(place.nsp, place.room);
    if (!channels_.insert(channel).second) continue;
    words.push_back(std::move(channel));
    if (words.size() > kSubscribeAtOnce) flush();
  }
  flush();
}

void GuestWorker::check_up() {
  const bool is_up =
      commands_->up() && subscriber_->up() && subscribing_ && unconfirmed_ == 0 && (!reader_ || reading_);
  if (!is_up || up_) return;
  up_ = true;
  guest_.up_ = true;
  if (!std::exchange(told_up_, true) || std::exchange(told_down_, false)) {
    log(LogLevel::info, "a guest of the cluster at " + settings_.target.describe());
  }
  if (!streams_.empty()) {
    tell_nodes(wire::ClusterHeartbeat{true});
    next_heartbeat_ms_ = loop_ms() + settings_.heartbeat_ms;
  }
  publish_waiting();
}

void GuestWorker::on_timer() {
  const std::int64_t now_ms = settings_.clock().age_ms;
  std::uint64_t old = 0;
  while (!waiting_.empty() && now_ms - waiting_.front()->message->born_ms > settings_.hold_ms) {
    waiting_.pop_front();
    ++old;
  }
  if (old != 0) guest_.drop(GuestDrop::unavailable, old);
  if (up_ && stop_ms_ == 0 && loop_ms() >= next_role_ms_) check_role();
  if (up_ && !streams_.empty() && loop_ms() >= next_heartbeat_ms_) {
    next_heartbeat_ms_ = loop_ms() + settings_.heartbeat_ms;
    tell_nodes(wire::ClusterHeartbeat{});
  }
  if (reader_ && reader_->up() && !reading_ && loop_ms() >= next_read_ms_) find_offsets();
  if (left_out_ != there_.left_out()) {
    log_seldom(std::to_string(there_.left_out()) + " sockets or rooms were left out of answers, which were too large");
    left_out_ = there_.left_out();
  }
  guest_.acks_.expire(now_ms);
  take_steps();
}

Status GuestWorker::command(redis::RedisLink& link, const GuestWire::Words& words, redis::ReplyHandler done) {
  const std::vector<std::string_view> views(words.begin(), words.end());
  return link.send(views, std::move(done));
}

// From the cluster
// --------------------------------------------------------------------------------------------------------

void GuestWorker::on_push(const redis::Value& value) {
  or_drop([&] {
    take(wire_.read_push(value,
                         [this](std::string_view nsp, std::string_view room) { return there_.knows(nsp, room); }));
  });
}

void GuestWorker::take(Result<std::optional<Incoming>>&& incoming) {
  if (incoming.ok()) {
    if (!*incoming) return;
    Incoming& one = **incoming;
    if (const auto* heartbeat = std::get_if<wire::ClusterHeartbeat>(&one.message.body)) {
      if (heartbeat->first && up_)
        send({settings_.uid, one.message.nsp, wire::ClusterHeartbeat{}}, Way::channel, {}, nullptr);
      return;
    }
    const AckRequest from{one.message.uid, one.message.nsp, {}, one.way};
    const auto reply = [&](wire::ClusterBody&& body) { answer(from, std::move(body)); };
    if (!one.refused.ok()) {
      GuestHub::refuse(one.message.body, reply);
      return refuse(drop_of(one.refused.code), one.refused);
    }
    const Result<bool> taken = there_.take(std::move(one), reply);
    if (taken.ok()) {
      if (*taken) guest_.received_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    const GuestDrop why = taken.status().code == Error::too_large ? GuestDrop::too_large : GuestDrop::refused;
    return refuse(why, taken.status());
  }
  refuse(drop_of(incoming.status().code), incoming.status());
}

void GuestWorker::refuse(GuestDrop why, const Status& problem) {
  guest_.drop(why);
  log_seldom("a message of the cluster was dropped: " + problem.detail);
}

// Entries from now on: those after the newest one. After a loss, from the newest that was read.
void GuestWorker::find_offsets() {
  next_read_ms_ = loop_ms() + kRetryMs;
  for (Stream& stream : streams_) {
    if (!stream.offset.empty()) continue;
    const auto found = [this, &stream](redis::Reply&& reply) {
      if (!reply.answered()) return;
      const redis::Value& value = reply.value;
      if (!value.is_array()) {
        log_seldom("Redis refuses to read the stream: " + value.text);
        return;
      }
      const bool has_entry = !value.items.empty() && !value.items[0].items.empty();
      stream.offset = has_entry ? value.items[0].items[0].text : "0-0";
      read_streams();
    };
    (void)command(*reader_, {"XREVRANGE", stream.name, "+", "-", "COUNT", "1"}, found);
  }
  read_streams();
}

void GuestWorker::read_streams() {
  const bool knows_all = std::ranges::none_of(streams_, [](const Stream& stream) { return stream.offset.empty(); });
  if (!knows_all || reading_ || !reader_->up()) return;
  GuestWire::Words words = {"XREAD", "COUNT", std::to_string(read_count_), "BLOCK", kBlockMs, "STREAMS"};
  for (const Stream& stream : streams_) words.push_back(stream.name);
  for (const Stream& stream : streams_) words.push_back(stream.offset);
  reading_ = command(*reader_, words, [this](redis::Reply&& reply) { on_entries(std::move(reply)); }).ok();
  check_up();
}

void GuestWorker::on_entries(redis::Reply&& reply) {
  if (!reply.answered()) return;  // on_down() follows
  reading_ = false;
  const redis::Value& value = reply.value;
  if (value.is_error()) {
    log_seldom("Redis refuses to read the stream: " + value.text);
    next_read_ms_ = loop_ms() + kRetryMs;
    return;
  }
  read_count_ = std::min(kReadCount, read_count_ * 2);
  for (const redis::Value& part : value.items) {
    if (part.items.size() != 2) continue;
    const auto stream = std::ranges::find(streams_, part.items[0].text, &Stream::name);
    if (stream == streams_.end()) continue;
    for (const redis::Value& entry : part.items[1].items) {
      if (entry.items.size() != 2) continue;
      stream->offset = entry.items[0].text;
      or_drop([&] { take(wire_.read_entry(entry.items[1])); });
    }
  }
  read_streams();
}

// To the cluster
// ----------------------------------------------------------------------------------------------------------

void GuestWorker::take_steps() {
  std::vector<Step> steps;
  bool stopping = false;
  bool rooms_missed = false;
  {
    const std::lock_guard lock(guest_.mutex_);
    steps.swap(guest_.steps_);
    stopping = guest_.stopping_;
    rooms_missed = std::exchange(guest_.rooms_missed_, false);
  }
  for (Step& step : steps) or_drop([&] { take(step); });
  if (rooms_missed && subscribing_) or_drop([&] { subscribe_rooms(); });
  if (up_) publish_waiting();
  if (!stopping) return;
  if (stop_ms_ == 0) stop_ms_ = loop_ms() + kStopMs;
  finish_if_done();
}

void GuestWorker::take(Step& step) {
  switch (step.kind) {
    case Step::Kind::message:
      if (!step.held->message->room.empty()) {
        waiting_.push_back(std::move(step.held));
        break;
      }
      for (const std::string& nsp : guest_.rooms_.namespaces()) {
        waiting_.push_back(std::make_shared<const Guest::Held>(guest_, step.held->message, nsp));
      }
      break;
    case Step::Kind::ack:
      answer(*step.request,
             wire::ClusterAck{{std::move(step.text), std::move(step.attachments)}, step.request->request_id});
      break;
    case Step::Kind::room_opened:
    case Step::Kind::room_closed: {
      const GuestRooms::Place place = guest_.rooms_.place_of(step.text);
      if (place.room.empty() || guest_.rooms_.room_of(place.nsp, place.room) != step.text || !subscribing_) break;
      const std::string channel = wire_.channel_of(place.nsp, place.room);
      const bool opened = step.kind == Step::Kind::room_opened;
      const bool changes = opened ? channels_.insert(channel).second : channels_.erase(channel) != 0;
      if (changes) (void)command(*subscriber_, {opened ? "SSUBSCRIBE" : "SUNSUBSCRIBE", channel}, nullptr);
      break;
    }
  }
}

void GuestWorker::publish_waiting() {
  while (up_ && !link_ends_ && !waiting_.empty() && commands_->queued_bytes() < kMaxQueuedBytes) {
    const HeldPtr held = std::move(waiting_.front());
    waiting_.pop_front();
    or_drop([&] { publish(held); });
  }
}

// As a Socket.IO client in the room would see it.
void GuestWorker::publish(const HeldPtr& held) {
  const Message& message = *held->message;
  wire::ClusterMessage out;
  out.uid = settings_.uid;
  auto& event = out.body.emplace<wire::ClusterBroadcast>();
  event.event.name = message.event;
  if (message.kind == PayloadKind::text) {
    event.event.args.json = "[";
    wire::json::append_quoted(event.event.args.json, message.payload);
    event.event.args.json += ']';
  } else {
    event.event.args.json = message.payload;
    event.event.args.attachments = message.attachments;
  }
  if (message.room.empty()) {
    out.nsp = held->nsp;
    send(out, Way::channel, {}, &guest_.published_, held);
    return;
  }
  GuestRooms::Place place = guest_.rooms_.place_of(message.room);
  // Nobody here may speak to a socket of the cluster by entering a room that is named like it.
  if (!place.room.empty() && guest_.rooms_.room_of(place.nsp, place.room) != message.room) {
    guest_.drop(GuestDrop::refused);
    return;
  }
  event.target.is_volatile = message.ephemeral;
  out.nsp = std::move(place.nsp);
  if (!place.room.empty()) event.target.rooms.push_back(std::move(place.room));
  send(out, Way::channel, {}, &guest_.published_, held);
}

void GuestWorker::answer(const AckRequest& to, wire::ClusterBody&& body) {
  if (to.way == Way::python) return;
  wire::ClusterMessage message{settings_.uid, to.nsp, std::move(body)};
  if (send(message, to.way, to.uid, &guest_.answers_)) return;
  auto* const ack = std::get_if<wire::ClusterAck>(&message.body);
  if (ack == nullptr) return;
  // Without this one who has asked would have the answers of nobody.
  ack->args = {"[]", {}};
  send(message, to.way, to.uid, &guest_.answers_);
}

void GuestWorker::tell_nodes(const wire::ClusterBody& body) {
  for (const std::string& nsp : guest_.rooms_.namespaces()) {
    send({settings_.uid, nsp, body}, Way::channel, {}, nullptr);
  }
}

bool GuestWorker::send(const wire::ClusterMessage& message, Way way, std::string_view to,
                       std::atomic<std::uint64_t>* sent, HeldPtr held) {
  const Result<GuestWire::Words> words = wire_.command(message, way, to);
  Status status = words.status();
  if (words.ok()) {
    status = command(*commands_, *words, [this, sent, held](redis::Reply&& reply) mutable {
      if (held && reply.outcome == redis::Reply::Outcome::not_sent) {
        or_drop([&] { returned_.push_back(std::move(held)); });
        return;
      }
      held.reset();
      const bool is_taken = reply.answered() && !reply.value.is_error();
      if (is_taken && sent != nullptr) sent->fetch_add(1, std::memory_order_relaxed);
      if (stop_ms_ != 0) finish_if_done();
      if (is_taken) return;
      guest_.drop(GuestDrop::unavailable);
      if (!reply.answered()) return;
      if (reply.value.error_code() == "READONLY") commands_->distrust(reply.value.text);
      log_seldom("Redis refuses a message: " + reply.value.text);
    });
    if (status.ok()) return true;
    if (held && status.code == Error::unavailable) {
      link_ends_ = true;  // on_down() follows
      waiting_.push_front(std::move(held));
      return true;
    }
    guest_.drop(GuestDrop::unavailable);
    return true;
  }
  guest_.drop(status.code == Error::too_large ? GuestDrop::too_large : GuestDrop::malformed);
  log_seldom("a message to the cluster was dropped: " + status.detail);
  return false;
}

void GuestWorker::finish_if_done() {
  if (up_ && !std::exchange(said_goodbye_, true) && !streams_.empty()) tell_nodes(wire::ClusterGoodbye{});
  const bool done = !up_ || (waiting_.empty() && commands_->waiting() == 0);
  if (done || loop_ms() >= stop_ms_) loop_.stop();
}

}  // namespace chat::guest
