// See stomp_places.h.
#include "net/endpoint/stomp/stomp_places.h"

#include <algorithm>

namespace chat::net {
namespace {

template <class Places, class Test>
auto find_place(Places& places, Test test) {
  const auto found = std::find_if(places.begin(), places.end(), test);
  return found == places.end() ? nullptr : &*found;
}

}  // namespace

void StompPlaces::add(const session::stomp::Subscribe& subscribe, bool presence) {
  Place place;
  place.number = subscribe.subscription;
  place.ref = subscribe.ref;
  place.destination = subscribe.destination;
  place.presence = presence;
  place.changes = subscribe.changes && subscribe.destination.kind == wire::StompDestinationKind::room;
  place.own_heads = subscribe.head.empty();
  place.id = place.own_heads ? std::to_string(subscribe.subscription) : subscribe.head;
  places_.push_back(std::move(place));
}

StompPlaces::Place* StompPlaces::find(session::stomp::Subscription number) {
  return find_place(places_, [&](const Place& place) { return place.number == number; });
}

StompPlaces::Place* StompPlaces::find_request(session::stomp::Ref ref) {
  return find_place(places_, [&](const Place& place) { return place.ref == ref; });
}

const StompPlaces::Place* StompPlaces::find_own(std::string_view id) {
  return find_place(places_, [&](const Place& place) { return place.own_heads && place.id == id; });
}

bool StompPlaces::any_for(std::string_view room) const {
  return std::any_of(places_.begin(), places_.end(), [&](const Place& place) { return place.is_for(room); });
}

void StompPlaces::remove(const Place& place) {
  places_.remove_if([&](const Place& one) { return &one == &place; });
}

std::size_t StompPlaces::leave(std::string_view room) {
  return places_.remove_if([&](const Place& place) { return place.joined && place.is_for(room); });
}

}  // namespace chat::net
