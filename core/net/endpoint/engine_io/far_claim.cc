// See far_claim.h.
#include "net/endpoint/engine_io/far_claim.h"

#include <algorithm>
#include <new>
#include <utility>

#include "hub/room_store.h"

namespace chat::net {
namespace {

constexpr std::int64_t kRetryMs = 20;
constexpr std::int64_t kAnswerMs = 1'000;
constexpr std::int64_t kDeadlineMs = 4'000;

}  // namespace

FarClaim::FarClaim(EngineIoShared& shared, Hub& hub, Wanted wanted, std::int64_t now_ms, std::function<void()> wake)
    : shared_(shared),
      hub_(hub),
      wanted_(std::move(wanted)),
      wake_(std::move(wake)),
      give_up_ms_(now_ms + kAnswerMs),
      deadline_ms_(now_ms + kDeadlineMs),
      next_step_ms_(now_ms) {}

// On another thread, or inside of the call that asks.
template <class Put>
void FarClaim::put(Put put_in) {
  {
    const std::lock_guard lock(mutex_);
    put_in(mail_);
  }
  wake_();
}

FarClaim::Stage FarClaim::step(std::int64_t now_ms, Moment moment) {
  next_step_ms_ = now_ms + kRetryMs;
  moment_ = moment;
  Mail mail;
  {
    const std::lock_guard lock(mutex_);
    mail.taken = std::exchange(mail_.taken, false);
    mail.record = std::move(mail_.record);
    mail.told = std::exchange(mail_.told, std::nullopt);
  }
  switch (step_) {
    case Step::begin:
      take();
      break;
    case Step::taking:
      if (mail.taken) on_record(std::move(mail.record), now_ms);
      break;
    case Step::telling:
      if (!mail.told) break;
      asked_ = *mail.told == FarServers::Told::heard;
      if (asked_) {
        pause(now_ms);
      } else if (*mail.told == FarServers::Told::nobody) {
        open_rooms();
      } else {
        step_ = Step::failed;
      }
      break;
    case Step::pausing:
      take();
      break;
    case Step::opening:
      on_opened();
      break;
    default:
      break;
  }
  // Its server hangs. What was known of the client before has to do.
  if (now_ms >= give_up_ms_ && found_ && (step_ == Step::pausing || step_ == Step::telling)) open_rooms();
  if (step_ == Step::ready) return Stage::ready;
  if (step_ == Step::failed || now_ms >= deadline_ms_) return Stage::failed;
  return Stage::working;
}

void FarClaim::take() {
  step_ = Step::taking;
  shared_.far->take(wanted_.pid, [self = shared_from_this()](std::optional<std::string> text) {
    bool abandoned = false;
    self->put([&](Mail& mail) {
      mail.taken = true;
      abandoned = self->abandoned_;
      if (!abandoned) mail.record = std::move(text);
    });
    if (abandoned && text) self->put_back(*std::move(text));
  });
}

void FarClaim::on_record(std::optional<std::string> text, std::int64_t now_ms) {
  if (!text) {
    if (asked_ && found_) {
      pause(now_ms);
    } else {
      step_ = Step::failed;
    }
    return;
  }
  std::optional<session::FarRecovery> recovery = session::unpack_recovery(*text);
  if (!recovery) {
    step_ = Step::failed;
    return;
  }
  if (recovery->record.nsp != wanted_.nsp) {  // it stays
    give_back(*recovery);
    step_ = Step::failed;
    return;
  }
  // The client was continued meanwhile, at another server or at the same one.
  if (asked_ && !recovery->server.empty() && recovery->record.client != found_->record.client) {
    give_back(*recovery);
    step_ = Step::failed;
    return;
  }
  found_ = std::move(recovery);
  if (found_->server.empty()) {
    open_rooms();
  } else if (asked_) {
    pause(now_ms);
  } else {
    end_connection();
  }
}

// The client may reconnect from another network before its server knows that the old connection is dead. A server that is there
// leaves a record in any case.
void FarClaim::end_connection() {
  step_ = Step::telling;
  shared_.far->tell(
      found_->server, EngineIoShared::continue_text(wanted_.pid, wanted_.nsp),
      [self = shared_from_this()](FarServers::Told told) { self->put([&](Mail& mail) { mail.told = told; }); });
}

void FarClaim::pause(std::int64_t now_ms) {
  step_ = Step::pausing;
  next_step_ms_ = now_ms + kRetryMs;
}

// Whether this server may know less of the room than the client or its server did. Then it is read from the cluster.
bool FarClaim::must_read(const RoomPosition& one) {
  if (hub_.unread(one.room, one.position)) return true;
  if (std::ranges::find(positions_.uncertain, one.room, &RoomPosition::room) != positions_.uncertain.end()) return true;
  const Result<HistoryReply> here = hub_.history(one.room, RoomLog::kNoSeq - 1, 1, moment_);
  return !here.ok() || here->epoch != one.position.epoch || here->seq < one.position.seq;
}

void FarClaim::open_rooms() {
  std::string_view room = wanted_.room;
  std::optional<Position> last;
  if (wanted_.offset) {
    last = wanted_.offset->position;
    if (!wanted_.offset->room.empty()) room = wanted_.offset->room;
  }
  std::optional<session::FarPositions> positions = session::far_positions(*found_, room, last);
  if (!positions) {
    step_ = Step::failed;
    return;
  }
  positions_ = *std::move(positions);
  step_ = Step::opening;
  std::vector<KeptQuery> queries;
  for (const RoomPosition& one : positions_.rooms) {
    if (must_read(one)) queries.push_back({one.room, one.position.epoch, one.position.seq, RoomLog::kNoSeq, 0});
  }
  opening_ = queries.size();
  for (KeptQuery& query : queries) {
    shared_.rooms->read(std::move(query), [self = shared_from_this()](KeptRangePtr range) {
      self->put([&](Mail& mail) { mail.opened.push_back(std::move(range)); });
    });
  }
  if (opening_ == 0) wake_();
}

void FarClaim::on_opened() {
  {
    const std::lock_guard lock(mutex_);
    if (mail_.opened.size() < opening_) return;
    if (!std::ranges::all_of(mail_.opened, [](const KeptRangePtr& range) { return range->status.ok(); })) {
      step_ = Step::failed;
      return;
    }
    for (const KeptRangePtr& range : mail_.opened) found_->record.rooms.push_back(range->hold);
  }
  // The client's connection has ended, so what is published from here on it has not received.
  step_ = Step::ready;
  for (const RoomPosition& one : positions_.uncertain) {
    const Result<HistoryReply> now = hub_.history(one.room, one.position.seq, 1, moment_);
    if (!now.ok() || now->epoch != one.position.epoch || now->seq != one.position.seq) step_ = Step::failed;
  }
}

void FarClaim::abandon() noexcept try {
  std::optional<std::string> text;
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    text = std::exchange(mail_.record, std::nullopt);
  }
  if (!text && found_) text = session::pack_recovery(*found_);
  if (text) put_back(*std::move(text));
} catch (const std::bad_alloc&) {
}

void FarClaim::put_back(std::string text) {
  shared_.far->agree(wanted_.pid, std::move(text), shared_.recovery.window_ms(),
                     [](const std::optional<std::string>&) {});
}

// Its server may have written a newer one meanwhile.
void FarClaim::give_back(const session::FarRecovery& recovery) { put_back(session::pack_recovery(recovery)); }

}  // namespace chat::net
