// The events that the hub posts to a loop. A loop takes its events in the order in which they were posted. The hub posts the
// events of a room under the room's lock, so they have the room's order. A member receives every message between its Joined and
// its Left once, and no other.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "hub/decision.h"
#include "model/message.h"

namespace chat {

// To the members of message->room that live on the loop.
struct RoomMessage {
  MessagePtr message;
};

// To every open client of the loop.
struct EveryoneMessage {
  MessagePtr message;
};

// The receiver shall acknowledge a message, and Application::on_ack() hears once what came of it.
struct AckWish {
  std::uint64_t id = 0;         // 0: it need not
  std::int64_t timeout_ms = 0;  // kUnlimited: as long as the client is there
};

// A numbered message is published: for Application::on_published(). For one room always on the same loop.
struct PublishedNotice {
  MessagePtr message;
};

// What became of a message that the client sent, in its room's order: its place, or why it has none.
struct Acknowledged {
  ClientId client = 0;
  std::string ref;        // of the command; empty for a failure of one that waits for no acknowledgement
  std::uint64_t seq = 0;  // 0: ephemeral
  std::string epoch;
  Status status;
};

// To one client.
struct DirectMessage {
  ClientId client = 0;
  MessagePtr message;
  AckWish ack;
};

// The client is open, and in no room.
struct Opened {
  ClientId client = 0;
};

// The client is now a member. `missed` is what it asked to have again.
struct Joined {
  ClientId client = 0;
  std::string room;
  std::string epoch;
  std::uint64_t seq = 0;  // of the newest message at this point
  bool resumed = false;   // it asked for what it missed
  bool complete = true;   // `missed` is all of it
  bool already = false;   // it was a member before
  std::vector<MessagePtr> missed;
  std::string ref;     // of the command that asked; empty otherwise
  bool asked = false;  // the client did, and is to be answered
};

struct Left {
  ClientId client = 0;
  std::string room;
  std::string reason;
  std::string ref;  // of the command that asked; empty otherwise
};

// The client moves between loops (Hub::move_client): what is said in the room up to here reached it by the loop that is told
// Departed, what is said from here on reaches it by the loop that is told Arrived. An empty room: what is said to everyone.
struct Departed {
  ClientId client = 0;
  std::string room;
};
struct Arrived {
  ClientId client = 0;
  std::string room;
};

// The application has given the client another display name.
struct Renamed {
  ClientId client = 0;
  std::string name;
};

// The application's answer to a message that waits for one.
struct Answer {
  ClientId client = 0;
  std::uint64_t ack_id = 0;
  std::string args;  // a JSON array
  std::vector<std::string> attachments;
};

// The application's verdict on what a callback has deferred. The first verdict for each id is posted, and no other.
struct DecisionGiven {
  ClientId client = 0;
  DecisionId id = 0;  // 0: on the client's connection. Client::state() has the verdict then, and `decision` is not used
  Decision decision;
};

// The client is to be closed once its outbox is empty.
struct CloseClient {
  ClientId client = 0;
  std::uint16_t code = 1008;  // RFC 6455 section 7.4
  std::string reason;
  bool whole_connection = false;  // with every other client of its connection
};

// Another connection continues the client: what that needs to know of it is kept, and it ends.
struct Continued {
  ClientId client = 0;
};

using LoopEvent = std::variant<RoomMessage, EveryoneMessage, PublishedNotice, Acknowledged, DirectMessage, Opened,
                               Joined, Left, Departed, Arrived, Renamed, Answer, DecisionGiven, CloseClient, Continued>;

// Every function may be called from any thread, also with a room's lock held: it takes no lock but its own and never waits.
class LoopInbox {
 public:
  virtual ~LoopInbox() = default;
  // Throws std::bad_alloc; nothing is posted then.
  virtual void post(LoopEvent event) = 0;

  // For ReservedPosts: memory for so many events more. Throws std::bad_alloc; nothing is reserved then.
  virtual void reserve(std::size_t events) = 0;
  // Uses one of the reserved places.
  virtual void post_reserved(LoopEvent event) noexcept = 0;
  // Gives reserved places back that were not used.
  virtual void release(std::size_t events) noexcept = 0;
};

// Places in one inbox. Whoever changes a state and tells a loop of it makes these before the change. Then a lack of memory
// shows before anything has changed, and afterwards nothing can fail.
class ReservedPosts {
 public:
  explicit ReservedPosts(LoopInbox& inbox, std::size_t events = 1) : inbox_(inbox), left_(events) {
    inbox_.reserve(events);
  }
  ~ReservedPosts() {
    if (left_ != 0) inbox_.release(left_);
  }
  ReservedPosts(const ReservedPosts&) = delete;
  ReservedPosts& operator=(const ReservedPosts&) = delete;

  // At most as often as there are places.
  void post(LoopEvent event) noexcept {
    --left_;
    inbox_.post_reserved(std::move(event));
  }

 private:
  LoopInbox& inbox_;
  std::size_t left_;
};

}  // namespace chat
