// See static_files.h.
#include "net/static_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "net/file_response.h"

namespace chat::net {
namespace {

struct Type {
  std::string_view extension;
  std::string_view type;
};
constexpr std::array kTypes = {
    Type{".html", "text/html; charset=utf-8"},
    Type{".htm", "text/html; charset=utf-8"},
    Type{".css", "text/css; charset=utf-8"},
    Type{".js", "text/javascript; charset=utf-8"},
    Type{".mjs", "text/javascript; charset=utf-8"},
    Type{".json", "application/json"},
    Type{".map", "application/json"},
    Type{".txt", "text/plain; charset=utf-8"},
    Type{".md", "text/markdown; charset=utf-8"},
    Type{".xml", "application/xml"},
    Type{".svg", "image/svg+xml"},
    Type{".png", "image/png"},
    Type{".jpg", "image/jpeg"},
    Type{".jpeg", "image/jpeg"},
    Type{".gif", "image/gif"},
    Type{".webp", "image/webp"},
    Type{".avif", "image/avif"},
    Type{".ico", "image/x-icon"},
    Type{".woff", "font/woff"},
    Type{".woff2", "font/woff2"},
    Type{".ttf", "font/ttf"},
    Type{".wasm", "application/wasm"},
    Type{".mp3", "audio/mpeg"},
    Type{".mp4", "video/mp4"},
    Type{".webm", "video/webm"},
    Type{".pdf", "application/pdf"},
    Type{".webmanifest", "application/manifest+json"},
};

std::string_view type_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return "application/octet-stream";
  std::string extension(path.substr(dot));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const Type& t) { return t.extension == extension; });
  return found == kTypes.end() ? "application/octet-stream" : found->type;
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
  return file_response(request, path, {type_of(path), "no-cache"});
}

}  // namespace chat::net
