// The two requests by which a polling client hears and speaks, while a session holds them: the GET that waits for packets, and
// the POST that brings some. Answers them, wherever they are. For the loop of the session, which is handed in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "net/http/exchange.h"
#include "wire/engine_io/engine_io.h"

namespace chat::net {

class EndpointContext;

class EngineIoPolling {
 public:
  // A GET. A second one beside it is only to be refused.
  void take_poll(const HeldRequest& request);
  // False when it is not the one that is held.
  bool lose_poll(const HeldRequest& request);
  void answer_poll(EndpointContext& loop, std::string payload);

  // A POST. False: only to be refused, there is one already.
  bool take_post(const HeldRequest& request);
  bool holds_post(const HeldRequest& request) const { return post_ == request; }
  // It is answered elsewhere, or lost. True when it was its answer that was paused.
  bool drop_post();
  // 200 waits while the client is paused, unless the session has ended: who sends too quickly waits for it before it sends on.
  void answer_post(EndpointContext& loop, int status, bool ended);
  bool post_is_paused() const { return paused_; }
  // Nothing more is taken from the client.
  bool is_paused(std::int64_t now_ms) const { return now_ms < paused_until_ms_; }
  std::int64_t paused_until_ms() const { return paused_until_ms_; }

  // The request that was taken last: 400, without a body unless there is an error to name.
  void refuse(EndpointContext& loop, std::optional<wire::EngineIoError> error);

  void pause_until(std::int64_t until_ms);
  // Ends that early.
  void resume(EndpointContext& loop);
  // When an answer that is paused is due; -1: there is none.
  std::int64_t deadline_ms() const { return paused_ ? paused_until_ms_ : -1; }
  void tick(EndpointContext& loop, std::int64_t now_ms);
  // Gives an answer that is paused.
  void release(EndpointContext& loop);

 private:
  std::optional<HeldRequest> poll_;
  std::optional<HeldRequest> post_;
  HeldRequest latest_;
  std::int64_t paused_until_ms_ = -1;
  bool paused_ = false;  // the answer to the POST
};

}  // namespace chat::net
