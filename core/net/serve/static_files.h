// Files below the directories in the options, as HTTP responses; file_response.h says which files are never opened. A file
// takes precedence over most other resources with the same path (server/routes.h). Paths without a file are not answered here.
// Files and folders whose names begin with a dot are not served, except below "/.well-known/".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/base/server_options.h"
#include "net/http/http.h"

namespace chat::net {

class StaticFiles {
 public:
  // invalid_argument if the directory of a mount does not exist.
  static Result<StaticFiles> open(const std::vector<StaticMount>& mounts);

  // nullopt unless there is a file for the path, or a folder with an index.html. GET and HEAD; 405 for other methods. The
  // caller owns the descriptor in the response.
  std::optional<HttpResponse> serve(const HttpRequest& request) const;
  // Whether serve() would answer.
  bool has(std::string_view url_path) const { return locate(url_path).has_value(); }
  // Whether the path lies in a mount. Then methods except GET and HEAD are answered 405, even if there is no such file.
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
