// One SockJS session over HTTP: requests and messages in, actions out. At most one request receives at a time. What is queued
// between two of them goes to the next one, in order and once. Does no I/O and reads no clock. Every function appends to `out`;
// all are for one thread at a time.
//
// The session belongs to the transport of its first request: requests of another transport are refused. A SockJS client begins
// a new session when it changes its transport.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "session/sockjs_action.h"
#include "session/sockjs_queue.h"
#include "wire/sockjs/sockjs_body.h"
#include "wire/sockjs/sockjs_envelope.h"

namespace chat::session {

// The reference server's defaults.
struct SockJsOptions {
  std::int64_t heartbeat_ms = 25'000;        // a receiver that got nothing for so long gets a heartbeat
  std::int64_t timeout_ms = 5'000;           // without a receiver, the session ends
  std::int64_t write_timeout_ms = 30'000;    // after close(), for a receiver that does not take what it was given
  std::size_t response_bytes = 128 * 1'024;  // a streaming response ends when it has so many, prelude not counted
  std::size_t max_waiting_sends = 8;         // bodies that wait for take_message()
};

class SockJsSession {
 public:
  // Keeps references: both must outlive it. transport: that of the request which made the session, not websocket.
  SockJsSession(const SockJsOptions& options, SockJsQueue& queue, wire::SockJsTransport transport);

  wire::SockJsTransport transport() const { return transport_; }
  bool is_open() const { return state_ == State::open; }
  bool forgotten() const { return state_ == State::forgotten; }
  bool has_receiver() const { return has_receiver_; }

  // A request that receives, the one that made the session included. callback: passed check_sockjs_callback().
  void receive(wire::SockJsTransport transport, std::string_view callback, std::int64_t now_ms, SockJsActions& out);
  // The receiver's connection has taken all that it was given. Until then no more is written.
  void drained(std::int64_t now_ms, SockJsActions& out);
  // The receiver's connection broke.
  void receiver_lost(std::int64_t now_ms, SockJsActions& out);
  // The connection of an earlier receiver broke before it had taken the end of its response.
  void response_lost(std::int64_t now_ms, SockJsActions& out);

  // Once: the layer above accepts the client, which is sent the open frame. close() instead refuses it.
  void open(std::int64_t now_ms, SockJsActions& out);

  // Whether xhr_send or jsonp_send requests are for this session; otherwise they get 404.
  bool accepts_sends(bool by_form) const { return by_form == (transport_ == wire::SockJsTransport::jsonp); }
  // The whole body of such a request: JSON, out of its form. request: any number that AnswerSend brings back. The messages
  // wait for take_message(), and the answer for the last of them.
  void send(std::uint64_t request, std::string body, SockJsActions& out);
  bool has_messages() const { return !sends_.empty(); }
  std::size_t waiting_bytes() const { return waiting_bytes_; }
  // Delivers one message. To be called when the layer above has acted on the one before.
  void take_message(SockJsActions& out);

  // The queue is no longer empty.
  void flush(std::int64_t now_ms, SockJsActions& out);

  // What is queued goes first, then the close frame, to the receiver or to later requests. No more is delivered.
  void close(std::uint16_t code, std::string_view reason, std::int64_t now_ms, SockJsActions& out);

  // Ends the session at once. What is queued is lost.
  void abort(SockJsActions& out);

  // When tick() is next worth calling; -1: never.
  std::int64_t deadline_ms() const;
  void tick(std::int64_t now_ms, SockJsActions& out);

 private:
  enum class State : std::uint8_t {
    opening,   // the layer above has not decided
    accepted,  // the open frame waits for a receiver
    open,
    closing,  // requests are given what is queued, then the close frame
    forgotten,
  };

  static constexpr std::int64_t kNever = -1;

  struct Send {
    Send(std::uint64_t number, std::string body)
        : request(number), messages(std::move(body), wire::SockJsBodyForm::array) {}

    const std::uint64_t request;
    wire::SockJsMessageReader messages;
  };

  bool has_output() const { return !queue_is_lost_ && !queue_.empty(); }
  // Writes what the receiver can take.
  void pump(std::int64_t now_ms, SockJsActions& out);
  void write(std::string_view frame, bool last, std::int64_t now_ms, SockJsActions& out);
  void end_receiver(std::int64_t now_ms);
  void answer(std::string_view frame, std::string_view callback, SockJsActions& out) const;
  void interrupt(std::int64_t now_ms, SockJsActions& out);
  void begin_closing(std::string close_frame, SockJsClose reason, std::int64_t now_ms, SockJsActions& out);
  void drop_sends(SockJsActions& out);
  void tell_closed(SockJsClose reason, SockJsActions& out);
  void forget(SockJsClose reason, SockJsActions& out);

  const SockJsOptions& options_;
  SockJsQueue& queue_;
  const wire::SockJsTransport transport_;
  State state_ = State::opening;
  std::string close_frame_;
  bool told_closed_ = false;
  bool queue_is_lost_ = false;  // messages before it are, so it is not sent any more

  bool has_receiver_ = false;
  bool can_write_ = false;  // the receiver has taken all that it was given
  std::string callback_;    // of the receiver
  std::size_t response_bytes_ = 0;

  std::list<Send> sends_;
  std::size_t waiting_bytes_ = 0;

  std::int64_t heartbeat_due_ms_ = kNever;
  std::int64_t timeout_due_ms_ = kNever;
  std::int64_t write_due_ms_ = kNever;
};

}  // namespace chat::session
