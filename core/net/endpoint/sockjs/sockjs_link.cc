// See sockjs_link.h.
#include "net/endpoint/sockjs/sockjs_link.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "net/deliver/link_context.h"
#include "net/endpoint/sockjs/sockjs_carrier.h"

namespace chat::net {
namespace {

// After that the output is looked at again.
constexpr std::int64_t kOutputPauseMs = 100;

}  // namespace

SockJsLink::SockJsLink(LinkContext& loop, SockJsLinkOwner& owner, std::unique_ptr<LinkUser> user)
    : Link(loop, *user), owner_(owner), owned_user_(std::move(user)) {}

void SockJsLink::close(std::uint16_t code, std::string_view reason) {
  if (closing_) return;
  closing_ = true;
  owner_.on_close(code, reason);
  user_->on_link_closed(code, reason);
}

void SockJsLink::lose(std::uint16_t code, std::string_view reason) {
  if (closing_) return;
  closing_ = true;
  loop_.memory().freed(outbox_.bytes());
  user_->on_link_closed(code, reason);
}

void SockJsLink::pause_reading_for_output() { owner_.on_pause(loop_.now_ms() + kOutputPauseMs); }

const Carrier& SockJsLink::carrier() const { return sockjs_http_carrier(); }

void SockJsLink::take(std::string& elements, std::size_t max_bytes) {
  note_progress();
  note_written();
  tell_gaps_first();
  const std::size_t before = outbox_.bytes();
  outbox_.take_some(carrier(), elements, max_bytes);
  loop_.memory().freed(before - std::min(before, outbox_.bytes()));
  if (!outbox_.empty()) return;
  queued_.give_back();
  if (closing_ || !outbox_.has_gaps()) return;
  for (const GapReply& gap : outbox_.take_gaps()) push(user_->encode_gap(gap));
}

// With drop_oldest the dropped messages came before the first one that is queued now.
void SockJsLink::tell_gaps_first() {
  if (!outbox_.has_gaps() || closing_ || loop_.outbox_limits().policy != OutboxPolicy::drop_oldest) return;
  std::vector<GapReply> gaps = outbox_.take_gaps();
  std::reverse(gaps.begin(), gaps.end());  // each goes in front of the one before
  for (const GapReply& gap : gaps) {
    if (FramePtr notice = user_->encode_gap(gap)) outbox_.push_front(std::move(notice));
  }
}

}  // namespace chat::net
