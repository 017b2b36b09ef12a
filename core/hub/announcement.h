// The events by which the hub tells the loops of one message: the message itself for the loops that have receivers, the
// acknowledgement for its sender, and the notice for the application. All of them are prepared before the message enters its
// room's log. So either all of it happens, or memory fails and none of it does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "hub/loop_inbox.h"
#include "hub/room.h"
#include "hub/room_log.h"

namespace chat {

class Announcement {
 public:
  // The message has its seq and its epoch already. The submission must outlive this. room: nullptr for a message to everyone. The caller holds the lock that keeps
  // the sender on its loop, and the room's lock until post() has returned. Throws std::bad_alloc.
  Announcement(const std::vector<LoopInbox*>& inboxes, const Room* room, const Submission& submission,
               bool with_notice);
  ~Announcement();
  Announcement(const Announcement&) = delete;
  Announcement& operator=(const Announcement&) = delete;

  // Once.
  void post() noexcept;

  // What became of a message, for its sender. Nobody is told when there is no sender, or of a success without a ref.
  class ToSender {
   public:
    ToSender(const std::vector<LoopInbox*>& inboxes, const Receipt& receipt, const Message& message, Status status,
             bool repeated = false);
    void post() noexcept;

   private:
    std::optional<Acknowledged> event_;
    std::optional<ReservedPosts> place_;
  };

 private:
  bool has_receivers(std::size_t loop) const;
  void post_message() noexcept;

  const std::vector<LoopInbox*>& inboxes_;
  const std::vector<std::uint32_t>* const members_by_loop_;  // nullptr: every loop has receivers
  const std::shared_ptr<Message>& message_;
  const bool acknowledge_last_;
  ToSender to_sender_;
  std::optional<ReservedPosts> notice_;
  std::size_t reserved_loops_ = 0;  // the loops below this one have a reserved place, if they have receivers
};

}  // namespace chat
