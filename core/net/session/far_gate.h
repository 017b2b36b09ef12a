// Requests that go from server to server of a cluster, on one loop. At the entry it holds a request that arrived here and
// belongs to a session of another server, until the answer comes. At the home it carries out a request of another server as if
// it had arrived here. For the loop's thread. Knows no protocol.
//
// Each second it looks whether the servers concerned are still there: one that nobody hears as for some seconds has gone. A
// request for a server that has gone is answered as one of an unknown session. A request of a server that has gone is given up.
//
// A text may be lost. Whichever side notices that, by a number that it does not know, a gap, a text that was not heard or a time
// that is over, ends the request and tells the other side.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "hub/source_table.h"
#include "model/string_map.h"
#include "net/base/timer_wheel.h"
#include "net/connection/request_router.h"
#include "net/endpoint/endpoint_context.h"
#include "net/http/exchange.h"
#include "net/http/http_body.h"
#include "net/session/far_messages.h"
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
  // Before the loop runs. `far` must outlive the loop's thread.
  void open(FarServers& far, Route route);
  // nullptr: there is no cluster.
  FarServers* far() const { return far_; }

  // The entry ------------------------------------------------------------------------------------------------------------

  struct Forwarding {
    std::string server;          // the home
    HttpResponse gone;           // the answer when there is no such server
    Pairs headers;               // of the answers that this server gives itself
    std::int64_t within_ms = 0;  // an answer, or more of it, has to come within this time; kUnlimited: no limit
    std::uint64_t max_body_bytes = 0;
  };
  // Holds a request for its home. plan: of the request, and not refused.
  Hold forward(const HttpRequest& request, const RequestContext& context, const BodyPlan& plan, Forwarding forwarding);
  std::size_t forwarded_now() const { return outgoing_.size(); }

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
    bool streams = false;
    std::uint64_t writes = 0;  // that have come
    Share bytes;               // charged to the client's address
    std::string source;
  };
  struct Incoming {
    std::shared_ptr<Exchange> exchange;
    FarRequestName name;
    std::int64_t within_ms = 0;     // 0: no limit
    std::int64_t deadline_ms = -1;  // of an answer, or of more of it; -1: none
    bool streams = false;
    std::uint64_t writes = 0;
    std::int64_t forget_ms = -1;  // not -1: it is answered, and its loss may still be told
  };

  // How long nobody has been a server.
  struct Silence {
    std::int64_t since_ms = 0;
    int looks = 0;
  };

  // False: it is answered already. When it throws, there is no such request.
  bool send(std::uint64_t number, const HeldRequest& held, const Forwarding& forwarding, FarRequest request);
  void lost(const std::string& server, std::uint64_t number);
  void drained(const std::string& server, std::uint64_t number);
  void end(std::unordered_map<std::uint64_t, Outgoing>::iterator outgoing);
  void refuse(const HeldRequest& held, const Pairs& headers, Refusal refusal, const std::string& address);
  void fail(std::uint64_t number, FarServers::Told told = FarServers::Told::nobody);
  // Runs action(Told) on the loop, if it still runs.
  template <class Action>
  FarServers::Done later(Action action);

  void take(FarRequest message);
  void take(FarLost message);
  void take(FarDrained message);
  void take(FarAnswer message);
  void take(FarWrite message);
  void take(FarOver message);
  void finish(std::unordered_map<std::uint64_t, Incoming>::iterator incoming, bool essential);
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
  Route route_;
  std::uint64_t last_number_ = 0;
  std::unordered_map<std::uint64_t, Outgoing> outgoing_;
  StringMap<std::int64_t> by_source_;  // outgoing requests of each address
  std::unordered_map<std::uint64_t, Incoming> incoming_;
  std::map<FarRequestName, std::uint64_t> by_name_;
  StringMap<Silence> silent_;
};

}  // namespace chat::net
