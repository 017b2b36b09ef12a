// Files below the directories that the options name, as HTTP responses; see file_response.h for what is never opened. A file
// that exists here wins over everything else that has its path (routes.cc), so a path without a file is not answered here.
// Files and folders whose names begin with a dot are not served, but for "/.well-known/".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/base/server_options.h"
#include "net/http/http.h"

namespace chat::net {

class StaticFiles {
 public:
  // A mount whose directory does not exist: invalid_argument.
  static Result<StaticFiles> open(const std::vector<StaticMount>& mounts);

  // nullopt unless there is a file for the path, or a folder with an index.html. GET and HEAD, 405 for other methods; the
  // descriptor in the response is the caller's.
  std::optional<HttpResponse> serve(const HttpRequest& request) const;
  // Whether serve() would answer.
  bool has(std::string_view url_path) const { return locate(url_path).has_value(); }
  // Whether the path lies in a mount. Then other methods than GET and HEAD are answered 405 even if there is no such file.
  bool covers(std::string_view url_path) const { return root_of(url_path) != nullptr; }

 private:
  struct Root {
    std::string prefix;     // "/" or "/static"
    std::string directory;  // resolved
  };
  struct Located {
    std::string file;              // resolved
    bool as_folder_without_slash;  // "/sub" of "/sub/index.html": relative links need the slash
  };

  const Root* root_of(std::string_view url_path) const;
  std::optional<Located> locate(std::string_view url_path) const;

  std::vector<Root> roots_;  // longest prefix first
};

}  // namespace chat::net
