// See endpoint_table.h.
#include "net/endpoint/endpoint_table.h"

#include <algorithm>
#include <utility>

#include "net/base/protocol_traits.h"

namespace chat::net {
namespace {

std::string_view without_trailing_slash(std::string_view path) {
  return path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
}

}  // namespace

const Endpoint* find_endpoint(const ServerOptions& options, std::string_view path) {
  const auto& endpoints = options.endpoints;
  auto found = std::find_if(endpoints.begin(), endpoints.end(),
                            [&](const Endpoint& e) { return e.path == without_trailing_slash(path); });
  return found == endpoints.end() ? nullptr : &*found;
}

const Endpoint* EndpointTable::find_above(std::string_view path) const {
  const Endpoint* innermost = nullptr;
  for (const Endpoint& endpoint : options_.endpoints) {
    const std::string_view above = without_trailing_slash(endpoint.path);
    const bool below = above == "/"
                           ? path.starts_with('/')
                           : path.size() > above.size() && path.starts_with(above) && path[above.size()] == '/';
    if (!below || (endpoint.sockjs == 0 && !traits_of(endpoint.protocol).owns_paths_below)) continue;
    if (innermost == nullptr || endpoint.path.size() > innermost->path.size()) innermost = &endpoint;
  }
  return innermost;
}

std::vector<Task> EndpointTable::goodbyes() const {
  std::vector<Task> all;
  for (auto handler = handlers_.begin(); handler != handlers_.end(); ++handler) {
    if (*handler == nullptr || std::find(handlers_.begin(), handler, *handler) != handler) continue;
    for (Task& goodbye : (*handler)->goodbyes()) all.push_back(std::move(goodbye));
  }
  return all;
}

}  // namespace chat::net
