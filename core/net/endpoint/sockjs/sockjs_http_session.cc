// See sockjs_http_session.h.
#include "net/endpoint/sockjs/sockjs_http_session.h"

#include <algorithm>
#include <new>
#include <variant>

#include "net/endpoint/sockjs/sockjs_carrier.h"
#include "net/endpoint/sockjs/sockjs_far_exchange.h"
#include "net/endpoint/sockjs/sockjs_responses.h"

namespace chat::net {
namespace {

namespace sockjs = session::sockjs;

constexpr std::int64_t kTellHomeMs = 300'000;  // what was told may have been lost

constexpr std::uint16_t kAbnormal = 1006;
constexpr std::uint16_t kPolicyViolation = 1008;
constexpr std::uint16_t kTooLarge = 1009;
constexpr std::uint16_t kInternalError = 1011;
constexpr std::uint16_t kTryAgainLater = 1013;

// At most this many messages are taken in one round, so that what they cause is written in between.
constexpr int kMaxMessagesPerRound = 128;

HttpResponse not_found() { return HttpResponse::text(404, "no such session\n"); }

}  // namespace

SockJsHttpSession::SockJsHttpSession(SessionHome& home, const session::SockJsOptions& options, SessionNumber number,
                                     std::string address, wire::SockJsTransport transport)
    : Session(number), home_(home), address_(std::move(address)), machine_(options, *this, transport) {}

SockJsHttpSession::~SockJsHttpSession() {
  if (far_ != nullptr) far_->drop_if(far_key_, std::move(far_home_));
}

void SockJsHttpSession::set_far(FarServers& far, std::string key) {
  far_key_ = std::move(key);
  far_home_ = sockjs_home(far, number());
  far_ = &far;
  far_told_ms_ = loop().now_ms();
  far.keep(far_key_, far_home_, kSockJsHomeMs);
}

// The cluster forgets it otherwise.
void SockJsHttpSession::tell_home() {
  if (far_ == nullptr || loop().now_ms() - far_told_ms_ < kTellHomeMs) return;
  far_told_ms_ = loop().now_ms();
  far_->agree(far_key_, far_home_, kSockJsHomeMs, [](const std::optional<std::string>&) {});
}

template <class Action>
void SockJsHttpSession::guarded(Action action) {
  if (failed_) return;
  try {
    action();
  } catch (const std::bad_alloc&) {
    failed_ = true;
    loop().set_timer(*this, loop().now_ms());
  }
}

// Can be called again after it has thrown.
void SockJsHttpSession::end_failed() {
  if (link_) link_->lose(kInternalError, "out of memory");
  if (receiver_) {
    // A client that sends another request begins a new session, whose open frame tells it that the old one is lost.
    loop().answer(*receiver_, HttpResponse::text(500, "out of memory\n"), false);
    loop().write(*receiver_, {}, true);
    receiver_.reset();
  }
  for (; !sends_.empty(); sends_.pop_back()) {
    loop().answer(sends_.back().request, HttpResponse::text(500, "out of memory\n"), false);
  }
  home_.bury(*this);
  TimerWheel::cancel(*this);
}

// Requests -------------------------------------------------------------------------------------------------------------

void SockJsHttpSession::open(const HeldRequest& request, std::string_view callback, EndpointHandler& protocol,
                             EndpointHandler::Opening& opening) {
  receive(request, machine_.transport(), callback);
  guarded([&] {
    const std::optional<LinkRefusal> refusal = protocol.open_link(opening, *this);
    if (refusal) {
      constexpr int kUnavailable = 503;
      close(refusal->status == kUnavailable ? kTryAgainLater : kPolicyViolation, refusal->reason);
      return;
    }
    home_.table().set_idle(number(), false, loop().now_ms());
    Actions actions;
    machine_.open(loop().now_ms(), actions);
    perform(actions);
    link_->user().on_established();
  });
}

void SockJsHttpSession::receive(const HeldRequest& request, wire::SockJsTransport transport,
                                std::string_view callback) {
  if (failed_) {
    loop().answer(request, not_found(), false);
    return;
  }
  latest_ = request;
  guarded([&] {
    Actions actions;
    machine_.receive(transport, callback, loop().now_ms(), actions);
    perform(actions);
  });
}

void SockJsHttpSession::drained(const HeldRequest& request) {
  if (receiver_ != request) return;
  guarded([&] {
    Actions actions;
    machine_.drained(loop().now_ms(), actions);
    perform(actions);
    if (link_) link_->charge_queue();
  });
}

void SockJsHttpSession::receiver_lost(const HeldRequest& request, bool answered) {
  guarded([&] {
    Actions actions;
    if (receiver_ == request) {
      receiver_.reset();
      machine_.receiver_lost(loop().now_ms(), actions);
    } else if (answered) {
      machine_.response_lost(loop().now_ms(), actions);
    }
    perform(actions);
  });
}

void SockJsHttpSession::send(const HeldRequest& request, bool by_form, std::string body) {
  if (failed_ || machine_.forgotten() || !machine_.accepts_sends(by_form)) {
    loop().answer(request, not_found(), false);
    return;
  }
  sends_.push_back({++last_send_, request});
  loop().stats().bytes_in.add(body.size());
  guarded([&] {
    Actions actions;
    machine_.send(last_send_, std::move(body), actions);
    perform(actions);
  });
  take_messages();
}

void SockJsHttpSession::take_messages() {
  guarded([&] {
    take_some_messages();
    if (link_) link_->charge_input();
    schedule();
  });
}

// A client that sends too fast is paused. Then the rest waits, and the answers too.
void SockJsHttpSession::take_some_messages() {
  for (int taken = 0; machine_.has_messages() && !paused() && !failed_; ++taken) {
    if (taken == kMaxMessagesPerRound) {
      take_messages_later();
      return;
    }
    Actions actions;
    machine_.take_message(actions);
    perform(actions);
  }
}

void SockJsHttpSession::take_messages_later() {
  if (std::exchange(turn_asked_, true)) return;
  home_.run_later<SockJsHttpSession>(number(), [](SockJsHttpSession& session) {
    session.turn_asked_ = false;
    session.take_messages();
  });
}

// What the machine wants -----------------------------------------------------------------------------------------------

void SockJsHttpSession::perform(Actions& actions) {
  for (session::SockJsAction& action : actions) {
    std::visit([this](auto& specific) { act(specific); }, action);
    if (failed_) return;  // inside of it
  }
  // The close frame is written, or there is no request for it.
  const bool link_open = link_ && !link_->closing();
  if (stopping_ && !link_open && !machine_.has_receiver() && !machine_.forgotten()) {
    Actions last;
    machine_.abort(last);
    perform(last);
    return;
  }
  schedule();
}

HttpResponse SockJsHttpSession::answer(std::string body) const {
  HttpResponse response;
  response.headers.push_back({"Content-Type", std::string(wire::content_type_of(machine_.transport()))});
  response.body = std::move(body);
  return response;
}

void SockJsHttpSession::act(sockjs::StartReceiver& action) {
  receiver_ = latest_;
  if (!wire::is_streaming(machine_.transport())) {
    prelude_ = std::move(action.prelude);
    return;
  }
  HttpResponse response = answer(std::move(action.prelude));
  response.streams = true;
  loop().answer(*receiver_, std::move(response), true);
}

void SockJsHttpSession::act(sockjs::Write& action) {
  if (!receiver_) return;
  const HeldRequest request = *receiver_;
  if (action.last) receiver_.reset();
  if (wire::is_streaming(machine_.transport())) {
    loop().write(request, std::move(action.bytes), action.last);
  } else {
    loop().answer(request, answer(std::move(prelude_) + action.bytes), true);
  }
}

void SockJsHttpSession::act(sockjs::DropReceiver&) {
  if (!receiver_) return;
  const HeldRequest request = *std::exchange(receiver_, std::nullopt);
  if (wire::is_streaming(machine_.transport())) {
    loop().write(request, {}, true);
  } else {
    loop().answer(request, not_found(), false);
  }
}

void SockJsHttpSession::act(sockjs::AnswerReceiver& action) {
  loop().answer(latest_, answer(std::move(action.body)), false);
}

void SockJsHttpSession::act(sockjs::RefuseReceiver&) { loop().answer(latest_, not_found(), false); }

void SockJsHttpSession::act(sockjs::AnswerSend& action) {
  const auto found =
      std::find_if(sends_.begin(), sends_.end(), [&](const Send& send) { return send.number == action.request; });
  if (found == sends_.end()) return;
  const HeldRequest request = found->request;
  sends_.erase(found);
  constexpr int kNoContent = 204;
  constexpr int kFault = 500;
  HttpResponse response;
  if (action.status == kFault) loop().refusals().note(Refusal::malformed, address_, action.text);
  if (action.status != kNoContent) {
    loop().stats().messages_refused.add();
    response = sockjs_text(action.status, action.text);
  } else if (machine_.transport() == wire::SockJsTransport::jsonp) {
    response = sockjs_text(200, "ok");
  } else {
    response = sockjs_text(action.status, {});
  }
  loop().answer(request, std::move(response), false);
}

void SockJsHttpSession::act(sockjs::Deliver& action) {
  if (!link_ || link_->closing()) return;
  if (static_cast<std::int64_t>(action.text.size()) > max_message_bytes_) {
    loop().stats().messages_refused.add();
    loop().refusals().note(Refusal::message_bytes, address_);
    link_->close(kTooLarge, "a message may have at most " + std::to_string(max_message_bytes_) + " bytes");
    return;
  }
  link_->user().on_message(false, action.text);
}

void SockJsHttpSession::act(sockjs::Closed& action) {
  home_.table().set_idle(number(), true, loop().now_ms());
  if (link_) link_->lose(kAbnormal, session::text_of(action.reason));
}

void SockJsHttpSession::act(sockjs::Forgotten&) {
  home_.bury(*this);
  TimerWheel::cancel(*this);
}

// The link -------------------------------------------------------------------------------------------------------------

Link& SockJsHttpSession::make_link(std::unique_ptr<LinkUser> user, std::int64_t max_message_bytes) {
  SockJsLinkOwner& owner = *this;
  link_ = std::make_unique<SockJsLink>(loop(), owner, std::move(user));
  link_->charge_to(loop().sources().find(address_));
  max_message_bytes_ = max_message_bytes;
  return *link_;
}

void SockJsHttpSession::on_output() {
  if (empty()) return;
  guarded([&] {
    Actions actions;
    machine_.flush(loop().now_ms(), actions);
    perform(actions);
  });
}

void SockJsHttpSession::on_close(std::uint16_t code, std::string_view reason) { close(code, reason); }

void SockJsHttpSession::close(std::uint16_t code, std::string_view reason) {
  guarded([&] {
    const SockJsClosing closing = sockjs_closing(code, reason);
    Actions actions;
    machine_.close(closing.code, closing.reason, loop().now_ms(), actions);
    perform(actions);
  });
}

void SockJsHttpSession::on_pause(std::int64_t until_ms) {
  paused_until_ms_ = std::max(paused_until_ms_, until_ms);
  schedule();
}

void SockJsHttpSession::on_resume() {
  paused_until_ms_ = -1;
  if (machine_.has_messages()) take_messages_later();
}

// Time -----------------------------------------------------------------------------------------------------------------

void SockJsHttpSession::schedule() {
  if (failed_ || machine_.forgotten()) return;
  tell_home();
  std::int64_t due_ms = machine_.deadline_ms();
  if (machine_.has_messages() && paused() && (due_ms == -1 || paused_until_ms_ < due_ms)) due_ms = paused_until_ms_;
  if (due_ms == -1) {
    TimerWheel::cancel(*this);
  } else if (!pending() || deadline_ms() != due_ms) {
    loop().set_timer(*this, due_ms);
  }
}

void SockJsHttpSession::on_deadline(std::int64_t now_ms) {
  if (failed_) {
    loop().set_timer(*this, now_ms + TimerWheel::kTickMs);  // again, unless it succeeds
    end_failed();
    return;
  }
  guarded([&] {
    Actions actions;
    machine_.tick(now_ms, actions);
    perform(actions);
  });
  take_messages();
}

// The end --------------------------------------------------------------------------------------------------------------

// The handler of the protocol says goodbye to the client, in its own way, and closes the link: before this, or later.
void SockJsHttpSession::say_goodbye() {
  stopping_ = true;
  guarded([&] {
    Actions none;
    perform(none);
  });
}

void SockJsHttpSession::evict() {
  if (link_) link_->close(kTryAgainLater, "too many sessions");
  abort();
}

void SockJsHttpSession::end() {
  abort();
  if (failed_) end_failed();
}

void SockJsHttpSession::abort() {
  guarded([&] {
    Actions actions;
    machine_.abort(actions);
    perform(actions);
  });
}

}  // namespace chat::net
