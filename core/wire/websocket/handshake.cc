// See handshake.h.
#include "wire/websocket/handshake.h"

#include <algorithm>
#include <array>

#include "wire/base64.h"
#include "wire/digest.h"

namespace chat::wire {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeyCharacters = 22;  // without padding

bool is_base64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

}  // namespace

bool is_websocket_key(std::string_view key) {
  if (key.size() != kKeyCharacters + 2 || !key.ends_with("==")) return false;
  return std::all_of(key.begin(), key.begin() + kKeyCharacters, is_base64);
}

std::string websocket_accept(std::string_view key) {
  std::string text(key);
  text += kGuid;
  const std::array<char, 20> digest = sha1(text);
  std::string accept;
  append_base64(accept, {digest.data(), digest.size()});
  return accept;
}

}  // namespace chat::wire
