// One Engine.IO session: requests and WebSocket messages in, actions out. Holds polls, counts
// POSTs, carries the upgrade from polling to WebSocket through, pings, and closes. Does no I/O and
// reads no clock. Every function appends to `out`; all are for one thread at a time.
//
// The queue is what the layer above wants sent. On polling the session takes from it whenever a GET
// is held; on a WebSocket the net layer writes it itself, and only control packets come from here.
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
  // Keeps references: both must outlive it, the queue until another takes its place.
  EngineIoMachine(const EngineIoOptions& options, EngineIoQueue& queue, std::string sid, Transport transport);

  const std::string& sid() const { return sid_; }
  Transport transport() const { return transport_; }
  bool is_open() const { return state_ == State::open; }
  bool closed() const { return state_ == State::closed; }
  // Why it is closed, or waits for a poll that can take its goodbye.
  EngineIoClose close_reason() const { return close_reason_; }

  // Once, for the request that made the session: that GET is answered, or the WebSocket greeted.
  void open(std::int64_t now_ms, EngineIoActions& out);

  // A GET with this sid. It is held, answered or refused.
  void poll(std::int64_t now_ms, EngineIoActions& out);
  // The connection of a held GET is gone, or that of one whose answer was not yet written whole.
  void poll_lost(EngineIoActions& out);

  // The head of a POST with this sid. False: it has been refused, and its body is nobody's.
  bool begin_post(std::string_view content_type, EngineIoActions& out);
  // Its whole body. Its packets wait for take_packet(), and the answer to the POST for the last of them.
  void end_post(std::string body, EngineIoActions& out);
  bool has_packets() const { return payload_ != nullptr; }
  std::size_t waiting_bytes() const { return payload_ ? payload_->body.size() : 0; }
  // Takes one of them: as soon as the layer above has acted on the one before, and wants more of this client.
  void take_packet(std::int64_t now_ms, EngineIoActions& out);
  // Its body is, or will be, above max_payload_bytes. The session goes on.
  void post_too_large(EngineIoActions& out);
  // Its connection is gone before the body was there.
  void post_lost(EngineIoActions& out);

  // A WebSocket with this sid. False: the session has one already; close it.
  bool attach_websocket(std::int64_t now_ms);
  // A whole message of the session's WebSocket; text is valid UTF-8.
  void websocket_received(bool binary, std::string_view bytes, std::int64_t now_ms, EngineIoActions& out);
  void websocket_lost(EngineIoActions& out);

  // Something has been put into the queue.
  void flush(EngineIoActions& out);
  // Another queue, with what is in this one or to be put before it.
  void set_queue(EngineIoQueue& queue) { queue_ = &queue; }

  // The client takes what is sent to it: a sign of life like a packet.
  void heard(std::int64_t now_ms) { heard_ms_ = now_ms; }

  // Closes in an orderly way, as for a message that the layer above cannot make sense of: what is
  // queued goes first, and nothing more is delivered. On polling that takes a GET; without one the
  // session waits for it. (A packet that this layer cannot read ends the session at once.)
  void close(std::int64_t now_ms, EngineIoActions& out);

  // Closes at once; what is queued is lost.
  void abort(EngineIoClose reason, EngineIoActions& out);

  // When tick() is next worth calling; -1: never.
  std::int64_t deadline_ms() const;
  void tick(std::int64_t now_ms, EngineIoActions& out);

 private:
  enum class State : std::uint8_t { open, closing, closed };
  enum class Upgrade : std::uint8_t { none, attached, probed };

  static constexpr std::int64_t kNever = -1;
  static constexpr std::int64_t kTimerCoarsenessMs = 20;  // tick() may come so much later than deadline_ms()
  static constexpr std::int64_t kReleaseMs = 100;         // how long a poll is held during an upgrade

  struct Payload {
    explicit Payload(std::string bytes, std::size_t max_packets) : body(std::move(bytes)), packets(body, max_packets) {}
    Payload(const Payload&) = delete;
    Payload& operator=(const Payload&) = delete;

    const std::string body;
    wire::EngineIoPayloadReader packets;  // which keeps no copy
  };

  void end_payload(EngineIoActions& out);
  void receive(const wire::EngineIoPacket& packet, std::int64_t now_ms, EngineIoActions& out);
  void receive_from_candidate(bool binary, std::string_view bytes, std::int64_t now_ms, EngineIoActions& out);
  void complete_upgrade(std::int64_t now_ms, EngineIoActions& out);
  void drop_candidate(EngineIoActions& out);
  // Over what the client sent. A held GET takes what is queued and the goodbye; without one the session is gone at once, and
  // the next GET is told that it is unknown.
  void fail(EngineIoClose reason, EngineIoActions& out);
  void send_ping(std::int64_t now_ms, EngineIoActions& out);
  void ping_leaves(EngineIoActions& out);
  bool has_output() const { return ping_waiting_ || !queue_->empty(); }
  // With everything that waits; with a noop when that is nothing.
  void answer_poll(EngineIoActions& out, bool and_close = false);
  // While it is closing: with what waits, then or together with that the close packet, which is the end.
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
  bool post_held_ = false;            // its body is not there yet
  std::unique_ptr<Payload> payload_;  // its body, while packets of it wait
  bool ping_waiting_ = false;         // a ping that goes with the next answer
  bool ping_is_out_ = false;          // one that has left is not answered yet

  std::int64_t heard_ms_ = 0;  // when any packet last came
  std::int64_t ping_due_ms_ = kNever;
  std::int64_t pong_due_ms_ = kNever;
  std::int64_t upgrade_due_ms_ = kNever;
  std::int64_t release_due_ms_ = kNever;
  std::int64_t close_due_ms_ = kNever;
};

}  // namespace chat::session
