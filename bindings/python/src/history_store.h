// A store of the application's own: calls the Python half (pychat._store) from the functions of chat_history_store, with tuples in
// the order of chat.h's fields.
#pragma once

#include <pybind11/pybind11.h>

#include "chat/chat.h"

namespace pychat {

namespace py = pybind11;

class HistoryStore {
 public:
  // calls: an object with load(), read(), write(), keeps_ids and keeps_changes. Create and destroy it with the GIL.
  explicit HistoryStore(py::object calls);
  HistoryStore(const HistoryStore&) = delete;
  HistoryStore& operator=(const HistoryStore&) = delete;

  // Valid as long as this object.
  const chat_history_store* raw() const { return &raw_; }
  py::handle calls() const { return calls_; }

 private:
  static const char* load(chat_history_reply* reply, void* user);
  static const char* read(const chat_history_query* query, chat_history_reply* reply, void* user);
  static const char* write(const chat_history_change* const* changes, std::size_t count, void* user);

  py::object calls_;
  chat_history_store raw_ = CHAT_HISTORY_STORE_INIT;
};

}  // namespace pychat
