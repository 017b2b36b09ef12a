// The state machine of one Engine.IO session: requests and WebSocket messages in, actions out. Holds polls, counts POSTs,
// performs the upgrade from polling to WebSocket, pings, and closes. Does no I/O and reads no clock. Functions append their
// actions to `out`. For one thread at a time.
//
// The queue has what the layer above wants to send. On polling the machine takes it whenever a GET is held. On a WebSocket
// the net layer writes the queue itself, and the machine sends only control packets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "session/engine_io_action.h"
#include "session/engine_io_queue.h"
#include "session/engine_io_request.h"
#include "wire/engine_io/engine_io.h"

namespace chat::session {

// The reference server's defaults.
struct EngineIoOptions {
  std::int64_t ping_interval_ms = 25'000;
  std::int64_t ping_timeout_ms = 20'000;
  std::int64_t upgrade_timeout_ms = 10'000;
  std::int64_t close_timeout_ms = 30'000;  // how long a close waits for a poll that can carry it
  std::size_t max_payload_bytes = 1'000'000;
  std::size_t max_payload_packets = wire::EngineIoPayloadReader::kMaxPackets;
  bool may_upgrade = true;
};

class EngineIoMachine {
 public:
  // The options must outlive the machine, and so must the queue until set_queue() replaces it.
  EngineIoMachine(const EngineIoOptions& options, EngineIoQueue& queue, std::string sid, Transport transport);

  const std::string& sid() const { return sid_; }
  Transport transport() const { return transport_; }
  bool is_open() const { return state_ == State::open; }
  bool closed() const { return state_ == State::closed; }
  // Why the session is closed, or is closing and waits for a poll that can carry the close packet.
  EngineIoClose close_reason() const { return close_reason_; }

  // Call this once, for the request that began the session. Answers that GET, or greets the WebSocket.
  void open(std::int64_t now_ms, EngineIoActions& out);

  // A GET with this sid, which will be held, answered or refused.
  void poll(std::int64_t now_ms, EngineIoActions& out);
  // The connection ended while a GET was held, or before all of its answer was written.
  void poll_lost(EngineIoActions& out);

  // The head of a POST with this sid. False: the POST was refused, and its body is ignored.
  bool begin_post(std::string_view content_type, EngineIoActions& out);
  // The whole body of the POST. Its packets wait for take_packet(), and its answer waits for the last packet.
  void end_post(std::string body, EngineIoActions& out);
  bool has_packets() const { return payload_ != nullptr; }
  std::size_t waiting_bytes() const { return payload_ ? payload_->body.size() : 0; }
  // Takes the next packet. To be called when the layer above has handled the one before and wants more from this client.
  void take_packet(std::int64_t now_ms, EngineIoActions& out);
  // The body of the POST is, or will be, larger than max_payload_bytes. The session continues.
  void post_too_large(EngineIoActions& out);
  // The connection ended before the body was complete.
  void post_lost(EngineIoActions& out);

  // A WebSocket with this sid. False: the session has one already, and this one is to be closed.
  bool attach_websocket(std::int64_t now_ms);
  // A whole message of the session's WebSocket; text is valid UTF-8.
  void websocket_received(bool binary, std::string_view bytes, std::int64_t now_ms, EngineIoActions& out);
  void websocket_lost(EngineIoActions& out);

  // Something was added to the queue.
  void flush(EngineIoActions& out);
  // Replaces the queue. The caller transfers its content.
  void set_queue(EngineIoQueue& queue) { queue_ = &queue; }

  // The client takes what is sent to it, which counts as a sign of life like a packet.
  void heard(std::int64_t now_ms) { heard_ms_ = now_ms; }

  // Closes after what is queued, for example because of a message that the layer above does not understand. Nothing more is
  // delivered. On polling this needs a GET, for which the session waits. (A packet that is not valid Engine.IO ends the
  // session at once.)
  void close(std::int64_t now_ms, EngineIoActions& out);

  // Closes at once. What is queued is lost.
  void abort(EngineIoClose reason, EngineIoActions& out);

  // When tick() is next worth calling; -1: never.
  std::int64_t deadline_ms() const;
  void tick(std::int64_t now_ms, EngineIoActions& out);

 private:
  enum class State : std::uint8_t { open, closing, closed };
  enum class Upgrade : std::uint8_t { none, attached, probed };

  static constexpr std::int64_t kNever = -1;
  static constexpr std::int64_t kTimerCoarsenessMs = 20;  // tick() may come this much later than deadline_ms()
  static constexpr std::int64_t kReleaseMs = 100;         // how long a poll is held during an upgrade

  struct Payload {
    explicit Payload(std::string bytes, std::size_t max_packets) : body(std::move(bytes)), packets(body, max_packets) {}
    Payload(const Payload&) = delete;
    Payload& operator=(const Payload&) = delete;

    const std::string body;
    wire::EngineIoPayloadReader packets;  // refers to the body
  };

  void end_payload(EngineIoActions& out);
  void receive(const wire::EngineIoPacket& packet, std::int64_t now_ms, EngineIoActions& out);
  void receive_from_candidate(bool binary, std::string_view bytes, std::int64_t now_ms, EngineIoActions& out);
  void complete_upgrade(std::int64_t now_ms, EngineIoActions& out);
  void drop_candidate(EngineIoActions& out);
  // Ends the session because of what the client sent. A held GET is answered with what is queued and a close packet. Without
  // a held GET the session ends at once, and the next GET is answered that the sid is unknown.
  void fail(EngineIoClose reason, EngineIoActions& out);
  void send_ping(std::int64_t now_ms, EngineIoActions& out);
  void ping_leaves(EngineIoActions& out);
  bool has_output() const { return ping_waiting_ || !queue_->empty(); }
  // Answers with everything that waits, or with a noop if there is nothing.
  void answer_poll(EngineIoActions& out, bool and_close = false);
  // While the session is closing: answers with what waits, or else with the close packet, which ends the session.
  void answer_last_poll(EngineIoActions& out);
  void finish(EngineIoClose reason, EngineIoActions& out);
  bool refuse_late(EngineIoActions& out);
  void refuse_overlap(EngineIoActions& out);

  const EngineIoOptions& options_;
  EngineIoQueue* queue_;
  const std::string sid_;
  Transport transport_;
  State state_ = State::open;
  EngineIoClose close_reason_ = EngineIoClose::forced_close;
  Upgrade upgrade_ = Upgrade::none;
  bool has_websocket_;
  bool poll_held_ = false;
  bool post_held_ = false;            // a POST whose body is not complete yet
  std::unique_ptr<Payload> payload_;  // its body, while packets of it wait
  bool ping_waiting_ = false;         // a ping goes with the next answer
  bool ping_is_out_ = false;          // a ping was sent and is not answered yet

  std::int64_t heard_ms_ = 0;  // when the last packet came
  std::int64_t ping_due_ms_ = kNever;
  std::int64_t pong_due_ms_ = kNever;
  std::int64_t upgrade_due_ms_ = kNever;
  std::int64_t release_due_ms_ = kNever;
  std::int64_t close_due_ms_ = kNever;
};

}  // namespace chat::session
