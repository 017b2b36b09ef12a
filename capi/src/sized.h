// Structures that a caller hands in and that may grow: each begins with its size as the caller was compiled. Here
// such a structure is copied as far as that size reaches, into one of our own size whose rest is zero, which means
// the default; and one of the caller's size is initialized, of which nothing beyond that size is written.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include "chat/chat.h"
#include "model/types.h"

namespace chat::capi {

// Above this a struct_size is not a size but memory that nobody has set.
inline constexpr std::size_t kMaxStructBytes = 65'536;

// What every version of a structure has had, and every caller must hand in.
template <class Struct>
inline constexpr std::size_t kRequiredBytes = sizeof(Struct);
template <>
inline constexpr std::size_t kRequiredBytes<chat_server_options> = offsetof(chat_server_options, user);
template <>
inline constexpr std::size_t kRequiredBytes<chat_callbacks> = offsetof(chat_callbacks, on_abandon);
template <>
inline constexpr std::size_t kRequiredBytes<chat_endpoint> = offsetof(chat_endpoint, transports);
template <>
inline constexpr std::size_t kRequiredBytes<chat_identity> = offsetof(chat_identity, attributes);
template <>
inline constexpr std::size_t kRequiredBytes<chat_message> = offsetof(chat_message, attachments);
template <>
inline constexpr std::size_t kRequiredBytes<chat_stats> = offsetof(chat_stats, connections_total);

// Of the element size of an array too: `struct_size` is what the caller wrote, `required` what the oldest version had.
inline Status check_struct_size(std::size_t struct_size, std::size_t required, const std::string& what) {
  if (struct_size >= required && struct_size <= kMaxStructBytes) return {};
  return {Error::invalid_argument,
          what + ".struct_size is " + std::to_string(struct_size) + ": initialize it with the _INIT macro"};
}

// A newer program may ask for what this library does not have: that is refused, not ignored.
template <class Struct>
Status read_sized(const Struct* given, std::size_t struct_size, std::size_t required, const std::string& what,
                  Struct& copy) {
  if (given == nullptr) return {Error::invalid_argument, what + " is NULL"};
  Status status = check_struct_size(struct_size, required, what);
  if (!status.ok()) return status;
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t at = sizeof(Struct); at < struct_size; ++at) {
    if (bytes[at] != 0) return {Error::unsupported, what + " has a field set that this version does not know"};
  }
  copy = {};
  std::memcpy(&copy, given, struct_size < sizeof(Struct) ? struct_size : sizeof(Struct));
  return {};
}

template <class Struct>
Status read_sized(const Struct* given, std::size_t required, const std::string& what, Struct& copy) {
  if (given == nullptr) return {Error::invalid_argument, what + " is NULL"};
  return read_sized(given, given->struct_size, required, what, copy);
}

// Makes a structure of the caller's size equal to `initial`, and zero where it reaches further.
template <class Struct>
Status write_initial(const Struct& initial, Struct* target, std::size_t struct_size, const char* what) {
  if (target == nullptr) return {Error::invalid_argument, std::string(what) + " is NULL"};
  if (struct_size < kRequiredBytes<Struct> || struct_size > kMaxStructBytes) {
    return {Error::invalid_argument, "struct_size is " + std::to_string(struct_size) + ", not within " +
                                         std::to_string(kRequiredBytes<Struct>) + " to " +
                                         std::to_string(kMaxStructBytes)};
  }
  std::memset(target, 0, struct_size);
  std::memcpy(target, &initial, std::min(struct_size, sizeof initial));
  target->struct_size = struct_size;
  return {};
}

// The number in a field of an enum type. A C program may have put any there, while C++ takes for granted that it is
// within the enum's range.
template <class Enum>
int raw_number(const Enum& field) {
  static_assert(sizeof(Enum) == sizeof(int));
  int number = 0;
  std::memcpy(&number, &field, sizeof number);
  return number;
}

}  // namespace chat::capi
