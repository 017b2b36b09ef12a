// See listeners.h.
#include "listeners.h"

#include <utility>

namespace pychat {

void Listeners::set_function(unsigned kind, py::object function) {
  std::size_t index = 0;
  while (index < kKindCount && (1U << index) != kind) ++index;
  if (index == kKindCount) throw py::value_error("kind must be exactly one kind");
  if (function.is_none()) function = py::object();
  if (function) {
    inline_kinds_.fetch_or(kind);
  } else {
    inline_kinds_.fetch_and(~kind);
  }
  // The previous function is released after the lock.
  const std::lock_guard lock(mutex_);
  std::swap(functions_[index], function);
}

py::object Listeners::function(Kind kind) {
  std::size_t index = 0;
  while ((1U << index) != static_cast<unsigned>(kind)) ++index;
  const std::lock_guard lock(mutex_);
  return functions_[index];
}

void Listeners::clear_functions() {
  for (unsigned index = 0; index < kKindCount; ++index) set_function(1U << index, py::none());
}

int Listeners::traverse(visitproc visit, void* arg) {
  for (const py::object& function : functions_) Py_VISIT(function.ptr());
  return 0;
}

Listeners::QueuesPtr Listeners::all_queues() {
  const std::lock_guard lock(mutex_);
  return queues_;
}

template <class Change>
void Listeners::change_queues(Change change) {
  QueuesPtr before;
  const std::lock_guard lock(mutex_);
  auto changed = std::make_shared<Queues>(*queues_);
  change(*changed);
  unsigned kinds = 0;
  for (unsigned index = 0; index < kKindCount; ++index) {
    for (const EventsListener& listener : changed->events) {
      if (listener.queue->wants(static_cast<Kind>(1U << index))) kinds |= 1U << index;
    }
  }
  event_kinds_.store(kinds);
  before = std::move(queues_);
  queues_ = std::move(changed);
}

void Listeners::set_calls(EventQueuePtr queue) {
  change_queues([&](Queues& queues) { queues.calls = std::move(queue); });
}

EventQueuePtr Listeners::calls() { return all_queues()->calls; }

void Listeners::tell_loop(Record record) {
  const EventQueuePtr queue = calls();
  if (!queue || !queue->push(std::move(record))) count_lost();
}

void Listeners::add_events(EventQueuePtr queue, bool refuse_when_full) {
  change_queues([&](Queues& queues) {
    if (ended_) {
      queue->close();
    } else {
      queues.events.push_back({std::move(queue), refuse_when_full});
    }
  });
}

void Listeners::remove_events(const EventQueuePtr& queue) {
  change_queues([&](Queues& queues) {
    std::erase_if(queues.events, [&](const EventsListener& listener) { return listener.queue == queue; });
  });
}

bool Listeners::refuses(const Record& record) {
  const QueuesPtr queues = all_queues();
  for (const EventsListener& listener : queues->events) {
    if (listener.refuse_when_full && listener.queue->wants(record.kind) && listener.queue->full(record.bytes())) {
      return true;
    }
  }
  return false;
}

void Listeners::publish(const Record& record) {
  const QueuesPtr queues = all_queues();
  for (const EventsListener& listener : queues->events) {
    if (listener.queue->wants(record.kind)) listener.queue->push_dropping_oldest(record);
  }
}

void Listeners::end_events() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  for (const EventsListener& listener : queues_->events) listener.queue->close();
}

void Listeners::clear_queues() {
  change_queues([](Queues& queues) { queues = {}; });
}

bool Listeners::take_awaited(std::uint64_t ack_id) {
  const std::lock_guard lock(awaited_mutex_);
  return awaited_.erase(ack_id) > 0;
}

std::vector<std::uint64_t> Listeners::take_awaited_of(chat_client_id client) {
  std::vector<std::uint64_t> taken;
  const std::lock_guard lock(awaited_mutex_);
  for (const auto& [ack_id, awaited_of] : awaited_) {
    if (awaited_of == client) taken.push_back(ack_id);
  }
  for (const std::uint64_t ack_id : taken) awaited_.erase(ack_id);
  return taken;
}

}  // namespace pychat
