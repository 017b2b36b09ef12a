// The events that the hub posts to a loop. A loop handles them in the order in which they were posted. The hub posts
// all events of one room under that room's lock, so this order is the room's order: a member receives every message
// after its Joined exactly once, and none after its Left.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "hub/clearing.h"
#include "hub/decision.h"
#include "model/message.h"
#include "model/moderation.h"

namespace chat {

// For the members of message->room on this loop.
struct RoomMessage {
  MessagePtr message;
};

// For every open client on this loop.
struct EveryoneMessage {
  MessagePtr message;
};

// A request that the receiver acknowledges a message. Application::on_ack() reports the outcome once.
struct AckWish {
  std::uint64_t id = 0;         // 0: no acknowledgement is requested
  std::int64_t timeout_ms = 0;  // kUnlimited: as long as the client exists
};

// A numbered message was published, or presence has changed; the loop calls Application::on_published() or on_presence().
// All notices of one room go to the same loop.
struct PublishedNotice {
  MessagePtr message;
};

// Something was moderated; the loop calls Application::on_audit(). All notices of one room go to the same loop.
struct AuditNotice {
  AuditRecordPtr record;
};

// A message was reported; the loop calls Application::on_report(). All notices of one room go to the same loop.
struct ReportNotice {
  ReportPtr report;
};

// The loop calls Hub::clear_some().
struct ClearWork {
  ClearingPtr clearing;
};

// The result of a message that the client sent, in its room's order: its position, or an error.
struct Acknowledged {
  ClientId client = 0;
  std::string ref;        // of the command; empty: only a failure is posted
  std::uint64_t seq = 0;  // 0: the message is ephemeral
  std::string epoch;
  Status status;
  bool repeated = false;  // see AckReply
};

// For one client.
struct DirectMessage {
  ClientId client = 0;
  MessagePtr message;
  AckWish ack;
};

// The client is open, and in no room.
struct Opened {
  ClientId client = 0;
};

// The client is now a member. `missed` holds the messages that it asked for.
struct Joined {
  ClientId client = 0;
  std::string room;
  std::string epoch;
  std::uint64_t seq = 0;  // of the newest message at this point
  bool resumed = false;   // the client asked for missed messages
  bool complete = true;   // `missed` contains all of them
  bool already = false;   // it was already a member
  std::vector<MessagePtr> missed;
  std::string ref;                // of the command that asked; otherwise empty
  bool asked = false;             // a command of the client asked and expects a reply
  bool names_people = false;      // the presence of the room names people, to clients that may list them
  MessagePtr presence = {};       // who is in the room; nullptr: the room has no presence
  Role role = Role::guest;        // of the client in the room
  std::int64_t slow_mode_ms = 0;  // what the client must wait between two messages; 0: no slow mode, or exempt from it
  std::uint64_t seen = 0;         // how far the client's user has read; 0: unknown
  bool renumbered = false;        // nobody has asked: the room continues at another position, see Hub::adopt()
};

// The client is no longer a member.
struct Left {
  ClientId client = 0;
  std::string room;
  std::string reason;
  std::string ref;  // of the command that asked; otherwise empty
};

// The client moves between loops (Hub::move_client()). The loop that receives Departed delivers the room's messages up
// to this point; the loop that receives Arrived delivers those after it. An empty room stands for messages to everyone.
struct Departed {
  ClientId client = 0;
  std::string room;
};
struct Arrived {
  ClientId client = 0;
  std::string room;
  bool sees_people = false;  // presence notices of the room name people to the client
};

// The application changed the client's display name.
struct Renamed {
  ClientId client = 0;
  std::string name;
};

// The application's answer to a message that the client wants acknowledged.
struct Answer {
  ClientId client = 0;
  std::uint64_t ack_id = 0;
  std::string args;  // a JSON array
  std::vector<std::string> attachments;
};

// A deferred verdict. Only the first one for each id is posted.
struct DecisionGiven {
  ClientId client = 0;
  DecisionId id = 0;  // 0: on the client's connection. Client::state() has the verdict then, and there is no `decision`
  std::shared_ptr<const Decision> decision;  // large, and other events are as large as the largest one
};

// Closes the client when its outbox is empty.
struct CloseClient {
  ClientId client = 0;
  std::uint16_t code = 1008;  // RFC 6455 section 7.4
  std::string reason;
  bool whole_connection = false;  // also closes the other clients of its connection
};

// Another connection continues this client: its recovery state is kept and the client ends.
struct Continued {
  ClientId client = 0;
};

using LoopEvent = std::variant<RoomMessage, EveryoneMessage, PublishedNotice, Acknowledged, DirectMessage, Opened,
                               Joined, Left, Departed, Arrived, Renamed, Answer, DecisionGiven, CloseClient, Continued,
                               AuditNotice, ReportNotice, ClearWork>;

// Implemented by each loop. Every function may be called from any thread, also with a room's lock held: it takes only its
// own lock and does not block.
class LoopInbox {
 public:
  virtual ~LoopInbox() = default;
  // Throws std::bad_alloc; nothing is posted then.
  virtual void post(LoopEvent event) = 0;

  // For ReservedPosts: memory for so many events more. Throws std::bad_alloc; nothing is reserved then.
  virtual void reserve(std::size_t events) = 0;
  // Uses one of the reserved places.
  virtual void post_reserved(LoopEvent&& event) noexcept = 0;
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
  void post(LoopEvent&& event) noexcept {
    --left_;
    inbox_.post_reserved(std::move(event));
  }

 private:
  LoopInbox& inbox_;
  std::size_t left_;
};

}  // namespace chat
