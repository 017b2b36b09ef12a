// The log of one room: its numbering and its kept messages. This is the interface for storage; the hub makes one log
// per room (HubOptions::make_log, MemoryLog by default). The room's lock is held during every call, so no
// implementation may block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/client.h"
#include "hub/kept_range.h"
#include "hub/message_ids.h"
#include "model/command.h"
#include "model/message.h"

namespace chat {

// Kept messages after a position, oldest first. Gaps in seq are not losses: a message may have been deleted, or its
// number never used. complete is false when other messages existed but are no longer kept or not available.
struct KeptMessages {
  std::vector<MessagePtr> messages;
  bool complete = true;
};

// Who is notified of the result of a message.
struct Receipt {
  ClientPtr sender;   // nullptr: nobody is notified
  std::string ref;    // of the command; empty: no acknowledgement is wanted, so only a failure is reported
  bool last = false;  // deliver the sender's own copy before the acknowledgement
  // Of the message's id; it ends with the submission. nullptr: the message has no id.
  MessageIds::ClaimPtr claim = nullptr;
  // Of an event that changes a message: that message, when it may not be in memory. Otherwise nullptr.
  MessagePtr target = nullptr;
  bool from_guest = false;  // see HubTap
};

// A message that is not yet in its room's log. It has no seq and no epoch yet.
struct Submission {
  std::shared_ptr<Message> message;
  Receipt receipt;
};

// A message is published in two steps. submit() starts storing it. Once it is stored, the hub commits it: append(),
// delivery and acknowledgement, in one order. A log in memory stores it at once. A log that writes to a disk or asks
// another server keeps the submission and later calls Hub::commit() from its own thread, in the order of the seq
// numbers that it assigns.
class RoomLog {
 public:
  static constexpr std::uint64_t kNoSeq = std::numeric_limits<std::uint64_t>::max();  // above every seq
  static constexpr std::int64_t kNeverMs = std::numeric_limits<std::int64_t>::max();

  virtual ~RoomLog() = default;

  // Identifies the numbering. Seq numbers of different epochs are not comparable.
  virtual const std::string& epoch() const = 0;
  // The seq of the newest message of the epoch, kept or not; 0 when there was none.
  virtual std::uint64_t seq() const = 0;

  // Starts storing a numbered message. Returns its seq in epoch() when it is stored at once. Returns nullopt when the log
  // moved the submission away; Hub::commit() then follows exactly once, not from inside this call. After an error the
  // submission remains with the caller.
  virtual Result<std::optional<std::uint64_t>> submit(Submission& submission) = 0;
  // Continues the numbering at another position, with these messages, of increasing seq, instead of those that it has. Returns
  // the change in bytes held. Only called for a log of a shared store. When it throws, nothing has changed.
  virtual std::int64_t adopt(const Position& top, const std::vector<MessagePtr>& messages) {
    (void)top, (void)messages;
    return 0;
  }
  // Adds a stored message or event, whose seq is above seq(), and makes the change that an event stands for. A limit may drop
  // it immediately. Returns the change in bytes held. When it throws, nothing has changed.
  virtual std::int64_t append(MessagePtr message) = 0;
  // Returns the messages and events with seq above after_seq and below before_seq; with a limit (not 0) only the newest
  // `limit` messages and the events after the first of them. before_seq is at least 1.
  virtual KeptMessages between(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit) const = 0;
  // The same up to the newest message.
  KeptMessages after(std::uint64_t after_seq, std::size_t limit) const { return between(after_seq, kNoSeq, limit); }
  // The message or event with this seq. nullptr: it is not in memory.
  MessagePtr find(std::uint64_t seq) const {
    if (seq == 0) return nullptr;
    KeptMessages found = between(seq - 1, seq + 1, 0);
    return found.messages.empty() ? nullptr : std::move(found.messages.front());
  }
  // Makes the changes of the events in memory to a message that was read from a store.
  virtual MessagePtr updated(MessagePtr message) const { return message; }
  // The number of messages and events in memory.
  virtual std::size_t size() const = 0;
  // The number of kept messages, in memory or in a store.
  virtual std::size_t kept() const { return size(); }

  // True when messages of this range are kept, but must be read from the store (RoomStore::read()) before between()
  // returns them.
  virtual bool lacks(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit) const {
    (void)after_seq, (void)before_seq, (void)limit;
    return false;
  }
  // Takes messages from the store into memory when they lie directly before those in memory. Limits of the memory apply.
  // Returns the change in bytes held. When it throws, nothing has changed.
  virtual std::int64_t refill(const KeptRange& range) {
    (void)range;
    return 0;
  }

  // expire(), shrink(), clear() and restart() return the change in bytes held, zero or negative. shrink() and clear()
  // concern the memory: a store keeps its messages.
  // Drops messages older than the log's age limit, measured with Message::born_ms.
  virtual std::int64_t expire(std::int64_t now_ms) = 0;
  // The first now_ms at which expire() drops a message; kNeverMs: none that is kept now will be dropped for its age.
  virtual std::int64_t next_expiry_ms() const = 0;
  // Drops the oldest messages until `bytes` are freed or none are left.
  virtual std::int64_t shrink(std::size_t bytes) = 0;
  // Drops all messages. The numbering continues.
  virtual std::int64_t clear() = 0;
  // Drops all messages. The numbering restarts at 1 in a new epoch.
  virtual std::int64_t restart(std::string epoch) = 0;

  // Loads a history that was stored elsewhere: at least one message, oldest first, with increasing seq. seq: the
  // highest seq of this epoch. Numbers before the first message count as dropped. Returns the change in bytes held.
  // Errors: wrong_state when a message was appended before, unsupported when this kind of log cannot restore. When it
  // fails or throws, nothing has changed.
  virtual Result<std::int64_t> restore(const std::string& epoch, std::uint64_t seq, std::vector<MessagePtr> messages,
                                       std::int64_t now_ms) = 0;
};

// Makes the log of a new room. A log without a stored epoch uses the given one. Called with the room table's lock held.
using MakeRoomLog = std::function<std::unique_ptr<RoomLog>(const std::string& room, std::string epoch)>;

}  // namespace chat
