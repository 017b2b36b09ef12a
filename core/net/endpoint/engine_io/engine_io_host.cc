// See engine_io_host.h.
#include "net/endpoint/engine_io/engine_io_host.h"

#include <algorithm>

#include "net/connection/connection.h"
#include "net/connection/websocket_link.h"
#include "net/deliver/polling_carrier.h"
#include "net/endpoint/engine_io/engine_io_service.h"

namespace chat::net {
namespace {

using session::EngineIoActions;
using session::EngineIoClose;
using session::EngineIoTransport;

constexpr std::uint16_t kNoStatus = 1005;
constexpr std::uint16_t kAbnormal = 1006;
constexpr std::uint16_t kTryAgainLater = 1013;

// So many packets of one POST are taken in one round, so that what they cause is written in between.
constexpr int kMaxPacketsPerRound = 128;

// What the reference server recovers from.
bool is_recoverable(EngineIoClose reason) { return reason != EngineIoClose::parse_error; }

}  // namespace

EngineIoHost::EngineIoHost(EngineIoSessions& home, EngineIoBirth birth, std::string sid, EngineIoTransport transport)
    : home_(&home),
      birth_(std::move(birth)),
      queue_(std::make_unique<QueueLink>(home.loop(), *this, polling_carrier())),
      session_(home.service().session_options(*birth_.endpoint), *queue_, std::move(sid), transport),
      assembler_(static_cast<std::size_t>(birth_.endpoint->max_message_bytes)),
      clients_(*this),
      connect_deadline_ms_(home.loop().now_ms() + home.loop().options().connect_timeout_ms) {
  queue_->charge_to(home.loop().sources().find(birth_.address));
}

EngineIoHost::~EngineIoHost() = default;

Link& EngineIoHost::link() {
  if (socket_ != nullptr) return *socket_;
  return *queue_;
}

Transport EngineIoHost::transport() const {
  return session_.transport() == EngineIoTransport::polling ? Transport::polling : Transport::websocket;
}

// Beginning ----------------------------------------------------------------------------------------------------------

void EngineIoHost::open_polling(const HeldRequest& request) {
  polling_.take_poll(request);
  EngineIoActions actions;
  session_.open(loop().now_ms(), actions);
  perform(actions);
}

void EngineIoHost::open_websocket(WebSocketLink& link) {
  socket_ = &link;
  link.set_user(*this);
  EngineIoActions actions;
  session_.open(loop().now_ms(), actions);
  perform(actions);
}

// Requests -----------------------------------------------------------------------------------------------------------

void EngineIoHost::poll(const HeldRequest& request) {
  polling_.take_poll(request);
  EngineIoActions actions;
  session_.poll(loop().now_ms(), actions);
  perform(actions);
}

void EngineIoHost::poll_lost(const HeldRequest& request, bool answered) {
  if (!answered && !polling_.lose_poll(request)) return;  // it was refused
  EngineIoActions actions;
  session_.poll_lost(actions);
  perform(actions);
}

void EngineIoHost::begin_post(const HeldRequest& request, std::string_view content_type) {
  EngineIoActions actions;
  const bool first = polling_.take_post(request);
  if (polling_.post_is_paused()) {
    // One that does not wait for its answer cannot be slowed down; two POSTs at once end a session anyway.
    session::RefuseRequest refusal;
    act(refusal);
    session_.abort(EngineIoClose::transport_error, actions);
  } else if (!session_.begin_post(content_type, actions) && first) {
    polling_.drop_post();
  }
  perform(actions);
}

void EngineIoHost::end_post(const HeldRequest& request, std::string body) {
  if (!polling_.holds_post(request)) return;
  EngineIoActions actions;
  session_.end_post(std::move(body), actions);
  perform(actions);
  take_packets();
}

void EngineIoHost::take_packets() {
  take_some_packets();
  queue_->charge_input();
}

// Who sends too quickly is paused: then the rest waits, and the POST for its answer.
void EngineIoHost::take_some_packets() {
  for (int taken = 0; session_.has_packets(); ++taken) {
    if (polling_.is_paused(loop().now_ms())) {
      schedule();
      return;
    }
    if (taken == kMaxPacketsPerRound) {
      queue_->ask_for_turn();
      return;
    }
    EngineIoActions actions;
    session_.take_packet(loop().now_ms(), actions);
    perform(actions);
  }
}

void EngineIoHost::post_too_large(const HeldRequest& request) {
  if (!polling_.holds_post(request)) return;
  EngineIoActions actions;
  session_.post_too_large(actions);
  perform(actions);
}

void EngineIoHost::post_lost(const HeldRequest& request) {
  if (!polling_.holds_post(request)) return;
  EngineIoActions actions;
  if (polling_.drop_post()) session_.abort(EngineIoClose::transport_error, actions);
  session_.post_lost(actions);
  perform(actions);
}

// The WebSocket that wants to take over ------------------------------------------------------------------------------

template <class Action>
void EngineIoHost::at_candidate(Action action) {
  const SocketHandle socket = *candidate_;
  EngineIoSessions& there = home_->at(socket.loop);
  loop().run_on(socket.loop, [&there, socket, action] {
    if (EngineIoSocket* found = there.find_candidate(socket.connection)) action(*found);
  });
}

void EngineIoHost::let_candidate_go_on() {
  if (candidate_ && !move_.under_way()) at_candidate([](EngineIoSocket& candidate) { candidate.go_on(); });
}

void EngineIoHost::attach(const SocketHandle& socket) {
  if (!session_.attach_websocket(loop().now_ms())) {
    const std::optional<SocketHandle> current = std::exchange(candidate_, socket);
    at_candidate([](EngineIoSocket& refused) { refused.close(); });
    candidate_ = current;
    return;
  }
  candidate_ = socket;
  let_candidate_go_on();
  schedule();
}

void EngineIoHost::candidate_received(const SocketHandle& socket, bool binary, std::string_view bytes) {
  if (candidate_ != socket || move_.under_way()) {
    // Its upgrade packet may have been announced, and comes to nothing.
    if (!move_.under_way()) home_->service().registry.set_transport(sid(), session_.transport());
    return;
  }
  EngineIoActions actions;
  session_.websocket_received(binary, bytes, loop().now_ms(), actions);
  perform(actions);
  let_candidate_go_on();
}

void EngineIoHost::candidate_lost(const SocketHandle& socket) {
  if (candidate_ == socket && move_.under_way()) return;  // its last words are heard there
  EngineIoSessions& there = home_->at(socket.loop);
  loop().run_on(socket.loop, [&there, socket] { there.drop_last_words(socket.connection); });
  if (candidate_ != socket) return;
  candidate_.reset();
  EngineIoActions actions;
  session_.websocket_lost(actions);
  perform(actions);
}

// Links --------------------------------------------------------------------------------------------------------------

void EngineIoHost::on_message(bool binary, std::string_view bytes) {
  EngineIoActions actions;
  session_.websocket_received(binary, bytes, loop().now_ms(), actions);
  perform(actions);
}

void EngineIoHost::on_output() {
  EngineIoActions actions;
  session_.flush(actions);
  perform(actions);
}

// In the next round: the sockets have their turn before.
void EngineIoHost::on_turn() {
  loop().post_task([home = home_, sid = sid()] {
    if (EngineIoHost* host = home->find(sid)) host->take_packets();
  });
}

void EngineIoHost::on_progress() { session_.heard(loop().now_ms()); }

void EngineIoHost::on_link_closed(std::uint16_t code, std::string_view reason) {
  if (move_.under_way()) {
    move_.close_then(EngineIoClose::forced_close);
    return;
  }
  if (session_.closed()) return;  // it is the session that closes it
  deaf_ = true;
  EngineIoActions actions;
  if (socket_ != nullptr) {
    socket_ = nullptr;
    close_code_ = code == 0 ? kNoStatus : code;
    if (code != 0 && code != kNoStatus && code != kAbnormal) close_reason_ = reason;
    session_.websocket_lost(actions);
  } else {
    close_code_ = code;
    close_reason_ = reason;
    session_.abort(EngineIoClose::forced_close, actions);
  }
  perform(actions);
}

void EngineIoHost::on_verdict(Peer& peer) { clients_.verdict(peer.id()); }

void EngineIoHost::on_first_room(Peer& peer, const Status& status) { clients_.entered(peer.id(), status); }

void EngineIoHost::on_left(Peer& peer, std::string_view room, std::string_view reason) {
  clients_.left(peer.id(), room, reason);
}

void EngineIoHost::close_client(Peer& peer, std::uint16_t code, std::string_view reason) {
  clients_.disconnect(peer.id(), code, reason);
}

void EngineIoHost::close_connection(Peer&, std::uint16_t code, std::string_view reason) {
  clients_.disconnect_all(code, reason);
  if (move_.under_way()) {
    move_.close_orderly_then();
  } else {
    close();
  }
}

void EngineIoHost::on_continued(Peer& peer) { clients_.continued(peer.id()); }

void EngineIoHost::on_pause(std::int64_t until_ms) {
  polling_.pause_until(until_ms);
  schedule();
}

void EngineIoHost::on_resume() {
  polling_.resume(loop());
  if (session_.has_packets()) queue_->ask_for_turn();
  schedule();
}

void EngineIoHost::close() {
  deaf_ = true;
  EngineIoActions actions;
  session_.close(loop().now_ms(), actions);
  perform(actions);
}

// What the session wants ---------------------------------------------------------------------------------------------

void EngineIoHost::perform(EngineIoActions& actions) {
  for (session::EngineIoAction& action : actions) {
    std::visit([this](auto& specific) { act(specific); }, action);
  }
  // It may wait long for a poll by which it can say so; for its clients that is the end.
  if (!session_.is_open() && !session_.closed()) end_clients(session_.close_reason());
  schedule();
}

void EngineIoHost::act(session::AnswerPoll& action) { polling_.answer_poll(loop(), std::move(action.body)); }

void EngineIoHost::act(session::AnswerPost& action) { polling_.answer_post(loop(), action.status, finished_); }

void EngineIoHost::act(session::RefuseRequest& action) {
  if (!action.error) loop().refusals().note(Refusal::malformed, address(), "a second request at once");
  polling_.refuse(loop(), action.error);
}

void EngineIoHost::act(session::SendWebSocket& action) {
  if (socket_ != nullptr) {
    socket_->push(make_text_frame(action.text, socket_->carrier()));
  } else if (move_.under_way()) {
    queue_->push(make_text_frame(action.text, queue_->carrier()));
  } else if (candidate_) {
    at_candidate([text = std::move(action.text)](EngineIoSocket& candidate) { candidate.send(text); });
  }
}

void EngineIoHost::act(session::CloseWebSocket&) {
  if (WebSocketLink* socket = std::exchange(socket_, nullptr)) {
    if (session_.close_reason() == EngineIoClose::ping_timeout) socket->connection().set_reset();
    socket->close(goodbye_code_, close_reason_);
  } else if (candidate_ && !move_.under_way()) {
    at_candidate([](EngineIoSocket& candidate) { candidate.close(); });
    candidate_.reset();
  }
}

void EngineIoHost::act(session::Deliver& action) {
  if (deaf_) return;
  switch (assembler_.add(action.binary, action.bytes)) {
    case wire::SocketIoAssembler::Added::more:
      return;
    case wire::SocketIoAssembler::Added::packet:
      if (clients_.receive(assembler_.packet(), assembler_.attachments())) return;
      break;
    case wire::SocketIoAssembler::Added::fault:
      break;
  }
  loop().stats().messages_refused.add();
  loop().refusals().note(Refusal::malformed, address(), "not a Socket.IO packet that may come here");
  close();
}

void EngineIoHost::act(session::Upgraded&) {
  const SocketHandle socket = *candidate_;
  home_->service().registry.set(sid(), {loop().index(), EngineIoTransport::websocket});
  if (socket.loop != loop().index()) {
    move_.begin(*this, socket.loop);
    return;
  }
  std::string leftover;
  queue_->take(leftover);
  candidate_.reset();
  EngineIoSocket* const found = home_->find_candidate(socket.connection);
  const EngineIoSocket::Backlog backlog = home_->take_backlog(socket.connection);
  const bool lost = found == nullptr || found->link().closing();
  if (!lost) use_socket(found->link(), leftover);
  // Also when the client has hung up since: it had said that before.
  for (const auto& [binary, bytes] : backlog) on_message(binary, bytes);
  if (!lost) return;
  EngineIoActions actions;
  session_.websocket_lost(actions);
  perform(actions);
}

void EngineIoHost::act(session::Closed& action) {
  RefusalLog& refusals = loop().refusals();
  if (action.reason == EngineIoClose::ping_timeout) refusals.note(Refusal::ping_timeout, address());
  if (action.reason == EngineIoClose::parse_error)
    refusals.note(Refusal::malformed, address(), "not an Engine.IO packet");
  if (move_.under_way()) {
    move_.close_then(action.reason);
  } else {
    finish(action.reason);
  }
}

void EngineIoHost::use_socket(WebSocketLink& link, std::string_view leftover) {
  socket_ = &link;
  link.set_user(*this);
  if (FramePtr frame = make_upgraded_frame(leftover)) link.push_replay(std::move(frame));
  clients_.set_link(link, Transport::websocket);
  link.set_reading(true);
}

// Time ---------------------------------------------------------------------------------------------------------------

void EngineIoHost::schedule() {
  if (finished_ || move_.under_way()) {
    TimerWheel::cancel(*this);
    return;
  }
  std::int64_t due_ms = session_.deadline_ms();
  const auto consider = [&](std::int64_t deadline_ms) {
    if (deadline_ms != -1 && (due_ms == -1 || deadline_ms < due_ms)) due_ms = deadline_ms;
  };
  consider(connect_deadline_ms_);
  consider(clients_.deadline_ms());
  consider(polling_.deadline_ms());
  if (session_.has_packets()) consider(polling_.paused_until_ms());
  if (due_ms == -1) {
    TimerWheel::cancel(*this);
  } else if (!pending() || deadline_ms() != due_ms) {
    loop().set_timer(*this, due_ms);
  }
}

void EngineIoHost::on_deadline(std::int64_t now_ms) {
  polling_.tick(loop(), now_ms);
  clients_.tick(now_ms);
  EngineIoActions actions;
  session_.tick(now_ms, actions);
  if (connect_deadline_ms_ != -1 && now_ms >= connect_deadline_ms_) {
    connect_deadline_ms_ = -1;
    if (!clients_.had_any()) {
      loop().refusals().note(Refusal::request_timeout, address(), "no namespace was entered");
      session_.close(now_ms, actions);
    }
  }
  perform(actions);
  take_packets();
}

// The end ------------------------------------------------------------------------------------------------------------

void EngineIoHost::finish(EngineIoClose reason) {
  if (std::exchange(finished_, true)) return;
  polling_.release(loop());
  if (WebSocketLink* socket = std::exchange(socket_, nullptr)) socket->close(goodbye_code_, close_reason_);
  end_clients(reason);
  home_->service().registry.remove(sid());
  home_->bury(*this);
  schedule();
}

void EngineIoHost::end_clients(EngineIoClose reason) {
  // On polling the client has said so itself.
  const bool said_so = reason == EngineIoClose::transport_close && transport() == Transport::polling;
  clients_.end_all(said_so ? kNoStatus : close_code_,
                   close_reason_.empty() ? session::text_of(reason) : std::string_view(close_reason_),
                   is_recoverable(reason));
}

void EngineIoHost::say_goodbye() {
  if (move_.under_way()) {
    move_.say_goodbye_then();
    return;
  }
  deaf_ = true;
  close_code_ = goodbye_code_ = 1001;
  close_reason_ = kStopping;
  EngineIoActions actions;
  session_.close(loop().now_ms(), actions);
  // Without a poll at hand there will be none: nobody is let in any more.
  session_.abort(EngineIoClose::forced_close, actions);
  perform(actions);
}

void EngineIoHost::evict() {
  if (move_.under_way()) {
    move_.close_then(EngineIoClose::forced_close);
    return;
  }
  deaf_ = true;
  close_code_ = goodbye_code_ = kTryAgainLater;
  close_reason_ = "too many sessions";
  EngineIoActions actions;
  session_.close(loop().now_ms(), actions);
  session_.abort(EngineIoClose::forced_close, actions);
  perform(actions);
}

void EngineIoHost::end() {
  deaf_ = true;
  move_.call_off();
  EngineIoActions actions;
  session_.abort(EngineIoClose::forced_close, actions);
  perform(actions);
  finish(EngineIoClose::forced_close);
}

}  // namespace chat::net
