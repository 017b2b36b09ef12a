// See far_gate.h.
#include "net/session/far_gate.h"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

namespace chat::net {
namespace {

constexpr std::int64_t kLookMs = 1'000;
// A server that connects to its Redis again hears nothing meanwhile.
constexpr std::int64_t kSilenceMs = 3'000;
constexpr int kSilentLooks = 3;
constexpr std::uint64_t kMaxWithinMs = 7ULL * 24 * 3'600'000;
// How long the entry may take to tell that an answer could not be written, or is still being written.
constexpr std::int64_t kAnsweredMs = 10'000;
constexpr std::int64_t kSlowMs = 3'000;  // after so long, and then again, it tells that it is
// An answer that usually comes at once is asked for after so long, and again.
constexpr std::int64_t kAskMs = 2'000;
// Larger ones are not kept to be given again. Those of a POST are small.
constexpr std::size_t kMaxKeptAnswerBytes = 1'024;
// What one server has not heard. Further texts fail.
constexpr std::size_t kMaxUnheardBytes = 4 << 20;
// After so long a server that has gone is looked for again.
constexpr std::int64_t kGoneMs = 60'000;
// Requests that are answered, on one loop. Above this the oldest are forgotten.
constexpr std::size_t kMaxAnswered = 16'384;
// So long an answer that comes again is not taken for one that the client does not get.
constexpr std::int64_t kRepeatMs = 10'000;
constexpr std::int64_t kRequestBytes = 1'024;

// The length is known now, whatever the framing was.
void set_body(HttpRequest& request, const std::string& body) {
  std::erase_if(request.headers, [](const Pair& header) { return header.name == "expect"; });
  const std::size_t framing = std::erase_if(request.headers, [](const Pair& header) {
    return header.name == "content-length" || header.name == "transfer-encoding";
  });
  if (request.has_body || framing != 0) request.headers.push_back({"content-length", std::to_string(body.size())});
}

}  // namespace

// The request on the connection that holds it.
class FarGate::ForwardedExchange final : public Exchange {
 public:
  ForwardedExchange(FarGate& gate, Forwarding forwarding, FarRequest request, bool has_body)
      : gate_(gate),
        forwarding_(std::move(forwarding)),
        request_(std::move(request)),
        has_body_(has_body),
        writings_(gate.writings_) {}
  // The client has the answer.
  ~ForwardedExchange() override {
    if (const std::shared_ptr<Writings> writings = writings_.lock()) writings->erase(number_);
  }
  ForwardedExchange(const ForwardedExchange&) = delete;
  ForwardedExchange& operator=(const ForwardedExchange&) = delete;

  void on_held(const HeldRequest& held) override {
    held_ = held;
    if (!has_body_) on_body({});
  }

  void on_body(std::string body) override {
    request_.body = std::move(body);
    set_body(request_.request, request_.body);
    number_ = ++gate_.last_number_;
    if (!gate_.send(number_, held_, forwarding_, std::move(request_))) number_ = 0;
  }

  void on_body_too_large() override {
    gate_.loop_.refusals().note(Refusal::body_bytes, request_.context.address);
    HttpResponse response;
    response.status = 413;
    response.close = true;
    response.headers = forwarding_.headers;
    gate_.loop_.answer(held_, std::move(response), false);
  }

  void complete(HttpResponse&) override {}  // the home has done that

  void on_drained() override {
    if (number_ != 0) gate_.drained(forwarding_.server, number_);
  }

  void on_lost(bool) override {
    if (number_ != 0) gate_.lost(forwarding_.server, number_);
  }

 private:
  FarGate& gate_;
  const Forwarding forwarding_;
  FarRequest request_;
  const bool has_body_;
  HeldRequest held_;
  std::uint64_t number_ = 0;
  const std::weak_ptr<Writings> writings_;
};

FarGate::~FarGate() = default;

void FarGate::open(FarServers& far, FarRequests& requests, Route route) {
  far_ = &far;
  requests_ = &requests;
  route_ = std::move(route);
}

void FarGate::shut_down() {
  TimerWheel::cancel(*this);
  outgoing_.clear();
  incoming_.clear();
  by_name_.clear();
  answered_.clear();
  passed_on_.clear();
  passed_on_by_age_.clear();
  writings_->clear();
  silent_.clear();
}

// The entry ---------------------------------------------------------------------------------------------------------------

Hold FarGate::forward(const HttpRequest& request, const RequestContext& context, const BodyPlan& plan,
                      Forwarding forwarding) {
  Hold hold;
  hold.body = plan.kind;
  hold.body_bytes = plan.length_bytes;
  hold.max_body_bytes = forwarding.max_body_bytes;
  hold.exchange = std::make_unique<ForwardedExchange>(
      *this, std::move(forwarding), FarRequest{{}, request, context, {}}, plan.kind != BodyPlan::Kind::none);
  return hold;
}

void FarGate::refuse(const HeldRequest& held, const Pairs& headers, Refusal refusal, const std::string& address) {
  loop_.refusals().note(refusal, address, "a request for another server");
  HttpResponse response = HttpResponse::text(503, "too many requests for other servers\n");
  response.headers.insert(response.headers.end(), headers.begin(), headers.end());
  loop_.answer(held, std::move(response), false);
}

template <class Action>
FarServers::Done FarGate::later(Action action) {
  return [this, action](FarServers::Told told) {
    try {
      loop_.post_task([action, told] { action(told); });
    } catch (const std::bad_alloc&) {  // the timer finds it
    }
  };
}

bool FarGate::send(std::uint64_t number, const HeldRequest& held, const Forwarding& forwarding, FarRequest request) {
  const std::string& address = request.context.address;
  Outgoing outgoing;
  std::optional<Refusal> refusal;
  outgoing.place = requests_->forward(SourceTable::key_of(address), refusal);
  if (refusal) {
    refuse(held, forwarding.headers, *refusal, address);
    return false;
  }
  outgoing.bytes = Share(loop_.sources().find(address), Resource::queued_bytes);
  request.name = name_of(number);
  if (forwarding.within_ms != kUnlimited) request.within_ms = static_cast<std::uint64_t>(forwarding.within_ms);
  std::string text = pack(request);
  const auto bytes = static_cast<std::int64_t>(text.size()) + kRequestBytes;
  refusal = outgoing.bytes.resize(bytes);
  if (refusal) {
    refuse(held, forwarding.headers, *refusal, address);
    return false;
  }
  outgoing.held = held;
  outgoing.server = forwarding.server;
  outgoing.gone = forwarding.gone;
  outgoing.within_ms = forwarding.within_ms;
  if (forwarding.within_ms != kUnlimited) outgoing.deadline_ms = loop_.now_ms() + forwarding.within_ms;
  if (forwarding.soon) outgoing.ask_ms = loop_.now_ms() + kAskMs;
  outgoing_.emplace(number, std::move(outgoing));
  try {
    look_after();
    tell(
        forwarding.server, std::move(text),
        [this, number](FarServers::Told told) {
          if (told != FarServers::Told::heard) return fail(number, told);
          if (const auto found = outgoing_.find(number); found != outgoing_.end()) found->second.heard = true;
        },
        number);
  } catch (const std::bad_alloc&) {
    outgoing_.erase(number);
    throw;
  }
  return true;
}

// No answer, or no more of it, will come. The home may know the request.
void FarGate::fail(std::uint64_t number, FarServers::Told told) {
  const auto found = outgoing_.find(number);
  if (found == outgoing_.end()) return;
  const HeldRequest held = found->second.held;
  const std::string server = std::move(found->second.server);
  const bool streams = found->second.streams;
  HttpResponse response = std::move(found->second.gone);
  outgoing_.erase(found);
  if (streams) {
    loop_.write(held, {}, true);
  } else {
    if (told == FarServers::Told::failed) {
      response.status = 503;
      response.body.clear();
    }
    loop_.answer(held, std::move(response), false);
  }
  tell(server, pack(FarLost{name_of(number)}));
}

void FarGate::lost(const std::string& server, std::uint64_t number) {
  outgoing_.erase(number);
  writings_->erase(number);
  tell(server, pack(FarLost{name_of(number)}));
}

void FarGate::drained(const std::string& server, std::uint64_t number) {
  if (!outgoing_.contains(number)) return;
  tell(server, pack(FarDrained{name_of(number)}), [this, number](FarServers::Told told) {
    if (told != FarServers::Told::heard) fail(number);
  });
}

void FarGate::take(FarAnswer message) {
  const auto found = outgoing_.find(message.number);
  if (found == outgoing_.end()) not_known(message.home, message.number);
  if (found == outgoing_.end() || found->second.streams) return;
  const HeldRequest held = found->second.held;
  if (message.response.streams) {
    found->second.streams = true;
    if (found->second.deadline_ms != -1) found->second.deadline_ms = loop_.now_ms() + found->second.within_ms;
  } else {
    note_passed_on(message.number);
    if (message.essential) note_written(message.number, found->second.server);
    outgoing_.erase(found);
  }
  loop_.answer(held, std::move(message.response), message.essential);
}

void FarGate::take(FarWrite message) {
  const auto found = outgoing_.find(message.number);
  if (found == outgoing_.end()) return not_known(message.home, message.number);
  if (message.order <= found->second.writes) return;  // twice
  if (!found->second.streams || message.order != ++found->second.writes) {
    fail(message.number);
    return;
  }
  const HeldRequest held = found->second.held;
  if (message.last) {
    note_passed_on(message.number);
    note_written(message.number, found->second.server);
    outgoing_.erase(found);
  } else if (found->second.deadline_ms != -1) {
    found->second.deadline_ms = loop_.now_ms() + found->second.within_ms;
  }
  loop_.write(held, std::move(message.bytes), message.last);
}

// In a Redis Cluster an answer may come twice, by two nodes: the home must not take it for lost then.
void FarGate::note_passed_on(std::uint64_t number) {
  const std::int64_t now_ms = loop_.now_ms();
  while (!passed_on_by_age_.empty() &&
         (passed_on_by_age_.size() >= kMaxAnswered || now_ms >= passed_on_by_age_.front().second)) {
    passed_on_.erase(passed_on_by_age_.front().first);
    passed_on_by_age_.pop_front();
  }
  passed_on_by_age_.emplace_back(number, now_ms + kRepeatMs);
  passed_on_.insert(number);
}

// An answer, or a part of one, has come.
void FarGate::not_known(const std::string& home, std::uint64_t number) {
  if (!passed_on_.contains(number)) tell(home, pack(FarLost{name_of(number)}));
}

// Until its exchange has ended. The home forgets the answer otherwise.
void FarGate::note_written(std::uint64_t number, const std::string& server) {
  writings_->insert_or_assign(number, Writing{server, loop_.now_ms() + kSlowMs});
  look_after();
}

void FarGate::take(FarOver message) { fail(message.number); }  // NOLINT(performance-unnecessary-value-param)

// The home ----------------------------------------------------------------------------------------------------------------

void FarGate::take(FarRequest message) {
  const FarRequestName& name = message.name;
  const auto refuse_with = [&](HttpResponse response) {
    tell(name.entry, pack(FarAnswer{name.loop, name.number, false, std::move(response), far_->name()}));
  };
  if (by_name_.contains(name)) return;  // it came twice
  FarRequests::Place place = requests_->receive();
  if (!place) {
    loop_.refusals().note(Refusal::sessions, message.context.address, "a request of another server");
    refuse_with(HttpResponse::text(503, "too many requests of other servers\n"));
    return;
  }
  std::variant<HttpResponse, Hold> reaction = route_(message.request, message.context);
  if (auto* response = std::get_if<HttpResponse>(&reaction)) {
    refuse_with(std::move(*response));
    return;
  }
  Hold& hold = std::get<Hold>(reaction);
  const std::shared_ptr<Exchange> exchange = std::move(hold.exchange);
  const std::uint64_t number = ++last_number_;
  by_name_.emplace(name, number);
  try {
    Incoming incoming{exchange, name, std::move(place),
                      static_cast<std::int64_t>(std::min(message.within_ms, kMaxWithinMs))};
    // Later than the entry.
    if (incoming.within_ms != 0) incoming.deadline_ms = loop_.now_ms() + incoming.within_ms + kAnsweredMs;
    incoming_.emplace(number, std::move(incoming));
  } catch (const std::bad_alloc&) {
    by_name_.erase(name);
    throw;
  }
  look_after();
  exchange->on_held({loop_.index(), kConnection, number});
  if (hold.body == BodyPlan::Kind::none || !incoming_.contains(number)) return;
  if (message.body.size() > hold.max_body_bytes) {
    exchange->on_body_too_large();
  } else {
    exchange->on_body(std::move(message.body));
  }
}

void FarGate::answer(std::uint64_t number, HttpResponse response, bool essential) {
  const auto found = incoming_.find(number);
  if (found == incoming_.end() || found->second.streams || found->second.forget_ms != -1) return;
  Incoming& incoming = found->second;
  const FarRequestName& name = incoming.name;
  incoming.exchange->complete(response);
  const bool streams = response.streams;
  std::string text = pack(FarAnswer{name.loop, name.number, essential, std::move(response), far_->name()});
  if (streams) {
    incoming.streams = true;
    if (incoming.deadline_ms != -1) incoming.deadline_ms = loop_.now_ms() + incoming.within_ms + kAnsweredMs;
  } else if (!essential) {
    if (text.size() <= kMaxKeptAnswerBytes) incoming.answer = text;
    incoming.exchange.reset();
  }
  tell_entry(number, name.entry, std::move(text));
  if (!streams) finish(found);
}

void FarGate::write(std::uint64_t number, std::string bytes, bool last) {
  const auto found = incoming_.find(number);
  if (found == incoming_.end() || !found->second.streams || found->second.forget_ms != -1) return;
  Incoming& incoming = found->second;
  const FarRequestName& name = incoming.name;
  FarWrite message{name.loop, name.number, last, std::move(bytes), ++incoming.writes, far_->name()};
  tell_entry(number, name.entry, pack(message));
  if (incoming.deadline_ms != -1) incoming.deadline_ms = loop_.now_ms() + incoming.within_ms + kAnsweredMs;
  if (last) finish(found);
}

void FarGate::tell_entry(std::uint64_t number, const std::string& entry, std::string text) {
  tell(entry, std::move(text), [this, number](FarServers::Told told) {
    if (told == FarServers::Told::heard) return;
    const auto found = incoming_.find(number);
    if (told == FarServers::Told::failed && found != incoming_.end() && !found->second.answer.empty()) {
      found->second.untold = true;  // what was carried out is not unknown: the timer tells it again
    } else {
      abandon(number);
    }
  });
}

// The session has to learn when an essential answer does not reach the client. Any other may have to be given again.
void FarGate::finish(std::unordered_map<std::uint64_t, Incoming>::iterator incoming) {
  incoming->second.place.release();
  const std::int64_t forget_ms = loop_.now_ms() + kAnsweredMs;
  answered_.emplace_back(incoming->first, forget_ms);
  incoming->second.forget_ms = forget_ms;  // when the list has it, so that it is forgotten
  if (answered_.size() > kMaxAnswered) forget_oldest();
}

void FarGate::forget(std::unordered_map<std::uint64_t, Incoming>::iterator incoming) {
  by_name_.erase(incoming->second.name);
  incoming_.erase(incoming);
}

void FarGate::forget_oldest() {
  const auto found = incoming_.find(answered_.front().first);
  if (found != incoming_.end() && found->second.forget_ms == answered_.front().second) forget(found);
  answered_.pop_front();
}

// The entry, or the client's connection there, has ended.
void FarGate::give_up(std::uint64_t number) {
  const auto found = incoming_.find(number);
  if (found == incoming_.end()) return;
  const bool answered = found->second.streams || found->second.forget_ms != -1;
  const std::shared_ptr<Exchange> exchange = std::move(found->second.exchange);
  by_name_.erase(found->second.name);
  incoming_.erase(found);
  if (exchange) exchange->on_lost(answered);
}

// The same, and the entry does not know it.
void FarGate::abandon(std::uint64_t number) {
  const auto found = incoming_.find(number);
  if (found == incoming_.end()) return;
  const FarRequestName name = found->second.name;
  give_up(number);
  tell(name.entry, pack(FarOver{name.loop, name.number}));
}

void FarGate::take(FarLost message) {  // NOLINT(performance-unnecessary-value-param)
  if (const auto found = by_name_.find(message.name); found != by_name_.end()) give_up(found->second);
}

void FarGate::take(FarDrained message) {  // NOLINT(performance-unnecessary-value-param)
  const auto found = by_name_.find(message.name);
  if (found == by_name_.end()) return;
  const Incoming& incoming = incoming_.at(found->second);
  if (!incoming.streams || incoming.forget_ms != -1) return;
  const std::shared_ptr<Exchange> exchange = incoming.exchange;
  exchange->on_drained();
}

// What is not known was lost, or its answer cannot be given again.
void FarGate::take(FarKnown message) {  // NOLINT(performance-unnecessary-value-param)
  const FarRequestName& name = message.name;
  const auto known = by_name_.find(name);
  const auto found = known == by_name_.end() ? incoming_.end() : incoming_.find(known->second);
  if (found == incoming_.end()) {
    tell(name.entry, pack(FarOver{name.loop, name.number}));
  } else if (found->second.forget_ms != -1 && !found->second.answer.empty()) {
    tell(name.entry, found->second.answer);
  } else if (found->second.forget_ms != -1 && loop_.now_ms() - (found->second.forget_ms - kAnsweredMs) >= kAskMs) {
    abandon(found->first);  // it is not under way any more
  }
}

void FarGate::take(FarSlow message) {  // NOLINT(performance-unnecessary-value-param)
  const auto found = by_name_.find(message.name);
  if (found == by_name_.end()) return;
  Incoming& incoming = incoming_.at(found->second);
  if (incoming.forget_ms == -1) return;
  const std::int64_t forget_ms = loop_.now_ms() + kAnsweredMs;
  answered_.emplace_back(found->second, forget_ms);
  incoming.forget_ms = forget_ms;
}

// Both --------------------------------------------------------------------------------------------------------------------

void FarGate::on_text(FarKind kind, std::string_view text) {
  const auto take_as = [&](auto message) {
    if (unpack(text, message)) take(std::move(message));
  };
  switch (kind) {
    case FarKind::request:
      return take_as(FarRequest());
    case FarKind::lost:
      return take_as(FarLost());
    case FarKind::drained:
      return take_as(FarDrained());
    case FarKind::known:
      return take_as(FarKnown());
    case FarKind::slow:
      return take_as(FarSlow());
    case FarKind::answer:
      return take_as(FarAnswer());
    case FarKind::write:
      return take_as(FarWrite());
    case FarKind::over:
      return take_as(FarOver());
    case FarKind::presence:
      return;
  }
}

void FarGate::tell(const std::string& server, std::string text, FarServers::Done done, std::uint64_t request) {
  Unheard unheard{std::move(text), std::move(done), request};
  const auto silent = silent_.find(server);
  if (silent != silent_.end() && !silent->second.unheard.empty()) {
    keep_unheard(silent->second, std::move(unheard));
    return;
  }
  std::string copy = unheard.text;
  const auto kept = std::make_shared<Unheard>(std::move(unheard));
  far_->tell(server, std::move(copy),
             later([this, server, kept](FarServers::Told told) { on_told(server, std::move(*kept), told); }));
}

void FarGate::on_told(const std::string& server, Unheard unheard, FarServers::Told told) {
  if (told == FarServers::Told::nobody || told == FarServers::Told::unsettled) {
    Silence& silence = silence_of(server);
    if (silence.gone && told == FarServers::Told::unsettled) silence = Silence{loop_.now_ms()};
    if (!silence.gone) {
      keep_unheard(silence, std::move(unheard));
      return;
    }
  } else if (const auto found = silent_.find(server); found != silent_.end() && found->second.gone) {
    silent_.erase(found);
  }
  if (unheard.done) unheard.done(told);
}

FarGate::Silence& FarGate::silence_of(const std::string& server) {
  return silent_.try_emplace(server, Silence{loop_.now_ms()}).first->second;
}

void FarGate::keep_unheard(Silence& silence, Unheard unheard) {
  look_after();
  if (silence.unheard_bytes + unheard.text.size() <= kMaxUnheardBytes) {
    silence.unheard_bytes += unheard.text.size();
    silence.unheard.push_back(std::move(unheard));
  } else if (unheard.done) {
    // Not from inside of the call that tells.
    loop_.post_task([done = std::move(unheard.done)] { done(FarServers::Told::failed); });
  }
}

void FarGate::look_after() {
  if (!pending()) loop_.set_timer(*this, loop_.now_ms() + kLookMs);
}

void FarGate::on_deadline(std::int64_t now_ms) {
  if (!outgoing_.empty() || !incoming_.empty() || !silent_.empty() || !writings_->empty()) {
    loop_.set_timer(*this, now_ms + kLookMs);
  }
  std::unordered_set<std::string> servers;
  std::vector<std::uint64_t> late;
  std::vector<std::pair<std::string, std::string>> texts;
  for (auto& [number, one] : outgoing_) {
    servers.insert(one.server);
    if (one.deadline_ms != -1 && now_ms >= one.deadline_ms) {
      late.push_back(number);
    } else if (one.ask_ms != -1 && now_ms >= one.ask_ms && one.heard && !one.streams) {
      one.ask_ms = now_ms + kAskMs;
      texts.emplace_back(one.server, pack(FarKnown{name_of(number)}));
    }
  }
  for (auto& [number, one] : *writings_) {
    if (now_ms < one.tell_ms) continue;
    one.tell_ms = now_ms + kSlowMs;
    texts.emplace_back(one.server, pack(FarSlow{name_of(number)}));
  }
  while (!answered_.empty() && now_ms >= answered_.front().second) forget_oldest();
  std::vector<std::uint64_t> unanswered;
  std::vector<std::uint64_t> untold;
  for (auto& [number, one] : incoming_) {
    if (std::exchange(one.untold, false)) untold.push_back(number);
    if (one.forget_ms != -1) continue;
    servers.insert(one.name.entry);
    if (one.deadline_ms != -1 && now_ms >= one.deadline_ms) unanswered.push_back(number);
  }
  std::erase_if(silent_, [&](const auto& one) {
    const Silence& silence = one.second;
    if (silence.gone) return now_ms - silence.since_ms >= kGoneMs;
    if (!silence.unheard.empty()) servers.insert(one.first);
    return !servers.contains(one.first);
  });
  for (const std::uint64_t number : late) fail(number);
  for (const std::uint64_t number : unanswered) abandon(number);
  for (const std::uint64_t number : untold) {
    if (const auto found = incoming_.find(number); found != incoming_.end()) {
      tell_entry(number, found->second.name.entry, found->second.answer);
    }
  }
  for (auto& [server, text] : texts) tell(server, std::move(text));
  for (const std::string& server : servers) {
    far_->tell(server, pack_presence(), later([this, server](FarServers::Told told) { on_look(server, told); }));
  }
}

void FarGate::on_look(const std::string& server, FarServers::Told told) {
  if (told == FarServers::Told::unsettled) return;  // that tells nothing of this server
  const auto found = silent_.find(server);
  if (told == FarServers::Told::nobody) {
    Silence& silence = silence_of(server);
    ++silence.looks;
    if (silence.gone || silence.looks < kSilentLooks || loop_.now_ms() - silence.since_ms < kSilenceMs) return;
    const std::deque<Unheard> unheard = std::move(silence.unheard);
    silence = Silence{loop_.now_ms()};
    silence.gone = true;
    for (const Unheard& one : unheard) {
      if (one.done) one.done(told);
    }
    on_server_gone(server);
  } else if (found != silent_.end()) {
    // It is there again, or nobody knows: then it may take as long again.
    const std::deque<Unheard> unheard = std::move(found->second.unheard);
    silent_.erase(found);
    for (const Unheard& one : unheard) {
      // Nobody waits for it any more, and nobody has heard it.
      if (one.request != 0 && !outgoing_.contains(one.request)) continue;
      tell(server, one.text, one.done, one.request);
    }
  }
}

void FarGate::on_server_gone(const std::string& server) {
  std::vector<std::uint64_t> held;
  for (const auto& [number, one] : outgoing_) {
    if (one.server == server) held.push_back(number);
  }
  for (const std::uint64_t number : held) fail(number);
  std::vector<std::uint64_t> asked;
  for (const auto& [number, one] : incoming_) {
    if (one.name.entry == server) asked.push_back(number);
  }
  for (const std::uint64_t number : asked) {
    // A client that an answer has not reached tries again by itself.
    const auto found = incoming_.find(number);
    if (found == incoming_.end()) continue;
    if (found->second.forget_ms != -1) {
      forget(found);
    } else {
      abandon(number);
    }
  }
}

}  // namespace chat::net
