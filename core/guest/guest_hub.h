// Does in the hub what the cluster wants: delivers its events to rooms and clients, answers its requests with the
// Socket.IO clients of this server, and moves and disconnects them. Knows nothing of Redis. One thread.
//
// An event to one room is a message of the room: numbered, kept, and translated for every protocol. An event to several
// rooms, one that leaves out somebody here, and one that wants acknowledgements goes to each client once, and is not
// numbered. An event to a room that this server does not have is ignored, so the rooms of a large cluster do not appear
// here.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "guest/guest_acks.h"
#include "guest/guest_rooms.h"
#include "guest/guest_wire.h"
#include "hub/hub.h"
#include "wire/socket_io_cluster/cluster_message.h"

namespace chat::guest {

class GuestHub {
 public:
  // Called for each answer, at once, except for acknowledgements of clients.
  using Answer = std::function<void(wire::ClusterBody&&)>;

  // All must outlive it.
  GuestHub(Hub& hub, const GuestRooms& rooms, GuestAcks& acks, std::size_t max_event_bytes,
           std::function<Moment()> clock)
      : hub_(hub), rooms_(rooms), acks_(acks), max_event_bytes_(max_event_bytes), clock_(std::move(clock)) {}

  // Whether somebody here may receive what is sent to this room.
  bool knows(std::string_view nsp, std::string_view room) const;
  // Whether the room is open here. One that only a history keeps is not: nobody is in it.
  bool is_open(std::string_view room) const { return hub_.has_room(room) && hub_.list_members(room, clock_()).ok(); }
  // False: it concerned nobody here. A request is answered also when it fails. Errors: those of the hub.
  Result<bool> take(Incoming&& incoming, const Answer& answer);

  // Answers a request that was refused before it got here: with nothing.
  static void refuse(const wire::ClusterBody& request, const Answer& answer);

  // Of one answer. The sockets that are beyond it are left out.
  static constexpr std::size_t kMaxAnswerBytes = 8 << 20;
  // Sockets that were left out since the start.
  std::uint64_t left_out() const { return left_out_; }

 private:
  // The members of one room that a target concerns.
  struct Group {
    std::string room;
    std::vector<ClientPtr> clients;
  };
  using Ids = std::unordered_set<ClientId>;

  Result<bool> broadcast(const Incoming& from, wire::ClusterBroadcast& event, const Answer& answer);
  Result<bool> publish(wire::ClusterBroadcast& event, std::string room, ClientId except);
  Result<bool> send(const Incoming& from, wire::ClusterBroadcast& event, const std::vector<Group>& groups,
                    std::uint64_t& count);
  Result<bool> join(std::string_view nsp, const wire::ClusterJoin& join);
  Result<bool> leave(std::string_view nsp, const wire::ClusterLeave& leave);
  Result<bool> disconnect(std::string_view nsp, const wire::ClusterDisconnect& disconnect);
  wire::ClusterSockets fetch(std::string_view nsp, const wire::ClusterFetch& fetch);
  wire::ClusterIds list_ids(std::string_view nsp, const wire::ClusterListIds& list);
  wire::ClusterRooms list_rooms(std::string_view nsp, const wire::ClusterListRooms& list);

  // The client of a socket's id in the namespace; nullptr: there is none.
  ClientPtr find_socket(std::string_view nsp, std::string_view id) const;
  bool is_socket(std::string_view nsp, const Client& client) const;
  std::vector<Group> groups(std::string_view nsp, const std::vector<std::string>& rooms) const;
  Ids excluded(std::string_view nsp, const wire::ClusterTarget& target) const;
  std::vector<ClientPtr> sockets(std::string_view nsp, const wire::ClusterTarget& target) const;
  // The rooms of a socket, as the cluster calls them.
  std::vector<std::string> rooms_of(std::string_view nsp, const Client& client) const;
  wire::ClusterSocket describe(std::string_view nsp, const Client& client) const;

  Hub& hub_;
  const GuestRooms& rooms_;
  GuestAcks& acks_;
  const std::size_t max_event_bytes_;  // of the arguments, with attachments
  const std::function<Moment()> clock_;
  std::uint64_t left_out_ = 0;
};

}  // namespace chat::guest
