// What objects hold beside themselves, for all that accounts for memory.
#pragma once

#include <cstddef>
#include <string>

namespace chat {

// Nothing while the string is short enough to live inside of its object.
inline std::size_t heap_bytes(const std::string& text) {
  static const std::size_t inline_capacity = std::string().capacity();
  return text.capacity() > inline_capacity ? text.capacity() + 1 : 0;
}

}  // namespace chat
