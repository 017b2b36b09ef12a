// Serves the files of the directories in the options; file_response.h describes which files are never opened. A file
// takes precedence over most other resources with the same path (server/routes.h). Paths without a file are left to the
// caller. Files and directories whose names begin with a dot are not served, except below "/.well-known/". Immutable
// after open(); any thread may call it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/base/server_options.h"
#include "net/http/http.h"

namespace chat::net {

class StaticFiles {
 public:
  // Errors: invalid_argument when the directory of a mount does not exist.
  static Result<StaticFiles> open(const std::vector<StaticMount>& mounts);

  // Returns nullopt when the path has no file and no directory with an index.html. Handles GET and HEAD; 405 for other
  // methods. The caller owns the descriptor in the response.
  std::optional<HttpResponse> serve(const HttpRequest& request) const;
  // True when serve() would return a response.
  bool has(std::string_view url_path) const { return locate(url_path).has_value(); }
  // True when the path lies in a mount. Methods other than GET and HEAD then get 405, even without such a file.
  bool covers(std::string_view url_path) const { return root_of(url_path) != nullptr; }

 private:
  struct Root {
    std::string prefix;     // "/" or "/static"
    std::string directory;  // resolved
  };
  struct Located {
    std::string file;              // resolved
    bool as_folder_without_slash;  // "/sub" for "/sub/index.html": relative links need the slash
  };

  const Root* root_of(std::string_view url_path) const;
  std::optional<Located> locate(std::string_view url_path) const;

  std::vector<Root> roots_;  // longest prefix first
};

}  // namespace chat::net
