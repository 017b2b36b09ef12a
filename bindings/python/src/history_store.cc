// See history_store.h.
#include "history_store.h"

#include <string>
#include <utility>

#include "argument.h"
#include "gil.h"
#include "message.h"
#include "outgoing.h"
#include "text.h"

namespace pychat {
namespace {

// Runs an action with the GIL. NULL, or the text of its exception, which is valid until the thread's next call.
template <class Action>
const char* failure_of(Action action) noexcept {
  static thread_local std::string text;
  try {
    const TakeGil gil;
    try {
      action();
      return nullptr;
    } catch (py::error_already_set& error) {
      const py::object& value = error.value();
      text =
          py::str(py::type::of(value).attr("__name__")).cast<std::string>() + ": " + py::str(value).cast<std::string>();
    }
  } catch (const std::exception& error) {
    try {
      text = error.what();
    } catch (...) {
      return "out of memory";
    }
  }
  return text.c_str();
}

py::tuple tuple_of(const chat_history_room& room) {
  return py::make_tuple(py::str(room.room), py::str(room.epoch), room.seq, room.dropped_seq, room.oldest_ms,
                        room.newest_ms, room.last_client);
}

py::tuple tuple_of(const chat_history_change& change) {
  py::list messages;
  for (std::size_t i = 0; i < change.message_count; ++i) {
    messages.append(Message::make(std::make_shared<OwnedMessage>(*change.messages[i]), py::none(), 0, 0));
  }
  py::list values;
  for (std::size_t i = 0; i < change.value_count; ++i) {
    const chat_history_value& value = *change.values[i];
    values.append(py::make_tuple(py::str(value.key), to_bytes(value.value, value.value_size), value.time_ms));
  }
  return py::make_tuple(change.clear != 0, change.remove != 0, tuple_of(*change.room), messages, values,
                        change.drop_before_ms);
}

void reply_value(chat_history_reply* reply, const py::tuple& given) {
  const std::string key = given[0].cast<Text>().value;
  const HeldBytes bytes(given[1]);
  chat_history_value value = CHAT_HISTORY_VALUE_INIT;
  value.key = key.c_str();
  value.value = bytes.blob().data;
  value.value_size = bytes.blob().size_bytes;
  value.time_ms = given[2].cast<std::int64_t>();
  chat_history_reply_value(reply, &value);
}

void reply_room(chat_history_reply* reply, const py::tuple& given) {
  const std::string name = given[0].cast<Text>().value;
  const std::string epoch = given[1].cast<Text>().value;
  chat_history_room room = CHAT_HISTORY_ROOM_INIT;
  room.room = name.c_str();
  room.epoch = epoch.c_str();
  room.seq = given[2].cast<std::uint64_t>();
  room.dropped_seq = given[3].cast<std::uint64_t>();
  room.oldest_ms = given[4].cast<std::int64_t>();
  room.newest_ms = given[5].cast<std::int64_t>();
  room.last_client = given[6].cast<std::uint64_t>();
  chat_history_reply_room(reply, &room);
  for (const py::handle value : given[7]) reply_value(reply, py::tuple(py::reinterpret_borrow<py::object>(value)));
}

}  // namespace

HistoryStore::HistoryStore(py::object calls) : calls_(std::move(calls)) {
  raw_.user = this;
  raw_.load = load;
  raw_.read = read;
  raw_.write = write;
  raw_.keeps_ids = calls_.attr("keeps_ids").cast<bool>() ? 1 : 0;
  raw_.keeps_changes = calls_.attr("keeps_changes").cast<bool>() ? 1 : 0;
}

const char* HistoryStore::load(chat_history_reply* reply, void* user) {
  return failure_of([&] {
    const py::object rooms = static_cast<HistoryStore*>(user)->calls_.attr("load")();
    for (const py::handle room : rooms) reply_room(reply, py::tuple(py::reinterpret_borrow<py::object>(room)));
  });
}

const char* HistoryStore::read(const chat_history_query* query, chat_history_reply* reply, void* user) {
  return failure_of([&] {
    const py::object messages = static_cast<HistoryStore*>(user)->calls_.attr("read")(
        py::str(query->room), py::str(query->epoch), query->after_seq, query->before_seq, query->limit);
    const OutgoingHistory history{py::list(messages)};
    for (const chat_message& message : history.messages()) chat_history_reply_message(reply, &message);
  });
}

const char* HistoryStore::write(const chat_history_change* const* changes, std::size_t count, void* user) {
  return failure_of([&] {
    py::list list;
    for (std::size_t i = 0; i < count; ++i) list.append(tuple_of(*changes[i]));
    static_cast<HistoryStore*>(user)->calls_.attr("write")(list);
  });
}

}  // namespace pychat
