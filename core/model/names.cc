// See names.h.
#include "model/names.h"

#include <algorithm>
#include <array>

#include "model/utf8.h"

namespace chat {
namespace {

// The official Socket.IO clients throw or close when one of these is emitted or received.
constexpr std::array<std::string_view, 6> kReservedEvents = {"connect",       "connect_error", "disconnect",
                                                             "disconnecting", "newListener",   "removeListener"};

// Unicode's category Cc: U+0000 to U+001F and U+007F to U+009F. `text` is valid UTF-8.
bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    if (byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

// Checks the rules that all names share, except that empty names pass. Returns the fault; empty: none.
std::string_view fault_of(std::string_view name) {
  if (name.size() > kMaxNameBytes) return "is longer than 128 bytes";
  if (!is_utf8(name)) return "is not UTF-8";
  if (has_control_character(name)) return "contains a control character";
  return {};
}

Status fault(Error code, std::string_view what, std::string_view fault_text) {
  std::string detail(what);
  detail += ' ';
  detail += fault_text;
  return {code, std::move(detail)};
}

}  // namespace

Status check_room_name(std::string_view room) {
  constexpr std::string_view kWhat = "room name";
  if (room.empty()) return fault(Error::invalid_room, kWhat, "is empty");
  if (const std::string_view text = fault_of(room); !text.empty()) return fault(Error::invalid_room, kWhat, text);
  if (room.find_first_of("/,?#") != std::string_view::npos)
    return fault(Error::invalid_room, kWhat, "contains one of / , ? #");
  if (room.front() == ' ' || room.back() == ' ')
    return fault(Error::invalid_room, kWhat, "begins or ends with a space");
  return {};
}

Status check_event_name(std::string_view event) {
  constexpr std::string_view kWhat = "event name";
  if (event == kDefaultEvent) return {};
  if (event.empty()) return fault(Error::invalid_event, kWhat, "is empty");
  if (const std::string_view text = fault_of(event); !text.empty()) return fault(Error::invalid_event, kWhat, text);
  if (is_reserved_event(event)) return fault(Error::invalid_event, kWhat, "is reserved");
  return {};
}

bool is_reserved_event(std::string_view event) {
  return std::find(kReservedEvents.begin(), kReservedEvents.end(), event) != kReservedEvents.end();
}

Status check_person_name(std::string_view name) {
  const std::string_view text = fault_of(name);
  if (text.empty()) return {};
  return fault(is_utf8(name) ? Error::invalid_argument : Error::invalid_utf8, "name", text);
}

Status check_attributes(const Pairs& attributes) {
  if (attributes.size() > kMaxAttributes) return {Error::too_many, "more than 32 attributes"};
  std::size_t bytes = 0;
  for (const Pair& attribute : attributes) {
    bytes += attribute.name.size() + attribute.value.size();
    if (bytes > kMaxAttributesBytes) return {Error::too_large, "attributes are larger than 8 KiB"};
    if (!is_utf8(attribute.name) || !is_utf8(attribute.value)) return {Error::invalid_utf8, "attribute is not UTF-8"};
    if (attribute.name.empty()) return fault(Error::invalid_argument, "attribute name", "is empty");
    // A control character would truncate the name in C and end the header line in HTTP and STOMP 1.0.
    if (const std::string_view text = fault_of(attribute.name); !text.empty())
      return fault(Error::invalid_argument, "attribute name", text);
  }
  return {};
}

Status check_epoch(std::string_view epoch) {
  constexpr std::string_view kWhat = "epoch";
  const auto is_letter_or_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  if (epoch.empty()) return fault(Error::invalid_argument, kWhat, "is empty");
  if (epoch.size() > kMaxEpochBytes) return fault(Error::invalid_argument, kWhat, "is longer than 64 bytes");
  if (!std::all_of(epoch.begin(), epoch.end(), is_letter_or_digit)) {
    return fault(Error::invalid_argument, kWhat, "has other characters than letters and digits");
  }
  return {};
}

Status check_reaction(std::string_view reaction) {
  constexpr std::string_view kWhat = "reaction";
  if (reaction.empty()) return fault(Error::invalid_argument, kWhat, "is empty");
  if (reaction.size() > kMaxReactionBytes) return fault(Error::invalid_argument, kWhat, "is longer than 32 bytes");
  if (!is_utf8(reaction)) return fault(Error::invalid_utf8, kWhat, "is not UTF-8");
  if (has_control_character(reaction)) return fault(Error::invalid_argument, kWhat, "contains a control character");
  return {};
}

Status check_message_id(std::string_view id) {
  constexpr std::string_view kWhat = "message id";
  if (id.empty()) return fault(Error::invalid_argument, kWhat, "is empty");
  if (id.size() > kMaxMessageIdBytes) return fault(Error::invalid_argument, kWhat, "is longer than 255 bytes");
  if (!std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7F; })) {
    return fault(Error::invalid_argument, kWhat, "has other characters than visible ASCII");
  }
  return {};
}

}  // namespace chat
