// See core.h. Starting, ending, and who listens; what callbacks do is in callbacks.cc.
#include "core.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "callback_scope.h"
#include "callbacks.h"
#include "signal_mask.h"

namespace pychat {
namespace {

// A signal that comes just before the wait begins does not interrupt it. So it is looked for so often.
constexpr int kSignalCheckMs = 1'000;

// Waits at most timeout_ms (-1: without limit), and runs Python's signal handlers when a signal has come, so that Ctrl-C ends
// the wait.
void wait_readable(int fd, int timeout_ms) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + std::chrono::milliseconds(std::max(timeout_ms, 0));
  pollfd waits = {fd, POLLIN, 0};
  int left_ms = timeout_ms;
  while (left_ms != 0) {
    int ready = 0;
    int error = 0;
    without_gil([&] {
      ready = ::poll(&waits, 1, left_ms < 0 ? kSignalCheckMs : std::min(left_ms, kSignalCheckMs));
      error = errno;
      return ready;
    });
    if (ready > 0 || (ready < 0 && error != EINTR)) return;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (timeout_ms < 0) continue;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    left_ms = static_cast<int>(std::max<std::int64_t>(left, 0));
  }
}

}  // namespace

Core::Core(py::object server, const py::dict& options) : options_(options), server_object_(std::move(server)) {}

Core::~Core() {
  // A running server is kept alive by the package, so this is one that was abandoned by it: at the very end.
  try {
    if (running()) close();
  } catch (const std::exception&) {
    // Inside its own callback: leaking it is the lesser evil.
  }
}

// Living and ending ---------------------------------------------------------------------------------------------------

Core::Use::Use(Core& core, std::nothrow_t) : core_(core) {
  if (core.forked()) return;
  if (CallbackScope::inside(core)) {
    server_ = core.server_.load();
    return;
  }
  core.users_.fetch_add(1);
  if (core.state_.load() == State::running) {
    counted_ = true;
    server_ = core.server_.load();
    return;
  }
  core.release_user();
}

Core::Use::Use(Core& core) : Use(core, std::nothrow) {
  if (server_ != nullptr) return;
  core.raise_if_forked();
  const State state = core.state_.load();
  if (state == State::idle || state == State::starting) {
    raise_error(CHAT_ERROR_WRONG_STATE, "the server has not been started");
  }
  raise_error(CHAT_ERROR_STOPPED, "the server is closed");
}

Core::Use::~Use() {
  if (counted_) core_.release_user();
}

// Under the lock, as close() may return and the Core be destroyed at once.
void Core::release_user() {
  const std::lock_guard lock(close_mutex_);
  if (users_.fetch_sub(1) == 1 && state_.load() == State::closing) close_changed_.notify_all();
}

void Core::raise_if_forked() const {
  if (!forked()) return;
  raise_error(CHAT_ERROR_WRONG_STATE, "the server belongs to the process from which this one was forked");
}

void Core::start(int log_level) {
  State expected = State::idle;
  if (!state_.compare_exchange_strong(expected, State::starting)) {
    raise_if_forked();
    raise_error(CHAT_ERROR_WRONG_STATE, "a server can be started only once");
  }
  forks_.store(forks());
  chat_server_options native = options_.get();
  native.user = this;
  if (native.log_level == 0) native.log_level = static_cast<chat_log_level>(log_level);
  const bool asks = ((inline_kinds_.load() | async_kinds_.load()) & Kind::on_authorize) != 0;
  fill_callbacks(native.callbacks, asks);
  host_driven_ = native.threads == 0;
  starters_mask_ = signal_mask();
  verdict_timeout_ms_ = native.verdict_timeout_ms > 0 ? native.verdict_timeout_ms : 10'000;

  chat_server* server = nullptr;
  const Outcome outcome = without_gil([&] { return Outcome::of(chat_server_start(&native, &server)); });
  server_.store(server);
  if (outcome.error == CHAT_OK) sockets_.remember(native, chat_server_port(server));
  state_.store(outcome.error == CHAT_OK ? State::running : State::idle);
  if (outcome.error != CHAT_OK) clients_.clear();
  raise_unless_ok(outcome);
  // A callback, or another thread, may have asked for it before there was a server.
  if (stop_requested_.load()) stop();
}

void Core::stop() {
  raise_if_forked();
  if (state_.load() == State::starting) stop_requested_.store(true);
  // Any number of times, and of one that never ran or is closed at this moment.
  const Use use(*this, std::nothrow);
  if (use.server() == nullptr) return;
  without_gil([&] { chat_server_stop(use.server()); });
  watch_drain();
}

void Core::watch_drain() {
  // The end of a server without threads is seen by poll().
  if (host_driven_ || watching_.exchange(true)) return;
  users_.fetch_add(1);
  const SignalsBlocked blocked;  // Python's signal handlers are not for this thread
  try {
    std::thread([this] {
      chat_server_wait(server_.load(), -1);
      end_queues();
      release_user();
    }).detach();
  } catch (const std::system_error&) {
    release_user();  // no thread to be had: the queues end with close()
  }
}

void Core::close() {
  if (forked()) return;
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
  change_listeners([](Listeners& listeners) { listeners = {}; });
  clients_.clear();
  raise_unless_ok(outcome);
}

void Core::abandon() {
  sockets_.close_all();
  state_.store(State::abandoned);
}

bool Core::poll(int timeout_ms) {
  const Use use(*this);
  struct Release {
    std::atomic<bool>* flag = nullptr;
    ~Release() {
      if (flag != nullptr) flag->store(false);
    }
  } release;
  // The library tells which of these is wrong; only then is there nothing to wait for.
  if (host_driven_ && !CallbackScope::inside(*this)) {
    if (polling_.exchange(true)) raise_error(CHAT_ERROR_WRONG_THREAD, "another thread is in poll()");
    release.flag = &polling_;
    wait_readable(chat_server_fd(use.server()), timeout_ms);
  }
  PollScope scope;
  const Outcome outcome = without_gil([&] { return Outcome::of(chat_server_poll(use.server(), 0)); });
  if (scope.raised) std::rethrow_exception(scope.raised);
  if (outcome.error == CHAT_ERROR_STOPPED) {
    end_queues();
    return false;
  }
  raise_unless_ok(outcome);
  return true;
}

void Core::notice(chat_server* server) {
  // Callbacks may come before chat_server_start() has returned.
  if (server_.load() == nullptr) server_.store(server);
}

// Listeners -----------------------------------------------------------------------------------------------------------

void Core::set_callback(unsigned kind, py::object function) {
  raise_if_forked();
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
  if (forked()) return;
  change_listeners([&](Listeners& listeners) { listeners.calls = std::move(queue); });
}

void Core::add_events(EventQueuePtr queue, bool refuse_when_full) {
  raise_if_forked();
  change_listeners([&](Listeners& listeners) {
    if (ended_) {
      queue->close();
    } else {
      listeners.events.push_back({std::move(queue), refuse_when_full});
    }
  });
}

void Core::remove_events(const EventQueuePtr& queue) {
  if (forked()) return;
  change_listeners([&](Listeners& listeners) {
    std::erase_if(listeners.events, [&](const EventsListener& listener) { return listener.queue == queue; });
  });
}

void Core::end_queues() {
  const std::lock_guard lock(listening_mutex_);
  ended_ = true;
  for (const EventsListener& listener : listeners_->events) listener.queue->close();
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
  if (forked()) return 0;
  for (PyObject* client : clients_.objects()) Py_VISIT(client);
  return 0;
}

void Core::clear() {
  if (forked()) return;
  for (unsigned index = 0; index < kKindCount; ++index) set_callback(1U << index, py::none());
  clients_.clear();
  py::object server = std::move(server_object_);
  server_object_ = py::object();
}

}  // namespace pychat
