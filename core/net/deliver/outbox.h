// What waits to be written to one link: whole frames, bounded in bytes and in messages. What is partly written is never
// dropped. Knows no socket. Only its loop's thread uses it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/boxed.h"
#include "model/command.h"
#include "net/base/server_options.h"
#include "net/deliver/carrier.h"
#include "net/deliver/frame.h"

namespace chat::net {

struct OutboxLimits {
  std::size_t bytes = 1 << 20;
  std::size_t frames = 4'096;  // in Frame::count(): a frame with n messages counts n, a frame without messages 1
  OutboxPolicy policy = OutboxPolicy::disconnect;
};

class Outbox {
 public:
  enum class Pushed : std::uint8_t {
    queued,
    dropped,  // messages were dropped: those of this frame, or with drop_oldest earlier ones
    full,     // the link must be closed
  };

  Outbox() = default;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Adds the number of dropped messages to `dropped`. With `full` the caller keeps the frame.
  Pushed push(FramePtr& frame, const OutboxLimits& limits, std::uint64_t& dropped);
  Pushed push(FramePtr&& frame, const OutboxLimits& limits, std::uint64_t& dropped) {
    return push(frame, limits, dropped);
  }
  // The frame would be queued without dropping anything, after `others` more frames that count 1.
  bool fits(const Frame& frame, const OutboxLimits& limits, std::size_t others = 0) const {
    return bytes_ + frame.size_bytes() <= limits.bytes + replayed_bytes_ &&
           count_ + frame.count() + others <= limits.frames + replayed_count_;
  }
  // At the end. Raises the limits by the frame until the outbox is empty. For history that the client asked for: it has
  // its own bounds, and must not push out new messages.
  void push_replay(FramePtr frame);
  // At the end, without limits: for the close frame.
  void push_last(FramePtr frame);
  // The only frame, of which the socket took so many bytes already, as of one write of the carrier. The outbox is empty.
  void push_written(FramePtr frame, const Carrier& carrier, std::size_t written);
  // Before everything but what is partly written, without limits: for the notice of a gap.
  void push_front(FramePtr frame);

  // Something is partly written: its rest must come next.
  bool mid_write() const { return head_written_ != 0 || write_begun(); }
  bool empty() const { return begin_ == frames_.size() && !write_begun(); }
  std::size_t bytes() const { return bytes_; }
  // In Frame::count(), as the limits.
  std::size_t frames() const { return count_; }
  // About the memory that the frames take. A frame in several outboxes is divided among those that hold it at the end
  // of the round in which it came. Called at such an end; looks at each frame once.
  std::size_t account();

  // The next contiguous bytes to write, at most max_bytes. Small segments are gathered in `scratch`; a large one is
  // given in place. When the carrier gathers, the bytes are those of one write: its frames in one envelope. While there
  // are gaps, the rest of a partly written frame comes alone, so that the notices can follow it. Valid until the next
  // change. The carrier must not change in the middle of a write.
  std::string_view next(const Carrier& carrier, std::string& scratch, std::size_t max_bytes);
  // The socket took so many bytes of next().
  void consume(std::size_t bytes);

  // Appends everything to `out`, as one write where the carrier gathers. For a link that is not a stream. Not in the
  // middle of a write.
  void take_write(const Carrier& carrier, std::string& out);
  // Appends whole frames, the oldest first, with separators before them unless `out` is empty, while `out` is shorter than
  // max_bytes. At least one, if there is any. Not in the middle of a write.
  void take_some(const Carrier& carrier, std::string& out, std::size_t max_bytes);
  // Takes all frames out. Not in the middle of a write.
  std::vector<FramePtr> take_all();
  // Takes out the first frame. Not when it is empty, and not in the middle of a write.
  FramePtr take_front();

  // The frame is not queued: its messages belong to the next gap of their room. Returns how many they are.
  std::size_t drop(const Frame& frame);
  // What was dropped since the last call, one entry for each room. Counts a message once, even when the copies for
  // several subscriptions were dropped.
  std::vector<GapReply> take_gaps();
  bool has_gaps() const { return !gaps_->empty(); }

  // Empties the outbox. The rest of what is partly written stays.
  void drop_unwritten();

 private:
  // One write of a carrier that gathers: planned by next(), and begun when the socket took some of it.
  struct Write {
    const Carrier& carrier;
    std::size_t frames = 0;  // that are not written yet
    std::string glue;        // what the envelope has before the next frame, or at the end
    bool begun = false;
  };

  bool write_begun() const { return write_ && write_->begun; }
  void drop(const Message& message);
  void drop_at(std::size_t at, std::uint64_t& dropped);
  // The first frame that may be dropped or preceded by another.
  std::size_t first_unwritten() const;
  void prepare_write(const Carrier& carrier);
  void plan_write(const Carrier& carrier, std::size_t max_bytes);
  std::string_view gather(const Carrier& carrier, std::string& scratch, std::size_t max_bytes) const;
  void consume_write(std::size_t bytes);
  template <class Visit>
  void visit_pieces(const Carrier& carrier, Visit visit) const;
  void release_front();

  std::vector<FramePtr> frames_;  // [begin_, end) are queued
  std::size_t head_written_ = 0;  // bytes of the first frame that are written already
  std::size_t bytes_ = 0;         // of frames, still to be written
  std::size_t accounted_bytes_ = 0;
  std::size_t replayed_bytes_ = 0;
  std::uint32_t begin_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t pushed_ = 0;  // frames, since the last account()
  std::uint32_t accounted_frames_ = 0;
  std::uint32_t replayed_count_ = 0;
  Boxed<std::vector<GapReply>> gaps_;

  std::unique_ptr<Write> write_;  // empty unless the carrier gathers
};

}  // namespace chat::net
