// Bytes as they go onto a link, shared by the outboxes of one loop. A frame is a short list of segments: bytes of its
// own, then buffers that other frames may share. It knows the messages in it, so that an outbox that drops it can
// report them as a gap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/message.h"
#include "net/deliver/loop_ptr.h"

namespace chat::net {

// A segment that several frames share.
class Buffer final : public LoopCounted {
 public:
  explicit Buffer(std::string bytes) : bytes_(std::move(bytes)) {}

  std::string_view bytes() const { return bytes_; }

 private:
  const std::string bytes_;
};
using BufferPtr = LoopPtr<Buffer>;

class Frame final : public LoopCounted {
 public:
  // Whether the frame may share the envelope of a write with other frames (carrier.h).
  enum class Place : std::uint8_t {
    inside,   // packets
    outside,  // a control frame, or the response to a handshake
  };

  // One segment with one message, or with none.
  explicit Frame(std::string bytes, MessagePtr message = nullptr, Place place = Place::inside)
      : place_(place), size_bytes_(bytes.size()), own_(std::move(bytes)), message_(std::move(message)) {}
  // `shared` follows `own`. The messages are of one room.
  Frame(std::string own, std::vector<BufferPtr> shared, std::vector<MessagePtr> messages);

  std::size_t size_bytes() const { return size_bytes_; }
  // What the frame counts in an outbox: its messages, or 1 when it has none.
  std::size_t count() const { return count_; }
  // None for replies, which are never dropped.
  bool has_messages() const { return message_ != nullptr; }
  std::span<const MessagePtr> messages() const {
    if (more_ && !more_->messages.empty()) return more_->messages;
    return {&message_, has_messages() ? std::size_t{1} : std::size_t{0}};
  }
  Place place() const { return place_; }

  std::size_t segments() const { return more_ ? 1 + more_->shared.size() : 1; }
  std::string_view segment(std::size_t index) const {
    return index == 0 ? std::string_view(own_) : more_->shared[index - 1]->bytes();
  }
  // Appends all segments.
  void append_to(std::string& out) const {
    out += own_;
    if (more_) append_shared_to(out);
  }
  // One holder's part of the bytes, when the frame has `holders`.
  std::size_t bytes_per_holder(std::uint32_t holders) const;

 private:
  // What most frames do not have.
  struct More {
    std::vector<BufferPtr> shared;
    std::vector<MessagePtr> messages;  // all, when there are several
  };

  void append_shared_to(std::string& out) const;

  std::uint32_t count_ = 1;
  const Place place_ = Place::inside;
  std::size_t size_bytes_;
  const std::string own_;
  MessagePtr message_;  // the first
  std::unique_ptr<More> more_;
};
using FramePtr = LoopPtr<Frame>;

}  // namespace chat::net
