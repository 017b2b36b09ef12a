// pychat._pychat.Core: one server, from the options to the end. The Python class Server wraps it. Listeners hear of its
// callbacks. What the callbacks do is not known here: start() gets them from its caller (callbacks.h).
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <new>

#include "clients.h"
#include "errors.h"
#include "forks.h"
#include "gil.h"
#include "listeners.h"
#include "options.h"
#include "record.h"
#include "server_sockets.h"

namespace pychat {

class Core {
 public:
  Core(py::object server, const py::dict& options);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // Sets the callbacks, which find this object in the user pointer. on_authorize is set only when a listener decides it, because
  // its presence changes what is allowed.
  using FillCallbacks = void (*)(chat_callbacks& callbacks, bool with_authorize, bool with_published);
  // The level is for options without one.
  void start(int log_level, FillCallbacks fill_callbacks);
  // Event queues end with the drain, also when nobody calls close().
  void stop();
  // Waits for the end of the drain without the GIL. WRONG_THREAD inside one of its callbacks.
  void close();
  // After fork, in the child: the threads are not there, so nothing may be waited for or freed. Closes the child's copies of
  // the sockets, so that they end with the server.
  void abandon();
  // Whether this process was forked from the server's. Then locks of this object may be held for ever.
  bool forked() const { return forks_.load() != forks() && state_.load() != State::idle; }
  bool host_driven() const { return host_driven_; }
  bool running() const { return state_.load() == State::running && !forked(); }
  // False once the drain has ended. Raises what a callback could not handle: KeyboardInterrupt, SystemExit; and what a
  // signal handler of Python raises meanwhile.
  bool poll(int timeout_ms);

  void set_callback(unsigned kind, py::object function);
  void set_calls(EventQueuePtr queue);
  void add_events(EventQueuePtr queue, bool refuse_when_full);
  void remove_events(const EventQueuePtr& queue);
  Listeners& listeners() { return listeners_; }

  py::object server_object() const { return server_object_; }
  ClientTable& clients() { return clients_; }
  // What waits in a queue, for Python. With the GIL.
  py::object to_python(const Record& record) const { return record.to_python(server_object_); }

  // Calls a function of chat.h without the GIL, on a server that stays until it returns.
  template <class Action>
  Outcome outcome_of(Action action) {
    const Use use(*this);
    return without_gil([&] { return Outcome::of(action(use.server())); });
  }
  template <class Action>
  void call(Action action) {
    raise_unless_ok(outcome_of(std::move(action)));
  }

  // Sends a message whose answer goes to the asyncio loop, not to on_ack. Gives the number of the answer.
  std::uint64_t send_call(chat_client_id client, const chat_message& message, std::int64_t timeout_ms);

  // For callbacks. They may run before chat_server_start() has returned: `server` is known from then on.
  void notice(chat_server* server);
  chat_server* server() const { return server_.load(); }
  std::int64_t verdict_timeout_ms() const { return verdict_timeout_ms_; }
  // Of the thread that started the server.
  sigset_t starters_signal_mask() const { return starters_signal_mask_; }

  int traverse(visitproc visit, void* arg);
  void clear();

 private:
  enum class State { idle, starting, running, closing, closed, abandoned };

  // Keeps close() from freeing the server. Inside a callback that is not needed, and close() must not wait for it.
  class Use {
   public:
    explicit Use(Core& core);         // raises unless the server runs
    Use(Core& core, std::nothrow_t);  // server() is null unless it runs
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
  // A thread waits for the end of the drain, and ends the queues. It never takes the GIL.
  void watch_drain();

  Options options_;
  py::object server_object_;  // the Python Server, which owns this: a cycle that the collector knows

  std::atomic<State> state_ = State::idle;
  std::atomic<std::uint64_t> forks_ = 0;  // as forks() was at the start
  ServerSockets sockets_;
  bool host_driven_ = false;
  sigset_t starters_signal_mask_{};
  std::atomic<bool> polling_ = false;
  std::atomic<bool> stop_requested_ = false;
  std::atomic<bool> watching_ = false;
  std::atomic<chat_server*> server_ = nullptr;
  std::int64_t verdict_timeout_ms_ = 0;
  std::atomic<int> users_ = 0;  // calls from outside of callbacks that are under way
  std::mutex close_mutex_;
  std::condition_variable close_changed_;

  Listeners listeners_;
  ClientTable clients_;
};

}  // namespace pychat
