// The interface of a store that keeps the logs of rooms beyond memory, and beyond a restart. The hub asks it for the logs of
// new rooms and for messages that are not in memory. The store writes on threads of its own and calls Hub::commit() for what
// its logs kept; see RoomLog::submit(). Every function may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hub/far_list.h"
#include "hub/moment.h"
#include "hub/room_log.h"
#include "model/command.h"

namespace chat {

// A value that is kept for a room beside its messages, such as a rule of it.
struct RoomValue {
  std::string key;
  std::string value;         // of any bytes, never empty
  std::int64_t time_ms = 0;  // when it was set, Unix milliseconds

  bool operator==(const RoomValue&) const = default;
};

// Something that concerns clients of other servers of a shared store.
struct FarNotice {
  enum class Kind : std::uint8_t {
    message,  // unnumbered, to the room or to everyone, with a user_id to all clients of this user, with a client to this one
    kick,   // from the room: the client, or all clients of the user, whose role there is below rank
    close,  // the client is disconnected
  };
  Kind kind = Kind::message;
  MessagePtr message = nullptr;
  std::string room = {};
  ClientId client = 0;
  std::string user_id = {};
  std::string reason = {};
  int rank = 0;                   // a Role, or one above all
  bool whole_connection = false;  // close: with all clients of its connection
};

class RoomStore {
 public:
  virtual ~RoomStore() = default;

  // The log of a room that continues what is kept of it. `epoch` is for a room of which nothing is kept. Called with the
  // room table's lock held; it must not block.
  virtual std::unique_ptr<RoomLog> open_log(const std::string& room, std::string epoch) = 0;
  // Whether kept messages can be changed.
  virtual bool applies_changes() const { return true; }
  // Whether the rooms span several servers. Constant. Their positions are given elsewhere, so a log lacks everything until
  // Hub::adopt() has told it its position, and rooms that are not here may exist.
  virtual bool is_shared() const { return false; }
  // For the other servers, which do the same as this one: see Hub::take_notice(). May be called with a room's lock held; it never
  // blocks. What cannot wait is dropped.
  virtual void tell_others(FarNotice notice) noexcept { (void)notice; }  // NOLINT(performance-unnecessary-value-param)

  // Whether another server can be told something: it has this number in the ids of its clients. Errors: no_such_client when no
  // living server has it; unavailable.
  virtual Status check_server(std::uint32_t node) const { return (void)node, Status{Error::no_such_client, {}}; }
  // Lists the members of the room, or with an empty name the rooms, of all servers, and calls done() once with what is known
  // after within_ms at most: from a thread of the store, or from this call. No lock is held during the call. Never blocks. After
  // the store has stopped, done() may be dropped. Only of a shared store.
  virtual void list(const std::string& room, std::int64_t within_ms,
                    FarListDone done) {  // NOLINT(performance-unnecessary-value-param)
    (void)room, (void)within_ms, (void)done;
  }
  // The same on the calling thread, which waits. Its status is wrong_thread on a thread of the store. Never nullptr.
  virtual FarListPtr list_now(const std::string& room, std::int64_t within_ms) {
    return (void)room, (void)within_ms, std::make_shared<const FarList>();
  }

  // The people of this server in the room have changed: the store calls Hub::own_people() a little later. May be called with
  // locks of a room and of a client held; it never blocks. False: for lack of memory it will not.
  virtual bool presence_changed(const std::string& room) noexcept { return (void)room, true; }

  // Whether anything is kept of the room.
  virtual bool has(std::string_view room) const = 0;
  // At most `limit` (0: all) of the kept rooms without an open log, with 0 members.
  virtual std::vector<RoomInfo> closed_rooms(std::size_t limit) const = 0;

  // The ids of kept messages that are not older than this. Waits for the disk; call it before the hub has clients.
  virtual Result<std::vector<KeptMessageId>> message_ids(std::int64_t since_ms) = 0;

  // Reads a range and calls done() once: from a thread of the store, or from this call when too many reads are waiting.
  // No lock is held during the call. Never blocks. After the store has stopped, done() may be dropped.
  using Done = std::function<void(KeptRangePtr)>;
  virtual void read(KeptQuery query, Done done) = 0;
  // The same on the calling thread, which waits for the disk.
  virtual KeptRangePtr read_now(const KeptQuery& query) = 0;
  // Whether it takes queries with a text. Constant.
  virtual bool can_search() const = 0;

  // A value whose key begins with "~" is a minor one: it does not keep its room. Minor values have limits of their own, of
  // the same size, so that they leave the others their space.
  static constexpr bool is_minor(std::string_view key) { return key.starts_with('~'); }
  // Limits of values. A value counts its key, itself and kValueBytes.
  static constexpr std::size_t kMaxKeyBytes = 1 << 10;
  static constexpr std::size_t kMaxValueBytes = 4 << 10;
  static constexpr std::size_t kValueBytes = 64;
  static constexpr std::size_t kMaxRoomValueBytes = 1 << 20;
  static constexpr std::size_t kMaxAllValueBytes = 64 << 20;

  // Sets a value of a room; an empty one removes it. values() has it at once. It is written later, in one order with the
  // room's messages, and again until it is written when the disk fails. A room with values that are not minor is kept.
  // RoomLog::restart() removes them. Never blocks. Errors: no_such_room when the room has no log and nothing is kept of it,
  // invalid_argument for a key that is empty or too long, too_large for a value, too_many above the limits of the room or of
  // all rooms, unavailable when too much waits for the disk, stopped. When it fails or throws, nothing has changed.
  virtual Status keep_value(std::string_view room, std::string_view key, std::string_view value, Moment now) = 0;
  // All values of a room, by their keys. They are in memory from the start.
  virtual std::vector<RoomValue> values(std::string_view room) const = 0;
  // The names of all rooms that have values which are not minor.
  virtual std::vector<std::string> rooms_with_values() const = 0;
};

}  // namespace chat
