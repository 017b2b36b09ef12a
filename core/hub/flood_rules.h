// The rules of a room against floods: repeated texts, links of newcomers, and first messages that wait for a moderator. It
// remembers people and texts as hashes, so many of them at most; the oldest are forgotten first. Not thread-safe: the room's
// lock guards it. Times are Moment::age_ms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "model/message.h"
#include "model/types.h"

namespace chat {

// Whether people would take something in the message for a link: an address with a scheme ("https://"), a host name that begins
// with "www.", ends in a common top-level domain, or has a path ("t.me/x"). Strings in JSON are examined as they are decoded.
bool has_link(const MessageDraft& message);

class FloodRules {
 public:
  static constexpr std::size_t kMaxPeople = 10'000;
  static constexpr std::size_t kMaxTexts = 10'000;

  // 0: off. A person is new until its first message is older than no_links_ms.
  std::int64_t no_repeats_ms() const { return no_repeats_ms_; }
  std::int64_t no_links_ms() const { return no_links_ms_; }
  std::int64_t hold_first_ms() const { return hold_first_ms_; }  // a first message waits so long at most
  void set_no_repeats(std::int64_t within_ms);
  void set_no_links(std::int64_t newcomer_ms);
  void set_hold_first(std::int64_t most_ms);
  bool empty() const { return no_repeats_ms_ == 0 && no_links_ms_ == 0 && hold_first_ms_ == 0; }

  // person: Standing::pace_key. Errors: repeated, no_links. Edits are examined for links only.
  Status check(std::string_view person, const MessageDraft& message, std::int64_t now_ms) const;
  // The message is the first one of this person, and must be approved.
  bool must_wait(std::string_view person, const MessageDraft& message) const;
  // The message will be published, or a first one was approved. Throws std::bad_alloc; it is not remembered then.
  void note(std::string_view person, const MessageDraft& message, std::int64_t now_ms);
  // The message that was noted at noted_ms was not published, so its text may be sent again. Throws std::bad_alloc; it is
  // still remembered then.
  void forget_text(std::string_view person, const MessageDraft& message, std::int64_t noted_ms);

 private:
  // Hashes with the time at which each came first.
  class Memory {
   public:
    explicit Memory(std::size_t most) : most_(most) {}
    // nullptr: it is unknown.
    const std::int64_t* find(std::uint64_t hash) const;
    void add(std::uint64_t hash, std::int64_t now_ms);
    // Only if it came first at this time.
    void remove(std::uint64_t hash, std::int64_t first_ms);
    void forget_before(std::int64_t ms);
    void clear();

   private:
    void pop();

    const std::size_t most_;
    std::unordered_map<std::uint64_t, std::int64_t> first_ms_;
    std::deque<std::pair<std::uint64_t, std::int64_t>> order_;  // also of hashes that were removed
  };

  std::int64_t no_repeats_ms_ = 0;
  std::int64_t no_links_ms_ = 0;
  std::int64_t hold_first_ms_ = 0;
  Memory texts_{kMaxTexts};    // each with its person
  Memory people_{kMaxPeople};  // that have written
};

}  // namespace chat
