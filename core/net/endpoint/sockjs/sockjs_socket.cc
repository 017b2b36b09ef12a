// See sockjs_socket.h.
#include "net/endpoint/sockjs/sockjs_socket.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>
#include <variant>

#include "net/connection/connection.h"
#include "net/connection/connections.h"
#include "net/connection/websocket_link.h"
#include "net/endpoint/sockjs/sockjs_carrier.h"

namespace chat::net {
namespace {

namespace sockjs = session::sockjs;

constexpr std::uint16_t kTooLarge = 1009;
constexpr std::uint16_t kInternalError = 1011;
constexpr std::uint16_t kBrokenFraming = 3000;

// At most this many messages are taken in one round, so that what they cause is written in between.
constexpr int kMaxMessagesPerRound = 128;

}  // namespace

SockJsSocket::SockJsSocket(EndpointContext& loop, const session::SockJsOptions& options, std::unique_ptr<LinkUser> user,
                           std::int64_t max_message_bytes)
    : loop_(loop), user_(std::move(user)), max_message_bytes_(max_message_bytes), machine_(options) {}

SockJsSocket::~SockJsSocket() = default;

void SockJsSocket::set_link(WebSocketLink& link) {
  link_ = &link;
  session::SockJsActions actions;
  machine_.open(loop_.now_ms(), actions);
  perform(actions);
}

void SockJsSocket::on_established() {
  schedule();
  user_->on_established();
}

void SockJsSocket::on_message(bool binary, std::string_view bytes) {
  if (binary) {
    link_->reject_input(kBrokenFraming, "Broken framing.");
    return;
  }
  try {
    session::SockJsActions actions;
    machine_.receive(std::string(bytes), actions);
    perform(actions);
    go_on();
  } catch (const std::bad_alloc&) {  // a message may be lost
    link_->close(kInternalError, "out of memory");
  }
}

void SockJsSocket::go_on() {
  for (int taken = 0; machine_.has_messages() && !link_->paused() && !link_->closing(); ++taken) {
    if (taken == kMaxMessagesPerRound) {
      go_on_later();
      break;
    }
    session::SockJsActions actions;
    machine_.take_message(actions);
    perform(actions);
  }
  if (link_->closing()) return;
  if (machine_.has_messages()) {
    link_->set_reading(false);
  } else if (!link_->paused()) {
    link_->set_reading(true);
  }
  link_->charge_input();
}

void SockJsSocket::go_on_later() {
  if (!machine_.has_messages() || std::exchange(turn_asked_, true)) return;
  link_->set_reading(false);
  loop_.post_task([&connections = link_->connection().owner(), id = link_->connection().id()] {
    WebSocketLink* const link = connections.find_websocket(id);
    if (link == nullptr || link->closing()) return;
    auto& socket = static_cast<SockJsSocket&>(link->user());
    socket.turn_asked_ = false;
    try {
      socket.go_on();
    } catch (const std::bad_alloc&) {
      link->close(kInternalError, "out of memory");
    }
  });
}

void SockJsSocket::on_link_closed(std::uint16_t code, std::string_view reason) {
  TimerWheel::cancel(*this);
  session::SockJsActions actions;
  machine_.lost(actions);
  user_->on_link_closed(code, reason);
}

void SockJsSocket::perform(session::SockJsActions& actions) {
  for (session::SockJsAction& action : actions) {
    if (auto* const send = std::get_if<sockjs::SendWebSocket>(&action)) {
      link_->push(make_text_frame(send->text, link_->carrier()));
    } else if (auto* const close = std::get_if<sockjs::CloseWebSocket>(&action)) {
      loop_.refusals().note(Refusal::malformed, address(), close->reason);
      loop_.stats().messages_refused.add();
      link_->reject_input(close->code, close->reason);
    } else if (auto* const message = std::get_if<sockjs::Deliver>(&action)) {
      deliver(message->text);
    }
  }
}

void SockJsSocket::deliver(std::string_view text) {
  if (static_cast<std::int64_t>(text.size()) <= max_message_bytes_) {
    user_->on_message(false, text);
    return;
  }
  loop_.stats().messages_refused.add();
  loop_.refusals().note(Refusal::message_bytes, address());
  link_->close(kTooLarge, "a message may have at most " + std::to_string(max_message_bytes_) + " bytes");
}

void SockJsSocket::schedule() {
  const std::int64_t due_ms = machine_.deadline_ms();
  if (due_ms == -1) {
    TimerWheel::cancel(*this);
  } else {
    loop_.set_timer(*this, due_ms);
  }
}

void SockJsSocket::on_deadline(std::int64_t now_ms) {
  if (link_->written_ms() >= 0) machine_.wrote(link_->written_ms());
  session::SockJsActions actions;
  machine_.tick(now_ms, actions);
  // After a backlog a heartbeat shows nothing. Whether the backlog shrinks does.
  if (link_->queued_frames() == 0) perform(actions);
  schedule();
}

// A WebSocket message is an array with any number of messages, and may be as large as the body of xhr_send.
Link& SockJsSocketMaker::make_link(std::unique_ptr<LinkUser> user, std::int64_t max_message_bytes) {
  auto owned = std::make_unique<SockJsSocket>(loop_, options_, std::move(user), max_message_bytes);
  SockJsSocket& socket = *owned;
  WebSocketLink& link = connection_.make_websocket(std::move(owned), sockjs_websocket_carrier(),
                                                   std::max(max_message_bytes, loop_.options().max_http_body_bytes));
  socket.set_link(link);
  return link;
}

}  // namespace chat::net
