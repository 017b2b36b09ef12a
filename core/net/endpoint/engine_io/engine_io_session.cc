// See engine_io_session.h.
#include "net/endpoint/engine_io/engine_io_session.h"

#include <algorithm>

#include "net/connection/connection.h"
#include "net/connection/websocket_link.h"
#include "net/deliver/polling_carrier.h"
#include "net/endpoint/engine_io/engine_io_shared.h"

namespace chat::net {
namespace {

using session::EngineIoActions;
using session::EngineIoClose;

constexpr std::uint16_t kNoStatus = 1005;
constexpr std::uint16_t kAbnormal = 1006;
constexpr std::uint16_t kTryAgainLater = 1013;

// At most this many packets of one POST are taken in one round, so that what they cause is written in between.
constexpr int kMaxPacketsPerRound = 128;

// The reference server recovers from all other reasons.
bool is_recoverable(EngineIoClose reason) { return reason != EngineIoClose::parse_error; }

}  // namespace

EngineIoSession::EngineIoSession(EngineIoLocal& local, EngineIoBirth birth, SessionNumber number, std::string sid,
                                 Transport transport)
    : Session(number),
      local_(&local),
      birth_(std::move(birth)),
      machine_(local.shared().session_options(*birth_.endpoint), local.shared().no_queue, std::move(sid), transport),
      clients_(*this),
      connect_deadline_ms_(local.loop().now_ms() + local.loop().options().connect_timeout_ms) {
  if (transport == Transport::websocket) return;
  queue_ = std::make_unique<QueueLink>(local.loop(), *this, polling_carrier());
  queue_->charge_to(local.loop().sources().find(birth_.address));
  machine_.set_queue(*queue_);
}

EngineIoSession::~EngineIoSession() = default;

Link& EngineIoSession::link() {
  if (socket_ != nullptr) return *socket_;
  return queue_ ? static_cast<Link&>(*queue_) : loop().no_link();
}

// Beginning ----------------------------------------------------------------------------------------------------------

void EngineIoSession::open_polling(const HeldRequest& request) {
  polling_.take_poll(request);
  EngineIoActions actions;
  machine_.open(loop().now_ms(), actions);
  perform(actions);
}

void EngineIoSession::open_websocket(WebSocketLink& link) {
  socket_ = &link;
  link.set_user(*this);
  EngineIoActions actions;
  machine_.open(loop().now_ms(), actions);
  perform(actions);
}

// Requests -----------------------------------------------------------------------------------------------------------

void EngineIoSession::poll(const HeldRequest& request) {
  polling_.take_poll(request);
  EngineIoActions actions;
  machine_.poll(loop().now_ms(), actions);
  perform(actions);
}

void EngineIoSession::poll_lost(const HeldRequest& request, bool answered) {
  if (!answered && !polling_.lose_poll(request)) return;  // the request was refused
  EngineIoActions actions;
  machine_.poll_lost(actions);
  perform(actions);
}

void EngineIoSession::begin_post(const HeldRequest& request, std::string_view content_type) {
  EngineIoActions actions;
  const bool first = polling_.take_post(request);
  if (polling_.post_is_paused()) {
    // A client that does not wait for its answer cannot be slowed down. Two POSTs at once end a session anyway.
    session::RefuseRequest refusal;
    act(refusal);
    machine_.abort(EngineIoClose::transport_error, actions);
  } else if (!machine_.begin_post(content_type, actions) && first) {
    polling_.drop_post();
  }
  perform(actions);
}

void EngineIoSession::end_post(const HeldRequest& request, std::string body) {
  if (!polling_.holds_post(request)) return;
  EngineIoActions actions;
  machine_.end_post(std::move(body), actions);
  perform(actions);
  take_packets();
}

void EngineIoSession::take_packets() {
  if (!queue_) return;
  take_some_packets();
  queue_->charge_input();
}

// A client that sends too fast is paused. Then the rest of the POST waits, and its answer too.
void EngineIoSession::take_some_packets() {
  for (int taken = 0; machine_.has_packets(); ++taken) {
    if (polling_.is_paused(loop().now_ms())) {
      schedule();
      return;
    }
    if (taken == kMaxPacketsPerRound) {
      queue_->ask_for_turn();
      return;
    }
    EngineIoActions actions;
    machine_.take_packet(loop().now_ms(), actions);
    perform(actions);
  }
}

void EngineIoSession::post_too_large(const HeldRequest& request) {
  if (!polling_.holds_post(request)) return;
  EngineIoActions actions;
  machine_.post_too_large(actions);
  perform(actions);
}

void EngineIoSession::post_lost(const HeldRequest& request) {
  if (!polling_.holds_post(request)) return;
  EngineIoActions actions;
  if (polling_.drop_post()) machine_.abort(EngineIoClose::transport_error, actions);
  machine_.post_lost(actions);
  perform(actions);
}

// The WebSocket that wants to take over ------------------------------------------------------------------------------

template <class Action>
void EngineIoSession::at_candidate(Action action) {
  const SocketHandle socket = *candidate_;
  EngineIoLocal& there = local_->at(socket.loop);
  loop().run_on(socket.loop, [&there, socket, action] {
    if (EngineIoSocket* found = there.find_candidate(socket.connection)) action(*found);
  });
}

void EngineIoSession::let_candidate_go_on() {
  if (candidate_ && !move_.under_way()) at_candidate([](EngineIoSocket& candidate) { candidate.go_on(); });
}

void EngineIoSession::attach(const SocketHandle& socket) {
  if (!machine_.attach_websocket(loop().now_ms())) {
    const std::optional<SocketHandle> current = std::exchange(candidate_, socket);
    at_candidate([](EngineIoSocket& refused) { refused.close(); });
    candidate_ = current;
    return;
  }
  candidate_ = socket;
  let_candidate_go_on();
  schedule();
}

void EngineIoSession::candidate_received(const SocketHandle& socket, bool binary, std::string_view bytes) {
  if (candidate_ != socket || move_.under_way()) {
    // Its loop may have announced its upgrade packet, which is ignored.
    if (!move_.under_way()) local_->table().set_transport(number(), machine_.transport());
    return;
  }
  EngineIoActions actions;
  machine_.websocket_received(binary, bytes, loop().now_ms(), actions);
  perform(actions);
  let_candidate_go_on();
}

void EngineIoSession::candidate_lost(const SocketHandle& socket) {
  if (candidate_ == socket && move_.under_way()) return;  // its last messages are taken after the arrival
  EngineIoLocal& there = local_->at(socket.loop);
  loop().run_on(socket.loop, [&there, socket] { there.drop_last_words(socket.connection); });
  if (candidate_ != socket) return;
  candidate_.reset();
  EngineIoActions actions;
  machine_.websocket_lost(actions);
  perform(actions);
}

// Links --------------------------------------------------------------------------------------------------------------

void EngineIoSession::on_message(bool binary, std::string_view bytes) {
  EngineIoActions actions;
  machine_.websocket_received(binary, bytes, loop().now_ms(), actions);
  perform(actions);
}

void EngineIoSession::on_output() {
  EngineIoActions actions;
  machine_.flush(actions);
  perform(actions);
}

// In the next round, so that the sockets have their turn before.
void EngineIoSession::on_turn() {
  local_->home().run_later<EngineIoSession>(number(), [](EngineIoSession& session) { session.take_packets(); });
}

void EngineIoSession::on_progress() { machine_.heard(loop().now_ms()); }

void EngineIoSession::on_link_closed(std::uint16_t code, std::string_view reason) {
  if (move_.under_way()) {
    move_.close_then(EngineIoClose::forced_close);
    return;
  }
  if (machine_.closed()) return;  // the session itself closes the link
  deaf_ = true;
  EngineIoActions actions;
  if (socket_ != nullptr) {
    socket_ = nullptr;
    close_code_ = code == 0 ? kNoStatus : code;
    if (code != 0 && code != kNoStatus && code != kAbnormal) close_reason_ = reason;
    machine_.websocket_lost(actions);
  } else {
    close_code_ = code;
    close_reason_ = reason;
    machine_.abort(EngineIoClose::forced_close, actions);
  }
  perform(actions);
}

void EngineIoSession::on_verdict(Peer& peer) {
  // A verdict can make another client, which the new loop would not know.
  if (move_.under_way()) {
    move_.pass_verdict_then(peer.id());
  } else {
    clients_.verdict(peer.id());
  }
}

void EngineIoSession::on_first_room(Peer& peer, const Status& status) { clients_.entered(peer.id(), status); }

void EngineIoSession::on_logged_room(Peer& peer) { clients_.note_rooms(peer.id()); }

// During a move the timer finds it, on the new loop.
void EngineIoSession::on_far_news() {
  if (finished_ || move_.under_way()) return;
  clients_.tick(loop().now_ms());
  schedule();
}

void EngineIoSession::on_left(Peer& peer, std::string_view room, std::string_view reason) {
  clients_.left(peer.id(), room, reason);
}

void EngineIoSession::close_client(Peer& peer, std::uint16_t code, std::string_view reason) {
  clients_.disconnect(peer.id(), code, reason);
}

void EngineIoSession::close_connection(Peer&, std::uint16_t code, std::string_view reason) {
  clients_.disconnect_all(code, reason);
  if (move_.under_way()) {
    move_.close_orderly_then();
  } else {
    close();
  }
}

void EngineIoSession::on_continued(Peer& peer) { clients_.continued(peer.id()); }

void EngineIoSession::on_pause(std::int64_t until_ms) {
  polling_.pause_until(until_ms);
  schedule();
}

void EngineIoSession::on_resume() {
  polling_.resume(loop());
  if (queue_ && machine_.has_packets()) queue_->ask_for_turn();
  schedule();
}

void EngineIoSession::close() {
  deaf_ = true;
  EngineIoActions actions;
  machine_.close(loop().now_ms(), actions);
  perform(actions);
}

// What the machine wants ---------------------------------------------------------------------------------------------

void EngineIoSession::perform(EngineIoActions& actions) {
  for (session::EngineIoAction& action : actions) {
    std::visit([this](auto& specific) { act(specific); }, action);
  }
  // The machine may wait long for a poll that can carry its goodbye. Its clients end now.
  if (!machine_.is_open() && !machine_.closed()) end_clients(machine_.close_reason());
  schedule();
}

void EngineIoSession::act(session::AnswerPoll& action) { polling_.answer_poll(loop(), std::move(action.body)); }

void EngineIoSession::act(session::AnswerPost& action) { polling_.answer_post(loop(), action.status, finished_); }

void EngineIoSession::act(session::RefuseRequest& action) {
  if (!action.error) loop().refusals().note(Refusal::malformed, address(), "a second request at once");
  polling_.refuse(loop(), action.error);
}

void EngineIoSession::act(session::SendWebSocket& action) {
  if (socket_ != nullptr) {
    socket_->push(make_text_frame(action.text, socket_->carrier()));
  } else if (move_.under_way()) {
    queue_->push(make_text_frame(action.text, queue_->carrier()));
  } else if (candidate_) {
    at_candidate([text = std::move(action.text)](EngineIoSocket& candidate) { candidate.send(text); });
  }
}

void EngineIoSession::act(session::CloseWebSocket&) {
  if (WebSocketLink* socket = std::exchange(socket_, nullptr)) {
    if (machine_.close_reason() == EngineIoClose::ping_timeout) socket->connection().set_reset();
    socket->close(goodbye_code_, close_reason_);
  } else if (candidate_ && !move_.under_way()) {
    at_candidate([](EngineIoSocket& candidate) { candidate.close(); });
    candidate_.reset();
  }
}

void EngineIoSession::act(session::Deliver& action) {
  if (deaf_) return;
  std::unique_ptr<wire::SocketIoAssembler> assembler = std::move(assembler_);
  if (!assembler) {
    const auto max_bytes = static_cast<std::size_t>(birth_.endpoint->max_message_bytes);
    assembler = std::make_unique<wire::SocketIoAssembler>(max_bytes);
  }
  switch (assembler->add(action.binary, action.bytes)) {
    case wire::SocketIoAssembler::Added::more:
      assembler_ = std::move(assembler);
      return;
    case wire::SocketIoAssembler::Added::packet:
      if (clients_.receive(assembler->packet(), assembler->attachments())) return;
      break;
    case wire::SocketIoAssembler::Added::fault:
      break;
  }
  loop().stats().messages_refused.add();
  loop().refusals().note(Refusal::malformed, address(), "not a Socket.IO packet that may come here");
  close();
}

void EngineIoSession::act(session::Upgraded&) {
  const SocketHandle socket = *candidate_;
  local_->table().set_transport(number(), Transport::websocket);
  if (socket.loop != loop().index()) {
    move_.begin(socket);
    return;
  }
  std::string leftover;
  queue_->take(leftover);
  candidate_.reset();
  EngineIoSocket* const found = local_->find_candidate(socket.connection);
  const EngineIoSocket::Backlog backlog = local_->take_backlog(socket.connection);
  const bool lost = found == nullptr || found->link().closing();
  if (!lost) use_socket(found->link(), leftover);
  // Even if the client has hung up since, because it sent these messages before.
  for (const auto& [binary, bytes] : backlog) on_message(binary, bytes);
  if (lost) lose_websocket();
}

void EngineIoSession::act(session::Closed& action) {
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

void EngineIoSession::close_now(EngineIoClose reason) {
  EngineIoActions actions;
  machine_.abort(reason, actions);
  perform(actions);
  // If the machine was closed before, while the session moved, it could not close the WebSocket then.
  session::CloseWebSocket close;
  act(close);
  finish(reason);
}

// Moving -------------------------------------------------------------------------------------------------------------

std::unique_ptr<QueueLink> EngineIoSession::pack(std::string& leftover) {
  queue_->take(leftover);
  clients_.forget_peers();
  return std::move(queue_);
}

void EngineIoSession::settle(EngineIoLocal& local, std::unique_ptr<QueueLink> queue) {
  local_ = &local;
  queue_ = std::move(queue);
  machine_.set_queue(*queue_);
  candidate_.reset();
  clients_.find_peers();
}

void EngineIoSession::use_socket(WebSocketLink& link, std::string_view leftover) {
  socket_ = &link;
  link.set_user(*this);
  if (FramePtr frame = make_upgraded_frame(leftover)) link.push_replay(std::move(frame));
  clients_.set_link(link, Transport::websocket);
  link.set_reading(true);
  for (FramePtr& frame : queue_->take_frames()) link.push_replay(std::move(frame));
  machine_.set_queue(local_->shared().no_queue);
  queue_.reset();
}

void EngineIoSession::lose_websocket() {
  EngineIoActions actions;
  machine_.websocket_lost(actions);
  perform(actions);
}

// Time ---------------------------------------------------------------------------------------------------------------

void EngineIoSession::schedule() {
  if (finished_ || move_.under_way()) {
    TimerWheel::cancel(*this);
    return;
  }
  std::int64_t due_ms = machine_.deadline_ms();
  const auto consider = [&](std::int64_t deadline_ms) {
    if (deadline_ms != -1 && (due_ms == -1 || deadline_ms < due_ms)) due_ms = deadline_ms;
  };
  consider(connect_deadline_ms_);
  consider(clients_.deadline_ms());
  consider(polling_.deadline_ms());
  if (machine_.has_packets()) consider(polling_.paused_until_ms());
  if (due_ms == -1) {
    TimerWheel::cancel(*this);
  } else if (!pending() || deadline_ms() != due_ms) {
    loop().set_timer(*this, due_ms);
  }
}

void EngineIoSession::on_deadline(std::int64_t now_ms) {
  polling_.tick(loop(), now_ms);
  clients_.tick(now_ms);
  EngineIoActions actions;
  machine_.tick(now_ms, actions);
  if (connect_deadline_ms_ != -1 && now_ms >= connect_deadline_ms_) {
    connect_deadline_ms_ = -1;
    if (!clients_.had_any()) {
      loop().refusals().note(Refusal::request_timeout, address(), "no namespace was entered");
      machine_.close(now_ms, actions);
    }
  }
  perform(actions);
  take_packets();
}

// The end ------------------------------------------------------------------------------------------------------------

void EngineIoSession::finish(EngineIoClose reason) {
  if (std::exchange(finished_, true)) return;
  polling_.release(loop());
  if (WebSocketLink* socket = std::exchange(socket_, nullptr)) socket->close(goodbye_code_, close_reason_);
  end_clients(reason);
  local_->home().bury(*this);
  schedule();
}

void EngineIoSession::end_clients(EngineIoClose reason) {
  // On polling this reason means that the client sent a close packet.
  const bool said_so = reason == EngineIoClose::transport_close && transport() == Transport::polling;
  clients_.end_all(said_so ? kNoStatus : close_code_,
                   close_reason_.empty() ? session::text_of(reason) : std::string_view(close_reason_),
                   is_recoverable(reason));
}

void EngineIoSession::say_goodbye() {
  if (move_.under_way()) {
    move_.say_goodbye_then();
    return;
  }
  deaf_ = true;
  close_code_ = goodbye_code_ = 1001;
  close_reason_ = kStopping;
  EngineIoActions actions;
  machine_.close(loop().now_ms(), actions);
  // If no poll is held now, none will come, because requests are refused from now on.
  machine_.abort(EngineIoClose::forced_close, actions);
  perform(actions);
}

void EngineIoSession::evict() {
  if (move_.under_way()) {
    move_.close_then(EngineIoClose::forced_close);
    return;
  }
  deaf_ = true;
  close_code_ = goodbye_code_ = kTryAgainLater;
  close_reason_ = "too many sessions";
  EngineIoActions actions;
  machine_.close(loop().now_ms(), actions);
  machine_.abort(EngineIoClose::forced_close, actions);
  perform(actions);
}

void EngineIoSession::end() {
  deaf_ = true;
  move_.call_off();
  EngineIoActions actions;
  machine_.abort(EngineIoClose::forced_close, actions);
  perform(actions);
  finish(EngineIoClose::forced_close);
}

}  // namespace chat::net
