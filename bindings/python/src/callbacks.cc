// See callbacks.h. What a callback of the library becomes: a call of a Python function, a question to the asyncio loop, or a
// record in a queue. Only the first takes the GIL.
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

// How much longer than a verdict may take a client that nobody hears of any more is remembered.
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

// The plain answers, without a call into Python: CHAT_PASS, CHAT_REFUSE, or -1 for anything else.
int plain_verdict(py::handle result) {
  if (result.is_none() || result.ptr() == Py_True) return CHAT_PASS;
  if (result.ptr() == Py_False) return CHAT_REFUSE;
  return -1;
}

std::string text_or_empty(py::handle text) { return text.is_none() ? std::string() : text.cast<std::string>(); }

}  // namespace

// The trampolines. Nothing may leave them: what allocation throws is a refusal.
struct Callbacks {
  static void fill(chat_callbacks& callbacks, bool with_authorize, bool with_published) {
    callbacks.on_connect = decide<chat_connect_event, &Core::on_connect>;
    callbacks.on_open = tell<Kind::on_open>;
    callbacks.on_disconnect = tell<Kind::on_disconnect>;
    callbacks.on_authorize = with_authorize ? decide<chat_authorize_event, &Core::on_authorize> : nullptr;
    callbacks.on_join = tell<Kind::on_join>;
    callbacks.on_leave = tell<Kind::on_leave>;
    callbacks.on_message = decide<chat_message_event, &Core::on_message>;
    callbacks.on_log = log;
    callbacks.on_ack = ack;
    callbacks.on_abandon = tell<Kind::on_abandon>;
    callbacks.on_published = with_published ? published : nullptr;
    callbacks.on_thread_start = [](chat_server*, void* user) {
      take_signal_mask(static_cast<Core*>(user)->starters_mask_);
    };
  }

  template <class Event, chat_verdict (Core::*method)(Event&)>
  static chat_verdict decide(chat_server* server, Event* event, void* user) {
    Core& core = *static_cast<Core*>(user);
    const CallbackScope scope(core);
    core.notice(server);
    try {
      return (core.*method)(*event);
    } catch (const std::exception&) {
      return refuse(event->reason, kFailed);
    }
  }

  template <Kind kind>
  static void tell(chat_server* server, const chat_client_event* event, void* user) {
    Core& core = *static_cast<Core*>(user);
    const CallbackScope scope(core);
    core.notice(server);
    try {
      core.on_client_event(kind, *event);
    } catch (const std::exception&) {
      ++core.calls_lost_;
    }
  }

  static void ack(chat_server* server, const chat_ack_event* event, void* user) {
    Core& core = *static_cast<Core*>(user);
    const CallbackScope scope(core);
    core.notice(server);
    try {
      core.on_ack(*event);
    } catch (const std::exception&) {
      ++core.calls_lost_;
    }
  }

  static void published(chat_server* server, const chat_message* message, void* user) {
    Core& core = *static_cast<Core*>(user);
    const CallbackScope scope(core);
    core.notice(server);
    try {
      core.on_published(*message);
    } catch (const std::exception&) {
      ++core.calls_lost_;
    }
  }

  static void log(chat_server*, chat_log_level level, const char* text, void* user) {
    Core& core = *static_cast<Core*>(user);
    const CallbackScope scope(core);
    try {
      core.on_log(level, text);
    } catch (const std::exception&) {
      ++core.calls_lost_;
    }
  }
};

void fill_callbacks(chat_callbacks& callbacks, bool with_authorize, bool with_published) {
  Callbacks::fill(callbacks, with_authorize, with_published);
}

void Core::report_exception(Kind kind, py::error_already_set& error) {
  // Ctrl-C inside of poll() is for who called it; on a thread of the library nobody could take it.
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

// A child that was forked in a callback has come to its end: it has neither the library's threads nor the sockets.
void Core::end_if_forked(py::handle error) const {
  if (forked()) python_names().end_child(error);
}

template <class Read>
bool Core::call_inline(const Record& record, Read read) {
  const TakeGil gil;
  try {
    const py::object called = function(record.kind);
    if (!called) return true;
    py::object result;
    try {
      result = called(to_python(record));
      end_if_forked(py::none());
    } catch (py::error_already_set& error) {
      end_if_forked(error.value());
      // A refusal may be raised from deep inside.
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

chat_verdict Core::ask_loop(Record record, char* reason) {
  const EventQueuePtr calls = listeners()->calls;
  if (!calls) return refuse(reason, kNotRunning);
  return calls->push(std::move(record)) ? CHAT_DEFER : refuse(reason, kBusy);
}

void Core::tell_loop(Record record) {
  const EventQueuePtr calls = listeners()->calls;
  if (!calls || !calls->push(std::move(record))) ++calls_lost_;
}

chat_verdict Core::on_connect(chat_connect_event& event) {
  if (!calls_inline(Kind::on_connect) && !calls_async(Kind::on_connect)) return CHAT_PASS;
  const std::int64_t now_ms = monotonic_ms();
  clients_.remove_forgotten(server_.load(), now_ms - verdict_timeout_ms_ - kForgetAfterMs);
  clients_.note_undecided(event.client, now_ms);
  Record record = copy_connect(clients_.get(event.client), event);

  chat_verdict verdict = CHAT_PASS;
  if (calls_inline(Kind::on_connect)) {
    const bool returned = call_inline(record, [&](py::handle result) {
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
        call([&](chat_server* server) { return chat_refuse(server, event.client, reason.c_str(), data.c_str()); });
      } else if (verdict == CHAT_PASS && !py::handle(read[3]).is_none()) {
        const OutgoingIdentity identity(py::reinterpret_borrow<py::object>(py::handle(read[3])));
        call([&](chat_server* server) { return chat_accept(server, event.client, identity.get()); });
      }
    });
    if (!returned) verdict = refuse(event.reason, kFailed);
  } else {
    verdict = ask_loop(std::move(record), event.reason);
  }
  if (verdict == CHAT_REFUSE) clients_.remove(event.client);
  return verdict;
}

chat_verdict Core::on_authorize(chat_authorize_event& event) {
  Record record = copy_authorize(clients_.get(event.client), event);
  if (!calls_inline(Kind::on_authorize)) return ask_loop(std::move(record), event.reason);
  chat_verdict verdict = CHAT_PASS;
  const bool returned = call_inline(record, [&](py::handle result) {
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

chat_verdict Core::on_message(chat_message_event& event) {
  const bool is_inline = calls_inline(Kind::on_message);
  const bool is_async = !is_inline && calls_async(Kind::on_message);
  const bool queued = queues(Kind::on_message);
  if (!is_inline && !is_async && !queued) return CHAT_PASS;

  Record record = copy_message(clients_.get(event.client), event);
  ListenersPtr all;
  if (queued) {
    all = listeners();
    for (const EventsListener& listener : all->events) {
      if (listener.refuse_when_full && listener.queue->wants(Kind::on_message) &&
          listener.queue->full(record.bytes())) {
        return refuse(event.reason, kBusy);
      }
    }
  }
  if (is_async) return ask_loop(std::move(record), event.reason);

  chat_verdict verdict = CHAT_PASS;
  if (is_inline) {
    const bool returned = call_inline(record, [&](py::handle result) {
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
      // On this thread and in this callback: the server needs no keeping.
      raise_unless_ok(Outcome::of(chat_message_event_replace(&event, &outgoing.message())));
      std::get<MessageRecord>(record.what).message = with_replacement(*event.message, outgoing.message());
    });
    if (!returned) return refuse(event.reason, kFailed);
  }
  if (verdict == CHAT_PASS && queued) {
    for (const EventsListener& listener : all->events) {
      if (listener.queue->wants(Kind::on_message)) listener.queue->push_dropping_oldest(record);
    }
  }
  return verdict;
}

void Core::on_client_event(Kind kind, const chat_client_event& event) {
  const bool is_inline = calls_inline(kind);
  // What the loop does about a client that has gone before its verdict is cancelled.
  const bool cancels = kind == Kind::on_abandon && calls_async(Kind::on_connect);
  const bool is_async = cancels || (!is_inline && calls_async(kind));
  if (is_inline || is_async || queues(kind)) {
    Record record = copy_client_event(kind, clients_.get(event.client), event);
    if (is_inline) call_inline(record, [](py::handle) {});
    if (queues(kind)) {
      for (const EventsListener& listener : listeners()->events) {
        if (listener.queue->wants(kind)) listener.queue->push_dropping_oldest(record);
      }
    }
    if (is_async) tell_loop(std::move(record));
  }
  if (kind != Kind::on_disconnect && kind != Kind::on_abandon) return;
  end_awaited(event.client);
  // Its object stays for as long as a record about it waits somewhere.
  clients_.remove(event.client);
}

// The library tells nothing of what was sent while the client was going. What is sent from now on fails at once.
void Core::end_awaited(chat_client_id client) {
  std::vector<std::uint64_t> ended;
  {
    const std::lock_guard lock(awaited_mutex_);
    for (const auto& [ack_id, awaited_of] : awaited_) {
      if (awaited_of == client) ended.push_back(ack_id);
    }
    for (const std::uint64_t ack_id : ended) awaited_.erase(ack_id);
  }
  for (const std::uint64_t ack_id : ended) {
    tell_loop({Kind::on_ack, clients_.get(client), AckRecord{ack_id, CHAT_ERROR_NO_SUCH_CLIENT, {}, {}}});
  }
}

void Core::on_ack(const chat_ack_event& event) {
  bool awaited = false;
  {
    const std::lock_guard lock(awaited_mutex_);
    awaited = awaited_.erase(event.ack_id) > 0;
  }
  if (!awaited && !calls_inline(Kind::on_ack) && !calls_async(Kind::on_ack)) return;
  Record record = copy_ack(clients_.get(event.client), event);
  if (awaited || !calls_inline(Kind::on_ack)) {
    tell_loop(std::move(record));
  } else {
    call_inline(record, [](py::handle) {});
  }
}

void Core::on_published(const chat_message& message) {
  Record record{Kind::on_published, nullptr, PublishedRecord{std::make_shared<OwnedMessage>(message)}};
  if (calls_inline(Kind::on_published)) {
    call_inline(record, [](py::handle) {});
  } else if (calls_async(Kind::on_published)) {
    tell_loop(std::move(record));
  }
}

void Core::on_log(chat_log_level level, const char* text) {
  if (!calls_inline(Kind::on_log)) return;
  const TakeGil gil;
  try {
    const py::object called = function(Kind::on_log);
    if (!called) return;
    const PythonNames& names = python_names();
    called(names.log_line(names.log_level(static_cast<int>(level)), py::str(text)));
  } catch (py::error_already_set& error) {
    report_exception(Kind::on_log, error);
  }
}

}  // namespace pychat
