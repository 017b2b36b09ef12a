// The smallest protocol with sessions: what a client POSTs comes back by its GETs. The client chooses the id of its session,
// in ?id=, and the first request with an id begins the session. A session ends kTimeoutMs after its last request. GETs and
// POSTs may come to any loop.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "core/net/fake_sockets.h"
#include "net/http/http_body.h"
#include "net/session/request_slots.h"
#include "net/session/session_home.h"

namespace chat::test {

class EchoSession final : public net::Session, private net::TimerEntry {
 public:
  using Slot = net::RequestSlots::Slot;
  static constexpr std::int64_t kTimeoutMs = 5'000;

  EchoSession(net::SessionHome& home, net::SessionNumber number) : Session(number), home_(&home) { touch(); }

  void begin(Slot slot, const net::HeldRequest& request) {
    touch();
    if (slots_.take(slot, request)) {
      deliver();
    } else {
      slots_.refuse(home_->loop(), net::HttpResponse::text(409, "two at once"));
    }
  }
  void speak(const net::HeldRequest& request, const std::string& body) {
    if (!slots_.holds(Slot::speak, request)) return;
    queue_ += body;
    slots_.answer(home_->loop(), Slot::speak, net::HttpResponse::text(200, "ok"), false);
    deliver();
  }
  void lose(const net::HeldRequest& request) {
    slots_.lose(Slot::hear, request);
    slots_.lose(Slot::speak, request);
  }
  // On the loop that it leaves or comes to.
  void leave() { net::TimerWheel::cancel(*this); }
  void settle(net::SessionHome& home) {
    home_ = &home;
    touch();
  }

  void say_goodbye() override { finish("goodbye"); }
  void evict() override { finish("evicted"); }
  void end() override { finish("the loop ends"); }

 private:
  void touch() { home_->loop().set_timer(*this, home_->loop().now_ms() + kTimeoutMs); }
  void deliver() {
    if (queue_.empty() || !slots_.holds(Slot::hear)) return;
    slots_.answer(home_->loop(), Slot::hear, net::HttpResponse::text(200, std::exchange(queue_, {})), true);
  }
  void on_deadline(std::int64_t) override { finish("timed out"); }
  void finish(const char* reason) {
    for (const Slot slot : {Slot::hear, Slot::speak}) {
      slots_.answer(home_->loop(), slot, net::HttpResponse::text(410, reason), false);
    }
    net::TimerWheel::cancel(*this);
    home_->bury(*this);
  }

  net::SessionHome* home_;
  net::RequestSlots slots_;
  std::string queue_;
};

class EchoExchange final : public net::Exchange {
 public:
  EchoExchange(net::SessionHome& home, const net::Endpoint& endpoint, const net::HttpRequest& request,
               std::string address, bool has_body)
      : home_(home),
        endpoint_(endpoint),
        id_(request.argument("id")),
        slot_(request.method == "POST" ? EchoSession::Slot::speak : EchoSession::Slot::hear),
        address_(std::move(address)),
        has_body_(has_body) {}

  void on_held(const net::HeldRequest& request) override {
    request_ = request;
    using Result = net::SessionTable::Claim::Result;
    const net::SessionTable::Claim claim = home_.claim(endpoint_, id_, Transport::polling, address_);
    if (claim.result == Result::refused) {
      home_.loop().answer(request, net::HttpResponse::text(503, "full"), false);
      return;
    }
    if (claim.result == Result::claimed) home_.add(std::make_shared<EchoSession>(home_, claim.number));
    session_ = claim.number;
    at_home([request, slot = slot_](EchoSession& session) { session.begin(slot, request); });
    if (slot_ == EchoSession::Slot::speak && !has_body_) on_body({});
  }
  void on_body(std::string body) override {
    at_home([request = request_, body = std::move(body)](EchoSession& session) { session.speak(request, body); });
  }
  void on_body_too_large() override {}
  void complete(net::HttpResponse&) override {}
  void on_lost(bool) override {
    at_home([request = request_](EchoSession& session) { session.lose(request); });
  }

 private:
  template <class Action>
  void at_home(Action action) {
    home_.at_home<EchoSession>(session_, net::SessionHome::Turn::now, std::move(action),
                               [request = request_](net::SessionHome& where, net::SessionAbsence absence) {
                                 const bool moving = absence == net::SessionAbsence::moving;
                                 where.loop().answer(request, net::HttpResponse::text(404, moving ? "moving" : "gone"),
                                                     false);
                               });
  }

  net::SessionHome& home_;
  const net::Endpoint& endpoint_;
  const std::string id_;
  const EchoSession::Slot slot_;
  const std::string address_;
  const bool has_body_;
  net::SessionNumber session_ = 0;
  net::HeldRequest request_;
};

class EchoEndpoint final : public net::EndpointHandler {
 public:
  explicit EchoEndpoint(net::SessionHome& home) : home_(home) {}

  bool precedes_files(const net::HttpRequest&) const override { return true; }
  std::variant<net::HttpResponse, net::Hold> route(const net::HttpRequest& request, const net::RequestContext& context,
                                                   const net::Endpoint& endpoint) override {
    const net::BodyPlan plan = net::plan_body(request);
    net::Hold hold;
    hold.body = plan.kind;
    hold.body_bytes = plan.length_bytes;
    hold.max_body_bytes = 1'000;
    hold.exchange = std::make_unique<EchoExchange>(home_, endpoint, request, context.address,
                                                   plan.kind != net::BodyPlan::Kind::none);
    return hold;
  }
  std::optional<net::HttpResponse> open_websocket(net::Connection&, Opening&) override {
    return net::HttpResponse::text(400, "no WebSocket here");
  }

 private:
  net::SessionHome& home_;
};

}  // namespace chat::test
