// Maps clients to their Python objects. The first callback of a client creates its slot without the GIL. The Python
// object is created when Python first sees the client and stays the same. A slot lives while the client is in the table
// or a queued event refers to it, so `client.user` is available until the last of its events.
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
  ~ClientSlot();  // takes the GIL if there is an object
  ClientSlot(const ClientSlot&) = delete;
  ClientSlot& operator=(const ClientSlot&) = delete;

  chat_client_id id() const { return id_; }
  // Returns the Python object, creating it if necessary. Call with the GIL. `server` is the Python Server that a new
  // object refers to.
  py::object object(py::handle server);
  // The object without creating it, borrowed; nullptr when there is none.
  PyObject* peek() const { return object_.load(); }

 private:
  const chat_client_id id_;
  std::atomic<PyObject*> object_ = nullptr;  // owned
};

using ClientSlotPtr = std::shared_ptr<ClientSlot>;

// The slots of a server's clients. Any thread may call it.
class ClientTable {
 public:
  // Returns the client's slot, creating it if necessary. Call in a callback of the client, or while it is known to
  // exist.
  ClientSlotPtr get(chat_client_id id);
  // Like get(), for a client from a list: leaves no slot behind when the client has disconnected meanwhile.
  ClientSlotPtr get_if_there(chat_server* server, chat_client_id id);
  // nullptr when the client has no slot. For calls outside of the client's callbacks: they must leave none behind.
  ClientSlotPtr find(chat_client_id id);
  // Removes the slot, in on_disconnect or when the client is refused.
  ClientSlotPtr remove(chat_client_id id);
  void clear();

  // Records a client in on_connect. If it is never opened, on_disconnect does not remove its slot, so
  // remove_forgotten() removes such slots when further clients connect.
  void note_undecided(chat_client_id id, std::int64_t now_ms);
  void remove_forgotten(chat_server* server, std::int64_t older_than_ms);

  // The objects for the garbage collector, borrowed.
  std::vector<PyObject*> objects();
  std::size_t size();

 private:
  struct Undecided {
    chat_client_id id;
    std::int64_t since_ms;
  };

  // The garbage collector locks it, so no Python code may run and no Python object may be created or released while it
  // is held.
  std::mutex mutex_;
  std::unordered_map<chat_client_id, ClientSlotPtr> slots_;
  std::deque<Undecided> undecided_;
};

}  // namespace pychat
