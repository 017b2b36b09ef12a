// First messages in one room that wait for a moderator: at most one of each person, and so many in all and of one source. A message
// that has ended stays until take_ended(), because its claim wakes others when it is destroyed, which needs locks of the hub. Not
// thread-safe: the room's lock guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hub/client.h"
#include "hub/room_log.h"

namespace chat {

struct HeldMessage {
  std::string person;  // Standing::pace_key
  std::string source;  // Standing::key
  ClientPtr client;
  std::shared_ptr<Message> message;
  Receipt receipt;
  std::int64_t until_ms = 0;  // Moment::age_ms
};

class HeldMessages {
 public:
  static constexpr std::size_t kMax = 100;
  static constexpr std::size_t kMaxOfSource = 10;

  // Whether there is space for a message. Errors: forbidden while another one of the person waits, too_many.
  Status check(std::string_view person, std::string_view source, std::int64_t now_ms) const;
  // After check(). Throws std::bad_alloc; the message is unchanged then.
  void add(HeldMessage&& held);
  // Of the person, or of this client, which may have become another person since. nullptr: nothing waits.
  HeldMessage* find(std::string_view person, ClientId client);
  // The first one whose time is over; nullptr: none.
  HeldMessage* find_expired(std::int64_t now_ms);
  // A message that find() or find_expired() has returned.
  HeldMessage take(HeldMessage* held) noexcept;
  // The same for one that will not be published.
  void end(HeldMessage* held) noexcept;
  void remove_client(ClientId client) noexcept;
  // To be destroyed without a lock of the hub. Throws std::bad_alloc, and then nothing has changed.
  std::vector<HeldMessage> take_ended();

  const std::vector<HeldMessage>& all() const { return all_; }
  bool empty() const { return all_.empty(); }
  bool done() const { return all_.empty() && ended_.empty(); }

  // The moderators among the members, as of this time; the hub keeps them here.
  std::vector<ClientId> moderators;
  std::int64_t moderators_until_ms = INT64_MIN;

 private:
  std::vector<HeldMessage> all_;    // the oldest first
  std::vector<HeldMessage> ended_;  // with space for all_
};

}  // namespace chat
