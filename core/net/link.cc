// See link.h.
#include "net/link.h"

#include "net/loop.h"

namespace chat::net {

void Link::mark_dirty() {
  if (dirty_) return;
  dirty_ = true;
  loop_.add_dirty(this);
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
