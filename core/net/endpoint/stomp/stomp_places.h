// The subscriptions of one STOMP client as the fan-out knows them: to which room or queue each belongs, and under which id. Knows
// no frames and no rooms.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>

#include "net/deliver/fanout.h"
#include "session/stomp_action.h"
#include "wire/codec.h"
#include "wire/stomp/stomp_codec.h"
#include "wire/stomp/stomp_destination.h"

namespace chat::net {

class StompPlaces {
 public:
  struct Place {
    session::stomp::Subscription number = 0;
    session::stomp::Ref ref = 0;  // of the request to subscribe
    wire::StompDestination destination;
    std::string id;  // for the fan-out: the head of its messages or, with own heads, its number
    bool own_heads = false;
    bool presence = false;  // receives the presence of the room and no messages
    bool changes = false;   // receives edits, redactions and reactions too
    bool joined = false;    // the client is a member of the room because of it

    bool is_for(std::string_view room) const {
      return destination.kind == wire::StompDestinationKind::room && destination.name == room;
    }
    bool is_for_queue(std::string_view queue) const {
      return destination.kind == wire::StompDestinationKind::user_queue && destination.name == queue;
    }
    Subscription as_subscription(wire::WireForm form) const {
      if (presence) return {id, wire::StompCodec::presence_form(form), own_heads};
      return {id, changes ? wire::StompCodec::changes_form(form) : form, own_heads};
    }
  };

  // The references that the functions return hold until the place is removed.
  void add(const session::stomp::Subscribe& subscribe, bool presence = false);
  Place* find(session::stomp::Subscription number);
  Place* find_request(session::stomp::Ref ref);
  // One with own heads. nullptr: it has been removed.
  const Place* find_own(std::string_view id);
  bool any_for(std::string_view room) const;
  void remove(const Place& place);
  // Removes those by which the client was a member of the room. The number of them.
  std::size_t leave(std::string_view room);

  std::list<Place>::const_iterator begin() const { return places_.begin(); }
  std::list<Place>::const_iterator end() const { return places_.end(); }

 private:
  std::list<Place> places_;
};

}  // namespace chat::net
