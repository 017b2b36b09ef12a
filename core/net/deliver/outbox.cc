// See outbox.h.
#include "net/deliver/outbox.h"

#include <algorithm>

#include "model/give_back.h"

namespace chat::net {
namespace {

// There is something of it to write. The object stays for the next write, so that this one allocates nothing.
template <class Write>
bool planned(const std::unique_ptr<Write>& write) {
  return write && (write->frames != 0 || !write->glue.empty());
}

}  // namespace

// Filling -------------------------------------------------------------------------------------------------------------

std::size_t Outbox::first_unwritten() const {
  return begin_ + (write_begun() ? write_->frames : static_cast<std::size_t>(head_written_ != 0));
}

void Outbox::drop_at(std::size_t at, std::uint64_t& dropped) {
  dropped += drop(*frames_[at]);
  bytes_ -= frames_[at]->size_bytes();
  count_ -= static_cast<std::uint32_t>(frames_[at]->count());
  frames_.erase(frames_.begin() + static_cast<std::ptrdiff_t>(at));
}

Outbox::Pushed Outbox::push(FramePtr& frame, const OutboxLimits& limits, std::uint64_t& dropped) {
  auto over = [&] { return !fits(*frame, limits); };
  Pushed result = Pushed::queued;
  if (limits.policy == OutboxPolicy::drop_oldest) {
    for (std::size_t at = first_unwritten(); over() && at < frames_.size();) {
      if (!frames_[at]->has_messages()) {
        ++at;
        continue;
      }
      drop_at(at, dropped);
      result = Pushed::dropped;
    }
  }
  // A reply is not dropped. The newest messages make room for it: a new message would have been dropped in their place.
  if (limits.policy == OutboxPolicy::drop_newest && !frame->has_messages()) {
    for (std::size_t at = frames_.size(); over() && at > first_unwritten();) {
      --at;
      if (!frames_[at]->has_messages()) continue;
      drop_at(at, dropped);
      result = Pushed::dropped;
    }
  }
  // A frame that alone is over the limit is queued when nothing else waits: otherwise it could never be delivered.
  if (over() && !empty()) {
    if (limits.policy == OutboxPolicy::disconnect || !frame->has_messages()) return Pushed::full;
    dropped += drop(*frame);
    return Pushed::dropped;
  }
  push_last(std::move(frame));
  return result;
}

void Outbox::push_replay(FramePtr frame) {
  const std::size_t size = frame->size_bytes();
  const auto count = static_cast<std::uint32_t>(frame->count());
  push_last(std::move(frame));
  replayed_bytes_ += size;
  replayed_count_ += count;
}

void Outbox::push_last(FramePtr frame) {
  const std::size_t size = frame->size_bytes();
  const auto count = static_cast<std::uint32_t>(frame->count());
  frames_.push_back(std::move(frame));  // may throw: nothing is counted yet
  ++pushed_;
  bytes_ += size;
  count_ += count;
}

// Allocates before it changes anything.
void Outbox::push_written(FramePtr frame, const Carrier& carrier, std::size_t written) {
  if (carrier.gathers()) {
    prepare_write(carrier);
    carrier.append_prefix(write_->glue, frame->size_bytes());
    write_->frames = 1;
  }
  try {
    push_last(std::move(frame));
  } catch (...) {
    write_.reset();
    throw;
  }
  consume(written);
}

void Outbox::push_front(FramePtr frame) {
  const std::size_t size = frame->size_bytes();
  const auto count = static_cast<std::uint32_t>(frame->count());
  frames_.insert(frames_.begin() + static_cast<std::ptrdiff_t>(first_unwritten()), std::move(frame));
  ++pushed_;
  bytes_ += size;
  count_ += count;
}

// Writing -------------------------------------------------------------------------------------------------------------

void Outbox::prepare_write(const Carrier& carrier) {
  if (!write_ || &write_->carrier != &carrier) write_ = std::make_unique<Write>(Write{carrier, 0, {}, false});
  write_->frames = 0;
  write_->glue.clear();
}

// As many frames as fit into max_bytes, and at least one. Frames that belong outside an envelope are written without
// one, each for itself.
void Outbox::plan_write(const Carrier& carrier, std::size_t max_bytes) {
  prepare_write(carrier);
  if (head_written_ != 0) return;
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (std::size_t at = begin_; at < frames_.size(); ++at) {
    if (frames_[at]->place() == Frame::Place::outside) break;
    const std::size_t more = frames_[at]->size_bytes() + (count == 0 ? 0 : carrier.separator().size());
    if (count != 0 && bytes + more > max_bytes) break;
    bytes += more;
    ++count;
  }
  if (count == 0) return;
  write_->frames = count;
  carrier.append_prefix(write_->glue, bytes);
}

// Calls visit(bytes) for each piece that may be written now, until it returns false.
template <class Visit>
void Outbox::visit_pieces(const Carrier& carrier, Visit visit) const {
  const bool in_envelope = planned(write_);
  if (in_envelope) {
    if (!write_->glue.empty() && !visit(std::string_view(write_->glue))) return;
    if (write_->frames == 0) return;
  }
  std::size_t skip = head_written_;
  for (std::size_t at = begin_; at < frames_.size(); ++at) {
    const Frame& frame = *frames_[at];
    for (std::size_t index = 0; index < frame.segments(); ++index) {
      std::string_view piece = frame.segment(index);
      const std::size_t written = std::min(skip, piece.size());
      skip -= written;
      piece.remove_prefix(written);
      if (!piece.empty() && !visit(piece)) return;
    }
    if (in_envelope) {
      const bool last = at - begin_ + 1 == write_->frames;
      const std::string_view glue = last ? carrier.suffix() : carrier.separator();
      if ((!glue.empty() && !visit(glue)) || last) return;
    } else if (carrier.gathers() || (at == begin_ && head_written_ != 0 && has_gaps())) {
      return;
    }
  }
}

std::string_view Outbox::next(const Carrier& carrier, std::string& scratch, std::size_t max_bytes) {
  if (empty()) return {};
  if (carrier.gathers()) {
    if (!write_begun()) plan_write(carrier, max_bytes);
    return gather(carrier, scratch, max_bytes);
  }
  if (frames_[begin_]->segments() != 1) return gather(carrier, scratch, max_bytes);
  // The usual case, which gather() would answer in the same way.
  const std::string_view head = frames_[begin_]->segment(0).substr(head_written_);
  const bool alone = begin_ + 1 == frames_.size() || (mid_write() && has_gaps());
  if (alone || head.size() >= max_bytes) return head.substr(0, max_bytes);
  scratch.assign(head);
  for (std::size_t at = begin_ + 1; at < frames_.size(); ++at) {
    const Frame& frame = *frames_[at];
    if (scratch.size() + frame.size_bytes() > max_bytes) {
      for (std::size_t index = 0; scratch.size() + frame.segment(index).size() <= max_bytes; ++index) {
        scratch += frame.segment(index);
      }
      break;
    }
    frame.append_to(scratch);
  }
  return scratch;
}

std::string_view Outbox::gather(const Carrier& carrier, std::string& scratch, std::size_t max_bytes) const {
  scratch.clear();
  std::string_view in_place;
  visit_pieces(carrier, [&](std::string_view piece) {
    if (in_place.empty()) {
      in_place = piece.substr(0, max_bytes);
      return piece.size() < max_bytes;
    }
    const std::size_t gathered = scratch.empty() ? in_place.size() : scratch.size();
    if (gathered + piece.size() > max_bytes) return false;
    if (scratch.empty()) scratch.assign(in_place);
    scratch += piece;
    return true;
  });
  return scratch.empty() ? in_place : std::string_view(scratch);
}

void Outbox::release_front() {
  count_ -= static_cast<std::uint32_t>(frames_[begin_]->count());
  frames_[begin_++] = FramePtr();
  head_written_ = 0;
  if (begin_ == frames_.size()) {
    // Memory for a few frames stays, so that the usual round allocates nothing. That of a backlog is given back.
    if (frames_.capacity() > 64) {
      give_back(frames_);
    } else {
      frames_.clear();
    }
    begin_ = 0;
    replayed_bytes_ = 0;
    replayed_count_ = 0;
  } else if (begin_ >= 64 && begin_ * 2 >= frames_.size()) {
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
}

void Outbox::consume(std::size_t bytes) {
  if (planned(write_)) {
    consume_write(bytes);
    return;
  }
  bytes_ -= bytes;
  while (bytes != 0) {
    const std::size_t left = frames_[begin_]->size_bytes() - head_written_;
    if (bytes < left) {
      head_written_ += bytes;
      return;
    }
    bytes -= left;
    release_front();
  }
}

void Outbox::consume_write(std::size_t bytes) {
  Write& write = *write_;
  write.begun = write.begun || bytes != 0;
  while (bytes != 0) {
    if (!write.glue.empty()) {
      const std::size_t taken = std::min(bytes, write.glue.size());
      write.glue.erase(0, taken);
      bytes -= taken;
      continue;
    }
    const std::size_t left = frames_[begin_]->size_bytes() - head_written_;
    const std::size_t taken = std::min(bytes, left);
    bytes_ -= taken;
    bytes -= taken;
    head_written_ += taken;
    if (taken != left) return;
    write.glue = --write.frames == 0 ? write.carrier.suffix() : write.carrier.separator();
    release_front();
  }
  if (write.frames == 0 && write.glue.empty()) write.begun = false;
}

void Outbox::take_write(const Carrier& carrier, std::string& out) {
  while (!empty()) {
    if (carrier.gathers()) plan_write(carrier, SIZE_MAX);
    std::size_t taken = 0;
    visit_pieces(carrier, [&](std::string_view piece) {
      out += piece;
      taken += piece.size();
      return true;
    });
    consume(taken);
  }
  give_back(frames_);
  write_.reset();
}

// Accounting ----------------------------------------------------------------------------------------------------------

std::size_t Outbox::account() {
  constexpr std::size_t kEntryBytes = 64;  // of the frame besides its bytes, and its place here
  const auto count = static_cast<std::uint32_t>(frames_.size() - begin_);
  const std::uint32_t fresh = std::min(std::exchange(pushed_, 0U), count);
  const std::uint32_t old = count - fresh;
  accounted_bytes_ =
      accounted_frames_ == 0 ? 0 : accounted_bytes_ * std::min(old, accounted_frames_) / accounted_frames_;
  for (std::size_t at = frames_.size() - fresh; at < frames_.size(); ++at) {
    accounted_bytes_ += kEntryBytes + frames_[at]->bytes_per_holder(frames_[at].holders());
  }
  accounted_frames_ = count;
  return accounted_bytes_;
}

void Outbox::take_some(const Carrier& carrier, std::string& out, std::size_t max_bytes) {
  while (!empty()) {
    if (!out.empty()) out += carrier.separator();
    frames_[begin_]->append_to(out);  // first, because it may throw
    bytes_ -= frames_[begin_]->size_bytes();
    release_front();
    if (out.size() >= max_bytes) return;
  }
}

std::vector<FramePtr> Outbox::take_all() {
  frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(begin_));
  std::vector<FramePtr> taken;
  taken.swap(frames_);
  begin_ = count_ = replayed_count_ = 0;
  bytes_ = replayed_bytes_ = 0;
  return taken;
}

FramePtr Outbox::take_front() {
  FramePtr first = frames_[begin_];
  bytes_ -= first->size_bytes();
  release_front();
  return first;
}

// Gaps ----------------------------------------------------------------------------------------------------------------

std::size_t Outbox::drop(const Frame& frame) {
  for (const MessagePtr& message : frame.messages()) drop(*message);
  return frame.messages().size();
}

void Outbox::drop(const Message& message) {
  std::vector<GapReply>& gaps = gaps_.make();
  auto gap = std::ranges::find_if(
      gaps, [&](const GapReply& one) { return one.room == message.room && one.epoch == message.epoch; });
  if (gap == gaps.end()) gap = gaps.insert(gap, {message.room, message.epoch, 0, 0, 0});
  if (message.seq == 0) {
    ++gap->dropped;
    return;
  }
  // The copies for several subscriptions are neighbours, in either direction.
  if (message.seq != gap->first_seq && message.seq != gap->last_seq) ++gap->dropped;
  // A replay to a member that asks again comes out of order.
  gap->first_seq = gap->first_seq == 0 ? message.seq : std::min(gap->first_seq, message.seq);
  gap->last_seq = std::max(gap->last_seq, message.seq);
}

std::vector<GapReply> Outbox::take_gaps() {
  if (!has_gaps()) return {};
  std::vector<GapReply> gaps = std::move(gaps_.get());
  gaps_.reset();
  return gaps;
}

void Outbox::drop_unwritten() {
  const std::size_t end = first_unwritten();
  std::vector<FramePtr> kept(frames_.begin() + static_cast<std::ptrdiff_t>(begin_),
                             frames_.begin() + static_cast<std::ptrdiff_t>(end));
  frames_.swap(kept);
  begin_ = count_ = replayed_count_ = 0;
  bytes_ = replayed_bytes_ = 0;
  gaps_.reset();
  for (const FramePtr& frame : frames_) {
    bytes_ += frame->size_bytes();
    count_ += static_cast<std::uint32_t>(frame->count());
  }
  bytes_ -= head_written_;
}

}  // namespace chat::net
