// A client that reads a stream of Server-Sent Events. It is a member of the rooms of its request, and ends with its connection. The
// response begins when the client has joined the first room: before that, a refusal is a response of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/endpoint/rest/event_stream_link.h"
#include "net/endpoint/rest/rest_local.h"
#include "net/peer/peer_owner.h"
#include "net/session/session.h"
#include "session/event_positions.h"

namespace chat::net {

class RestStream final : public Session, private EventStreamUser, private PeerOwner, private TimerEntry {
 public:
  // chunked: the body of the response is.
  RestStream(RestLocal& local, SessionNumber number, const HeldRequest& request, wire::RestEventsQuery query,
             bool chunked, bool has_credentials);

  // Call this first, once.
  void start(const ClientPtr& client);
  // The connection has sent everything that was written.
  void drained();
  // The connection has ended.
  void lose();

  void say_goodbye() override { link_.close(1001, kStopping); }
  void evict() override { link_.close(1013, "too many clients"); }
  void end() override { link_.close(1001, kStopping); }

 private:
  std::string_view address() const override { return client_->origin().address; }
  void on_message(bool, std::string_view) override {}
  void on_output() override;
  void on_rest(std::string bytes) override;
  void on_link_closed(std::uint16_t code, std::string_view reason) override;
  FramePtr encode_gap(const GapReply& gap) override;

  void on_verdict(Peer& peer) override;
  void on_verdict_timeout(Peer& peer) override;
  void on_first_room(Peer& peer, const Status& status) override;
  void close_client(Peer& peer, std::uint16_t code, std::string_view reason) override;

  void on_deadline(std::int64_t now_ms) override;
  void set_timer();

  void begin_response();
  void write_more();
  // From then on the fan-out writes to the socket.
  void open_direct_when_idle();
  void write(std::string bytes, bool last);
  // Moves queued events to `out`, with their ids.
  void take(std::string& out, std::size_t max_bytes);
  // Instead of a stream.
  void refuse(wire::RestAnswer answer, std::uint16_t code, std::string_view reason);

  RestLocal& local_;
  EndpointContext& loop_;
  const HeldRequest request_;
  const std::size_t padding_bytes_;
  const bool has_credentials_;
  const std::shared_ptr<session::EventPositions> positions_;  // the client's codec has it too
  std::string last_id_;                                       // that was written
  EventStreamLink link_;
  ClientPtr client_;
  Peer* peer_ = nullptr;    // until the link is closed
  bool answered_ = false;   // the response has begun, or a refusal was sent
  bool in_flight_ = false;  // something is written and not sent yet
  bool writing_ = false;
  bool lost_ = false;
};

}  // namespace chat::net
