// A link without a socket of its own. Its frames wait until its user takes them: for the answer to a poll, or because
// the socket is not there yet.
#pragma once

#include <vector>

#include "net/deliver/link.h"
#include "session/engine_io_queue.h"

namespace chat::net {

class QueueLink final : public Link, public session::EngineIoQueue {
 public:
  QueueLink(LinkContext& loop, LinkUser& user, const Carrier& carrier) : Link(loop, user), carrier_(carrier) {}

  void set_user(LinkUser& user) { user_ = &user; }

  void close(std::uint16_t code, std::string_view reason) override;
  void flush() override;
  void write_now() override { user_->on_output(); }
  // Its user gets on_turn() at the end of the round.
  void ask_for_turn();
  void pause_reading_until(std::int64_t until_ms) override { user_->on_pause(until_ms); }
  void resume_reading() override { user_->on_resume(); }
  void pause_reading_for_output() override;
  const Carrier& carrier() const override { return carrier_; }

  bool empty() const override { return outbox_.empty(); }
  // Appends everything, as one write of its carrier. A payload that has packets already gets a separator first.
  void take(std::string& payload) override;

  // The frames themselves, for another link with the same carrier.
  std::vector<FramePtr> take_frames() { return outbox_.take_all(); }

 private:
  std::size_t held_input_bytes() const override { return user_->held_input_bytes(); }

  const Carrier& carrier_;
  bool turn_asked_ = false;
};

}  // namespace chat::net
