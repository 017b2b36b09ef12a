// A SockJS session over HTTP, on the loop that is its home. Carries out what its state machine (session/sockjs_session.h) asks
// of requests, and passes what the client says to the user of its link, which the endpoint's protocol has made. Knows no
// protocol. For the thread of its loop; its requests may be on other loops, and are only named here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/base/timer_wheel.h"
#include "net/endpoint/endpoint_handler.h"
#include "net/endpoint/link_maker.h"
#include "net/endpoint/sockjs/sockjs_link.h"
#include "net/http/exchange.h"
#include "net/session/session.h"
#include "net/session/session_home.h"
#include "session/sockjs_session.h"

namespace chat::net {

class SockJsHttpSession final : public Session,
                                private SockJsLinkOwner,
                                private LinkMaker,
                                private session::SockJsQueue,
                                private TimerEntry {
 public:
  // options: must outlive the session.
  SockJsHttpSession(SessionHome& home, const session::SockJsOptions& options, SessionNumber number, std::string address,
                    wire::SockJsTransport transport);
  ~SockJsHttpSession() override;

  // The first request, which receives. protocol: what is spoken at the endpoint.
  void open(const HeldRequest& request, std::string_view callback, EndpointHandler& protocol,
            EndpointHandler::Opening& opening);

  // In a cluster: tells the servers the home of the session by this key, until it ends. `far` must outlive it.
  void set_far(FarServers& far, std::string key);

  // Requests of the session, from any loop.
  void receive(const HeldRequest& request, wire::SockJsTransport transport, std::string_view callback);
  // The client has taken all that was written to it.
  void drained(const HeldRequest& request);
  // Its connection ended, before the answer or (answered) before all of it was written.
  void receiver_lost(const HeldRequest& request, bool answered);
  // by_form: jsonp_send.
  void send(const HeldRequest& request, bool by_form, std::string body);

  void say_goodbye() override;
  void evict() override;
  void end() override;

 private:
  using Actions = session::SockJsActions;
  struct Send {
    std::uint64_t number;
    HeldRequest request;
  };

  EndpointContext& loop() const { return home_.loop(); }
  // Every call from outside goes through here. When memory fails, the machine may not know its own state any more: the
  // session then ends in a later turn, and until then does nothing.
  template <class Action>
  void guarded(Action action);
  void end_failed();
  void perform(Actions& actions);
  void act(session::sockjs::StartReceiver& action);
  void act(session::sockjs::Write& action);
  void act(session::sockjs::DropReceiver& action);
  void act(session::sockjs::AnswerReceiver& action);
  void act(session::sockjs::RefuseReceiver& action);
  void act(session::sockjs::AnswerSend& action);
  void act(session::sockjs::SendWebSocket&) {}
  void act(session::sockjs::CloseWebSocket&) {}
  void act(session::sockjs::Deliver& action);
  void act(session::sockjs::Closed& action);
  void act(session::sockjs::Forgotten& action);

  HttpResponse answer(std::string body) const;
  void close(std::uint16_t code, std::string_view reason);
  void abort();
  // Delivers what the client has sent, until it is paused.
  void take_messages();
  void take_some_messages();
  void take_messages_later();
  bool paused() const { return loop().now_ms() < paused_until_ms_; }
  void schedule();
  void tell_home();
  void on_deadline(std::int64_t now_ms) override;

  Link& make_link(std::unique_ptr<LinkUser> user, std::int64_t max_message_bytes) override;

  void on_output() override;
  void on_close(std::uint16_t code, std::string_view reason) override;
  void on_pause(std::int64_t until_ms) override;
  void on_resume() override;
  bool holds_input() const override { return paused() || machine_.has_messages(); }
  std::size_t waiting_bytes() const override { return machine_.waiting_bytes(); }

  bool empty() const override { return !link_ || link_->empty(); }
  void take(std::string& elements, std::size_t max_bytes) override { link_->take(elements, max_bytes); }

  SessionHome& home_;
  const std::string address_;
  session::SockJsSession machine_;
  std::unique_ptr<SockJsLink> link_;  // empty: the protocol has refused the client
  std::int64_t max_message_bytes_ = 0;

  HeldRequest latest_;  // that receives
  std::optional<HeldRequest> receiver_;
  std::string prelude_;  // of a response that is not begun before it is complete
  std::vector<Send> sends_;
  std::uint64_t last_send_ = 0;

  std::int64_t paused_until_ms_ = -1;
  bool turn_asked_ = false;  // take_messages() follows
  bool stopping_ = false;    // no more requests will come
  bool failed_ = false;      // memory has failed
  FarServers* far_ = nullptr;
  std::string far_key_;
  std::string far_home_;  // the value of the key
  std::int64_t far_told_ms_ = 0;
};

}  // namespace chat::net
