// See static_files.h.
#include "net/static_files.h"

#include <sys/stat.h>

#include <algorithm>

#include "net/content_type.h"
#include "net/file_response.h"

namespace chat::net {

Result<StaticFiles> StaticFiles::open(const std::vector<StaticMount>& mounts) {
  StaticFiles files;
  for (const StaticMount& mount : mounts) {
    std::string directory = resolve_directory(mount.directory);
    if (directory.empty()) return {Error::invalid_argument, "static_mounts: no directory " + mount.directory};
    std::string prefix = mount.path;
    while (prefix.size() > 1 && prefix.back() == '/') prefix.pop_back();
    files.roots_.push_back({std::move(prefix), std::move(directory)});
  }
  std::stable_sort(files.roots_.begin(), files.roots_.end(),
                   [](const Root& a, const Root& b) { return a.prefix.size() > b.prefix.size(); });
  return files;
}

std::optional<HttpResponse> StaticFiles::serve(const HttpRequest& request) const {
  auto root =
      std::find_if(roots_.begin(), roots_.end(), [&](const Root& r) { return is_inside(request.path, r.prefix); });
  if (root == roots_.end()) return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD") return only_get_response();
  const std::string below = request.path.substr(root->prefix == "/" ? 0 : root->prefix.size());
  std::string path = resolve_inside(root->directory, below);
  struct stat status;
  if (path.empty() || stat(path.c_str(), &status) != 0) return not_found_response();
  if (S_ISDIR(status.st_mode)) {
    if (!request.path.ends_with('/')) {  // or relative links in the page would point beside it
      HttpResponse response = HttpResponse::text(301, "moved\n");
      // One slash at the start: "//host" would be another site.
      const std::size_t start = request.path.find_first_not_of('/');
      std::string location = "/" + (start == std::string::npos ? std::string() : request.path.substr(start)) + "/";
      if (std::any_of(location.begin(), location.end(),
                      [](unsigned char c) { return c <= ' ' || c >= 0x7f || c == '\\'; })) {
        return not_found_response();
      }
      response.headers.push_back({"Location", std::move(location)});
      return response;
    }
    path = resolve_inside(root->directory, below + "/index.html");
    if (path.empty()) return not_found_response();
  } else if (request.path.ends_with('/')) {
    return not_found_response();
  }
  return file_response(request, path, {content_type_of(path), "no-cache"});
}

}  // namespace chat::net
