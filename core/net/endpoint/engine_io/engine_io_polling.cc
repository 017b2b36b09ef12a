// See engine_io_polling.h.
#include "net/endpoint/engine_io/engine_io_polling.h"

#include <algorithm>
#include <utility>

#include "net/endpoint/endpoint_context.h"
#include "net/endpoint/engine_io/engine_io_error.h"

namespace chat::net {
namespace {

HttpResponse ok_response(const char* content_type, std::string body) {
  HttpResponse response;
  response.headers.push_back({"Content-Type", content_type});
  response.headers.push_back({"Cache-Control", "no-store"});
  response.body = std::move(body);
  return response;
}

}  // namespace

void EngineIoPolling::answer_poll(EndpointContext& loop, std::string payload) {
  slots_.make().answer(loop, Slot::hear, ok_response("text/plain; charset=UTF-8", std::move(payload)), true);
}

bool EngineIoPolling::drop_post() {
  slots_.make().drop(Slot::speak);
  return std::exchange(paused_, false);
}

void EngineIoPolling::answer_post(EndpointContext& loop, int status, bool ended) {
  if (!slots_->holds(Slot::speak)) return;
  if (status == 200) {
    paused_ = true;
    if (ended || paused_until_ms_ <= loop.now_ms()) release(loop);
    return;
  }
  HttpResponse response;
  if (status == 400) {
    response = engine_io_error(wire::EngineIoError::bad_request);
  } else {
    response.status = status;
  }
  response.close = true;
  slots_.make().answer(loop, Slot::speak, std::move(response), false);
}

void EngineIoPolling::refuse(EndpointContext& loop, std::optional<wire::EngineIoError> error) {
  HttpResponse response;
  response.status = 400;
  if (error) response = engine_io_error(*error);
  slots_.make().refuse(loop, std::move(response));
}

void EngineIoPolling::pause_until(std::int64_t until_ms) { paused_until_ms_ = std::max(paused_until_ms_, until_ms); }

void EngineIoPolling::resume(EndpointContext& loop) {
  paused_until_ms_ = -1;
  release(loop);
}

void EngineIoPolling::tick(EndpointContext& loop, std::int64_t now_ms) {
  if (now_ms >= paused_until_ms_) release(loop);
}

void EngineIoPolling::release(EndpointContext& loop) {
  if (std::exchange(paused_, false)) slots_.make().answer(loop, Slot::speak, ok_response("text/html", "ok"), false);
}

}  // namespace chat::net
