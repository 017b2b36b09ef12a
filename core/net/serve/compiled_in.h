// The chat page and the client script for browsers, which are compiled in, as HTTP responses at the paths in the options. All
// parts of the responses are prepared when the server starts; a request opens no file and computes nothing.
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
  // Uses page_path, script_path, default_room and the endpoints of the options. invalid_argument if the server uses a path for
  // something else, such as the metrics, or if there is a page but no endpoint that speaks chat.v1.
  static Result<CompiledIn> open(const ServerOptions& options);

  // nullopt unless the path is exactly one of them. GET and HEAD. The caller adds the CORS headers, which only the script
  // needs: see is_script().
  std::optional<HttpResponse> serve(const HttpRequest& request) const;
  bool is_script(std::string_view path) const { return !script_path_.empty() && path == script_path_; }
  std::vector<std::string> paths() const;

 private:
  struct File {
    std::string_view content_type;
    std::string tag;
    std::string own_bytes;   // if they differ from the compiled-in bytes
    std::string_view bytes;  // if they do not
    bool is_page = false;
  };

  Status add_page(const ServerOptions& options);
  void add(std::string path, std::string_view name, std::string_view bytes);

  std::map<std::string, File, std::less<>> files_;  // by path
  std::string redirect_from_;                       // "/talk", whose page is at "/talk/"; empty: none
  std::string script_path_;
};

// index.html as it is served: with `endpoint` and `room`, escaped, in its two <meta> elements for them. Error::internal if it
// lacks these elements.
Result<std::string> fill_in_page(std::string_view html, std::string_view endpoint, std::string_view room);

// The relative reference (RFC 3986 section 4.2) from a page at `page_path` ("/", or "/a/b" served at "/a/b/") to `path`. It is
// relative because a proxy may add any prefix to both paths.
std::string relative_reference(std::string_view page_path, std::string_view path);

}  // namespace chat::net
