// Serves the browser bundles of the official Socket.IO client below each Socket.IO endpoint, for example
// "/socket.io/socket.io.js". They are compiled in, or read from a directory in the options that contains the client
// package's dist/ files. Immutable after open(); any thread may call serve().
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
  // Uses the endpoints and socket_io_client_directory of the options. Without a directory it serves `compiled_in`,
  // which must outlive this object. Errors: invalid_argument when the directory does not exist.
  static Result<SocketIoClientFiles> open(const ServerOptions& options,
                                          std::span<const EmbeddedFile> compiled_in = socket_io_client_bundles());

  // Returns nullopt unless the path is an endpoint's path followed by one of the eight names that the reference server
  // serves. Other files of the directory are not served. Handles GET and HEAD; 405 for other methods, including
  // OPTIONS. When no bundles are available, the response is a 404 that explains how to provide them. The caller owns
  // the descriptor in the response.
  std::optional<HttpResponse> serve(const HttpRequest& request) const;

  // The script's path at each endpoint, such as "/socket.io/socket.io.js".
  std::vector<std::string> script_paths() const;
  // True when there are bundles to serve.
  bool available() const { return !directory_.empty() || !compiled_in_.empty(); }

 private:
  struct Bundle {
    std::string_view bytes;
    std::string tag;
  };

  std::string directory_;                           // resolved; empty: none
  std::map<std::string_view, Bundle> compiled_in_;  // by name; empty when a directory is used
  std::vector<std::string> prefixes_;               // "/socket.io/"
};

}  // namespace chat::net
