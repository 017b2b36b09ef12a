// See outbox.h.
#include "net/deliver/outbox.h"

#include <algorithm>

#include "model/give_back.h"

namespace chat::net {

Outbox::Pushed Outbox::push(FramePtr& frame, const OutboxLimits& limits, std::uint64_t& dropped) {
  auto over = [&] { return !fits(*frame.get(), limits); };
  Pushed result = Pushed::queued;
  if (limits.policy == OutboxPolicy::drop_oldest) {
    for (std::size_t at = begin_ + (head_written_ != 0 ? 1 : 0); over() && at < frames_.size();) {
      if (!frames_[at]->message()) {
        ++at;
        continue;
      }
      drop(*frames_[at]->message());
      ++dropped;
      bytes_ -= frames_[at]->bytes().size();
      frames_.erase(frames_.begin() + static_cast<std::ptrdiff_t>(at));
      result = Pushed::dropped;
    }
  }
  // A reply is not dropped: the newest messages give way to it, as a new message would have gone in their place.
  if (limits.policy == OutboxPolicy::drop_newest && !frame->message()) {
    for (std::size_t at = frames_.size(); over() && at > begin_ + (head_written_ != 0 ? 1 : 0);) {
      --at;
      if (!frames_[at]->message()) continue;
      drop(*frames_[at]->message());
      ++dropped;
      bytes_ -= frames_[at]->bytes().size();
      frames_.erase(frames_.begin() + static_cast<std::ptrdiff_t>(at));
      result = Pushed::dropped;
    }
  }
  // A frame that alone is over the limit still goes when nothing else waits: it could never be delivered otherwise.
  if (over() && !empty()) {
    if (limits.policy == OutboxPolicy::disconnect || !frame->message()) return Pushed::full;
    drop(*frame->message());
    ++dropped;
    return Pushed::dropped;
  }
  push_last(std::move(frame));
  return result;
}

void Outbox::push_replay(FramePtr frame) {
  const std::size_t size = frame->bytes().size();
  push_last(std::move(frame));
  replayed_bytes_ += size;
  ++replayed_frames_;
}

void Outbox::push_last(FramePtr frame) {
  const std::size_t size = frame->bytes().size();
  frames_.push_back(std::move(frame));  // may throw: nothing is counted yet
  ++pushed_;
  bytes_ += size;
}

void Outbox::push_front(FramePtr frame) {
  const std::size_t size = frame->bytes().size();
  const std::size_t at = begin_ + (head_written_ != 0 ? 1 : 0);
  frames_.insert(frames_.begin() + static_cast<std::ptrdiff_t>(at), std::move(frame));
  ++pushed_;
  bytes_ += size;
}

std::string_view Outbox::next(std::string& scratch, std::size_t max_bytes) const {
  if (empty()) return {};
  const std::string_view head = frames_[begin_]->bytes().substr(head_written_);
  const bool alone = begin_ + 1 == frames_.size() || (mid_frame() && has_gaps());
  if (alone || head.size() >= max_bytes) return head.substr(0, max_bytes);
  scratch.assign(head);
  for (std::size_t at = begin_ + 1; at < frames_.size(); ++at) {
    const std::string_view bytes = frames_[at]->bytes();
    if (scratch.size() + bytes.size() > max_bytes) break;
    scratch += bytes;
  }
  return scratch;
}

void Outbox::release_front() {
  frames_[begin_++] = FramePtr();
  head_written_ = 0;
  if (empty()) {
    // Room for a few frames stays, so that the usual round allocates nothing; a backlog's does not.
    if (frames_.capacity() > 64) {
      give_back(frames_);
    } else {
      frames_.clear();
    }
    begin_ = 0;
    replayed_bytes_ = replayed_frames_ = 0;
  } else if (begin_ >= 64 && begin_ * 2 >= frames_.size()) {
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
}

void Outbox::consume(std::size_t bytes) {
  bytes_ -= bytes;
  while (bytes != 0) {
    const std::size_t left = frames_[begin_]->bytes().size() - head_written_;
    if (bytes < left) {
      head_written_ += bytes;
      return;
    }
    bytes -= left;
    release_front();
  }
}

std::size_t Outbox::account() {
  constexpr std::size_t kEntryBytes = 64;  // of the frame besides its bytes, and its place here
  const std::size_t count = frames();
  const std::size_t fresh = std::min(std::exchange(pushed_, 0), count);
  const std::size_t old = count - fresh;
  accounted_bytes_ =
      accounted_frames_ == 0 ? 0 : accounted_bytes_ * std::min(old, accounted_frames_) / accounted_frames_;
  for (std::size_t at = frames_.size() - fresh; at < frames_.size(); ++at) {
    accounted_bytes_ += kEntryBytes + frames_[at]->bytes().size() / frames_[at].holders();
  }
  accounted_frames_ = count;
  return accounted_bytes_;
}

std::vector<FramePtr> Outbox::take_all() {
  frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(begin_));
  std::vector<FramePtr> taken;
  taken.swap(frames_);
  begin_ = bytes_ = replayed_bytes_ = replayed_frames_ = 0;
  return taken;
}

void Outbox::drop(const Message& message) {
  auto gap = std::find_if(gaps_.begin(), gaps_.end(),
                          [&](const GapReply& g) { return g.room == message.room && g.epoch == message.epoch; });
  if (gap == gaps_.end()) gap = gaps_.insert(gap, {message.room, message.epoch, 0, 0, 0});
  ++gap->dropped;
  if (message.seq == 0) return;
  // What is replayed to a member that asks again comes out of order.
  gap->first_seq = gap->first_seq == 0 ? message.seq : std::min(gap->first_seq, message.seq);
  gap->last_seq = std::max(gap->last_seq, message.seq);
}

std::vector<GapReply> Outbox::take_gaps() { return std::exchange(gaps_, {}); }

void Outbox::drop_unwritten() {
  std::vector<FramePtr> kept;
  if (head_written_ != 0) kept.push_back(frames_[begin_]);
  frames_.swap(kept);
  begin_ = bytes_ = replayed_bytes_ = replayed_frames_ = 0;
  gaps_.clear();
  if (head_written_ != 0) bytes_ = front_bytes();
}

}  // namespace chat::net
