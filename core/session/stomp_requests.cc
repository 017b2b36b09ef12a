// See stomp_requests.h.
#include "session/stomp_requests.h"

#include <utility>

namespace chat::session {
namespace {

std::size_t bytes_of(const StompRequests::Request& request) {
  return sizeof(request) + (request.receipt ? request.receipt->size() : 0) + request.destination.size();
}

}  // namespace

std::optional<stomp::Ref> StompRequests::add(Request request) {
  if (requests_.size() >= max_requests_) return std::nullopt;
  const std::size_t bytes = bytes_of(request);
  requests_.emplace(last_ref_ + 1, std::move(request));
  held_bytes_ += bytes;
  return ++last_ref_;
}

std::optional<StompRequests::Request> StompRequests::take(stomp::Ref ref) {
  const auto found = requests_.find(ref);
  if (found == requests_.end()) return std::nullopt;
  Request request = std::move(found->second);
  requests_.erase(found);
  held_bytes_ -= bytes_of(request);
  return request;
}

bool StompRequests::tells_success(stomp::Ref ref) const {
  const auto found = requests_.find(ref);
  if (found == requests_.end()) return false;
  const Request& request = found->second;
  return request.kind != Kind::publish || request.receipt || request.commit != 0;
}

void StompRequests::clear() {
  requests_.clear();
  held_bytes_ = 0;
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
