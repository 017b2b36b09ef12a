// A store of the application's own for the history of rooms: a class to derive from. chat.h says at chat_history_store what its
// functions do, on which thread they run and in which order a change is made.
#ifndef CHAT_CPP_HISTORY_STORE_HPP
#define CHAT_CPP_HISTORY_STORE_HPP

#include <chat/chat.h>

#include <chat/cpp/error.hpp>
#include <chat/cpp/message.hpp>
#include <chat/cpp/range.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace chat {
inline namespace v0 {

// chat_history_room: a room as the store keeps it.
struct HistoryRoom {
  // Its name.
  std::string room;
  // Of its numbering.
  std::string epoch;
  // Of the newest message, kept or not.
  std::uint64_t seq = 0;
  // Messages up to here need not be kept.
  std::uint64_t dropped_seq = 0;
  // About when the oldest kept message was published.
  std::int64_t oldest_ms = 0;
  // When the newest message was published.
  std::int64_t newest_ms = 0;
  // The highest number of a client so far.
  std::uint64_t last_client = 0;
};

// chat_history_value. In a change an empty value is to be removed.
struct HistoryValue {
  // Its name in the room.
  std::string_view key;
  // Any bytes.
  std::string_view value;
  // When it was set.
  std::int64_t time_ms = 0;
};

// chat_history_change. Its messages and values are valid during the call.
struct HistoryChange {
  // Delete all messages and values of the room first.
  bool clear = false;
  // Delete the room too. Then nothing follows.
  bool remove = false;
  // Store this as the room's row.
  HistoryRoom room;
  // Add these, or with keeps_changes() replace the rows of the same seq.
  std::vector<MessageView> messages;
  // Set or remove these, one after the other.
  std::vector<HistoryValue> values;
  // 0, or: messages published before may be deleted.
  std::int64_t drop_before_ms = 0;
};

// chat_history_query
struct HistoryQuery {
  // The room of the messages.
  std::string_view room;
  // Their epoch.
  std::string_view epoch;
  // They have a higher seq,
  std::uint64_t after_seq = 0;
  // and a lower one.
  std::uint64_t before_seq = 0;
  // At most so many, the newest.
  std::size_t limit = 0;
};

// chat_history_reply: valid during the call. After an error of it the whole load() or read() counts as failed.
class HistoryReply {
 public:
  explicit HistoryReply(chat_history_reply* reply) noexcept : reply_(reply) {}

  // chat_history_reply_room()
  Result<void> room(const HistoryRoom& room) {
    chat_history_room raw = CHAT_HISTORY_ROOM_INIT;
    raw.room = detail::has_nul(room.room) ? nullptr : room.room.c_str();
    raw.epoch = detail::has_nul(room.epoch) ? nullptr : room.epoch.c_str();
    raw.seq = room.seq;
    raw.dropped_seq = room.dropped_seq;
    raw.oldest_ms = room.oldest_ms;
    raw.newest_ms = room.newest_ms;
    raw.last_client = room.last_client;
    return detail::result_of(chat_history_reply_room(reply_, &raw));
  }
  // chat_history_reply_value(): of the last room.
  Result<void> value(const HistoryValue& value) {
    const std::string key(value.key);
    chat_history_value raw = CHAT_HISTORY_VALUE_INIT;
    raw.key = detail::has_nul(key) ? nullptr : key.c_str();
    raw.value = value.value.data();
    raw.value_size = value.value.size();
    raw.time_ms = value.time_ms;
    return detail::result_of(chat_history_reply_value(reply_, &raw));
  }
  // chat_history_reply_message(): with its seq() and time_ms(), newest first. A Message of a MessageView has all fields.
  Result<void> message(const Message& message) {
    return detail::result_of(chat_history_reply_message(reply_, detail::RawMessage(message).get()));
  }

 private:
  chat_history_reply* reply_;
};

// Derive from it. A function returns an empty string, or what failed. An exception counts as a failure too.
class HistoryStore {
 public:
  HistoryStore() = default;
  HistoryStore(const HistoryStore&) = delete;
  HistoryStore& operator=(const HistoryStore&) = delete;
  virtual ~HistoryStore() = default;

  // Adds each room, followed by its values.
  virtual std::string load(HistoryReply& reply) = 0;
  // Adds the messages, newest first.
  virtual std::string read(const HistoryQuery& query, HistoryReply& reply) = 0;
  // Makes all changes or none.
  virtual std::string write(const std::vector<HistoryChange>& changes) = 0;
  // Whether read() adds messages with their id; see chat_history_store.keeps_ids. Asked once.
  virtual bool keeps_ids() const noexcept { return false; }
  // Whether messages can be edited, deleted and given reactions; see chat_history_store.keeps_changes. Then write() replaces
  // rows, and read() adds each with its kept_state(). Asked once.
  virtual bool keeps_changes() const noexcept { return false; }
};

namespace detail {

// Calls a HistoryStore from the functions of chat.h.
class HistoryCalls {
 public:
  static chat_history_store raw(HistoryStore* store) noexcept {
    chat_history_store result = CHAT_HISTORY_STORE_INIT;
    result.user = store;
    result.load = load;
    result.read = read;
    result.write = write;
    result.keeps_ids = store->keeps_ids() ? 1 : 0;
    result.keeps_changes = store->keeps_changes() ? 1 : 0;
    return result;
  }

 private:
  static const char* load(chat_history_reply* reply, void* user) noexcept {
    return failure_of([&] {
      HistoryReply filled(reply);
      return static_cast<HistoryStore*>(user)->load(filled);
    });
  }

  static const char* read(const chat_history_query* query, chat_history_reply* reply, void* user) noexcept {
    return failure_of([&] {
      HistoryReply filled(reply);
      const HistoryQuery asked{query->room, query->epoch, query->after_seq, query->before_seq, query->limit};
      return static_cast<HistoryStore*>(user)->read(asked, filled);
    });
  }

  static const char* write(const chat_history_change* const* changes, std::size_t count, void* user) noexcept {
    return failure_of([&] {
      std::vector<HistoryChange> all;
      all.reserve(count);
      for (std::size_t i = 0; i < count; ++i) all.push_back(change_of(*changes[i]));
      return static_cast<HistoryStore*>(user)->write(all);
    });
  }

  static HistoryChange change_of(const chat_history_change& raw) {
    HistoryChange change;
    change.clear = raw.clear != 0;
    change.remove = raw.remove != 0;
    change.drop_before_ms = raw.drop_before_ms;
    const chat_history_room& row = *raw.room;
    change.room = {row.room, row.epoch, row.seq, row.dropped_seq, row.oldest_ms, row.newest_ms, row.last_client};
    for (std::size_t i = 0; i < raw.message_count; ++i) change.messages.emplace_back(*raw.messages[i]);
    for (std::size_t i = 0; i < raw.value_count; ++i) {
      const chat_history_value& value = *raw.values[i];
      change.values.push_back({value.key, view(value.value, value.value_size), value.time_ms});
    }
    return change;
  }

  // NULL, or a text that is valid until the thread's next call.
  template <class Function>
  static const char* failure_of(Function&& function) noexcept {
    static thread_local std::string text;
#if CHAT_CPP_EXCEPTIONS
    try {
      text = function();
    } catch (const std::bad_alloc&) {
      return "out of memory";
    } catch (const std::exception& error) {
      return keep(text, error.what());
    } catch (...) {
      return "not a std::exception";
    }
#else
    text = function();
#endif
    return text.empty() ? nullptr : text.c_str();
  }

#if CHAT_CPP_EXCEPTIONS
  static const char* keep(std::string& text, const char* what) noexcept {
    try {
      text = what;
    } catch (...) {
      return "out of memory";
    }
    return text.c_str();
  }
#endif
};

}  // namespace detail
}  // namespace v0
}  // namespace chat

#endif  // CHAT_CPP_HISTORY_STORE_HPP
