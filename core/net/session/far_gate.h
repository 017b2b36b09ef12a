// Requests that go from server to server of a cluster, on one loop. At the entry it holds a request that arrived here and
// belongs to a session of another server, until the answer comes. At the home it carries out a request of another server as if
// it had arrived here. For the loop's thread. Knows no protocol.
//
// Each second it looks whether the servers concerned are still there: one that nobody hears as for some seconds has gone. What
// such a server does not hear waits until then, because it may only be connecting to Redis again. A request for a server that has
// gone is answered as one of an unknown session. A request of a server that has gone is given up.
//
// A text may be lost. Whichever side notices that, by a number that it does not know, a gap, a text that Redis did not take or a
// time that is over, ends the request and tells the other side. About a request whose answer should have come the entry asks: the
// home gives the answer again, or does not know the request. No request is sent again, so none is carried out twice.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>

#include "hub/source_table.h"
#include "model/string_map.h"
#include "net/base/timer_wheel.h"
#include "net/connection/request_router.h"
#include "net/endpoint/endpoint_context.h"
#include "net/http/exchange.h"
#include "net/http/http_body.h"
#include "net/session/far_messages.h"
#include "net/session/far_requests.h"
#include "net/session/far_servers.h"

namespace chat::net {

class FarGate final : private TimerEntry {
 public:
  explicit FarGate(EndpointContext& loop) : loop_(loop) {}
  ~FarGate() override;
  FarGate(const FarGate&) = delete;
  FarGate& operator=(const FarGate&) = delete;

  // Carries out a request that another server has forwarded.
  using Route = std::function<std::variant<HttpResponse, Hold>(const HttpRequest&, const RequestContext&)>;
  // Before the loop runs. `far` and `requests` must outlive the loop's thread.
  void open(FarServers& far, FarRequests& requests, Route route);
  // nullptr: there is no cluster.
  FarServers* far() const { return far_; }

  // The entry ------------------------------------------------------------------------------------------------------------

  struct Forwarding {
    std::string server;          // the home
    HttpResponse gone;           // the answer when there is no such server
    Pairs headers;               // of the answers that this server gives itself
    std::int64_t within_ms = 0;  // an answer, or more of it, has to come within this time; kUnlimited: no limit
    bool soon = false;           // the answer usually comes at once
    std::uint64_t max_body_bytes = 0;
  };
  // Holds a request for its home. plan: of the request, and not refused.
  Hold forward(const HttpRequest& request, const RequestContext& context, const BodyPlan& plan, Forwarding forwarding);

  // The home -------------------------------------------------------------------------------------------------------------

  // HeldRequest::connection of a request that another server holds.
  static constexpr std::uint64_t kConnection = UINT64_MAX;
  void answer(std::uint64_t number, HttpResponse response, bool essential);
  void write(std::uint64_t number, std::string bytes, bool last);

  // A text of another server, without its kind.
  void on_text(FarKind kind, std::string_view text);
  // The loop ends: what is left is not answered any more.
  void shut_down();

 private:
  class ForwardedExchange;

  struct Outgoing {
    HeldRequest held;
    std::string server;
    HttpResponse gone;
    std::int64_t within_ms = 0;
    std::int64_t deadline_ms = -1;  // -1: none
    std::int64_t ask_ms = -1;       // when the home is asked about it; -1: it is not
    bool heard = false;             // by the home
    bool streams = false;
    std::uint64_t writes = 0;  // that have come
    Share bytes;               // charged to the client's address
    FarRequests::Place place;
  };
  struct Incoming {
    std::shared_ptr<Exchange> exchange;  // nullptr: it is answered, and nobody has to learn of a loss
    FarRequestName name;
    FarRequests::Place place;
    std::int64_t within_ms = 0;     // 0: no limit
    std::int64_t deadline_ms = -1;  // of an answer, or of more of it; -1: none
    bool streams = false;
    std::uint64_t writes = 0;
    std::int64_t forget_ms = -1;  // not -1: it is answered, and its loss may still be told
    std::string answer = {};      // packed, to be given again; empty: it cannot be
    bool untold = false;          // Redis has not taken `answer`
  };

  // A text that its server has not heard.
  struct Unheard {
    std::string text;
    FarServers::Done done;
    std::uint64_t request = 0;  // of the text; 0: it is none
  };
  // How long nobody has been a server.
  struct Silence {
    std::int64_t since_ms = 0;
    int looks = 0;
    bool gone = false;  // since `since_ms`
    std::deque<Unheard> unheard = {};
    std::size_t unheard_bytes = 0;
  };
  // Answers that clients have not yet taken, by the numbers of their requests.
  struct Writing {
    std::string server;
    std::int64_t tell_ms = 0;
  };
  using Writings = std::unordered_map<std::uint64_t, Writing>;

  // False: it is answered already. When it throws, there is no such request.
  bool send(std::uint64_t number, const HeldRequest& held, const Forwarding& forwarding, FarRequest request);
  void lost(const std::string& server, std::uint64_t number);
  void drained(const std::string& server, std::uint64_t number);
  void refuse(const HeldRequest& held, const Pairs& headers, Refusal refusal, const std::string& address);
  void fail(std::uint64_t number, FarServers::Told told = FarServers::Told::nobody);
  void note_written(std::uint64_t number, const std::string& server);
  void note_passed_on(std::uint64_t number);
  void not_known(const std::string& home, std::uint64_t number);
  // Tells a server something, after what it has not heard yet. done: is called on the loop in a later turn, when it is known
  // whether the server has heard it. request: the number of a request that is sent, or 0.
  void tell(const std::string& server, std::string text, FarServers::Done done = nullptr, std::uint64_t request = 0);
  void on_told(const std::string& server, Unheard unheard, FarServers::Told told);
  Silence& silence_of(const std::string& server);
  void keep_unheard(Silence& silence, Unheard unheard);
  // Runs action(Told) on the loop, if it still runs.
  template <class Action>
  FarServers::Done later(Action action);

  void take(FarRequest message);
  void take(FarLost message);
  void take(FarDrained message);
  void take(FarKnown message);
  void take(FarSlow message);
  void take(FarAnswer message);
  void take(FarWrite message);
  void take(FarOver message);
  void finish(std::unordered_map<std::uint64_t, Incoming>::iterator incoming);
  void forget(std::unordered_map<std::uint64_t, Incoming>::iterator incoming);
  void forget_oldest();
  void tell_entry(std::uint64_t number, const std::string& entry, std::string text);
  void give_up(std::uint64_t number);
  void abandon(std::uint64_t number);

  void on_deadline(std::int64_t now_ms) override;
  void look_after();
  void on_look(const std::string& server, FarServers::Told told);
  void on_server_gone(const std::string& server);
  FarRequestName name_of(std::uint64_t number) const { return {far_->name(), loop_.index(), number}; }

  EndpointContext& loop_;
  FarServers* far_ = nullptr;
  FarRequests* requests_ = nullptr;
  Route route_;
  std::uint64_t last_number_ = 0;
  std::unordered_map<std::uint64_t, Outgoing> outgoing_;
  std::unordered_map<std::uint64_t, Incoming> incoming_;
  std::unordered_set<std::uint64_t> passed_on_;  // requests whose clients have got their answers, for some seconds
  std::deque<std::pair<std::uint64_t, std::int64_t>> passed_on_by_age_;  // with their ends, the oldest first
  std::map<FarRequestName, std::uint64_t> by_name_;
  std::deque<std::pair<std::uint64_t, std::int64_t>> answered_;  // of incoming_, with their forget_ms, the oldest first
  StringMap<Silence> silent_;
  // Shared with the requests, which may end after the gate.
  std::shared_ptr<Writings> writings_ = std::make_shared<Writings>();
};

}  // namespace chat::net
