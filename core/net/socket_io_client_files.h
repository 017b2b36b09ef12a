// The bundles of the official Socket.IO client for browsers below each Socket.IO endpoint: "/socket.io/socket.io.js" is what
// its pages ask a server for. They come from a folder that the options name, as the client's package has them in dist/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/http.h"
#include "net/server_options.h"

namespace chat::net {

class SocketIoClientFiles {
 public:
  // Of the options: the endpoints and socket_io_client_directory; empty serves nothing. A directory that does not exist:
  // invalid_argument.
  static Result<SocketIoClientFiles> open(const ServerOptions& options);

  // nullopt unless the path is an endpoint's with one of the eight names behind it that the reference server knows;
  // whatever else the folder holds is not served. GET and HEAD (OPTIONS is 405 here: a preflight comes before). The
  // descriptor in the response is the caller's.
  std::optional<HttpResponse> serve(const HttpRequest& request) const;

 private:
  std::string directory_;              // resolved; empty: none
  std::vector<std::string> prefixes_;  // "/socket.io/"
};

}  // namespace chat::net
