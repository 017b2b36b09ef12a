// pychat._pychat.Core: one server, from its options to its end. The Python class Server wraps it. It does not define
// the callbacks: start() receives them from its caller (callbacks.h). Callbacks report to Listeners.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "clients.h"
#include "errors.h"
#include "forks.h"
#include "gil.h"
#include "history_store.h"
#include "listeners.h"
#include "options.h"
#include "record.h"
#include "server_sockets.h"

namespace pychat {

// The callbacks that are set only when a listener exists.
struct Wanted {
  bool on_authorize, on_published, on_presence, on_audit, on_report;
};

class Core {
 public:
  Core(py::object server, const py::dict& options);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // Sets the callbacks, which find this object in the user pointer.
  using FillCallbacks = void (*)(chat_callbacks& callbacks, const Wanted& wanted);
  // Starts the server. log_level: the default when the options have none. Raises the exception of the error.
  void start(int log_level, FillCallbacks fill_callbacks);
  // Starts the drain. Event queues end with the drain, even when close() is not called.
  void stop();
  // Waits without the GIL until the drain ends, and frees the server. Raises WrongThreadError inside one of its
  // callbacks.
  void close();
  // Call in a forked child. The server's threads do not exist there, so nothing is waited for or freed. Closes the
  // child's copies of the sockets, so they do not outlive the server.
  void abandon();
  // True in a process forked from the server's process. This object's locks may then be held forever.
  bool forked() const { return forks_.load() != forks() && state_.load() != State::idle; }
  bool host_driven() const { return host_driven_; }
  bool running() const { return state_.load() == State::running && !forked(); }
  // Drives a server without threads. Returns false once the drain has ended. Raises exceptions that callbacks do not
  // handle (KeyboardInterrupt, SystemExit) and those of Python's signal handlers.
  bool poll(int timeout_ms);

  // Before the start. calls: see HistoryStore.
  void set_history_store(py::object calls) { history_store_ = std::make_unique<HistoryStore>(std::move(calls)); }
  void set_callback(unsigned kind, py::object function);
  void set_calls(EventQueuePtr queue);
  void add_events(EventQueuePtr queue, bool refuse_when_full);
  void remove_events(const EventQueuePtr& queue);
  Listeners& listeners() { return listeners_; }

  py::object server_object() const { return server_object_; }
  ClientTable& clients() { return clients_; }
  // Converts a queued record. Call with the GIL.
  py::object to_python(const Record& record) const { return record.to_python(server_object_); }

  // Calls a function of chat.h without the GIL. The server is not freed before it returns.
  template <class Action>
  Outcome outcome_of(Action action) {
    const Use use(*this);
    return without_gil([&] { return Outcome::of(action(use.server())); });
  }
  template <class Action>
  void call(Action action) {
    raise_unless_ok(outcome_of(std::move(action)));
  }

  // Sends a message whose answer goes to the asyncio loop instead of on_ack. Returns the ack id.
  std::uint64_t send_call(chat_client_id client, const chat_message& message, std::int64_t timeout_ms);

  // For callbacks, which may run before chat_server_start() returns: makes the server known.
  void notice(chat_server* server);
  chat_server* server() const { return server_.load(); }
  std::int64_t verdict_timeout_ms() const { return verdict_timeout_ms_; }
  // The signal mask of the thread that started the server.
  sigset_t starters_signal_mask() const { return starters_signal_mask_; }

  int traverse(visitproc visit, void* arg);
  void clear();

 private:
  enum class State { idle, starting, running, closing, closed, abandoned };

  // Keeps close() from freeing the server. Inside a callback it does nothing, since close() must not wait for the
  // callback.
  class Use {
   public:
    explicit Use(Core& core);         // raises unless the server is running
    Use(Core& core, std::nothrow_t);  // server() is null unless it is running
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    chat_server* server() const { return server_; }

   private:
    Core& core_;
    chat_server* server_ = nullptr;
    bool counted_ = false;
  };

  void raise_if_forked() const;
  void release_user();
  // Starts a thread that waits for the end of the drain and then ends the queues. It never takes the GIL.
  void watch_drain();

  Options options_;
  std::unique_ptr<HistoryStore> history_store_;  // nullptr: none
  py::object server_object_;  // the Python Server, which owns this object; the collector handles the cycle

  std::atomic<State> state_ = State::idle;
  std::atomic<std::uint64_t> forks_ = 0;  // the value of forks() at the start
  ServerSockets sockets_;
  bool host_driven_ = false;
  sigset_t starters_signal_mask_{};
  std::atomic<bool> polling_ = false;
  std::atomic<bool> stop_requested_ = false;
  std::atomic<bool> watching_ = false;
  std::atomic<chat_server*> server_ = nullptr;
  std::int64_t verdict_timeout_ms_ = 0;
  std::atomic<int> users_ = 0;  // calls in progress outside of callbacks
  std::mutex close_mutex_;
  std::condition_variable close_changed_;

  Listeners listeners_;
  ClientTable clients_;
};

}  // namespace pychat
