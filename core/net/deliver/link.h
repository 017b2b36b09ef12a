// The way to one or more clients: what a peer sees of a socket or of an Engine.IO session. Frames that are pushed
// during a loop round are written together at its end.
#pragma once

#include <cstdint>
#include <string_view>

#include "hub/source_table.h"
#include "model/types.h"
#include "net/deliver/carrier.h"
#include "net/deliver/direct_links.h"
#include "net/deliver/outbox.h"

namespace chat::net {

class LinkContext;

// The server's end of a link: one peer, or a session with several.
class LinkUser {
 public:
  virtual ~LinkUser() = default;

  // The client's address, as in ClientOrigin.
  virtual std::string_view address() const { return {}; }

  // The link can be written to: a WebSocket's handshake is complete.
  virtual void on_established() {}
  // One whole message, within the size limit, and valid UTF-8 when it is text.
  virtual void on_message(bool binary, std::string_view bytes) = 0;
  // The outbox has frames that the link does not write by itself.
  virtual void on_output() {}
  // The turn that the user asked the link for.
  virtual void on_turn() {}
  // The client reads what is written to it, however slowly.
  virtual void on_progress() {}
  // The link is closing, or is lost. The last call, and only once.
  virtual void on_link_closed(std::uint16_t code, std::string_view reason) = 0;

  // Input of the client that waits at this end.
  virtual std::size_t held_input_bytes() const { return 0; }
  // No more input is taken from the client until that time. For links that cannot stop reading.
  virtual void on_pause(std::int64_t until_ms) { (void)until_ms; }
  // A pause has ended.
  virtual void on_resume() {}

  // The notice about dropped messages, in the client's protocol. An empty pointer when the protocol has none.
  virtual FramePtr encode_gap(const GapReply& gap) = 0;
};

class Link {
 public:
  Link(LinkContext& loop, LinkUser& user);
  virtual ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  LinkUser& user() { return *user_; }

  // Queues the frame. A full outbox acts by its policy. What is queued is written once before that policy closes the
  // link with 1013. A client that had no chance to read a burst yet may have twice the limits for kTurnMs. Does nothing
  // once the link is closing.
  void push(FramePtr frame);
  static constexpr std::int64_t kTurnMs = 5'000;

  // The frame fits into the outbox whole, possibly after a write. Otherwise its messages should come in frames of their own,
  // so that the outbox's policy decides on each.
  virtual bool takes_whole(const Frame& frame);
  // The only frame that waits, of which so many bytes are written already, as of one write of the carrier.
  virtual void push_rest(FramePtr frame, std::size_t written);
  // Its row in DirectLinks, which is open while nothing waits and the socket takes bytes.
  DirectLinks::Number direct_number() const { return direct_; }

  // The same for history that the client asked for. It does not count against the outbox's limits, because a client
  // that catches up is not slow. The peer bounds it.
  void push_replay(FramePtr frame);

  // Closes after what is queued: RFC 6455 section 7.1.2. Its user gets on_link_closed().
  virtual void close(std::uint16_t code, std::string_view reason) = 0;

  // Writes what is queued, as far as the socket takes it. The loop calls it at the end of a round.
  virtual void flush() = 0;

  // Stops reading until that time, so that TCP slows down a sender that is too fast.
  virtual void pause_reading_until(std::int64_t now_ms) = 0;
  // Ends the pause early.
  virtual void resume_reading() = 0;
  // Stops reading until the client has read most of what is queued: too many replies wait already.
  virtual void pause_reading_for_output() = 0;
  // The client should not request more.
  bool is_half_full() const;
  // The client has read most of what was queued.
  bool is_nearly_empty() const;

  // Nothing is read from the client now, so that what it sends waits.
  virtual bool is_paused() const { return false; }
  // When something was last written; -1: never.
  std::int64_t written_ms() const;

  // Charges this source with the memory of queued output and of input that is not taken yet.
  void charge_to(SourcePtr source) { queued_ = Share(std::move(source), Resource::queued_bytes); }
  // At the end of a round, when all links have written what they could. When the source has too much, or all sources
  // together, the link of the loop with the most is closed with 1013.
  void charge_queue();
  // After input came or was taken.
  void charge_input() {
    if (held_input_bytes() >= kChargedBytes || queued_.amount() != 0) charge_queue();
  }

  virtual const Carrier& carrier() const = 0;
  bool closing() const { return closing_; }
  std::size_t queued_bytes() const { return outbox_.bytes(); }
  // In Frame::count().
  std::size_t queued_frames() const { return outbox_.frames(); }

 protected:
  friend class ChargedLinks;
  friend class DirtyLinks;

  virtual std::size_t held_input_bytes() const { return 0; }

  // Comes before each frame that is queued.
  void mark_dirty();
  // Nothing waits, and bytes may be written to this socket until the next mark_dirty() or close_direct().
  void open_direct(int socket_fd);
  void close_direct() noexcept;
  // The client reads what waited for it.
  void note_progress();
  void note_written();
  // Writes what the client accepts now, in the middle of a round. Closes nothing.
  virtual void write_now() = 0;

  LinkContext& loop_;
  LinkUser* user_;
  Outbox outbox_;
  Share queued_;
  bool closing_ = false;
  bool dirty_ = false;
  std::uint32_t dirty_index_ = 0;    // in DirtyLinks
  std::uint32_t flushed_index_ = 0;  // the same, for the flush that is charged at its end
  std::uint32_t charged_index_ = 0;  // in ChargedLinks

 private:
  Outbox::Pushed push_within(FramePtr& frame, const OutboxLimits& limits, std::uint64_t& dropped);

  std::optional<Refusal> charge(std::int64_t bytes);
  void make_way(Refusal refusal);
  void slow_its_senders(const Frame& frame);
  void watch_filling(const Frame& frame);

  const DirectLinks::Number direct_;
  std::int64_t over_since_ms_ = -1;     // since when more than the limits waits; -1: not now
  std::int64_t filling_since_ms_ = -1;  // the same for half the limits
  std::int64_t taken_ms_ = -1;          // when the client last read something that it had not read at once
};

}  // namespace chat::net
