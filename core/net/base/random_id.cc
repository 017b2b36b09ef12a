// See random_id.h.
#include "net/base/random_id.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

#include "wire/base64.h"

namespace chat::net {

std::string random_id() {
  std::array<std::byte, 15> bytes{};
  fill_random(bytes);
  std::string id;
  wire::append_base64(id, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  std::replace(id.begin(), id.end(), '+', '-');
  std::replace(id.begin(), id.end(), '/', '_');
  return id;
}

bool is_random_id(std::string_view text) {
  constexpr std::size_t kSize = 20;
  return text.size() == kSize && std::ranges::all_of(text, [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

void fill_random(std::span<std::byte> bytes) {
  if (getentropy(bytes.data(), bytes.size()) != 0) throw std::runtime_error("the system has no random bytes");
}

}  // namespace chat::net
