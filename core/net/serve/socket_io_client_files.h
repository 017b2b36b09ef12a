// The bundles of the official Socket.IO client for browsers below each Socket.IO endpoint: "/socket.io/socket.io.js" is what
// its pages ask a server for. They are compiled in, or come from a folder that the options name, as the client's package has
// them in dist/.
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
  // Of the options: the endpoints and socket_io_client_directory; empty serves `compiled_in`, which lives on. A directory that
  // does not exist: invalid_argument.
  static Result<SocketIoClientFiles> open(const ServerOptions& options,
                                          std::span<const EmbeddedFile> compiled_in = socket_io_client_bundles());

  // nullopt unless the path is an endpoint's with one of the eight names behind it that the reference server knows;
  // whatever else the folder holds is not served. GET and HEAD (OPTIONS is 405 here: a preflight comes before). Without
  // anything to serve a 404 that tells what to do. The descriptor in the response is the caller's.
  std::optional<HttpResponse> serve(const HttpRequest& request) const;

  // Of each endpoint, "/socket.io/socket.io.js".
  std::vector<std::string> script_paths() const;
  // Whether there is something to serve there.
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
