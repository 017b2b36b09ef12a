// See queue_link.h.
#include "net/queue_link.h"

#include "net/loop.h"
#include "wire/engine_io.h"

namespace chat::net {

QueueLink::~QueueLink() {
  if (dirty_) loop_.forget_dirty(this);
}

void QueueLink::close(std::uint16_t code, std::string_view reason) {
  if (closing_) return;
  closing_ = true;
  user_->on_link_closed(code, reason);
}

void QueueLink::take(std::string& payload) {
  payload.reserve(payload.size() + outbox_.bytes() + outbox_.frames());
  for (const FramePtr& frame : outbox_.take_all()) wire::append_engine_io_packets(payload, frame->bytes());
  queued_.give_back();
}

}  // namespace chat::net
