// See request_slots.h.
#include "net/session/request_slots.h"

#include <utility>

#include "net/endpoint/endpoint_context.h"

namespace chat::net {

bool RequestSlots::take(Slot slot, const HeldRequest& request) {
  latest_ = request;
  if (held(slot)) return false;
  held(slot) = request;
  return true;
}

bool RequestSlots::lose(Slot slot, const HeldRequest& request) {
  if (held(slot) != request) return false;
  held(slot).reset();
  return true;
}

bool RequestSlots::answer(EndpointContext& loop, Slot slot, HttpResponse response, bool essential) {
  const std::optional<HeldRequest> request = std::exchange(held(slot), std::nullopt);
  if (!request) return false;
  loop.answer(*request, std::move(response), essential);
  return true;
}

void RequestSlots::refuse(EndpointContext& loop, HttpResponse response) {
  for (std::optional<HeldRequest>& request : held_) {
    if (request == latest_) request.reset();
  }
  loop.answer(latest_, std::move(response), false);
}

}  // namespace chat::net
