// How an Engine.IO request is refused.
#pragma once

#include "net/http/http.h"
#include "wire/engine_io/engine_io.h"

namespace chat::net {

// 400 or 403 with the reference server's JSON.
HttpResponse engine_io_error(wire::EngineIoError error);

}  // namespace chat::net
