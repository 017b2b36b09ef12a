// The bundles of the official Socket.IO client for browsers, below each Socket.IO endpoint. Pages load them from there, for
// example "/socket.io/socket.io.js". They are compiled in, or come from a folder in the options that has the files of the
// client package's dist/.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/base/server_options.h"
#include "net/http/http.h"
#include "net/serve/embedded_files.h"

namespace chat::net {

class SocketIoClientFiles {
 public:
  // Uses the endpoints and socket_io_client_directory of the options. Without a directory it serves `compiled_in`, which must
  // outlive this. invalid_argument if the directory does not exist.
  static Result<SocketIoClientFiles> open(const ServerOptions& options,
                                          std::span<const EmbeddedFile> compiled_in = socket_io_client_bundles());

  // nullopt unless the path is an endpoint's path followed by one of the eight names that the reference server serves. No other
  // file of the folder is served. GET and HEAD; 405 for other methods, also for OPTIONS. If there is nothing to serve, a 404
  // explains what to do. The caller owns the descriptor in the response.
  std::optional<HttpResponse> serve(const HttpRequest& request) const;

  // The script's path below each endpoint, such as "/socket.io/socket.io.js".
  std::vector<std::string> script_paths() const;
  // Whether there is anything to serve.
  bool available() const { return !directory_.empty() || !compiled_in_.empty(); }

 private:
  struct Bundle {
    std::string_view bytes;
    std::string tag;
  };

  std::string directory_;                           // resolved; empty: none
  std::map<std::string_view, Bundle> compiled_in_;  // by name; empty with a directory
  std::vector<std::string> prefixes_;               // "/socket.io/"
};

}  // namespace chat::net
