// A way to one or more clients: what a peer sees of a socket or of an Engine.IO session. Frames pushed during a loop round
// are written together at its end.
#pragma once

#include <cstdint>
#include <string_view>

#include "hub/source_table.h"
#include "model/types.h"
#include "net/deliver/outbox.h"

namespace chat::net {

class LinkContext;

// What lives at this end of a link: one peer, or a session with several.
class LinkUser {
 public:
  virtual ~LinkUser() = default;

  // By which its client is known, as in ClientOrigin.
  virtual std::string_view address() const { return {}; }

  // The link can be written to: a WebSocket's handshake is through.
  virtual void on_established() {}
  // One message: whole, within the size limit, valid UTF-8 when it is text.
  virtual void on_message(bool binary, std::string_view bytes) = 0;
  // There is something in the outbox that the link does not write by itself.
  virtual void on_output() {}
  // The turn that it has asked its link for.
  virtual void on_turn() {}
  // The client takes what is written to it, however slowly.
  virtual void on_progress() {}
  // The link says goodbye, or is lost. Once; nothing else comes after it.
  virtual void on_link_closed(std::uint16_t code, std::string_view reason) = 0;

  // Of what the client has sent, what waits at this end.
  virtual std::size_t held_input_bytes() const { return 0; }
  // Until the time has come nothing more shall be taken from the client. For links that cannot stop reading.
  virtual void on_pause(std::int64_t until_ms) { (void)until_ms; }
  virtual void on_resume() {}

  // The notice of what was dropped, in the client's protocol; empty when that has no word for it.
  virtual FramePtr encode_gap(const GapReply& gap) = 0;
};

class Link {
 public:
  Link(LinkContext& loop, LinkUser& user) : loop_(loop), user_(&user) {}
  virtual ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  LinkUser& user() { return *user_; }

  // Queues the frame. A full outbox acts by its policy. Before that closes the link with 1013, what is queued is written once.
  // A client that could not take it yet, because everything came at once, may have twice the limits for kTurnMs. Ignored once
  // the link is closing.
  void push(FramePtr frame);
  static constexpr std::int64_t kTurnMs = 5'000;

  // The same for history that the client asked for, which does not count against the outbox's limits: a client with much to
  // catch up is not slow. How much of it there may be is for the peer to see to.
  void push_replay(FramePtr frame);

  // Says goodbye after what is queued: RFC 6455 section 7.1.2. Its user is told.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;

  // Writes what is queued, as far as the socket takes it. Called by the loop at the end of a round.
  virtual void flush() = 0;

  // Stops reading until the time has come, so that a sender that is too quick is slowed down by TCP.
  virtual void pause_reading_until(std::int64_t now_ms) = 0;
  // Ends that early.
  virtual void resume_reading() = 0;
  // Stops reading until the client has taken most of what is queued: so much of what it asked for waits already.
  virtual void pause_reading_for_output() = 0;
  // More than that should not be asked for.
  bool is_half_full() const;
  // Most of it has been taken.
  bool is_nearly_empty() const;

  // What waits here, to be written or of input that is not taken yet, takes memory: that is this source's.
  void charge_to(SourcePtr source) { queued_ = Share(std::move(source), Resource::queued_bytes); }
  // At the end of a round, when all links have written what they could. Closes with 1013 when it is too much.
  void charge_queue();
  // After input has come or was taken.
  void charge_input() {
    if (held_input_bytes() >= kChargedBytes || queued_.amount() != 0) charge_queue();
  }

  virtual const Framing& framing() const = 0;
  bool closing() const { return closing_; }
  std::size_t queued_bytes() const { return outbox_.bytes(); }
  std::size_t queued_frames() const { return outbox_.frames(); }

 protected:
  friend class DirtyLinks;

  virtual std::size_t held_input_bytes() const { return 0; }

  void mark_dirty();
  // The client takes what has waited for it.
  void note_progress();
  // Writes what the client takes now, in the middle of a round. Closes nothing.
  virtual void write_now() = 0;

  LinkContext& loop_;
  LinkUser* user_;
  Outbox outbox_;
  Share queued_;
  bool closing_ = false;
  bool dirty_ = false;
  std::size_t dirty_index_ = 0;    // in DirtyLinks
  std::size_t flushed_index_ = 0;  // the same, of the flush that is charged at its end

 private:
  Outbox::Pushed push_within(FramePtr& frame, const OutboxLimits& limits, std::uint64_t& dropped);

  void slow_its_sender(const Frame& frame);
  void watch_filling(const Frame& frame);

  std::int64_t over_since_ms_ = -1;     // when more than the limits began to wait; -1: it does not
  std::int64_t filling_since_ms_ = -1;  // the same of half of them
  std::int64_t taken_ms_ = -1;          // when the client last took something that it had not taken at once
};

}  // namespace chat::net
