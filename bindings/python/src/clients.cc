// See clients.h.
#include "clients.h"

#include "gil.h"
#include "python_names.h"

namespace pychat {
namespace {

int see_client(const chat_client*, void*) { return 1; }

bool is_there(chat_server* server, chat_client_id id) {
  return chat_client_info(server, id, see_client, nullptr) == CHAT_OK;
}

}  // namespace

ClientSlot::~ClientSlot() {
  PyObject* object = object_.load();
  if (object == nullptr) return;
  const TakeGil gil;
  Py_DECREF(object);
}

py::object ClientSlot::object(py::handle server) {
  PyObject* present = object_.load();
  if (present == nullptr) {
    py::object made = python_names().client(server, id_);
    // Without a GIL (free-threaded Python) two threads may get here at once; the first one's object is used.
    if (object_.compare_exchange_strong(present, made.ptr())) {
      present = made.inc_ref().ptr();
    }
  }
  return py::reinterpret_borrow<py::object>(present);
}

ClientSlotPtr ClientTable::get(chat_client_id id) {
  const std::lock_guard lock(mutex_);
  ClientSlotPtr& slot = slots_[id];
  if (!slot) slot = std::make_shared<ClientSlot>(id);
  return slot;
}

ClientSlotPtr ClientTable::get_if_there(chat_server* server, chat_client_id id) {
  ClientSlotPtr slot = get(id);
  // A client leaves the library's table before on_disconnect. If it is still in the table, remove() runs later.
  if (!is_there(server, id)) remove(id);
  return slot;
}

ClientSlotPtr ClientTable::find(chat_client_id id) {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(id);
  return found == slots_.end() ? nullptr : found->second;
}

ClientSlotPtr ClientTable::remove(chat_client_id id) {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(id);
  if (found == slots_.end()) return nullptr;
  ClientSlotPtr slot = std::move(found->second);
  slots_.erase(found);
  return slot;
}

void ClientTable::clear() {
  std::unordered_map<chat_client_id, ClientSlotPtr> slots;
  {
    const std::lock_guard lock(mutex_);
    slots.swap(slots_);
    undecided_.clear();
  }
}

void ClientTable::note_undecided(chat_client_id id, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  undecided_.push_back({id, now_ms});
}

void ClientTable::remove_forgotten(chat_server* server, std::int64_t older_than_ms) {
  for (;;) {
    chat_client_id id = 0;
    {
      const std::lock_guard lock(mutex_);
      if (undecided_.empty() || undecided_.front().since_ms > older_than_ms) return;
      id = undecided_.front().id;
      undecided_.pop_front();
      if (slots_.find(id) == slots_.end()) continue;
    }
    if (!is_there(server, id)) remove(id);
  }
}

std::vector<PyObject*> ClientTable::objects() {
  const std::lock_guard lock(mutex_);
  std::vector<PyObject*> objects;
  objects.reserve(slots_.size());
  for (const auto& [id, slot] : slots_) {
    if (PyObject* object = slot->peek()) objects.push_back(object);
  }
  return objects;
}

std::size_t ClientTable::size() {
  const std::lock_guard lock(mutex_);
  return slots_.size();
}

}  // namespace pychat
