// See engine_io_host.h.
#include "net/engine_io_host.h"

#include <algorithm>

#include "net/connection.h"
#include "net/engine_io_requests.h"
#include "net/engine_io_service.h"
#include "net/loop.h"
#include "net/server.h"
#include "net/websocket_link.h"

namespace chat::net {
namespace {

using session::EngineIoActions;
using session::EngineIoClose;
using session::EngineIoTransport;

constexpr std::uint16_t kNoStatus = 1005;
constexpr std::uint16_t kAbnormal = 1006;

// What the reference server recovers from.
bool is_recoverable(EngineIoClose reason) { return reason != EngineIoClose::parse_error; }

}  // namespace

EngineIoHost::EngineIoHost(Loop& loop, EngineIoBirth birth, std::string sid, EngineIoTransport transport)
    : loop_(&loop),
      birth_(std::move(birth)),
      queue_(std::make_unique<QueueLink>(loop, *this, kPollingFraming)),
      session_(loop.server().engine_io().session_options(*birth_.endpoint), *queue_, std::move(sid), transport),
      assembler_(static_cast<std::size_t>(birth_.endpoint->max_message_bytes)),
      clients_(*this),
      connect_deadline_ms_(loop.now_ms() + loop.options().connect_timeout_ms) {}

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
  poll_ = request;
  EngineIoActions actions;
  session_.open(loop_->now_ms(), actions);
  perform(actions);
}

void EngineIoHost::open_websocket(WebSocketLink& link) {
  socket_ = &link;
  link.set_user(*this);
  EngineIoActions actions;
  session_.open(loop_->now_ms(), actions);
  perform(actions);
}

// Requests -----------------------------------------------------------------------------------------------------------

void EngineIoHost::poll(const HeldRequest& request) {
  incoming_ = request;
  if (!poll_) poll_ = request;
  EngineIoActions actions;
  session_.poll(loop_->now_ms(), actions);
  perform(actions);
}

void EngineIoHost::poll_lost(const HeldRequest& request, bool answered) {
  if (!answered && poll_ != request) return;  // it was refused
  if (!answered) poll_.reset();
  EngineIoActions actions;
  session_.poll_lost(actions);
  perform(actions);
}

void EngineIoHost::begin_post(const HeldRequest& request, std::string_view content_type) {
  incoming_ = request;
  if (post_answer_paused_) {
    // One that does not wait for its answer cannot be slowed down; two POSTs at once end a session anyway.
    session::RefuseRequest refusal;
    act(refusal);
    EngineIoActions actions;
    session_.abort(EngineIoClose::transport_error, actions);
    perform(actions);
    return;
  }
  const bool first = !post_;
  if (first) post_ = request;
  EngineIoActions actions;
  if (!session_.begin_post(content_type, actions) && first) post_.reset();
  perform(actions);
}

void EngineIoHost::end_post(const HeldRequest& request, std::string_view body) {
  if (post_ != request) return;
  EngineIoActions actions;
  session_.end_post(body, loop_->now_ms(), actions);
  perform(actions);
}

void EngineIoHost::post_too_large(const HeldRequest& request) {
  if (post_ != request) return;
  EngineIoActions actions;
  session_.post_too_large(actions);
  perform(actions);
}

void EngineIoHost::post_lost(const HeldRequest& request) {
  if (post_ != request) return;
  post_.reset();
  EngineIoActions actions;
  if (std::exchange(post_answer_paused_, false)) session_.abort(EngineIoClose::transport_error, actions);
  session_.post_lost(actions);
  perform(actions);
}

// The WebSocket that wants to take over ------------------------------------------------------------------------------

template <class Action>
void EngineIoHost::at_candidate(Action action) {
  const SocketHandle socket = *candidate_;
  Server& server = loop_->server();
  loop_->run_on(socket.loop, [&server, socket, action] {
    if (EngineIoSocket* found = server.loop(socket.loop).sessions().find_candidate(socket.connection)) action(*found);
  });
}

void EngineIoHost::let_candidate_go_on() {
  if (candidate_ && !moving_) at_candidate([](EngineIoSocket& candidate) { candidate.go_on(); });
}

void EngineIoHost::attach(const SocketHandle& socket) {
  if (!session_.attach_websocket(loop_->now_ms())) {
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
  if (candidate_ != socket || moving_) return;
  EngineIoActions actions;
  session_.websocket_received(binary, bytes, loop_->now_ms(), actions);
  perform(actions);
  let_candidate_go_on();
}

void EngineIoHost::candidate_lost(const SocketHandle& socket) {
  if (candidate_ != socket || moving_) return;
  candidate_.reset();
  EngineIoActions actions;
  session_.websocket_lost(actions);
  perform(actions);
}

// Links --------------------------------------------------------------------------------------------------------------

void EngineIoHost::on_message(bool binary, std::string_view bytes) {
  EngineIoActions actions;
  session_.websocket_received(binary, bytes, loop_->now_ms(), actions);
  perform(actions);
}

void EngineIoHost::on_output() {
  EngineIoActions actions;
  session_.flush(actions);
  perform(actions);
}

void EngineIoHost::on_progress() { session_.heard(loop_->now_ms()); }

void EngineIoHost::on_link_closed(std::uint16_t code, std::string_view reason) {
  if (moving_) {
    closed_meanwhile_ = EngineIoClose::forced_close;
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

void EngineIoHost::on_verdict(ClientId client) { clients_.verdict(client); }

void EngineIoHost::on_first_room(ClientId client, const Status& status) { clients_.entered(client, status); }

void EngineIoHost::on_left(ClientId client, std::string_view room, std::string_view reason) {
  clients_.left(client, room, reason);
}

void EngineIoHost::close_client(ClientId client, std::uint16_t code, std::string_view reason) {
  clients_.disconnect(client, code, reason);
}

void EngineIoHost::on_continued(ClientId client) { clients_.continued(client); }

void EngineIoHost::on_pause(std::int64_t until_ms) {
  paused_until_ms_ = std::max(paused_until_ms_, until_ms);
  schedule();
}

void EngineIoHost::on_resume() {
  paused_until_ms_ = -1;
  if (post_answer_paused_) answer_post();
  schedule();
}

void EngineIoHost::close() {
  deaf_ = true;
  EngineIoActions actions;
  session_.close(loop_->now_ms(), actions);
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

void EngineIoHost::act(session::AnswerPoll& action) {
  if (!poll_) return;
  HttpResponse response;
  response.headers.push_back({"Content-Type", "text/plain; charset=UTF-8"});
  response.headers.push_back({"Cache-Control", "no-store"});
  response.body = std::move(action.body);
  loop_->answer(*std::exchange(poll_, std::nullopt), std::move(response), true);
}

void EngineIoHost::act(session::AnswerPost& action) {
  if (!post_) return;
  if (action.status == 200) {
    // A client that sends too quickly waits for this before it sends on.
    post_answer_paused_ = !finished_ && paused_until_ms_ > loop_->now_ms();
    if (!post_answer_paused_) answer_post();
    return;
  }
  HttpResponse response;
  if (action.status == 400) {
    response = engine_io_error(wire::EngineIoError::bad_request);
  } else {
    response.status = action.status;
  }
  response.close = true;
  loop_->answer(*std::exchange(post_, std::nullopt), std::move(response), false);
}

void EngineIoHost::answer_post() {
  post_answer_paused_ = false;
  if (!post_) return;
  HttpResponse response;
  response.headers.push_back({"Content-Type", "text/html"});
  response.headers.push_back({"Cache-Control", "no-store"});
  response.body = "ok";
  loop_->answer(*std::exchange(post_, std::nullopt), std::move(response), false);
}

void EngineIoHost::act(session::RefuseRequest&) {
  if (poll_ == incoming_) poll_.reset();
  if (post_ == incoming_) post_.reset();
  HttpResponse response;
  response.status = 400;
  loop_->answer(incoming_, std::move(response), false);
}

void EngineIoHost::act(session::SendWebSocket& action) {
  if (socket_ != nullptr) {
    socket_->push(make_text_frame(action.text, socket_->framing()));
  } else if (moving_) {
    queue_->push(FramePtr(std::move(action.text), nullptr));
  } else if (candidate_) {
    at_candidate([text = std::move(action.text)](EngineIoSocket& candidate) { candidate.send(text); });
  }
}

void EngineIoHost::act(session::CloseWebSocket&) {
  if (WebSocketLink* socket = std::exchange(socket_, nullptr)) {
    socket->close(goodbye_code_, close_reason_);
  } else if (candidate_ && !moving_) {
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
  loop_->stats().messages_refused.add();
  close();
}

void EngineIoHost::act(session::Upgraded&) {
  const SocketHandle socket = *candidate_;
  loop_->server().engine_io().registry.set(sid(), {loop_->index(), EngineIoTransport::websocket});
  if (socket.loop != loop_->index()) {
    begin_move(socket.loop);
    return;
  }
  std::string leftover;
  queue_->take(leftover);
  candidate_.reset();
  EngineIoSocket* const found = loop_->sessions().find_candidate(socket.connection);
  if (found == nullptr || found->link().closing()) {
    EngineIoActions actions;
    session_.websocket_lost(actions);
    perform(actions);
    return;
  }
  const EngineIoSocket::Backlog backlog = found->take_backlog();
  use_socket(found->link(), leftover);
  for (const auto& [binary, bytes] : backlog) on_message(binary, bytes);
}

void EngineIoHost::act(session::Closed& action) {
  if (moving_) {
    closed_meanwhile_ = action.reason;
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
  if (finished_ || moving_) {
    TimerWheel::cancel(*this);
    return;
  }
  std::int64_t due_ms = session_.deadline_ms();
  const auto consider = [&](std::int64_t deadline_ms) {
    if (deadline_ms != -1 && (due_ms == -1 || deadline_ms < due_ms)) due_ms = deadline_ms;
  };
  consider(connect_deadline_ms_);
  consider(clients_.deadline_ms());
  if (post_answer_paused_) consider(paused_until_ms_);
  if (due_ms == -1) {
    TimerWheel::cancel(*this);
  } else if (!pending() || deadline_ms() != due_ms) {
    loop_->set_timer(*this, due_ms);
  }
}

void EngineIoHost::on_deadline(std::int64_t now_ms) {
  if (post_answer_paused_ && now_ms >= paused_until_ms_) answer_post();
  clients_.tick(now_ms);
  EngineIoActions actions;
  session_.tick(now_ms, actions);
  if (connect_deadline_ms_ != -1 && now_ms >= connect_deadline_ms_) {
    connect_deadline_ms_ = -1;
    if (!clients_.had_any()) session_.close(now_ms, actions);
  }
  perform(actions);
}

// The end ------------------------------------------------------------------------------------------------------------

void EngineIoHost::finish(EngineIoClose reason) {
  if (std::exchange(finished_, true)) return;
  if (post_answer_paused_) answer_post();
  if (WebSocketLink* socket = std::exchange(socket_, nullptr)) socket->close(goodbye_code_, close_reason_);
  end_clients(reason);
  loop_->server().engine_io().registry.remove(sid());
  loop_->sessions().bury(*this);
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
  if (moving_) {
    goodbye_meanwhile_ = true;
    return;
  }
  deaf_ = true;
  close_code_ = goodbye_code_ = 1001;
  close_reason_ = kStopping;
  EngineIoActions actions;
  session_.close(loop_->now_ms(), actions);
  // Without a poll at hand there will be none: nobody is let in any more.
  session_.abort(EngineIoClose::forced_close, actions);
  perform(actions);
}

void EngineIoHost::end() {
  deaf_ = true;
  moving_ = false;
  EngineIoActions actions;
  session_.abort(EngineIoClose::forced_close, actions);
  perform(actions);
  finish(EngineIoClose::forced_close);
}

// Moving -------------------------------------------------------------------------------------------------------------

void EngineIoHost::begin_move(std::size_t new_loop) {
  moving_ = true;
  Server& server = loop_->server();
  Loop& there = server.loop(new_loop);
  const SocketHandle socket = *candidate_;
  const bool expected = there.post_task([&there, sid = sid(), socket, members = clients_.members()] {
    Framing framing;
    framing.engine_io = true;
    // As the socket's own, so that what waits can go to it as it is.
    if (EngineIoSocket* found = there.sessions().find_candidate(socket.connection)) framing = found->link().framing();
    there.sessions().expect(sid, std::make_unique<EngineIoArrival>(there, framing, members));
  });
  if (!expected) {  // that loop has ended, and the socket with it
    moving_ = false;
    EngineIoActions actions;
    session_.websocket_lost(actions);
    perform(actions);
    return;
  }
  for (const SocketIoClients::Member& member : clients_.members()) {
    if (Peer* peer = loop_->find_peer(member.client->id())) peer->set_departing();
    departing_.push_back(member.client->id());
    server.hub().move_client(member.client, new_loop);
  }
  // Behind everything that the hub has sent to this loop.
  loop_->post_task([loop = loop_, sid = sid()] {
    if (EngineIoHost* host = loop->sessions().find(sid)) host->depart();
  });
}

void EngineIoHost::depart() {
  if (!moving_) return;
  Loop& here = *loop_;
  Loop& there = here.server().loop(candidate_->loop);
  // Who was disconnected before the move began is not to depart, and has the queue for its link.
  here.retire_peers();
  const auto states = std::make_shared<EngineIoArrival::States>();
  const std::vector<ClientId> departing = std::exchange(departing_, {});
  for (const ClientId id : departing) {
    if (Peer* peer = here.find_peer(id)) states->emplace(id, std::move(peer->state()));
  }
  queue_->take(leftover_);
  here.server().engine_io().registry.set(sid(), {there.index(), EngineIoTransport::websocket});
  std::unique_ptr<QueueLink> queue = std::move(queue_);
  // Taken out by whoever has it next, so that nothing of it is left on this thread.
  const auto self = std::make_shared<std::shared_ptr<EngineIoHost>>(here.sessions().release(*this));
  if (there.post_task([&there, self, states] { there.sessions().arrive(std::move(*self), std::move(*states)); })) {
    for (const ClientId id : departing) here.drop_peer(id);
    return;
  }
  // That loop has ended.
  queue_ = std::move(queue);
  for (auto& [id, state] : *states) here.find_peer(id)->take_back(std::move(state));
  here.sessions().take_back(std::move(*self));
  end();
}

void EngineIoHost::arrive(Loop& loop, EngineIoArrival& arrival, EngineIoArrival::States states) {
  loop_ = &loop;
  queue_ = arrival.release_link(*this);
  session_.set_queue(*queue_);
  moving_ = false;
  arrival.give(std::move(states));
  if (queue_->closing()) closed_meanwhile_ = EngineIoClose::forced_close;  // it filled up
  const SocketHandle socket = *std::exchange(candidate_, std::nullopt);
  EngineIoSocket* const found = loop.sessions().find_candidate(socket.connection);
  EngineIoSocket::Backlog backlog;
  EngineIoActions actions;
  if (found == nullptr || found->link().closing()) {
    session_.websocket_lost(actions);
  } else {
    backlog = found->take_backlog();
    use_socket(found->link(), std::exchange(leftover_, {}));
    for (FramePtr& frame : queue_->take_frames()) socket_->push_replay(std::move(frame));
    if (closed_meanwhile_) session_.abort(*closed_meanwhile_, actions);
  }
  perform(actions);
  if (closed_meanwhile_) {
    // One that was closed when it left could not close the WebSocket yet.
    session::CloseWebSocket close;
    act(close);
    finish(*closed_meanwhile_);
  }
  if (goodbye_meanwhile_ || loop.draining()) say_goodbye();
  for (const auto& [binary, bytes] : backlog) on_message(binary, bytes);
}

}  // namespace chat::net
