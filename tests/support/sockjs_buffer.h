// A queue for a SockJS session that has no net layer.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "session/sockjs_queue.h"
#include "wire/sockjs/sockjs_frame.h"

namespace chat::session {

class SockJsBuffer final : public SockJsQueue {
 public:
  void push(std::string_view message) { messages_.emplace_back(message); }

  bool empty() const override { return messages_.empty(); }

  void take(std::string& elements, std::size_t max_bytes) override {
    do {
      wire::append_sockjs_element(elements, messages_.front());
      messages_.pop_front();
    } while (!messages_.empty() && elements.size() < max_bytes);
  }

 private:
  std::deque<std::string> messages_;
};

}  // namespace chat::session
