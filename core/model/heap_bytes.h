// The heap memory that an object holds, for code that accounts for memory.
#pragma once

#include <cstddef>
#include <string>

namespace chat {

// 0 while the string is short enough to be stored in the object itself.
inline std::size_t heap_bytes(const std::string& text) {
  static const std::size_t inline_capacity = std::string().capacity();
  return text.capacity() > inline_capacity ? text.capacity() + 1 : 0;
}

}  // namespace chat
