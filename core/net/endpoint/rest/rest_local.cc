// See rest_local.h.
#include "net/endpoint/rest/rest_local.h"

#include <memory>
#include <utility>

#include "net/base/clock.h"
#include "net/base/random_id.h"
#include "net/endpoint/rest/rest_client.h"
#include "net/endpoint/rest/rest_stream.h"
#include "net/peer/admission.h"

namespace chat::net {
namespace {

constexpr std::int64_t kRetryAfterS = 1;

wire::RestAnswer full(std::string_view detail) { return wire::rest_problem(503, "too_many", detail, kRetryAfterS); }

}  // namespace

void RestLocal::answer(const HeldRequest& request, wire::RestAnswer answer) {
  loop_.answer(request, rest_response(std::move(answer)), false);
}

bool RestLocal::take_rate(const HeldRequest& request, const std::string& address, bool asks_for_much) {
  std::int64_t wait_ms = 0;
  const RestRates::Verdict verdict =
      shared_.rates.take(SourceTable::key_of(address), asks_for_much, loop_.now_ms(), wait_ms);
  if (verdict == RestRates::Verdict::allowed) return true;
  const bool replies = verdict == RestRates::Verdict::too_many_reply_bytes;
  loop_.refusals().note(replies ? Refusal::reply_rate : Refusal::message_rate, address);
  loop_.stats().messages_refused.add();
  answer(request, wire::rest_problem(429, "rate_limited",
                                     replies ? "too many bytes of replies in a short time"
                                             : "too many requests from this address in a short time",
                                     (wait_ms + 999) / 1'000));
  return false;
}

wire::RestAnswer RestLocal::refusal_of(const Client& client, bool has_credentials) {
  if (client.timed_out()) return wire::rest_problem(503, "timed_out", client.refusal_reason(), kRetryAfterS);
  if (!has_credentials) return wire::rest_problem(401, "forbidden", client.refusal_reason());
  return wire::rest_problem(403, "forbidden", client.refusal_reason());
}

std::variant<RestLocal::Admitted, wire::RestAnswer> RestLocal::admit_client(RestBirth& birth, std::string room,
                                                                            Transport transport) {
  // The session has its request's socket, so the limit on sessions that poll does not concern it.
  const SessionTable::Claim claim = home_.claim(*birth.endpoint, random_id(), Transport::streaming, birth.address);
  if (claim.result != SessionTable::Claim::Result::claimed) {
    make_way(birth.address, claim.refusal == Refusal::sessions);
    return full("too many clients");
  }
  struct Unclaim {
    ~Unclaim() {
      if (number != 0) table.remove(number);
    }
    SessionTable& table;
    SessionNumber number;
  } unclaim{home_.table(), claim.number};
  birth.request.room = std::move(room);
  Result<ClientPtr> admitted = admit(loop_, {loop_.index(), birth.address, Protocol::http, transport, wall_clock_ms()},
                                     std::move(birth.request));
  if (!admitted.ok()) return full(admitted.status().detail);
  const ClientPtr client = *admitted;
  if (client->state() == ClientState::refused) {
    loop_.refusals().note(Refusal::application, birth.address, client->refusal_reason());
    loop_.hub().remove_client(client);
    return refusal_of(*client, birth.has_credentials);
  }
  home_.table().set_idle(claim.number, false, loop_.now_ms());
  unclaim.number = 0;
  return Admitted{claim.number, client};
}

void RestLocal::make_way(const std::string& address) {
  make_way(address, exceeds(loop_.sources().total(Resource::clients) + 1, loop_.options().hub.max_clients));
}

void RestLocal::make_way(const std::string& address, bool of_others) {
  // Few, because the others spare the application a question. Not one only, because many clients may come at once.
  constexpr std::size_t kAtOnce = 16;
  for (const RestIdle::Entry& idle : shared_.idle.take(SourceTable::key_of(address), of_others, kAtOnce)) {
    home_.table().home(idle.loop).run_later<Session>(idle.number, [](Session& session) { session.evict(); });
  }
}

SessionNumber RestLocal::serve(RestBirth birth, const std::string& identity, RestQuestion question) {
  if (const auto pooled = pool_.find(identity); pooled != pool_.end()) {
    const SessionNumber number = pooled->second;
    if (RestClient* const client = home_.find_as<RestClient>(number)) {
      client->ask(std::move(question));
      return number;
    }
    pool_.erase(pooled);
  }
  std::variant<Admitted, wire::RestAnswer> result = admit_client(birth, {}, Transport::polling);
  if (auto* const refused = std::get_if<wire::RestAnswer>(&result)) {
    answer(question.request, std::move(*refused));
    return 0;
  }
  auto& [number, admitted] = std::get<Admitted>(result);
  const bool pools = !identity.empty() && static_cast<std::int64_t>(pool_.size()) < loop_.options().max_http_identities;
  auto client = std::make_shared<RestClient>(*this, number, pools ? identity : std::string(), birth.has_credentials);
  home_.add(client);
  if (pools) pool_.emplace(identity, number);
  client->start(admitted);
  client->ask(std::move(question));
  return number;
}

SessionNumber RestLocal::open_stream(RestBirth birth, wire::RestEventsQuery query, const HeldRequest& request,
                                     bool chunked) {
  std::variant<Admitted, wire::RestAnswer> result = admit_client(birth, query.rooms.front(), Transport::streaming);
  if (auto* const refused = std::get_if<wire::RestAnswer>(&result)) {
    answer(request, std::move(*refused));
    return 0;
  }
  auto& [number, admitted] = std::get<Admitted>(result);
  auto stream = std::make_shared<RestStream>(*this, number, request, std::move(query), chunked, birth.has_credentials);
  home_.add(stream);
  stream->start(admitted);
  return number;
}

}  // namespace chat::net
