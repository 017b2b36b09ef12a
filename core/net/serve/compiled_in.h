// The chat page and the client script for browsers, which are compiled in, as HTTP responses at the paths that the options
// name. Whatever they are made of stands in memory when the server starts; nothing is opened or computed for a request.
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
  // Of the options: page_path, script_path, default_room and the endpoints. A path that the server has another use for, that of
  // the metrics included, or a page without an endpoint that speaks chat.v1: invalid_argument.
  static Result<CompiledIn> open(const ServerOptions& options);

  // nullopt unless the path is exactly one of them. GET and HEAD. What another origin may read of it is for the caller: the
  // script alone is meant for it, see is_script().
  std::optional<HttpResponse> serve(const HttpRequest& request) const;
  bool is_script(std::string_view path) const { return !script_path_.empty() && path == script_path_; }
  std::vector<std::string> paths() const;

 private:
  struct File {
    std::string_view content_type;
    std::string tag;
    std::string own_bytes;   // when they are not those that were compiled in
    std::string_view bytes;  // when they are
    bool is_page = false;
  };

  Status add_page(const ServerOptions& options);
  void add(std::string path, std::string_view name, std::string_view bytes);

  std::map<std::string, File, std::less<>> files_;  // by path
  std::string redirect_from_;                       // "/talk", whose page is at "/talk/"; empty: none
  std::string script_path_;
};

// The content that index.html is served with: `endpoint` and `room`, escaped, in the two <meta> elements that are there for
// them. internal when it has them not.
Result<std::string> fill_in_page(std::string_view html, std::string_view endpoint, std::string_view room);

// How a page at `page_path` ("/", or "/a/b" served at "/a/b/") reaches `path`, as a relative reference (RFC 3986 section 4.2): a
// proxy may have put anything before both.
std::string relative_reference(std::string_view page_path, std::string_view path);

}  // namespace chat::net
