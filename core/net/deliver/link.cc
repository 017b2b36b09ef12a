// See link.h.
#include "net/deliver/link.h"

#include <algorithm>

#include "net/deliver/link_context.h"

namespace chat::net {
namespace {

// A frame of a sixteenth of the outbox or more pauses its sender for so long. In that time a client that reads wakes up
// and reads, or polls once more.
constexpr std::int64_t kPauseMs = 100;
constexpr std::int64_t kLongPauseMs = 300;  // when more than the limits waits
constexpr std::int64_t kPatienceMs = 1'000;

}  // namespace

Link::Link(LinkContext& loop, LinkUser& user) : loop_(loop), user_(&user), direct_(loop.direct_links().add()) {}

Link::~Link() {
  loop_.direct_links().remove(direct_);
  loop_.dirty_links().forget(this);
  loop_.charged_links().remove(*this);
}

void Link::open_direct(int socket_fd) { loop_.direct_links().open(direct_, socket_fd); }

void Link::close_direct() noexcept { loop_.direct_links().close(direct_); }

void Link::mark_dirty() {
  close_direct();
  if (dirty_) return;
  loop_.dirty_links().add(this);
  dirty_ = true;
}

std::optional<Refusal> Link::charge(std::int64_t bytes) {
  if (!queued_.source()) return std::nullopt;
  if (bytes != 0 && queued_.amount() == 0) {
    loop_.charged_links().remove(*this);  // after QueueLink has given everything back
    loop_.charged_links().add(*this);
  }
  const std::optional<Refusal> refusal = queued_.resize(bytes);
  if (queued_.amount() == 0) loop_.charged_links().remove(*this);
  return refusal;
}

// Each turn closes a link and gives back what it was charged with.
void Link::charge_queue() {
  const std::int64_t bytes = charged_bytes(outbox_.account() + held_input_bytes());
  for (std::optional<Refusal> refusal; (refusal = charge(bytes)) && !closing_;) {
    const bool total = *refusal == Refusal::queued_bytes;
    Link* const fullest = loop_.charged_links().fullest(total ? nullptr : queued_.source().get());
    const bool other = fullest != nullptr && fullest != this && fullest->queued_.amount() > bytes;
    (other ? *fullest : *this).make_way(*refusal);
    if (!other) return;
  }
}

void Link::make_way(Refusal refusal) {
  loop_.refusals().note(refusal, queued_.source()->key());
  loop_.stats().slow_disconnects.add();
  loop_.stats().drops.add(outbox_.frames());
  outbox_.drop_unwritten();
  charge(0);
  close(1013, "too much waits for clients of this address, or for all clients");
}

bool Link::takes_whole(const Frame& frame) {
  if (closing_ || outbox_.fits(frame, loop_.outbox_limits())) return true;
  write_now();
  return closing_ || outbox_.fits(frame, loop_.outbox_limits());
}

void Link::push_rest(FramePtr frame, std::size_t written) {
  mark_dirty();
  outbox_.push_written(std::move(frame), carrier(), written);
}

void Link::push_replay(FramePtr frame) {
  if (closing_ || !frame) return;
  mark_dirty();
  outbox_.push_replay(std::move(frame));
}

void Link::push(FramePtr frame) {
  if (closing_ || !frame) return;
  mark_dirty();  // first: if it throws, no frame stays on a link that is never flushed
  const OutboxLimits& limits = loop_.outbox_limits();
  if (limits.policy == OutboxPolicy::drop_newest && outbox_.has_gaps() && frame->has_messages()) {
    // The notice belongs where the messages are missing: before the first frame that fits again. Until both fit,
    // messages are dropped. A message that was queued before the notice would lie within the range of the notice.
    if (!outbox_.fits(*frame, limits, 1)) write_now();
    if (closing_) return;
    if (!outbox_.fits(*frame, limits, 1) && !outbox_.empty()) {
      loop_.stats().drops.add(outbox_.drop(*frame));
      return;
    }
    for (const GapReply& gap : outbox_.take_gaps()) {
      if (FramePtr notice = user_->encode_gap(gap)) outbox_.push_last(std::move(notice));  // at most one for each room
    }
  }
  if (outbox_.bytes() + frame->size_bytes() > limits.bytes / 2 || filling_since_ms_ >= 0) watch_filling(*frame);
  std::uint64_t dropped = 0;
  const Outbox::Pushed pushed = push_within(frame, limits, dropped);
  loop_.stats().drops.add(dropped);
  if (pushed == Outbox::Pushed::full) {
    loop_.stats().slow_disconnects.add();
    loop_.refusals().note(Refusal::slow_reader, user_->address());
    loop_.memory().freed(outbox_.bytes());
    loop_.stats().drops.add(outbox_.frames());
    outbox_.drop_unwritten();
    close(1013, "reading too slowly");
  }
}

void Link::watch_filling(const Frame& frame) {
  if (loop_.outbox_limits().policy != OutboxPolicy::disconnect) return;
  const std::size_t limit = loop_.outbox_limits().bytes;
  if (outbox_.bytes() + frame.size_bytes() > limit / 2) {
    slow_its_senders(frame);
  } else if (filling_since_ms_ >= 0 && outbox_.bytes() <= limit / 4) {
    filling_since_ms_ = -1;
  }
}

// In proportion to the size of the messages, and only while the client may be merely late: a slow client must not slow
// its room. The messages of a batch are taken to be of equal size.
void Link::slow_its_senders(const Frame& frame) {
  if (std::ranges::all_of(frame.messages(), [](const MessagePtr& message) { return message->sender.id == 0; })) return;
  const std::int64_t now_ms = loop_.now_ms();
  if (filling_since_ms_ < 0) filling_since_ms_ = now_ms;
  if (now_ms - std::max(filling_since_ms_, taken_ms_) >= kPatienceMs || now_ms - filling_since_ms_ >= kTurnMs) return;
  const std::size_t limit = loop_.outbox_limits().bytes;
  const std::int64_t full_ms = outbox_.bytes() + frame.size_bytes() > limit ? kLongPauseMs : kPauseMs;
  const std::size_t size = frame.size_bytes() / frame.count();
  const std::size_t sixteenth = std::max<std::size_t>(1, limit / 16);
  const std::int64_t pause_ms =
      full_ms * static_cast<std::int64_t>(std::min(size, sixteenth)) / static_cast<std::int64_t>(sixteenth);
  if (pause_ms == 0) return;
  for (const MessagePtr& message : frame.messages()) {
    if (message->sender.id != 0) loop_.pause_sender(message->sender.id, pause_ms);
  }
}

void Link::note_written() { loop_.direct_links().note_written(direct_); }

std::int64_t Link::written_ms() const { return loop_.direct_links().written_ms(direct_); }

void Link::note_progress() { taken_ms_ = loop_.now_ms(); }

bool Link::is_half_full() const {
  const OutboxLimits& limits = loop_.outbox_limits();
  return outbox_.bytes() > limits.bytes / 2 || outbox_.frames() > limits.frames / 2;
}

bool Link::is_nearly_empty() const {
  const OutboxLimits& limits = loop_.outbox_limits();
  return outbox_.bytes() <= limits.bytes / 8 && outbox_.frames() <= limits.frames / 8;
}

Outbox::Pushed Link::push_within(FramePtr& frame, const OutboxLimits& limits, std::uint64_t& dropped) {
  if (!outbox_.fits(*frame, limits)) write_now();
  if (outbox_.fits(*frame, limits)) {
    outbox_.push_last(std::move(frame));
    // Only a client that has read most of the outbox gets that time again.
    if (over_since_ms_ >= 0 && !is_half_full()) over_since_ms_ = -1;
    return Outbox::Pushed::queued;
  }
  const Outbox::Pushed pushed = outbox_.push(frame, limits, dropped);
  if (pushed != Outbox::Pushed::full) return pushed;
  const std::int64_t now_ms = loop_.now_ms();
  if (over_since_ms_ < 0) over_since_ms_ = now_ms;
  if (now_ms - over_since_ms_ >= kTurnMs) return pushed;
  return outbox_.push(frame, {limits.bytes * 2, limits.frames * 2, limits.policy}, dropped);
}

}  // namespace chat::net
