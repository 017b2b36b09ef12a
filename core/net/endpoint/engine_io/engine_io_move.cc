// See engine_io_move.h.
#include "net/endpoint/engine_io/engine_io_move.h"

#include <memory>
#include <utility>

#include "net/connection/websocket_link.h"
#include "net/deliver/websocket_carrier.h"
#include "net/endpoint/engine_io/engine_io_host.h"
#include "net/endpoint/engine_io/engine_io_sessions.h"

namespace chat::net {

using session::EngineIoActions;
using session::EngineIoClose;
using session::EngineIoTransport;

void EngineIoMove::begin(EngineIoHost& host, std::size_t new_loop) {
  under_way_ = true;
  EngineIoSessions& there = host.home().at(new_loop);
  const SocketHandle socket = *host.candidate_;
  const auto expect = [&there, sid = host.sid(), socket, members = host.clients_.members()] {
    // The carrier of the socket, so that waiting frames can go to it unchanged.
    EngineIoSocket* const found = there.find_candidate(socket.connection);
    const Carrier& carrier = found ? found->link().carrier() : websocket_carrier(WebSocketCarrier::Packets::engine_io);
    there.expect(sid, std::make_unique<EngineIoArrival>(there.loop(), socket, carrier, members));
  };
  // A loop that has ended takes no task. When it is that one, the socket has ended with it. When it is this one, the session
  // could not depart, and ends here.
  if (!host.loop().post_task([] {}) || !there.loop().post_task(expect)) {
    under_way_ = false;
    EngineIoActions actions;
    host.session_.websocket_lost(actions);
    host.perform(actions);
    return;
  }
  for (const SocketIoClients::Member& member : host.clients_.members()) {
    if (Peer* peer = host.loop().peers().find(member.client->id())) peer->set_departing();
    departing_.push_back(member.client->id());
    host.loop().hub().move_client(member.client, new_loop);
  }
  // Behind everything that the hub has sent to this loop.
  host.loop().post_task([home = &host.home(), sid = host.sid()] {
    if (EngineIoHost* found = home->find(sid)) found->move_.depart(*found);
  });
}

void EngineIoMove::depart(EngineIoHost& host) {
  if (!under_way_) return;
  EngineIoSessions& here = host.home();
  EngineIoSessions& there = here.at(host.candidate_->loop);
  // Who was disconnected before the move began is not to depart, and has the queue for its link.
  here.loop().peers().retire_due();
  const auto states = std::make_shared<EngineIoArrival::States>();
  const std::vector<ClientId> departing = std::exchange(departing_, {});
  for (const ClientId id : departing) {
    if (Peer* peer = here.loop().peers().find(id)) states->emplace(id, std::move(peer->state()));
  }
  host.queue_->take(leftover_);
  here.service().registry.set(host.sid(), {there.loop().index(), EngineIoTransport::websocket});
  std::unique_ptr<QueueLink> queue = std::move(host.queue_);
  // Taken out by whoever has it next, so that nothing of it is left on this thread.
  const auto self = std::make_shared<std::shared_ptr<EngineIoHost>>(here.release(host));
  if (there.loop().post_task([&there, self, states] { there.arrive(std::move(*self), std::move(*states)); })) {
    for (const ClientId id : departing) here.loop().peers().drop(id);
    return;
  }
  // That loop has ended.
  host.queue_ = std::move(queue);
  for (auto& [id, state] : *states) here.loop().peers().find(id)->take_back(std::move(state));
  here.take_back(std::move(*self));
  host.end();
}

void EngineIoMove::arrive(EngineIoHost& host, EngineIoSessions& home, EngineIoArrival& arrival,
                          EngineIoArrival::States states) {
  host.home_ = &home;
  host.queue_ = arrival.release_link(host, host);
  host.session_.set_queue(*host.queue_);
  // What the clients have kept may end the connection, which must not close the WebSocket before it is this session's.
  arrival.give(std::move(states));
  under_way_ = false;
  if (host.queue_->closing()) closed_meanwhile_ = EngineIoClose::forced_close;  // it filled up
  const SocketHandle socket = *std::exchange(host.candidate_, std::nullopt);
  EngineIoSocket* const found = home.find_candidate(socket.connection);
  EngineIoSocket::Backlog backlog = home.take_backlog(socket.connection);
  EngineIoActions actions;
  if (found == nullptr || found->link().closing()) {
    for (const auto& [binary, bytes] : std::exchange(backlog, {})) host.on_message(binary, bytes);
    host.session_.websocket_lost(actions);
  } else {
    host.use_socket(found->link(), std::exchange(leftover_, {}));
    for (FramePtr& frame : host.queue_->take_frames()) host.socket_->push_replay(std::move(frame));
    if (closed_meanwhile_) host.session_.abort(*closed_meanwhile_, actions);
  }
  host.perform(actions);
  if (closed_meanwhile_) {
    // One that was closed when it left could not close the WebSocket yet.
    session::CloseWebSocket close;
    host.act(close);
    host.finish(*closed_meanwhile_);
  }
  if (orderly_close_meanwhile_) host.close();
  if (goodbye_meanwhile_ || home.loop().draining()) host.say_goodbye();
  for (const auto& [binary, bytes] : backlog) host.on_message(binary, bytes);
}

}  // namespace chat::net
