// See application.h.
#include "application.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>

#include "guard.h"
#include "handle.h"
#include "message.h"
#include "model/utf8.h"
#include "person.h"

namespace chat::capi {
namespace {

using std::chrono::steady_clock;

// At most one warning about slow callbacks in this time, because a slow callback is often called often.
constexpr std::int64_t kSlowWarningEveryMs = 1'000;

std::int64_t milliseconds(steady_clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

// The text in a callback's reason buffer, without the rest of a character that snprintf has cut.
std::string read_reason(const char* buffer) {
  std::string_view reason(buffer, std::find(buffer, buffer + CHAT_REASON_BYTES - 1, '\0') - buffer);
  for (int cut = 0; cut < 4; ++cut) {
    if (is_utf8(reason)) return std::string(reason);
    reason.remove_suffix(1);
  }
  return {};
}

// The on_message that runs on this thread. A list, because a callback may drive another server.
struct RunningMessage : chat_message_event {
  const chat_server* server = nullptr;
  MessageDraft* draft = nullptr;
  std::optional<MessageDraft> replacement;
  std::int64_t max_message_bytes = 0;
  RunningMessage* outer = nullptr;
};
thread_local RunningMessage* innermost_message = nullptr;

class RunningMessageScope {
 public:
  explicit RunningMessageScope(RunningMessage& message) {
    message.outer = innermost_message;
    innermost_message = &message;
  }
  ~RunningMessageScope() { innermost_message = innermost_message->outer; }
  RunningMessageScope(const RunningMessageScope&) = delete;
  RunningMessageScope& operator=(const RunningMessageScope&) = delete;
};

}  // namespace

std::uint64_t current_ack_id(const chat_server& handle, ClientId client) {
  for (const RunningMessage* message = innermost_message; message != nullptr; message = message->outer) {
    if (message->server == &handle) return message->client == client ? message->ack_id : 0;
  }
  return 0;
}

template <class Callback>
bool CallbackApplication::run(const char* name, Callback callback) noexcept {
  handle_.note_running();
  const auto begin = steady_clock::now();
  bool returned = true;
  try {
    callback();
  } catch (const abi::__forced_unwind&) {
    // This cannot be stopped, and it would unwind through libwebsockets and libuv in the middle of their work.
    log_about(name, " ended its thread (pthread_exit): a callback must return", "");
    std::terminate();
  } catch (const std::exception& error) {
    log_about(name, " threw an exception: ", error.what());
    returned = false;
  } catch (...) {
    log_about(name, " threw an exception", "");
    returned = false;
  }
  const auto took = steady_clock::now() - begin;
  if (milliseconds(took) >= settings_.slow_callback_ms) warn_slow(name, took);
  return returned;
}

void CallbackApplication::log_about(const char* name, const char* what, const char* detail) noexcept {
  try {
    log(LogLevel::error, std::string(name) + what + detail);
  } catch (const std::bad_alloc&) {  // the line is lost
  }
}

void CallbackApplication::warn_slow(const char* name, steady_clock::duration took) noexcept {
  const std::int64_t now_ms = milliseconds(steady_clock::now().time_since_epoch());
  std::int64_t next_ms = next_slow_warning_ms_.load();
  if (now_ms < next_ms || !next_slow_warning_ms_.compare_exchange_strong(next_ms, now_ms + kSlowWarningEveryMs)) {
    slow_since_warning_.fetch_add(1);
    return;
  }
  try {
    std::string text =
        std::string(name) + " took " + std::to_string(milliseconds(took)) + " ms and blocked its event loop";
    if (const std::uint64_t others = slow_since_warning_.exchange(0)) {
      text += "; " + std::to_string(others) + " more slow callbacks since the last warning";
    }
    log(LogLevel::warning, text);
  } catch (const std::bad_alloc&) {  // the warning is lost
  }
}

Decision CallbackApplication::decide(const char* name, bool returned, int verdict,
                                     std::initializer_list<Verdict> allowed, const char* reason) {
  if (!returned) return {Verdict::refuse, "the application failed", {}};
  switch (verdict) {
    case CHAT_PASS:
      return {};
    case CHAT_REFUSE:
      return {Verdict::refuse, read_reason(reason), {}};
    default:
      break;
  }
  for (const Verdict other : allowed) {
    if (verdict == static_cast<int>(other)) return {other, {}, {}};
  }
  log(LogLevel::error, std::string(name) + " returned " + std::to_string(verdict) +
                           ", which is not allowed here: treated as CHAT_REFUSE");
  return {Verdict::refuse, "the application failed", {}};
}

Decision CallbackApplication::on_connect(const ConnectRequest& request) {
  if (settings_.callbacks.on_connect == nullptr) return {};
  const std::vector<chat_pair> query = view_pairs(request.query);
  const std::vector<chat_pair> headers = view_pairs(request.headers);
  const std::vector<chat_pair> cookies = view_pairs(request.cookies);
  chat_connect_event event = {};
  event.struct_size = sizeof event;
  event.client = request.client;
  event.path = request.path.c_str();
  event.query = query.data();
  event.query_count = query.size();
  event.headers = headers.data();
  event.header_count = headers.size();
  event.cookies = cookies.data();
  event.cookie_count = cookies.size();
  event.origin = request.origin.c_str();
  event.address = request.address.c_str();
  event.secure = request.secure ? 1 : 0;
  event.room = request.room.c_str();
  event.token = request.token.c_str();
  event.user_name = request.user_name.c_str();
  event.password = request.password.c_str();
  event.protocol = static_cast<chat_protocol>(request.protocol);
  event.transport = static_cast<chat_transport>(1U << static_cast<unsigned>(request.transport));
  event.auth = request.auth.c_str();
  event.socket_id = request.socket_id.c_str();
  event.recovered_from = request.recovered_from;

  int verdict = CHAT_REFUSE;
  const bool returned =
      run("on_connect", [&] { verdict = settings_.callbacks.on_connect(&handle_, &event, settings_.user); });
  return decide("on_connect", returned, verdict, {Verdict::defer}, event.reason);
}

void CallbackApplication::tell(const char* name, ClientCallback callback, const Client& client, std::string_view room,
                               int close_code, std::string_view reason, ClientId recovered_from) {
  if (callback == nullptr) return;
  const IdentityPtr identity = client.identity();
  const std::string room_text(room);
  const std::string reason_text(reason);
  chat_client_event event = {};
  event.struct_size = sizeof event;
  event.client = client.id();
  event.user = client.user();
  event.name = identity->name.c_str();
  event.user_id = identity->user_id.c_str();
  event.room = room_text.c_str();
  event.close_code = close_code;
  event.reason = reason_text.c_str();
  event.recovered_from = recovered_from;
  event.socket_id = client.socket_id().c_str();
  run(name, [&] { callback(&handle_, &event, settings_.user); });
}

void CallbackApplication::on_open(const ClientPtr& client, std::string_view room, ClientId recovered_from) {
  tell("on_open", settings_.callbacks.on_open, *client, room, 0, {}, recovered_from);
}

void CallbackApplication::on_disconnect(const ClientPtr& client, int close_code, std::string_view reason) {
  tell("on_disconnect", settings_.callbacks.on_disconnect, *client, {}, close_code, reason);
}

void CallbackApplication::on_abandon(const ClientPtr& client, int close_code, std::string_view reason) {
  tell("on_abandon", settings_.callbacks.on_abandon, *client, {}, close_code, reason);
}

void CallbackApplication::on_join(const ClientPtr& client, std::string_view room) {
  tell("on_join", settings_.callbacks.on_join, *client, room, 0, {});
}

void CallbackApplication::on_leave(const ClientPtr& client, std::string_view room, std::string_view reason) {
  tell("on_leave", settings_.callbacks.on_leave, *client, room, 0, reason);
}

std::optional<Decision> CallbackApplication::on_authorize(const AuthorizeRequest& request) {
  if (settings_.callbacks.on_authorize == nullptr) return std::nullopt;
  const std::string room(request.room);
  const std::string value(request.value);
  chat_authorize_event event = {};
  event.struct_size = sizeof event;
  event.client = request.client->id();
  event.user = request.client->user();
  event.action = static_cast<chat_action>(request.action);
  event.room = room.c_str();
  event.value = value.c_str();
  event.decision_id = request.decision;

  int verdict = CHAT_REFUSE;
  const bool returned =
      run("on_authorize", [&] { verdict = settings_.callbacks.on_authorize(&handle_, &event, settings_.user); });
  return decide("on_authorize", returned, verdict, {Verdict::defer}, event.reason);
}

Decision CallbackApplication::on_message(MessageRequest& request) {
  if (settings_.callbacks.on_message == nullptr) return {};
  const MessageView view(request.draft);
  RunningMessage event = {};
  event.struct_size = sizeof(chat_message_event);
  event.client = request.client->id();
  event.user = request.client->user();
  event.message = view.get();
  event.ack_id = request.ack_id;
  event.decision_id = request.decision;
  event.socket_id = request.client->socket_id().c_str();
  event.server = &handle_;
  event.draft = &request.draft;
  event.max_message_bytes = settings_.max_message_bytes;

  int verdict = CHAT_REFUSE;
  bool returned = false;
  {
    const RunningMessageScope scope(event);
    returned = run("on_message", [&] { verdict = settings_.callbacks.on_message(&handle_, &event, settings_.user); });
  }
  // Only now, because the event must stay valid until its callback returns.
  if (event.replacement) request.draft = std::move(*event.replacement);
  return decide("on_message", returned, verdict, {Verdict::consume, Verdict::defer}, event.reason);
}

void CallbackApplication::on_published(const Message& message) {
  if (settings_.callbacks.on_published == nullptr) return;
  const MessageView view(message);
  run("on_published", [&] { settings_.callbacks.on_published(&handle_, view.get(), settings_.user); });
}

void CallbackApplication::on_presence(const Message& message) {
  if (settings_.callbacks.on_presence == nullptr) return;
  const PeopleView joined(message.presence->joined);
  const PeopleView left(message.presence->left);
  const PeopleView changed(message.presence->changed);
  chat_presence_event event = {};
  event.struct_size = sizeof event;
  event.room = message.room.c_str();
  event.epoch = message.epoch.c_str();
  event.time_ms = message.time_ms;
  event.count = message.presence->count;
  event.joined = joined.data();
  event.joined_count = joined.size();
  event.left = left.data();
  event.left_count = left.size();
  event.changed = changed.data();
  event.changed_count = changed.size();
  run("on_presence", [&] { settings_.callbacks.on_presence(&handle_, &event, settings_.user); });
}

void CallbackApplication::on_audit(const AuditRecord& record) {
  if (settings_.callbacks.on_audit == nullptr) return;
  const Moderation& what = record.what;
  const std::string action(action_name(what.action));
  chat_audit_event event = {};
  event.struct_size = sizeof event;
  event.room = what.room.c_str();
  event.action = static_cast<chat_moderation_action>(what.action);
  event.actor = record.actor.id;
  event.actor_user_id = record.actor.user_id.c_str();
  event.actor_name = record.actor.name.c_str();
  event.client = what.client;
  event.user_id = what.user_id.c_str();
  event.name = record.target_name.c_str();
  event.address = what.address.c_str();
  event.duration_ms = what.duration_ms;
  event.value = what.value;
  event.reason = what.reason.c_str();
  event.time_ms = record.time_ms;
  event.action_name = action.c_str();
  run("on_audit", [&] { settings_.callbacks.on_audit(&handle_, &event, settings_.user); });
}

void CallbackApplication::on_report(const Report& report) {
  if (settings_.callbacks.on_report == nullptr) return;
  const MessageView view(*report.message);
  chat_report_event event = {};
  event.struct_size = sizeof event;
  event.message = view.get();
  event.client = report.reporter.id;
  event.user_id = report.reporter.user_id.c_str();
  event.name = report.reporter.name.c_str();
  event.reason = report.reason.c_str();
  event.time_ms = report.time_ms;
  run("on_report", [&] { settings_.callbacks.on_report(&handle_, &event, settings_.user); });
}

void CallbackApplication::on_ack(const ClientPtr& client, const AckOutcome& outcome) {
  if (settings_.callbacks.on_ack == nullptr) return;
  const std::vector<chat_blob> attachments = view_blobs(outcome.attachments);
  chat_ack_event event = {};
  event.struct_size = sizeof event;
  event.client = client->id();
  event.user = client->user();
  event.ack_id = outcome.ack_id;
  event.error = static_cast<chat_error>(outcome.error);
  event.args = outcome.args.c_str();
  event.args_size = outcome.args.size();
  event.attachments = attachments.empty() ? nullptr : attachments.data();
  event.attachment_count = attachments.size();
  run("on_ack", [&] { settings_.callbacks.on_ack(&handle_, &event, settings_.user); });
}

void CallbackApplication::on_thread_start() {
  if (settings_.callbacks.on_thread_start == nullptr) return;
  run("on_thread_start", [&] { settings_.callbacks.on_thread_start(&handle_, settings_.user); });
}

void CallbackApplication::on_thread_stop() {
  if (settings_.callbacks.on_thread_stop == nullptr) return;
  run("on_thread_stop", [&] { settings_.callbacks.on_thread_stop(&handle_, settings_.user); });
}

void CallbackApplication::log(LogLevel level, std::string_view text) {
  if (settings_.callbacks.on_log == nullptr || level > settings_.log_level) return;
  try {
    const std::string line(text);
    settings_.callbacks.on_log(&handle_, static_cast<chat_log_level>(level), line.c_str(), settings_.user);
  } catch (...) {
    // Out of memory, or on_log has thrown: the line is lost.
  }
}

}  // namespace chat::capi

using chat::Error;
using chat::Result;
using chat::Status;
using chat::capi::innermost_message;

namespace {

// A reason that does not fit is cut between characters.
template <class Event>
chat_verdict refuse_event(Event* event, const char* reason) {
  chat::capi::guarded([&]() -> Status {
    if (event == nullptr) return {Error::invalid_argument, "event is NULL"};
    const std::string_view text =
        chat::utf8_prefix(reason == nullptr ? std::string_view() : reason, sizeof event->reason - 1);
    *std::copy(text.begin(), text.end(), event->reason) = '\0';
    return {};
  });
  return CHAT_REFUSE;
}

}  // namespace

chat_error chat_message_event_replace(chat_message_event* event, const chat_message* message) noexcept {
  return chat::capi::guarded([&]() -> Status {
    if (event == nullptr) return {Error::invalid_argument, "event is NULL"};
    chat::capi::RunningMessage* running = innermost_message;
    while (running != nullptr && static_cast<chat_message_event*>(running) != event) running = running->outer;
    if (running == nullptr)
      return {Error::wrong_thread, "event does not belong to an on_message that runs on this thread"};
    const Result<std::shared_ptr<chat::Message>> read = chat::capi::read_message(message, running->max_message_bytes);
    if (!read.ok()) return read.status();
    chat::MessageDraft& draft = **read;
    draft.take_fixed(chat::MessageDraft(*running->draft));
    running->replacement = std::move(draft);
    return {};
  });
}

chat_verdict chat_connect_event_refuse(chat_connect_event* event, const char* reason) noexcept {
  return refuse_event(event, reason);
}

chat_verdict chat_authorize_event_refuse(chat_authorize_event* event, const char* reason) noexcept {
  return refuse_event(event, reason);
}

chat_verdict chat_message_event_refuse(chat_message_event* event, const char* reason) noexcept {
  return refuse_event(event, reason);
}
