// See event_stream_link.h.
#include "net/endpoint/rest/event_stream_link.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace chat::net {

void EventStreamLink::close(std::uint16_t code, std::string_view reason) {
  if (closing_) return;
  close_direct();
  closing_ = true;
  user_->on_link_closed(code, reason);
}

void EventStreamLink::push_rest(FramePtr frame, std::size_t written) {
  std::string bytes;
  if (carrier_.gathers()) carrier_.append_prefix(bytes, frame->size_bytes());
  frame->append_to(bytes);
  bytes += carrier_.suffix();
  bytes.erase(0, written);
  close_direct();
  stream_user_.on_rest(std::move(bytes));
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
