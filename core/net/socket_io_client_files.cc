// See socket_io_client_files.h.
#include "net/socket_io_client_files.h"

#include <algorithm>
#include <array>

#include "net/file_response.h"

namespace chat::net {
namespace {

constexpr std::array<std::string_view, 8> kNames = {
    "socket.io.js",         "socket.io.js.map",         "socket.io.min.js",         "socket.io.min.js.map",
    "socket.io.esm.min.js", "socket.io.esm.min.js.map", "socket.io.msgpack.min.js", "socket.io.msgpack.min.js.map"};

}  // namespace

Result<SocketIoClientFiles> SocketIoClientFiles::open(const ServerOptions& options) {
  SocketIoClientFiles files;
  if (options.socket_io_client_directory.empty()) return files;
  files.directory_ = resolve_directory(options.socket_io_client_directory);
  if (files.directory_.empty()) {
    return {Error::invalid_argument, "socket_io_client_directory: no directory " + options.socket_io_client_directory};
  }
  for (const Endpoint& endpoint : options.endpoints) {
    if (endpoint.protocol != Protocol::socket_io) continue;
    files.prefixes_.push_back(endpoint.path.ends_with('/') ? endpoint.path : endpoint.path + "/");
  }
  return files;
}

std::optional<HttpResponse> SocketIoClientFiles::serve(const HttpRequest& request) const {
  // No name has a slash, so what stands before the last one is the endpoint.
  const std::string_view path = request.path;
  const std::size_t name_begin = path.rfind('/') + 1;
  const std::string_view name = path.substr(name_begin);
  if (std::find(kNames.begin(), kNames.end(), name) == kNames.end() ||
      std::find(prefixes_.begin(), prefixes_.end(), path.substr(0, name_begin)) == prefixes_.end()) {
    return std::nullopt;
  }
  if (request.method != "GET" && request.method != "HEAD") return only_get_response();
  const std::string file = resolve_inside(directory_, name);
  if (file.empty()) return not_found_response();
  const bool map = name.ends_with(".map");
  return file_response(
      request, file,
      {map ? "application/json; charset=utf-8" : "application/javascript; charset=utf-8", "public, max-age=0"});
}

}  // namespace chat::net
