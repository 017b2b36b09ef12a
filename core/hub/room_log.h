// What has been said in one room: the numbering and the kept messages. The interface behind which a room keeps its history; the
// hub makes one for each room (HubOptions::make_log, by default MemoryLog). The room's lock guards every call, so none of them
// may wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/client.h"
#include "model/command.h"
#include "model/message.h"

namespace chat {

// Kept messages above a position, oldest first. Numbers may be missing between them: a message that was deleted, or numbers that
// were never given. That is no loss. complete is false when there were others that are no longer kept, or not at hand.
struct KeptMessages {
  std::vector<MessagePtr> messages;
  bool complete = true;
};

// Who is told what became of a message.
struct Receipt {
  ClientPtr sender;   // nullptr: nobody
  std::string ref;    // of the command; empty: the sender waits for no acknowledgement, and is told of a failure only
  bool last = false;  // the sender's own copy goes before the acknowledgement
};

// A message on its way into its room's log. It has no seq and no epoch yet.
struct Submission {
  std::shared_ptr<Message> message;
  Receipt receipt;
};

// A message is published in two steps. submit() begins to store it, and when it is stored the hub commits it: append(), delivery
// and acknowledgement, in one order. A log in memory stores at once. One that writes to a disk or asks another server keeps the
// submission, and calls Hub::commit() later from a thread of its own, in the order of the numbers that it gives.
class RoomLog {
 public:
  virtual ~RoomLog() = default;

  // Names the numbering. Numbers of different epochs cannot be compared.
  virtual const std::string& epoch() const = 0;
  // Of the newest message of the epoch, kept or not; 0 when there was none.
  virtual std::uint64_t seq() const = 0;

  // Begins to store a numbered message. Its place, when it is stored at once. nullopt: the submission has been moved away, and
  // Hub::commit() follows, once, but not from in here. On an error it goes back to whoever published it.
  virtual Result<std::optional<Position>> submit(Submission& submission) = 0;
  // Adds a stored message, whose seq is above seq(). It may be dropped at once by a limit. The change in bytes held. When it throws,
  // nothing has changed.
  virtual std::int64_t append(MessagePtr message) = 0;
  // The messages above after_seq, of these the newest `limit` (0: all).
  virtual KeptMessages after(std::uint64_t after_seq, std::size_t limit) const = 0;
  // The number of kept messages.
  virtual std::size_t size() const = 0;

  // These give the change in bytes held, zero or negative.
  // Drops what is older than its limit, by the clock of Message::born_ms.
  virtual std::int64_t expire(std::int64_t now_ms) = 0;
  // Drops the oldest messages until so many bytes are free or nothing is left.
  virtual std::int64_t shrink(std::size_t bytes) = 0;
  // Drops everything. The numbering goes on.
  virtual std::int64_t clear() = 0;
  // Drops everything, and the numbering restarts at 1 in a new epoch.
  virtual std::int64_t restart(std::string epoch) = 0;

  // Takes over a history that was kept elsewhere: at least one message, oldest first, with rising seq. seq: of the newest
  // message of this epoch. Numbers before the first message count as dropped. The change in bytes held; wrong_state when a
  // message was appended before, unsupported when this kind of log cannot. When it fails or throws, nothing has changed.
  virtual Result<std::int64_t> restore(const std::string& epoch, std::uint64_t seq, std::vector<MessagePtr> messages,
                                       std::int64_t now_ms) = 0;
};

// Makes the log of a room that appears. A log that has no epoch of its own yet takes the given one. With the lock of the table
// of rooms held.
using MakeRoomLog = std::function<std::unique_ptr<RoomLog>(const std::string& room, std::string epoch)>;

}  // namespace chat
