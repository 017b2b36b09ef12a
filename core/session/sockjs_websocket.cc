// See sockjs_websocket.h.
#include "session/sockjs_websocket.h"

#include <utility>

#include "wire/sockjs/sockjs_frame.h"

namespace chat::session {

void SockJsWebSocket::open(std::int64_t now_ms, SockJsActions& out) {
  if (state_ != State::opening) return;
  state_ = State::open;
  wrote(now_ms);
  out.emplace_back(sockjs::SendWebSocket{std::string(wire::kSockJsOpenFrame)});
}

void SockJsWebSocket::receive(std::string text, SockJsActions& out) {
  // Clients send empty messages to keep the connection open.
  if (state_ != State::open || messages_ || text.empty()) return;
  messages_ = std::make_unique<wire::SockJsMessageReader>(std::move(text), wire::SockJsBodyForm::array_or_string);
  if (messages_->error()) {
    constexpr std::uint16_t kBrokenFraming = 3000;
    out.emplace_back(sockjs::CloseWebSocket{kBrokenFraming, "Broken framing."});
    end(SockJsClose::broken_framing, out);
  } else if (messages_->at_end()) {
    messages_ = nullptr;
  }
}

void SockJsWebSocket::take_message(SockJsActions& out) {
  if (!messages_) return;
  std::string message;
  if (messages_->next(message)) out.emplace_back(sockjs::Deliver{std::move(message)});
  if (messages_->at_end()) messages_ = nullptr;
}

void SockJsWebSocket::wrote(std::int64_t now_ms) { heartbeat_due_ms_ = now_ms + options_.heartbeat_ms; }

void SockJsWebSocket::lost(SockJsActions& out) {
  if (state_ != State::closed) end(SockJsClose::websocket_lost, out);
}

void SockJsWebSocket::close(std::uint16_t code, std::string_view reason, SockJsActions& out) {
  if (state_ == State::closed) return;
  out.emplace_back(sockjs::SendWebSocket{wire::sockjs_close_frame(code, reason)});
  out.emplace_back(sockjs::CloseWebSocket{});
  end(SockJsClose::closed_here, out);
}

void SockJsWebSocket::tick(std::int64_t now_ms, SockJsActions& out) {
  if (state_ != State::open || heartbeat_due_ms_ > now_ms) return;
  wrote(now_ms);
  out.emplace_back(sockjs::SendWebSocket{std::string(wire::kSockJsHeartbeatFrame)});
}

void SockJsWebSocket::end(SockJsClose reason, SockJsActions& out) {
  state_ = State::closed;
  messages_ = nullptr;
  out.emplace_back(sockjs::Closed{reason});
  out.emplace_back(sockjs::Forgotten{});
}

}  // namespace chat::session
