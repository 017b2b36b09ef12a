// See rest_query.h.
#include "wire/rest/rest_query.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "model/names.h"
#include "model/search_words.h"
#include "wire/json/json.h"

namespace chat::wire {
namespace {

// Finds single arguments, and remembers the first error.
class ArgumentReader {
 public:
  explicit ArgumentReader(const Pairs& query) : query_(query) {}

  const Status& status() const { return status_; }

  std::optional<std::string_view> text(std::string_view name) {
    std::optional<std::string_view> value;
    for (const Pair& argument : query_) {
      if (argument.name != name) continue;
      if (value) fail(name, "occurs twice");
      value = argument.value;
    }
    return value;
  }

  // Leaves `target` unchanged when the argument is absent or wrong.
  template <class Number>
  void number(std::string_view name, std::uint64_t lowest, std::uint64_t highest, Number& target) {
    const std::optional<std::string_view> value = text(name);
    if (!value) return;
    const std::optional<std::uint64_t> parsed = json::parse_unsigned(*value);
    if (!parsed || *parsed < lowest || *parsed > highest) {
      fail(name, "is not a number from " + std::to_string(lowest) + " to " + std::to_string(highest));
    } else {
      target = static_cast<Number>(*parsed);
    }
  }

  void fail(std::string_view name, std::string_view fault) {
    if (!status_.ok()) return;
    status_ = {Error::invalid_argument, std::string("the argument ").append(name).append(" ").append(fault)};
  }

 private:
  const Pairs& query_;
  Status status_;
};

}  // namespace

Result<RestHistoryQuery> read_history_query(const Pairs& query) {
  RestHistoryQuery result;
  ArgumentReader arguments(query);
  std::int64_t wait_s = 0;
  arguments.number("after", 0, kMaxRestSeq, result.after_seq);
  arguments.number("before", 1, kMaxRestSeq, result.before_seq);
  arguments.number("around", 1, kMaxRestSeq, result.around_seq);
  arguments.number("limit", 1, kMaxRestLimit, result.limit);
  arguments.number("wait", 0, kMaxRestWaitSeconds, wait_s);
  result.wait_ms = wait_s * 1'000;
  if (const auto epoch = arguments.text("epoch")) {
    result.epoch = *epoch;
    if (!check_epoch(result.epoch).ok()) arguments.fail("epoch", "is not the name of a numbering");
  }
  if (const auto search = arguments.text("search")) {
    result.search = *search;
    if (const Status status = check_search(*search); !status.ok())
      arguments.fail("search", "is refused: " + status.detail);
    const bool alone = result.after_seq == 0 && result.around_seq == 0 && result.wait_ms == 0;
    if (!alone) arguments.fail("search", "excludes after, around and wait");
  }
  if (!arguments.status().ok()) return arguments.status();
  return result;
}

Result<RestEventsQuery> read_events_query(std::string_view room, const Pairs& query, std::string_view last_event_id,
                                          std::size_t max_rooms) {
  RestEventsQuery result;
  ArgumentReader arguments(query);
  result.rooms.emplace_back(room);
  for (const Pair& argument : query) {
    if (argument.name != "room") continue;
    if (std::find(result.rooms.begin(), result.rooms.end(), argument.value) != result.rooms.end()) continue;
    result.rooms.push_back(argument.value);
    if (result.rooms.size() > max_rooms) return {Error::too_many, "too many rooms in one stream"};
  }
  for (const std::string& name : result.rooms) {
    if (Status status = check_room_name(name); !status.ok()) return status;
  }
  arguments.number("padding", 0, kMaxRestPaddingBytes, result.padding_bytes);
  const std::string_view argument = arguments.text("last_event_id").value_or(std::string_view());
  result.last_event_id = last_event_id.empty() ? argument : last_event_id;
  if (result.last_event_id.size() > kMaxLastEventIdBytes) arguments.fail("last_event_id", "is too long");
  if (!arguments.status().ok()) return arguments.status();
  return result;
}

}  // namespace chat::wire
