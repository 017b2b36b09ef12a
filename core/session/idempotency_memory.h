// Remembers the answers to requests that carry an Idempotency-Key, so that a request that is sent again is not carried out again.
// Bounded in all and for each source: the oldest answers are forgotten first. One for each server; any thread. Reads no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace chat::session {

class IdempotencyMemory {
 public:
  struct Limits {
    std::int64_t window_ms = 600'000;  // an answer is remembered so long
    std::size_t entries = 16'384;
    std::size_t entries_per_source = 8'192;
  };
  static constexpr std::size_t kMaxAnswerBytes = 512;

  enum class Begun : std::uint8_t {
    fresh,     // carry the request out, then call finish() or forget()
    pending,   // an earlier request with this key is still being carried out
    answered,  // `answer` is that of the earlier request
    differs,   // the key was used for another request
    full,      // as many requests as the limits allow are being carried out
  };
  struct Answer {
    int status = 0;
    std::string body;
  };

  IdempotencyMemory() : IdempotencyMemory(Limits{}) {}
  explicit IdempotencyMemory(const Limits& limits) : limits_(limits) {}

  // key: includes whose it is and what it is for. source: who is charged. request: a hash of what the request says.
  Begun begin(const std::string& key, const std::string& source, std::size_t request, std::int64_t now_ms,
              Answer& answer);
  // The answer to a request that was fresh. A body above kMaxAnswerBytes is not kept.
  void finish(const std::string& key, Answer answer, std::int64_t now_ms);
  // The request was refused and changed nothing: it may be sent again.
  void forget(const std::string& key);
  std::size_t size() const;

 private:
  struct Entry;
  using Entries = std::unordered_map<std::string, Entry>;
  using Order = std::list<const std::string*>;  // of the answered ones, the oldest first
  struct Source {
    std::size_t entries = 0;
    Order answered;
  };
  using Sources = std::unordered_map<std::string, Source>;
  struct Entry {
    std::size_t request = 0;
    bool pending = true;
    std::int64_t until_ms = 0;
    Answer answer = {};
    Sources::value_type* source = nullptr;
    Order::iterator in_all;
    Order::iterator in_source;
  };

  void remove(Entries::iterator entry);
  void remove_oldest(const Order& answered) { remove(entries_.find(*answered.front())); }

  const Limits limits_;
  mutable std::mutex mutex_;
  Entries entries_;
  Sources sources_;
  Order answered_;
};

}  // namespace chat::session
