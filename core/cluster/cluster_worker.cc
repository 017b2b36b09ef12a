// See cluster_worker.h.
#include "cluster/cluster_worker.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iterator>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "cluster/message_format.h"
#include "model/names.h"

namespace chat::cluster {
namespace {

constexpr std::int64_t kTickMs = 50;
constexpr std::int64_t kBeatMs = 3'000;
constexpr std::int64_t kSettlingBeatMs = 100;
constexpr std::int64_t kSignMs = 1'000;
constexpr std::int64_t kHoleMs = 50;  // a notice that is so late is fetched
constexpr std::int64_t kStopMs = 2'000;
constexpr std::size_t kMaxQueuedBytes = 16 << 20;
constexpr std::size_t kMaxAsked = 1'000;
constexpr std::int64_t kKeepMs = 5'000;
constexpr std::int64_t kRetryMs = 1'000;
constexpr std::int64_t kLogMs = 10'000;
constexpr int kChecks = 200;  // of rooms in one tick
constexpr std::size_t kMaxAhead = 1'000;
constexpr std::size_t kBatchMessages = 256;
constexpr std::size_t kBatchBytes = 1 << 20;
constexpr std::chrono::milliseconds kRetryMemory{1};

std::string text_of(std::int64_t number) { return std::to_string(number); }
std::string text_of(std::uint64_t number) { return std::to_string(number); }

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <class Number>
std::optional<Number> number_in(const redis::Value& value) {
  if (value.is_integer() && value.integer >= 0) return static_cast<Number>(value.integer);
  return value.is_text() ? number_in<Number>(value.text) : std::nullopt;
}

// Takes the first word off a text.
std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + 1));
  return word;
}

// Takes a text off, after its size. False: it is not well-formed.
bool take_sized(std::string_view& text, std::string& part) {
  const auto size = number_in<std::size_t>(take_word(text));
  if (!size || *size > text.size()) return false;
  part = text.substr(0, *size);
  text.remove_prefix(*size);
  return true;
}

// What names a message with an id in Redis: another message with the id is not the same one. "": it has no id.
std::string id_of(const Message& message) {
  if (message.id.empty()) return {};
  std::uint64_t hash = 14'695'981'039'346'656'037U;  // FNV-1a, 64 bits: the same on all servers
  const auto add = [&](std::string_view text) {
    for (const char byte : text) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 1'099'511'628'211U;
    hash = (hash ^ 0xFF) * 1'099'511'628'211U;
  };
  add(message.event);
  add(message.payload);
  for (const std::string& attachment : message.attachments) add(attachment);
  add(std::to_string(static_cast<int>(message.event_kind)));
  add(text_of(message.target_seq));
  add(text_of(message.extra->reply_to));
  return id_key(message.sender, message.room, message.id) + '\n' + text_of(hash);
}

// An entry of a stream: {"123-0", {"n", "2", ...}}.
std::optional<Batch> batch_in(const redis::Value& entry) {
  if (!entry.is_array() || entry.items.size() != 2 || !entry.items[1].is_array()) return std::nullopt;
  const std::string_view id = entry.items[0].text;
  const auto last = number_in<std::uint64_t>(id.substr(0, id.find('-')));
  Batch batch;
  const std::vector<redis::Value>& fields = entry.items[1].items;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string& name = fields[i].text;
    if (name == "n") batch.count = number_in<std::uint64_t>(fields[i + 1]).value_or(0);
    if (name == "t") batch.time_ms = number_in<std::int64_t>(fields[i + 1]).value_or(0);
    if (name == "k") batch.token = fields[i + 1].text;
    if (name == "d") batch.messages = fields[i + 1].text;
  }
  if (!last || batch.count == 0 || batch.count > *last) return std::nullopt;
  batch.first = *last - batch.count + 1;
  return batch;
}

// Of the entries of one room, in Redis and in one answer.
std::int64_t most_bytes(const HistoryLimits& limits) {
  constexpr std::int64_t kMost = 16 << 20;
  return limits.bytes < 0 ? kMost : std::min(limits.bytes, kMost);
}

std::int64_t most_entries(const HistoryLimits& limits) {
  constexpr std::int64_t kMost = 10'000;
  return limits.messages < 0 ? kMost : std::clamp(kEventsFactor * limits.messages, std::int64_t{1}, kMost);
}

// Redis is another one now, or does not know the script any more.
bool is_of_another(const redis::Value& answer) {
  const std::string_view code = answer.error_code();
  return code == "READONLY" || code == "NOSCRIPT" || code == "LOADING" || code == "MASTERDOWN";
}

Status unavailable(const std::string& why) { return {Error::unavailable, "the cluster is not available: " + why}; }

}  // namespace

ClusterWorker::ClusterWorker(ClusterStore& store, const ClusterSettings& settings)
    : store_(store),
      settings_(settings),
      own_channel_(settings.prefix + "n:" + settings.id),
      all_channel_(settings.prefix + "all"),
      nodes_key_(settings.prefix + "{nodes}"),
      about_key_(settings.prefix + "{nodes}:about") {}

ClusterWorker::~ClusterWorker() {
  if (!prepared_) return;
  commands_.reset();
  subscriber_.reset();
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

Status ClusterWorker::prepare() {
  const auto failure = [](int code) { return Status{Error::system, std::string("cluster: ") + uv_strerror(code)}; };
  if (const int code = uv_loop_init(&loop_); code != 0) return failure(code);
  loop_.data = this;
  int code = uv_async_init(&loop_, &async_, [](uv_async_t* async) {
    auto* const worker = static_cast<ClusterWorker*>(async->loop->data);
    worker->surely([&] { worker->take_steps(); });
  });
  if (code == 0) {
    code = uv_timer_init(&loop_, &timer_);
    if (code != 0) {
      uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
      uv_run(&loop_, UV_RUN_DEFAULT);
    }
  }
  if (code != 0) {
    uv_loop_close(&loop_);
    return failure(code);
  }
  prepared_ = true;
  node_ = partition_of(settings_.id) + 1;  // somewhere to begin
  redis::LinkOptions options;
  options.target = settings_.target;
  options.client_name = "libchat";
  options.max_backoff_ms = 1'000;  // so that a new primary is found soon
  options.log = settings_.log;
  options.name = "cluster, commands";
  commands_ = std::make_unique<redis::RedisLink>(&loop_, options, command_listener_);
  options.name = "cluster, subscriptions";
  options.log = nullptr;  // one line for each loss is enough
  subscriber_ = std::make_unique<redis::RedisLink>(&loop_, std::move(options), subscriber_listener_);
  return {};
}

void ClusterWorker::run() {
  last_tick_ms_ = loop_ms();
  uv_timer_start(
      &timer_,
      [](uv_timer_t* timer) {
        auto* const worker = static_cast<ClusterWorker*>(timer->data);
        worker->surely([&] { worker->on_timer(); });
      },
      kTickMs, kTickMs);
  timer_.data = this;
  Status status = commands_->start();
  if (status.ok()) status = subscriber_->start();
  if (!status.ok()) note_trouble(status);
  uv_run(&loop_, UV_RUN_DEFAULT);
  commands_->stop();
  subscriber_->stop();
}

void ClusterWorker::wake() { uv_async_send(&async_); }

void ClusterWorker::log(LogLevel level, const std::string& text) {
  if (settings_.log) settings_.log(level, text);
}

// Repeats what changes nothing when memory fails.
template <class Action>
void ClusterWorker::surely(Action action) {
  for (;;) {
    try {
      action();
      return;
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(kRetryMemory);
    }
  }
}

// Links -------------------------------------------------------------------------------------------------------------------

void ClusterWorker::Listener::on_up(const std::string&) { worker.check_links(); }

void ClusterWorker::Listener::on_down(const Status& why) { worker.lost(why); }

void ClusterWorker::Listener::on_push(redis::Value&& value) {
  if (!is_subscriber || value.items.size() != 3 || value.items[0].text != "message") return;
  worker.on_message(value.items[1].text, value.items[2].text);
}

void ClusterWorker::note_trouble(Status status) {
  const std::lock_guard lock(store_.mutex_);
  store_.trouble_ = std::move(status);
  store_.changed_.notify_all();
}

void ClusterWorker::lost(const Status& why) {
  ++session_;
  run_.clear();
  up_ = claimed_ = handed_over_ = settled_ = beating_ = false;
  store_.up_ = false;
  note_trouble(why);
  if (std::exchange(told_up_, false)) {
    servers_before_ = store_.servers_.load(std::memory_order_relaxed);
    store_.losses_.fetch_add(1, std::memory_order_relaxed);
    log(LogLevel::error, "cluster: Redis is lost: " + why.detail + "; messages to rooms wait");
  }
  for (auto& [name, room] : rooms_) {
    room->state = SharedRoom::State::closed;
    room->subscribed = false;
    room->setting_values = false;
    room->ahead.clear();  // Redis may not have kept it
    room->tell_above.reset();
    room->values_version.clear();  // another Redis counts from the start
    room->retry_ms = 0;
    ++room->attempt;
  }
  surely([this] {
    for (auto& [name, room] : rooms_) busy_.insert(room.get());
  });
}

// Both links have to be with the same Redis.
void ClusterWorker::check_links() {
  if (!commands_->up() || !subscriber_->up()) return;
  if (commands_->run_id() != subscriber_->run_id()) {
    subscriber_->distrust("it is not the primary that the commands go to");
    return;
  }
  ++session_;
  run_ = commands_->run_id();
  scripts_left_ = kScripts;
  check_settings();
  load_scripts();
}

template <class... Args>
Status ClusterWorker::command(redis::RedisLink& link, const redis::ReplyHandler& done, const Args&... args) {
  const std::array<std::string_view, sizeof...(Args)> words = {std::string_view(args)...};
  return link.send(words, done);
}

// A cluster needs a Redis that does not forget by itself.
void ClusterWorker::check_settings() {
  const auto checked = [this, session = session_](redis::Reply&& reply) {
    if (session != session_ || !reply.answered() || reply.value.items.size() != 2) return;  // not every Redis tells
    const std::string& policy = reply.value.items[1].text;
    if (policy == "noeviction") return;
    note_trouble(
        {Error::invalid_argument, "Redis may drop keys (maxmemory-policy " + policy + "): set it to noeviction"});
    log(LogLevel::error, "cluster: Redis may drop keys (maxmemory-policy " + policy + "): set it to noeviction");
    run_.clear();
  };
  (void)command(*commands_, checked, "CONFIG", "GET", "maxmemory-policy");
}

void ClusterWorker::load_scripts() {
  for (std::size_t i = 0; i < kScripts; ++i) {
    const auto loaded = [this, i, session = session_](redis::Reply&& reply) {
      if (session != session_ || !reply.answered() || run_.empty()) return;
      if (!reply.value.is_text()) {
        note_trouble({Error::unavailable, "Redis refuses scripts: " + reply.value.text});
        return;
      }
      hashes_[i] = std::move(reply.value.text);
      if (--scripts_left_ == 0) came_up();
    };
    (void)command(*commands_, loaded, "SCRIPT", "LOAD", source_of(static_cast<Script>(i)));
  }
}

void ClusterWorker::came_up() {
  up_ms_ = heard_ms_ = loop_ms();
  next_sign_ms_ = 0;
  const auto subscribed = [this, session = session_](redis::Reply&& reply) {
    if (session == session_ && reply.answered() && !reply.value.is_error()) beat();
  };
  (void)command(*subscriber_, subscribed, "SUBSCRIBE", own_channel_, all_channel_);
}

Status ClusterWorker::run_script(Script script, const std::vector<std::string_view>& keys,
                                 const std::vector<std::string>& args, redis::ReplyHandler done) {
  const std::string count = text_of(std::uint64_t{keys.size()});
  std::vector<std::string_view> words = {"EVALSHA", hashes_[static_cast<std::size_t>(script)], count};
  words.insert(words.end(), keys.begin(), keys.end());
  words.insert(words.end(), args.begin(), args.end());
  return commands_->send(words, std::move(done));
}

// Redis answers with an error. The room is tried again a little later.
void ClusterWorker::refuse(SharedRoom& room, const redis::Value& answer) {
  room.retry_ms = loop_ms() + kRetryMs;
  if (is_of_another(answer)) commands_->distrust(answer.text);
  if (loop_ms() < next_log_ms_) return;
  next_log_ms_ = loop_ms() + kLogMs;
  log(LogLevel::error, "cluster: Redis refuses a command for a room: " + answer.text);
}

// Renews this server's lease, and looks who else is there.
void ClusterWorker::beat() {
  if (beating_ || run_.empty()) return;
  beating_ = true;
  next_beat_ms_ = loop_ms() + (settled_ ? kBeatMs : kSettlingBeatMs);
  const std::string run = handed_over_ ? run_ : "-";
  const auto answered = [this, session = session_](redis::Reply&& reply) {
    if (session != session_) return;
    beating_ = false;
    if (!reply.answered()) return;
    if (reply.value.is_array() && reply.value.items.size() >= 2) {
      on_beat(reply.value);
    } else {
      note_trouble({Error::unavailable, "Redis: " + reply.value.text});
      commands_->distrust(reply.value.text);
    }
  };
  const Status sent =
      run_script(Script::heartbeat, {nodes_key_, about_key_},
                 {text_of(std::uint64_t{node_}), settings_.id, text_of(settings_.lease_ms), run}, answered);
  if (!sent.ok()) beating_ = false;
}

void ClusterWorker::on_beat(const redis::Value& answer) {
  if (answer.items[0].integer == 0) {
    if (claimed_ || store_.node_ != 0) {
      // Another server took the number while this one was not heard of. Clients keep their ids.
      log(LogLevel::warning, "cluster: another server has the number " + std::to_string(node_) + " of this one");
    }
    node_ = node_ % kMaxNode + 1;
    beat();
    return;
  }
  bool all_handed_over = true;
  std::uint64_t servers = 0;
  for (std::size_t i = 2; i + 1 < answer.items.size(); i += 2) {
    const std::string& about = answer.items[i + 1].text;
    ++servers;
    all_handed_over = all_handed_over && about.substr(about.find(' ') + 1) == run_;
  }
  store_.servers_.store(servers, std::memory_order_relaxed);
  const bool first = !std::exchange(claimed_, true);
  if (first) {
    up_ = told_up_ = true;
    store_.up_ = true;
    {
      const std::lock_guard lock(store_.mutex_);
      if (store_.node_ == 0) store_.node_ = node_;
      store_.opened_ = true;
      store_.changed_.notify_all();
    }
    log(LogLevel::info,
        "cluster: connected with the number " + std::to_string(node_) + "; servers: " + std::to_string(servers));
    look_after_rooms();
  }
  const bool late = loop_ms() - up_ms_ >= settings_.settle_ms;
  const bool complete = handed_over_ && all_handed_over && servers >= servers_before_;
  if (!settled_ && (complete || late)) settle();
}

void ClusterWorker::settle() {
  settled_ = true;
  servers_before_ = 0;
  look_after_rooms();
}

void ClusterWorker::on_message(std::string_view channel, std::string_view text) {
  heard_ms_ = loop_ms();
  if (text.empty()) return;
  const char kind = text.front();
  text.remove_prefix(1);
  SharedRoom* room = nullptr;
  if (channel != own_channel_ && channel != all_channel_) {
    const auto found = by_channel_.find(std::string(channel));
    if (found == by_channel_.end()) return;
    room = found->second;
  }
  if (hub_ == nullptr) return;
  if (kind == 'x' || kind == 'u' || kind == 'k') {
    if (take_word(text) != settings_.id) take_notice(room, kind, text);
  } else if (room != nullptr) {
    on_notice(*room, kind, text);
  }
}

// Of another server; see tell(). room: nullptr: for everyone.
void ClusterWorker::take_notice(SharedRoom* room, char kind, std::string_view text) {
  FarNotice notice;
  if (kind == 'k') {
    if (room == nullptr) return;
    notice.kind = FarNotice::Kind::kick;
    notice.room = room->name;
    notice.client = number_in<ClientId>(take_word(text)).value_or(0);
    notice.rank = number_in<int>(take_word(text)).value_or(0);
  }
  if (kind != 'x' && !take_sized(text, notice.user_id)) return;
  if (kind == 'u' && !take_sized(text, notice.room)) return;
  if (kind == 'k') {
    notice.reason = text;
    surely([&] { hub_->take_notice(notice, nullptr, now()); });
    return;
  }
  Result<std::vector<std::shared_ptr<Message>>> messages = read_messages(text);
  if (!messages.ok() || messages->size() != 1) {
    store_.dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  std::shared_ptr<Message>& message = messages->front();
  message->ephemeral = true;
  message->room = room != nullptr ? room->name : notice.room;
  surely([&] { hub_->take_notice(notice, message, now()); });
  store_.received_.fetch_add(1, std::memory_order_relaxed);
}

void ClusterWorker::on_notice(SharedRoom& room, char kind, std::string_view text) {
  using State = SharedRoom::State;
  if (kind == 'b') {
    Batch batch;
    batch.epoch = take_word(text);
    batch.first = number_in<std::uint64_t>(take_word(text)).value_or(0);
    batch.count = number_in<std::uint64_t>(take_word(text)).value_or(0);
    batch.time_ms = number_in<std::int64_t>(take_word(text)).value_or(0);
    batch.token = take_word(text);
    batch.messages = text;
    if (batch.first == 0 || batch.count == 0) return;
    if (room.state == State::open && batch.epoch != room.epoch) {
      ask_position(room);
      return;
    }
    take_batch(room, std::move(batch));
    publish(room);
  } else if (kind == 'v') {
    if (take_word(text) != settings_.id) on_values(room, text);
  } else if (kind == 'f') {
    if (room.state == State::open) ask_position(room);
  } else if (kind == 'c') {
    if (take_word(text) == settings_.id || text == room.epoch || !check_epoch(text).ok()) return;
    const std::string epoch(text);
    surely([&] { hub_->close_shared(room.name, epoch, "the room was closed"); });
    {
      const std::lock_guard lock(store_.values_mutex_);
      store_.values_.erase(room.name);
    }
    drop_content(room);
    room.close_epoch.clear();  // it is closed
    room.epoch = epoch;
    room.seq = 0;
    if (room.state == State::open || room.state == State::opening) ask_position(room);
  }
}

// The room was closed: what waits for it has come too late.
void ClusterWorker::drop_content(SharedRoom& room) {
  const Status closed{Error::no_such_room, "the room was closed"};
  for (SharedRoom::Waiting& one : std::exchange(room.sent, {})) fail(one, closed);
  for (SharedRoom::Waiting& one : std::exchange(room.waiting, {})) fail(one, closed);
  room.unwritten.clear();
  room.ahead.clear();
  room.values_version.clear();
}

// Steps -------------------------------------------------------------------------------------------------------------------

void ClusterWorker::take_steps() {
  std::vector<Step> steps;
  {
    const std::lock_guard lock(store_.mutex_);
    if (hub_ == nullptr && store_.hub_ != nullptr) hub_ = store_.hub_;
    if (store_.stopping_ && stop_ms_ == 0) stop_ms_ = loop_ms() + kStopMs;
    if (hub_ == nullptr) {
      if (store_.stopping_) uv_stop(&loop_);
      return;
    }
    steps.swap(store_.steps_);
  }
  for (Step& step : steps) surely([&] { take(step); });
  // What was added for each room is now published together.
  for (const Step& step : steps) {
    if (step.kind != Step::Kind::submit) continue;
    if (const auto found = rooms_.find(step.room); found != rooms_.end()) attend(*found->second);
  }
  if (stop_ms_ != 0) on_timer();
}

// When it throws, nothing has changed.
void ClusterWorker::take(Step& step) {
  const auto done = [this](std::int64_t bytes) { store_.waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed); };
  switch (step.kind) {
    case Step::Kind::submit: {
      SharedRoom& room = room_of(step.room);
      const Status full = unavailable("too many messages wait");
      busy_.insert(&room);
      SharedRoom::Waiting& added = room.waiting.emplace_back();
      added.submission = std::move(step.submission);
      added.since_ms = loop_ms();
      added.bytes = ClusterStore::bytes_of(*added.submission.message);
      if (room.state != SharedRoom::State::open && room.waiting.size() > settings_.hold_messages) {
        fail(room.waiting.back(), full);
        room.waiting.pop_back();
      }
      if (room.state != SharedRoom::State::open) attend(room);
      return;
    }
    case Step::Kind::log_opened: {
      SharedRoom& room = room_of(step.room);
      ++room.logs;
      if (!step.log->adopted) must_adopt(room);
      done(ClusterStore::kStepBytes);
      attend(room);
      return;
    }
    case Step::Kind::log_closed: {
      const auto found = rooms_.find(step.room);
      if (found != rooms_.end()) {
        --found->second->logs;
        drop_if_unused(step.room);
      }
      done(ClusterStore::kStepBytes);
      return;
    }
    case Step::Kind::close: {
      SharedRoom& room = room_of(step.room);
      drop_content(room);
      room.close_epoch = std::move(step.epoch);
      must_adopt(room);  // the hub's room may have been given another position meanwhile
      room.state = SharedRoom::State::closed;
      ++room.attempt;
      done(ClusterStore::kStepBytes);
      attend(room);
      return;
    }
    case Step::Kind::read: {
      SharedRoom& room = room_of(step.room);
      room.readers.push_back({step.done, loop_ms()});
      // The hub has no room, or one that was not there when the position was asked for.
      if (room.logs == 0) must_adopt(room);
      if (room.state == SharedRoom::State::open) room.state = SharedRoom::State::closed;
      done(ClusterStore::kStepBytes);
      attend(room);
      return;
    }
    case Step::Kind::keep_value: {
      SharedRoom& room = room_of(step.room);
      {
        const std::lock_guard lock(store_.values_mutex_);
        room.unwritten[step.value.key] = step.value.value;
        const auto coming = store_.coming_.find({step.room, step.value.key});
        if (coming != store_.coming_.end() && --coming->second == 0) store_.coming_.erase(coming);
      }
      done(ClusterStore::kStepBytes);
      attend(room);
      return;
    }
    case Step::Kind::notice:
      tell(step.notice);
      done(step.notice.message ? ClusterStore::bytes_of(*step.notice.message) : ClusterStore::kStepBytes);
      return;
  }
}

// "x" ID MESSAGE to a room or to everyone, "u" ID SIZE USER SIZE ROOM MESSAGE to a user, "k" ID CLIENT RANK SIZE USER REASON
void ClusterWorker::tell(const FarNotice& notice) {
  const bool kicks = notice.kind == FarNotice::Kind::kick;
  const bool to_user = !kicks && !notice.user_id.empty();
  std::string text = (kicks ? "k" : to_user ? "u" : "x") + settings_.id + " ";
  if (kicks) text += text_of(notice.client) + " " + std::to_string(notice.rank) + " ";
  const auto add_sized = [&](const std::string& part) { text += text_of(std::uint64_t{part.size()}) + " " + part; };
  if (kicks || to_user) add_sized(notice.user_id);
  if (to_user) add_sized(notice.message->room);
  if (kicks) {
    text += notice.reason;
  } else {
    write_message(*notice.message, text);
  }
  const std::string& name = kicks ? notice.room : notice.message->room;
  std::string channel = all_channel_;
  if (!to_user && !name.empty()) {
    const auto found = rooms_.find(name);
    channel = found != rooms_.end() ? found->second->channel : SharedRoom(name, settings_.prefix).channel;
  }
  if (!up_ || !command(*commands_, nullptr, "PUBLISH", channel, text).ok()) {
    store_.dropped_.fetch_add(1, std::memory_order_relaxed);
  }
}

// The hub has a new room, which knows nothing.
void ClusterWorker::must_adopt(SharedRoom& room) {
  room.must_adopt = true;
  room.ruled = false;
  room.values_version.clear();
  if (room.state == SharedRoom::State::open) room.state = SharedRoom::State::closed;
}

SharedRoom& ClusterWorker::room_of(const std::string& name) {
  if (const auto found = rooms_.find(name); found != rooms_.end()) return *found->second;
  auto room = std::make_shared<SharedRoom>(name, settings_.prefix);
  busy_.reserve(rooms_.size() + 1);  // lost() puts every room there
  checks_.emplace_back(loop_ms() + settings_.check_ms, room);
  by_channel_.emplace(room->channel, room.get());
  try {
    rooms_.emplace(name, room);
  } catch (const std::bad_alloc&) {
    by_channel_.erase(room->channel);
    throw;
  }
  store_.rooms_.store(rooms_.size(), std::memory_order_relaxed);
  return *room;
}

void ClusterWorker::drop_if_unused(const std::string& name) {
  const auto found = rooms_.find(name);
  if (found == rooms_.end() || !found->second->unused()) return;
  if (stop_ms_ == 0 && loop_ms() < found->second->keep_ms) {
    busy_.insert(found->second.get());  // the timer looks again
    return;
  }
  const SharedRoomPtr room = found->second;
  const bool subscribes = room->subscribed || room->state == SharedRoom::State::subscribing;
  if (subscribes && !run_.empty()) (void)command(*subscriber_, nullptr, "UNSUBSCRIBE", room->channel);
  ++room->attempt;
  {
    const std::lock_guard lock(store_.values_mutex_);
    store_.values_.erase(name);
  }
  busy_.erase(room.get());
  by_channel_.erase(room->channel);
  rooms_.erase(found);
  store_.rooms_.store(rooms_.size(), std::memory_order_relaxed);
}

void ClusterWorker::on_timer() {
  const std::int64_t ms = loop_ms();
  // What has come meanwhile is read after the timers, so a loop that was late has heard nothing.
  const std::int64_t late_ms = ms - std::exchange(last_tick_ms_, ms) - kTickMs;
  if (late_ms > 0) heard_ms_ += late_ms;
  if (!run_.empty() && scripts_left_ == 0) {
    if (ms >= next_beat_ms_) beat();
    if (ms >= next_sign_ms_) {
      next_sign_ms_ = ms + kSignMs;
      (void)command(*commands_, nullptr, "PUBLISH", own_channel_, "h");
    }
    if (ms - heard_ms_ > settings_.alive_ms) {
      heard_ms_ = ms;
      subscriber_->distrust("nothing was heard on the subscription");
    }
  }
  if (hub_ == nullptr) return;
  check_rooms();
  look_after_rooms();
  if (stop_ms_ == 0) return;
  const bool waits = store_.waiting_ != 0 || std::ranges::any_of(busy_, [](const SharedRoom* room) {
                       return !room->unwritten.empty() || !room->close_epoch.empty();
                     });
  if (waits && up_ && ms < stop_ms_) return;
  commands_->flush();
  const Status stopped{Error::stopped, "the server is stopping"};
  for (const auto& [name, room] : rooms_) fail_old(*room, stopped, INT64_MAX);
  rooms_.clear();
  by_channel_.clear();
  busy_.clear();
  uv_stop(&loop_);
}

// Compares the position of silent rooms, some at a time: a notice may have been lost.
void ClusterWorker::check_rooms() {
  const std::int64_t ms = loop_ms();
  while (!checks_.empty() && checks_.front().second.expired()) checks_.pop_front();
  for (int left = kChecks; left > 0 && !checks_.empty() && checks_.front().first <= ms; --left) {
    const SharedRoomPtr room = checks_.front().second.lock();
    if (room) checks_.emplace_back(ms + settings_.check_ms, room);
    checks_.pop_front();
    if (room && up_ && room->state == SharedRoom::State::open) ask_position(*room);
  }
}

void ClusterWorker::look_after_rooms() {
  const std::int64_t ms = loop_ms();
  using State = SharedRoom::State;
  std::vector<SharedRoomPtr> busy;
  busy.reserve(busy_.size());
  for (SharedRoom* room : busy_) busy.push_back(room->shared_from_this());
  bool all_handed_over = true;
  for (const SharedRoomPtr& room : busy) {
    // A busy room is not open for a moment when something is fetched.
    if (room->state == State::open) room->open_ms = ms;
    if (room->state != State::open && ms - room->open_ms >= settings_.hold_ms) {
      fail_old(*room, unavailable("Redis does not answer"), ms - settings_.hold_ms);
    } else if (room->state == State::open && !room->ahead.empty() && ms - room->ahead_since_ms >= kHoleMs) {
      store_.holes_.fetch_add(1, std::memory_order_relaxed);
      ask_position(*room);
    }
    attend(*room);
    const bool knows_more = !room->epoch.empty() && !room->must_adopt && room->run != run_;
    all_handed_over = all_handed_over && (!knows_more || room->state == State::settling);
    const bool waits = !room->ahead.empty() || !room->waiting.empty() || !room->unwritten.empty();
    if (room->state == State::open && !waits && !room->unused()) busy_.erase(room.get());
    drop_if_unused(room->name);
  }
  if (!up_ || handed_over_ || !all_handed_over) return;
  handed_over_ = true;
  next_beat_ms_ = 0;
}

// Rooms -------------------------------------------------------------------------------------------------------------------

// What is not done for lack of memory is tried again by the timer.
void ClusterWorker::attend(SharedRoom& room) noexcept {
  try {
    busy_.insert(&room);
    advance(room);
  } catch (const std::bad_alloc&) {
    room.state = SharedRoom::State::closed;
    ++room.attempt;
  }
}

// Takes the next step towards an open room, or publishes.
void ClusterWorker::advance(SharedRoom& room) {
  if (!up_ || hub_ == nullptr || loop_ms() < room.retry_ms) return;
  using State = SharedRoom::State;
  if (room.state == State::closed && !room.subscribed) {
    subscribe(room);
  } else if (room.state == State::closed && !room.close_epoch.empty()) {
    close(room);
  } else if (room.state == State::closed || (room.state == State::settling && settled_)) {
    ask_position(room);
  } else if (room.state == State::open) {
    set_values(room);
    publish(room);
  }
}

// A handler for the answer to a step towards an open room. When Redis has taken the step, calls taken(room) and goes on.
template <class Taken>
redis::ReplyHandler ClusterWorker::step_of(SharedRoom& room, Taken taken) {
  return [this, taken, attempt = ++room.attempt, weak = room.weak_from_this()](redis::Reply&& reply) {
    const SharedRoomPtr found = weak.lock();
    if (!found || found->attempt != attempt || !reply.answered()) return;
    found->state = SharedRoom::State::closed;
    if (reply.value.is_error()) {
      refuse(*found, reply.value);
      return;
    }
    taken(*found);
    attend(*found);
  };
}

void ClusterWorker::subscribe(SharedRoom& room) {
  room.state = SharedRoom::State::subscribing;
  const auto subscribed = step_of(room, [](SharedRoom& found) { found.subscribed = true; });
  if (!command(*subscriber_, subscribed, "SUBSCRIBE", room.channel).ok()) room.state = SharedRoom::State::closed;
}

void ClusterWorker::close(SharedRoom& room) {
  room.state = SharedRoom::State::opening;
  const auto closed = step_of(room, [this](SharedRoom& found) {
    found.epoch = std::exchange(found.close_epoch, {});
    found.seq = 0;
    found.run = run_;
  });
  const Status sent = run_script(Script::close, {room.meta, room.stream, room.ids, room.values},
                                 {run_, room.close_epoch, room.channel, settings_.id,
                                  text_of(settings_.message_id_window_ms), text_of(settings_.idle_ms)},
                                 closed);
  if (!sent.ok()) room.state = SharedRoom::State::closed;
}

// Also fetches what is missing.
void ClusterWorker::ask_position(SharedRoom& room) {
  if (!up_ || !room.subscribed) return;
  if (commands_->queued_bytes() > kMaxQueuedBytes || commands_->waiting() > kMaxAsked) {  // the timer asks again
    room.state = SharedRoom::State::closed;
    busy_.insert(&room);
    return;
  }
  room.state = SharedRoom::State::opening;
  busy_.insert(&room);
  const std::uint64_t attempt = ++room.attempt;
  room.values_changed = false;
  const bool from_start = room.must_adopt;
  std::vector<std::string> args = {run_,
                                   settings_.make_epoch(),
                                   settled_ || room.run == run_ ? "1" : "0",
                                   from_start ? std::string() : room.epoch,
                                   from_start ? "0" : text_of(room.seq),
                                   room.run,
                                   text_of(most_entries(settings_.limits)),
                                   text_of(most_bytes(settings_.limits)),
                                   text_of(settings_.idle_ms),
                                   room.channel,
                                   room.sent.empty() ? std::string() : room.token,
                                   room.values_version,
                                   text_of(settings_.message_id_window_ms),
                                   room.tell_above ? "1" : "0"};
  if (!from_start && room.tell_above) {
    for (const MessagePtr& message : hub_->kept(room.name)) {
      if (message->epoch != room.epoch || message->seq > room.seq || message->seq <= *room.tell_above) continue;
      std::string batch;
      write_message(*message, batch);
      args.insert(args.end(),
                  {text_of(message->seq), "1", text_of(message->time_ms), "-", std::move(batch), id_of(*message)});
    }
  }
  const auto answered = [this, attempt, from_start, weak = room.weak_from_this()](redis::Reply&& reply) {
    const SharedRoomPtr found = weak.lock();
    if (!found || found->attempt != attempt || !reply.answered()) return;
    if (found->must_adopt && !from_start) {
      ask_position(*found);
    } else {
      on_position(*found, reply.value);
    }
  };
  const std::vector<std::string_view> keys = {room.meta, room.stream, room.values, room.ids};
  if (!run_script(Script::open, keys, args, answered).ok()) room.state = SharedRoom::State::closed;
}

void ClusterWorker::on_position(SharedRoom& room, const redis::Value& answer) {
  const std::vector<redis::Value>& items = answer.items;
  if (items.size() == 2) {
    room.state = SharedRoom::State::settling;
    attend(room);
    return;
  }
  if (items.size() == 3) {
    room.tell_above = number_in<std::uint64_t>(items[2]).value_or(0);
    ask_position(room);
    return;
  }
  const bool is_whole = items.size() == 8;
  const auto top = is_whole ? number_in<std::uint64_t>(items[2]) : std::nullopt;
  const auto redis_ms = is_whole ? number_in<std::int64_t>(items[3]) : std::nullopt;
  const auto own_first = is_whole ? number_in<std::uint64_t>(items[7]) : std::nullopt;
  if (!top || !redis_ms || !own_first || !check_epoch(items[1].text).ok()) {
    room.state = SharedRoom::State::closed;
    refuse(room, answer);
    return;
  }
  const std::string& epoch = items[1].text;
  std::vector<Batch> batches;
  for (const redis::Value& entry : items[4].items) {
    if (std::optional<Batch> batch = batch_in(entry)) batches.push_back(std::move(*batch));
  }
  std::reverse(batches.begin(), batches.end());  // the oldest first
  const bool continues = !room.must_adopt && epoch == room.epoch &&
                         (batches.empty() ? *top <= room.seq : batches.front().first <= room.seq + 1);
  // What another Redis has lost of the values is given to it again. A room that was closed has a version.
  const bool keeps_values = !room.run.empty() && room.run != run_ && (epoch == room.epoch || items[5].text == "0");
  std::vector<RoomValue> values;
  if (items[5].text != room.values_version) {
    surely([&] { values = merge_values(room, items[6].items, keeps_values); });
  }
  RoomHold hold;
  if (!continues) {
    hold = adopt(room, {epoch, *top}, batches, values, *redis_ms);
    if (!hold) {
      room.state = SharedRoom::State::closed;
      return;
    }
  } else if (!values.empty()) {
    surely([&] { hub_->take_values(room.name, values, now()); });
  }
  room.values_version = items[5].text;
  room.ruled = true;
  room.must_adopt = false;
  room.tell_above.reset();
  room.run = run_;
  room.state = SharedRoom::State::open;
  if (continues) {
    for (Batch& batch : batches) take_batch(room, std::move(batch));
  }
  if (*own_first != 0) {  // it was published, and the answer was lost
    std::uint64_t seq = *own_first;
    for (SharedRoom::Waiting& one : std::exchange(room.sent, {})) {
      const Position place{room.epoch, seq++};
      surely([&] { hub_->acknowledge(one.submission, place, false); });
      finished(one);
    }
  }
  take_sent_back(room);  // it was not published
  std::erase_if(room.ahead,
                [&](const auto& one) { return !one.second.epoch.empty() && one.second.epoch != room.epoch; });
  take_ahead(room);
  answer_readers(room, {}, hold);
  set_values(room);
  publish(room);
  if (std::exchange(room.values_changed, false)) {  // after these values were read
    room.values_version.clear();
    ask_position(room);
  }
}

// Gives Redis what it does not have of the room's values.
void ClusterWorker::set_values(SharedRoom& room) {
  if (room.unwritten.empty() || room.setting_values || loop_ms() < room.retry_ms) return;
  busy_.insert(&room);
  std::vector<std::string> args = {room.channel, settings_.id, text_of(settings_.idle_ms)};
  std::map<std::string, std::string> sent = room.unwritten;
  for (const auto& [key, value] : sent) args.insert(args.end(), {key, value});
  const auto answered = [this, sent = std::move(sent), session = session_,
                         weak = room.weak_from_this()](redis::Reply&& reply) {
    const SharedRoomPtr found = weak.lock();
    if (!found || session != session_) return;
    found->setting_values = false;
    if (!reply.answered()) return;  // they are sent again after the next connection
    if (reply.value.is_error()) {
      refuse(*found, reply.value);
      return;
    }
    for (const auto& [key, value] : sent) {
      const auto written = found->unwritten.find(key);
      if (written != found->unwritten.end() && written->second == value) found->unwritten.erase(written);
    }
    set_values(*found);
  };
  room.setting_values = run_script(Script::set_values, {room.values, room.meta}, args, answered).ok();
}

// All values of the room in Redis: keys, each with its value. keeps: what Redis does not have is given to it. Returns what is new for
// the hub.
std::vector<RoomValue> ClusterWorker::merge_values(SharedRoom& room, const std::vector<redis::Value>& items,
                                                   bool keeps) {
  const std::int64_t time_ms = now().time_ms;
  ClusterStore::Values values;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    values[items[i].text] = {items[i].text, items[i + 1].text, time_ms};
  }
  std::vector<RoomValue> changed;
  const std::lock_guard lock(store_.values_mutex_);
  static const ClusterStore::Values none;
  const auto found = store_.values_.find(room.name);
  const ClusterStore::Values& before = found == store_.values_.end() ? none : found->second;
  if (keeps) {
    for (const auto& [key, value] : before) {
      if (!values.contains(key)) room.unwritten.try_emplace(key, value.value);
    }
  }
  for (const auto& [key, value] : room.unwritten) {
    values.erase(key);
    if (!value.empty()) values[key] = {key, value, time_ms};
  }
  // What the hub has set a moment ago counts more.
  const auto coming = store_.coming_.lower_bound({room.name, {}});
  for (auto one = coming; one != store_.coming_.end() && one->first.first == room.name; ++one) {
    const std::string& key = one->first.second;
    values.erase(key);
    if (const auto own = before.find(key); own != before.end()) values[key] = own->second;
  }
  for (const auto& [key, value] : before) {
    if (!values.contains(key)) changed.push_back({key, {}, value.time_ms});
  }
  for (const auto& [key, value] : values) {
    const auto known = before.find(key);
    if (!room.ruled || known == before.end() || known->second.value != value.value) changed.push_back(value);
  }
  if (values.empty()) {
    store_.values_.erase(room.name);
  } else {
    store_.values_.insert_or_assign(room.name, std::move(values));
  }
  room.ruled = false;  // until the hub has them
  return changed;
}

bool ClusterWorker::is_coming(const std::string& room, const std::string& key) {
  const std::lock_guard lock(store_.values_mutex_);
  return store_.coming_.contains({room, key});
}

void ClusterWorker::on_values(SharedRoom& room, std::string_view notice) {
  room.values_changed = room.values_changed || room.state == SharedRoom::State::opening;
  std::vector<RoomValue> changed;
  while (!notice.empty()) {
    RoomValue one;
    if (!take_sized(notice, one.key) || !take_sized(notice, one.value)) return;
    if (room.unwritten.contains(one.key) || is_coming(room.name, one.key)) continue;  // a later one of this server
    one.time_ms = now().time_ms;
    changed.push_back(std::move(one));
  }
  surely([&] {
    {
      const std::lock_guard lock(store_.values_mutex_);
      ClusterStore::Values& values = store_.values_[room.name];
      for (const RoomValue& one : changed) {
        if (one.value.empty()) {
          values.erase(one.key);
        } else {
          values.insert_or_assign(one.key, one);
        }
      }
    }
    hub_->take_values(room.name, changed, now());
  });
}

// nullptr: the hub does not take the room; its readers know why.
RoomHold ClusterWorker::adopt(SharedRoom& room, const Position& top, const std::vector<Batch>& batches,
                              const std::vector<RoomValue>& values, std::int64_t redis_ms) {
  const Moment moment = now();
  std::vector<MessagePtr> messages;
  for (const Batch& batch : batches) {
    Result<std::vector<std::shared_ptr<Message>>> read = read_messages(batch.messages);
    if (!read.ok() || read->size() != batch.count) {
      store_.dropped_.fetch_add(batch.count, std::memory_order_relaxed);
      continue;
    }
    std::uint64_t seq = batch.first;
    for (std::shared_ptr<Message>& message : *read) {
      message->room = room.name;
      message->epoch = top.epoch;
      message->seq = seq++;
      message->time_ms = batch.time_ms;
      message->born_ms = moment.age_ms - std::max<std::int64_t>(0, redis_ms - batch.time_ms);
      if (message->seq <= top.seq) messages.push_back(std::move(message));
    }
  }
  Result<RoomHold> hold = Status{};
  surely([&] { hold = hub_->adopt(room.name, top, messages, values, moment); });
  if (!hold.ok()) {
    answer_readers(room, hold.status());
    return nullptr;
  }
  room.epoch = top.epoch;
  room.seq = top.seq;
  room.keep_ms = loop_ms() + kKeepMs;
  return *hold;
}

void ClusterWorker::answer_readers(SharedRoom& room, const Status& status, const RoomHold& hold) {
  for (SharedRoom::Reader& reader : std::exchange(room.readers, {})) {
    surely([&] {
      auto range = std::make_shared<KeptRange>();
      range->status = status;
      range->epoch = room.epoch;
      range->hold = hold;
      reader.done(std::move(range));
    });
  }
}

// One batch at a time, so that their order is that in which they were submitted.
void ClusterWorker::publish(SharedRoom& room) {
  if (room.state != SharedRoom::State::open || !room.sent.empty() || room.waiting.empty()) return;
  try {
    send_batch(room);
  } catch (const std::bad_alloc&) {
    take_sent_back(room);  // the timer tries again
    busy_.insert(&room);
  }
}

void ClusterWorker::send_batch(SharedRoom& room) {
  std::string batch;
  std::vector<std::string> ids;
  while (!room.waiting.empty() && room.sent.size() < kBatchMessages && batch.size() < kBatchBytes) {
    const Message& message = *room.waiting.front().submission.message;
    write_message(message, batch);
    ids.push_back(id_of(message));
    room.sent.push_back(std::move(room.waiting.front()));
    room.waiting.pop_front();
  }
  room.token = settings_.id + "." + text_of(++tokens_);
  std::vector<std::string> args = {run_,
                                   room.epoch,
                                   text_of(most_entries(settings_.limits)),
                                   room.channel,
                                   text_of(std::uint64_t{room.sent.size()}),
                                   std::move(batch),
                                   room.token,
                                   text_of(settings_.message_id_window_ms),
                                   text_of(settings_.idle_ms),
                                   text_of(most_bytes(settings_.limits))};
  args.insert(args.end(), std::make_move_iterator(ids.begin()), std::make_move_iterator(ids.end()));
  const auto answered = [this, weak = room.weak_from_this(), token = room.token](redis::Reply&& reply) {
    const SharedRoomPtr found = weak.lock();
    // When the answer is lost, the stream tells after the next connection.
    if (found && reply.answered()) on_published(*found, token, reply.value);
  };
  store_.batches_.fetch_add(1, std::memory_order_relaxed);
  if (!run_script(Script::publish, {room.meta, room.stream, room.ids}, args, answered).ok()) {
    take_sent_back(room);
    busy_.insert(&room);
  }
}

void ClusterWorker::on_published(SharedRoom& room, const std::string& token, const redis::Value& answer) {
  if (room.sent.empty() || room.token != token) return;  // its notice came first
  const std::string_view kind =
      answer.is_array() && !answer.items.empty() ? std::string_view(answer.items[0].text) : "";
  if (kind == "OK" && answer.items.size() == 3) {
    Batch batch;
    batch.first = number_in<std::uint64_t>(answer.items[1]).value_or(0);
    batch.count = room.sent.size();
    batch.time_ms = number_in<std::int64_t>(answer.items[2]).value_or(0);
    batch.token = token;
    if (batch.first == 0) return;
    take_batch(room, std::move(batch));
    publish(room);
  } else if (kind == "MOVED") {
    take_sent_back(room);
    ask_position(room);
  } else if (kind == "TWICE") {
    on_twice(room, answer);
    publish(room);
  } else {
    refuse(room, answer);
    if (is_of_another(answer)) {
      take_sent_back(room);
      return;
    }
    for (SharedRoom::Waiting& one : std::exchange(room.sent, {})) fail(one, unavailable(answer.text));
    publish(room);
  }
}

void ClusterWorker::on_twice(SharedRoom& room, const redis::Value& answer) {
  busy_.insert(&room);
  std::vector<SharedRoom::Waiting> sent = std::exchange(room.sent, {});
  for (std::size_t i = 1; i + 1 < answer.items.size(); i += 2) {
    const auto index = number_in<std::size_t>(answer.items[i]);
    const auto seq = number_in<std::uint64_t>(answer.items[i + 1]);
    if (!index || !seq || *index == 0 || *index > sent.size()) continue;
    SharedRoom::Waiting& known = sent[*index - 1];
    if (!known.submission.message) continue;
    surely([&] { hub_->acknowledge(known.submission, {room.epoch, *seq}, true); });
    finished(known);
    known.submission = {};
  }
  std::erase_if(sent, [](const SharedRoom::Waiting& one) { return !one.submission.message; });
  room.waiting.insert(room.waiting.begin(), std::make_move_iterator(sent.begin()), std::make_move_iterator(sent.end()));
}

void ClusterWorker::take_batch(SharedRoom& room, Batch batch) {
  if (room.state == SharedRoom::State::open && batch.last() <= room.seq) return;
  if (batch.first > room.seq + 1 || room.state != SharedRoom::State::open) {
    if (room.ahead.empty()) room.ahead_since_ms = loop_ms();
    busy_.insert(&room);
    if (room.ahead.size() >= kMaxAhead) room.ahead.erase(std::prev(room.ahead.end()));  // it is fetched later
    const auto [place, added] = room.ahead.try_emplace(batch.first, batch);
    if (!added && place->second.messages.empty()) place->second = std::move(batch);
    return;
  }
  deliver(room, batch);
  take_ahead(room);
}

void ClusterWorker::take_ahead(SharedRoom& room) {
  while (!room.ahead.empty() && room.ahead.begin()->first <= room.seq + 1) {
    Batch next = std::move(room.ahead.begin()->second);
    room.ahead.erase(room.ahead.begin());
    const bool current = next.epoch.empty() || next.epoch == room.epoch;
    if (current && next.last() > room.seq) deliver(room, next);
  }
  if (!room.ahead.empty()) room.ahead_since_ms = loop_ms();
}

// The batch follows everything that the hub has.
void ClusterWorker::deliver(SharedRoom& room, Batch& batch) {
  if (!room.sent.empty() && batch.token == room.token && batch.count == room.sent.size()) {
    std::uint64_t seq = batch.first;
    for (SharedRoom::Waiting& one : room.sent) {
      one.submission.message->time_ms = batch.time_ms;
      const Position place{room.epoch, seq++};
      surely([&] { hub_->commit(one.submission, place); });
      finished(one);
    }
    store_.published_.fetch_add(room.sent.size(), std::memory_order_relaxed);
    room.sent.clear();
    room.seq = batch.last();
    return;
  }
  if (batch.messages.empty()) return;  // of this server, given back since; the stream has it
  Result<std::vector<std::shared_ptr<Message>>> messages = read_messages(batch.messages);
  if (!messages.ok() || messages->size() != batch.count) {
    log(LogLevel::error, "cluster: messages of another server cannot be read");
    store_.dropped_.fetch_add(batch.count, std::memory_order_relaxed);
    room.seq = batch.last();
    return;
  }
  std::uint64_t seq = batch.first;
  for (std::shared_ptr<Message>& message : *messages) {
    message->seq = seq++;
    if (message->seq <= room.seq) continue;
    message->room = room.name;
    message->epoch = room.epoch;
    message->time_ms = batch.time_ms;
    message->born_ms = now().age_ms;
    surely([&] { hub_->receive(message); });
    store_.received_.fetch_add(1, std::memory_order_relaxed);
  }
  room.seq = batch.last();
}

void ClusterWorker::take_sent_back(SharedRoom& room) {
  room.waiting.insert(room.waiting.begin(), std::make_move_iterator(room.sent.begin()),
                      std::make_move_iterator(room.sent.end()));
  room.sent.clear();
}

void ClusterWorker::finished(const SharedRoom::Waiting& waiting) {
  store_.waiting_bytes_.fetch_sub(waiting.bytes, std::memory_order_relaxed);
  store_.waiting_.fetch_sub(1, std::memory_order_relaxed);
}

void ClusterWorker::fail(SharedRoom::Waiting& waiting, const Status& status) {
  surely([&] { hub_->commit(waiting.submission, status); });
  finished(waiting);
  store_.failed_.fetch_add(1, std::memory_order_relaxed);
}

// Those that have waited since before_ms or longer. What was sent is one batch: it is published whole or not at all.
void ClusterWorker::fail_old(SharedRoom& room, const Status& status, std::int64_t before_ms) {
  if (!room.sent.empty() && room.sent.front().since_ms <= before_ms) {
    for (SharedRoom::Waiting& one : std::exchange(room.sent, {})) fail(one, status);
  }
  while (room.sent.empty() && !room.waiting.empty() && room.waiting.front().since_ms <= before_ms) {
    fail(room.waiting.front(), status);
    room.waiting.pop_front();
  }
  if (!room.readers.empty() && room.readers.front().since_ms <= before_ms) answer_readers(room, status);
}

}  // namespace chat::cluster
