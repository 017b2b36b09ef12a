// A WebSocket (RFC 6455) with one peer: assembles messages within their limit, checks UTF-8, keeps the connection alive,
// writes frames that were made elsewhere, and closes in an orderly way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/link.h"
#include "wire/websocket/inflater.h"

struct lws;

namespace chat::net {

class Connection;

class WebSocketLink final : public Link {
 public:
  // `user` is owned until set_user(). `framing` is without deflate: the handshake tells.
  WebSocketLink(Loop& loop, Connection& connection, std::unique_ptr<LinkUser> user, const Framing& framing,
                std::int64_t max_message_bytes);

  // Another user, which is not owned: it must outlive the link, or close it first. Not from inside the old one.
  void set_user(LinkUser& user);
  // RFC 6455 pings and their time-out. Off for a user that has pings of its own.
  void set_keep_alive(bool on);

  // The handshake is through.
  void established(bool deflate);
  // Nothing is taken from the client, and what it sends nevertheless is dropped, until release(). Past the time the user is
  // told once.
  void hold_until(std::int64_t deadline_ms);
  void release();
  bool held() const { return state_ == State::held; }

  // At the end of the round; what has been read until then still comes.
  void set_reading(bool on);
  bool reads() const { return reading_applied_; }
  bool is_established() const { return state_ != State::handshake; }
  void receive(std::string_view bytes);
  void heard();
  void writable();
  // The peer's close frame; the answer is on its way when this returns.
  void peer_closed(std::string_view body);
  // No more callbacks will come.
  void lost();

  void close(std::uint16_t code, std::string_view reason) override;
  void flush() override;
  void pause_reading_until(std::int64_t now_ms) override;
  void resume_reading() override;
  const Framing& framing() const override { return framing_; }

  void on_deadline(std::int64_t now_ms);

  // For the socket of another loop to be found by, see Connection::id().
  Connection& connection() { return connection_; }

 private:
  enum class State : std::uint8_t { handshake, held, open, closing, closed };

  void schedule();
  void keep_alive(std::int64_t now_ms);
  void apply_reading();
  bool collect(std::string_view bytes, bool final);
  void refuse_too_large();
  void tell_gaps_first();
  bool write_pending();
  void dispatch(bool binary, std::string_view message);
  void terminate(std::string_view reason);
  lws* wsi() const;

  Connection& connection_;
  std::unique_ptr<LinkUser> owned_user_;
  const std::int64_t max_message_bytes_;
  State state_ = State::handshake;
  Framing framing_;
  bool keep_alive_ = true;
  bool reading_ = true;  // as wished; libwebsockets is told at the end of the round
  bool reading_applied_ = true;
  bool compressed_ = false;  // the message that is coming in
  std::uint16_t close_code_ = 1006;
  std::string close_reason_;
  std::unique_ptr<wire::Inflater> inflater_;  // with permessage-deflate
  std::string inbound_;                       // fragments of a message that is not whole yet
  std::int64_t heard_ms_ = 0;
  std::int64_t pinged_ms_ = -1;  // when an unanswered ping was sent
  std::int64_t paused_until_ms_ = -1;
  std::int64_t hold_deadline_ms_ = -1;
  std::int64_t close_deadline_ms_ = -1;
};

}  // namespace chat::net
