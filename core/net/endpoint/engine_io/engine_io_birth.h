// What an Engine.IO session knows about the request that began it. on_connect of its clients receives this.
#pragma once

#include <string>

#include "net/base/server_options.h"
#include "net/http/http.h"

namespace chat::net {

struct EngineIoBirth {
  HttpRequest request;
  std::string address;  // of the client
  bool secure = false;
  const Endpoint* endpoint = nullptr;  // of the server's options
};

}  // namespace chat::net
