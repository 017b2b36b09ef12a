// An Engine.IO session on the loop that is its home. Carries out what its state machine (session/engine_io_machine.h) asks of
// requests and sockets, and passes what the client says to its Socket.IO clients. For the thread of its loop; its requests
// and sockets may be on other loops, and are only named here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/base/timer_wheel.h"
#include "net/deliver/link.h"
#include "net/deliver/queue_link.h"
#include "net/endpoint/engine_io/engine_io_arrival.h"
#include "net/endpoint/engine_io/engine_io_birth.h"
#include "net/endpoint/engine_io/engine_io_local.h"
#include "net/endpoint/engine_io/engine_io_move.h"
#include "net/endpoint/engine_io/engine_io_polling.h"
#include "net/endpoint/engine_io/engine_io_socket.h"
#include "net/endpoint/engine_io/socket_io_clients.h"
#include "net/http/exchange.h"
#include "net/session/session.h"
#include "session/engine_io_machine.h"
#include "wire/socket_io/socket_io_assembler.h"

namespace chat::net {

class EngineIoSession final : public Session, public LinkUser, public PeerOwner, private TimerEntry {
 public:
  EngineIoSession(EngineIoLocal& local, EngineIoBirth birth, SessionNumber number, std::string sid,
                  Transport transport);
  ~EngineIoSession() override;

  // How it begins -------------------------------------------------------------------------------------------------------

  void open_polling(const HeldRequest& request);
  void open_websocket(WebSocketLink& link);

  // Requests of the session, from any loop ------------------------------------------------------------------------------

  void poll(const HeldRequest& request);
  // The connection ended, before the answer or (answered) before all of it was written.
  void poll_lost(const HeldRequest& request, bool answered);
  void begin_post(const HeldRequest& request, std::string_view content_type);
  void end_post(const HeldRequest& request, std::string body);
  void post_too_large(const HeldRequest& request);
  void post_lost(const HeldRequest& request);

  // The WebSocket that wants to become its transport, from any loop -----------------------------------------------------

  void attach(const SocketHandle& socket);
  void candidate_received(const SocketHandle& socket, bool binary, std::string_view bytes);
  void candidate_lost(const SocketHandle& socket);

  // From its links --------------------------------------------------------------------------------------------------------

  std::string_view address() const override { return birth_.address; }
  void on_message(bool binary, std::string_view bytes) override;
  void on_output() override;
  void on_turn() override;
  void on_progress() override;
  void on_link_closed(std::uint16_t code, std::string_view reason) override;
  void on_pause(std::int64_t until_ms) override;
  void on_resume() override;
  std::size_t held_input_bytes() const override { return machine_.waiting_bytes(); }
  FramePtr encode_gap(const GapReply&) override { return {}; }

  // From its peers --------------------------------------------------------------------------------------------------------

  void on_verdict(Peer& peer) override;
  void on_first_room(Peer& peer, const Status& status) override;
  void on_logged_room(Peer& peer) override;
  void on_left(Peer& peer, std::string_view room, std::string_view reason) override;
  void close_client(Peer& peer, std::uint16_t code, std::string_view reason) override;
  void close_connection(Peer& peer, std::uint16_t code, std::string_view reason) override;
  void on_continued(Peer& peer) override;

  // From its Socket.IO clients --------------------------------------------------------------------------------------------

  EngineIoLocal& local() { return *local_; }
  EndpointContext& loop() { return local_->loop(); }
  const EngineIoBirth& birth() const { return birth_; }
  // The way to its clients: the WebSocket or the queue. When the WebSocket has closed, a link that takes nothing.
  Link& link();
  Transport transport() const { return machine_.transport(); }
  // Closes after what is queued.
  void close();
  // Something has come for a claim of a client; see FarClaim.
  void on_far_news();
  // Sets the timer again, because a deadline of the clients has changed.
  void schedule();

  // The end ---------------------------------------------------------------------------------------------------------------

  void say_goodbye() override;
  void evict() override;
  void end() override;

  // From its move ---------------------------------------------------------------------------------------------------------

  SocketIoClients& clients() { return clients_; }
  // Takes what is queued, as a polling payload, and then the queue. The session has none, and its clients have no peers,
  // until settle().
  std::unique_ptr<QueueLink> pack(std::string& leftover);
  // The session is on this loop from now on, where its clients' peers are, and sends by this queue.
  void settle(EngineIoLocal& local, std::unique_ptr<QueueLink> queue);
  // The WebSocket is the transport from now on. What was queued goes first: leftover, then the frames of the queue.
  void use_socket(WebSocketLink& link, std::string_view leftover);
  // There is no WebSocket any more that could become the transport.
  void lose_websocket();
  // Closes at once.
  void close_now(session::EngineIoClose reason);
  // On the new loop, where the second peers are.
  void arrive(EngineIoLocal& local, EngineIoArrival& arrival, EngineIoArrival::States states) {
    move_.arrive(local, arrival, std::move(states));
  }

 private:
  void perform(session::EngineIoActions& actions);
  void act(session::AnswerPoll& action);
  void act(session::AnswerPost& action);
  void act(session::RefuseRequest& action);
  void act(session::SendWebSocket& action);
  void act(session::CloseWebSocket& action);
  void act(session::Deliver& action);
  void act(session::PingSent&) { clients_.ping_sent(); }
  void act(session::PingAnswered&) { clients_.ping_answered(); }
  void act(session::Upgraded& action);
  void act(session::Closed& action);

  // Takes the packets of a POST, until the client is paused.
  void take_packets();
  void take_some_packets();
  void on_deadline(std::int64_t now_ms) override;
  void finish(session::EngineIoClose reason);
  void end_clients(session::EngineIoClose reason);
  // Runs on the candidate's loop, unless its link has ended meanwhile.
  template <class Action>
  void at_candidate(Action action);
  void let_candidate_go_on();

  EngineIoLocal* local_;
  const EngineIoBirth birth_;
  std::unique_ptr<QueueLink> queue_;  // nullptr: the WebSocket is the transport
  session::EngineIoMachine machine_;
  std::unique_ptr<wire::SocketIoAssembler> assembler_;  // while attachments are expected
  SocketIoClients clients_;

  EngineIoPolling polling_;
  std::optional<SocketHandle> candidate_;
  WebSocketLink* socket_ = nullptr;  // while it is the transport and open

  std::int64_t connect_deadline_ms_;  // by when a client must be in a namespace; -1 after that
  std::uint16_t close_code_ = 1006;   // for on_disconnect
  std::string close_reason_;          // empty: the session's own
  std::uint16_t goodbye_code_ = 0;    // of the close frame
  bool finished_ = false;
  bool deaf_ = false;  // the server has closed the session: what the client said after the reason for that is ignored
  EngineIoMove move_{*this};
};

}  // namespace chat::net
