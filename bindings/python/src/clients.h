// Which Python object stands for which client. A slot is made without the GIL, by whatever callback comes first; its
// object is made when Python first sees the client, and is the same from then on. A slot lives while the client is in the
// table or an event about it waits in a queue, so that `client.user` is there until the last of its events is seen.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "chat/chat.h"

namespace pychat {

namespace py = pybind11;

class ClientSlot {
 public:
  explicit ClientSlot(chat_client_id id) : id_(id) {}
  ~ClientSlot();  // takes the GIL when there is an object
  ClientSlot(const ClientSlot&) = delete;
  ClientSlot& operator=(const ClientSlot&) = delete;

  chat_client_id id() const { return id_; }
  // With the GIL. `server` is the Python Server that a new object refers to.
  py::object object(py::handle server);
  PyObject* peek() const { return object_.load(); }

 private:
  const chat_client_id id_;
  std::atomic<PyObject*> object_ = nullptr;  // owned
};

using ClientSlotPtr = std::shared_ptr<ClientSlot>;

class ClientTable {
 public:
  // In a callback of this client, or of one that is known to be there.
  ClientSlotPtr get(chat_client_id id);
  // For a client that was found in some list: nothing stays behind when it has gone meanwhile.
  ClientSlotPtr get_if_there(chat_server* server, chat_client_id id);
  // In on_disconnect, or when a client was refused.
  ClientSlotPtr remove(chat_client_id id);
  void clear();

  // A client that was asked about in on_connect. When it is refused later, or goes before, no callback tells; such
  // entries are found and removed as further clients come.
  void note_undecided(chat_client_id id, std::int64_t now_ms);
  void remove_forgotten(chat_server* server, std::int64_t older_than_ms);

  // For the garbage collector: the objects, borrowed.
  std::vector<PyObject*> objects();
  std::size_t size();

 private:
  struct Undecided {
    chat_client_id id;
    std::int64_t since_ms;
  };

  // No Python code runs and no Python object is made or dropped while it is held: the collector takes it.
  std::mutex mutex_;
  std::unordered_map<chat_client_id, ClientSlotPtr> slots_;
  std::deque<Undecided> undecided_;
};

}  // namespace pychat
