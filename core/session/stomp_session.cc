// See stomp_session.h.
#include "session/stomp_session.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "session/stomp_client_frames.h"
#include "wire/json/json.h"

namespace chat::session {

using wire::StompCommand;
using wire::StompDestination;
using wire::StompDestinationKind;
using wire::StompFrame;
using wire::StompVersion;

namespace {

constexpr std::string_view kTextPlain = "text/plain;charset=utf-8";
constexpr std::string_view kJson = "application/json;charset=utf-8";

// The counter of a frame that the parser refuses.
Refusal refusal_of(wire::StompFault fault) {
  switch (fault) {
    case wire::StompFault::too_many_headers:
    case wire::StompFault::line_too_long:
    case wire::StompFault::headers_too_large:
    case wire::StompFault::body_too_large:
      return Refusal::message_bytes;
    default:
      return Refusal::malformed;
  }
}

std::size_t size_of(const stomp::Publish& publish) {
  std::size_t bytes = publish.destination.name.size() + publish.body.size();
  if (publish.content_type) bytes += publish.content_type->size();
  if (publish.message_id) bytes += publish.message_id->size();
  for (const Pair& header : publish.headers) bytes += sizeof(header) + header.name.size() + header.value.size();
  return bytes;
}

}  // namespace

StompSession::StompSession(const StompOptions& options, std::int64_t now_ms)
    : options_(options),
      parser_(options.limits),
      subscriptions_(options.max_unacknowledged),
      transactions_(options.transactions),
      requests_(options.max_requests),
      heart_beats_(now_ms),
      connect_due_ms_(now_ms + options.connect_timeout_ms) {}

void StompSession::receive(std::string_view bytes, std::int64_t now_ms, StompActions& out) {
  if (closed() || bytes.empty()) return;
  heart_beats_.heard(now_ms);
  if (state_ == State::disconnecting) return;  // nothing may follow DISCONNECT
  if (bytes.size() > options_.max_waiting_bytes - std::min(waiting_bytes(), options_.max_waiting_bytes)) {
    fail("too much input waits", nullptr, out);
    return;
  }
  input_.erase(0, std::exchange(input_at_, 0));
  input_ += bytes;
}

bool StompSession::has_input() const {
  return waiting_bytes() != 0 && (state_ == State::waiting || state_ == State::connected);
}

std::size_t StompSession::held_bytes() const {
  return waiting_bytes() + parser_.held_bytes() + subscriptions_.held_bytes() + transactions_.held_bytes() +
         requests_.held_bytes();
}

bool StompSession::take_frame(std::int64_t now_ms, StompActions& out) {
  if (!has_input()) return false;
  std::string_view bytes = std::string_view(input_).substr(input_at_);
  StompFrame frame;
  const bool complete = parser_.read(bytes, frame);
  input_at_ = input_.size() - bytes.size();
  if (bytes.empty()) {
    input_.clear();
    input_at_ = 0;
  }
  if (complete) {
    handle(frame, now_ms, out);
  } else if (const auto fault = parser_.fault()) {
    fail(text_of(*fault), parser_.receipt_at_fault(), out, {}, refusal_of(*fault));
  }
  return complete;
}

void StompSession::handle(StompFrame& frame, std::int64_t now_ms, StompActions& out) {
  const bool connects = frame.command == StompCommand::connect || frame.command == StompCommand::stomp;
  if (state_ == State::waiting) {
    if (!connects) return fail("the first frame must be CONNECT", &frame, out);
    return connect(frame, out);
  }
  switch (frame.command) {
    case StompCommand::send:
      return send(frame, now_ms, out);
    case StompCommand::subscribe:
      return subscribe(frame, out);
    case StompCommand::unsubscribe:
      return unsubscribe(frame, now_ms, out);
    case StompCommand::ack:
      return acknowledge(frame, now_ms, out);
    case StompCommand::nack:
      if (version_ == StompVersion::v1_0) break;
      return acknowledge(frame, now_ms, out);
    case StompCommand::begin:
      return begin(frame, now_ms, out);
    case StompCommand::commit:
      return commit(frame, now_ms, out);
    case StompCommand::abort:
      return abort(frame, now_ms, out);
    case StompCommand::disconnect:
      return disconnect(frame, out);
    case StompCommand::connect:
    case StompCommand::stomp:
      return fail("the client is connected already", &frame, out);
    default:
      break;
  }
  fail("no client sends " + std::string(name_of(frame.command)) + " in this version", &frame, out);
}

void StompSession::connect(const StompFrame& frame, StompActions& out) {
  const auto version = wire::negotiate_stomp_version(frame.header("accept-version"));
  if (!version) {
    send_error({{"version", std::string(wire::kStompVersions)},
                {"message", "no common version"},
                {"content-type", std::string(kTextPlain)}},
               "Supported protocol versions are " + std::string(wire::kStompVersions), Refusal::malformed, out);
    return;
  }
  version_ = *version;
  parser_.set_version(version_);
  if (version_ != StompVersion::v1_0) {
    const auto wanted = wire::parse_stomp_heart_beat(frame.header("heart-beat"));
    if (!wanted) return fail("malformed heart-beat", nullptr, out);
    heart_beats_.agree(wire::negotiate_stomp_heart_beats(*wanted, options_.heart_beat));
  }
  state_ = State::connecting;
  StompConnectFrame read = read_connect(frame, version_);
  out.emplace_back(
      stomp::Connect{version_, std::move(read.host), std::move(read.login), std::move(read.passcode), frame.headers});
}

void StompSession::accept(std::string_view session_id, std::int64_t now_ms, StompActions& out) {
  if (state_ != State::connecting) return;
  state_ = State::connected;
  heart_beats_.heard(now_ms);  // the client may have waited for the answer
  StompFrame frame{
      StompCommand::connected,
      {{"version", std::string(name_of(version_))}, {"session", std::string(session_id)}, {"server", options_.server}},
      {}};
  if (version_ != StompVersion::v1_0)
    frame.headers.push_back({"heart-beat", wire::encode_stomp_heart_beat(options_.heart_beat)});
  send_bytes(wire::encode_stomp(frame, version_), now_ms, out);
}

void StompSession::reject(std::string_view message, std::string_view details, StompActions& out) {
  if (state_ == State::connecting) close(message, details, out);
}

void StompSession::subscribe(const StompFrame& frame, StompActions& out) {
  Result<StompSubscribeFrame> read = read_subscribe(frame, version_, options_.prefixes);
  if (!read.ok()) return fail(read.status().detail, &frame, out);
  if (read->id.value_or("").size() > options_.max_id_bytes) return fail("the id is too long", &frame, out);
  if (read->id ? subscriptions_.find_id(*read->id) : subscriptions_.find_destination(read->destination_text))
    return fail("there is such a subscription already", &frame, out);
  if (subscriptions_.size() >= options_.max_subscriptions) return fail("too many subscriptions", &frame, out);
  const auto ref = add_request({StompRequests::Kind::subscribe, header_of(frame, "receipt")}, &frame, out);
  if (!ref) return;

  StompSubscriptions::Entry entry;
  entry.has_id = read->id.has_value();
  entry.id = std::move(read->id).value_or("");
  entry.destination = std::move(read->destination_text);
  entry.is_error_queue = read->destination.is_error_queue();
  entry.ack = read->ack;
  const stomp::Subscription number = subscriptions_.add(std::move(entry)).number;
  std::string head = read->ack == StompAckMode::automatic ? message_head(number, {}) : std::string();
  out.emplace_back(stomp::Subscribe{*ref, number, std::move(read->destination), std::move(read->since), read->ack,
                                    read->changes, std::move(head)});
}

void StompSession::unsubscribe(const StompFrame& frame, std::int64_t now_ms, StompActions& out) {
  const std::string* id = frame.header("id");
  const StompSubscriptions::Entry* entry = nullptr;
  if (id) {
    entry = subscriptions_.find_id(*id);
  } else if (version_ == StompVersion::v1_0) {
    const std::string* destination = require(frame, "destination", out);
    if (!destination) return;
    entry = subscriptions_.find_destination(*destination);
  } else {
    return fail("UNSUBSCRIBE needs a header id", &frame, out);
  }
  if (!entry) return fail("there is no such subscription", &frame, out);
  const stomp::Subscription number = entry->number;
  subscriptions_.remove(number);
  out.emplace_back(stomp::Unsubscribe{number});
  receipt(header_of(frame, "receipt"), now_ms, out);
}

void StompSession::send(StompFrame& frame, std::int64_t now_ms, StompActions& out) {
  const std::string* text = require(frame, "destination", out);
  if (!text) return;
  const auto transaction = header_of(frame, "transaction");
  if (transaction && !transactions_.contains(*transaction)) return fail("there is no such transaction", &frame, out);
  StompRequests::Request request{StompRequests::Kind::publish, header_of(frame, "receipt"), *text};
  Result<StompDestination> destination = read_send_destination(*text, options_.prefixes);
  if (!destination.ok()) {
    if (transaction) transactions_.refuse(*transaction);
    if (const auto ref = add_request(std::move(request), &frame, out))
      out.emplace_back(stomp::Refuse{*ref, destination.status()});
    return;
  }
  stomp::Publish publish{0,
                         *std::move(destination),
                         header_of(frame, "content-type"),
                         header_of(frame, "message-id"),
                         own_headers(std::move(frame.headers)),
                         std::move(frame.body),
                         transaction.has_value()};
  if (!transaction) return this->publish(std::move(publish), std::move(request), out);
  const std::size_t bytes = size_of(publish);
  if (!transactions_.add(*transaction, std::move(publish), bytes))
    return fail("the transactions are too large", request.receipt, out);
  receipt(request.receipt, now_ms, out);
}

void StompSession::publish(stomp::Publish publish, StompRequests::Request request, StompActions& out) {
  const auto ref = add_request(std::move(request), nullptr, out);
  if (!ref) return;
  publish.ref = *ref;
  out.emplace_back(std::move(publish));
}

std::optional<StompSubscriptions::Mark> StompSession::find_mark(const StompFrame& frame, StompActions& out) {
  StompSubscriptions::Mark mark;
  if (version_ == StompVersion::v1_2) {
    const std::string* id = require(frame, "id", out);
    if (!id) return std::nullopt;
    if (subscriptions_.find_message(*id, mark)) return mark;
    fail("no message has this id", &frame, out);
    return std::nullopt;
  }
  const std::string* message_id = require(frame, "message-id", out);
  if (!message_id) return std::nullopt;
  if (version_ == StompVersion::v1_0) return subscriptions_.find_message_id(0, *message_id);
  const std::string* id = require(frame, "subscription", out);
  if (!id) return std::nullopt;
  if (const StompSubscriptions::Entry* entry = subscriptions_.find_id(*id))
    return subscriptions_.find_message_id(entry->number, *message_id);
  fail("there is no such subscription", &frame, out);
  return std::nullopt;
}

void StompSession::acknowledge(const StompFrame& frame, std::int64_t now_ms, StompActions& out) {
  const auto mark = find_mark(frame, out);
  if (!mark) return;
  const StompTransactions::Ack ack{*mark, frame.command == StompCommand::nack};
  if (const std::string* transaction = frame.header("transaction")) {
    if (!transactions_.contains(*transaction)) return fail("there is no such transaction", &frame, out);
    if (!transactions_.add(*transaction, ack, 0)) return fail("the transactions are too large", &frame, out);
  } else {
    apply(ack, out);
  }
  receipt(header_of(frame, "receipt"), now_ms, out);
}

void StompSession::apply(const StompTransactions::Ack& ack, StompActions& out) {
  std::vector<std::string> ids = subscriptions_.acknowledge(ack.mark);
  if (!ids.empty()) out.emplace_back(stomp::Acknowledged{ack.mark.subscription, std::move(ids), ack.negative});
}

void StompSession::begin(const StompFrame& frame, std::int64_t now_ms, StompActions& out) {
  const std::string* id = require_transaction(frame, out);
  if (!id) return;
  if (transactions_.contains(*id)) return fail("there is such a transaction already", &frame, out);
  if (!transactions_.begin(*id)) return fail("too many transactions", &frame, out);
  receipt(header_of(frame, "receipt"), now_ms, out);
}

void StompSession::commit(const StompFrame& frame, std::int64_t now_ms, StompActions& out) {
  const std::string* id = require_transaction(frame, out);
  if (!id) return;
  if (!transactions_.contains(*id)) return fail("there is no such transaction", &frame, out);
  auto [steps, refused] = transactions_.end(*id);
  StompRequests::Request whole{StompRequests::Kind::commit, header_of(frame, "receipt")};
  whole.failed = refused;
  whole.unfinished = static_cast<std::size_t>(std::count_if(
      steps.begin(), steps.end(), [](const auto& step) { return std::holds_alternative<stomp::Publish>(step); }));
  std::optional<stomp::Ref> ref;
  if (whole.unfinished == 0) {
    if (!refused) receipt(whole.receipt, now_ms, out);
  } else if (ref = add_request(std::move(whole), &frame, out); !ref) {
    return;
  }
  for (StompTransactions::Step& step : steps) {
    if (closed()) return;
    if (const auto* ack = std::get_if<StompTransactions::Ack>(&step)) {
      apply(*ack, out);
      continue;
    }
    auto& message = std::get<stomp::Publish>(step);
    StompRequests::Request request{StompRequests::Kind::publish, std::nullopt,
                                   wire::encode_stomp_destination(options_.prefixes, message.destination),
                                   ref.value_or(0)};
    publish(std::move(message), std::move(request), out);
  }
}

void StompSession::abort(const StompFrame& frame, std::int64_t now_ms, StompActions& out) {
  const std::string* id = require_transaction(frame, out);
  if (!id) return;
  if (!transactions_.contains(*id)) return fail("there is no such transaction", &frame, out);
  transactions_.end(*id);
  receipt(header_of(frame, "receipt"), now_ms, out);
}

void StompSession::disconnect(const StompFrame& frame, StompActions& out) {
  transactions_.clear();
  const auto ref = add_request({StompRequests::Kind::disconnect, header_of(frame, "receipt")}, &frame, out);
  if (!ref) return;
  state_ = State::disconnecting;
  heart_beats_.stop_hearing();
  input_.clear();
  input_at_ = 0;
  out.emplace_back(stomp::Disconnect{*ref});
}

void StompSession::done(stomp::Ref ref, std::int64_t now_ms, StompActions& out) {
  const auto request = requests_.take(ref);
  if (!request) return;
  receipt(request->receipt, now_ms, out);
  if (request->kind == StompRequests::Kind::disconnect) {
    state_ = State::closed;
    clear();
    out.emplace_back(stomp::Close{});
  } else if (request->commit != 0) {
    finish_part(request->commit, false, now_ms, out);
  }
}

void StompSession::refused(stomp::Ref ref, std::string_view error, std::string_view reason, std::int64_t now_ms,
                           StompActions& out) {
  const auto request = requests_.take(ref);
  if (!request) return;
  if (request->kind != StompRequests::Kind::publish) {
    return fail(reason.empty() ? error : reason, request->receipt, out, {}, std::nullopt);
  }
  tell_refused(*request, error, reason, now_ms, out);
  if (request->commit != 0) finish_part(request->commit, true, now_ms, out);
}

void StompSession::finish_part(stomp::Ref commit, bool refused, std::int64_t now_ms, StompActions& out) {
  const auto ended = requests_.take_part(commit, refused);
  if (ended && !ended->failed) receipt(ended->receipt, now_ms, out);
}

void StompSession::tell_refused(const StompRequests::Request& request, std::string_view error, std::string_view reason,
                                std::int64_t now_ms, StompActions& out) {
  Pairs headers;
  if (request.receipt) headers.push_back({"receipt-id", *request.receipt});
  std::string json = R"({"error":)";
  wire::json::append_quoted(json, error);
  json += R"(,"reason":)";
  wire::json::append_quoted(json, reason);
  json += R"(,"destination":)";
  wire::json::append_quoted(json, request.destination);
  json += '}';
  send_to_error_queue(std::move(headers), json, now_ms, out);
}

void StompSession::tell(std::string_view json, std::int64_t now_ms, StompActions& out) {
  if (state_ == State::connected) send_to_error_queue({}, json, now_ms, out);
}

bool StompSession::has_error_queue() const {
  return std::ranges::any_of(subscriptions_.entries(), [](const auto& entry) { return entry.is_error_queue; });
}

void StompSession::send_to_error_queue(Pairs headers, std::string_view json, std::int64_t now_ms, StompActions& out) {
  const StompDestination queue{StompDestinationKind::user_queue, std::string(wire::kStompErrorQueue)};
  const std::string id = "error-" + std::to_string(++refusals_);
  Pairs all{{"destination", wire::encode_stomp_destination(options_.prefixes, queue)},
            {"message-id", id},
            {"content-type", std::string(kJson)}};
  std::ranges::move(headers, std::back_inserter(all));
  const std::string tail = wire::stomp_message_tail(version_, all, json);
  for (const StompSubscriptions::Entry& entry : subscriptions_.entries()) {
    if (entry.is_error_queue) send_bytes(message_head(entry.number, id) + tail, now_ms, out);
  }
}

std::string StompSession::message_head(stomp::Subscription subscription, std::string_view message_id) {
  const StompSubscriptions::Entry* entry = subscriptions_.find(subscription);
  if (!entry) return {};
  const std::string* id = entry->has_id ? &entry->id : nullptr;
  std::string ack_id = subscriptions_.add_message(subscription, message_id);
  // Before version 1.2 the message's own id is what ACK refers to.
  if (version_ != StompVersion::v1_2) ack_id.clear();
  return wire::stomp_message_head(version_, id, ack_id);
}

void StompSession::wrote(std::int64_t now_ms) { heart_beats_.wrote(now_ms); }

void StompSession::close(std::string_view message, std::string_view details, StompActions& out) {
  if (!closed()) fail(message, std::nullopt, out, details, std::nullopt);
}

void StompSession::lost() {
  state_ = State::closed;
  clear();
}

const std::string* StompSession::require(const StompFrame& frame, std::string_view header, StompActions& out) {
  const std::string* value = frame.header(header);
  if (!value) fail(std::string(name_of(frame.command)) + " needs a header " + std::string(header), &frame, out);
  return value;
}

const std::string* StompSession::require_transaction(const StompFrame& frame, StompActions& out) {
  const std::string* id = require(frame, "transaction", out);
  if (!id || id->size() <= options_.max_id_bytes) return id;
  fail("the transaction's identifier is too long", &frame, out);
  return nullptr;
}

std::optional<stomp::Ref> StompSession::add_request(StompRequests::Request request, const StompFrame* frame,
                                                    StompActions& out) {
  const auto ref = requests_.add(std::move(request));
  if (!ref) fail("too many requests wait", frame, out);
  return ref;
}

void StompSession::receipt(const std::optional<std::string>& id, std::int64_t now_ms, StompActions& out) {
  if (id) send_bytes(wire::encode_stomp({StompCommand::receipt, {{"receipt-id", *id}}, {}}, version_), now_ms, out);
}

void StompSession::send_bytes(std::string bytes, std::int64_t now_ms, StompActions& out) {
  wrote(now_ms);
  out.emplace_back(stomp::Send{std::move(bytes)});
}

void StompSession::fail(std::string_view message, const StompFrame* frame, StompActions& out) {
  // A CONNECT frame cannot ask for a receipt.
  const bool connects = frame && (frame->command == StompCommand::connect || frame->command == StompCommand::stomp);
  fail(message, frame && !connects ? header_of(*frame, "receipt") : std::nullopt, out);
}

void StompSession::fail(std::string_view message, const std::optional<std::string>& receipt, StompActions& out,
                        std::string_view details, std::optional<Refusal> refusal) {
  Pairs headers{{"message", std::string(message)}};
  if (receipt) headers.push_back({"receipt-id", *receipt});
  if (!details.empty()) headers.push_back({"content-type", std::string(kTextPlain)});
  send_error(std::move(headers), details, refusal, out);
}

void StompSession::send_error(Pairs headers, std::string_view body, std::optional<Refusal> refusal, StompActions& out) {
  const auto message = std::ranges::find_if(headers, [](const Pair& header) { return header.name == "message"; });
  std::string reason = message == headers.end() ? std::string() : message->value;
  out.emplace_back(
      stomp::Send{wire::encode_stomp({StompCommand::error, std::move(headers), std::string(body)}, version_)});
  out.emplace_back(stomp::Close{std::move(reason), refusal});
  state_ = State::closed;
  clear();
}

void StompSession::clear() {
  input_.clear();
  input_at_ = 0;
  transactions_.clear();
  requests_.clear();
}

std::int64_t StompSession::deadline_ms() const {
  switch (state_) {
    case State::waiting:
      return connect_due_ms_;
    case State::connected:
    case State::disconnecting:
      break;
    case State::connecting:
    case State::closed:
      return kNever;
  }
  return heart_beats_.deadline_ms();
}

void StompSession::tick(std::int64_t now_ms, StompActions& out) {
  if (state_ == State::waiting && now_ms >= connect_due_ms_) {
    return fail("no CONNECT frame came in time", std::nullopt, out, {}, Refusal::request_timeout);
  }
  if (state_ != State::connected && state_ != State::disconnecting) return;
  // While its frames wait here, no more is read of the client.
  if (waiting_bytes() != 0) heart_beats_.heard(now_ms);
  if (heart_beats_.is_silent(now_ms)) {
    return fail("no heart-beat came in time", std::nullopt, out, {}, Refusal::ping_timeout);
  }
  if (heart_beats_.must_write(now_ms)) send_bytes(std::string(wire::kStompHeartBeat), now_ms, out);
}

}  // namespace chat::session
