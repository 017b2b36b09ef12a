// See engine_io_error.h.
#include "net/endpoint/engine_io/engine_io_error.h"

namespace chat::net {

HttpResponse engine_io_error(wire::EngineIoError error) {
  HttpResponse response;
  response.status = wire::http_status(error);
  response.headers.push_back({"Content-Type", "application/json"});
  response.body = wire::error_json(error);
  return response;
}

}  // namespace chat::net
