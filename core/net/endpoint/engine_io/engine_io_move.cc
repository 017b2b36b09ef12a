// See engine_io_move.h.
#include "net/endpoint/engine_io/engine_io_move.h"

#include <memory>
#include <utility>

#include "net/connection/websocket_link.h"
#include "net/endpoint/engine_io/engine_io_local.h"
#include "net/endpoint/engine_io/engine_io_session.h"

namespace chat::net {

using session::EngineIoActions;
using session::EngineIoClose;

void EngineIoMove::begin(EngineIoSession& session, std::size_t new_loop) {
  under_way_ = true;
  EngineIoLocal& there = session.home().at(new_loop);
  const SocketHandle socket = *session.candidate_;
  const auto expect = [&there, sid = session.sid(), socket, members = session.clients_.members()] {
    Framing framing;
    framing.engine_io = true;
    // As the socket's own, so that what waits can go to it as it is.
    if (EngineIoSocket* found = there.find_candidate(socket.connection)) framing = found->link().framing();
    there.expect(sid, std::make_unique<EngineIoArrival>(there.loop(), socket, framing, members));
  };
  // A loop that has ended takes no task. When it is that one, the socket has ended with it. When it is this one, the session
  // could not depart, and ends here.
  if (!session.loop().post_task([] {}) || !there.loop().post_task(expect)) {
    under_way_ = false;
    EngineIoActions actions;
    session.machine_.websocket_lost(actions);
    session.perform(actions);
    return;
  }
  for (const SocketIoClients::Member& member : session.clients_.members()) {
    if (Peer* peer = session.loop().peers().find(member.client->id())) peer->set_departing();
    departing_.push_back(member.client->id());
    session.loop().hub().move_client(member.client, new_loop);
  }
  // Behind everything that the hub has sent to this loop.
  session.loop().post_task([home = &session.home(), sid = session.sid()] {
    if (EngineIoSession* found = home->find(sid)) found->move_.depart(*found);
  });
}

void EngineIoMove::depart(EngineIoSession& session) {
  if (!under_way_) return;
  EngineIoLocal& here = session.home();
  EngineIoLocal& there = here.at(session.candidate_->loop);
  // Who was disconnected before the move began is not to depart, and has the queue for its link.
  here.loop().peers().retire_due();
  const auto states = std::make_shared<EngineIoArrival::States>();
  const std::vector<ClientId> departing = std::exchange(departing_, {});
  for (const ClientId id : departing) {
    if (Peer* peer = here.loop().peers().find(id)) states->emplace(id, std::move(peer->state()));
  }
  session.queue_->take(leftover_);
  here.shared().registry.set(session.sid(), {there.loop().index(), Transport::websocket});
  std::unique_ptr<QueueLink> queue = std::move(session.queue_);
  // Taken out by whoever has it next, so that nothing of it is left on this thread.
  const auto self = std::make_shared<std::shared_ptr<EngineIoSession>>(here.release(session));
  if (there.loop().post_task([&there, self, states] { there.arrive(std::move(*self), std::move(*states)); })) {
    for (const ClientId id : departing) here.loop().peers().drop(id);
    return;
  }
  // That loop has ended.
  session.queue_ = std::move(queue);
  for (auto& [id, state] : *states) here.loop().peers().find(id)->take_back(std::move(state));
  here.take_back(std::move(*self));
  session.end();
}

void EngineIoMove::arrive(EngineIoSession& session, EngineIoLocal& home, EngineIoArrival& arrival,
                          EngineIoArrival::States states) {
  session.home_ = &home;
  session.queue_ = arrival.release_link(session, session);
  session.machine_.set_queue(*session.queue_);
  // What the clients have kept may end the connection, which must not close the WebSocket before it is this session's.
  arrival.give(std::move(states));
  under_way_ = false;
  if (session.queue_->closing()) closed_meanwhile_ = EngineIoClose::forced_close;  // it filled up
  const SocketHandle socket = *std::exchange(session.candidate_, std::nullopt);
  EngineIoSocket* const found = home.find_candidate(socket.connection);
  EngineIoSocket::Backlog backlog = home.take_backlog(socket.connection);
  EngineIoActions actions;
  if (found == nullptr || found->link().closing()) {
    for (const auto& [binary, bytes] : std::exchange(backlog, {})) session.on_message(binary, bytes);
    session.machine_.websocket_lost(actions);
  } else {
    session.use_socket(found->link(), std::exchange(leftover_, {}));
    for (FramePtr& frame : session.queue_->take_frames()) session.socket_->push_replay(std::move(frame));
    if (closed_meanwhile_) session.machine_.abort(*closed_meanwhile_, actions);
  }
  session.perform(actions);
  if (closed_meanwhile_) {
    // One that was closed when it left could not close the WebSocket yet.
    session::CloseWebSocket close;
    session.act(close);
    session.finish(*closed_meanwhile_);
  }
  if (orderly_close_meanwhile_) session.close();
  if (goodbye_meanwhile_ || home.loop().draining()) session.say_goodbye();
  for (const auto& [binary, bytes] : backlog) session.on_message(binary, bytes);
}

}  // namespace chat::net
