// The two requests by which a client without a socket of its own hears and speaks, while a session holds them: one waits for
// something to be sent, the other has brought something and waits for its answer. Names requests, and sends the answers that
// it is given to them, whichever loop they are on. Knows no protocol and no body. For the session's loop, which is handed in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "net/http/exchange.h"

namespace chat::net {

class EndpointContext;

class RequestSlots {
 public:
  enum class Slot : std::uint8_t { hear, speak };

  // A request that has come for this slot. False: the slot holds another request, which stays there. Then the new request is
  // to be refused.
  bool take(Slot slot, const HeldRequest& request);
  bool holds(Slot slot) const { return held(slot).has_value(); }
  bool holds(Slot slot, const HeldRequest& request) const { return held(slot) == request; }
  // The connection of the request ended. False when the slot does not hold it.
  bool lose(Slot slot, const HeldRequest& request);
  // The slot is free; its request was or will be answered by the caller.
  void drop(Slot slot) { held(slot).reset(); }
  // Answers the request of the slot, which is free then. False when it holds none. essential: see Connection::answer().
  bool answer(EndpointContext& loop, Slot slot, HttpResponse response, bool essential);
  // Answers the request that came last, whether a slot has taken it or not.
  void refuse(EndpointContext& loop, HttpResponse response);

 private:
  std::optional<HeldRequest>& held(Slot slot) { return held_[static_cast<std::size_t>(slot)]; }
  const std::optional<HeldRequest>& held(Slot slot) const { return held_[static_cast<std::size_t>(slot)]; }

  std::array<std::optional<HeldRequest>, 2> held_;
  HeldRequest latest_;
};

}  // namespace chat::net
