// A WebSocket (RFC 6455) with one client: passes on the messages that its reader finds, answers pings, keeps the
// connection alive, writes frames that were made elsewhere, and closes in an orderly way. Knows no socket: its
// connection reads and writes the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/deliver/link.h"
#include "wire/websocket/deflate_offer.h"
#include "wire/websocket/message_reader.h"

namespace chat::net {

class Connection;

class WebSocketLink final : public Link {
 public:
  // Owns `user` until set_user(). `carrier` is without compression: the handshake decides on that.
  WebSocketLink(LinkContext& loop, Connection& connection, std::unique_ptr<LinkUser> user, const Carrier& carrier,
                std::int64_t max_message_bytes);

  // Replaces the user. The new one is not owned: it must outlive the link, or close it first. Not from inside the old
  // one.
  void set_user(LinkUser& user);
  // RFC 6455 pings and their time-out. Off for a user with pings of its own.
  void set_keep_alive(bool on);

  // The handshake is accepted. `response` is written first, together with what the user sends at once.
  void accept_handshake(std::string response, const std::optional<wire::DeflateAgreement>& deflate);
  // The connection has become a WebSocket.
  void established();
  // Takes effect at once: the rest of what has been received waits at the connection.
  void set_reading(bool on);
  // Nothing is read now, because the user's input came too fast or its output is not read. LinkUser::on_resume() follows.
  bool paused() const { return paused_until_ms_ >= 0 || output_first_; }
  // What the client sent breaks the user's rules. The close frame comes after everything that earlier messages cause.
  void reject_input(std::uint16_t code, std::string_view reason) { fail(code, reason); }
  // Takes what it wants from the front.
  void receive(std::span<char>& input);
  // The client sent something, whether it is taken or not.
  void heard();
  void writable();
  // The connection is gone.
  void lost();

  void close(std::uint16_t code, std::string_view reason) override;
  void flush() override;
  void pause_reading_until(std::int64_t now_ms) override;
  void resume_reading() override;
  void pause_reading_for_output() override;
  bool is_paused() const override { return !reading_; }
  const Carrier& carrier() const override { return *carrier_; }
  void write_now() override;

  void on_deadline(std::int64_t now_ms);

  // Another loop finds the socket by Connection::id().
  Connection& connection() { return connection_; }

 private:
  enum class State : std::uint8_t {
    handshake,
    open,
    closing,  // our close frame is queued or sent
    closed,   // nothing more is read or written
  };

  std::string_view address() const;
  std::size_t held_input_bytes() const override;
  void go_on_reading();
  void schedule();
  void keep_alive(std::int64_t now_ms);
  void pong(std::string_view payload);
  // Now, or after what is already in the loop's inbox.
  template <class Action>
  void behind_inbox(Action action);
  void client_closed(const wire::MessageReader::Event& event);
  void end_behind_inbox(std::uint16_t code, std::string reason, std::uint16_t answer, std::string answer_reason);
  // RFC 6455 section 7.1.7: sends the reason, and does not wait for an answer.
  void fail(std::uint16_t code, std::string_view reason);
  void finish_when_sent();
  void end(std::uint16_t code, std::string_view reason, FramePtr frame);
  void tell_gaps_first();
  bool write_pending();
  void open_direct_when_idle();
  void terminate(const char* reason);

  static constexpr const char* kLost = "the connection was lost";

  Connection& connection_;
  std::unique_ptr<LinkUser> owned_user_;
  State state_ = State::handshake;
  const Carrier* carrier_;
  bool keep_alive_ = true;
  bool reading_ = true;
  bool output_first_ = false;        // nothing is read until most of the outbox is written
  bool blocked_ = false;             // the stream takes no output until writable()
  bool finish_when_sent_ = false;    // nothing is read or written after the close frame
  bool heard_last_ = false;          // further input is discarded
  std::uint8_t queued_pongs_ = 0;    // since the outbox was empty
  const char* lost_reason_ = kLost;  // for the user, when the connection ends without a close
  wire::MessageReader reader_;
  std::unique_ptr<std::string> late_pong_;  // the payload of the latest ping that came while too many pongs were queued
  std::int64_t heard_ms_ = 0;
  std::int64_t pinged_ms_ = -1;  // when an unanswered ping was sent
  std::int64_t paused_until_ms_ = -1;
  std::int64_t close_deadline_ms_ = -1;
};

}  // namespace chat::net
