// See stomp_destination.h.
#include "wire/stomp/stomp_destination.h"

namespace chat::wire {
namespace {

const std::string& prefix_of(const StompPrefixes& prefixes, StompDestinationKind kind) {
  switch (kind) {
    case StompDestinationKind::application:
      return prefixes.application;
    case StompDestinationKind::user_queue:
      return prefixes.user_queue;
    case StompDestinationKind::room:
      break;
  }
  return prefixes.room;
}

}  // namespace

std::optional<StompDestination> parse_stomp_destination(const StompPrefixes& prefixes, std::string_view text) {
  for (const auto kind :
       {StompDestinationKind::user_queue, StompDestinationKind::application, StompDestinationKind::room}) {
    const std::string& prefix = prefix_of(prefixes, kind);
    if (text.starts_with(prefix) && text.size() > prefix.size())
      return StompDestination{kind, std::string(text.substr(prefix.size()))};
  }
  return std::nullopt;
}

std::string encode_stomp_destination(const StompPrefixes& prefixes, const StompDestination& destination) {
  return prefix_of(prefixes, destination.kind) + destination.name;
}

}  // namespace chat::wire
