// See event_positions.h.
#include "session/event_positions.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "model/names.h"

namespace chat::session {
namespace {

// False when the element is malformed.
bool parse_element(std::string_view element, std::optional<Position>& position) {
  if (element.empty()) return true;
  const std::size_t colon = element.find(':');
  if (colon == std::string_view::npos) return false;
  position.emplace();
  position->epoch = element.substr(0, colon);
  const std::string_view digits = element.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), position->seq);
  return !digits.empty() && error == std::errc() && end == digits.data() + digits.size() &&
         check_epoch(position->epoch).ok();
}

std::vector<std::optional<Position>> parse(std::string_view id, std::size_t rooms) {
  std::vector<std::optional<Position>> positions;
  for (;;) {
    const std::size_t comma = id.find(',');
    std::optional<Position>& position = positions.emplace_back();
    if (positions.size() > rooms || !parse_element(id.substr(0, comma), position)) break;
    if (comma == std::string_view::npos) {
      if (positions.size() == rooms) return positions;
      break;
    }
    id.remove_prefix(comma + 1);
  }
  return std::vector<std::optional<Position>>(rooms);
}

}  // namespace

EventPositions::EventPositions(std::vector<std::string> rooms, std::string_view last_id)
    : rooms_(std::move(rooms)), since_(parse(last_id, rooms_.size())), now_(since_) {}

std::optional<Position>* EventPositions::find(std::string_view room) {
  const auto found = std::find(rooms_.begin(), rooms_.end(), room);
  return found == rooms_.end() ? nullptr : &now_[static_cast<std::size_t>(found - rooms_.begin())];
}

void EventPositions::joined(std::string_view room, const std::string& epoch, std::uint64_t seq) {
  std::optional<Position>* const position = find(room);
  if (position == nullptr) return;
  if (!*position) {
    *position = Position{epoch, seq};
  } else if ((*position)->epoch != epoch) {
    *position = Position{epoch, 0};  // everything that is kept follows
  }
}

void EventPositions::passed(std::string_view room, const std::string& epoch, std::uint64_t seq) {
  if (seq == 0) return;
  if (std::optional<Position>* const position = find(room)) *position = Position{epoch, seq};
}

void EventPositions::append_id(std::string& out) const {
  if (std::none_of(now_.begin(), now_.end(), [](const auto& position) { return position.has_value(); })) return;
  bool first = true;
  for (const std::optional<Position>& position : now_) {
    if (!std::exchange(first, false)) out += ',';
    if (!position) continue;
    out += position->epoch;
    out += ':';
    out += std::to_string(position->seq);
  }
}

}  // namespace chat::session
