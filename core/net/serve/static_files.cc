// See static_files.h.
#include "net/serve/static_files.h"

#include <sys/stat.h>

#include <algorithm>

#include "net/http/content_type.h"
#include "net/http/file_response.h"

namespace chat::net {
namespace {

// True when a file or directory name in the path begins with a dot: ".git", ".env". "/.well-known/" is public (RFC
// 8615). Only names in the URL count, not the targets of links: Kubernetes mounts files as links into "..data".
bool is_hidden(std::string_view url_path, std::size_t from) {
  constexpr std::string_view kWellKnown = "/.well-known";
  if (is_inside(url_path, kWellKnown)) from = std::max(from, kWellKnown.size());
  for (std::size_t at = url_path.find("/.", from); at != std::string_view::npos; at = url_path.find("/.", at + 1)) {
    const std::string_view segment = url_path.substr(at + 1, url_path.find('/', at + 1) - at - 1);
    if (segment != "." && segment != "..") return true;
  }
  return false;
}

}  // namespace

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

const StaticFiles::Root* StaticFiles::root_of(std::string_view url_path) const {
  const auto root =
      std::find_if(roots_.begin(), roots_.end(), [&](const Root& r) { return is_inside(url_path, r.prefix); });
  return root == roots_.end() ? nullptr : &*root;
}

std::optional<StaticFiles::Located> StaticFiles::locate(std::string_view url_path) const {
  const Root* root = root_of(url_path);
  if (root == nullptr) return std::nullopt;
  const std::size_t prefix_bytes = root->prefix == "/" ? 0 : root->prefix.size();
  if (is_hidden(url_path, prefix_bytes)) return std::nullopt;
  const std::string below(url_path.substr(prefix_bytes));
  const bool has_slash = url_path.ends_with('/');
  std::string path = resolve_inside(root->directory, below);
  struct stat status;
  if (path.empty() || stat(path.c_str(), &status) != 0) return std::nullopt;
  if (S_ISREG(status.st_mode)) {
    if (has_slash) return std::nullopt;
    return Located{std::move(path), false};
  }
  if (!S_ISDIR(status.st_mode)) return std::nullopt;
  path = resolve_inside(root->directory, below + "/index.html");
  if (path.empty() || stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return Located{std::move(path), !has_slash};
}

std::optional<HttpResponse> StaticFiles::serve(const HttpRequest& request) const {
  const std::optional<Located> located = locate(request.path);
  if (!located) return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD") return only_get_response();
  if (located->as_folder_without_slash) {
    HttpResponse response = HttpResponse::text(301, "moved\n");
    // Exactly one slash at the start, because "//host" would refer to another site.
    const std::size_t start = request.path.find_first_not_of('/');
    std::string location = "/" + (start == std::string::npos ? std::string() : request.path.substr(start)) + "/";
    if (std::any_of(location.begin(), location.end(),
                    [](unsigned char c) { return c <= ' ' || c >= 0x7f || c == '\\'; })) {
      return not_found_response();
    }
    response.headers.push_back({"Location", std::move(location)});
    return response;
  }
  return file_response(request, located->file, {content_type_of(located->file), "no-cache"});
}

}  // namespace chat::net
