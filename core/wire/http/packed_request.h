// A request's head in one block of memory, for a session that may need it again later.
#pragma once

#include <string>

#include "wire/http/request.h"

namespace chat::wire {

class PackedRequest {
 public:
  PackedRequest() = default;
  explicit PackedRequest(const HttpRequest& request);

  // The request that was packed.
  HttpRequest unpack() const;

 private:
  std::string bytes_;  // the flags, and then each string after its length
};

}  // namespace chat::wire
