// A copy of a chat_message that outlives its callback: one block of memory, whatever it has in it. Shared between the
// Python object that a callback got and the queues that the message waits in.
#pragma once

#include <memory>

#include "chat/chat.h"

namespace pychat {

class OwnedMessage {
 public:
  explicit OwnedMessage(const chat_message& message);

  const chat_message& view() const { return view_; }
  std::size_t bytes() const { return size_; }

 private:
  chat_message view_;
  std::size_t size_ = 0;
  std::unique_ptr<char[]> block_;
};

using OwnedMessagePtr = std::shared_ptr<const OwnedMessage>;

// A client's message with what it goes out as instead: room, sender and names stay.
OwnedMessagePtr with_replacement(const chat_message& original, const chat_message& replacement);

}  // namespace pychat
