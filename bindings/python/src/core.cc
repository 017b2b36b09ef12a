// See core.h. Starting, ending, and who listens; what callbacks do is in callbacks.cc.
#include "core.h"

#include "callback_scope.h"
#include "callbacks.h"

namespace pychat {

Core::Core(py::object server, const py::dict& options) : options_(options), server_object_(std::move(server)) {}

Core::~Core() {
  // A running server is kept alive by the package, so this is one that was abandoned by it: at the very end.
  try {
    if (state_.load() == State::running) close();
  } catch (const std::exception&) {
    // Inside its own callback: leaking it is the lesser evil.
  }
}

// Living and ending ---------------------------------------------------------------------------------------------------

Core::Use::Use(Core& core) : core_(core) {
  if (CallbackScope::inside(core)) {
    server_ = core.server_.load();
    return;
  }
  core.users_.fetch_add(1);
  counted_ = true;
  server_ = core.server_.load();
  const State state = core.state_.load();
  if (state == State::running) return;
  // The destructor of what is not made does not run.
  core.users_.fetch_sub(1);
  const std::lock_guard lock(core.close_mutex_);
  core.close_changed_.notify_all();
  if (state == State::idle || state == State::starting) {
    raise_error(CHAT_ERROR_WRONG_STATE, "the server has not been started");
  }
  if (state == State::abandoned) {
    raise_error(CHAT_ERROR_WRONG_STATE, "the server belongs to the process from which this one was forked");
  }
  raise_error(CHAT_ERROR_STOPPED, "the server is closed");
}

Core::Use::~Use() {
  if (!counted_) return;
  if (core_.users_.fetch_sub(1) == 1 && core_.state_.load() == State::closing) {
    const std::lock_guard lock(core_.close_mutex_);
    core_.close_changed_.notify_all();
  }
}

void Core::start(int log_level) {
  State expected = State::idle;
  if (!state_.compare_exchange_strong(expected, State::starting)) {
    raise_error(CHAT_ERROR_WRONG_STATE, "a server can be started only once");
  }
  chat_server_options native = options_.get();
  native.user = this;
  if (native.log_level == 0) native.log_level = static_cast<chat_log_level>(log_level);
  const bool asks = ((inline_kinds_.load() | async_kinds_.load()) & Kind::on_authorize) != 0;
  fill_callbacks(native.callbacks, asks);
  verdict_timeout_ms_ = native.verdict_timeout_ms > 0 ? native.verdict_timeout_ms : 10'000;

  chat_server* server = nullptr;
  const Outcome outcome = without_gil([&] { return Outcome::of(chat_server_start(&native, &server)); });
  server_.store(server);
  state_.store(outcome.error == CHAT_OK ? State::running : State::idle);
  if (outcome.error != CHAT_OK) clients_.clear();
  raise_unless_ok(outcome);
}

void Core::stop() {
  // Any number of times, and of one that never ran.
  if (state_.load() != State::running && !CallbackScope::inside(*this)) return;
  const Use use(*this);
  without_gil([&] { chat_server_stop(use.server()); });
}

void Core::close() {
  if (CallbackScope::inside(*this))
    raise_error(CHAT_ERROR_WRONG_THREAD, "close() was called in a callback of the same server");
  State expected = State::running;
  if (!state_.compare_exchange_strong(expected, State::closing)) {
    if (expected != State::closing) return;
    // Another thread is at it.
    without_gil([&] {
      std::unique_lock lock(close_mutex_);
      close_changed_.wait(lock, [&] { return state_.load() != State::closing; });
    });
    return;
  }
  const Outcome outcome = without_gil([&] {
    chat_server* server = server_.load();
    chat_server_stop(server);  // ends a poll that waits on another thread
    {
      std::unique_lock lock(close_mutex_);
      close_changed_.wait(lock, [&] { return users_.load() == 0; });
    }
    return Outcome::of(chat_server_free(server));
  });
  server_.store(nullptr);
  {
    const std::lock_guard lock(close_mutex_);
    state_.store(State::closed);
    close_changed_.notify_all();
  }
  end_queues();
  clients_.clear();
  raise_unless_ok(outcome);
}

void Core::abandon() { state_.store(State::abandoned); }

bool Core::poll(int timeout_ms) {
  PollScope scope;
  const Outcome outcome = outcome_of([&](chat_server* server) { return chat_server_poll(server, timeout_ms); });
  if (scope.raised) std::rethrow_exception(scope.raised);
  if (outcome.error == CHAT_ERROR_STOPPED) return false;
  raise_unless_ok(outcome);
  return true;
}

void Core::notice(chat_server* server) {
  // Callbacks may come before chat_server_start() has returned.
  if (server_.load() == nullptr) server_.store(server);
}

// Listeners -----------------------------------------------------------------------------------------------------------

void Core::set_callback(unsigned kind, py::object function) {
  std::size_t index = 0;
  while (index < kKindCount && (1U << index) != kind) ++index;
  if (index == kKindCount) throw py::value_error("kind must be exactly one kind");
  if (function.is_none()) function = py::object();
  if (function) {
    inline_kinds_.fetch_or(kind);
  } else {
    inline_kinds_.fetch_and(~kind);
  }
  // What was there goes after the lock is released.
  const std::lock_guard lock(listening_mutex_);
  std::swap(functions_[index], function);
}

py::object Core::function(Kind kind) {
  std::size_t index = 0;
  while ((1U << index) != static_cast<unsigned>(kind)) ++index;
  const std::lock_guard lock(listening_mutex_);
  return functions_[index];
}

Core::ListenersPtr Core::listeners() {
  const std::lock_guard lock(listening_mutex_);
  return listeners_;
}

template <class Change>
void Core::change_listeners(Change change) {
  ListenersPtr before;
  const std::lock_guard lock(listening_mutex_);
  auto changed = std::make_shared<Listeners>(*listeners_);
  change(*changed);
  unsigned kinds = 0;
  for (unsigned index = 0; index < kKindCount; ++index) {
    for (const EventsListener& listener : changed->events) {
      if (listener.queue->wants(static_cast<Kind>(1U << index))) kinds |= 1U << index;
    }
  }
  event_kinds_.store(kinds);
  before = std::move(listeners_);
  listeners_ = std::move(changed);
}

void Core::set_calls(EventQueuePtr queue) {
  change_listeners([&](Listeners& listeners) { listeners.calls = std::move(queue); });
}

void Core::add_events(EventQueuePtr queue, bool refuse_when_full) {
  change_listeners([&](Listeners& listeners) {
    if (listeners.ended) {
      queue->close();
    } else {
      listeners.events.push_back({std::move(queue), refuse_when_full});
    }
  });
}

void Core::remove_events(const EventQueuePtr& queue) {
  change_listeners([&](Listeners& listeners) {
    std::erase_if(listeners.events, [&](const EventsListener& listener) { return listener.queue == queue; });
  });
}

void Core::end_queues() {
  change_listeners([](Listeners& listeners) {
    for (const EventsListener& listener : listeners.events) listener.queue->close();
    listeners = {};
    listeners.ended = true;
  });
}

std::uint64_t Core::send_call(chat_client_id client, const chat_message& message, std::int64_t timeout_ms) {
  std::uint64_t ack_id = 0;
  call([&](chat_server* server) {
    const std::lock_guard lock(awaited_mutex_);
    const chat_error error = chat_send_with_ack(server, client, &message, timeout_ms, &ack_id);
    if (error == CHAT_OK) awaited_.emplace(ack_id, client);
    return error;
  });
  return ack_id;
}

void Core::publish_event(ClientSlotPtr client, OwnedMessagePtr message, std::uint64_t ack_id) {
  if (!queues(Kind::on_message)) return;
  const Record record{Kind::on_message, std::move(client), MessageRecord{std::move(message), ack_id, 0}};
  for (const EventsListener& listener : listeners()->events) {
    if (listener.queue->wants(Kind::on_message)) listener.queue->push_dropping_oldest(record);
  }
}

// Garbage -------------------------------------------------------------------------------------------------------------

int Core::traverse(visitproc visit, void* arg) {
  Py_VISIT(server_object_.ptr());
  for (const py::object& function : functions_) Py_VISIT(function.ptr());
  // In a forked child, whose lock may be held for ever by a thread that is not there, they are left alone.
  if (state_.load() == State::abandoned) return 0;
  for (PyObject* client : clients_.objects()) Py_VISIT(client);
  return 0;
}

void Core::clear() {
  for (unsigned index = 0; index < kKindCount; ++index) set_callback(1U << index, py::none());
  clients_.clear();
  py::object server = std::move(server_object_);
  server_object_ = py::object();
}

}  // namespace pychat
