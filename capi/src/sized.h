// Structures of the caller that may grow in later versions. Each begins with struct_size, the size when the caller was
// compiled. Reading copies so many bytes into a structure of our size; its rest is zero, which means the default. Writing
// writes so many bytes and no more.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include "chat/chat.h"
#include "model/types.h"

namespace chat::capi {

// A larger struct_size was not initialized.
inline constexpr std::size_t kMaxStructBytes = 65'536;

// The size in the first version, which every caller must provide.
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

// struct_size: as the caller set it, for an array that of its elements. required: the size in the first version.
inline Status check_struct_size(std::size_t struct_size, std::size_t required, const std::string& what) {
  if (struct_size >= required && struct_size <= kMaxStructBytes) return {};
  return {Error::invalid_argument,
          what + ".struct_size is " + std::to_string(struct_size) + ": initialize it with the _INIT macro"};
}

// unsupported when a newer program sets a field that this library does not have.
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

// Copies `initial` into a structure of the caller's size, and sets the rest to zero.
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

// The number in a field of an enum type. A C program may store any number, but C++ assumes one within the enum's range.
template <class Enum>
int raw_number(const Enum& field) {
  static_assert(sizeof(Enum) == sizeof(int));
  int number = 0;
  std::memcpy(&number, &field, sizeof number);
  return number;
}

}  // namespace chat::capi
