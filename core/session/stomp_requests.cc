// See stomp_requests.h.
#include "session/stomp_requests.h"

#include <utility>

namespace chat::session {

std::optional<stomp::Ref> StompRequests::add(Request request) {
  if (requests_.size() >= max_requests_) return std::nullopt;
  requests_.emplace(++last_ref_, std::move(request));
  return last_ref_;
}

std::optional<StompRequests::Request> StompRequests::take(stomp::Ref ref) {
  const auto found = requests_.find(ref);
  if (found == requests_.end()) return std::nullopt;
  Request request = std::move(found->second);
  requests_.erase(found);
  return request;
}

std::optional<StompRequests::Request> StompRequests::take_part(stomp::Ref commit, bool refused) {
  const auto found = requests_.find(commit);
  if (found == requests_.end()) return std::nullopt;
  Request& whole = found->second;
  whole.failed = whole.failed || refused;
  if (--whole.unfinished != 0) return std::nullopt;
  return take(commit);
}

}  // namespace chat::session
