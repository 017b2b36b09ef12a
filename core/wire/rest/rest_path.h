// The resources below the path of an HTTP endpoint: docs/http.md. Pure functions; they do not check names of rooms.
#pragma once

#include <cstdint>
#include <string_view>

namespace chat::wire {

struct RestTarget {
  enum class Resource : std::uint8_t {
    none,      // no such resource
    rooms,     // P
    messages,  // P/{room}/messages
    events,    // P/{room}/events
    members,   // P/{room}/members
    presence,  // P/{room}/presence
  };

  Resource resource = Resource::none;
  std::string_view room;
};

// path: of the request, percent-decoded. base: of the endpoint. The result refers to `path`. A slash at the end is ignored.
RestTarget rest_target(std::string_view path, std::string_view base);

}  // namespace chat::wire
