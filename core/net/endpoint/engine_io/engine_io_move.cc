// See engine_io_move.h.
#include "net/endpoint/engine_io/engine_io_move.h"

#include <memory>
#include <utility>

#include "net/connection/websocket_link.h"
#include "net/deliver/websocket_carrier.h"
#include "net/endpoint/engine_io/engine_io_local.h"
#include "net/endpoint/engine_io/engine_io_session.h"

namespace chat::net {

using session::EngineIoClose;

void EngineIoMove::begin(const SocketHandle& socket) {
  course_ = std::make_unique<Course>();
  course_->socket = socket;
  EngineIoLocal& here = session_.local();
  EngineIoLocal& there = here.at(socket.loop);
  const auto expect = [&there, number = session_.number(), socket, members = session_.clients().members()] {
    // The carrier of the socket, so that waiting frames can go to it unchanged.
    EngineIoSocket* const found = there.find_candidate(socket.connection);
    const Carrier& carrier = found ? found->link().carrier() : websocket_carrier(WebSocketCarrier::Packets::engine_io);
    there.expect(number, std::make_unique<EngineIoArrival>(there.loop(), socket, carrier, members));
  };
  // A loop that has ended takes no task. If the new loop has ended, so has the socket. If this loop ends, the session cannot
  // depart and ends with it.
  if (!here.loop().post_task([] {}) || !there.loop().post_task(expect)) {
    call_off();
    session_.lose_websocket();
    return;
  }
  for (const SocketIoClients::Member& member : session_.clients().members()) {
    if (member.peer != nullptr) member.peer->set_departing();
    course_->departing.push_back(member.client->id());
    here.loop().hub().move_client(member.client, socket.loop);
  }
  // Behind everything that the hub has sent to this loop. The session's address does not change.
  here.home().run_later<EngineIoSession>(session_.number(), [this](EngineIoSession&) { depart(); });
}

void EngineIoMove::depart() {
  if (!under_way()) return;
  EngineIoLocal& here = session_.local();
  EngineIoLocal& there = here.at(course_->socket.loop);
  Peers& peers = here.loop().peers();
  // Clients that were disconnected before the move do not depart. Their peers still use the session's queue as their link.
  peers.retire_due();
  const auto states = std::make_shared<EngineIoArrival::States>();
  const std::vector<ClientId> departing = std::exchange(course_->departing, {});
  for (const ClientId id : departing) {
    if (Peer* peer = peers.find(id)) states->emplace(id, std::move(peer->state()));
  }
  std::unique_ptr<QueueLink> queue = session_.pack(course_->leftover);
  here.table().set_home(session_.number(), there.loop().index());
  // The task that runs moves the session out of it, so that this thread does not hold the last reference.
  const auto self = std::make_shared<std::shared_ptr<Session>>(here.home().release(session_));
  if (there.loop().post_task([&there, self, states] { there.arrive(std::move(*self), std::move(*states)); })) {
    for (const ClientId id : departing) peers.drop(id);
    return;
  }
  // The new loop has ended.
  for (auto& [id, state] : *states) peers.find(id)->take_back(std::move(state));
  session_.settle(here, std::move(queue));
  here.home().add(std::move(*self));
  session_.end();
}

void EngineIoMove::arrive(EngineIoLocal& local, EngineIoArrival& arrival, EngineIoArrival::States states) {
  session_.settle(local, arrival.release_link(session_, session_));
  // An event that a peer has postponed may end the connection. It must not close the WebSocket before that is this session's.
  arrival.give(std::move(states));
  const std::unique_ptr<Course> course = std::move(course_);
  if (session_.link().closing()) course->closed = EngineIoClose::forced_close;  // the outbox was full
  EngineIoSocket* const found = local.find_candidate(course->socket.connection);
  EngineIoSocket::Backlog backlog = local.take_backlog(course->socket.connection);
  if (found == nullptr || found->link().closing()) {
    for (const auto& [binary, bytes] : std::exchange(backlog, {})) session_.on_message(binary, bytes);
    session_.lose_websocket();
  } else {
    session_.use_socket(found->link(), course->leftover);
    session_.schedule();
  }
  if (course->closed) session_.close_now(*course->closed);
  for (const ClientId client : course->verdicts) session_.clients().verdict(client);
  if (course->orderly_close) session_.close();
  if (course->goodbye || local.loop().draining()) session_.say_goodbye();
  for (const auto& [binary, bytes] : backlog) session_.on_message(binary, bytes);
}

}  // namespace chat::net
