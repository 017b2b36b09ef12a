// See guest_rooms.h.
#include "guest/guest_rooms.h"

#include <algorithm>
#include <utility>

#include "model/names.h"

namespace chat::guest {
namespace {

constexpr std::size_t kSocketIdBytes = 20;

}  // namespace

GuestRooms::GuestRooms(std::vector<std::string> namespaces, std::string default_room, std::string room_prefix)
    : namespaces_(std::move(namespaces)),
      default_room_(std::move(default_room)),
      room_prefix_(std::move(room_prefix)) {}

bool GuestRooms::has(std::string_view nsp) const { return std::ranges::find(namespaces_, nsp) != namespaces_.end(); }

std::string GuestRooms::own_room(std::string_view nsp) const {
  return nsp == "/" ? default_room_ : std::string(nsp.substr(1));
}

std::string GuestRooms::start_of(std::string_view nsp) const {
  return nsp == namespaces_.front() ? std::string() : own_room(nsp) + ':';
}

GuestRooms::Place GuestRooms::place_of(std::string_view room) const {
  for (const std::string& nsp : namespaces_) {
    if (room == own_room(nsp)) return {nsp, {}};
  }
  for (const std::string& nsp : namespaces_) {
    const std::string start = start_of(nsp);
    if (!start.empty() && room.size() > start.size() && room.starts_with(start)) {
      return {nsp, room_prefix_ + std::string(room.substr(start.size()))};
    }
  }
  return {namespaces_.front(), room_prefix_ + std::string(room)};
}

std::optional<std::string> GuestRooms::room_of(std::string_view nsp, std::string_view room) const {
  if (!room.starts_with(room_prefix_)) return std::nullopt;
  if (room_prefix_.empty() && looks_like_socket(room)) return std::nullopt;
  std::string name = start_of(nsp) + std::string(room.substr(room_prefix_.size()));
  if (!check_room_name(name).ok()) return std::nullopt;
  const Place place = place_of(name);
  // It may be the room of a namespace, or belong to another one.
  if (place.nsp != nsp || place.room.empty()) return std::nullopt;
  return name;
}

bool GuestRooms::looks_like_socket(std::string_view room) {
  return room.size() == kSocketIdBytes && std::ranges::all_of(room, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

}  // namespace chat::guest
