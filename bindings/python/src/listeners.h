// Who hears of a server's callbacks. Three kinds of listeners, told apart by masks that the library's threads read without
// the GIL: functions that are called at once; the asyncio loop, which is asked through a queue and decides later; and queues
// of events to read. It knows nothing of the server.
#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "event_queue.h"
#include "record.h"

namespace pychat {

namespace py = pybind11;

class Listeners {
 public:
  // Functions. All of this with the GIL. Raises ValueError unless `kind` is one kind; None removes the function.
  void set_function(unsigned kind, py::object function);
  py::object function(Kind kind);
  void clear_functions();
  int traverse(visitproc visit, void* arg);

  // The kinds that the asyncio loop decides. Without a queue of theirs they are refused.
  void set_async_kinds(unsigned kinds) { async_kinds_.store(kinds); }
  void set_calls(EventQueuePtr queue);
  // The queue of the asyncio loop, or null.
  EventQueuePtr calls();
  // Puts a record into the loop's queue, or counts it as lost.
  void tell_loop(Record record);
  void count_lost() { ++calls_lost_; }
  std::uint64_t calls_lost() const { return calls_lost_.load(); }

  void add_events(EventQueuePtr queue, bool refuse_when_full);
  void remove_events(const EventQueuePtr& queue);
  // Whether a queue that refuses when it is full has no space for the record.
  bool refuses(const Record& record);
  // Puts a record into each queue that wants its kind.
  void publish(const Record& record);
  // Ends the queues of events, and those that are added later.
  void end_events();
  // Releases all queues.
  void clear_queues();

  bool calls_inline(Kind kind) const { return (inline_kinds_.load() & kind) != 0; }
  bool calls_async(Kind kind) const { return (async_kinds_.load() & kind) != 0; }
  bool queues(Kind kind) const { return (event_kinds_.load() & kind) != 0; }

  // Answers that the asyncio loop awaits. `send` returns an error and sets the number of the answer. The lock is held
  // meanwhile: the answer may come on another thread before its number is known here.
  template <class Send>
  chat_error send_awaited(chat_client_id client, std::uint64_t& ack_id, Send send) {
    const std::lock_guard lock(awaited_mutex_);
    const chat_error error = send(ack_id);
    if (error == CHAT_OK) awaited_.emplace(ack_id, client);
    return error;
  }
  // Whether the loop awaits this answer; it does so no longer.
  bool take_awaited(std::uint64_t ack_id);
  // The answers of one client that the loop awaits; it does so no longer.
  std::vector<std::uint64_t> take_awaited_of(chat_client_id client);

 private:
  struct EventsListener {
    EventQueuePtr queue;
    bool refuse_when_full;
  };
  struct Queues {
    EventQueuePtr calls;
    std::vector<EventsListener> events;
  };
  using QueuesPtr = std::shared_ptr<const Queues>;

  QueuesPtr all_queues();
  template <class Change>
  void change_queues(Change change);

  std::atomic<unsigned> inline_kinds_ = 0;
  std::atomic<unsigned> async_kinds_ = 0;
  std::atomic<unsigned> event_kinds_ = 0;
  std::mutex mutex_;  // held for a copy of a pointer only
  std::array<py::object, kKindCount> functions_;
  QueuesPtr queues_ = std::make_shared<Queues>();
  bool ended_ = false;  // nothing comes any more
  std::atomic<std::uint64_t> calls_lost_ = 0;

  std::mutex awaited_mutex_;
  std::unordered_map<std::uint64_t, chat_client_id> awaited_;
};

}  // namespace pychat
