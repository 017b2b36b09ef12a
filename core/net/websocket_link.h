// A WebSocket (RFC 6455) with one peer: assembles messages within their limit, checks UTF-8, keeps the connection alive,
// writes frames that were made elsewhere, and closes in an orderly way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "hub/client.h"
#include "net/inflater.h"
#include "net/link.h"

struct lws;

namespace chat::net {

class Connection;
class Peer;

class WebSocketLink : public Link {
 public:
  WebSocketLink(Loop& loop, Connection& connection, std::int64_t max_message_bytes);

  void set_client(ClientId client) { client_ = client; }
  ClientId client() const { return client_; }

  // The handshake is through. Unless the peer was opened with it, nothing is read until verdict().
  void established(bool deflate, bool opened);
  // chat_accept or chat_refuse has been called.
  void verdict();

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
  Framing framing() const override { return framing_; }

  void on_deadline(std::int64_t now_ms);

 protected:
  FramePtr encode_gap(const GapReply& gap) override;

 private:
  enum class State : std::uint8_t { handshake, held, open, closing, closed };

  void schedule();
  void keep_alive(std::int64_t now_ms);
  void set_reading(bool on);
  void apply_reading();
  bool collect(std::string_view bytes, bool final);
  void refuse_too_large();
  void tell_gaps_first();
  bool write_pending();
  void dispatch(bool binary, std::string_view message);
  void terminate(std::string_view reason);
  lws* wsi() const;
  Peer* peer();

  Connection& connection_;
  ClientId client_ = 0;
  const std::int64_t max_message_bytes_;
  State state_ = State::handshake;
  Framing framing_ = Framing::websocket;
  bool reading_ = true;  // as wished; libwebsockets is told at the end of the round
  bool reading_applied_ = true;
  bool compressed_ = false;  // the message that is coming in
  std::uint16_t close_code_ = 1006;
  std::string close_reason_;
  std::unique_ptr<Inflater> inflater_;  // with permessage-deflate
  std::string inbound_;                 // fragments of a message that is not whole yet
  std::int64_t heard_ms_ = 0;
  std::int64_t pinged_ms_ = -1;  // when an unanswered ping was sent
  std::int64_t paused_until_ms_ = -1;
  std::int64_t verdict_deadline_ms_ = -1;
  std::int64_t close_deadline_ms_ = -1;
};

}  // namespace chat::net
