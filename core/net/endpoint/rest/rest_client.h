// A client that makes single requests. It is open, in no room. Usually it is there for one request; a client of the pool of
// identities is there for several, and ends when none has come for http_identity_ms. A request waits here for its answer, which
// comes through the link like every reply.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/deliver/queue_link.h"
#include "net/endpoint/rest/rest_local.h"
#include "net/endpoint/rest/rest_watch.h"
#include "net/peer/peer_owner.h"
#include "net/session/session.h"

namespace chat::net {

class RestClient final : public Session, private LinkUser, private PeerOwner, private TimerEntry {
 public:
  // identity: its key in the pool; empty: it is for one request.
  RestClient(RestLocal& local, SessionNumber number, std::string identity, bool has_credentials);

  // Call this first, once.
  void start(const ClientPtr& client);
  // The request is answered in any case.
  void ask(RestQuestion question);
  // The connection of the request has ended. A message that it has brought is published nevertheless.
  void lose(const HeldRequest& request);

  void say_goodbye() override;
  // A client that has a request again ends behind it.
  void evict() override;
  void end() override;

 private:
  // A request that waits for its answer.
  struct Pending {
    std::optional<HeldRequest> request;  // empty: its connection has ended
    std::int64_t deadline_ms = -1;       // -1: none
    std::string idempotency_key;         // in the memory; empty: none
    bool sends = false;                  // a message
    // A request for history that may wait.
    std::optional<HistoryCommand> poll = {};
    std::unique_ptr<RestWatch> watch = {};
    std::optional<wire::RestAnswer> nothing_new = {};  // the answer if nothing happens
    bool woken = false;
  };
  using Table = std::map<std::string, Pending, std::less<>>;  // by the command's ref

  std::string_view address() const override { return client_->origin().address; }
  void on_message(bool, std::string_view) override {}
  void on_output() override;
  void on_turn() override;
  void on_link_closed(std::uint16_t code, std::string_view reason) override;
  FramePtr encode_gap(const GapReply&) override { return {}; }

  void on_verdict(Peer& peer) override;
  void on_verdict_timeout(Peer& peer) override;
  void close_client(Peer& peer, std::uint16_t code, std::string_view reason) override;

  void on_deadline(std::int64_t now_ms) override;
  void set_timer();

  void ask_now(RestQuestion question);
  // False when the request is answered.
  bool begin_idempotent(const RestQuestion& question, Pending& pending);
  void take_answer(std::string_view packed);
  // Answers the request and forgets it.
  void finish(Table::iterator pending, wire::RestAnswer answer);
  void end_if_idle();
  // The caller closes the link then.
  void refuse_all(const wire::RestAnswer& answer);

  RestLocal& local_;
  EndpointContext& loop_;
  const std::string identity_;
  const bool has_credentials_;
  QueueLink link_;
  ClientPtr client_;
  Peer* peer_ = nullptr;  // until the link is closed
  bool open_ = false;
  bool leaving_ = false;             // ends with the last answer
  bool ending_ = false;              // answers what is pending, and is closed then
  std::vector<RestQuestion> early_;  // asked before the client is open
  Table pending_;
  std::uint64_t last_ref_ = 0;
  std::int64_t idle_since_ms_ = 0;
};

}  // namespace chat::net
