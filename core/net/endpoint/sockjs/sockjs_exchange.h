// One request of a SockJS session, on the loop that holds it. Passes what happens to it to the session's home; the request that
// begins a session makes it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/base/server_options.h"
#include "net/http/exchange.h"
#include "net/http/request_context.h"
#include "net/session/session_home.h"
#include "wire/sockjs/sockjs_envelope.h"

namespace chat::net {

class SockJsEndpoint;

class SockJsExchange final : public Exchange {
 public:
  // What is needed to begin a session.
  struct Birth {
    HttpRequest request;
    RequestContext context;
    const Endpoint* endpoint;
    std::string id;
  };

  // headers: of every response.
  SockJsExchange(SockJsEndpoint& endpoint, std::string address, Pairs headers);

  // Before it is held: one of set_receiver() and set_sender(); one of set_session() and set_birth().
  void set_body(bool has_body, std::string_view content_type);
  void set_session(SessionNumber session) { session_ = session; }
  void set_birth(Birth birth) { birth_ = std::move(birth); }
  void set_receiver(wire::SockJsTransport transport, std::string callback);
  void set_sender(bool by_form) { by_form_ = by_form; }

  void on_held(const HeldRequest& request) override;
  void on_body(std::string body) override;
  void on_body_too_large() override;
  void complete(HttpResponse& response) override;
  void on_drained() override;
  void on_lost(bool answered) override;

 private:
  void receive();
  void open();
  // Runs action(SockJsHttpSession&) on the session's home. Answers 404 when the session is not there.
  template <class Action>
  void at_home(Action action);
  // The same in a later turn, because the session itself may be the caller. Does nothing when the session is not there.
  template <class Action>
  void at_home_later(Action action);

  SockJsEndpoint& endpoint_;
  SessionHome& home_;
  const std::string address_;
  const Pairs headers_;
  bool has_body_ = false;
  std::string content_type_;  // of the body
  SessionNumber session_ = 0;
  std::optional<Birth> birth_;
  std::optional<wire::SockJsTransport> transport_;  // of a request that receives
  std::string callback_;
  bool by_form_ = false;
  HeldRequest request_;
};

}  // namespace chat::net
