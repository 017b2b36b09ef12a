// The rules for names of rooms, events and clients, and for attributes. They are the same for all protocols and the C API.
#pragma once

#include <string_view>

#include "model/types.h"

namespace chat {

inline constexpr std::size_t kMaxNameBytes = 128;
inline constexpr std::size_t kMaxEpochBytes = 64;
inline constexpr std::size_t kMaxMessageIdBytes = 255;
inline constexpr std::size_t kMaxReactionBytes = 32;
inline constexpr std::size_t kMaxAttributes = 32;
inline constexpr std::size_t kMaxAttributesBytes = 8 * 1024;
inline constexpr std::string_view kDefaultEvent = "chat message";
inline constexpr std::string_view kModerationEvent = "moderation";
inline constexpr std::string_view kSeenEvent = "seen";

// UTF-8, 1 to 128 bytes, without control characters, the characters / , ? # and spaces at either end. Errors:
// invalid_room.
Status check_room_name(std::string_view room);

// UTF-8, 1 to 128 bytes, no control character, and not a reserved event.
Status check_event_name(std::string_view event);

// True for names that the official Socket.IO clients refuse to emit or receive.
bool is_reserved_event(std::string_view event);

// A display name or user id: UTF-8, at most 128 bytes, no control character. May be empty.
Status check_person_name(std::string_view name);

// At most 32 attributes and 8 KiB in total, UTF-8; names have 1 to 128 bytes without control characters.
Status check_attributes(const Pairs& attributes);

// The name of a room's numbering: 1 to 64 letters and digits, so every protocol can carry it unescaped.
Status check_epoch(std::string_view epoch);

// A reaction: UTF-8, 1 to 32 bytes, no control character. Errors: invalid_argument, invalid_utf8.
Status check_reaction(std::string_view reaction);

// The id of a message, chosen by its sender: 1 to 255 visible ASCII characters. Errors: invalid_argument.
Status check_message_id(std::string_view id);

}  // namespace chat
