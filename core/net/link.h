// A way to one or more clients: what a peer sees of a socket (later also of an Engine.IO or SockJS session). Frames pushed
// during a loop round are written together at its end.
#pragma once

#include <cstdint>
#include <string_view>

#include "net/outbox.h"

namespace chat::net {

class Loop;

class Link {
 public:
  explicit Link(Loop& loop) : loop_(loop) {}
  virtual ~Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Queues the frame. A full outbox acts by its policy; the link closes with 1013 when that says so. Ignored once the link
  // is closing.
  void push(FramePtr frame);

  // The same for history that the client asked for, which does not count against the outbox's limits: a client with much to
  // catch up is not slow. How much of it there may be is for the peer to see to.
  void push_replay(FramePtr frame);

  // Says goodbye after what is queued: RFC 6455 section 7.1.2. The peers of the link are retired with the same code.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;

  // Writes what is queued, as far as the socket takes it. Called by the loop at the end of a round.
  virtual void flush() = 0;

  // Stops reading until the time has come, so that a sender that is too quick is slowed down by TCP.
  virtual void pause_reading_until(std::int64_t now_ms) = 0;

  virtual Framing framing() const = 0;
  bool closing() const { return closing_; }
  std::size_t queued_bytes() const { return outbox_.bytes(); }
  std::size_t queued_frames() const { return outbox_.frames(); }

 protected:
  friend class Loop;
  // The notice of what was dropped, in the client's protocol; empty when that has no word for it.
  virtual FramePtr encode_gap(const GapReply& gap) = 0;

  void mark_dirty();

  Loop& loop_;
  Outbox outbox_;
  bool closing_ = false;
  bool dirty_ = false;
};

}  // namespace chat::net
