// What waits to be written to one link: whole frames, bounded in bytes and in count. A frame that is partly written is
// never dropped. Knows no socket; its loop's thread alone uses it.
#pragma once

#include <cstdint>
#include <vector>

#include "model/command.h"
#include "net/base/server_options.h"
#include "net/deliver/frame.h"

namespace chat::net {

struct OutboxLimits {
  std::size_t bytes = 1 << 20;
  std::size_t frames = 4'096;
  OutboxPolicy policy = OutboxPolicy::disconnect;
};

class Outbox {
 public:
  enum class Pushed : std::uint8_t {
    queued,
    dropped,  // a message was dropped: this one, or with drop_oldest others before it
    full,     // the link must be closed
  };

  // `dropped` is raised by the messages dropped. full: the frame is the caller's still.
  Pushed push(FramePtr& frame, const OutboxLimits& limits, std::uint64_t& dropped);
  Pushed push(FramePtr&& frame, const OutboxLimits& limits, std::uint64_t& dropped) {
    return push(frame, limits, dropped);
  }
  // It would be queued without anything being dropped, after `others` more frames.
  bool fits(const Frame& frame, const OutboxLimits& limits, std::size_t others = 0) const {
    return bytes_ + frame.bytes().size() <= limits.bytes + replayed_bytes_ &&
           frames() + 1 + others <= limits.frames + replayed_frames_;
  }
  // At the end, and the limits are raised by it until the outbox is empty: for history that was asked for, which has bounds
  // of its own and must not push out what is said meanwhile.
  void push_replay(FramePtr frame);
  // At the end, whatever the limits: for the close frame.
  void push_last(FramePtr frame);
  // In front of everything but a partly written frame; not bounded, for the notice of a gap.
  void push_front(FramePtr frame);

  // The first frame is partly written: nothing else may come before its rest.
  bool mid_frame() const { return head_written_ != 0; }
  // What is left of the first frame. Not of an empty outbox.
  std::size_t front_bytes() const { return frames_[begin_]->bytes().size() - head_written_; }
  bool empty() const { return begin_ == frames_.size(); }
  std::size_t bytes() const { return bytes_; }
  std::size_t frames() const { return frames_.size() - begin_; }
  // The memory that they take, about: what several outboxes hold is divided among those that held it at the end of the round in
  // which it came. For such an end; each frame is looked at once.
  std::size_t account();

  // The next contiguous bytes to write, at most max_bytes. Small frames are gathered in `scratch`; the rest of a large
  // frame is given in place. While there are gaps the rest of a partly written frame comes alone, so that their notices can
  // follow it. Valid until the next change.
  std::string_view next(std::string& scratch, std::size_t max_bytes) const;
  // So many bytes of next() were taken by the socket.
  void consume(std::size_t bytes);

  // Takes all frames out, for a carrier that is not a stream. Not in the middle of a frame.
  std::vector<FramePtr> take_all();

  // The message is not queued: it belongs to its room's next gap.
  void drop(const Message& message);
  // What was dropped since the last call, one entry for each room.
  std::vector<GapReply> take_gaps();
  bool has_gaps() const { return !gaps_.empty(); }

  // Empties it but for a frame that is partly written, whose rest must follow.
  void drop_unwritten();

 private:
  void release_front();

  std::vector<FramePtr> frames_;  // [begin_, end) are queued
  std::size_t begin_ = 0;
  std::size_t head_written_ = 0;  // bytes of the first frame that are written already
  std::size_t bytes_ = 0;         // still to be written
  std::size_t pushed_ = 0;        // frames, since the last account()
  std::size_t accounted_frames_ = 0;
  std::size_t accounted_bytes_ = 0;
  std::size_t replayed_bytes_ = 0;
  std::size_t replayed_frames_ = 0;
  std::vector<GapReply> gaps_;
};

}  // namespace chat::net
