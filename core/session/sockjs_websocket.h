// One SockJS session over a WebSocket, whose life is that of the WebSocket. It has no id: the ids in the path do not connect it
// with other sessions. The net layer writes messages itself, each as wire::sockjs_message_frame(), between the open frame and the
// end. Does no I/O and reads no clock. Every function appends to `out`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "session/sockjs_action.h"
#include "session/sockjs_session.h"
#include "wire/sockjs/sockjs_body.h"

namespace chat::session {

class SockJsWebSocket {
 public:
  // Keeps a reference to the options, which must outlive it.
  explicit SockJsWebSocket(const SockJsOptions& options) : options_(options) {}

  bool is_open() const { return state_ == State::open; }

  // Once: the layer above accepts the client. close() instead refuses it.
  void open(std::int64_t now_ms, SockJsActions& out);

  // A text message. Its messages wait for take_message(); until has_messages() is false, no other may be passed.
  void receive(std::string text, SockJsActions& out);
  bool has_messages() const { return messages_ != nullptr; }
  std::size_t waiting_bytes() const { return messages_ ? messages_->body_bytes() : 0; }
  void take_message(SockJsActions& out);

  // Something was written, so that no heartbeat is due.
  void wrote(std::int64_t now_ms);
  void lost(SockJsActions& out);
  void close(std::uint16_t code, std::string_view reason, SockJsActions& out);

  // When tick() is next worth calling; -1: never.
  std::int64_t deadline_ms() const { return state_ == State::open ? heartbeat_due_ms_ : -1; }
  void tick(std::int64_t now_ms, SockJsActions& out);

 private:
  enum class State : std::uint8_t { opening, open, closed };

  void end(SockJsClose reason, SockJsActions& out);

  const SockJsOptions& options_;
  State state_ = State::opening;
  std::unique_ptr<wire::SockJsMessageReader> messages_;
  std::int64_t heartbeat_due_ms_ = 0;
};

}  // namespace chat::session
