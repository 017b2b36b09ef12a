// See file_response.h.
#include "net/http/file_response.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace chat::net {
namespace {

// Returns an empty path when the file does not exist.
std::string resolve(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(realpath(path.c_str(), nullptr), &std::free);
  return resolved ? resolved.get() : std::string();
}

std::string entity_tag(const struct stat& status) {
  char tag[64];
  std::snprintf(tag, sizeof tag, "\"%llx-%llx-%llx\"", static_cast<unsigned long long>(status.st_mtim.tv_sec),
                static_cast<unsigned long long>(status.st_mtim.tv_nsec),
                static_cast<unsigned long long>(status.st_size));
  return tag;
}

}  // namespace

bool has_entity_tag(const HttpRequest& request, std::string_view tag) {
  for (std::string_view candidate : list_elements(request.header("if-none-match"))) {
    if (candidate.starts_with("W/")) candidate.remove_prefix(2);
    if (candidate == "*" || candidate == tag) return true;
  }
  return false;
}

std::string resolve_directory(const std::string& path) {
  std::string directory = resolve(path);
  struct stat status;
  return !directory.empty() && stat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode) ? directory : "";
}

std::string resolve_inside(const std::string& directory, std::string_view name) {
  if (name.find('\0') != std::string_view::npos) return {};
  std::string path = resolve((directory + "/").append(name));
  return !path.empty() && is_inside(path, directory) ? path : "";
}

bool is_inside(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  return path == directory || (path.starts_with(directory) && path[directory.size()] == '/');
}

HttpResponse file_response(const HttpRequest& request, const std::string& resolved_path, const FileHeaders& headers) {
  // Non-blocking: the file may be a FIFO.
  const int file = ::open(resolved_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0 && (errno == EMFILE || errno == ENFILE)) {
    return HttpResponse::text(503, "too many open files\n");  // the file exists, so 404 would be wrong
  }
  if (file < 0) return not_found_response();
  struct stat status;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(file);
    return not_found_response();
  }
  HttpResponse response;
  const std::string tag = entity_tag(status);
  response.headers = {{"Content-Type", std::string(headers.content_type)},
                      {"ETag", tag},
                      {"Cache-Control", std::string(headers.cache_control)},
                      {"X-Content-Type-Options", "nosniff"}};
  if (has_entity_tag(request, tag)) {
    ::close(file);
    response.status = 304;
    return response;
  }
  response.file = file;
  response.file_bytes = static_cast<std::uint64_t>(status.st_size);
  return response;
}

HttpResponse not_found_response() { return HttpResponse::text(404, "not found\n"); }

HttpResponse only_get_response() {
  HttpResponse response = HttpResponse::text(405, "method not allowed\n");
  response.headers.push_back({"Allow", "GET, HEAD"});
  return response;
}

}  // namespace chat::net
