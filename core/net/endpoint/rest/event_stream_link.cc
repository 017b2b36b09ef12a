// See event_stream_link.h.
#include "net/endpoint/rest/event_stream_link.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "net/deliver/link_context.h"

namespace chat::net {

void EventStreamLink::close(std::uint16_t code, std::string_view reason) {
  if (closing_) return;
  closing_ = true;
  user_->on_link_closed(code, reason);
}

void EventStreamLink::place_gaps() {
  if (!outbox_.has_gaps()) return;
  const bool oldest = loop_.outbox_limits().policy == OutboxPolicy::drop_oldest;
  if (!oldest && !outbox_.empty()) return;  // the newest are missing: the notice comes behind the others
  std::vector<GapReply> gaps = outbox_.take_gaps();
  std::ranges::reverse(gaps);
  for (const GapReply& gap : gaps) {
    if (FramePtr notice = user_->encode_gap(gap)) outbox_.push_front(std::move(notice));
  }
}

}  // namespace chat::net
