// The requests of a polling client as Engine.IO answers them: the GET that waits for packets, and the POST that brings some.
// The answer to a POST waits while the client is paused. For the session's loop, which is handed in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/boxed.h"
#include "net/http/exchange.h"
#include "net/session/request_slots.h"
#include "wire/engine_io/engine_io.h"

namespace chat::net {

class EndpointContext;

class EngineIoPolling {
 public:
  // A GET has come. A second GET beside the held one will be refused.
  void take_poll(const HeldRequest& request) { slots_.make().take(Slot::hear, request); }
  // The connection of the GET ended. False when that GET is not the held one.
  bool lose_poll(const HeldRequest& request) { return slots_.make().lose(Slot::hear, request); }
  void answer_poll(EndpointContext& loop, std::string payload);

  // A POST has come. False when another one is held: then it will be refused.
  bool take_post(const HeldRequest& request) { return slots_.make().take(Slot::speak, request); }
  bool holds_post(const HeldRequest& request) const { return slots_->holds(Slot::speak, request); }
  // The POST was answered elsewhere, or its connection ended. True when its answer was waiting for the end of a pause.
  bool drop_post();
  // The answer 200 waits while the client is paused, unless the session has ended: a client waits for it before it sends more.
  void answer_post(EndpointContext& loop, int status, bool ended);
  bool post_is_paused() const { return paused_; }
  // Nothing more is taken from the client.
  bool is_paused(std::int64_t now_ms) const { return now_ms < paused_until_ms_; }
  std::int64_t paused_until_ms() const { return paused_until_ms_; }

  // Answers the request that came last with 400. The body names the error, if there is one.
  void refuse(EndpointContext& loop, std::optional<wire::EngineIoError> error);

  void pause_until(std::int64_t until_ms);
  // Ends the pause early.
  void resume(EndpointContext& loop);
  // When the pause of a waiting answer ends; -1: no answer waits.
  std::int64_t deadline_ms() const { return paused_ ? paused_until_ms_ : -1; }
  void tick(EndpointContext& loop, std::int64_t now_ms);
  // Sends the answer that waits, if there is one.
  void release(EndpointContext& loop);

 private:
  using Slot = RequestSlots::Slot;

  Boxed<RequestSlots> slots_;  // from the first request on
  std::int64_t paused_until_ms_ = -1;
  bool paused_ = false;  // the answer 200 to the held POST waits
};

}  // namespace chat::net
