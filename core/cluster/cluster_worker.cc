// See cluster_worker.h.
#include "cluster/cluster_worker.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <new>
#include <optional>

#include "cluster/far_notices.h"
#include "cluster/words.h"
#include "model/surely.h"

namespace chat::cluster {
namespace {

constexpr int kTickMs = 50;
constexpr std::int64_t kBeatMs = 3'000;
constexpr std::int64_t kSettlingBeatMs = 100;
constexpr std::int64_t kStopMs = 2'000;
constexpr int kComparisons = 200;  // of rooms in one tick

}  // namespace

ClusterWorker::ClusterWorker(ClusterStore& store, const ClusterSettings& its_settings)
    : RoomHost(its_settings, store.values_, store.counters_),
      store_(store),
      own_channel_(its_settings.prefix + "n:" + its_settings.id),
      all_channel_(its_settings.prefix + "all"),
      shards_(loop_.get(), its_settings, *this,
              {[this] { on_moved(); }, [this](const Status& why) { note_trouble(why); }}, own_channel_,
              {all_channel_, store.far().channel()}),
      membership_(its_settings, {[this](bool first) { on_beat(first); },
                                 [this](const Status& why) {
                                   note_trouble(why);
                                   note_state();
                                   membership_.beat_soon();
                                 }}),
      people_(*this, its_settings),
      lists_(*this, its_settings) {}

// Before what its answers go to, and before the loop.
ClusterWorker::~ClusterWorker() { shards_.clear(); }

Status ClusterWorker::prepare() {
  const Status status = loop_.prepare();
  return status.ok() ? status : Status{status.code, "cluster: " + status.detail};
}

void ClusterWorker::run() {
  last_tick_ms_ = loop_ms();
  try {
    if (const Status status = shards_.start(); !status.ok()) note_trouble(status);
  } catch (const std::bad_alloc&) {
    note_trouble({Error::no_memory, {}});
  }
  loop_.run(kTickMs);
  shards_.stop();
}

void ClusterWorker::wake() { loop_.wake(); }

void ClusterWorker::log(LogLevel level, const std::string& text) {
  if (settings.log) settings.log(level, text);
}

// Redis -------------------------------------------------------------------------------------------------------------------

void ClusterWorker::note_trouble(Status status) {
  const std::lock_guard lock(store_.mutex_);
  store_.trouble_ = std::move(status);
  store_.changed_.notify_all();
}

void ClusterWorker::on_up(RedisShard& shard) {
  // Clients have the server's number in their ids, so nothing is opened without one.
  if (&shard == home_) {
    beat();
  } else if (membership_.has_number()) {
    open(shard);
  }
}

void ClusterWorker::on_down(RedisShard& shard, const Status& why, bool was_open) {
  // First what needs no memory.
  if (&shard == home_) {
    membership_.lose();
    people_.lost_servers();
  }
  if (was_open) store_.settled_ = false;
  for (const auto& [name, room] : rooms_) {
    if (&room->redis() != &shard) continue;
    room->on_lost();
    people_.lost(name);
  }
  shards_.look_again();
  surely([this] {
    for (const auto& [name, room] : rooms_) {
      if (!room->is_open()) busy_.insert(room.get());
    }
  });
  if (was_open) {
    shard.expect(counters.servers.load(std::memory_order_relaxed));
    ClusterCounters::add(counters.losses);
  }
  surely([this] { lists_.lost(); });
  note_state();
  note_trouble(why);
  if (was_open) log(LogLevel::error, "cluster: Redis is lost: " + why.detail + "; messages to its rooms wait");
}

// Rooms are elsewhere, and perhaps the list of servers.
void ClusterWorker::on_moved() {
  for (const auto& shard : shards_.all()) {
    const std::uint64_t servers = counters.servers.load(std::memory_order_relaxed);
    if (!shard->is_up()) shard->expect(servers);
    if (!shard->is_open() || shard->is_settled()) continue;
    shard->expect(std::max(servers, shard->expected_servers()));
    membership_.beat_soon();
  }
  for (const auto& one : rooms_) {
    SharedRoom& room = *one.second;
    RoomRedis& redis = shards_.of(partition_of(room.name));
    if (&room.redis() == &redis) continue;
    surely([&] { busy_.insert(&room); });
    room.move_to(redis);
    people_.lost(room.name);
  }
  if (home_ != shards_.home()) {
    home_ = shards_.home();
    membership_.lose();
    people_.lost_servers();
    membership_.beat_soon();
  }
  note_state();
}

void ClusterWorker::open(RedisShard& shard) {
  shard.open();
  note_state();
  look_after_rooms();
}

// Whether rooms are open, all of them or some.
void ClusterWorker::note_state() {
  const bool up = membership_.has_lease() && shards_.all_open();
  store_.up_ = up;
  store_.reaches_others_ = shards_.any_open() != nullptr;
  for (std::uint32_t part = 0; part < kPartitions; ++part) store_.open_parts_[part] = shards_.of(part).is_open();
  // A server that is open issues what the others can check.
  if (up && !asked_secret_) return agree_on_secret();
  if (!up || std::exchange(told_up_, up)) {
    told_up_ = up;
    return;
  }
  {
    const std::lock_guard lock(store_.mutex_);
    if (store_.node_ == 0) store_.node_ = membership_.number();
    store_.opened_ = true;
    store_.changed_.notify_all();
  }
  const std::size_t primaries = shards_.all().size();
  log(LogLevel::info, "cluster: connected with the number " + std::to_string(membership_.number()) +
                          "; servers: " + std::to_string(membership_.servers()) +
                          (primaries > 1 ? "; primaries: " + std::to_string(primaries) : ""));
}

void ClusterWorker::beat() {
  if (home_ == nullptr || !home_->is_up()) return;
  ServerAbout about = settings.about;
  about.id = settings.id;
  if (hub_ != nullptr) about.clients = hub_->stats().clients_now;
  about.rooms = rooms_.size();
  about.waiting = counters.waiting.load(std::memory_order_relaxed);
  bool settled = true;
  for (const auto& shard : shards_.all()) {
    if (shard->is_handed_over()) about.handed_over.push_back(shard->assignment());
    settled = settled && (!shard->is_open() || shard->is_settled());
  }
  membership_.beat(*home_, about, loop_ms() + (settled ? kBeatMs : kSettlingBeatMs));
}

void ClusterWorker::on_beat(bool first) {
  counters.servers.store(membership_.servers(), std::memory_order_relaxed);
  surely([&] {
    const std::vector<std::string> ids = membership_.ids();
    heard_.keep(membership_.ids_with_greeted());
    if (hub_ != nullptr) people_.take_servers(ids);
  });
  note_others();
  if (first) {
    for (const auto& shard : shards_.all()) {
      if (shard->is_up() && !shard->is_open()) shard->open();
    }
    tell_servers("n" + settings.id + " " + text_of(std::uint64_t{membership_.number()}));
    note_state();
    look_after_rooms();
  }
  settle();
  agree_on_secret();
}

void ClusterWorker::note_others() {
  std::array<bool, kMaxNode + 1> others{};
  for (const std::uint32_t number : membership_.numbers()) {
    if (number <= kMaxNode) others[number] = number != membership_.number();
  }
  std::ranges::copy(others, store_.others_.begin());
}

// Another server has got its number: it can be told something at once.
void ClusterWorker::greet(std::string_view text) {
  const std::string id(take_word(text));
  const auto number = number_in<std::uint32_t>(text);
  if (id == settings.id) return;
  if (id.empty() || !number) {
    dropped();
    return;
  }
  surely([&] { membership_.greet(id, *number); });
  note_others();
  membership_.beat_soon();
}

// Again and again: Redis may have lost it, or somebody has changed it.
void ClusterWorker::agree_on_secret() {
  RedisShard* const shard = shards_.shard_of(FarLink::secret_part());
  if (asks_secret_ || shard == nullptr || !shard->is_open()) return;
  const auto answered = [this, shard](redis::Reply&& reply) {
    asks_secret_ = false;
    if (!reply.answered()) return;
    const redis::Value& value = reply.value;
    if (value.is_error()) (void)shard->refused(value);
    const bool taken = value.is_text() && store_.far().secret().take(value.text);
    if (!taken && !std::exchange(refused_secret_, true)) {
      log(LogLevel::warning,
          "cluster: no secret is shared, so polling sessions of this server are unknown to the others" +
              (value.is_error() ? ": " + value.text : std::string()));
    }
    refused_secret_ = !taken;
    if (!std::exchange(asked_secret_, true)) note_state();
  };
  asks_secret_ = shard->send(store_.far().secret_command(), answered).ok();
}

// Opens the rooms of each Redis that has everything that the servers know, or has waited for it long enough.
void ClusterWorker::settle() {
  bool any = false;
  for (const auto& shard : shards_.all()) {
    if (!shard->is_open() || shard->is_settled()) continue;
    const bool late = loop_ms() - shard->open_ms() >= settings.settle_ms;
    const bool complete = shard->is_handed_over() && membership_.all_handed_over(shard->assignment()) &&
                          membership_.servers() >= shard->expected_servers();
    if (!complete && !late) continue;
    shard->settle();
    any = true;
  }
  if (!any) return;
  store_.settled_ = std::ranges::all_of(shards_.all(), [](const auto& shard) { return shard->is_settled(); });
  look_after_rooms();
}

void ClusterWorker::on_message(RedisShard& shard, std::string_view channel, std::string_view text) {
  if (text.empty()) return;
  if (channel == store_.far().channel()) {
    // Each node of a Redis Cluster passes it on.
    const RedisShard* chosen = shards_.any_open();
    for (const auto& one : shards_.all()) {
      if (chosen == nullptr && one->is_up()) chosen = one.get();
    }
    if (hub_ != nullptr && (chosen == nullptr || chosen == &shard)) store_.far().on_text(text);
    return;
  }
  const char kind = text.front();
  text.remove_prefix(1);
  SharedRoom* room = nullptr;
  if (channel == own_channel_ || channel == all_channel_) {
    // Each node of a Redis Cluster passes it on. Far notices have numbers, so the first one counts, whichever it is from.
    if (!is_far_notice(kind) && &shard != shards_.any_open()) return;
  } else {
    const auto found = by_channel_.find(std::string(channel));
    if (found == by_channel_.end()) {
      // Redis has counted this server among those that hear it.
      if (kind == 'l') hear_list(&FarLists::take_question, text);
      return;
    }
    room = found->second;
    if (&room->redis() != &shard) return;  // a node that had it before passes it on, too
  }
  if (kind == 'l') {
    hear_list(&FarLists::take_question, text);
    return;
  }
  if (hub_ == nullptr) return;
  if (kind == 'a' && channel == own_channel_) {
    hear_list(&FarLists::take_answer, text);
  } else if (kind == 'n' && room == nullptr) {
    greet(text);
  } else if (kind == 'p' && room != nullptr) {
    people_.take_notice(room->name, text);
  } else if (kind == 'q' && room == nullptr) {
    surely([&] { people_.take_goodbye(text); });
  } else if (is_far_notice(kind)) {
    const std::string_view origin = take_word(text);
    bool is_new = false;
    surely([&] { is_new = is_news(origin); });
    if (is_new) hear(kind, text, room);
  } else if (room != nullptr) {
    room->on_notice(kind, text);
  }
}

// The first word of a notice: the server, a dot, and its number there.
bool ClusterWorker::is_news(std::string_view origin) {
  const std::size_t dot = origin.rfind('.');
  if (dot == std::string_view::npos) return false;
  const auto number = number_in<std::uint64_t>(origin.substr(dot + 1));
  origin = origin.substr(0, dot);
  if (!number || origin == settings.id) return false;
  const NoticeFilter::News news = heard_.take(origin, *number);
  if (news == NoticeFilter::News::too_old) dropped();
  return news == NoticeFilter::News::fresh;
}

// Without memory the text is lost, and the list is incomplete: it may be long, and nobody may have asked for it.
void ClusterWorker::hear_list(void (FarLists::*hears)(std::string_view), std::string_view text) try {
  (lists_.*hears)(text);
} catch (const std::bad_alloc&) {
  dropped();
}

// Of another server. room: nullptr: for everyone.
void ClusterWorker::hear(char kind, std::string_view text, SharedRoom* room) {
  const std::optional<HeardNotice> heard = read_far_notice(kind, text, room != nullptr ? room->name : std::string());
  if (!heard) {
    ClusterCounters::add(counters.dropped);
    return;
  }
  surely([&] { hub_->take_notice(heard->notice, heard->message, now()); });
  if (heard->message) ClusterCounters::add(counters.received);
}

// Steps -------------------------------------------------------------------------------------------------------------------

void ClusterWorker::take_steps() {
  std::vector<Step> steps;
  {
    const std::lock_guard lock(store_.mutex_);
    if (hub_ == nullptr && store_.hub_ != nullptr) hub_ = store_.hub_;
    if (store_.stopping_ && stop_ms_ == 0) stop_ms_ = loop_ms() + kStopMs;
    if (hub_ == nullptr) {
      if (store_.stopping_) loop_.stop();
      return;
    }
    steps.swap(store_.steps_);
  }
  for (Step& step : steps) surely([&] { take(step); });
  // What was added for each room is now published together.
  for (const Step& step : steps) {
    if (step.kind != Step::Kind::submit) continue;
    if (const auto found = rooms_.find(step.room); found != rooms_.end()) found->second->attend();
  }
  if (stop_ms_ != 0) on_timer();
}

// When it throws, nothing has changed.
void ClusterWorker::take(Step& step) {
  std::int64_t bytes = ClusterStore::kStepBytes;
  switch (step.kind) {
    case Step::Kind::submit:
      room_of(step.room).submit(step.submission);
      return;  // it waits, with its bytes
    case Step::Kind::log_opened:
      room_of(step.room).log_opened(step.log->adopted);
      break;
    case Step::Kind::log_closed:
      if (const auto found = rooms_.find(step.room); found != rooms_.end()) {
        busy_.insert(found->second.get());  // the timer drops it
        found->second->log_closed();
      }
      break;
    case Step::Kind::close:
      room_of(step.room).close(step.epoch);
      break;
    case Step::Kind::read:
      room_of(step.room).read(step.done);
      break;
    case Step::Kind::keep_value:
      room_of(step.room).set_value(step.value);
      values.arrived(step.room, step.value.key);
      break;
    case Step::Kind::people:
      if (const auto found = rooms_.find(step.room); found != rooms_.end()) {
        people_.changed(step.room, found->second->is_open());
      }
      break;
    case Step::Kind::command:
      bytes = ClusterStore::bytes_of(step.words);
      send(step);
      counters.command_bytes.fetch_sub(bytes, std::memory_order_relaxed);
      return;
    case Step::Kind::list:
      lists_.list(step.room, step.within_ms, step.listed);
      break;
    case Step::Kind::notice:
      tell(step.notice);
      if (step.notice.message) bytes = ClusterStore::bytes_of(*step.notice.message);
      break;
  }
  counters.waiting_bytes.fetch_sub(bytes, std::memory_order_relaxed);
}

// A command that concerns no room. Rooms do not wait for it, so it is refused first.
void ClusterWorker::send(const Step& step) {
  if (step.room.empty()) {
    send_to_any(shards_.any_open(), step.words, step.reply);
    return;
  }
  send_to(shards_.shard_of(partition_of(step.room)), step.words, step.reply);
}

// A text to a server. The count in an answer is that of one node: a server that connects to it again hears the others.
void ClusterWorker::send_to_any(RedisShard* shard, const std::vector<std::string>& words,
                                const redis::ReplyHandler& done) {
  if (done == nullptr || shards_.all().size() == 1) return send_to(shard, words, done);
  send_to(shard, words, [this, shard, words, done](redis::Reply&& reply) {
    const bool unheard = reply.answered() && reply.value.is_integer() && reply.value.integer == 0;
    RedisShard* const next = unheard && stop_ms_ == 0 ? shards_.open_after(*shard) : nullptr;
    if (next == nullptr) return done(std::move(reply));
    surely([&] { send_to_any(next, words, done); });
  });
}

void ClusterWorker::send_to(RedisShard* shard, const std::vector<std::string>& words, const redis::ReplyHandler& done) {
  Status sent{Error::unavailable, "Redis does not answer"};
  if (shard != nullptr && shard->is_open() && !shard->has_many_bytes()) {
    sent = shard->send(words, [shard, done](redis::Reply&& reply) {
      if (reply.answered() && reply.value.is_error()) (void)shard->refused(reply.value);
      if (done) done(std::move(reply));
    });
  }
  if (!sent.ok() && done) done({redis::Reply::Outcome::not_sent, {}, sent});
}

void ClusterWorker::tell(const FarNotice& notice) {
  std::string text = write_far_notice(notice, settings.id + "." + text_of(++told_));
  std::string channel;
  if (is_for_server(notice)) {
    const std::string id = membership_.id_of(node_of(notice.client));
    if (!id.empty()) channel = channel_of_server(id);
  } else {
    channel = channel_of_room(channel_room(notice));
  }
  if (channel.empty()) {
    ClusterCounters::add(counters.dropped);
  } else {
    pass_on(std::move(channel), std::move(text), nullptr);
  }
}

// With an empty name: that of everyone.
std::string ClusterWorker::channel_of_room(const std::string& room) const {
  if (room.empty()) return all_channel_;
  const auto found = rooms_.find(room);
  return found != rooms_.end() ? found->second->keys.channel : RoomKeys(room, settings.prefix).channel;
}

// When the node of a Redis Cluster is lost before it has answered, another one passes the notice on: nobody takes it twice.
void ClusterWorker::pass_on(std::string channel, std::string text, const RedisShard* lost) {
  RedisShard* const shard = shards_.any_open(lost);
  redis::ReplyHandler done;
  if (shards_.all().size() > 1) {
    done = [this, channel, text, shard](redis::Reply&& reply) {
      if (!reply.answered() && stop_ms_ == 0) surely([&] { pass_on(channel, text, shard); });
    };
  }
  if (shard == nullptr || !shard->publish(channel, text, done).ok()) ClusterCounters::add(counters.dropped);
}

// Rooms -------------------------------------------------------------------------------------------------------------------

SharedRoom& ClusterWorker::room_of(const std::string& name) {
  if (const auto found = rooms_.find(name); found != rooms_.end()) return *found->second;
  auto room = std::make_shared<SharedRoom>(*this, shards_.of(partition_of(name)), name);
  busy_.reserve(rooms_.size() + 1);  // on_down() puts every room there
  comparisons_.emplace_back(loop_ms() + settings.check_ms, room);
  by_channel_.emplace(room->keys.channel, room.get());
  try {
    rooms_.emplace(name, room);
  } catch (const std::bad_alloc&) {
    by_channel_.erase(room->keys.channel);
    throw;
  }
  counters.rooms.store(rooms_.size(), std::memory_order_relaxed);
  return *room;
}

void ClusterWorker::drop_if_unused(const std::string& name) {
  const auto found = rooms_.find(name);
  if (found == rooms_.end() || !found->second->is_unused()) return;
  const SharedRoomPtr room = found->second;
  if (stop_ms_ == 0 && loop_ms() < room->keep_ms()) {
    busy_.insert(room.get());  // the timer looks again
    return;
  }
  room->unsubscribe();
  values.drop(name);
  people_.dropped(name);
  busy_.erase(room.get());
  by_channel_.erase(room->keys.channel);
  rooms_.erase(found);
  counters.rooms.store(rooms_.size(), std::memory_order_relaxed);
}

void ClusterWorker::on_timer() {
  const std::int64_t ms = loop_ms();
  // What has come meanwhile is read after the timers, so a loop that was late has heard nothing.
  const std::int64_t late_ms = ms - std::exchange(last_tick_ms_, ms) - kTickMs;
  shards_.tick(late_ms);
  note_state();
  if (membership_.is_due(ms)) beat();
  settle();
  if (hub_ == nullptr) return;
  compare_rooms();
  look_after_rooms();
  tell_islands();
  people_.on_timer();
  lists_.on_timer();
  if (stop_ms_ == 0) return;
  const bool waits = counters.waiting != 0 ||
                     std::ranges::any_of(shards_.all(), [](const auto& shard) { return shard->writes(); }) ||
                     std::ranges::any_of(busy_, [](const SharedRoom* room) { return room->has_changes(); });
  // The messages of islands wait for Redis to come back.
  const bool hopeless = shards_.any_open() == nullptr && counters.islands == 0;
  if (!waits || hopeless || ms >= stop_ms_) end();
}

// One line for each change, whatever the number of rooms.
void ClusterWorker::tell_islands() {
  if (told_islands_ == (counters.islands != 0)) return;
  told_islands_ = !told_islands_;
  if (told_islands_) {
    told_merged_ = counters.merged;
    log(LogLevel::error, "cluster: without Redis this server numbers the messages of its rooms itself");
  } else {
    log(LogLevel::info, "cluster: the messages of this server are in the shared rooms: " +
                            text_of(std::uint64_t{counters.merged - told_merged_}));
  }
}

void ClusterWorker::end() {
  people_.stop();
  lists_.stop();
  shards_.flush();
  std::size_t lost = 0, lost_rooms = 0;
  for (const auto& [name, room] : rooms_) {
    lost += room->missing();
    if (room->missing() != 0) ++lost_rooms;
  }
  if (lost != 0) {
    log(LogLevel::error, "cluster: the server stops without Redis: " + text_of(std::uint64_t{lost}) + " messages of " +
                             text_of(std::uint64_t{lost_rooms}) + " rooms are lost");
  }
  const Status stopped{Error::stopped, "the server is stopping"};
  for (const auto& [name, room] : rooms_) room->stop(stopped);
  rooms_.clear();
  by_channel_.clear();
  busy_.clear();
  loop_.stop();
}

// Compares the position of silent rooms, some at a time: a notice may have been lost.
void ClusterWorker::compare_rooms() {
  const std::int64_t ms = loop_ms();
  while (!comparisons_.empty() && comparisons_.front().second.expired()) comparisons_.pop_front();
  for (int left = kComparisons; left > 0 && !comparisons_.empty() && comparisons_.front().first <= ms; --left) {
    const SharedRoomPtr room = comparisons_.front().second.lock();
    if (room) comparisons_.emplace_back(ms + settings.check_ms, room);
    comparisons_.pop_front();
    if (!room || !room->is_open()) continue;
    people_.check(room->name);
    room->compare();
  }
}

void ClusterWorker::look_after_rooms() {
  std::vector<SharedRoomPtr> busy;
  busy.reserve(busy_.size());
  for (SharedRoom* room : busy_) busy.push_back(room->shared_from_this());
  std::unordered_set<const RoomRedis*> lacking;  // that have not been given everything
  for (const SharedRoomPtr& room : busy) {
    room->look_after();
    if (!room->has_handed_over()) lacking.insert(&room->redis());
    if (!room->is_busy() && !room->is_unused()) busy_.erase(room.get());
    drop_if_unused(room->name);
  }
  for (const auto& shard : shards_.all()) {
    if (!shard->is_open() || shard->is_handed_over() || lacking.contains(shard.get())) continue;
    shard->has_handed_over();
    membership_.beat_soon();
  }
}

// What the rooms need -----------------------------------------------------------------------------------------------------

std::string ClusterWorker::make_token() { return settings.id + "." + text_of(++tokens_); }

void ClusterWorker::commit(const Submission& submission, const Result<Position>& place) {
  surely([&] { hub_->commit(submission, place); });
}

void ClusterWorker::acknowledge(const Submission& submission, const Position& place, bool repeated) {
  surely([&] { hub_->acknowledge(submission, place, repeated); });
}

void ClusterWorker::receive(const std::shared_ptr<Message>& message) {
  surely([&] { hub_->receive(message); });
}

Result<RoomHold> ClusterWorker::adopt(const std::string& room, const Position& top,
                                      const std::vector<MessagePtr>& messages, const std::vector<RoomValue>& changed) {
  Result<RoomHold> hold = Status{};
  surely([&] { hold = hub_->adopt(room, top, messages, changed, now()); });
  return hold;
}

Result<RoomHold> ClusterWorker::renumber(const std::string& room, const Position& top) {
  Result<RoomHold> hold = Status{};
  surely([&] { hold = hub_->renumber(room, top, now()); });
  return hold;
}

std::vector<MessagePtr> ClusterWorker::kept(const std::string& room) { return hub_->kept(room); }

void ClusterWorker::take_values(const std::string& room, const std::vector<RoomValue>& changed) {
  surely([&] { hub_->take_values(room, changed, now()); });
}

void ClusterWorker::close_shared(const std::string& room, const std::string& epoch) {
  surely([&] { hub_->close_shared(room, epoch, "the room was closed"); });
}

void ClusterWorker::read_people(const std::string& room, std::function<void()> then) {
  surely([&] { people_.opened(room, then); });
}

// What the people of rooms need -------------------------------------------------------------------------------------------

bool ClusterWorker::takes_commands(const std::string& room) const {
  const RoomRedis& redis = shards_.of(partition_of(room));
  return redis.is_open() && !redis.is_full();
}

Status ClusterWorker::run_script(const std::string& room, Script script, const std::vector<std::string_view>& keys,
                                 const std::vector<std::string>& args, redis::ReplyHandler done) {
  return shards_.of(partition_of(room)).run_script(script, keys, args, std::move(done));
}

void ClusterWorker::refused(const std::string& room, const redis::Value& error) {
  (void)shards_.of(partition_of(room)).refused(error);
}

bool ClusterWorker::publish_question(const std::string& room, const std::string& text, Heard heard) {
  // Only the Redis that has the room knows how many servers hear its channel.
  RedisShard* const shard = room.empty() ? shards_.any_open() : shards_.shard_of(partition_of(room));
  if (shard == nullptr || !shard->is_open() || shard->is_full()) return false;
  return shard
      ->send({"PUBLISH", channel_of_room(room), text},
             [this, shard, heard = std::move(heard)](redis::Reply&& reply) {
               std::optional<std::uint64_t> servers;
               if (reply.answered()) servers = number_in<std::uint64_t>(reply.value);
               if (reply.answered() && reply.value.is_error()) (void)shard->refused(reply.value);
               surely([&] { heard(servers, store_.settled_); });
             })
      .ok();
}

bool ClusterWorker::publish_answer(const std::string& server, const std::string& text) {
  RedisShard* const shard = shards_.any_open();
  return shard != nullptr && !shard->has_many_bytes() && shard->publish(channel_of_server(server), text).ok();
}

void ClusterWorker::tell_servers(const std::string& text) {
  if (RedisShard* const shard = shards_.any_open()) (void)shard->publish(all_channel_, text);
}

}  // namespace chat::cluster
