// See application_store.h.
#include "application_store.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>

#include "guard.h"
#include "hub/message_change.h"
#include "message.h"
#include "model/names.h"
#include "sized.h"

using chat::KeptQuery;
using chat::KeptRange;
using chat::Moment;
using chat::Result;
using chat::Status;

struct chat_history_reply {
  // One of them.
  chat::store::StoredRooms* rooms = nullptr;
  KeptRange* range = nullptr;
  chat::capi::KeptRows* rows = nullptr;

  // Of messages.
  const KeptQuery* query = nullptr;
  bool with_state = false;
  std::size_t given = 0;
  std::uint64_t last_seq = 0;  // of the message given last

  // Of a range.
  Moment now;
  std::int64_t max_age_ms = chat::kUnlimited;
  std::size_t wanted = 0;  // messages
  std::size_t found = 0;   // of them
  std::int64_t bytes = 0;
  bool full = false;  // there are more messages than are wanted
  Status fault;       // the first one
};

namespace chat::capi {
namespace {

// One read brings at most so much, the newest messages.
constexpr std::int64_t kReadBytes = 4 << 20;
constexpr std::size_t kReadMessages = 10'000;
constexpr std::size_t kIdMessages = 1'000;  // for their ids
constexpr std::int64_t kMaxMessageBytes = 1LL << 30;
constexpr auto kMaxSeq = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
// Old messages are dropped when the oldest one is older than the limit by this part of it.
constexpr std::int64_t kAgeSteps = 16;
// Rows in one call of read(), when events have filled the first one; and at most this far apart when rows are read together.
constexpr std::size_t kPageRows = 256;
constexpr std::uint64_t kMaxGap = 8;
// What is known of messages that were changed.
constexpr std::size_t kKnownRows = 1'000;
constexpr std::size_t kKnownBytes = 4 << 20;

Status failure(const char* text) { return {Error::unavailable, std::string("the store of the application: ") + text}; }

Status wrong(const std::string& what) { return {Error::invalid_argument, what}; }

// Runs the function of the application that fills in the reply.
template <class Call>
Status filled(chat_history_reply& reply, Call call) {
  if (const char* const text = call()) return failure(text);
  if (reply.fault.ok()) return {};
  return failure(reply.fault.detail.c_str());
}

Status add_room(chat_history_reply& reply, const chat_history_room* given) {
  chat_history_room row = {};
  Status status = read_sized(given, kRequiredBytes<chat_history_room>, "room", row);
  if (!status.ok()) return status;
  if (row.room == nullptr || row.epoch == nullptr) return wrong("room.room or room.epoch is NULL");
  store::StoredRoom room;
  room.id = 1;
  room.name = row.room;
  room.epoch = row.epoch;
  if (status = check_room_name(room.name); !status.ok()) return status;
  if (status = check_epoch(room.epoch); !status.ok()) return status;
  if (row.seq > kMaxSeq || row.dropped_seq > row.seq) return wrong("room.dropped_seq is above room.seq");
  room.seq = row.seq;
  room.dropped_seq = row.dropped_seq;
  room.count = static_cast<std::int64_t>(row.seq - row.dropped_seq);
  room.oldest_ms = row.oldest_ms;
  room.newest_ms = row.newest_ms;
  reply.rooms->rooms.push_back(std::move(room));
  reply.rooms->last_client_number = std::max(reply.rooms->last_client_number, row.last_client);
  return {};
}

Status add_value(chat_history_reply& reply, const chat_history_value* given) {
  chat_history_value value = {};
  Status status = read_sized(given, kRequiredBytes<chat_history_value>, "value", value);
  if (!status.ok()) return status;
  if (reply.rooms->rooms.empty()) return wrong("a value before the first room");
  if (value.key == nullptr || value.value == nullptr || value.value_size == 0) return wrong("the value is empty");
  if (value.value_size > RoomStore::kMaxValueBytes) return {Error::too_large, "the value is too long"};
  RoomValue kept{value.key, {static_cast<const char*>(value.value), value.value_size}, value.time_ms};
  reply.rooms->values.emplace_back(reply.rooms->rooms.size() - 1, std::move(kept));
  return {};
}

Status add_message(chat_history_reply& reply, const chat_message* given) {
  if (reply.full) return {};
  const KeptQuery& query = *reply.query;
  KeptRow row;
  Result<std::shared_ptr<Message>> read =
      read_row(given, query.room, query.epoch, reply.with_state, kMaxMessageBytes, row);
  if (!read.ok()) return read.status();
  Message& message = **read;
  if (message.seq <= query.after_seq || message.seq >= query.before_seq) return wrong("message.seq was not asked for");
  if (reply.given != 0 && message.seq >= reply.last_seq) return wrong("the messages are not in order");
  ++reply.given;
  reply.last_seq = message.seq;
  if (reply.rows != nullptr) {
    reply.rows->insert_or_assign(message.seq, std::move(row));
    return {};
  }
  if (message.seq <= reply.range->after_seq) return {};  // it was dropped
  reply.bytes += static_cast<std::int64_t>(message.memory_bytes());
  const bool enough = reply.found == reply.wanted || (reply.bytes > kReadBytes && reply.given > 1);
  if (enough || exceeds(reply.now.time_ms - message.time_ms, reply.max_age_ms)) {
    reply.full = true;
    reply.range->after_seq = message.seq;
    reply.range->complete = false;
    return {};
  }
  if (is_empty(message)) return {};  // nobody receives it
  message.born_ms = reply.now.age_ms - (reply.now.time_ms - std::min(message.time_ms, reply.now.time_ms));
  if (!message.changes_message()) ++reply.found;
  reply.range->messages.push_back(*std::move(read));
  return {};
}

// What the application is given of one change. It points into the change and the rows. rows: instead of the messages.
struct ChangeView {
  ChangeView(const store::RoomChange& change, const KeptRows* rows, const store::StoredRoom& after,
             std::uint64_t last_client) {
    row.room = after.name.c_str();
    row.epoch = after.epoch.c_str();
    row.seq = after.seq;
    row.dropped_seq = after.dropped_seq;
    row.oldest_ms = after.oldest_ms;
    row.newest_ms = after.newest_ms;
    row.last_client = last_client;
    view.struct_size = sizeof view;
    view.room = &row;
    view.clear = change.clear || change.room.id == 0 ? 1 : 0;  // what it has of the name is of an earlier epoch
    view.remove = after.id == 0 ? 1 : 0;
    if (view.remove != 0) return;
    if (rows == nullptr) {
      for (const MessagePtr& message : change.messages) {
        message_pointers.push_back(messages.emplace_back(*message).get());
      }
    } else {
      for (const auto& [seq, one] : *rows) {
        MessageView& message = messages.emplace_back(*one.message);
        message.set_kept_state(states.emplace_back(state_of(one)));
        message_pointers.push_back(message.get());
      }
    }
    for (const RoomValue& one : change.values) {
      values.push_back({sizeof(chat_history_value), one.key.c_str(), one.value.c_str(), one.value.size(), one.time_ms});
      value_pointers.push_back(&values.back());
    }
    view.messages = message_pointers.data();
    view.message_count = message_pointers.size();
    view.values = value_pointers.data();
    view.value_count = value_pointers.size();
    view.drop_before_ms = change.drop_before_ms;
  }
  ChangeView(const ChangeView&) = delete;
  ChangeView& operator=(const ChangeView&) = delete;

  chat_history_room row = CHAT_HISTORY_ROOM_INIT;
  std::deque<MessageView> messages;
  std::deque<std::string> states;
  std::vector<const chat_message*> message_pointers;
  std::deque<chat_history_value> values;
  std::vector<const chat_history_value*> value_pointers;
  chat_history_change view = {};
};

template <class Add, class Given>
chat_error add_to(chat_history_reply* reply, bool loads, Add add, const Given* given) noexcept {
  const chat_error error = guarded([&]() -> Status {
    if (reply == nullptr) return wrong("reply is NULL");
    Status status{Error::wrong_state, "a reply of the other function"};
    if ((reply->rooms != nullptr) == loads) status = add(*reply, given);
    if (!status.ok() && reply->fault.ok()) reply->fault = status;
    return status;
  });
  if (error != CHAT_OK && reply != nullptr && reply->fault.ok()) reply->fault.code = Error::no_memory;
  return error;
}

}  // namespace

const KeptRow* RecentRows::find(const store::StoredRoom& room, std::uint64_t seq) const {
  const auto row = rows_.find({room.name, seq});
  return row == rows_.end() || row->second.message->epoch != room.epoch ? nullptr : &row->second;
}

void RecentRows::note(const store::StoredRoom& room, const KeptRows& rows) noexcept {
  try {
    for (const auto& [seq, row] : rows) {
      if (row.edit_seq == 0 && row.reaction_seqs.empty()) {  // nobody has changed it, or it is deleted
        if (!rows_.empty()) rows_.erase({room.name, seq});
        continue;
      }
      bytes_ += row.message->memory_bytes() + row.reaction_seqs.size() * sizeof(std::uint64_t);
      rows_.insert_or_assign({room.name, seq}, row);
      if (rows_.size() > kKnownRows || bytes_ > kKnownBytes) clear();
    }
  } catch (const std::bad_alloc&) {
    clear();
  }
}

Result<store::StoredRooms> ApplicationStore::load() {
  store::StoredRooms result;
  chat_history_reply reply;
  reply.rooms = &result;
  Status status = filled(reply, [&] { return store_.load(&reply, store_.user); });
  if (!status.ok()) return status;
  for (const store::StoredRoom& room : result.rooms) {
    if (!known_.emplace(room.name, Known{room.epoch, room.dropped_seq, room.newest_ms}).second) {
      return failure(("the room " + room.name + " occurs twice").c_str());
    }
  }
  return result;
}

Result<std::vector<KeptMessageId>> ApplicationStore::message_ids(std::int64_t since_ms, std::size_t limit) {
  std::vector<KeptMessageId> ids;
  if (store_.keeps_ids == 0) return ids;
  std::vector<KeptQuery> queries;
  for (const auto& [name, room] : known_) {  // nobody writes yet
    if (room.newest_ms >= since_ms) queries.push_back({name, room.epoch, 0, kMaxSeq, kIdMessages});
  }
  for (KeptQuery& query : queries) {
    for (bool more = true; more && ids.size() < limit;) {
      const KeptRange range = read(query, {since_ms, 0});
      if (!range.status.ok()) return range.status;
      for (auto next = range.messages.rbegin(); next != range.messages.rend() && ids.size() < limit; ++next) {
        const Message& message = **next;
        if (message.time_ms < since_ms || message.id.empty()) continue;
        ids.push_back({query.room, message.sender, message.id, query.epoch, message.seq, message.time_ms});
      }
      const bool too_old = !range.messages.empty() && range.messages.front()->time_ms < since_ms;
      more = !range.complete && !too_old && range.after_seq + 1 < query.before_seq;
      query.before_seq = range.after_seq + 1;
    }
  }
  return ids;
}

store::StoredRoom ApplicationStore::after(const store::RoomChange& change) const {
  store::StoredRoom room = change.room;
  const bool sets_values =
      std::any_of(change.values.begin(), change.values.end(), [](const RoomValue& one) { return !one.value.empty(); });
  const bool is_new = change.clear || room.id == 0;
  if (is_new || change.remove) room.count = room.oldest_ms = 0;
  // A room without messages and values is not stored.
  room.id = change.remove || (is_new && change.messages.empty() && !sets_values) ? 0 : 1;
  if (room.id == 0) return room;
  for (const MessagePtr& message : change.messages) {
    room.seq = std::max(room.seq, message->seq);
    if (room.count++ == 0) room.oldest_ms = message->time_ms;
    room.newest_ms = message->time_ms;
  }
  // The limit is that of the numbers, because nobody counts the messages. Events have numbers too.
  if (limits_.messages != kUnlimited) {
    const auto messages = static_cast<std::uint64_t>(limits_.messages);
    const std::uint64_t numbers = applies_changes() ? messages * static_cast<std::uint64_t>(kEventsFactor) : messages;
    if (room.seq > numbers) room.dropped_seq = std::max(room.dropped_seq, room.seq - numbers);
  }
  if (change.drop_before_ms != 0 && room.newest_ms < change.drop_before_ms) room.dropped_seq = room.seq;
  if (change.drop_before_ms != 0) {
    room.oldest_ms = std::min(room.newest_ms, change.drop_before_ms + limits_.age_ms / kAgeSteps);
  }
  room.count = static_cast<std::int64_t>(room.seq - room.dropped_seq);
  return room;
}

Status ApplicationStore::find_rows(const store::RoomChange& change, const std::vector<std::uint64_t>& seqs,
                                   KeptRows& found) {
  for (std::size_t first = 0; first < seqs.size();) {
    if (const KeptRow* const row = recent_.find(change.room, seqs[first])) {
      found.insert_or_assign(seqs[first++], *row);
      continue;
    }
    std::size_t last = first;  // of those that are read together
    while (last + 1 < seqs.size() && seqs[last + 1] - seqs[last] <= kMaxGap && last - first < kPageRows / kMaxGap)
      ++last;
    const KeptQuery query{change.room.name, change.room.epoch, seqs[first] - 1, seqs[last] + 1, 0};
    chat_history_reply reply;
    reply.rows = &found;
    Status status = read_page(query, query.before_seq, static_cast<std::size_t>(seqs[last] - seqs[first]) + 1, reply);
    if (!status.ok()) return status;
    first = last + 1;
  }
  return {};
}

Result<std::vector<KeptRows>> ApplicationStore::rows_of(std::span<const store::RoomChange> changes) {
  std::vector<KeptRows> all;
  if (!applies_changes()) return all;
  all.reserve(changes.size());
  for (const store::RoomChange& change : changes) {
    Result<KeptRows> rows = rows_after(change, [&](const std::vector<std::uint64_t>& seqs, KeptRows& found) {
      return find_rows(change, seqs, found);
    });
    if (!rows.ok()) return rows.status();
    all.push_back(*std::move(rows));
  }
  return all;
}

Status ApplicationStore::write(std::span<store::RoomChange> changes, std::uint64_t last_client_number) {
  const Result<std::vector<KeptRows>> rows = rows_of(changes);
  if (!rows.ok()) return rows.status();
  std::vector<store::StoredRoom> rooms;
  std::deque<ChangeView> views;
  std::vector<const chat_history_change*> pointers;
  pointers.reserve(changes.size());
  rooms.reserve(changes.size());
  for (const store::RoomChange& change : changes) rooms.push_back(after(change));
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const KeptRows* const of_change = rows->empty() ? nullptr : &(*rows)[i];
    pointers.push_back(&views.emplace_back(changes[i], of_change, rooms[i], last_client_number).view);
  }
  // Memory for what is known afterwards, so that nothing fails between the two.
  std::vector<Known> known;
  known.reserve(rooms.size());
  for (const store::StoredRoom& room : rooms) known.push_back({room.epoch, room.dropped_seq, room.newest_ms});
  {
    const std::lock_guard lock(known_mutex_);
    for (const store::StoredRoom& room : rooms) known_.try_emplace(room.name);
  }
  if (const char* const text = store_.write(pointers.data(), pointers.size(), store_.user)) {
    recent_.clear();
    return failure(text);
  }
  for (std::size_t i = 0; i < rows->size(); ++i) recent_.note(rooms[i], (*rows)[i]);
  const std::lock_guard lock(known_mutex_);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto found = known_.find(rooms[i].name);
    if (rooms[i].id == 0) {
      if (found != known_.end()) known_.erase(found);
    } else if (found != known_.end()) {
      found->second = std::move(known[i]);
    }
    changes[i].room = std::move(rooms[i]);
  }
  return {};
}

std::size_t ApplicationStore::wanted(const KeptQuery& query) const {
  std::size_t most = kReadMessages;
  // Numbers do not limit them then.
  if (applies_changes() && limits_.messages != kUnlimited) {
    most = static_cast<std::size_t>(std::min(limits_.messages, static_cast<std::int64_t>(most)));
  }
  return query.limit == 0 ? most : std::min(query.limit, most);
}

Status ApplicationStore::read_page(const KeptQuery& query, std::uint64_t before_seq, std::size_t limit,
                                   chat_history_reply& reply) {
  reply.query = &query;
  reply.with_state = applies_changes();
  chat_history_query asked = {};
  asked.struct_size = sizeof asked;
  asked.room = query.room.c_str();
  asked.epoch = query.epoch.c_str();
  asked.after_seq = reply.range != nullptr ? reply.range->after_seq : query.after_seq;
  asked.before_seq = before_seq;
  asked.limit = limit;
  const std::lock_guard lock(read_mutex_);
  return filled(reply, [&] { return store_.read(&asked, &reply, store_.user); });
}

KeptRange ApplicationStore::read(const KeptQuery& query, Moment now) {
  KeptRange range;
  range.after_seq = query.after_seq;
  range.before_seq = query.before_seq;
  {
    const std::lock_guard lock(known_mutex_);
    const auto found = known_.find(query.room);
    if (found != known_.end()) {
      range.epoch = found->second.epoch;
      range.after_seq = std::max(query.after_seq, found->second.dropped_seq);
    }
  }
  range.complete = range.after_seq == query.after_seq;
  if (range.epoch != query.epoch) return range;
  chat_history_reply reply;
  reply.range = &range;
  reply.now = now;
  reply.max_age_ms = limits_.age_ms;
  reply.wanted = wanted(query);
  // With one more it is known whether there are more.
  std::size_t limit = reply.wanted + 1;
  std::uint64_t before_seq = std::min(query.before_seq, kMaxSeq);
  // Where there are events, one call does not bring as many messages as are wanted.
  for (bool more = true; more; limit = std::max(limit, kPageRows)) {
    const std::size_t given = reply.given;
    range.status = read_page(query, before_seq, limit, reply);
    before_seq = reply.last_seq;
    more = range.status.ok() && !reply.full && reply.given - given >= limit && before_seq > range.after_seq + 1;
  }
  if (!range.status.ok()) range.messages.clear();
  std::reverse(range.messages.begin(), range.messages.end());
  return range;
}

}  // namespace chat::capi

chat_error chat_history_reply_room(chat_history_reply* reply, const chat_history_room* room) noexcept {
  return chat::capi::add_to(reply, true, chat::capi::add_room, room);
}

chat_error chat_history_reply_value(chat_history_reply* reply, const chat_history_value* value) noexcept {
  return chat::capi::add_to(reply, true, chat::capi::add_value, value);
}

chat_error chat_history_reply_message(chat_history_reply* reply, const chat_message* message) noexcept {
  return chat::capi::add_to(reply, false, chat::capi::add_message, message);
}
