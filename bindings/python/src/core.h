// pychat._pychat.Core: one server, from the options to the end, and who hears of its callbacks. The Python class Server
// wraps it.
//
// Three kinds of listeners, told apart by masks that the library's threads read without the GIL: functions that are called
// at once; the asyncio loop, which is asked through a queue and decides later; and queues of events to read.
#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

#include "clients.h"
#include "errors.h"
#include "event_queue.h"
#include "forks.h"
#include "gil.h"
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

  // The level is for options without one.
  void start(int log_level);
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
  // The kinds that the asyncio loop decides. Without a queue of theirs they are refused.
  void set_async_kinds(unsigned kinds) { async_kinds_.store(kinds); }
  void set_calls(EventQueuePtr queue);
  void add_events(EventQueuePtr queue, bool refuse_when_full);
  void remove_events(const EventQueuePtr& queue);
  std::uint64_t calls_lost() const { return calls_lost_.load(); }

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
  // A message that the loop has let pass.
  void publish_event(ClientSlotPtr client, OwnedMessagePtr message, std::uint64_t ack_id);

  int traverse(visitproc visit, void* arg);
  void clear();

 private:
  friend struct Callbacks;  // callbacks.cc
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

  struct EventsListener {
    EventQueuePtr queue;
    bool refuse_when_full;
  };
  struct Listeners {
    EventQueuePtr calls;
    std::vector<EventsListener> events;
  };
  using ListenersPtr = std::shared_ptr<const Listeners>;

  // Defined in callbacks.cc, all without the GIL unless said otherwise.
  chat_verdict on_connect(chat_connect_event& event);
  chat_verdict on_authorize(chat_authorize_event& event);
  chat_verdict on_message(chat_message_event& event);
  void on_client_event(Kind kind, const chat_client_event& event);
  void on_ack(const chat_ack_event& event);
  void on_published(const chat_message& message);
  void end_awaited(chat_client_id client);
  void on_log(chat_log_level level, const char* text);
  // Calls the function for a record and gives its result to `read`, with the GIL; false when it has raised.
  template <class Read>
  bool call_inline(const Record& record, Read read);
  // Hands a decision to the asyncio loop: CHAT_DEFER, or CHAT_REFUSE with the reason.
  chat_verdict ask_loop(Record record, char* reason);
  void tell_loop(Record record);
  void report_exception(Kind kind, py::error_already_set& error);  // with the GIL

  bool calls_inline(Kind kind) const { return (inline_kinds_.load() & kind) != 0; }
  bool calls_async(Kind kind) const { return (async_kinds_.load() & kind) != 0; }
  bool queues(Kind kind) const { return (event_kinds_.load() & kind) != 0; }
  py::object function(Kind kind);
  ListenersPtr listeners();
  template <class Change>
  void change_listeners(Change change);
  void notice(chat_server* server);
  void raise_if_forked() const;
  void end_if_forked(py::handle error) const;  // with the GIL
  void release_user();
  // A thread waits for the end of the drain, and ends the queues. It never takes the GIL.
  void watch_drain();
  void end_queues();

  Options options_;
  py::object server_object_;  // the Python Server, which owns this: a cycle that the collector knows

  std::atomic<State> state_ = State::idle;
  std::atomic<std::uint64_t> forks_ = 0;  // as forks() was at the start
  ServerSockets sockets_;
  bool host_driven_ = false;
  sigset_t starters_mask_{};  // of the thread that started the server
  std::atomic<bool> polling_ = false;
  std::atomic<bool> stop_requested_ = false;
  std::atomic<bool> watching_ = false;
  std::atomic<chat_server*> server_ = nullptr;
  std::int64_t verdict_timeout_ms_ = 0;
  std::atomic<int> users_ = 0;  // calls from outside of callbacks that are under way
  std::mutex close_mutex_;
  std::condition_variable close_changed_;

  std::atomic<unsigned> inline_kinds_ = 0;
  std::atomic<unsigned> async_kinds_ = 0;
  std::atomic<unsigned> event_kinds_ = 0;
  std::mutex listening_mutex_;  // held for a copy of a pointer only
  std::array<py::object, kKindCount> functions_;
  ListenersPtr listeners_ = std::make_shared<Listeners>();
  bool ended_ = false;  // nothing comes any more
  std::atomic<std::uint64_t> calls_lost_ = 0;

  // Held over the sending: the answer may come on another thread before its number is known here.
  std::mutex awaited_mutex_;
  std::unordered_map<std::uint64_t, chat_client_id> awaited_;

  ClientTable clients_;
};

}  // namespace pychat
