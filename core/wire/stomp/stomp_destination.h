// What a STOMP destination names: a room, an event for the application, or what the application sends to the client alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chat::wire {

// None is a prefix of another.
struct StompPrefixes {
  std::string room = "/topic/";
  std::string application = "/app/";
  std::string user_queue = "/user/queue/";
};

// The queue on which a client receives what became of its refused messages.
inline constexpr std::string_view kStompErrorQueue = "errors";

// The presence of a room has the room's destination and this.
inline constexpr std::string_view kStompPresenceSuffix = ".presence";

enum class StompDestinationKind : std::uint8_t { room, application, user_queue };

struct StompDestination {
  StompDestinationKind kind = StompDestinationKind::room;
  std::string name;  // what follows the prefix: of a room, an event, or a queue. Not checked, not empty

  bool is_error_queue() const { return kind == StompDestinationKind::user_queue && name == kStompErrorQueue; }
  bool operator==(const StompDestination&) const = default;
};

// nullopt: no such prefix, or nothing behind it.
std::optional<StompDestination> parse_stomp_destination(const StompPrefixes& prefixes, std::string_view text);
std::string encode_stomp_destination(const StompPrefixes& prefixes, const StompDestination& destination);

}  // namespace chat::wire
