// The clients of one loop, and how they go: whoever is to go is retired together with others at the end of the round, so that no
// client is destroyed in the middle of a fan-out. For the loop's thread.
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>

#include "hub/loop_inbox.h"
#include "model/types.h"
#include "net/peer/retirement.h"

namespace chat::net {

class Peer;
class PeerContext;

class Peers {
 public:
  using Table = std::unordered_map<ClientId, std::unique_ptr<Peer>>;

  explicit Peers(PeerContext& loop);
  ~Peers();

  // What the hub tells. False when the time was over before everybody had heard it: the same event is to be handed in again.
  bool handle(LoopEvent& event);

  // nullptr when it is not here.
  Peer* find(ClientId id);
  void add(std::unique_ptr<Peer> peer);
  // Without a word to anybody: the client lives on elsewhere, or never was.
  void drop(ClientId id);
  // Ends the client at the end of the round, once; the first code counts.
  void retire(ClientId id, Retirement retirement);
  // Now, before their links go. False when the time was over before. Not in the middle of a fan-out.
  bool retire_due();
  bool retirement_due() const { return !retired_.empty(); }

  // The loop ends: everybody goes, whatever they wait for.
  void retire_all(const Retirement& retirement);
  void clear();

  bool empty() const { return peers_.empty(); }
  std::size_t size() const { return peers_.size(); }
  Table::const_iterator begin() const { return peers_.begin(); }
  Table::const_iterator end() const { return peers_.end(); }

 private:
  bool deliver(RoomMessage& event);
  bool deliver(EveryoneMessage& event);
  bool deliver(PublishedNotice& event);
  template <class ToPeer>
  bool deliver(ToPeer& event);

  PeerContext& loop_;
  Table peers_;
  std::deque<std::pair<ClientId, Retirement>> retired_;
  bool ending_ = false;
};

}  // namespace chat::net
