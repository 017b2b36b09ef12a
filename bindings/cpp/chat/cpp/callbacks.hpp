// Calls the functions in Options from the C callbacks. Their exceptions are caught here and reported to on_log, and the
// request is refused. Only server.hpp includes this.
#ifndef CHAT_CPP_CALLBACKS_HPP
#define CHAT_CPP_CALLBACKS_HPP

#include <chat/chat.h>

#include <algorithm>
#include <chat/cpp/events.hpp>
#include <chat/cpp/options.hpp>
#include <chat/cpp/verdict.hpp>
#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace chat {
inline namespace v0 {
namespace detail {

// The reason of a refusal that is caused by a failed callback.
inline constexpr char kFailed[] = "the application failed";

// Runs a function. If it throws, passes the text of the exception to `failed` and returns false.
template <class Function, class Failed>
bool returns(Function&& function, Failed&& failed) noexcept {
#if CHAT_CPP_EXCEPTIONS
  try {
    function();
  } catch (const std::exception& error) {
    failed(error.what());
    return false;
  } catch (...) {
    failed("not a std::exception");
    return false;
  }
#else
  static_cast<void>(failed);
  function();
#endif
  return true;
}

// The callbacks of one server. `user` is its Options, whose address stays the same until the server has ended.
class Callbacks {
 public:
  // Sets only the callbacks that the application provides. The library has defaults for the others.
  static void set(chat_server_options& raw, const Options& options) noexcept {
    chat_callbacks& callbacks = raw.callbacks;
    // const_cast is safe: the library only passes the pointer back, and this class does not modify the options.
    raw.user = const_cast<Options*>(&options);
    if (options.on_connect) callbacks.on_connect = on_connect;
    if (options.on_open) callbacks.on_open = tell<ClientEvent, &Options::on_open, kOpen>;
    if (options.on_disconnect) callbacks.on_disconnect = tell<ClientEvent, &Options::on_disconnect, kDisconnect>;
    if (options.on_abandon) callbacks.on_abandon = tell<ClientEvent, &Options::on_abandon, kAbandon>;
    if (options.on_authorize) callbacks.on_authorize = on_authorize;
    if (options.on_join) callbacks.on_join = tell<ClientEvent, &Options::on_join, kJoin>;
    if (options.on_leave) callbacks.on_leave = tell<ClientEvent, &Options::on_leave, kLeave>;
    if (options.on_message) callbacks.on_message = on_message;
    if (options.on_log) callbacks.on_log = on_log;
    if (options.on_ack) callbacks.on_ack = tell<AckEvent, &Options::on_ack, kAck>;
    if (options.on_published) {
      callbacks.on_published = tell<PublishedEvent, &Options::on_published, kPublished, chat_message>;
    }
    if (options.on_presence) callbacks.on_presence = tell<PresenceEvent, &Options::on_presence, kPresence>;
    if (options.on_audit) callbacks.on_audit = on_audit;
    if (options.on_report) callbacks.on_report = tell<ReportEvent, &Options::on_report, kReport>;
    if (options.on_thread_start) callbacks.on_thread_start = call<&Options::on_thread_start, kThreadStart>;
    if (options.on_thread_stop) callbacks.on_thread_stop = call<&Options::on_thread_stop, kThreadStop>;
  }

  // Logs a line of the binding, joined from the parts. A failure of on_log cannot be reported.
  static void log(const Options& options, std::initializer_list<const char*> parts) noexcept {
    if (!options.on_log) return;
    returns(
        [&] {
          std::string text;
          for (const char* part : parts) text += part;
          options.on_log(CHAT_LOG_ERROR, text);
        },
        [](const char*) {});
  }

 private:
  static constexpr char kOpen[] = "on_open";
  static constexpr char kDisconnect[] = "on_disconnect";
  static constexpr char kAbandon[] = "on_abandon";
  static constexpr char kJoin[] = "on_join";
  static constexpr char kLeave[] = "on_leave";
  static constexpr char kAck[] = "on_ack";
  static constexpr char kPublished[] = "on_published";
  static constexpr char kPresence[] = "on_presence";
  static constexpr char kReport[] = "on_report";
  static constexpr char kThreadStart[] = "on_thread_start";
  static constexpr char kThreadStop[] = "on_thread_stop";

  template <class Function>
  static bool guarded(const Options& options, const char* name, Function&& function) noexcept {
    return returns(std::forward<Function>(function), [&](const char* what) {
      log(options, {name, " threw an exception: ", what});
    });
  }

  // A callback without a verdict.
  template <class View, auto Member, const char* Name, class Raw>
  static void tell(chat_server* server, const Raw* raw, void* user) noexcept {
    const Options& options = *static_cast<const Options*>(user);
    guarded(options, Name, [&] { (options.*Member)(View(server, *raw)); });
  }

  // A callback that is not about a client.
  template <auto Member, const char* Name>
  static void call(chat_server*, void* user) noexcept {
    const Options& options = *static_cast<const Options*>(user);
    guarded(options, Name, [&] { (options.*Member)(); });
  }

  // A callback with a verdict. `apply` applies the verdict's data and returns the final verdict.
  template <class View, class Raw, class Callback, class Apply>
  static chat_verdict ask(const char* name, chat_server* server, Raw& raw, const Options& options,
                          const Callback& callback, Apply&& apply) noexcept {
    chat_verdict kind = CHAT_REFUSE;
    const bool decided = guarded(options, name, [&] {
      const Verdict verdict = callback(View(server, raw));
      put_reason(raw.reason, verdict.reason());
      const Result<void> applied = apply(verdict);
      if (applied) {
        kind = verdict.kind();
      } else {
        log(options, {name, ": the verdict cannot be applied: ", applied.error().message().c_str()});
        put_reason(raw.reason, kFailed);
      }
    });
    if (!decided) put_reason(raw.reason, kFailed);
    return kind;
  }

  static chat_verdict on_connect(chat_server* server, chat_connect_event* event, void* user) noexcept {
    const Options& options = *static_cast<const Options*>(user);
    return ask<ConnectEvent>("on_connect", server, *event, options, options.on_connect, [&](const Verdict& verdict) {
      const ServerRef ref(server);
      if (const Identity* identity = VerdictAccess::identity(verdict)) return ref.accept(event->client, *identity);
      const std::string& data_json = VerdictAccess::data_json(verdict);
      if (data_json.empty()) return Result<void>();
      return ref.refuse(event->client, cut_reason(verdict.reason()), data_json);
    });
  }

  static chat_verdict on_authorize(chat_server* server, chat_authorize_event* event, void* user) noexcept {
    const Options& options = *static_cast<const Options*>(user);
    return ask<AuthorizeEvent>("on_authorize", server, *event, options, options.on_authorize,
                               [](const Verdict&) { return Result<void>(); });
  }

  static chat_verdict on_message(chat_server* server, chat_message_event* event, void* user) noexcept {
    const Options& options = *static_cast<const Options*>(user);
    return ask<MessageEvent>("on_message", server, *event, options, options.on_message, [&](const Verdict& verdict) {
      const Message* replacement = VerdictAccess::replacement(verdict);
      if (replacement == nullptr) return Result<void>();
      return RawMessage(*replacement).call([&](const chat_message* raw) {
        return chat_message_event_replace(event, raw);
      });
    });
  }

  static void on_audit(chat_server*, const chat_audit_event* event, void* user) noexcept {
    const Options& options = *static_cast<const Options*>(user);
    guarded(options, "on_audit", [&] { options.on_audit(*event); });
  }

  static void on_log(chat_server*, chat_log_level level, const char* text, void* user) noexcept {
    const Options& options = *static_cast<const Options*>(user);
    returns([&] { options.on_log(level, text); }, [](const char*) {});
  }

  // buffer has CHAT_REASON_BYTES bytes.
  static void put_reason(char* buffer, std::string_view reason) noexcept {
    reason = cut_reason(reason);
    std::copy(reason.begin(), reason.end(), buffer);
    buffer[reason.size()] = '\0';
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace chat

#endif  // CHAT_CPP_CALLBACKS_HPP
