// What an Engine.IO session knows about the request that began it. on_connect of its clients receives this.
#pragma once

#include <string>

#include "net/base/server_options.h"
#include "wire/http/packed_request.h"

namespace chat::net {

struct EngineIoBirth {
  wire::PackedRequest request;
  std::string address;  // of the client
  bool secure = false;
  const Endpoint* endpoint = nullptr;  // of the server's options
};

}  // namespace chat::net
