// The link of a stream of events. Its frames wait until its user writes them into the response, a bounded part at a time, so that
// the outbox and its policy hold what the client does not read. When nothing waits, the fan-out writes the events of a stream of
// one room to the socket by itself.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "net/deliver/link.h"
#include "net/deliver/link_context.h"
#include "net/endpoint/rest/event_stream_carrier.h"

namespace chat::net {

class EventStreamUser : public LinkUser {
 public:
  // The fan-out has written the beginning of a write of the carrier to the socket. These bytes are its rest, as they are to be
  // sent.
  virtual void on_rest(std::string bytes) = 0;
};

class EventStreamLink final : public Link {
 public:
  // room_with_ids: that of the client's codec. chunked: the body of the response is.
  EventStreamLink(LinkContext& loop, EventStreamUser& user, std::string room_with_ids, bool chunked)
      : Link(loop, user),
        stream_user_(user),
        room_with_ids_(std::move(room_with_ids)),
        carrier_(chunked ? static_cast<const Carrier&>(chunked_event_carrier()) : event_stream_carrier()) {}

  // The events in the frame have ids. If not, an id may be put before it.
  bool has_ids(const Frame& frame) const {
    return !room_with_ids_.empty() && frame.has_messages() && frame.messages().front()->room == room_with_ids_;
  }

  bool empty() const { return outbox_.empty() && !outbox_.has_gaps(); }
  // Appends whole frames, at least one, while no more than max_bytes are appended. before(frame) is called before each frame.
  template <class Before>
  void take(std::string& out, std::size_t max_bytes, Before before);
  // The client has read what was taken.
  void note_read() { note_progress(); }

  // Nothing waits here, and each event has its own id, so that the fan-out may write to the socket. With an interval between
  // flushes, everything waits.
  bool may_open_direct() const {
    return !room_with_ids_.empty() && empty() && !dirty_ && !closing_ && loop_.options().flush_interval_ms == 0;
  }
  using Link::open_direct;
  // Comes before each write of the user.
  using Link::close_direct;
  void push_rest(FramePtr frame, std::size_t written) override;

  // Each event has its own id, so that a client that loses its connection knows what it has.
  bool takes_whole(const Frame& frame) override { return has_ids(frame) && Link::takes_whole(frame); }
  void close(std::uint16_t code, std::string_view reason) override;
  void flush() override { user_->on_output(); }
  void pause_reading_until(std::int64_t) override {}  // the client says nothing
  void resume_reading() override {}
  void pause_reading_for_output() override {}
  const Carrier& carrier() const override { return carrier_; }

 private:
  void write_now() override { user_->on_output(); }
  // The notices about dropped messages, where the messages are missing.
  void place_gaps();

  EventStreamUser& stream_user_;
  const std::string room_with_ids_;
  const Carrier& carrier_;
};

template <class Before>
void EventStreamLink::take(std::string& out, std::size_t max_bytes, Before before) {
  place_gaps();
  const std::size_t begin = out.size();
  while (!outbox_.empty() && (out.size() == begin || out.size() - begin < max_bytes)) {
    const FramePtr frame = outbox_.take_front();
    before(*frame);
    frame->append_to(out);
  }
}

}  // namespace chat::net
