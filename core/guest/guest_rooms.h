// Which room of this server is which room of the Socket.IO cluster. Here a namespace is a room: "/" the default room,
// "/dev" the room dev. In the cluster a namespace has rooms.
//
// | in the cluster | here |
// |---|---|
// | everyone in a namespace | the room of the namespace |
// | a room of the main namespace, the first in the list | the room of the same name |
// | a room R of another namespace, "/dev" | the room "dev:R" |
//
// A name in the cluster begins with the room prefix, which is left out here. Without a prefix, names that look like the
// id of a socket are no rooms here: the cluster's own servers send by them to a single client.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chat::guest {

class GuestRooms {
 public:
  // The first namespace is the main one; at least one.
  GuestRooms(std::vector<std::string> namespaces, std::string default_room, std::string room_prefix);

  struct Place {
    std::string nsp;
    std::string room;  // empty: all of the namespace
  };

  const std::vector<std::string>& namespaces() const { return namespaces_; }
  bool has(std::string_view nsp) const;
  // Where the cluster has a room of this server.
  Place place_of(std::string_view room) const;
  // The room of a namespace.
  std::string own_room(std::string_view nsp) const;
  // A room in a namespace. nullopt: no room here is this one.
  std::optional<std::string> room_of(std::string_view nsp, std::string_view room) const;

  // As the adapters take names for ids of sockets: 20 characters.
  static bool looks_like_socket(std::string_view room);

 private:
  // Begins the rooms of a namespace: "dev:" of "/dev", nothing of the main one.
  std::string start_of(std::string_view nsp) const;

  const std::vector<std::string> namespaces_;
  const std::string default_room_;
  const std::string room_prefix_;
};

}  // namespace chat::guest
