// Messages that wait for a receiving request of a SockJS client. The session takes them when it can write; the net layer's
// outbox is behind it.
#pragma once

#include <cstddef>
#include <string>

namespace chat::session {

class SockJsQueue {
 public:
  virtual ~SockJsQueue() = default;

  virtual bool empty() const = 0;

  // Moves the oldest messages to the end of `elements`, each as wire::append_sockjs_element() writes it, while `elements` is
  // shorter than max_bytes. At least one, if there is any.
  virtual void take(std::string& elements, std::size_t max_bytes) = 0;
};

}  // namespace chat::session
