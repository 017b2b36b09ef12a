// The bytes of one message or reply as they go onto a socket, framed, and shared by all outboxes of one loop. The reference
// count is not atomic: a frame never leaves the thread of the loop that made it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "model/message.h"
#include "wire/codec.h"

namespace chat::net {

// How packets are put into bytes on a link; links with equal framing share frames.
struct Framing {
  enum class Carrier : std::uint8_t {
    websocket,  // each packet is a frame
    polling,    // packets of Engine.IO's HTTP long polling, as wire/engine_io/engine_io.h appends them
  };
  Carrier carrier = Carrier::websocket;
  bool engine_io = false;  // the packets are Engine.IO messages
  bool base64 = false;     // of an Engine.IO client that cannot take bytes
  // permessage-deflate (RFC 7692), where it pays: the window of the compression in bits, 9 to 15. 0: not agreed on.
  std::uint8_t deflate_window_bits = 0;

  bool operator==(const Framing&) const = default;
};
inline constexpr Framing kPollingFraming{Framing::Carrier::polling, true, true, 0};

class FramePtr;

class Frame {
 public:
  std::string_view bytes() const { return bytes_; }
  // What it carries to a room, so that a drop can be told as a gap; nullptr for replies, which are never dropped.
  const MessagePtr& message() const { return message_; }

 private:
  friend class FramePtr;
  Frame(std::string bytes, MessagePtr message) : bytes_(std::move(bytes)), message_(std::move(message)) {}

  std::uint32_t references_ = 1;
  const std::string bytes_;
  const MessagePtr message_;
};

class FramePtr {
 public:
  FramePtr() = default;
  FramePtr(std::string bytes, MessagePtr message) : frame_(new Frame(std::move(bytes), std::move(message))) {}
  FramePtr(const FramePtr& other) : frame_(other.frame_) {
    if (frame_) ++frame_->references_;
  }
  FramePtr(FramePtr&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  FramePtr& operator=(FramePtr other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~FramePtr() {
    if (frame_ && --frame_->references_ == 0) destroy(frame_);
  }

  const Frame* operator->() const { return frame_; }
  const Frame* get() const { return frame_; }
  explicit operator bool() const { return frame_ != nullptr; }
  // Of a frame: how many pointers to it there are.
  std::uint32_t holders() const { return frame_->references_; }

 private:
  static void destroy(Frame* frame);  // apart, so that what happens for each receiver stays small

  Frame* frame_ = nullptr;
};

// An empty pointer when there are no packets.
FramePtr make_frame(const wire::Packets& packets, const Framing& framing, MessagePtr message);

// One text, as it is: a packet of Engine.IO's own.
FramePtr make_text_frame(std::string_view text, const Framing& framing);
// What was made for polling and goes over the WebSocket that took its place: each packet as a text, bytes still in base64.
FramePtr make_upgraded_frame(std::string_view polling_payload);

// RFC 6455 section 5.5: a control frame with at most 125 bytes.
FramePtr make_ping_frame(std::string_view payload);
FramePtr make_pong_frame(std::string_view payload);
// Code 0: a close frame without a body. The reason is cut at a character's end to what fits.
FramePtr make_close_frame(std::uint16_t code, std::string_view reason);

}  // namespace chat::net
