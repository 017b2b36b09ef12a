// Serves the compiled-in chat page and client script for browsers at the paths in the options. All responses are
// prepared at the start; a request opens no file and computes nothing. Immutable after open(); any thread may call
// serve().
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/base/server_options.h"
#include "net/http/http.h"

namespace chat::net {

class CompiledIn {
 public:
  // Uses page_path, script_path, default_room and the endpoints of the options. Errors: invalid_argument when a path is
  // already used, for example by the metrics, or when there is a page but no endpoint for chat.v1.
  static Result<CompiledIn> open(const ServerOptions& options);

  // Returns nullopt unless the path is exactly one of these. Handles GET and HEAD. The caller adds CORS headers, which
  // only the script needs; see is_script().
  std::optional<HttpResponse> serve(const HttpRequest& request) const;
  bool is_script(std::string_view path) const { return !script_path_.empty() && path == script_path_; }
  // All paths served here, for the log of paths that files hide.
  std::vector<std::string> paths() const;

 private:
  struct File {
    std::string_view content_type;
    std::string tag;
    std::string own_bytes;   // when it differs from the compiled-in bytes
    std::string_view bytes;  // when it does not
    bool is_page = false;
  };

  Status add_page(const ServerOptions& options);
  void add(std::string path, std::string_view name, std::string_view bytes);

  std::map<std::string, File, std::less<>> files_;  // by path
  std::string redirect_from_;                       // "/talk" when the page is at "/talk/"; empty: none
  std::string script_path_;
};

// Returns index.html with `endpoint` and `room`, escaped, in its two <meta> elements. Errors: internal when these
// elements are missing.
Result<std::string> fill_in_page(std::string_view html, std::string_view endpoint, std::string_view room);

// Returns the relative reference (RFC 3986 section 4.2) from a page at `page_path` ("/", or "/a/b" served at "/a/b/")
// to `path`. It is relative because a proxy may add a prefix to both paths.
std::string relative_reference(std::string_view page_path, std::string_view path);

}  // namespace chat::net
