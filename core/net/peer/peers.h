// The peers of one loop, and their end. Retired peers are destroyed together at the end of a round, so no peer is destroyed in the
// middle of a fan-out. For the loop's thread.
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
class Receiver;

class Peers {
 public:
  using Table = std::unordered_map<ClientId, std::unique_ptr<Peer>>;

  explicit Peers(PeerContext& loop);
  ~Peers();

  // Handles an event of the hub. Messages are delivered by Fanout::finish(), or earlier. False when the time budget was over before all receivers had a message: the caller hands in the
  // same event again. The same after an exception, when must_repeat() says so.
  bool handle(LoopEvent& event);
  // The event whose handling threw is not done: hand it in again. Otherwise the exception has closed or will close the clients
  // that it concerns.
  bool must_repeat() const;
  // Delivers the messages that were handled. Comes before a task, and before the loop writes. False when the time budget
  // was over before that, or when receivers are being called already: the next call continues.
  bool finish_deliveries();

  // nullptr: the client is not on this loop.
  Peer* find(ClientId id);
  // When memory fails, the client is removed from the hub too, unless it arrives from another loop.
  void add(std::unique_ptr<Peer> peer);
  // Destroys the peer without any callback: the client lives on another loop, or was never admitted.
  void drop(ClientId id);
  // Ends the client at the end of the round. When called again, the first code counts. Needs no memory.
  void retire(ClientId id, Retirement retirement);
  // Retires all peers that are due, before their links are destroyed. False when the time budget was over before, or memory failed:
  // then no link may be destroyed yet. Not in the middle of a fan-out. Throws std::bad_alloc; the next call continues at the same place.
  bool retire_due();
  bool retirement_due() const { return any_failed_ || !retired_.empty(); }
  // For Peer::fail().
  void note_failed() noexcept { any_failed_ = true; }

  // The loop ends: retires every peer, also those that wait for a verdict.
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
  bool deliver(AuditNotice& event);
  bool deliver(ReportNotice& event);
  bool deliver(ClearWork& event);
  template <class ToPeer>
  bool deliver(ToPeer& event);
  // nullptr: nobody, or a client of another loop.
  Receiver* excepted_by(const Message& message);

  void close_failed() noexcept;

  struct Retired {
    ClientId id;
    Retirement retirement;
    std::unique_ptr<Peer> peer;  // once its retirement has begun
  };

  PeerContext& loop_;
  Table peers_;
  std::deque<Retired> retired_;
  bool retiring_ = false;    // the first of them is being retired
  bool any_failed_ = false;  // see Peer::fail()
  bool repeat_ = false;      // the event that is being handled is not done, should it throw
  bool ending_ = false;
};

}  // namespace chat::net
