// The listeners of a server's callbacks, in three kinds: functions that are called immediately; the asyncio loop, which
// receives requests through a queue and decides later; and event queues. The library's threads check masks for them
// without the GIL. Knows nothing of the server.
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
  // Functions. Call these with the GIL. set_function() raises ValueError unless `kind` is a single kind; None removes
  // the function.
  void set_function(unsigned kind, py::object function);
  py::object function(Kind kind);
  void clear_functions();
  int traverse(visitproc visit, void* arg);

  // The kinds that the asyncio loop decides. Without a queue for them, requests are refused.
  void set_async_kinds(unsigned kinds) { async_kinds_.store(kinds); }
  void set_calls(EventQueuePtr queue);
  // The queue of the asyncio loop, or null.
  EventQueuePtr calls();
  // Adds a record to the loop's queue, or counts it as lost.
  void tell_loop(Record record);
  void count_lost() { ++calls_lost_; }
  std::uint64_t calls_lost() const { return calls_lost_.load(); }

  void add_events(EventQueuePtr queue, bool refuse_when_full);
  void remove_events(const EventQueuePtr& queue);
  // True when a queue that refuses records when full has no space for this one.
  bool refuses(const Record& record);
  // Adds a record to each queue that wants its kind.
  void publish(const Record& record);
  // Ends the event queues, including those added later.
  void end_events();
  // Releases all queues.
  void clear_queues();

  bool calls_inline(Kind kind) const { return (inline_kinds_.load() & kind) != 0; }
  bool calls_async(Kind kind) const { return (async_kinds_.load() & kind) != 0; }
  bool queues(Kind kind) const { return (event_kinds_.load() & kind) != 0; }

  // Answers that the asyncio loop awaits. `send` returns an error and sets the ack id. The lock is held during the
  // call, because the answer may arrive on another thread before the ack id is stored here.
  template <class Send>
  chat_error send_awaited(chat_client_id client, std::uint64_t& ack_id, Send send) {
    const std::lock_guard lock(awaited_mutex_);
    const chat_error error = send(ack_id);
    if (error == CHAT_OK) awaited_.emplace(ack_id, client);
    return error;
  }
  // Removes the awaited answer. Returns false when the loop does not await it.
  bool take_awaited(std::uint64_t ack_id);
  // Removes and returns all awaited answers of one client.
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
  std::mutex mutex_;  // held only to copy a pointer
  std::array<py::object, kKindCount> functions_;
  QueuesPtr queues_ = std::make_shared<Queues>();
  bool ended_ = false;  // no further events will come
  std::atomic<std::uint64_t> calls_lost_ = 0;

  std::mutex awaited_mutex_;
  std::unordered_map<std::uint64_t, chat_client_id> awaited_;
};

}  // namespace pychat
