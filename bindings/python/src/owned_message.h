// A copy of a chat_message that outlives its callback, in a single block of memory. The Python object of a callback and
// the queues share it.
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

// A copy of a client's message with the content of its replacement. Room and sender stay the same.
OwnedMessagePtr with_replacement(const chat_message& original, const chat_message& replacement);

}  // namespace pychat
