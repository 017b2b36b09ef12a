// See static_files.h.
#include "net/static_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

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

// Every symbolic link and ".." resolved; empty when there is no such file.
std::string resolve(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(realpath(path.c_str(), nullptr), &std::free);
  return resolved ? resolved.get() : std::string();
}

bool inside(const std::string& path, const std::string& directory) {
  if (directory == "/") return true;
  return path == directory || (path.starts_with(directory) && path[directory.size()] == '/');
}

std::string entity_tag(const struct stat& status) {
  char tag[64];
  std::snprintf(tag, sizeof tag, "\"%llx-%llx-%llx\"", static_cast<unsigned long long>(status.st_mtim.tv_sec),
                static_cast<unsigned long long>(status.st_mtim.tv_nsec),
                static_cast<unsigned long long>(status.st_size));
  return tag;
}

bool matches(std::string_view if_none_match, const std::string& tag) {
  for (std::string_view candidate : list_elements(if_none_match)) {
    if (candidate.starts_with("W/")) candidate.remove_prefix(2);
    if (candidate == "*" || candidate == tag) return true;
  }
  return false;
}

HttpResponse not_found() { return HttpResponse::text(404, "not found\n"); }

}  // namespace

Result<StaticFiles> StaticFiles::open(const std::vector<StaticMount>& mounts) {
  StaticFiles files;
  for (const StaticMount& mount : mounts) {
    std::string directory = resolve(mount.directory);
    struct stat status;
    if (directory.empty() || stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
      return {Error::invalid_argument, "static_mounts: no directory " + mount.directory};
    }
    std::string prefix = mount.path;
    while (prefix.size() > 1 && prefix.back() == '/') prefix.pop_back();
    files.roots_.push_back({std::move(prefix), std::move(directory)});
  }
  std::stable_sort(files.roots_.begin(), files.roots_.end(),
                   [](const Root& a, const Root& b) { return a.prefix.size() > b.prefix.size(); });
  return files;
}

std::optional<HttpResponse> StaticFiles::serve(const HttpRequest& request) const {
  auto root = std::find_if(roots_.begin(), roots_.end(), [&](const Root& r) { return inside(request.path, r.prefix); });
  if (root == roots_.end()) return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse response = HttpResponse::text(405, "method not allowed\n");
    response.headers.push_back({"Allow", "GET, HEAD"});
    return response;
  }
  const std::string below = request.path.substr(root->prefix == "/" ? 0 : root->prefix.size());
  if (below.find('\0') != std::string::npos) return not_found();
  std::string path = resolve(root->directory + "/" + below);
  if (path.empty() || !inside(path, root->directory)) return not_found();

  struct stat status;
  if (stat(path.c_str(), &status) != 0) return not_found();
  if (S_ISDIR(status.st_mode)) {
    if (!request.path.ends_with('/')) {  // or relative links in the page would point beside it
      HttpResponse response = HttpResponse::text(301, "moved\n");
      // One slash at the start: "//host" would be another site.
      const std::size_t start = request.path.find_first_not_of('/');
      std::string location = "/" + (start == std::string::npos ? std::string() : request.path.substr(start)) + "/";
      if (std::any_of(location.begin(), location.end(),
                      [](unsigned char c) { return c <= ' ' || c >= 0x7f || c == '\\'; })) {
        return not_found();
      }
      response.headers.push_back({"Location", std::move(location)});
      return response;
    }
    path = resolve(path + "/index.html");
    if (path.empty() || !inside(path, root->directory)) return not_found();
  } else if (request.path.ends_with('/')) {
    return not_found();
  }

  // Not blocking, should somebody have put a FIFO there.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return not_found();
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(file);
    return not_found();
  }
  HttpResponse response;
  const std::string tag = entity_tag(status);
  response.headers = {{"Content-Type", std::string(type_of(path))},
                      {"ETag", tag},
                      {"Cache-Control", "no-cache"},
                      {"X-Content-Type-Options", "nosniff"}};
  if (matches(request.header("if-none-match"), tag)) {
    ::close(file);
    response.status = 304;
    return response;
  }
  response.file = file;
  response.file_bytes = static_cast<std::uint64_t>(status.st_size);
  return response;
}

}  // namespace chat::net
