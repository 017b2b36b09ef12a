// See core.h.
#include "core.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "callback_scope.h"
#include "signal_mask.h"

namespace pychat {
namespace {

// A signal that arrives just before a wait does not interrupt it, so signals are checked at this interval.
constexpr int kSignalCheckMs = 1'000;

// Waits at most timeout_ms (-1: no limit) and runs Python's signal handlers when a signal arrives, so Ctrl-C ends the
// wait.
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
  // The package keeps a running server alive, so this is a server that it abandoned at exit.
  try {
    if (running()) close();
  } catch (const std::exception&) {
    // Called inside its own callback: leaking is better than a deadlock.
  }
}

Core::Use::Use(Core& core, std::nothrow_t) : core_(core) {
  if (core.forked()) return;
  if (CallbackScope::inside(&core)) {
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

// Under the lock, because close() may return and destroy the Core immediately afterwards.
void Core::release_user() {
  const std::lock_guard lock(close_mutex_);
  if (users_.fetch_sub(1) == 1 && state_.load() == State::closing) close_changed_.notify_all();
}

void Core::raise_if_forked() const {
  if (!forked()) return;
  raise_error(CHAT_ERROR_WRONG_STATE, "the server belongs to the process from which this one was forked");
}

void Core::start(int log_level, FillCallbacks fill_callbacks) {
  State expected = State::idle;
  if (!state_.compare_exchange_strong(expected, State::starting)) {
    raise_if_forked();
    raise_error(CHAT_ERROR_WRONG_STATE, "a server can be started only once");
  }
  forks_.store(forks());
  chat_server_options native = options_.get();
  native.user = this;
  if (history_store_) native.history_store = history_store_->raw();
  if (native.log_level == 0) native.log_level = static_cast<chat_log_level>(log_level);
  const auto is_called = [&](Kind kind) { return listeners_.calls_inline(kind) || listeners_.calls_async(kind); };
  fill_callbacks(native.callbacks,
                 {is_called(Kind::on_authorize), is_called(Kind::on_published), is_called(Kind::on_presence),
                  is_called(Kind::on_audit), is_called(Kind::on_report)});
  host_driven_ = native.threads == 0;
  starters_signal_mask_ = signal_mask();
  verdict_timeout_ms_ = native.verdict_timeout_ms > 0 ? native.verdict_timeout_ms : 10'000;

  chat_server* server = nullptr;
  const Outcome outcome = without_gil([&] { return Outcome::of(chat_server_start(&native, &server)); });
  server_.store(server);
  if (outcome.error == CHAT_OK) sockets_.remember(native, chat_server_port(server));
  state_.store(outcome.error == CHAT_OK ? State::running : State::idle);
  if (outcome.error != CHAT_OK) clients_.clear();
  raise_unless_ok(outcome);
  // A callback or another thread may have requested the stop before the server existed.
  if (stop_requested_.load()) stop();
}

void Core::stop() {
  raise_if_forked();
  if (state_.load() == State::starting) stop_requested_.store(true);
  // stop() may be called repeatedly, and on a server that never ran or is being closed.
  const Use use(*this, std::nothrow);
  if (use.server() == nullptr) return;
  without_gil([&] { chat_server_stop(use.server()); });
  watch_drain();
}

void Core::watch_drain() {
  // poll() detects the end of a server without threads.
  if (host_driven_ || watching_.exchange(true)) return;
  users_.fetch_add(1);
  const SignalsBlocked blocked;  // this thread must not receive signals that Python handles
  try {
    std::thread([this] {
      chat_server_wait(server_.load(), -1);
      listeners_.end_events();
      release_user();
    }).detach();
  } catch (const std::system_error&) {
    release_user();  // no thread is available; close() ends the queues instead
  }
}

void Core::close() {
  if (forked()) return;
  if (CallbackScope::inside(this))
    raise_error(CHAT_ERROR_WRONG_THREAD, "close() was called in a callback of the same server");
  State expected = State::running;
  if (!state_.compare_exchange_strong(expected, State::closing)) {
    if (expected != State::closing) return;
    // Another thread is closing the server.
    without_gil([&] {
      std::unique_lock lock(close_mutex_);
      close_changed_.wait(lock, [&] { return state_.load() != State::closing; });
    });
    return;
  }
  const Outcome outcome = without_gil([&] {
    chat_server* server = server_.load();
    chat_server_stop(server);  // ends a poll() on another thread
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
  listeners_.end_events();
  listeners_.clear_queues();
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
  // chat_server_poll() reports which of these is wrong; there is nothing to wait for then.
  if (host_driven_ && !CallbackScope::inside(this)) {
    if (polling_.exchange(true)) raise_error(CHAT_ERROR_WRONG_THREAD, "another thread is in poll()");
    release.flag = &polling_;
    wait_readable(chat_server_fd(use.server()), timeout_ms);
  }
  PollScope scope;
  const Outcome outcome = without_gil([&] { return Outcome::of(chat_server_poll(use.server(), 0)); });
  if (scope.raised) std::rethrow_exception(scope.raised);
  if (outcome.error == CHAT_ERROR_STOPPED) {
    listeners_.end_events();
    return false;
  }
  raise_unless_ok(outcome);
  return true;
}

void Core::notice(chat_server* server) {
  // Callbacks may run before chat_server_start() returns.
  if (server_.load() == nullptr) server_.store(server);
}

void Core::set_callback(unsigned kind, py::object function) {
  raise_if_forked();
  listeners_.set_function(kind, std::move(function));
}

void Core::set_calls(EventQueuePtr queue) {
  if (forked()) return;
  listeners_.set_calls(std::move(queue));
}

void Core::add_events(EventQueuePtr queue, bool refuse_when_full) {
  raise_if_forked();
  listeners_.add_events(std::move(queue), refuse_when_full);
}

void Core::remove_events(const EventQueuePtr& queue) {
  if (!forked()) listeners_.remove_events(queue);
}

std::uint64_t Core::send_call(chat_client_id client, const chat_message& message, std::int64_t timeout_ms) {
  std::uint64_t ack_id = 0;
  call([&](chat_server* server) {
    return listeners_.send_awaited(client, ack_id, [&](std::uint64_t& number) {
      return chat_send_with_ack(server, client, &message, timeout_ms, &number);
    });
  });
  return ack_id;
}

int Core::traverse(visitproc visit, void* arg) {
  Py_VISIT(server_object_.ptr());
  if (history_store_) Py_VISIT(history_store_->calls().ptr());
  if (const int stopped = listeners_.traverse(visit, arg); stopped != 0) return stopped;
  if (forked()) return 0;
  for (PyObject* client : clients_.objects()) Py_VISIT(client);
  return 0;
}

void Core::clear() {
  if (forked()) return;
  listeners_.clear_functions();
  clients_.clear();
  py::object server = std::move(server_object_);
  server_object_ = py::object();
}

}  // namespace pychat
