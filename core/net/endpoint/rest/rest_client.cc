// See rest_client.h.
#include "net/endpoint/rest/rest_client.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <variant>

#include "net/endpoint/rest/event_stream_carrier.h"
#include "net/peer/peer.h"
#include "wire/rest/rest_codec.h"

namespace chat::net {
namespace {

constexpr int kAccepted = 202;

wire::RestAnswer stopping() { return wire::rest_problem(503, "stopped", kStopping, 1); }

// Who is charged for the keys: a user, or the guests of an address.
std::string key_source(const Client& client) {
  const IdentityPtr identity = client.identity();
  if (!identity->user_id.empty()) return "user " + identity->user_id;
  return "address " + SourceTable::key_of(client.origin().address);
}

}  // namespace

RestClient::RestClient(RestLocal& local, SessionNumber number, std::string identity, bool has_credentials)
    : Session(number),
      local_(local),
      loop_(local.loop()),
      identity_(std::move(identity)),
      has_credentials_(has_credentials),
      link_(loop_, *this, event_stream_carrier()) {}

void RestClient::start(const ClientPtr& client) {
  client_ = client;
  PeerOwner& owner = *this;
  auto added = std::make_unique<Peer>(loop_, owner, link_, client, std::make_unique<wire::RestCodec>());
  peer_ = added.get();
  link_.charge_to(client->source());
  loop_.peers().add(std::move(added));
  if (client->state() == ClientState::connecting) {
    peer_->await_verdict(loop_.now_ms() + loop_.options().verdict_timeout_ms);
  } else {
    on_verdict(*peer_);
  }
}

void RestClient::on_verdict(Peer& peer) {
  if (open_ || link_.closing() || client_->state() == ClientState::connecting) return;
  peer.stop_awaiting_verdict();
  Status status;
  if (client_->state() == ClientState::accepted) {
    status = peer.open();
    if (status.ok()) return;
    refuse_all(wire::rest_problem(status));
  } else if (client_->state() == ClientState::refused) {
    loop_.refusals().note(Refusal::application, client_->origin().address, client_->refusal_reason());
    refuse_all(RestLocal::refusal_of(*client_, has_credentials_));
  } else {
    return;
  }
  link_.close(1008, client_->refusal_reason());
}

void RestClient::on_verdict_timeout(Peer& peer) { (void)loop_.hub().time_out(peer.client()); }

void RestClient::close_client(Peer&, std::uint16_t code, std::string_view reason) {
  refuse_all(code == 1008 ? wire::rest_problem(403, "forbidden", reason) : stopping());
  link_.close(code, reason);
}

// Requests ------------------------------------------------------------------------------------------------------------

void RestClient::ask(RestQuestion question) {
  if (!identity_.empty()) local_.shared().idle.remove(number());
  if (link_.closing() || ending_) {
    local_.answer(question.request, stopping());
  } else if (!open_) {
    early_.push_back(std::move(question));
  } else {
    ask_now(std::move(question));
  }
}

void RestClient::ask_now(RestQuestion question) {
  Pending pending;
  pending.request = question.request;
  const std::string ref = std::to_string(++last_ref_);
  std::visit([&](auto& specific) { specific.ref = ref; }, question.command);
  if (std::holds_alternative<SendCommand>(question.command)) {
    if (!begin_idempotent(question, pending)) return;
    std::get<SendCommand>(question.command).draft().id = question.idempotency_key;
    pending.sends = true;
    pending.deadline_ms = loop_.now_ms() + loop_.options().verdict_timeout_ms;
  }
  auto* const history = std::get_if<HistoryCommand>(&question.command);
  if (history != nullptr && question.wait_ms > 0) {
    pending.watch = std::make_unique<RestWatch>(loop_, client_, question.room, [this, ref] {
      if (const auto found = pending_.find(ref); found != pending_.end()) {
        found->second.woken = true;
        link_.ask_for_turn();
      }
    });
    // First, so that no message can come between the answer and the watch.
    if (Status status = pending.watch->begin(); !status.ok()) {
      local_.answer(question.request, wire::rest_problem(status));
      end_if_idle();
      return;
    }
    pending.poll = *history;
    pending.deadline_ms = loop_.now_ms() + question.wait_ms;
  }
  pending_.emplace(ref, std::move(pending));
  set_timer();
  peer_->receive(std::move(question.command));
}

bool RestClient::begin_idempotent(const RestQuestion& question, Pending& pending) {
  if (question.idempotency_key.empty()) return true;
  const std::string source = key_source(*client_);
  std::string key = client_->identity()->user_id;  // guests share one space, as for the ids of messages
  for (const std::string_view part : {std::string_view(question.room), std::string_view(question.idempotency_key)}) {
    key += '\n';
    key += part;
  }
  using Memory = session::IdempotencyMemory;
  Memory::Answer earlier;
  const Memory::Begun begun =
      local_.shared().idempotency.begin(key, source, question.fingerprint, loop_.now_ms(), earlier);
  wire::RestAnswer answer;
  switch (begun) {
    case Memory::Begun::fresh:
      pending.idempotency_key = std::move(key);
      return true;
    case Memory::Begun::pending:
      answer = wire::rest_problem(409, "wrong_state", "a request with this Idempotency-Key is being carried out", 1);
      break;
    case Memory::Begun::differs:
      answer = wire::rest_problem(409, "wrong_state", "this Idempotency-Key was used for another message");
      break;
    case Memory::Begun::full:
      answer = wire::rest_problem(503, "too_many", "too many requests with an Idempotency-Key", 1);
      break;
    case Memory::Begun::answered:
      answer.status = earlier.status;
      answer.body = std::move(earlier.body);
      break;
  }
  local_.answer(question.request, std::move(answer));
  end_if_idle();
  return false;
}

void RestClient::lose(const HeldRequest& request) {
  std::erase_if(early_, [&](const RestQuestion& question) { return question.request == request; });
  for (auto pending = pending_.begin(); pending != pending_.end(); ++pending) {
    if (pending->second.request != request) continue;
    pending->second.request.reset();
    if (!pending->second.sends) pending_.erase(pending);
    break;
  }
  set_timer();
  end_if_idle();
}

// Answers -------------------------------------------------------------------------------------------------------------

void RestClient::on_output() {
  for (const FramePtr& frame : link_.take_frames()) {
    std::string packed;
    frame->append_to(packed);
    take_answer(packed);
  }
}

void RestClient::take_answer(std::string_view packed) {
  std::optional<wire::PackedRestAnswer> unpacked = wire::unpack_rest_answer(packed);
  if (!unpacked) return;
  if (unpacked->ref == wire::RestCodec::kOpen) {
    open_ = true;
    for (RestQuestion& question : std::exchange(early_, {})) ask(std::move(question));
    end_if_idle();
    return;
  }
  const auto found = pending_.find(unpacked->ref);
  if (found == pending_.end()) return;
  Pending& pending = found->second;
  if (pending.poll && unpacked->answer.nothing_new && pending.deadline_ms > loop_.now_ms() && !leaving_ && !ending_) {
    pending.nothing_new = std::move(unpacked->answer);
    return;
  }
  finish(found, std::move(unpacked->answer));
}

// Something was published in a room for which a request waits.
void RestClient::on_turn() {
  std::vector<HistoryCommand> again;
  for (auto& [ref, pending] : pending_) {
    if (std::exchange(pending.woken, false) && pending.nothing_new) again.push_back(*pending.poll);
  }
  for (HistoryCommand& command : again) {
    if (peer_ != nullptr) peer_->receive(Command(std::move(command)));
  }
}

void RestClient::finish(Table::iterator pending, wire::RestAnswer answer) {
  const Pending done = std::move(pending->second);
  pending_.erase(pending);
  if (!done.idempotency_key.empty()) {
    session::IdempotencyMemory& memory = local_.shared().idempotency;
    if (answer.status < 300) {
      memory.finish(done.idempotency_key, {answer.status, answer.body}, loop_.now_ms());
    } else {
      memory.forget(done.idempotency_key);
    }
  }
  if (done.request) {
    local_.shared().rates.charge_reply(SourceTable::key_of(client_->origin().address), answer.body.size(),
                                       loop_.now_ms());
    local_.answer(*done.request, std::move(answer));
  }
  end_if_idle();
}

void RestClient::refuse_all(const wire::RestAnswer& answer) {
  ending_ = true;
  for (const RestQuestion& question : std::exchange(early_, {})) local_.answer(question.request, answer);
  while (!pending_.empty()) finish(pending_.begin(), answer);
}

// Time ----------------------------------------------------------------------------------------------------------------

void RestClient::set_timer() {
  std::int64_t due_ms = -1;
  for (const auto& [ref, pending] : pending_) {
    if (pending.deadline_ms != -1 && (due_ms == -1 || pending.deadline_ms < due_ms)) due_ms = pending.deadline_ms;
  }
  if (pending_.empty() && open_ && !identity_.empty()) due_ms = idle_since_ms_ + loop_.options().http_identity_ms;
  if (due_ms == -1) {
    TimerWheel::cancel(*this);
  } else if (!link_.closing()) {
    loop_.set_timer(*this, due_ms);
  }
}

void RestClient::on_deadline(std::int64_t now_ms) {
  if (pending_.empty()) {
    link_.close(1000, "no request came");
    return;
  }
  for (auto next = pending_.begin(); next != pending_.end();) {
    const auto pending = next++;
    if (pending->second.deadline_ms == -1 || pending->second.deadline_ms > now_ms) continue;
    if (pending->second.sends && peer_->undecided()) {
      pending->second.deadline_ms = now_ms + loop_.options().verdict_timeout_ms;  // PeerInput ends that wait
    } else if (pending->second.sends) {
      // The application has taken it, or its log has not stored it yet.
      wire::RestAnswer answer;
      answer.status = kAccepted;
      answer.body = "{}";
      finish(pending, std::move(answer));
    } else if (pending->second.nothing_new) {
      finish(pending, *std::exchange(pending->second.nothing_new, std::nullopt));
    } else {
      pending->second.deadline_ms = -1;  // the answer is on its way
    }
    if (link_.closing()) return;
  }
  set_timer();
}

// The end -------------------------------------------------------------------------------------------------------------

void RestClient::end_if_idle() {
  if (!open_ || ending_ || !pending_.empty() || !early_.empty() || link_.closing()) return;
  if (identity_.empty() || leaving_) {
    link_.close(1000, "the request was answered");
    return;
  }
  idle_since_ms_ = loop_.now_ms();
  local_.shared().idle.add({number(), loop_.index(), SourceTable::key_of(client_->origin().address)});
  set_timer();
}

void RestClient::evict() {
  leaving_ = true;
  local_.forget(identity_);
  end_if_idle();
}

void RestClient::say_goodbye() {
  leaving_ = true;
  local_.forget(identity_);
  for (auto next = pending_.begin(); next != pending_.end();) {
    const auto pending = next++;
    if (!pending->second.nothing_new) continue;
    finish(pending, *std::exchange(pending->second.nothing_new, std::nullopt));
    if (link_.closing()) return;
  }
  if (!open_) {
    refuse_all(stopping());
    link_.close(1001, kStopping);
    return;
  }
  end_if_idle();
}

void RestClient::end() {
  refuse_all(stopping());
  link_.close(1001, kStopping);
}

void RestClient::on_link_closed(std::uint16_t code, std::string_view reason) {
  ending_ = true;
  on_output();
  refuse_all(stopping());
  if (!identity_.empty()) {
    local_.forget(identity_);
    local_.shared().idle.remove(number());
  }
  TimerWheel::cancel(*this);
  if (Peer* const peer = std::exchange(peer_, nullptr)) loop_.peers().retire(peer->id(), {code, std::string(reason)});
  local_.home().bury(*this);
}

}  // namespace chat::net
