// See socket_io_client_files.h.
#include "net/serve/socket_io_client_files.h"

#include <algorithm>
#include <array>

#include "net/http/file_response.h"
#include "wire/digest.h"

namespace chat::net {
namespace {

constexpr std::array<std::string_view, 8> kNames = {
    "socket.io.js",         "socket.io.js.map",         "socket.io.min.js",         "socket.io.min.js.map",
    "socket.io.esm.min.js", "socket.io.esm.min.js.map", "socket.io.msgpack.min.js", "socket.io.msgpack.min.js.map"};

constexpr std::string_view kCacheControl = "public, max-age=0";

std::string_view content_type(std::string_view name) {
  return name.ends_with(".map") ? "application/json; charset=utf-8" : "application/javascript; charset=utf-8";
}

HttpResponse bundle_response(const HttpRequest& request, std::string_view name, std::string_view bytes,
                             const std::string& tag) {
  HttpResponse response;
  response.headers = {{"Content-Type", std::string(content_type(name))},
                      {"ETag", tag},
                      {"Cache-Control", std::string(kCacheControl)},
                      {"X-Content-Type-Options", "nosniff"}};
  if (has_entity_tag(request, tag)) {
    response.status = 304;
  } else {
    response.constant_body = bytes;
  }
  return response;
}

}  // namespace

Result<SocketIoClientFiles> SocketIoClientFiles::open(const ServerOptions& options,
                                                      std::span<const EmbeddedFile> compiled_in) {
  SocketIoClientFiles files;
  if (options.socket_io_client_directory.empty()) {
    for (const EmbeddedFile& file : compiled_in) {
      files.compiled_in_.emplace(file.name, Bundle{file.bytes, wire::content_tag(file.bytes)});
    }
  } else {
    files.directory_ = resolve_directory(options.socket_io_client_directory);
    if (files.directory_.empty()) {
      return {Error::invalid_argument,
              "socket_io_client_directory: no directory " + options.socket_io_client_directory};
    }
  }
  for (const Endpoint& endpoint : options.endpoints) {
    if (endpoint.protocol != Protocol::socket_io) continue;
    files.prefixes_.push_back(endpoint.path.ends_with('/') ? endpoint.path : endpoint.path + "/");
  }
  return files;
}

std::optional<HttpResponse> SocketIoClientFiles::serve(const HttpRequest& request) const {
  // File names contain no slash, so the endpoint is everything before the last one.
  const std::string_view path = request.path;
  const std::size_t name_begin = path.rfind('/') + 1;
  const std::string_view name = path.substr(name_begin);
  if (std::find(kNames.begin(), kNames.end(), name) == kNames.end() ||
      std::find(prefixes_.begin(), prefixes_.end(), path.substr(0, name_begin)) == prefixes_.end()) {
    return std::nullopt;
  }
  if (request.method != "GET" && request.method != "HEAD") return only_get_response();
  if (!available()) {
    return HttpResponse::text(
        404,
        "This build of libchat has no Socket.IO client. Set the option socket_io_client_directory "
        "(chatd: --socket-io-client) to a folder that contains it: dist of npm's socket.io-client.\n");
  }
  if (directory_.empty()) {
    const auto bundle = compiled_in_.find(name);
    if (bundle == compiled_in_.end()) return not_found_response();
    return bundle_response(request, name, bundle->second.bytes, bundle->second.tag);
  }
  const std::string file = resolve_inside(directory_, name);
  if (file.empty()) return not_found_response();
  return file_response(request, file, {content_type(name), kCacheControl});
}

std::vector<std::string> SocketIoClientFiles::script_paths() const {
  std::vector<std::string> paths;
  for (const std::string& prefix : prefixes_) paths.push_back(prefix + "socket.io.js");
  return paths;
}

}  // namespace chat::net
