// Digests, by OpenSSL.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace chat::wire {

std::array<char, 20> sha1(std::string_view bytes);

// A strong ETag for these bytes, part of their SHA-256.
std::string content_tag(std::string_view bytes);

}  // namespace chat::wire
