// See far_gate.h.
#include "net/session/far_gate.h"

#include <algorithm>
#include <new>
#include <unordered_set>
#include <utility>
#include <vector>

namespace chat::net {
namespace {

constexpr std::int64_t kLookMs = 1'000;
// A server that connects to its Redis again hears nothing meanwhile.
constexpr std::int64_t kSilenceMs = 3'000;
constexpr int kSilentLooks = 3;
constexpr std::uint64_t kMaxWithinMs = 7ULL * 24 * 3'600'000;
// How long the entry may take to write an answer and to tell that it could not.
constexpr std::int64_t kAnsweredMs = 10'000;
// On one loop, in each direction. A request that arrives above this is refused.
constexpr std::size_t kMaxRequests = 8'192;
// A polling session has a GET and a POST.
constexpr std::int64_t kRequestsPerSession = 2;
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
      : gate_(gate), forwarding_(std::move(forwarding)), request_(std::move(request)), has_body_(has_body) {}

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
};

FarGate::~FarGate() = default;

void FarGate::open(FarServers& far, Route route) {
  far_ = &far;
  route_ = std::move(route);
}

void FarGate::shut_down() {
  TimerWheel::cancel(*this);
  outgoing_.clear();
  incoming_.clear();
  by_name_.clear();
  by_source_.clear();
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
  const std::string source = SourceTable::key_of(address);
  const std::int64_t sessions = loop_.options().max_polling_sessions_per_address;
  const auto of_source = by_source_.find(source);
  const std::int64_t held_before = of_source == by_source_.end() ? 0 : of_source->second;
  if (!source.empty() && sessions != kUnlimited && held_before >= kRequestsPerSession * sessions) {
    refuse(held, forwarding.headers, Refusal::sessions_per_address, address);
    return false;
  }
  if (outgoing_.size() >= kMaxRequests) {
    refuse(held, forwarding.headers, Refusal::sessions, address);
    return false;
  }
  Outgoing outgoing;
  outgoing.bytes = Share(loop_.sources().find(address), Resource::queued_bytes);
  request.name = name_of(number);
  if (forwarding.within_ms != kUnlimited) request.within_ms = static_cast<std::uint64_t>(forwarding.within_ms);
  std::string text = pack(request);
  const auto bytes = static_cast<std::int64_t>(text.size()) + kRequestBytes;
  if (const std::optional<Refusal> refusal = outgoing.bytes.resize(bytes)) {
    refuse(held, forwarding.headers, *refusal, address);
    return false;
  }
  outgoing.held = held;
  outgoing.server = forwarding.server;
  outgoing.gone = forwarding.gone;
  outgoing.source = source;
  outgoing.within_ms = forwarding.within_ms;
  if (forwarding.within_ms != kUnlimited) outgoing.deadline_ms = loop_.now_ms() + forwarding.within_ms;
  outgoing_.emplace(number, std::move(outgoing));
  try {
    ++by_source_[source];
    look_after();
    far_->tell(forwarding.server, std::move(text), later([this, number](FarServers::Told told) {
                 if (told != FarServers::Told::heard) fail(number, told);
               }));
  } catch (const std::bad_alloc&) {
    end(outgoing_.find(number));
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
  end(found);
  if (streams) {
    loop_.write(held, {}, true);
  } else {
    if (told == FarServers::Told::failed) {
      response.status = 503;
      response.body.clear();
    }
    loop_.answer(held, std::move(response), false);
  }
  far_->tell(server, pack(FarLost{name_of(number)}), nullptr);
}

void FarGate::end(std::unordered_map<std::uint64_t, Outgoing>::iterator outgoing) {
  const auto source = by_source_.find(outgoing->second.source);
  if (source != by_source_.end() && --source->second == 0) by_source_.erase(source);
  outgoing_.erase(outgoing);
}

void FarGate::lost(const std::string& server, std::uint64_t number) {
  if (const auto found = outgoing_.find(number); found != outgoing_.end()) end(found);
  far_->tell(server, pack(FarLost{name_of(number)}), nullptr);
}

void FarGate::drained(const std::string& server, std::uint64_t number) {
  if (!outgoing_.contains(number)) return;
  far_->tell(server, pack(FarDrained{name_of(number)}), later([this, number](FarServers::Told told) {
               if (told != FarServers::Told::heard) fail(number);
             }));
}

void FarGate::take(FarAnswer message) {
  const auto found = outgoing_.find(message.number);
  if (found == outgoing_.end()) far_->tell(message.home, pack(FarLost{name_of(message.number)}), nullptr);
  if (found == outgoing_.end() || found->second.streams) return;
  const HeldRequest held = found->second.held;
  if (message.response.streams) {
    found->second.streams = true;
    if (found->second.deadline_ms != -1) found->second.deadline_ms = loop_.now_ms() + found->second.within_ms;
  } else {
    end(found);
  }
  loop_.answer(held, std::move(message.response), message.essential);
}

void FarGate::take(FarWrite message) {
  const auto found = outgoing_.find(message.number);
  if (found == outgoing_.end()) {
    far_->tell(message.home, pack(FarLost{name_of(message.number)}), nullptr);
    return;
  }
  if (message.order <= found->second.writes) return;  // twice
  if (!found->second.streams || message.order != ++found->second.writes) {
    fail(message.number);
    return;
  }
  const HeldRequest held = found->second.held;
  if (message.last) {
    end(found);
  } else if (found->second.deadline_ms != -1) {
    found->second.deadline_ms = loop_.now_ms() + found->second.within_ms;
  }
  loop_.write(held, std::move(message.bytes), message.last);
}

void FarGate::take(FarOver message) { fail(message.number); }  // NOLINT(performance-unnecessary-value-param)

// The home ----------------------------------------------------------------------------------------------------------------

void FarGate::take(FarRequest message) {
  const FarRequestName& name = message.name;
  const auto refuse_with = [&](HttpResponse response) {
    far_->tell(name.entry, pack(FarAnswer{name.loop, name.number, false, std::move(response), far_->name()}), nullptr);
  };
  if (by_name_.contains(name)) return;     // it came twice
  if (incoming_.size() >= kMaxRequests) {  // those that are answered can be forgotten
    std::erase_if(incoming_, [this](const auto& one) {
      if (one.second.forget_ms != -1) by_name_.erase(one.second.name);
      return one.second.forget_ms != -1;
    });
  }
  if (incoming_.size() >= kMaxRequests) {
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
    Incoming incoming{exchange, name, static_cast<std::int64_t>(std::min(message.within_ms, kMaxWithinMs))};
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
  FarAnswer message{name.loop, name.number, essential, std::move(response), far_->name()};
  tell_entry(number, name.entry, pack(message));
  if (streams) {
    incoming.streams = true;
    if (incoming.deadline_ms != -1) incoming.deadline_ms = loop_.now_ms() + incoming.within_ms + kAnsweredMs;
  } else {
    finish(found, essential);
  }
}

void FarGate::write(std::uint64_t number, std::string bytes, bool last) {
  const auto found = incoming_.find(number);
  if (found == incoming_.end() || !found->second.streams || found->second.forget_ms != -1) return;
  Incoming& incoming = found->second;
  const FarRequestName& name = incoming.name;
  FarWrite message{name.loop, name.number, last, std::move(bytes), ++incoming.writes, far_->name()};
  tell_entry(number, name.entry, pack(message));
  if (incoming.deadline_ms != -1) incoming.deadline_ms = loop_.now_ms() + incoming.within_ms + kAnsweredMs;
  if (last) finish(found, true);
}

void FarGate::tell_entry(std::uint64_t number, const std::string& entry, std::string text) {
  far_->tell(entry, std::move(text), later([this, number](FarServers::Told told) {
               if (told != FarServers::Told::heard) abandon(number);
             }));
}

// The session has to learn when an essential answer does not reach the client.
void FarGate::finish(std::unordered_map<std::uint64_t, Incoming>::iterator incoming, bool essential) {
  if (essential) {
    incoming->second.forget_ms = loop_.now_ms() + kAnsweredMs;
    return;
  }
  by_name_.erase(incoming->second.name);
  incoming_.erase(incoming);
}

// The entry, or the client's connection there, has ended.
void FarGate::give_up(std::uint64_t number) {
  const auto found = incoming_.find(number);
  if (found == incoming_.end()) return;
  const bool answered = found->second.streams || found->second.forget_ms != -1;
  const std::shared_ptr<Exchange> exchange = std::move(found->second.exchange);
  by_name_.erase(found->second.name);
  incoming_.erase(found);
  exchange->on_lost(answered);
}

// The same, and the entry does not know it.
void FarGate::abandon(std::uint64_t number) {
  const auto found = incoming_.find(number);
  if (found == incoming_.end()) return;
  const FarRequestName name = found->second.name;
  give_up(number);
  far_->tell(name.entry, pack(FarOver{name.loop, name.number}), nullptr);
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

void FarGate::look_after() {
  if (!pending()) loop_.set_timer(*this, loop_.now_ms() + kLookMs);
}

void FarGate::on_deadline(std::int64_t now_ms) {
  if (!outgoing_.empty() || !incoming_.empty()) loop_.set_timer(*this, now_ms + kLookMs);
  std::unordered_set<std::string> servers;
  std::vector<std::uint64_t> late;
  for (const auto& [number, one] : outgoing_) {
    servers.insert(one.server);
    if (one.deadline_ms != -1 && now_ms >= one.deadline_ms) late.push_back(number);
  }
  std::vector<std::uint64_t> over;
  std::vector<std::uint64_t> unanswered;
  for (const auto& [number, one] : incoming_) {
    if (one.forget_ms != -1) {
      if (now_ms >= one.forget_ms) over.push_back(number);
      continue;
    }
    servers.insert(one.name.entry);
    if (one.deadline_ms != -1 && now_ms >= one.deadline_ms) unanswered.push_back(number);
  }
  std::erase_if(silent_, [&](const auto& one) { return !servers.contains(one.first); });
  for (const std::uint64_t number : over) finish(incoming_.find(number), false);
  for (const std::uint64_t number : late) fail(number);
  for (const std::uint64_t number : unanswered) abandon(number);
  for (const std::string& server : servers) {
    far_->tell(server, pack_presence(), later([this, server](FarServers::Told told) { on_look(server, told); }));
  }
}

void FarGate::on_look(const std::string& server, FarServers::Told told) {
  if (told != FarServers::Told::nobody) {
    if (const auto found = silent_.find(server); found != silent_.end()) silent_.erase(found);
    return;
  }
  Silence& silence = silent_.try_emplace(server, Silence{loop_.now_ms(), 0}).first->second;
  ++silence.looks;
  if (silence.looks < kSilentLooks || loop_.now_ms() - silence.since_ms < kSilenceMs) return;
  silent_.erase(server);
  on_server_gone(server);
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
      finish(found, false);
    } else {
      abandon(number);
    }
  }
}

}  // namespace chat::net
