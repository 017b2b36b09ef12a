// One accepted stream of bytes. Serves HTTP/1.1 until a request upgrades it to a WebSocket (RFC 6455). Keeps input that
// cannot be used yet, and ends the stream in an orderly way. Knows no socket: see byte_stream.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hub/source_table.h"
#include "model/boxed.h"
#include "net/base/timer_wheel.h"
#include "net/connection/byte_stream.h"
#include "net/deliver/carrier.h"
#include "net/http/http.h"

namespace chat::net {

class Connections;
class HttpConnection;
class LinkContext;
class LinkUser;
class WebSocketLink;

class Connection final : public TimerEntry, public ByteStreamUser {
 public:
  // share: in the connections of its address. Empty when it comes from a trusted proxy.
  Connection(Connections& owner, std::uint64_t id, std::string remote_address, Share share);
  ~Connection() override;

  // Once, before anything else.
  void set_stream(std::unique_ptr<ByteStream> stream);

  // Never reused on its loop.
  std::uint64_t id() const { return id_; }
  Connections& owner() { return owner_; }
  const std::string& remote_address() const { return remote_address_; }
  ByteStream& stream() { return *stream_; }
  // The connection is a WebSocket of this source now. Charges the source, unless the connection was charged when it was
  // accepted.
  [[nodiscard]] std::optional<Refusal> charge_to(SourcePtr source);
  // nullptr until a handshake has created it.
  WebSocketLink* websocket() { return websocket_.get(); }
  // While its handshake is served.
  WebSocketLink& make_websocket(std::unique_ptr<LinkUser> user, const Carrier& carrier, std::int64_t max_message_bytes);
  // HTTP, and no request is being received or answered: the server may close it at once when it drains.
  bool idle_http() const;
  // Input that was read and is not used yet.
  std::size_t kept_bytes() const { return input_->size(); }

  // Answers the held request with this number. Does nothing when it is no longer held. essential: the exchange gets
  // on_lost() when the connection ends before the whole answer is written.
  void answer(std::uint64_t request_number, HttpResponse response, bool essential);
  // More of the body of an answer that streams. Does nothing when the request with this number has none, or when its
  // answer is complete.
  void write(std::uint64_t request_number, std::string_view bytes, bool last);
  // The socket, while the body of that answer may be written to it directly; -1: it may not.
  int direct_fd(std::uint64_t request_number) const;
  // The rest of what was written there in part.
  void write_rest(std::uint64_t request_number, std::string_view bytes);

  // Gives the input that is kept here a turn before the loop waits again.
  void queue_input();
  // That turn.
  void take_turn();

  void on_input(std::span<char> bytes) override;
  void on_writable() override;
  // Ends what uses the connection. May be called any number of times.
  void on_stream_closed() override;
  void on_released() override;

  // Whether the link wants input. Takes effect at once. Input that was read before stays here.
  void set_reading(bool on);

  // Everything is written: closes this direction and waits a short time for the client to close the other. Discards
  // what the client still sends, so that the socket is not reset before the client has read everything.
  void finish();

  // Its stream is closed at the end of the round.
  void doom();
  bool doomed() const { return doomed_; }
  // Nothing is read or answered any more.
  bool ending() const { return doomed_ || finishing_; }
  void set_doomed() { doomed_ = true; }
  // When it is killed, the system must not keep what the client has not read. It would do so for minutes.
  void set_reset() { reset_ = true; }
  // Closes the stream. Not inside its callbacks.
  void kill();

 protected:
  void on_deadline(std::int64_t now_ms) override;

 private:
  // Takes usable input from the front.
  void process(std::span<char>& bytes);
  void take_input();
  void keep(std::span<char> bytes);
  std::size_t max_kept_bytes() const;
  void apply_reading();
  void charge_input();
  void discard(std::size_t bytes);

  Connections& owner_;
  LinkContext& loop_;
  const std::uint64_t id_;
  const std::string remote_address_;
  Share share_;
  std::unique_ptr<ByteStream> stream_;
  Boxed<std::string> input_;  // read but not used yet
  bool reading_ = true;       // wanted by the link
  bool full_ = false;         // input_ holds too much
  bool processing_ = false;
  bool queued_ = false;  // for a turn
  bool doomed_ = false;
  bool reset_ = false;  // when it is killed
  bool closed_ = false;
  bool finishing_ = false;
  std::uint32_t discarded_bytes_ = 0;     // while finishing
  std::unique_ptr<HttpConnection> http_;  // from the first input to the upgrade
  std::unique_ptr<WebSocketLink> websocket_;
};

}  // namespace chat::net
