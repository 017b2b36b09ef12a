// Remembers the ids that senders gave to their messages, so that a message that is sent again is not published again. An id belongs to a
// user and a room. It is claimed before the message is published and known from then on for a window of time. The
// oldest ids are forgotten first when there are too many, in all or of one source. Any thread. Reads no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hub/age_list.h"
#include "hub/client.h"
#include "hub/decision.h"
#include "model/command.h"
#include "model/message.h"

namespace chat {

// The id of a message that a store has kept.
struct KeptMessageId {
  std::string room;
  Sender sender;
  std::string id;
  std::string epoch;
  std::uint64_t seq = 0;
  std::int64_t time_ms = 0;  // Unix milliseconds
};

// What names a message for MessageIds: the same for two messages of one user, or of two guests, or of the application.
std::string id_key(const Sender& sender, std::string_view room, std::string_view id);

class MessageIds {
 public:
  struct Limits {
    std::int64_t window_ms = 600'000;
    std::size_t ids = 131'072;
    std::size_t ids_per_source = 32'768;
  };
  // A client whose repeated message waits until the first one is decided and stored.
  struct Waiter {
    ClientId client = 0;
    DecisionId decision = 0;
  };
  // Called without locks, once for each waiter. May throw std::bad_alloc: then the waiter runs into its time limit.
  using Wake = std::function<void(const Waiter&)>;

 private:
  struct Source;
  struct Entry;

 public:
  // The right to publish the message of one id. Without settle() its end frees the id. Its end also wakes the waiters, so
  // it must not end with a lock of the hub held. It must not outlive the table.
  class Claim {
   public:
    Claim(MessageIds& ids, Entry& entry) : ids_(ids), entry_(entry) {}
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    // Before settle(), when the message has an epoch. Throws std::bad_alloc.
    void prepare(const std::string& epoch);
    // The message is published; seq 0: it has no number.
    void settle(std::uint64_t seq, std::int64_t now_ms) noexcept;

   private:
    MessageIds& ids_;
    Entry& entry_;
  };
  using ClaimPtr = std::shared_ptr<Claim>;

  enum class Found : std::uint8_t {
    fresh,    // the caller has the claim
    pending,  // an earlier message with this id is not published yet
    known,    // it is published at `position`
    differs,  // the id was used for another message
    full,     // all ids that the limits allow are pending
  };
  struct Answer {
    Found found = Found::full;
    ClaimPtr claim = nullptr;
    Position position = {};
  };

  // What a message is refused with when its id differs or there is no space for it.
  static Status fault(Found found) {
    if (found == Found::differs) return {Error::wrong_state, "this message id was used for another message"};
    return {Error::too_many, "too many messages with an id wait"};
  }

  MessageIds(const Limits& limits, Wake wake) : limits_(limits), wake_(std::move(wake)) {}
  MessageIds(const MessageIds&) = delete;
  MessageIds& operator=(const MessageIds&) = delete;

  // The message has a room, a sender and an id. source: who is charged; empty: the application, which has no share.
  // waiter: added when the id is pending; nullptr: none. Throws std::bad_alloc; then nothing has changed.
  Answer claim(const MessageDraft& message, const std::string& source, std::int64_t now_ms,
               const Waiter* waiter = nullptr);
  // Adds an id that is known already. until_ms: when it is forgotten. An id above the limits is not added.
  void restore(const KeptMessageId& kept, std::int64_t until_ms);
  // Forgets ids that are too old, some at a time. True when there are more.
  bool expire(std::int64_t now_ms);
  std::int64_t window_ms() const { return limits_.window_ms; }
  std::size_t size() const;

 private:
  struct Entry {
    const std::string* key = nullptr;  // in entries_
    std::size_t content = 0;           // a hash of the message; 0: unknown
    bool pending = true;
    std::int64_t until_ms = 0;
    std::uint64_t seq = 0;
    std::string epoch;
    std::vector<Waiter> waiters;
    Source* source = nullptr;
    // Only known ids without a claim are in these lists, so that no other is forgotten.
    AgeLink<Entry> in_all{this};
    AgeLink<Entry> in_source{this};
  };
  struct Source {
    const std::string* key = nullptr;  // in sources_
    std::size_t ids = 0;
    AgeList<Entry> known;
  };

  // These are called with the lock held.
  bool forget_old(std::int64_t now_ms, std::size_t most);
  // Forgets old ids above the limits. False when there is no space.
  bool make_space(const std::string& source);
  Entry& add(const std::string& key, const std::string& source);
  void remove(Entry& entry);
  void list(Entry& entry);

  const Limits limits_;
  const Wake wake_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Source> sources_;
  std::unordered_map<std::string, Entry> entries_;
  AgeList<Entry> known_;
};

}  // namespace chat
