// See callbacks.h. A callback of the library becomes a call of a Python function, a request to the asyncio loop, or a
// record in a queue. Only the call takes the GIL.
#include "callbacks.h"

#include <chrono>
#include <cstring>

#include "callback_scope.h"
#include "core.h"
#include "message.h"
#include "outgoing.h"
#include "python_names.h"
#include "signal_mask.h"
#include "text.h"

namespace pychat {
namespace {

constexpr const char* kFailed = "the application failed";
constexpr const char* kBusy = "the application is busy";
constexpr const char* kNotRunning = "the application is not running";

// How long after the verdict timeout an undecided client without further events is kept.
constexpr std::int64_t kForgetAfterMs = 5'000;

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::on_connect:
      return "on_connect";
    case Kind::on_open:
      return "on_open";
    case Kind::on_join:
      return "on_join";
    case Kind::on_leave:
      return "on_leave";
    case Kind::on_disconnect:
      return "on_disconnect";
    case Kind::on_authorize:
      return "on_authorize";
    case Kind::on_message:
      return "on_message";
    case Kind::on_log:
      return "on_log";
    case Kind::on_ack:
      return "on_ack";
    case Kind::on_abandon:
      return "on_abandon";
    case Kind::on_published:
      return "on_published";
    case Kind::on_presence:
      return "on_presence";
    case Kind::on_audit:
      return "on_audit";
    case Kind::on_report:
      return "on_report";
  }
  return "a callback";
}

std::int64_t monotonic_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

void write_reason(char* buffer, const std::string& reason) {
  const std::size_t size = std::min(reason.size(), static_cast<std::size_t>(CHAT_REASON_BYTES - 1));
  std::memcpy(buffer, reason.data(), size);
  buffer[size] = '\0';
}

chat_verdict refuse(char* buffer, const char* reason) {
  write_reason(buffer, reason);
  return CHAT_REFUSE;
}

// Interprets the simple results without a call into Python: CHAT_PASS, CHAT_REFUSE, or -1 for other values.
int plain_verdict(py::handle result) {
  if (result.is_none() || result.ptr() == Py_True) return CHAT_PASS;
  if (result.ptr() == Py_False) return CHAT_REFUSE;
  return -1;
}

std::string text_or_empty(py::handle text) { return text.is_none() ? std::string() : text.cast<std::string>(); }

void report_exception(Kind kind, py::error_already_set& error) {
  // Inside poll() its caller receives Ctrl-C. On a thread of the library nothing could handle it.
  PollScope* poll = PollScope::current();
  if (poll != nullptr && (error.matches(PyExc_KeyboardInterrupt) || error.matches(PyExc_SystemExit))) {
    if (!poll->raised) poll->raised = std::current_exception();
    return;
  }
  try {
    if (error.trace()) PyException_SetTraceback(error.value().ptr(), error.trace().ptr());
    python_names().report(name_of(kind), error.value());
  } catch (py::error_already_set& second) {
    second.discard_as_unraisable(name_of(kind));
  }
}

// Ends a child that was forked in a callback. It has neither the library's threads nor the sockets.
void end_if_forked(const Core& core, py::handle error) {
  if (core.forked()) python_names().end_child(error);
}

// Calls the function for a record and passes its result to `read`, with the GIL. Returns false when it raised an
// exception.
template <class Read>
bool call_inline(Core& core, const Record& record, Read read) {
  const TakeGil gil;
  try {
    const py::object called = core.listeners().function(record.kind);
    if (!called) return true;
    py::object result;
    try {
      result = called(core.to_python(record));
      end_if_forked(core, py::none());
    } catch (py::error_already_set& error) {
      end_if_forked(core, error.value());
      // A refusal may be raised anywhere inside the callback.
      if (!error.matches(python_names().refuse)) throw;
      result = error.value();
    }
    read(result);
    return true;
  } catch (py::error_already_set& error) {
    report_exception(record.kind, error);
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
    py::error_already_set wrapped;
    report_exception(record.kind, wrapped);
  }
  return false;
}

// Passes a decision to the asyncio loop. Returns CHAT_DEFER, or CHAT_REFUSE with a reason.
chat_verdict ask_loop(Core& core, Record record, char* reason) {
  const EventQueuePtr calls = core.listeners().calls();
  if (!calls) return refuse(reason, kNotRunning);
  return calls->push(std::move(record)) ? CHAT_DEFER : refuse(reason, kBusy);
}

chat_verdict on_connect(Core& core, chat_connect_event& event) {
  const bool is_inline = core.listeners().calls_inline(Kind::on_connect);
  if (!is_inline && !core.listeners().calls_async(Kind::on_connect)) return CHAT_PASS;
  const std::int64_t now_ms = monotonic_ms();
  core.clients().remove_forgotten(core.server(), now_ms - core.verdict_timeout_ms() - kForgetAfterMs);
  core.clients().note_undecided(event.client, now_ms);
  Record record = copy_connect(core.clients().get(event.client), event);

  chat_verdict verdict = CHAT_PASS;
  if (is_inline) {
    const bool returned = call_inline(core, record, [&](py::handle result) {
      const int plain = plain_verdict(result);
      if (plain >= 0) {
        verdict = static_cast<chat_verdict>(plain);
        return;
      }
      const py::tuple read = python_names().read_connect(result);
      verdict = static_cast<chat_verdict>(py::handle(read[0]).cast<int>());
      const std::string reason = text_or_empty(read[1]);
      write_reason(event.reason, reason);
      if (verdict == CHAT_REFUSE && !py::handle(read[2]).is_none()) {
        const std::string data = py::handle(read[2]).cast<std::string>();
        core.call([&](chat_server* server) { return chat_refuse(server, event.client, reason.c_str(), data.c_str()); });
      } else if (verdict == CHAT_PASS && !py::handle(read[3]).is_none()) {
        const OutgoingIdentity identity(py::reinterpret_borrow<py::object>(py::handle(read[3])));
        core.call([&](chat_server* server) { return chat_accept(server, event.client, identity.get()); });
      }
    });
    if (!returned) verdict = refuse(event.reason, kFailed);
  } else {
    verdict = ask_loop(core, std::move(record), event.reason);
  }
  if (verdict == CHAT_REFUSE) core.clients().remove(event.client);
  return verdict;
}

chat_verdict on_authorize(Core& core, chat_authorize_event& event) {
  Record record = copy_authorize(core.clients().get(event.client), event);
  if (!core.listeners().calls_inline(Kind::on_authorize)) return ask_loop(core, std::move(record), event.reason);
  chat_verdict verdict = CHAT_PASS;
  const bool returned = call_inline(core, record, [&](py::handle result) {
    const int plain = plain_verdict(result);
    if (plain >= 0) {
      verdict = static_cast<chat_verdict>(plain);
      return;
    }
    const py::tuple read = python_names().read_authorize(result);
    verdict = static_cast<chat_verdict>(py::handle(read[0]).cast<int>());
    write_reason(event.reason, text_or_empty(read[1]));
  });
  return returned ? verdict : refuse(event.reason, kFailed);
}

chat_verdict on_message(Core& core, chat_message_event& event) {
  const bool is_inline = core.listeners().calls_inline(Kind::on_message);
  const bool is_async = !is_inline && core.listeners().calls_async(Kind::on_message);
  const bool queued = core.listeners().queues(Kind::on_message);
  if (!is_inline && !is_async && !queued) return CHAT_PASS;

  Record record = copy_message(core.clients().get(event.client), event);
  if (queued && core.listeners().refuses(record)) return refuse(event.reason, kBusy);
  if (is_async) return ask_loop(core, std::move(record), event.reason);

  chat_verdict verdict = CHAT_PASS;
  if (is_inline) {
    const bool returned = call_inline(core, record, [&](py::handle result) {
      const int plain = plain_verdict(result);
      if (plain >= 0) {
        verdict = static_cast<chat_verdict>(plain);
        return;
      }
      const py::tuple read = python_names().read_message(result);
      verdict = static_cast<chat_verdict>(py::handle(read[0]).cast<int>());
      write_reason(event.reason, text_or_empty(read[1]));
      const py::handle replacement = read[2];
      if (verdict != CHAT_PASS || replacement.is_none()) return;
      const OutgoingReplacement outgoing(replacement, *event.message);
      // This runs on the callback's thread, so the server cannot be freed meanwhile.
      raise_unless_ok(Outcome::of(chat_message_event_replace(&event, &outgoing.message())));
      std::get<MessageRecord>(record.what).message = with_replacement(*event.message, outgoing.message());
    });
    if (!returned) return refuse(event.reason, kFailed);
  }
  if (verdict == CHAT_PASS && queued) core.listeners().publish(record);
  return verdict;
}

// The library reports no answer for messages sent while the client was disconnecting. Their calls fail immediately.
void end_awaited(Core& core, chat_client_id client) {
  for (const std::uint64_t ack_id : core.listeners().take_awaited_of(client)) {
    core.listeners().tell_loop(
        {Kind::on_ack, core.clients().get(client),
         std::make_shared<const AckRecord>(AckRecord{ack_id, CHAT_ERROR_NO_SUCH_CLIENT, {}, {}})});
  }
}

void on_client_event(Core& core, Kind kind, const chat_client_event& event) {
  const bool is_inline = core.listeners().calls_inline(kind);
  // Cancels the loop's on_connect task for a client that disconnected before the verdict.
  const bool cancels = kind == Kind::on_abandon && core.listeners().calls_async(Kind::on_connect);
  const bool is_async = cancels || (!is_inline && core.listeners().calls_async(kind));
  if (is_inline || is_async || core.listeners().queues(kind)) {
    Record record = copy_client_event(kind, core.clients().get(event.client), event);
    if (is_inline) call_inline(core, record, [](py::handle) {});
    if (core.listeners().queues(kind)) core.listeners().publish(record);
    if (is_async) core.listeners().tell_loop(std::move(record));
  }
  if (kind != Kind::on_disconnect && kind != Kind::on_abandon) return;
  end_awaited(core, event.client);
  // The client's object lives until the last record about it is gone.
  core.clients().remove(event.client);
}

void on_ack(Core& core, const chat_ack_event& event) {
  const bool awaited = core.listeners().take_awaited(event.ack_id);
  const bool is_inline = core.listeners().calls_inline(Kind::on_ack);
  if (!awaited && !is_inline && !core.listeners().calls_async(Kind::on_ack)) return;
  Record record = copy_ack(core.clients().get(event.client), event);
  if (awaited || !is_inline) {
    core.listeners().tell_loop(std::move(record));
  } else {
    call_inline(core, record, [](py::handle) {});
  }
}

// Calls the function or tells the loop of an event that belongs to no client. record() makes the Record.
template <class MakeRecord>
void tell_of(Core& core, Kind kind, MakeRecord record) {
  if (core.listeners().calls_inline(kind)) {
    call_inline(core, record(), [](py::handle) {});
  } else if (core.listeners().calls_async(kind)) {
    core.listeners().tell_loop(record());
  }
}

void on_published(Core& core, const chat_message& message) {
  tell_of(core, Kind::on_published, [&message] {
    return Record{Kind::on_published, nullptr, PublishedRecord{std::make_shared<OwnedMessage>(message)}};
  });
}

void on_presence(Core& core, const chat_presence_event& event) {
  tell_of(core, Kind::on_presence, [&event] { return copy_presence(event); });
}

void on_audit(Core& core, const chat_audit_event& event) {
  tell_of(core, Kind::on_audit, [&event] { return copy_audit(event); });
}

void on_report(Core& core, const chat_report_event& event) {
  tell_of(core, Kind::on_report, [&event] { return copy_report(event); });
}

void on_log(Core& core, chat_log_level level, const char* text) {
  if (!core.listeners().calls_inline(Kind::on_log)) return;
  const TakeGil gil;
  try {
    const py::object called = core.listeners().function(Kind::on_log);
    if (!called) return;
    const PythonNames& names = python_names();
    called(names.log_line(names.log_level(static_cast<int>(level)), py::str(text)));
  } catch (py::error_already_set& error) {
    report_exception(Kind::on_log, error);
  }
}

// The C callbacks. No exception may leave them: a failed allocation results in a refusal.
struct Callbacks {
  static void fill(chat_callbacks& callbacks, const Wanted& wanted) {
    callbacks.on_connect = decide<chat_connect_event, on_connect>;
    callbacks.on_open = tell<Kind::on_open>;
    callbacks.on_disconnect = tell<Kind::on_disconnect>;
    callbacks.on_authorize = wanted.on_authorize ? decide<chat_authorize_event, on_authorize> : nullptr;
    callbacks.on_join = tell<Kind::on_join>;
    callbacks.on_leave = tell<Kind::on_leave>;
    callbacks.on_message = decide<chat_message_event, on_message>;
    callbacks.on_log = log;
    callbacks.on_ack = ack;
    callbacks.on_abandon = tell<Kind::on_abandon>;
    callbacks.on_published = wanted.on_published ? about_room<chat_message, on_published> : nullptr;
    callbacks.on_presence = wanted.on_presence ? about_room<chat_presence_event, on_presence> : nullptr;
    callbacks.on_audit = wanted.on_audit ? about_room<chat_audit_event, on_audit> : nullptr;
    callbacks.on_report = wanted.on_report ? about_room<chat_report_event, on_report> : nullptr;
    callbacks.on_thread_start = [](chat_server*, void* user) {
      take_signal_mask(static_cast<Core*>(user)->starters_signal_mask());
    };
  }

  template <class Event, chat_verdict (*on_event)(Core&, Event&)>
  static chat_verdict decide(chat_server* server, Event* event, void* user) {
    Core& core = *static_cast<Core*>(user);
    const CallbackScope scope(&core);
    core.notice(server);
    try {
      return on_event(core, *event);
    } catch (const std::exception&) {
      return refuse(event->reason, kFailed);
    }
  }

  template <Kind kind>
  static void tell(chat_server* server, const chat_client_event* event, void* user) {
    Core& core = *static_cast<Core*>(user);
    const CallbackScope scope(&core);
    core.notice(server);
    try {
      on_client_event(core, kind, *event);
    } catch (const std::exception&) {
      core.listeners().count_lost();
    }
  }

  static void ack(chat_server* server, const chat_ack_event* event, void* user) {
    Core& core = *static_cast<Core*>(user);
    const CallbackScope scope(&core);
    core.notice(server);
    try {
      on_ack(core, *event);
    } catch (const std::exception&) {
      core.listeners().count_lost();
    }
  }

  template <class Event, void (*on_event)(Core&, const Event&)>
  static void about_room(chat_server* server, const Event* event, void* user) {
    Core& core = *static_cast<Core*>(user);
    const CallbackScope scope(&core);
    core.notice(server);
    try {
      on_event(core, *event);
    } catch (const std::exception&) {
      core.listeners().count_lost();
    }
  }

  static void log(chat_server*, chat_log_level level, const char* text, void* user) {
    Core& core = *static_cast<Core*>(user);
    const CallbackScope scope(&core);
    try {
      on_log(core, level, text);
    } catch (const std::exception&) {
      core.listeners().count_lost();
    }
  }
};

}  // namespace

void fill_callbacks(chat_callbacks& callbacks, const Wanted& wanted) { Callbacks::fill(callbacks, wanted); }

}  // namespace pychat
