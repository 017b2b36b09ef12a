// Which peers of one loop hear which room, and the delivery of one message to all of them: encoded and framed once for each
// wire form among the receivers, whatever their number. Knows no socket.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hub/message.h"
#include "hub/string_map.h"
#include "net/frame.h"

namespace chat::net {

class Peer;
struct LocalRoom;

// A peer's place in a room of its loop.
struct Membership {
  LocalRoom* room = nullptr;
  std::size_t index = 0;  // in LocalRoom::members
};
using Memberships = std::vector<std::unique_ptr<Membership>>;

struct LocalRoom {
  struct Member {
    Peer* peer;
    Membership* membership;
  };
  std::string name;
  std::vector<Member> members;
};

class Fanout {
 public:
  // False when it was in already.
  bool add(Peer& peer, std::string_view room);
  // False when it was not in.
  bool remove(Peer& peer, std::string_view room);
  // Of the peer's memberships any one, whose room's name is returned; empty when there is none left.
  std::string remove_any(Peer& peer);

  void add_to_everyone(Peer& peer);
  void remove_from_everyone(Peer& peer);

  void deliver(const MessagePtr& message);
  void deliver_to_everyone(const MessagePtr& message);

 private:
  void unlink(Peer& peer, Memberships::iterator membership);

  StringMap<std::unique_ptr<LocalRoom>> rooms_;
  std::vector<Peer*> everyone_;
  std::unordered_map<const Peer*, std::size_t> everyone_index_;
};

}  // namespace chat::net
