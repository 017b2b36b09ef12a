// See link.h.
#include "net/link.h"

#include "net/loop.h"
#include "net/server.h"

namespace chat::net {
namespace {

// What waits is charged in such pieces, so that the counters, which all loops share, seldom change.
constexpr std::int64_t kChargedBytes = 4'096;

}  // namespace

void Link::mark_dirty() {
  if (dirty_) return;
  dirty_ = true;
  loop_.add_dirty(this);
}

void Link::charge_queue() {
  const auto bytes = static_cast<std::int64_t>(outbox_.account()) / kChargedBytes * kChargedBytes;
  const std::optional<Refusal> refusal = queued_.resize(bytes);
  if (!refusal || closing_) return;
  loop_.server().refusals().note(*refusal, queued_.source()->key());
  loop_.stats().slow_disconnects.add();
  loop_.stats().drops.add(outbox_.frames());
  outbox_.drop_unwritten();
  queued_.give_back();
  close(1013, "too much waits for readers like this one");
}

void Link::push_replay(FramePtr frame) {
  if (closing_ || !frame) return;
  outbox_.push_replay(std::move(frame));
  mark_dirty();
}

void Link::push(FramePtr frame) {
  if (closing_ || !frame) return;
  const OutboxLimits& limits = loop_.outbox_limits();
  if (limits.policy == OutboxPolicy::drop_newest && outbox_.has_gaps() && frame->message()) {
    // The notice belongs where the messages are missing: before the first that fits again.
    const bool fits = outbox_.bytes() + frame->bytes().size() <= limits.bytes && outbox_.frames() + 2 <= limits.frames;
    if (fits || outbox_.empty()) {
      for (const GapReply& gap : outbox_.take_gaps()) {
        if (FramePtr notice = user_->encode_gap(gap))
          outbox_.push_last(std::move(notice));  // one for each room at most
      }
    }
  }
  std::uint64_t dropped = 0;
  const Outbox::Pushed pushed = outbox_.push(std::move(frame), limits, dropped);
  loop_.stats().drops.add(dropped);
  if (pushed == Outbox::Pushed::full) {
    loop_.stats().slow_disconnects.add();
    loop_.stats().drops.add(outbox_.frames());
    outbox_.drop_unwritten();
    close(1013, "reading too slowly");
    return;
  }
  mark_dirty();
}

}  // namespace chat::net
