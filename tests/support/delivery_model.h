// Records everything that a client receives, and computes what DeliveryLog must return as far as its ring reaches. For
// its tests and its fuzz target.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "model/command.h"
#include "model/message.h"
#include "session/delivery_log.h"

namespace chat::test {

inline std::string show(const std::optional<std::vector<RoomPosition>>& positions) {
  if (!positions) return "unknown";
  std::string text;
  for (const RoomPosition& one : *positions) {
    if (!text.empty()) text += ' ';
    text += one.room + one.position.epoch + std::to_string(one.position.seq);
  }
  return text;
}

class DeliveryModel {
 public:
  struct Item {
    std::string room;
    std::uint64_t seq = 0;
    bool own = false;
  };
  struct Membership {
    std::string room;
    std::uint64_t since = 0;
    std::uint64_t first_since = 0;  // of the first membership
  };

  template <class Memberships>
  static auto find(Memberships& memberships, const std::string& room) {
    return std::find_if(memberships.begin(), memberships.end(), [&](const auto& one) { return one.room == room; });
  }

  static Message message(const std::string& room, std::uint64_t seq) {
    Message result;
    result.room = room;
    result.epoch = "e";
    result.seq = seq;
    return result;
  }

  bool in(const std::string& room) const { return find(members, room) != members.end(); }

  void join(const std::string& room, std::uint64_t since) {
    const auto before = find(left, room);
    Membership fresh{room, since, since};
    if (before != left.end()) {
      fresh.first_since = before->first_since;
      if (newest(room, items.size()) == since) fresh.since = before->since;  // no message was published meanwhile
      left.erase(before);
    }
    members.push_back(fresh);
  }
  void leave(const std::string& room) {
    const auto member = find(members, room);
    // A member that received and sent nothing in the room joins as if for the first time.
    if (newest(room, items.size()) != 0) left.push_back(*member);
    members.erase(member);
  }
  void note(const std::string& room, std::uint64_t seq, bool own) { items.push_back({room, seq, own}); }
  void ping_sent() { marked_ = items.size(); }
  void ping_answered() { proven_ = marked_; }

  // The position of a client that has seen the first `count` items.
  std::uint64_t position(const Membership& member, std::size_t count) const {
    std::uint64_t seq = std::max(member.since, newest(member.room, count));
    for (std::size_t i = count; i < items.size(); ++i) {
      if (items[i].room != member.room || items[i].seq <= member.since) continue;
      if (!items[i].own) break;
      seq = items[i].seq;
    }
    return seq;
  }

  // True when these positions are valid for a client that saw this item last. With a single room, the log may not know
  // which messages were the client's own; the position may then be before those.
  bool agrees(std::size_t index, const std::vector<RoomPosition>& actual) const {
    const std::vector<RoomPosition> expected = at(index);
    if (actual.size() != expected.size()) return false;
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const Membership& member = *find(members, expected[i].room);
      const std::uint64_t seen = std::max(member.since, newest(member.room, index + 1));
      const std::uint64_t seq = actual[i].position.seq;
      if (actual[i].room != expected[i].room || seq < seen || seq > expected[i].position.seq) return false;
    }
    return true;
  }
  std::vector<RoomPosition> at(std::size_t index) const {
    std::vector<RoomPosition> positions;
    for (const Membership& member : members) {
      RoomPosition one{member.room, {"e", position(member, index + 1)}};
      if (member.room == items[index].room) {
        positions.insert(positions.begin(), std::move(one));
      } else {
        positions.push_back(std::move(one));
      }
    }
    return positions;
  }
  std::vector<RoomPosition> proven() const {
    std::vector<RoomPosition> positions;
    for (const Membership& member : members) positions.push_back({member.room, {"e", position(member, proven_)}});
    return positions;
  }

  std::vector<Item> items;
  std::vector<Membership> members;  // in join order
  std::vector<Membership> left;

 private:
  std::uint64_t newest(const std::string& room, std::size_t count) const {
    for (std::size_t i = count; i-- > 0;) {
      if (items[i].room == room) return items[i].seq;
    }
    return 0;
  }

  std::size_t marked_ = 0;
  std::size_t proven_ = 0;
};

}  // namespace chat::test
