// See shared_room.h.
#include "cluster/shared_room.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "cluster/message_format.h"
#include "cluster/words.h"
#include "model/names.h"
#include "model/surely.h"

namespace chat::cluster {
namespace {

constexpr std::int64_t kHoleMs = 50;  // a notice that is so late is fetched
constexpr std::int64_t kKeepMs = 5'000;
constexpr std::int64_t kFormerMs = 5'000;  // the worker takes what was submitted within a round of its loop
constexpr std::int64_t kRetryMs = 1'000;
constexpr std::int64_t kMovingRetryMs = 100;

// Of the entries of one room, in Redis and in one answer.
std::int64_t most_bytes(const HistoryLimits& limits) {
  constexpr std::int64_t kMost = 16 << 20;
  return limits.bytes < 0 ? kMost : std::min(limits.bytes, kMost);
}

std::int64_t most_entries(const HistoryLimits& limits) {
  constexpr std::int64_t kMost = 10'000;
  return limits.messages < 0 ? kMost : std::clamp(kEventsFactor * limits.messages, std::int64_t{1}, kMost);
}

Status unavailable(const std::string& why) { return {Error::unavailable, "the cluster is not available: " + why}; }

}  // namespace

SharedRoom::SharedRoom(RoomHost& host, RoomRedis& redis, std::string room_name)
    : name(std::move(room_name)), keys(name, host.settings.prefix), host_(host), redis_(&redis), outbox_(host) {}

// What the store wants ----------------------------------------------------------------------------------------------------

void SharedRoom::submit(Submission& submission) {
  host_.is_busy(*this);
  const bool late = RoomOutbox::refers(*submission.message) && submission.message->epoch != hub_epoch();
  outbox_.add(submission, !is_open());
  if (late) refer_in_hub_epoch();
  if (!is_open()) attend();
}

void SharedRoom::log_opened(bool adopted) {
  ++logs_;
  if (!adopted) must_adopt();
  attend();
}

void SharedRoom::log_closed() {
  if (--logs_ != 0 || readers_.empty()) return;
  must_adopt();  // the hub's room has gone before its readers were answered
  attend();
}

void SharedRoom::close(std::string epoch) {
  drop_content();
  close_epoch_ = std::move(epoch);
  must_adopt();  // the hub's room may have been given another position meanwhile
  state_ = State::closed;
  ++attempt_;
  attend();
}

void SharedRoom::read(RoomStore::Done done) {
  readers_.push_back({std::move(done), host_.loop_ms()});
  // The hub has no room, or one that was not there when the position was asked for.
  if (logs_ == 0) must_adopt();
  if (is_open()) state_ = State::closed;
  attend();
}

void SharedRoom::set_value(const RoomValue& value) {
  unwritten_[value.key] = value.value;
  attend();
}

// The hub has a new room, which knows nothing.
void SharedRoom::must_adopt() {
  host_.forget_people(name);
  must_adopt_ = true;
  ruled_ = false;
  values_version_.clear();
  if (is_open()) state_ = State::closed;
}

// The room was closed: what waits for it has come too late.
void SharedRoom::drop_content() {
  outbox_.fail_all({Error::no_such_room, "the room was closed"});
  island_.reset();
  unwritten_.clear();
  ahead_.clear();
  values_version_.clear();
}

// Steps towards an open room ----------------------------------------------------------------------------------------------

void SharedRoom::on_lost() {
  state_ = State::closed;
  subscribed_ = false;
  writing_values_ = false;
  ahead_.clear();  // Redis may not have kept it
  tell_above_.reset();
  values_version_.clear();  // another Redis counts from the start
  retry_ms_ = 0;
  known_.clear();
  outbox_.set_confirmed(host_.settings.ack_replicas == 0);
  if (island_) island_->interrupt();
  ++attempt_;
  ++session_;
}

void SharedRoom::move_to(RoomRedis& redis) {
  if (redis_ == &redis) return;
  unsubscribe();
  redis_ = &redis;
  on_lost();
}

void SharedRoom::unsubscribe() {
  if (subscribed_ || state_ == State::subscribing) redis_->unsubscribe(keys.channel);
}

void SharedRoom::attend() noexcept {
  try {
    host_.is_busy(*this);
    advance();
  } catch (const std::bad_alloc&) {
    state_ = State::closed;
    ++attempt_;
  }
}

void SharedRoom::advance() {
  if (!redis_->is_open()) {
    live_alone();
    return;
  }
  if (host_.loop_ms() < retry_ms_) return;
  if (state_ == State::closed && !subscribed_) {
    subscribe();
  } else if (state_ == State::closed && !close_epoch_.empty()) {
    restart();
  } else if (state_ == State::closed || (state_ == State::settling && settled() == RoomRedis::Settled::yes)) {
    ask_position();
  } else if (state_ == State::merging) {
    merge_next();
  } else if (is_open()) {
    write_values();
    publish();
  }
}

void SharedRoom::look_after() {
  const std::int64_t ms = host_.loop_ms();
  // A busy room is not open for a moment when something is fetched.
  if (is_open()) open_ms_ = ms;
  if (former_ && ms >= former_until_ms_) former_.reset();
  const std::int64_t before_ms = ms - host_.settings.hold_ms;
  const bool silent = !is_open() && open_ms_ <= before_ms && !may_be_island();
  const Status silence = unavailable("Redis does not answer");
  if (silent && island_) {  // Redis is there, but the room does not open
    const bool late = (outbox_.waits() && outbox_.first_ms() <= before_ms) ||
                      (!readers_.empty() && readers_.front().since_ms <= before_ms);
    if (late) surely([&] { serve_alone(); });
  }
  // An open room has readers while its people are read.
  if ((silent || is_open()) && !readers_.empty() && readers_.front().since_ms <= before_ms) answer_readers(silence);
  if (silent) {
    outbox_.fail_old(silence, before_ms);
  } else if (is_open() && ahead_.lacks_after(seq_) && ms - ahead_.since_ms() >= kHoleMs) {
    ClusterCounters::add(host_.counters.holes);
    ask_position();
  }
  attend();
}

void SharedRoom::compare() {
  if (is_open()) ask_position();
}

void SharedRoom::stop(const Status& status) {
  outbox_.fail_all(status);
  answer_readers(status);
}

bool SharedRoom::is_busy() const {
  return !is_open() || !readers_.empty() || !ahead_.empty() || outbox_.waits() || !unwritten_.empty() ||
         former_.has_value();
}

bool SharedRoom::has_handed_over() const {
  const bool knows_more = !epoch_.empty() && !must_adopt_ && run_ != redis_->run();
  return !knows_more || state_ == State::settling || state_ == State::merging;
}

bool SharedRoom::is_unused() const {
  return logs_ == 0 && outbox_.empty() && readers_.empty() && close_epoch_.empty() && unwritten_.empty() &&
         (!island_ || island_->empty());
}

// Redis answers with an error. The room is tried again a little later.
RoomRedis::Refusal SharedRoom::refuse(const redis::Value& answer) {
  const RoomRedis::Refusal why = redis_->refused(answer);
  retry_ms_ = host_.loop_ms() + (why == RoomRedis::Refusal::of_place ? kMovingRetryMs : kRetryMs);
  if (why == RoomRedis::Refusal::of_place) {
    state_ = State::closed;
    ++attempt_;
    host_.is_busy(*this);
  }
  return why;
}

// A handler for the answer to a step towards an open room. When Redis has taken the step, calls taken(room) and goes on.
template <class Taken>
redis::ReplyHandler SharedRoom::step(Taken taken) {
  return [taken, attempt = ++attempt_, weak = weak_from_this()](redis::Reply&& reply) {
    const SharedRoomPtr found = weak.lock();
    if (!found || found->attempt_ != attempt || !reply.answered()) return;
    found->state_ = State::closed;
    if (reply.value.is_error()) {
      found->refuse(reply.value);
      return;
    }
    taken(*found);
    found->attend();
  };
}

void SharedRoom::subscribe() {
  state_ = State::subscribing;
  const auto subscribed = step([](SharedRoom& room) { room.subscribed_ = true; });
  if (!redis_->subscribe(keys.channel, subscribed).ok()) state_ = State::closed;
}

// Closes the room in Redis, where it continues in another epoch.
void SharedRoom::restart() {
  state_ = State::opening;
  const auto closed = step([](SharedRoom& room) {
    room.epoch_ = std::exchange(room.close_epoch_, {});
    room.seq_ = 0;
    room.run_ = room.redis_->run();
  });
  const ClusterSettings& settings = host_.settings;
  const Status sent = redis_->run_script(Script::close, {keys.meta, keys.stream, keys.ids, keys.values},
                                         {redis_->run(), close_epoch_, keys.channel, settings.id,
                                          text_of(settings.message_id_window_ms), text_of(settings.idle_ms)},
                                         closed);
  if (!sent.ok()) state_ = State::closed;
}

// The position ------------------------------------------------------------------------------------------------------------

// Also fetches what is missing.
void SharedRoom::ask_position() {
  if (!redis_->is_open() || !subscribed_) return;
  host_.is_busy(*this);
  if (redis_->is_full()) {  // look_after() asks again
    state_ = State::closed;
    return;
  }
  state_ = State::opening;
  values_changed_ = false;
  const bool from_start = must_adopt_ || (island_ && island_->is_merged());
  const std::uint64_t attempt = ++attempt_;
  const auto answered = [attempt, from_start, weak = weak_from_this()](redis::Reply&& reply) {
    const SharedRoomPtr found = weak.lock();
    if (!found || found->attempt_ != attempt || !reply.answered()) return;
    if (found->must_adopt_ && !from_start) {
      found->ask_position();
    } else {
      found->on_position(reply.value, from_start);
    }
  };
  const std::vector<std::string_view> names = {keys.meta, keys.stream, keys.values, keys.ids};
  try {
    if (redis_->run_script(Script::open, names, position_query(from_start), answered).ok()) return;
  } catch (const std::bad_alloc&) {
    ++attempt_;
  }
  state_ = State::closed;  // look_after() asks again
}

// Of a batch that Redis may have published without an answer; "": none.
std::string SharedRoom::unanswered_token() const {
  if (island_) return island_->lost_token;
  return outbox_.is_sent() ? outbox_.token() : std::string();
}

// The arguments of Script::open.
std::vector<std::string> SharedRoom::position_query(bool from_start) {
  const ClusterSettings& settings = host_.settings;
  const RoomRedis::Settled is = settled();
  const bool was_open = is == RoomRedis::Settled::no && run_ == redis_->run();
  const char* const settle = is == RoomRedis::Settled::yes || was_open ? "1"
                             : is == RoomRedis::Settled::with_data     ? "2"
                                                                       : "0";
  std::vector<std::string> args = {redis_->run(),
                                   settings.make_epoch(),
                                   settle,
                                   from_start ? std::string() : epoch_,
                                   from_start ? "0" : text_of(seq_),
                                   run_,
                                   text_of(most_entries(settings.limits)),
                                   text_of(most_bytes(settings.limits)),
                                   text_of(settings.idle_ms),
                                   keys.channel,
                                   unanswered_token(),
                                   values_version_,
                                   text_of(settings.message_id_window_ms),
                                   tell_above_ ? "1" : "0"};
  if (from_start || !tell_above_) return args;
  for (const MessagePtr& message : host_.kept(name)) {
    if (message->epoch != hub_epoch() || message->seq > seq_ || message->seq <= *tell_above_) continue;
    std::string batch;
    write_message(*message, batch);
    args.insert(args.end(),
                {text_of(message->seq), "1", text_of(message->time_ms), "-", std::move(batch), id_of(*message)});
  }
  return args;
}

void SharedRoom::on_position(redis::Value& answer, bool from_start) {
  PositionAnswer position = PositionAnswer::read(answer);
  switch (position.kind) {
    case PositionAnswer::Kind::wait:
      state_ = State::settling;
      attend();
      return;
    case PositionAnswer::Kind::tell:
      tell_above_ = position.top;
      ask_position();
      return;
    case PositionAnswer::Kind::bad:
      state_ = State::closed;
      refuse(answer);
      return;
    case PositionAnswer::Kind::open:
      take_position(std::move(position), from_start);
  }
}

void SharedRoom::take_position(PositionAnswer position, bool from_start) {
  if (island_ && !(from_start && island_->is_merged())) {
    merge(position);
    return;
  }
  std::vector<Batch>& batches = position.batches;
  const bool same_epoch = position.epoch == epoch_ && (!island_ || island_->has_base());
  const bool continues = !must_adopt_ && !island_ && same_epoch &&
                         (batches.empty() ? position.top <= seq_ : batches.front().first <= seq_ + 1);
  // What another Redis has lost of the values is given to it again. A slot that moved has lost nothing.
  const std::string& run = redis_->run();
  const std::uint64_t version = number_in<std::uint64_t>(position.values_version).value_or(0);
  const bool keeps_values = !run_.empty() && run_ != run && version < known_version_ && (same_epoch || version == 0);
  std::vector<RoomValue> values;
  if (position.values_version != values_version_) {
    const std::int64_t time_ms = host_.settings.clock().time_ms;
    surely([&] { values = host_.values.merge(name, position.values, unwritten_, keeps_values, !ruled_, time_ms); });
    ruled_ = false;  // until the hub has them
  }
  RoomHold hold;
  if (!continues) {
    const std::string merged_in = epoch_;
    hold = adopt(position, values);
    if (!hold) {
      state_ = island_ ? State::merging : State::closed;
      return;
    }
    end_island(merged_in);
  } else if (!values.empty()) {
    host_.take_values(name, values);
  }
  values_version_ = std::move(position.values_version);
  known_version_ = version;
  ruled_ = true;
  must_adopt_ = false;
  tell_above_.reset();
  run_ = run;
  state_ = State::open;
  if (continues) {
    for (Batch& batch : batches) take_batch(std::move(batch));
  }
  own_first_ = position.own_first;
  if (own_first_ == 0) {
    outbox_.take_back();  // it was not published
  } else if (outbox_.is_confirmed()) {
    outbox_.acknowledge(own_first_, epoch_);  // the answer was lost
  } else {
    ask_replicas();
  }
  refer_in_hub_epoch();
  ahead_.drop_others(epoch_, run_);
  take_ahead();
  surely([&] {
    host_.read_people(name, [hold, weak = weak_from_this()] {
      if (const SharedRoomPtr found = weak.lock()) found->answer_readers({}, hold);
    });
  });
  write_values();
  publish();
  if (std::exchange(values_changed_, false)) {  // after these values were read
    values_version_.clear();
    ask_position();
  }
}

// nullptr: the hub does not take the room; its readers know why.
RoomHold SharedRoom::adopt(const PositionAnswer& position, const std::vector<RoomValue>& values) {
  const std::int64_t age_ms = host_.settings.clock().age_ms;
  std::vector<MessagePtr> messages;
  for (const Batch& batch : position.batches) {
    Result<std::vector<std::shared_ptr<Message>>> read = batch.read(name, position.epoch);
    if (!read.ok()) {
      ClusterCounters::add(host_.counters.dropped, batch.count);
      continue;
    }
    for (std::shared_ptr<Message>& message : *read) {
      message->born_ms = age_ms - std::max<std::int64_t>(0, position.redis_ms - batch.time_ms);
      if (message->seq <= position.top) messages.push_back(std::move(message));
    }
  }
  Result<RoomHold> hold = host_.adopt(name, {position.epoch, position.top}, messages, values);
  if (!hold.ok()) {
    answer_readers(hold.status());
    return nullptr;
  }
  epoch_ = position.epoch;
  seq_ = position.top;
  keep_ms_ = host_.loop_ms() + kKeepMs;
  return *hold;
}

void SharedRoom::answer_readers(const Status& status, const RoomHold& hold) {
  for (const Reader& reader : std::exchange(readers_, {})) {
    surely([&] {
      auto range = std::make_shared<KeptRange>();
      range->status = status;
      range->epoch = hub_epoch();
      range->hold = hold;
      reader.done(std::move(range));
    });
  }
}

// Messages of this server -------------------------------------------------------------------------------------------------

void SharedRoom::publish() {
  if (!is_open() || outbox_.is_sent() || !outbox_.waits()) return;
  try {
    send_batch();
  } catch (const std::bad_alloc&) {
    outbox_.take_back();  // look_after() tries again
    host_.is_busy(*this);
  }
}

Status SharedRoom::send(RoomOutbox::Parcel parcel, std::size_t count, const std::string& token,
                        redis::ReplyHandler answered) {
  const ClusterSettings& settings = host_.settings;
  std::vector<std::string> args = {redis_->run(),
                                   epoch_,
                                   text_of(most_entries(settings.limits)),
                                   keys.channel,
                                   text_of(std::uint64_t{count}),
                                   std::move(parcel.messages),
                                   token,
                                   text_of(settings.message_id_window_ms),
                                   text_of(settings.idle_ms),
                                   text_of(most_bytes(settings.limits))};
  args.insert(args.end(), std::make_move_iterator(parcel.ids.begin()), std::make_move_iterator(parcel.ids.end()));
  return redis_->run_script(Script::publish, {keys.meta, keys.stream, keys.ids}, args, std::move(answered));
}

void SharedRoom::send_batch() {
  RoomOutbox::Parcel parcel = outbox_.next();
  const auto answered = [session = session_, token = outbox_.token(), weak = weak_from_this()](redis::Reply&& reply) {
    const SharedRoomPtr found = weak.lock();
    // When the answer is lost, the stream tells after the next connection.
    if (found && found->session_ == session && reply.answered()) found->on_published(token, reply.value);
  };
  own_first_ = 0;
  if (!outbox_.is_confirmed()) ask_replicas();
  ClusterCounters::add(host_.counters.batches);
  if (!send(std::move(parcel), outbox_.sent_count(), outbox_.token(), answered).ok()) {
    outbox_.take_back();
    host_.is_busy(*this);
  }
}

void SharedRoom::on_published(const std::string& token, const redis::Value& answer) {
  if (!outbox_.is_sent() || outbox_.token() != token) return;  // its notice came first
  const std::string_view kind =
      answer.is_array() && !answer.items.empty() ? std::string_view(answer.items[0].text) : "";
  if (kind == "OK" && answer.items.size() == 3) {
    Batch batch;
    batch.first = number_in<std::uint64_t>(answer.items[1]).value_or(0);
    batch.count = outbox_.sent_count();
    batch.time_ms = number_in<std::int64_t>(answer.items[2]).value_or(0);
    batch.token = token;
    if (batch.first == 0) return;
    take_batch(std::move(batch));
    publish();
  } else if (kind == "MOVED") {
    outbox_.take_back();
    ask_position();
  } else if (kind == "TWICE") {
    host_.is_busy(*this);
    if (!outbox_.is_confirmed()) {  // the replicas may not have what is known
      known_ = answer.items;
      return;
    }
    outbox_.acknowledge_known(answer.items, epoch_);
    publish();
  } else {
    if (refuse(answer) != RoomRedis::Refusal::of_command) {
      outbox_.take_back();
      return;
    }
    outbox_.fail_sent(unavailable(answer.text));
    publish();
  }
}

// Asks for the sent batch, together with those of other rooms, whether the replicas have it.
void SharedRoom::ask_replicas() {
  redis_->confirm([session = session_, token = outbox_.token(), weak = weak_from_this()](bool enough) {
    const SharedRoomPtr found = weak.lock();
    const bool is_current = found && found->session_ == session && found->outbox_.is_sent();
    if (is_current && found->outbox_.token() == token) found->on_confirmed(enough);
  });
}

// Without enough replicas the sender is not told that the message is safe, although everyone receives it.
void SharedRoom::on_confirmed(bool enough) {
  const std::vector<redis::Value> known = std::exchange(known_, {});
  host_.is_busy(*this);
  if (!enough) {
    outbox_.fail_sent(unavailable("not enough replicas of Redis have the message"));
  } else if (!known.empty()) {
    outbox_.acknowledge_known(known, epoch_);
  } else {
    outbox_.set_confirmed(true);
  }
  if (!is_open()) return;  // the position is on its way
  take_ahead();
  if (outbox_.is_sent() && own_first_ != 0 && own_first_ <= seq_) outbox_.acknowledge(own_first_, epoch_);
  publish();
}

// An island ---------------------------------------------------------------------------------------------------------------

// Where the message with a number of another epoch is in the hub's room; 0: nowhere.
std::uint64_t SharedRoom::place_now(const std::string& epoch, std::uint64_t seq) const {
  if (island_) return island_->has_base() && epoch == epoch_ && seq <= seq_ ? seq : 0;
  return former_ && former_->epoch == epoch && former_->shared_epoch == epoch_ ? former_->place_of(seq) : 0;
}

// The hub has checked what waits when its room had another epoch.
void SharedRoom::refer_in_hub_epoch() {
  outbox_.refer_in(hub_epoch(), [this](const std::string& epoch, std::uint64_t seq) { return place_now(epoch, seq); });
}

// Redis is gone. A room becomes an island when somebody needs it, and not before Redis was gone for as long as messages wait.
void SharedRoom::live_alone() {
  if (!may_be_island() || (outbox_.empty() && readers_.empty())) return;
  if (!island_ && host_.loop_ms() - *redis_->lost_ms() < host_.settings.hold_ms) return;
  serve_alone();
}

void SharedRoom::serve_alone() {
  if ((!island_ || must_adopt_) && !become_island()) return;
  number_here();
}

// False: the hub does not take the room; whoever waits knows why.
bool SharedRoom::become_island() {
  std::unique_ptr<RoomIsland> made;
  // They came with a position, while their replicas were asked for.
  const bool has_sent = !must_adopt_ && outbox_.is_sent() && own_first_ != 0 && own_first_ <= seq_;
  const bool is_lost = outbox_.is_sent() && !has_sent;
  if (!island_) {
    std::string lost_token = is_lost ? outbox_.token() : std::string();
    const std::uint64_t base = must_adopt_ ? 0 : seq_;
    made = std::make_unique<RoomIsland>(host_.settings, host_.counters, host_.settings.make_epoch(), base,
                                        std::move(lost_token));
    if (is_lost) made->was_sent(outbox_.sent_count());
  }
  const RoomIsland& island = made ? *made : *island_;
  const Position top{island.epoch, island.seq()};
  Result<RoomHold> hold =
      must_adopt_ ? host_.adopt(name, top, island.messages(), host_.values.of(name)) : host_.renumber(name, top);
  if (!hold.ok()) {
    outbox_.fail_all(hold.status());
    answer_readers(hold.status());
    return false;
  }
  if (made) {
    if (must_adopt_) {  // the shared room's messages are not here any more
      epoch_.clear();
      seq_ = 0;
    }
    island_ = std::move(made);
    if (has_sent) outbox_.acknowledge(own_first_, island_->epoch);
  }
  must_adopt_ = false;
  keep_ms_ = host_.loop_ms() + kKeepMs;
  answer_readers({}, *hold);
  return true;
}

void SharedRoom::number_here() {
  outbox_.take_back();
  const auto place_of = [this](const std::string& epoch, std::uint64_t seq) { return place_now(epoch, seq); };
  while (outbox_.waits()) {
    const std::int64_t bytes = outbox_.first_bytes();
    Status status = outbox_.refer_first_in(island_->epoch, place_of);
    if (status.ok() && island_->is_full(bytes)) status = unavailable("too many messages wait");
    if (!status.ok()) {
      island_->skip();
      outbox_.fail_first(status);
      continue;
    }
    island_->reserve();
    island_->add(outbox_.number_first({island_->epoch, island_->seq() + 1}), bytes);
  }
  answer_readers({});
}

// Redis is back. The messages of the island are published while the hub's room stays as it is.
void SharedRoom::merge(const PositionAnswer& position) {
  const bool same_epoch = position.epoch == epoch_;
  island_->match(position.batches, same_epoch, position.own_first);
  if (!same_epoch) {
    epoch_ = position.epoch;
    seq_ = 0;
  }
  tell_above_.reset();
  state_ = State::merging;
  attend();
}

void SharedRoom::merge_next() {
  if (island_->is_sent()) return;
  if (!island_->is_merged()) {
    std::string next_token = host_.make_token();
    RoomOutbox::Parcel parcel;
    try {
      parcel = island_->next(std::move(next_token));
      if (island_->is_sent()) {
        const auto answered = [session = session_, token = island_->token(),
                               weak = weak_from_this()](redis::Reply&& reply) {
          const SharedRoomPtr found = weak.lock();
          // When the answer is lost, the stream and the ids tell after the next connection.
          if (found && found->session_ == session && reply.answered()) found->on_merged(token, reply.value);
        };
        if (!send(std::move(parcel), island_->sent_count(), island_->token(), answered).ok()) island_->take_back();
        return;
      }
    } catch (const std::bad_alloc&) {
      island_->take_back();  // look_after() tries again
      return;
    }
  }
  if (logs_ == 0 && readers_.empty() && outbox_.empty()) {  // nobody needs the room here
    end_island(epoch_);
    must_adopt();
    state_ = State::closed;
    return;
  }
  ask_position();  // from the start
}

void SharedRoom::on_merged(const std::string& token, const redis::Value& answer) {
  if (!island_ || !island_->is_sent() || island_->token() != token) return;
  const std::string_view kind =
      answer.is_array() && !answer.items.empty() ? std::string_view(answer.items[0].text) : "";
  const std::uint64_t first =
      kind == "OK" && answer.items.size() == 3 ? number_in<std::uint64_t>(answer.items[1]).value_or(0) : 0;
  if (first != 0) {
    island_->published(first);
  } else if (kind == "TWICE") {
    island_->known(answer.items);
  } else {
    island_->take_back();
    if (kind == "MOVED") {
      state_ = State::closed;
    } else {
      (void)refuse(answer);  // it is tried again
    }
  }
  attend();
}

// shared_epoch: of the room into which it was merged.
void SharedRoom::end_island(const std::string& shared_epoch) {
  if (!island_) return;
  ClusterCounters::add(host_.counters.merged, island_->merged());
  surely([&] { former_ = island_->places(shared_epoch); });
  former_until_ms_ = host_.loop_ms() + kFormerMs;
  island_.reset();
}

// Values ------------------------------------------------------------------------------------------------------------------

// Gives Redis what it does not have of the room's values.
void SharedRoom::write_values() {
  if (unwritten_.empty() || writing_values_ || host_.loop_ms() < retry_ms_) return;
  host_.is_busy(*this);
  std::vector<std::string> args = {keys.channel, host_.settings.id, text_of(host_.settings.idle_ms)};
  RoomValues::Unwritten sent = unwritten_;
  for (const auto& [key, value] : sent) args.insert(args.end(), {key, value});
  const auto answered = [sent = std::move(sent), session = session_, weak = weak_from_this()](redis::Reply&& reply) {
    const SharedRoomPtr found = weak.lock();
    if (!found || found->session_ != session) return;
    found->writing_values_ = false;
    if (!reply.answered()) return;  // they are sent again after the next connection
    if (reply.value.is_error()) {
      found->refuse(reply.value);
      return;
    }
    for (const auto& [key, value] : sent) {
      const auto written = found->unwritten_.find(key);
      if (written != found->unwritten_.end() && written->second == value) found->unwritten_.erase(written);
    }
    found->known_version_ = std::max(found->known_version_, number_in<std::uint64_t>(reply.value).value_or(0));
    found->write_values();
  };
  writing_values_ = redis_->run_script(Script::set_values, {keys.values, keys.meta}, args, answered).ok();
}

// Notices -----------------------------------------------------------------------------------------------------------------

void SharedRoom::on_notice(char kind, std::string_view text) {
  if (kind == 'b') {
    on_batch(text);
  } else if (kind == 'v') {
    if (take_word(text) != host_.settings.id) on_values(text);
  } else if (kind == 'f') {
    if (is_open()) ask_position();
  } else if (kind == 'c') {
    if (take_word(text) != host_.settings.id) on_closed(text);
  }
}

void SharedRoom::on_batch(std::string_view notice) {
  std::optional<Batch> batch = batch_of_notice(notice);
  if (!batch) return;
  if (is_open() && (batch->epoch != epoch_ || batch->run != run_)) {
    ask_position();
    return;
  }
  if (island_ && batch->token == island_->token()) return;  // the position will have it
  take_batch(std::move(*batch));
  publish();
}

// Another server has closed the room.
void SharedRoom::on_closed(std::string_view notice) {
  if (notice == epoch_ || !check_epoch(notice).ok()) return;
  const std::string epoch(notice);
  host_.close_shared(name, epoch);
  host_.values.drop(name);
  drop_content();
  close_epoch_.clear();  // it is closed
  epoch_ = epoch;
  seq_ = 0;
  if (is_open() || state_ == State::opening || state_ == State::merging) ask_position();
}

// Another server has set values.
void SharedRoom::on_values(std::string_view notice) {
  values_changed_ = values_changed_ || state_ == State::opening;
  std::vector<RoomValue> changed;
  while (!notice.empty()) {
    RoomValue one;
    if (!take_sized(notice, one.key) || !take_sized(notice, one.value)) return;
    if (unwritten_.contains(one.key) || host_.values.is_coming(name, one.key)) continue;  // a later one of this server
    one.time_ms = host_.settings.clock().time_ms;
    changed.push_back(std::move(one));
  }
  ++known_version_;
  surely([&] { host_.values.take(name, changed); });
  host_.take_values(name, changed);
}

// The order ---------------------------------------------------------------------------------------------------------------

void SharedRoom::take_batch(Batch batch) {
  if (is_open() && batch.last() <= seq_) return;
  if (batch.first > seq_ + 1 || !is_open() || is_held(batch)) {
    host_.is_busy(*this);
    ahead_.put(std::move(batch), host_.loop_ms());
    return;
  }
  deliver(batch);
  take_ahead();
}

void SharedRoom::take_ahead() {
  while (std::optional<Batch> next = ahead_.take_after(seq_, epoch_, run_, host_.loop_ms())) {
    if (is_held(*next)) {
      ahead_.put(std::move(*next), host_.loop_ms());
      return;
    }
    deliver(*next);
  }
}

// The batch follows everything that the hub has.
void SharedRoom::deliver(const Batch& batch) {
  if (outbox_.is_sent(batch)) {
    outbox_.commit(batch, epoch_);
    seq_ = batch.last();
    return;
  }
  if (batch.messages.empty()) return;  // of this server, given back since; the stream has it
  Result<std::vector<std::shared_ptr<Message>>> messages = batch.read(name, epoch_);
  if (!messages.ok()) {
    if (host_.settings.log) host_.settings.log(LogLevel::error, "cluster: messages of another server cannot be read");
    ClusterCounters::add(host_.counters.dropped, batch.count);
    seq_ = batch.last();
    return;
  }
  for (const std::shared_ptr<Message>& message : *messages) {
    if (message->seq <= seq_) continue;
    message->born_ms = host_.settings.clock().age_ms;
    host_.receive(message);
    ClusterCounters::add(host_.counters.received);
  }
  seq_ = batch.last();
}

}  // namespace chat::cluster
