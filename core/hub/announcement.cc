// See announcement.h.
#include "hub/announcement.h"

#include <utility>

#include "hub/message_change.h"

namespace chat {

Announcement::ToSender::ToSender(const std::vector<LoopInbox*>& inboxes, const Receipt& receipt, const Message& message,
                                 Status status, bool repeated) {
  if (!receipt.sender || (receipt.ref.empty() && status.ok())) return;
  event_ = Acknowledged{receipt.sender->id(), receipt.ref, 0, {}, std::move(status), repeated};
  if (event_->status.ok()) {
    event_->seq = message.seq;
    event_->epoch = message.epoch;
  }
  place_.emplace(*inboxes[receipt.sender->loop()]);
}

void Announcement::ToSender::post() noexcept {
  if (place_) place_->post(*std::move(event_));
}

Announcement::Announcement(const std::vector<LoopInbox*>& inboxes, const Room* room, const Submission& submission,
                           bool with_notice)
    : inboxes_(inboxes),
      members_by_loop_(room == nullptr ? nullptr : &room->members_by_loop),
      message_(submission.message),
      acknowledge_last_(submission.receipt.last),
      to_sender_(inboxes, submission.receipt, *submission.message, {}) {
  // Such an event takes its place in the room's order and is sent to nobody.
  if (is_empty(*message_) || (message_->event_kind == RoomEventKind::presence && !message_->presence)) return;
  if (with_notice) notice_.emplace(*inboxes_[room->notice_loop]);
  try {
    for (; reserved_loops_ < inboxes_.size(); ++reserved_loops_) {
      if (has_receivers(reserved_loops_)) inboxes_[reserved_loops_]->reserve(1);
    }
  } catch (...) {
    for (std::size_t loop = 0; loop < reserved_loops_; ++loop) {
      if (has_receivers(loop)) inboxes_[loop]->release(1);
    }
    throw;
  }
}

Announcement::~Announcement() {
  for (std::size_t loop = 0; loop < reserved_loops_; ++loop) {
    if (has_receivers(loop)) inboxes_[loop]->release(1);
  }
}

bool Announcement::has_receivers(std::size_t loop) const {
  return members_by_loop_ == nullptr || (*members_by_loop_)[loop] != 0;
}

void Announcement::post() noexcept {
  if (!acknowledge_last_) to_sender_.post();
  post_message();
  if (acknowledge_last_) to_sender_.post();
}

void Announcement::post_message() noexcept {
  const std::size_t loops = std::exchange(reserved_loops_, 0);
  for (std::size_t loop = 0; loop < loops; ++loop) {
    if (!has_receivers(loop)) continue;
    if (members_by_loop_ == nullptr) {
      inboxes_[loop]->post_reserved(EveryoneMessage{message_});
    } else {
      inboxes_[loop]->post_reserved(RoomMessage{message_});
    }
  }
  if (notice_) notice_->post(PublishedNotice{message_});
}

}  // namespace chat
