// See sockjs_exchange.h.
#include "net/endpoint/sockjs/sockjs_exchange.h"

#include <utility>
#include <vector>

#include "net/base/protocol_traits.h"
#include "net/endpoint/sockjs/sockjs_endpoint.h"
#include "net/endpoint/sockjs/sockjs_far_exchange.h"
#include "net/endpoint/sockjs/sockjs_http_session.h"

namespace chat::net {

SockJsExchange::SockJsExchange(SockJsEndpoint& endpoint, std::string address, Pairs headers)
    : endpoint_(endpoint), home_(endpoint.home()), address_(std::move(address)), headers_(std::move(headers)) {}

void SockJsExchange::set_body(bool has_body, std::string_view content_type) {
  has_body_ = has_body;
  content_type_ = content_type;
}

void SockJsExchange::set_receiver(wire::SockJsTransport transport, std::string callback) {
  transport_ = transport;
  callback_ = std::move(callback);
}

void SockJsExchange::on_held(const HeldRequest& request) {
  request_ = request;
  if (!has_body_) on_body({});
}

// The body of a request that receives means nothing.
void SockJsExchange::on_body(std::string body) {
  if (transport_) {
    receive();
    return;
  }
  std::string payload = by_form_ ? wire::sockjs_form_payload(content_type_, body) : std::move(body);
  // Shared, because a task is copied.
  const auto shared = std::make_shared<std::string>(std::move(payload));
  at_home([request = request_, by_form = by_form_, shared](SockJsHttpSession& session) {
    session.send(request, by_form, std::move(*shared));
  });
}

void SockJsExchange::on_body_too_large() {
  home_.loop().refusals().note(Refusal::body_bytes, address_);
  HttpResponse response = HttpResponse::text(413, "the body is too large\n");
  response.close = true;
  home_.loop().answer(request_, std::move(response), false);
}

void SockJsExchange::complete(HttpResponse& response) {
  response.headers.insert(response.headers.end(), headers_.begin(), headers_.end());
}

void SockJsExchange::on_drained() {
  at_home_later([request = request_](SockJsHttpSession& session) { session.drained(request); });
}

void SockJsExchange::on_lost(bool answered) {
  if (!transport_) return;
  at_home_later(
      [request = request_, answered](SockJsHttpSession& session) { session.receiver_lost(request, answered); });
}

void SockJsExchange::receive() {
  if (birth_) {
    open();
    return;
  }
  at_home([request = request_, transport = *transport_, callback = callback_](SockJsHttpSession& session) {
    session.receive(request, transport, callback);
  });
}

// Another request may have begun the session meanwhile, on this loop or another.
void SockJsExchange::open() {
  const Birth birth = *std::exchange(birth_, std::nullopt);
  const Transport transport = transport_of(*transport_);
  const SessionTable::Claim claim = home_.claim(*birth.endpoint, birth.id, transport, address_);
  FarServers* const far = home_.far_gate().far();
  if (claim.result == SessionTable::Claim::Result::refused) {
    if (far != nullptr) far->drop_if(sockjs_far_key(*birth.endpoint, birth.id), sockjs_home(*far, 0));
    home_.loop().answer(request_, HttpResponse::text(503, "too many sessions\n"), false);
    return;
  }
  session_ = claim.number;
  if (claim.result == SessionTable::Claim::Result::taken) {
    receive();
    return;
  }
  std::shared_ptr<SockJsHttpSession> session;
  try {
    session = std::make_shared<SockJsHttpSession>(home_, endpoint_.session_options(), session_, address_, *transport_);
    home_.add(session);
    if (far != nullptr) session->set_far(*far, sockjs_far_key(*birth.endpoint, birth.id));
  } catch (...) {  // no memory: the id must not stay taken by nobody
    home_.table().remove(session_);
    throw;
  }
  static const std::vector<std::string> nothing_offered;
  EndpointHandler::Opening opening{birth.request, birth.context, *birth.endpoint, nothing_offered, {}, transport};
  session->open(request_, callback_, endpoint_.protocol_of(*birth.endpoint), opening);
}

template <class Action>
void SockJsExchange::at_home(Action action) {
  home_.at_home<SockJsHttpSession>(session_, SessionHome::Turn::now, std::move(action),
                                   [request = request_](SessionHome& home, SessionAbsence) {
                                     home.loop().answer(request, HttpResponse::text(404, "no such session\n"), false);
                                   });
}

template <class Action>
void SockJsExchange::at_home_later(Action action) {
  home_.at_home<SockJsHttpSession>(session_, SessionHome::Turn::later, std::move(action),
                                   [](SessionHome&, SessionAbsence) {});
}

}  // namespace chat::net
