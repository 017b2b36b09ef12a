// Files below the directories that the options name, as HTTP responses; see file_response.h for what is never opened.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/http.h"
#include "net/server_options.h"

namespace chat::net {

class StaticFiles {
 public:
  // A mount whose directory does not exist: invalid_argument.
  static Result<StaticFiles> open(const std::vector<StaticMount>& mounts);

  // nullopt when no mount covers the path. GET and HEAD; the descriptor in the response is the caller's.
  std::optional<HttpResponse> serve(const HttpRequest& request) const;

 private:
  struct Root {
    std::string prefix;     // "/" or "/static"
    std::string directory;  // resolved
  };
  std::vector<Root> roots_;  // longest prefix first
};

}  // namespace chat::net
