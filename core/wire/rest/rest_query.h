// The query arguments of the HTTP interface: docs/http.md. Unknown arguments are ignored, because clients add their own
// against caches. An argument that occurs twice is an error, except `room`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/types.h"

namespace chat::wire {

// Of GET P/{room}/messages.
struct RestHistoryQuery {
  std::uint64_t after_seq = 0;
  std::uint64_t before_seq = 0;  // 0: up to the newest message
  std::uint64_t around_seq = 0;  // 0: no
  std::size_t limit = 0;         // 0: all
  std::int64_t wait_ms = 0;
  std::string epoch;                  // of after_seq; empty: whichever the room has
  std::optional<std::string> search;  // only messages with all of its words; excludes after_seq, around_seq and wait_ms
};
inline constexpr std::uint64_t kMaxRestSeq = (std::uint64_t{1} << 53) - 1;
inline constexpr std::uint64_t kMaxRestLimit = 1'000;
inline constexpr std::uint64_t kMaxRestWaitSeconds = 60;

// Errors: invalid_argument.
Result<RestHistoryQuery> read_history_query(const Pairs& query);

// Of GET P/{room}/events.
struct RestEventsQuery {
  std::vector<std::string> rooms;  // the room of the path, then those of the arguments; without repetitions
  std::string last_event_id;       // empty: none
  std::size_t padding_bytes = 0;
};
inline constexpr std::uint64_t kMaxRestPaddingBytes = 65'536;
inline constexpr std::size_t kMaxLastEventIdBytes = 4'096;

// last_event_id: the header Last-Event-ID, which takes precedence over the argument. Errors: invalid_argument, invalid_room,
// too_many (rooms).
Result<RestEventsQuery> read_events_query(std::string_view room, const Pairs& query, std::string_view last_event_id,
                                          std::size_t max_rooms);

}  // namespace chat::wire
